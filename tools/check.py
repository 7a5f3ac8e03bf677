"""What must hold beside the tests: format, include rules, style, headers alone, links, clang-tidy.

usage: check.py [--all | FILE...] [--fix-format]

clang-tidy looks at the files named, else at what differs from the main branch (or from the last
commit) and is no test, with --all at everything; what it found clean once, it does not look at again
until that, a header of it, the rules or the compiler's flags change. Expects a built `dev` preset.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "dev"
sys.path.insert(0, str(Path(__file__).resolve().parent))

import documents  # noqa: E402
import layers  # noqa: E402
import tidy  # noqa: E402


def sources():
    for top in ("src", "bench"):
        yield from sorted(p for p in (ROOT / top).rglob("*") if p.suffix in (".h", ".cc"))


def scripts():
    return sorted((ROOT / "web").rglob("*.js"))


def output_of(command):
    """(exit code, output) of a command."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return done.returncode, done.stdout


def check_format(fix=False):
    mode = ["-i"] if fix else ["--dry-run", "-Werror", "--ferror-limit=3"]
    code, output = output_of(["clang-format-19", *mode, *sources(), *scripts()])
    return "" if code == 0 else output + "run ./dev fmt"


def check_layers():
    return "\n".join(layers.check(ROOT))


def check_tidy():
    return "\n".join(tidy.check(ROOT))


def ninja(*targets):
    code, output = output_of(["ninja", "-C", str(BUILD), "--quiet", *targets])
    return "" if code == 0 else output


def check_headers():
    return ninja("all_verify_interface_header_sets")


def check_links():
    code, output = output_of(["ninja", "-C", str(BUILD), "-t", "targets", "all"])
    if code != 0:
        return output
    names = [line.split(":")[0] for line in output.splitlines()]
    links = [n for n in names if n.startswith("fustor_") and n.endswith("_links")]
    return ninja(*links) if links else "no link test found"


def changed_files():
    """What differs from the main branch, or in the last commit and since."""
    for start in ("origin/main", "main", "HEAD~1"):
        code, base = output_of(["git", "merge-base", "HEAD", start])
        code2, head = output_of(["git", "rev-parse", "HEAD"])
        if code == 0 and code2 == 0 and base != head:
            code, output = output_of(["git", "diff", "--name-only", base.strip()])
            _, new = output_of(["git", "ls-files", "-o", "--exclude-standard"])
            return [ROOT / name for name in (output + new).split() if (ROOT / name).exists()]
    return list(sources())


class TidyCache:
    """Which files clang-tidy has found clean, by all that it looks at: one empty file each."""

    def __init__(self):
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self.folder = Path(cache) / "fustor-clang-tidy"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.common = output_of(["clang-tidy-19", "--version"])[1] + (ROOT / ".clang-tidy").read_text()
        self.commands = {entry["file"]: entry["command"]
                         for entry in json.loads((BUILD / "compile_commands.json").read_text())}
        self.headers = self.dependencies()
        self.stamps = {}

    @staticmethod
    def dependencies():
        """The files that each object was made of, as the compiler said."""
        found, current = {}, []
        for line in output_of(["ninja", "-C", str(BUILD), "-t", "deps"])[1].splitlines():
            if line.startswith("    "):
                current.append(line.strip())
            elif ": #deps" in line:
                current = found.setdefault(line.split(":")[0], [])
        return found

    def stamp(self, name):
        """What stands for a file's content: ours may lie in any checkout, the system's only in one place."""
        if name not in self.stamps:
            path = Path(os.path.normpath(BUILD / name))
            if path.is_relative_to(ROOT):
                self.stamps[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                self.stamps[name] = f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}"
        return self.stamps[name]

    def place(self, file):
        """The file that says that this source was found clean; None when nobody can know."""
        command = self.commands.get(str(file), "")
        output = re.search(r" -o (\S+)", command)
        deps = self.headers.get(output[1]) if output else None
        if not deps:
            return None
        try:
            parts = [self.common, command.replace(str(ROOT), ""), *(self.stamp(name) for name in deps)]
        except OSError:
            return None
        return self.folder / hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check_clang_tidy(files):
    cache = TidyCache()

    def problems_of(file):
        clean = cache.place(file)
        if clean is not None and clean.exists():
            return ""
        code, output = output_of(["clang-tidy-19", "-p", str(BUILD), "--quiet", str(file)])
        if code == 0 and clean is not None:
            clean.touch()
        return output if code != 0 else ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(problems_of, tidied(files)))
    lines = [line for output in results for line in output.splitlines()
             if not line.endswith("warnings generated.")]
    return "\n".join(dict.fromkeys(lines))  # A header's problem is told once.


def tidied(files):
    return [f for f in files if f.suffix == ".cc" and f.is_relative_to(ROOT / "src")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--fix-format", action="store_true")
    parser.add_argument("files", nargs="*", type=Path)
    args = parser.parse_args()
    if args.fix_format:
        return 1 if check_format(fix=True) else 0

    files = [f.resolve() for f in args.files]
    if args.all:
        files = list(sources())
    elif not files:
        files = [f for f in changed_files() if not f.name.endswith("_test.cc")]
    count = len(tidied(files))
    checks = [
        ("format", check_format),
        ("include rules", check_layers),
        ("tidy", check_tidy),
        ("documents", lambda: "\n".join(documents.check(ROOT))),
        ("links", check_links),
        ("headers alone", check_headers),
        (f"clang-tidy, {count} files", lambda: check_clang_tidy(files)),
    ]
    failed = 0
    for name, run in checks:
        started = time.monotonic()
        problems = run()
        failed += bool(problems)
        if problems:
            print(problems)
        print(f"{'FAILED' if problems else 'ok':6} {name} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
