"""Runs the fuzzers that ./dev fuzz has built, and prints what each did.

usage: fuzz.py [NAME...] [--seconds N] [--jobs N] [--keep] [--list]

NAME is a part of a target's name; without one all run. Each runs N seconds (60), so many at a time as there
are processors. It begins with what is kept in fuzz/TARGET (seeds: written by hand; found: by earlier runs;
dictionary: words worth trying) and with what it found here before (build/fuzz/corpus).

A crash, a leak, an input that takes over 5 seconds or 1 GiB is a finding: it is kept in build/fuzz/findings, and
the command that shows it again is printed. --keep then makes fuzz/TARGET/found anew: the fewest and smallest
inputs that go all the ways that are known, 200 KiB at most. The last line is "N passed, N failed".
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"
KEPT = ROOT / "fuzz"

KEPT_BYTES_MAX = 200 << 10
LENGTH_MAX = 4096  # Of an input; where more is needed, TARGET/length_max says so.
INPUT_SECONDS_MAX = 5
MEMORY_MIB_MAX = 1024
STOP_S = 120  # That a fuzzer may take beyond its time.

STAT = re.compile(r"^stat::(\w+): +(\d+)$", re.M)
COVERAGE = re.compile(r"\bcov: (\d+)")
WRITTEN = re.compile(r"Test unit written to (\S+)")
REASON = re.compile(r"^.*(?:ERROR: \S+: |runtime error: |check failed|FUSTOR_CHECK|SUMMARY: ).*$", re.M)


class Target:
    def __init__(self, program):
        self.program = program
        self.name = program.name.removeprefix("fustor_").removesuffix("_fuzz")
        self.kept = KEPT / self.name
        self.work = BUILD / "corpus" / self.name
        self.findings = BUILD / "findings" / self.name
        self.log = BUILD / "logs" / f"{self.name}.log"
        for folder in (self.work, self.findings, self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)

    def length_max(self):
        file = self.kept / "length_max"
        return int(file.read_text()) if file.exists() else LENGTH_MAX

    def limits(self):
        limits = [f"-max_len={self.length_max()}", f"-timeout={INPUT_SECONDS_MAX}",
                  f"-rss_limit_mb={MEMORY_MIB_MAX}"]
        dictionary = self.kept / "dictionary"
        return limits + ([f"-dict={dictionary}"] if dictionary.exists() else [])

    def sources(self):
        return [folder for folder in (self.kept / "seeds", self.kept / "found") if folder.exists()]

    def run(self, seconds):
        """A row of the table."""
        command = [self.program, *self.limits(), f"-max_total_time={seconds}", "-print_final_stats=1",
                   f"-artifact_prefix={self.findings}/", self.work, *self.sources()]
        with open(self.log, "wb") as log:
            try:
                code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
                                      timeout=seconds + STOP_S).returncode
            except subprocess.TimeoutExpired:
                code = -1
        text = self.log.read_text(errors="replace")
        stats = {name: int(value) for name, value in STAT.findall(text)}
        coverage = COVERAGE.findall(text)
        return {"target": self, "ok": code == 0, "runs": stats.get("number_of_executed_units", 0),
                "per_second": stats.get("average_exec_per_sec", 0), "coverage": int(coverage[-1]) if coverage else 0,
                "new": stats.get("new_units_added", 0), "findings": WRITTEN.findall(text),
                "why": REASON.findall(text)[:2] or [f"exit code {code}: {self.log.relative_to(ROOT)}"]}

    def keep(self):
        """Makes `found` anew. True when it went well."""
        seeds = self.kept / "seeds"
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            merged = Path(folder)
            known = set()
            for seed in sorted(seeds.glob("*")):
                shutil.copy(seed, merged / seed.name)
                known.add(seed.name)
            done = subprocess.run([self.program, "-merge=1", *self.limits(), merged, self.work, *self.sources()],
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode != 0:
                return False
            found = self.kept / "found"
            shutil.rmtree(found, ignore_errors=True)
            found.mkdir(parents=True)
            room = KEPT_BYTES_MAX - sum(seed.stat().st_size for seed in seeds.glob("*"))
            for file in sorted(merged.iterdir(), key=lambda f: (f.stat().st_size, f.name)):
                room -= file.stat().st_size if file.name not in known else 0
                if file.name not in known and room >= 0:
                    shutil.copy(file, found / file.name[:16])
        return True


def targets(names):
    found = [Target(p) for p in sorted((BUILD / "fuzz").glob("fustor_*_fuzz"))]
    chosen = [t for t in found if not names or any(name in t.name for name in names)]
    if not chosen:
        sys.exit("no such target: " + ", ".join(t.name for t in found))
    return chosen


def show(rows):
    print(f"{'target':28} {'runs':>10} {'runs/s':>8} {'edges':>7} {'new':>6} {'findings':>9}")
    for row in rows:
        findings = 0 if row["ok"] else max(1, len(row["findings"]))
        print(f"{row['target'].name:28} {row['runs']:10} {row['per_second']:8} {row['coverage']:7} {row['new']:6} "
              f"{findings:9}")
    for row in rows:
        if row["ok"]:
            continue
        print(f"\nFAILED {row['target'].name}", *row["why"], sep="\n  ")
        for file in row["findings"]:
            print(f"  again: {row['target'].program.relative_to(ROOT)} {os.path.relpath(file, ROOT)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    chosen = targets(args.names)
    if args.list:
        print(*(t.name for t in chosen), sep="\n")
        return 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(lambda t: t.run(args.seconds), chosen))
        if args.keep:
            for target, kept in zip(chosen, pool.map(Target.keep, chosen)):
                if not kept:
                    print(f"{target.name}: what was found could not be merged", file=sys.stderr)
    show(rows)
    failed = sum(not row["ok"] for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
