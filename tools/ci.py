"""Runs all that CI runs, one step after the other, and prints what each took.

Every step runs even when one before it failed. The last line is "N passed, N failed" over the tests
of all steps; a step that counts no tests of its own counts as one.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNT = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")

# Libraries with threads in them or below them.
THREADED = "^(env|lib/tree|lib/http|lib/loopback|adapters/.*|svc/.*)$"

STEPS = [
    ("test", ["./dev", "test"]),
    ("sim", ["./dev", "sim", "--seeds", "200"]),
    ("check", ["./dev", "check"]),
    ("asan", ["./dev", "unit", "asan"]),
    ("tsan", ["./dev", "unit", "tsan", THREADED]),
]


def run(command):
    """Passes the output through and returns (exit code, the last count in it or None)."""
    count = None
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    for line in process.stdout:
        print(line, end="", flush=True)
        match = COUNT.match(line.strip())
        count = [int(n or 0) for n in match.groups()] if match else count
    return process.wait(), count


def main():
    totals = [0, 0, 0]
    table = []
    for name, command in STEPS:
        print(f"\n=== {name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        code, count = run(command)
        count = count or [int(code == 0), int(code != 0), 0]
        if code != 0 and count[1] == 0:
            count[1] = 1
        totals = [a + b for a, b in zip(totals, count)]
        table.append((name, code, time.monotonic() - started, count))

    print("\nstep        seconds   passed   failed  skipped")
    for name, code, seconds, count in table:
        mark = "" if code == 0 else f"   exit {code}"
        print(f"{name:10} {seconds:8.0f} {count[0]:8} {count[1]:8} {count[2]:8}{mark}")
    print(f"{'all':10} {sum(t[2] for t in table):8.0f}")
    skipped = f", {totals[2]} skipped" if totals[2] else ""
    print(f"{totals[0]} passed, {totals[1]} failed{skipped}")
    return 1 if any(code for _, code, _, _ in table) else 0


if __name__ == "__main__":
    sys.exit(main())
