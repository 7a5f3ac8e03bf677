"""How soon a change is visible, and how many changes a second are kept up with.

A program writes files at a steady rate into directories that `fustor up` watches, and notes when each was
closed; the time until somebody knows of its contents is the latency: a reader of the change feed,
and one who asks for the file again and again over HTTP. Program and readers take their share of the
same processors.
"""

import http.client
import json
import multiprocessing
import os
import re
import threading
import time
import urllib.parse

from figures.row import Row
from figures.service import Answers, Service, free_port, wait_until

DIRECTORIES = 100
FILES = 20_000  # Of the second load, written over and over.
LATENCY_RATE = 1_000
SUSTAINED_RATE = 20_000
SIZE = re.compile(rb'"path":"(/[^"]*)","content_type":"file","size":(\d+)')


def run(machine):
    seconds, minute = (2, 2) if machine.smoke else (20, 60)
    with _Up(machine) as up:
        feed, poll = _latencies(up, seconds)
        rows = []
        for name, took in ("feed", feed), ("HTTP poll", poll):
            p50, p99 = _quantile(took, 0.5), _quantile(took, 0.99)
            rows.append(Row(f"close to known by {name}, p50", "ms", p50, goal="<= 2 ms", met=p50 <= 2,
                            less_is_better=True))
            rows.append(Row(f"close to known by {name}, p99", "ms", p99, goal="<= 10 ms", met=p99 <= 10,
                            less_is_better=True))
        rate, behind_s, lost = _sustained(up, minute)
        rows.append(Row("changes kept up with", "1/s", rate, goal=f">= {SUSTAINED_RATE:,} a second, none lost",
                        met=rate >= 0.98 * SUSTAINED_RATE and lost == 0))
        rows.append(Row("last of them known after", "s", behind_s, less_is_better=True))
    return rows


def _quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


class _Up:
    """A `fustor up` over directories that are made for it."""

    def __init__(self, machine):
        self.machine = machine
        self.root = machine.scratch() / "changing"
        self.home = machine.scratch() / "changing-home"
        for d in range(DIRECTORIES):
            (self.root / f"d{d}").mkdir(parents=True)
        (self.root / "polled").mkdir()
        self.port = free_port()
        self.service = Service([machine.program("fustor"), "up", self.root, "--home", self.home, "--listen",
                                f"127.0.0.1:{self.port}", "--grpc-listen", "127.0.0.1:0", "--quiet"],
                               machine.scratch() / "changing.log")

    def __enter__(self):
        self.service.__enter__()
        try:
            wait_until(Answers(f"http://127.0.0.1:{self.port}/ready"), "READY", self.service)
            written = self.home / "connection.json"
            wait_until(written.exists, "connection.json", self.service)
            self.key = json.loads(written.read_text())["key"]
        except BaseException:
            self.service.__exit__()
            raise
        return self

    def __exit__(self, *about):
        self.service.__exit__(*about)

    def get(self, connection, path):
        connection.request("GET", f"/api/v1/views/{self.root.name}{path}", headers={"X-API-Key": self.key})
        answer = connection.getresponse()
        body = answer.read()
        return json.loads(body) if answer.status == 200 else None

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


class _Feed:
    """Reads the change feed in a thread: when which size of a file was told."""

    def __init__(self, up):
        self.told = {}  # {(path, size): when}
        self.resets = 0
        self._connection = up.connect()
        self._connection.request("GET", f"/api/v1/views/{up.root.name}/changes", headers={"X-API-Key": up.key})
        self._answer = self._connection.getresponse()
        self._begun = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        self._begun.wait()

    def _read(self):
        for line in self._answer:
            if line.startswith(b"data: "):
                self._begun.set()
                found = SIZE.search(line)
                if found:
                    self.told.setdefault((found[1], int(found[2])), time.monotonic())
            elif line.startswith(b"event: reset"):
                self.resets += 1


def _write(root, rate, seconds, files, report):
    """At `rate`: the n-th change gives a file the length n % 1000 + 1. `files`: 0: each is new."""
    closed = {}
    begun = time.monotonic()
    for n in range(int(rate * seconds)):
        due = begun + n / rate
        now = time.monotonic()
        if due > now + 0.0005:
            time.sleep(due - now)
        number = n % files if files else n
        name = f"/d{number % DIRECTORIES}/{'again' if files else 'new'}{number}"
        size = n // files % 1000 + 1 if files else n % 1000 + 1
        fd = os.open(f"{root}{name}", os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"x" * size)
        os.close(fd)
        closed[name.encode(), size] = time.monotonic()
    report.send((time.monotonic() - begun, closed))


def _spawn(*args):
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_write, args=(*args, there))
    process.start()
    return process, here


def _latencies(up, seconds):
    feed = _Feed(up)
    writer, report = _spawn(up.root, LATENCY_RATE, seconds, 0)
    polled = _poll(up, time.monotonic() + seconds)
    closed = report.recv()[1]
    writer.join()
    wait_until(lambda: all(change in feed.told for change in closed), "every change told", up.service,
               limit_s=30)
    return [1000 * (feed.told[change] - at) for change, at in closed.items()], polled


def _poll(up, end):
    took = []
    connection = up.connect()
    n = 0
    while time.monotonic() < end:
        n += 1
        name = f"/polled/p{n}"
        with open(f"{up.root}{name}", "wb") as file:
            file.write(b"12345")
        closed = time.monotonic()
        while (up.get(connection, f"/tree?path={urllib.parse.quote(name)}&max_depth=0") or {}).get("size") != 5:
            if time.monotonic() > closed + 30:
                raise RuntimeError(f"{name} is not known after 30 s")
        took.append(1000 * (time.monotonic() - closed))
        time.sleep(0.02)
    return took


def _sustained(up, seconds):
    """(changes a second, seconds until the last was known, what was lost)."""
    feed = _Feed(up)
    writer, report = _spawn(up.root, SUSTAINED_RATE, seconds, FILES)
    wall_s, closed = report.recv()
    ended = time.monotonic()
    writer.join()
    # Of a file that is written again soon only the last contents need be known.
    last = {}
    for name, size in closed:
        last[name] = size
    wait_until(lambda: all((name, size) in feed.told for name, size in last.items()), "the last changes told",
               up.service, limit_s=60)
    behind_s = max(0.0, max(feed.told[change] for change in last.items()) - ended)
    stats = up.get(up.connect(), "/stats")
    return len(closed) / wall_s, behind_s, len(stats["uncertain"]) + feed.resets
