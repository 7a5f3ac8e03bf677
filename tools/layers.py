"""Who may include whom: the include checker of docs/architecture.md.

usage: layers.py [--root DIR]

Prints "file:line: what is wrong" and exits with 1 when a file includes what its floor must not see.
"""

import argparse
import re
import sys
from pathlib import Path

FLOORS = {
    "base": set(),
    "env": {"base"},
    "lib": {"base", "env", "lib"},
    "svc": {"base", "env", "lib"},
    "adapters": {"base", "env", "lib"},
    "sim": {"base", "env", "lib", "svc"},
    "apps": {"base", "env", "lib", "svc", "adapters"},
}

# Libraries that wait; every other library is pure: base and pure libraries only, no world.
LIBS_ON_ENV = {"http", "loopback", "retry", "journal", "snapshot", "kvengine"}
# Headers of env that hold plain data in the world's words.
PLAIN_ENV_HEADERS = {"env/tree_types.h"}
# Libraries that publish to readers on other threads.
LIBS_WITH_ATOMICS = {"tree"}

# An adapter that is built on another one.
ADAPTER_PAIRS = {
    ("adapters/http", "adapters/asio"),
    ("adapters/posix", "adapters/fanotify"),
    ("adapters/posix", "adapters/inotify"),
}
ADAPTER_FILES = {  # The interface that both watchers implement.
    ("adapters/fanotify", "adapters/posix/watcher.h"),
    ("adapters/inotify", "adapters/posix/watcher.h"),
}

# Programs that run others' parts in one process; apps/process is what each has of its own.
ALL_IN_ONE = {"apps/fustor", "apps/up"}

# Adapters that any test may use: real threads, and texts to read.
FOR_TESTS = {"adapters/asio", "adapters/json", "adapters/yaml"}

# What each foreign header belongs to, and which folders may see it (in .cc files only).
FOREIGN = [
    (r"boost/beast", {"adapters/http"}),
    (r"boost/", {"adapters/asio", "adapters/http"}),
    (r"openssl/", {"adapters/openssl", "adapters/http"}),
    (r"grpc(pp|\+\+)?/", {"adapters/grpc"}),
    (r"google/protobuf/", {"adapters/grpc"}),
    (r"yaml-cpp/", {"adapters/yaml"}),
    (r"simdjson", {"adapters/json"}),
    (r"fmt/", {"adapters/log"}),
    (r"prometheus/", {"adapters/prometheus"}),
    (r"CLI/", {"adapters/cli11"}),
    (r"(zstd|zlib)\.h$", {"adapters/http", "adapters/zstd"}),
    (r"xxhash\.h$", {"adapters/fanotify", "adapters/xxhash"}),
    (r"(linux|sys|netinet|arpa|net|asm)/", {"adapters", "apps"}),
    (r"(gtest|gmock)/", {"test"}),
    (r"benchmark/", {"bench"}),
    (r"\w*intrin\.h$|arm_\w+\.h$", {"base"}),
    (r"[\w/.-]+\.h$", {"adapters", "apps"}),  # POSIX and C: <unistd.h>, <fcntl.h>, <dirent.h>...
]

# The world, as standard headers: pure code takes time and input as arguments.
WORLD = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "coroutine", "iostream",
         "fstream", "filesystem", "random", "ctime", "semaphore", "latch", "barrier", "stop_token",
         "csignal"}
LOCKS = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "latch",
         "barrier"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
GENERATED = re.compile(r"\.pb\.h$")
TEST = re.compile(r"_test\.(h|cc)$|_testing\.(h|cc)$|_fuzz\.cc$")
BENCH = re.compile(r"_bench\.cc$")
PORTS = re.compile(r"^svc/\w+/ports\.h$")


def unit(path):
    """("svc", "svc/fusion") of "svc/fusion/core/arbiter.h"."""
    parts = path.split("/")
    return parts[0], parts[0] if parts[0] in ("base", "env", "sim") else "/".join(parts[:2])


def is_pure(path):
    floor, folder = unit(path)
    if path in PLAIN_ENV_HEADERS:
        return True
    if floor == "lib":
        return folder.split("/")[1] not in LIBS_ON_ENV
    return re.match(r"svc/\w+/core/", path) is not None


