"""How fast a tree is listed with all attributes, warm: the agent's code, the bare system calls, and
the tools that people use for it."""

from figures.machine import median
from figures.row import Row

ROUNDS = 5
# All that Fustor keeps of an entry.
FIELDS = "%p %s %b %m %U %G %n %i %D %T@ %C@ %A@\\n"


def run(machine):
    tree = machine.tree()
    runs = _runs(machine, tree)
    timings = machine.interleave(
        {name: (lambda command=command: machine.time(command)) for name, command in runs.items()},
        ROUNDS)

    def per_second(name):
        return machine.files / median(t.wall_s for t in timings[name])

    def per_cpu_second(name):
        return machine.files / median(t.cpu_s for t in timings[name])

    single = [name for name in runs if name.startswith(("find", "bfs", "du", "fd -j1"))]
    double = [name for name in runs if name.startswith(("find", "bfs", "du", "fd -j2"))]
    one = Row("1 thread", "files/s", per_second("ours 1"), per_second("bare 1"),
              {name: per_second(name) for name in single}, ">= 0.95 x floor, >= each peer")
    one.met = one.ours >= 0.95 * one.floor and one.ours >= max(one.peers.values(), default=0)
    two = Row("2 threads", "files/s", per_second("ours 2"), per_second("bare 2"),
              {name: per_second(name) for name in double}, ">= 1.8 x floor of 1 thread, >= each peer")
    two.met = two.ours >= 1.8 * one.floor and two.ours >= max(two.peers.values(), default=0)
    cpu = Row("1 thread, CPU", "files per CPU second", per_cpu_second("ours 1"),
              per_cpu_second("bare 1"), {name: per_cpu_second(name) for name in single})
    cpu_two = Row("2 threads, CPU", "files per CPU second", per_cpu_second("ours 2"),
                  per_cpu_second("bare 2"), {name: per_cpu_second(name) for name in double})
    speedup = Row("2 threads beside 1 thread of the floor", "x", two.ours / one.floor,
                  two.floor / one.floor)
    return [one, two, speedup, cpu, cpu_two]


def _runs(machine, tree):
    scan = machine.program("scan_bench")
    runs = {
        "ours 1": [scan, "ours", tree, "--threads", 1],
        "bare 1": [scan, "bare", tree, "--threads", 1],
        "ours 2": [scan, "ours", tree, "--threads", 2],
        "bare 2": [scan, "bare", tree, "--threads", 2],
        "find -printf": [machine.peer("find"), tree, "-printf", FIELDS],
    }
    if bfs := machine.peer("bfs"):
        runs["bfs -printf"] = [bfs, tree, "-printf", FIELDS]
    # fd prints no attributes; a condition on the time makes it look at every entry.
    if fd := machine.peer("fdfind", "fd"):
        for threads in 1, 2:
            runs[f"fd -j{threads}"] = [fd, "--unrestricted", f"-j{threads}",
                                       "--changed-after", "1970-01-02", ".", tree]
    runs["du -s"] = [machine.peer("du"), "-s", tree]
    return runs
