"""`fustor up`: when a tree is there to be asked about, and what it costs to keep it so."""

import json
import shutil
import time

from figures.machine import median
from figures.row import Row
from figures.scan import FIELDS
from figures.service import Answers, Service, wait_until

ROUNDS = 3


def run(machine):
    tree = machine.tree()
    results = machine.interleave({
        "ours": lambda: _up(machine, tree),
        "find -printf": lambda: machine.time(
            [machine.peer("find"), tree, "-printf", FIELDS]).wall_s,
    }, ROUNDS)
    ours = results["ours"]
    idle = Row("idle after READY", "% of a core", median(r["idle_percent"] for r in ours),
               goal="< 1", less_is_better=True)
    idle.met = idle.ours < 1
    return [
        Row("start to READY", "s", median(r["ready_s"] for r in ours),
            peers={"find -printf": median(results["find -printf"])}, less_is_better=True),
        Row("CPU until READY", "s", median(r["cpu_s"] for r in ours), less_is_better=True),
        idle,
        Row("resident memory", "bytes/file", median(r["resident_bytes"] for r in ours) /
            machine.files, less_is_better=True),
    ]


def _up(machine, tree):
    home = machine.scratch() / "home"
    connection = home / "connection.json"
    idle_s = 1 if machine.smoke else 10
    started = time.monotonic()
    command = [machine.program("fustor"), "up", tree, "--home", home, "--listen", "127.0.0.1:0"]
    with Service(command, machine.scratch() / "up.log") as up:
        wait_until(connection.exists, "connection.json", up)
        url = json.loads(connection.read_text())["url"]
        wait_until(Answers(url.rstrip("/") + "/ready"), "READY", up)
        ready_s = time.monotonic() - started
        cpu_s = up.cpu_s()
        time.sleep(idle_s)
        up.check_runs()
        idle_cpu_s = up.cpu_s() - cpu_s
        resident_bytes = up.resident_bytes()
    shutil.rmtree(home)
    return {"ready_s": ready_s, "cpu_s": cpu_s, "idle_percent": 100 * idle_cpu_s / idle_s,
            "resident_bytes": resident_bytes}