def own_header(me, target):
    """What is wrong with `me` including our header `target`; None when nothing is."""
    (floor, folder), (to_floor, to_folder) = unit(me), unit(target)
    test = TEST.search(me) is not None
    if "/internal/" in target and to_folder != folder:
        return f"{target} is private to {to_folder}"
    if is_pure(me) and not test:
        if not (to_floor == "base" or is_pure(target)):
            return f"{folder} is pure here and must not include {target}"
        if target == "base/log.h":
            return "pure code does not log; it returns what happened"
    if to_folder == folder:
        return None
    if floor == "adapters" and PORTS.match(target):
        return None
    if (folder, to_folder) in ADAPTER_PAIRS or (folder, target) in ADAPTER_FILES:
        return None
    if test and "/wire/" in me and (to_folder == "adapters/zstd" or "/wire/" in target):
        return None  # What one side encodes the other must decode.
    if test and (to_floor == "sim" or to_folder in FOR_TESTS):
        return None
    if floor == "apps" and to_floor == "sim" and "sim" in folder:
        return None  # The simulator's own program.
    if to_floor == "apps" and (to_folder == "apps/process" or folder in ALL_IN_ONE or
                               folder == to_folder.replace("apps/", "apps/fustor-")):
        return None
    if target in PLAIN_ENV_HEADERS and floor != "base":
        return None
    if to_floor not in FLOORS[floor]:
        return f"{folder} must not include {to_folder}"
    return None


def standard_header(me, name):
    floor, folder = unit(me)
    if TEST.search(me):
        return None
    if floor in ("svc", "lib") and name in LOCKS:
        return f"no <{name}> in svc and lib: one owner, no locks"
    if floor in ("svc", "lib") and name == "atomic":
        if not (floor == "lib" and folder.split("/")[1] in LIBS_WITH_ATOMICS):
            return "no <atomic> in svc and lib: one owner, no locks"
    if is_pure(me) and name in WORLD:
        return f"{folder} is pure here and must not include <{name}>"
    return None


def foreign_header(me, name):
    floor, folder = unit(me)
    if name.startswith("google/protobuf/") and re.match(r"svc/\w+/wire/\w+\.cc$", me):
        return None  # What generated code is used with.
    if TEST.search(me) and re.fullmatch(r"\w+\.h", name):
        return None
    homes = next(homes for pattern, homes in FOREIGN if re.match(pattern, name))
    if "test" in homes:
        return None if TEST.search(me) else f"<{name}> is for tests"
    if "bench" in homes:
        return None if BENCH.search(me) else f"<{name}> is for benches"
    if folder not in homes and floor not in homes:
        return f"{folder} must not include <{name}>; its home is {', '.join(sorted(homes))}"
    if me.endswith(".h") and "/internal/" not in me:
        return f"foreign <{name}> in a header; keep it in the .cc"
    return None


def generated_header(me, name):
    if not me.endswith(".cc"):
        return f"generated {name} in a header; keep it in the .cc"
    if unit(me)[0] == "adapters" or re.match(r"svc/\w+/wire/", me):
        return None
    return f"generated {name} outside svc/*/wire and adapters"


def problem(src, me, bracket, name):
    if GENERATED.search(name):
        return generated_header(me, name)
    if bracket == "<":
        if re.fullmatch(r"\w+", name):
            return standard_header(me, name)
        return foreign_header(me, name)
    if name.split("/")[0] in FLOORS and (src / name).is_file():
        return own_header(me, name)
    return f'"{name}" is not a path from src/ to a header of ours'


def check(root):
    """Yields "file:line: what is wrong"."""
    src = Path(root) / "src"
    for file in sorted(p for p in src.rglob("*") if p.suffix in (".h", ".cc")):
        me = file.relative_to(src).as_posix()
        if me.split("/")[0] not in FLOORS:
            yield f"src/{me}:1: no floor is called {me.split('/')[0]}"
            continue
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            wrong = problem(src, me, *match.groups()) if match else None
            if wrong:
                yield f"src/{me}:{number}: {wrong}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=Path(__file__).resolve().parent.parent)
    problems = list(check(parser.parse_args().root))
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
