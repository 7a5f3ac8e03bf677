"""Runs all that CI runs, one step after the other, and prints what each took.

usage: ci.py [STEP...]

Every step runs even when one before it failed. At the end: a table of the steps, and as the last line
"N passed, N failed" over the tests of all of them; a step that counts no tests of its own counts as one.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNT = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")

# Libraries with threads in them or below them.
THREADED = "^(env|lib/tree|lib/http|lib/loopback|adapters/.*|svc/.*/flow|svc/.*/wire|svc/client|apps/.*)$"

# What gives the programs hostile input, cuts their connections, kills and reloads them: where an error in
# memory would hide. Left out: what only the command line does, and what is large.
SANITIZED = ("(test_changes or test_faults or test_feed or test_grpc_views or test_http_agents or test_mounts or "
             "test_secrets or test_services or test_two_processes or test_up) and not million and not for_long")

# (name, command, what must be there for the step to make sense)
STEPS = [
    ("test", ["./dev", "test"], "src"),  # Unit tests, the guards' own tests, e2e.
    ("check", ["./dev", "check"], "src"),
    # With the preset of the fuzzers, which is asan too: one build less.
    ("asan", ["./dev", "unit", "fuzz"], "src"),
    ("e2e-asan", ["./dev", "e2e", "--preset", "fuzz", "-k", SANITIZED], "e2e"),
    ("tsan", ["./dev", "unit", "tsan", THREADED], "src"),
    ("sim", ["./dev", "sim", "--seeds", "1000"], "src/apps/fustor-sim"),
    ("sim-rows", ["./dev", "sim", "--worlds", "first-generation", "--seeds", "100", "--seconds", "600"],
     "src/sim/scenarios"),
    ("mutants", ["./dev", "sim", "--mutants", "--quick"], "src/sim/scenarios"),
    ("fuzz", ["./dev", "fuzz"], "fuzz"),  # A minute each, as many at a time as there are processors.
    ("bench", ["./dev", "bench", "--smoke"], "bench/run.py"),
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


def counted(code, count):
    """[passed, failed, skipped] of a step."""
    count = count or [int(code == 0), int(code != 0), 0]
    if code != 0 and count[1] == 0:
        count[1] = 1
    return count


def main():
    unknown = set(sys.argv[1:]) - {name for name, _, _ in STEPS}
    if unknown:
        sys.exit(f"no step {', '.join(sorted(unknown))}: {', '.join(name for name, _, _ in STEPS)}")
    table = []
    for name, command, needs in STEPS:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        if not (ROOT / needs).exists():
            print(f"\n=== {name}: there is no {needs} yet", flush=True)
            continue
        print(f"\n=== {name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        code, count = run(command)
        table.append((name, code, time.monotonic() - started, counted(code, count)))

    totals = [sum(column) for column in zip(*(count for _, _, _, count in table))]
    print(f"\n{'step':10} {'seconds':>8} {'passed':>8} {'failed':>8} {'skipped':>8}")
    for name, code, seconds, count in table:
        mark = "" if code == 0 else f"   exit {code}"
        print(f"{name:10} {seconds:8.0f} {count[0]:8} {count[1]:8} {count[2]:8}{mark}")
    print(f"{'all':10} {sum(row[2] for row in table):8.0f}")
    skipped = f", {totals[2]} skipped" if totals[2] else ""
    print(f"{totals[0]} passed, {totals[1]} failed{skipped}")
    return 1 if any(code for _, code, _, _ in table) else 0


if __name__ == "__main__":
    sys.exit(main())
