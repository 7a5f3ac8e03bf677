"""The machine that is measured: its programs, the tree on its disk, the time that commands take."""

import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class Timing:
    """Of one finished command: seconds on the wall, of CPU, and what it printed."""

    def __init__(self, wall_s, cpu_s, output):
        self.wall_s = wall_s
        self.cpu_s = cpu_s
        self.output = output


class Machine:
    FILES = 1_000_000
    FILES_OF_SMOKE = 20_000

    def __init__(self, programs, folder, smoke):
        self.smoke = smoke
        self.files = self.FILES_OF_SMOKE if smoke else self.FILES
        self._programs = programs
        self._folder = folder
        self._scratch = None
        self._started = time.monotonic()
        self._cpu_at_start = _cpu_seconds_of_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._scratch:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Half of a million files helps nobody.
            self.say("removing the tree")
            subprocess.run(["rm", "-rf", self._scratch], check=False)

    def say(self, text):
        print(f"[{time.monotonic() - self._started:4.0f}s] {text}", file=sys.stderr, flush=True)

    def description(self):
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                      if line.startswith("model name")), platform.machine())
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        return (f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}, "
                f"load {os.getloadavg()[0]:.1f}")

    def busy_fraction(self):
        """How much of all processors others than this run's own processes used since its start."""
        usage = os.times()
        own = usage.user + usage.system + usage.children_user + usage.children_system
        wall = time.monotonic() - self._started
        others = _cpu_seconds_of_all() - self._cpu_at_start - own
        return max(0.0, others / (wall * os.cpu_count()))

    def scratch(self):
        """A folder that is removed at the end."""
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="fustor-bench-", dir=self._folder))
        return self._scratch

    def results(self, name):
        """The path of a file that stays, beside the programs."""
        folder = self._programs.parent / "bench-results"
        folder.mkdir(exist_ok=True)
        return folder / name

    def tree(self):
        """The tree that all benches look at: 100 empty files in each directory."""
        root = self.scratch() / "tree"
        if not root.exists():
            self.say(f"making a tree of {self.files:,} files in {self.scratch()}")
            made = subprocess.run(
                [self.program("scan_bench"), "make", root, "--files", str(self.files)],
                stdout=subprocess.DEVNULL)
            if made.returncode != 0:
                raise RuntimeError("the tree could not be made")
            self.settle()
        return root

    def settle(self):
        """What was written goes to the disk now and not while something is measured."""
        os.sync()

    def program(self, name):
        path = self._programs / name
        if not path.exists():
            raise RuntimeError(f"{path} is not there; ./dev bench builds it")
        return path

    def has(self, name):
        return (self._programs / name).exists()

    def peer(self, *names):
        """The path of a tool that may be called differently; None when it is not installed."""
        return next(filter(None, map(shutil.which, names)), None)

    def time(self, command, keep_output=False):
        """Runs a command to its end, with nothing to wait for at its output."""
        out = subprocess.PIPE if keep_output else subprocess.DEVNULL
        started = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=out)
        output = process.stdout.read() if keep_output else b""
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}")
        return Timing(wall_s, usage.ru_utime + usage.ru_stime, output)

    def interleave(self, runs, rounds):
        """runs: {name: callable}. Returns {name: [what it returned, ...]}; the first round of more
        than one is not counted: it warms the caches."""
        results = {name: [] for name in runs}
        warm_up = 0 if self.smoke else 1
        rounds = 1 if self.smoke else rounds
        for i in range(rounds + warm_up):
            self.say("  warming up" if i < warm_up else f"  round {i - warm_up + 1} of {rounds}")
            for name, run in runs.items():
                result = run()
                if i >= warm_up:
                    results[name].append(result)
        return results


def median(values):
    return statistics.median(values)


def parsed(timing):
    return json.loads(timing.output)


def _cpu_seconds_of_all():
    fields = open("/proc/stat").readline().split()[1:]
    busy = sum(int(fields[i]) for i in (0, 1, 2, 5, 6, 7))  # Not idle, not waiting for a disk.
    return busy / os.sysconf("SC_CLK_TCK")
