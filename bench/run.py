"""Figures of Fustor beside its peers and the floor, measured in the same run.

usage: run.py [NAME...] [--json] [--smoke] [--dir DIR] [--bin DIR]

Each bench is one table. Medians of runs that were interleaved (A B C A B C ...), so that what else
the machine does meets all of them alike. Exits with 1 when a goal is not met or a bench failed.
"""

import argparse
import json
import os
import signal
import sys
import traceback
from pathlib import Path

from figures import change, first_sight, micro, query, scan, soak, trust, up
from figures.machine import Machine
from figures.row import table

BENCHES = {
    "scan": scan.run,
    "first-sight": first_sight.run,
    "up": up.run,
    "change": change.run,
    "query": query.run,
    "soak": soak.run,
    "audit": trust.audit,
    "failover": trust.failover,
    "codec": micro.codec,
    "tree": micro.tree,
    "arbiter": micro.arbiter,
    "ingest": micro.ingest,
}


def arguments():
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(BENCHES))
    parser.add_argument("--json", action="store_true", help="one object per row, one per line")
    parser.add_argument("--smoke", action="store_true",
                        help="tiny sizes: shows that every bench runs; goals are not judged")
    parser.add_argument("--dir", type=Path, help="where the tree is made (default: $TMPDIR or /tmp)")
    parser.add_argument("--bin", type=Path, default=root / "build/release/bin",
                        help="where the programs are (default: build/release/bin)")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in BENCHES]
    if unknown:
        parser.error(f"no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}")
    args.names = args.names or list(BENCHES)
    return args


def measure(name, machine, as_json):
    """Runs one bench and prints its rows. Returns whether all went well."""
    machine.say(f"bench {name}")
    try:
        rows = BENCHES[name](machine)
    except Exception as error:  # The other benches are still worth running.
        if not isinstance(error, RuntimeError):
            traceback.print_exc()
        machine.say(f"bench {name} failed: {error}")
        return False
    for row in rows:
        row.bench = name
        if machine.smoke:
            row.goal = row.met = None
    if as_json:
        for row in rows:
            print(json.dumps(row.object()), flush=True)
    else:
        print("\n" + table(name, rows), flush=True)
    return all(row.met is not False for row in rows)


def main():
    args = arguments()
    if args.check:  # ./dev asks before it builds.
        return 0
    # A person who stops the run does not want a million files to stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Machine(args.bin, args.dir, args.smoke) as machine:
        machine.say(machine.description())
        good = [measure(name, machine, args.json) for name in args.names]
        busy = machine.busy_fraction()
        if busy > 0.1 and not args.smoke:
            machine.say(f"others used {busy:.0%} of the processors meanwhile: "
                        "wall times, and goals on them, are not to be trusted")
    return 0 if all(good) else 1


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
