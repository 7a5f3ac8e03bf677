"""Ten minutes of mixed load on a million files: what grows, and what becomes slower."""

import http.client
import json
import multiprocessing
import os
import random
import subprocess
import time
import urllib.parse

from figures.machine import median
from figures.plot import Line, svg
from figures.row import Row
from figures.service import Answers, Service, wait_until

CHANGES_PER_S = 500
QUERIES_PER_S = 200
SECONDS = 600
SAMPLE_S = 10
SILENT_S_MAX = 60
GROWTH_MAX = 1.05  # Of the memory, from the first quarter to the last.
DRIFT_MAX = 1.5    # Of the median latency.


def run(machine):
    tree = machine.tree()
    seconds = 4 if machine.smoke else SECONDS
    sample_s = 1 if machine.smoke else SAMPLE_S
    home = machine.scratch() / "soak-home"
    connection = home / "connection.json"
    command = [machine.program("fustor"), "up", tree, "--home", home, "--listen", "127.0.0.1:0"]
    folders = _folders(machine, tree)
    samples = []
    with Service(command, machine.scratch() / "soak.log") as up:
        wait_until(connection.exists, "connection.json", up)
        ours = json.loads(connection.read_text())
        wait_until(Answers(ours["url"].rstrip("/") + "/ready"), "READY", up)
        with _Worker(_change, tree, folders) as changes, \
                _Worker(_ask, tree, folders, ours["url"], ours["key"]) as asking:
            changes.take()
            asking.take()
            cpu_s = up.cpu_s()
            for _ in range(seconds // sample_s):
                time.sleep(sample_s)
                up.check_runs()
                made, now_cpu_s = changes.take(), up.cpu_s()
                asked = [latency for latencies in asking.take() for latency in latencies]
                if not asked:
                    raise RuntimeError(f"no question was answered in {sample_s} s")
                samples.append({"made_per_s": sum(made) / sample_s, "resident": up.resident_bytes(),
                                "asked_per_s": len(asked) / sample_s, "p50_us": _quantile(asked, 0.5),
                                "p99_us": _quantile(asked, 0.99), "cpu": (now_cpu_s - cpu_s) / sample_s})
                cpu_s = now_cpu_s
    if not machine.smoke:
        _draw(machine, samples, sample_s)
    return _rows(samples)


def _rows(samples):
    quarter = max(1, len(samples) // 4)

    def first(what):
        return median(sample[what] for sample in samples[:quarter])

    def last(what):
        return median(sample[what] for sample in samples[-quarter:])

    memory = Row("memory, last quarter", "bytes", last("resident"), floor=first("resident"),
                 goal=f"<= {GROWTH_MAX} x the first", less_is_better=True)
    memory.met = memory.ours <= GROWTH_MAX * memory.floor
    p50 = Row("answer, p50, last quarter", "us", last("p50_us"), floor=first("p50_us"),
              goal=f"<= {DRIFT_MAX} x the first", less_is_better=True)
    p50.met = p50.ours <= DRIFT_MAX * p50.floor
    return [
        memory, p50,
        Row("answer, p99, last quarter", "us", last("p99_us"), floor=first("p99_us"), less_is_better=True),
        Row("changes", "1/s", median(s["made_per_s"] for s in samples)),
        Row("answers", "1/s", median(s["asked_per_s"] for s in samples)),
        Row("CPU", "cores", median(s["cpu"] for s in samples), less_is_better=True),
    ]


def _draw(machine, samples, sample_s):
    minutes = [(n + 1) * sample_s / 60 for n in range(len(samples))]
    picture = svg("minutes", minutes, [
        Line("resident memory, MiB", [s["resident"] / 2**20 for s in samples]),
        Line("answer p50, us", [s["p50_us"] for s in samples]),
        Line("answer p99, us", [s["p99_us"] for s in samples]),
    ])
    path = machine.results("soak.svg")
    path.write_text(picture)
    machine.say(f"  plot: {path}")


class _Worker:
    """A process that sends what it has done since it was last asked."""

    def __init__(self, work, *args):
        self._mine, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_work, args=(work, theirs, *args), daemon=True)

    def __enter__(self):
        self._process.start()
        return self

    def take(self):
        """Waits for the first thing done, if need be: on a busy machine a sample may take longer."""
        if not self._mine.poll(SILENT_S_MAX):
            raise RuntimeError(f"nothing was done in {SILENT_S_MAX} s")
        done = []
        while self._mine.poll():
            done.append(self._mine.recv())
            if isinstance(done[-1], str):
                raise RuntimeError(done[-1])
        return done

    def __exit__(self, *_):
        self._process.kill()
        self._process.join()


def _work(work, pipe, *args):
    try:
        for done in work(*args):
            pipe.send(done)
    except Exception as error:  # Whoever waits for it wants to know.
        pipe.send(f"{work.__name__}: {error!r}")


def _paced(per_second):
    """Every 20 ms: how many are due."""
    begun, count = time.monotonic(), 0
    while True:
        time.sleep(0.02)
        due = int((time.monotonic() - begun) * per_second) - count
        count += due
        yield due


def _folders(machine, tree):
    """Those that hold files, relative to the tree."""
    found = subprocess.run([machine.peer("find"), tree, "-type", "d", "-links", "2", "-printf", "%P\n"],
                           check=True, capture_output=True, text=True)
    return found.stdout.splitlines()


def _change(tree, folders):
    """Writes, renames there and back, creations and deletions at random places; the tree stays as large."""
    chance = random.Random(1)
    renamed, made = [], []
    for due in _paced(CHANGES_PER_S):
        for _ in range(due):
            folder = os.path.join(tree, chance.choice(folders))
            kind = chance.randrange(6)
            if kind < 2:
                with open(os.path.join(folder, chance.choice(os.listdir(folder))), "a") as file:
                    file.write("x")
            elif kind == 2 and len(renamed) < 1000:
                path = os.path.join(folder, chance.choice(os.listdir(folder)))
                os.rename(path, path + ".renamed")
                renamed.append(path)
            elif kind == 3 and renamed:
                path = renamed.pop(chance.randrange(len(renamed)))
                if os.path.exists(path + ".renamed"):
                    os.rename(path + ".renamed", path)
            elif kind == 4 and len(made) < 1000:
                made.append(os.path.join(folder, f"made{chance.randrange(10**9)}"))
                open(made[-1], "x").close()
            elif made:
                path = made.pop(chance.randrange(len(made)))
                if os.path.exists(path):
                    os.unlink(path)
        yield due


def _ask(tree, folders, url, key):
    chance = random.Random(2)
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    view = f"/api/v1/views/{urllib.parse.quote(tree.name)}"
    for due in _paced(QUERIES_PER_S):
        latencies = []
        for _ in range(due):
            folder = urllib.parse.quote("/" + chance.choice(folders))
            kind = chance.randrange(4)
            question = (f"{view}/tree?path={folder}&max_depth=1" if kind < 2 else
                        f"{view}/stats?path={folder}" if kind == 2 else
                        f"{view}/search?pattern=*{chance.randrange(1000)}.fits&limit=10")
            begun = time.perf_counter()
            connection.request("GET", question, headers={"X-API-Key": key})
            answer = connection.getresponse()
            answer.read()
            latencies.append((time.perf_counter() - begun) * 1e6)
            if answer.status != 200:
                raise RuntimeError(f"{question}: {answer.status}")
        if latencies:
            yield latencies


def _quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
