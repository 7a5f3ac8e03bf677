"""search, groups, top and duplicates of a real tree: what find(1), du(1) and a plain count say."""

import collections
import json
import os
import random
import subprocess
import time

import pytest

NAMES = ["a.txt", "b.TXT", "c.log", "d.tar.gz", "e", ".rc", "f.jpg", "gr\u00f6\u00dfe.jpg"]
SIZES = [0, 1, 512, 4096, 5000, 70_000, 70_000, 1 << 20]
DAY = 86_400


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("questions") / "data"
    rng = random.Random(7)
    now = time.time()
    folders = [root]
    root.mkdir()
    for number in range(25):
        folder = rng.choice(folders) / f"dir{number}"
        folder.mkdir()
        folders.append(folder)
    files = []
    for number in range(400):
        path = rng.choice(folders) / rng.choice(NAMES)
        if path.exists():
            path = path.with_name(f"{number}{path.name}")
        if files and rng.random() < 0.1:
            os.link(rng.choice(files), path)
            continue
        with open(path, "wb") as file:
            file.write(b"x" * rng.choice(SIZES))
        path.chmod(rng.choice([0o644, 0o600, 0o755, 0o666, 0o4755]))
        if os.getuid() == 0:
            os.chown(path, rng.choice([0, 1, 54_321]), rng.choice([0, 54_322]))
        age = rng.choice([0.5, 3, 20, 60, 120, 300, 500]) * DAY
        os.utime(path, (now - age / 2, now - age))
        files.append(path)
    return root


@pytest.fixture
def ask(data, fustor, fustor_up):
    up = fustor_up(data)

    def run(*args, json_lines=False):
        result = fustor(*args, *(["--json"] if json_lines else []), "--home", up.home, cwd=data)
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()] if json_lines else result.stdout
    return run


def find(data, *test):
    out = subprocess.run(["find", data, "-mindepth", "1", *test, "-print0"], stdout=subprocess.PIPE, check=True).stdout
    return sorted(out.split(b"\0")[:-1])


def regular(data):
    """(path, lstat) of all files."""
    return [(path, os.lstat(path)) for path in find(data, "-type", "f")]


def test_search_chooses_as_find_does(ask, data):
    for ours, theirs in (
            (["--ext", "txt"], ["-iname", "?*.txt"]),
            (["--ext", "tar.gz,log"], ["(", "-iname", "?*.tar.gz", "-o", "-iname", "?*.log", ")"]),
            (["--ext", "."], ["!", "-name", "?*.*"]),
            (["--regex", "^[ab][.]"], ["-regextype", "posix-extended", "-regex", ".*/[ab][.][^/]*"]),
            (["--iregex", "[.](TXT|jpg)$"], ["-regextype", "posix-extended", "-iregex", ".*[.](txt|jpg)"]),
            (["--regex", "dir[0-9]/[^/]*e$"], ["-regextype", "posix-extended", "-regex", ".*dir[0-9]/[^/]*e"]),
            (["--perm=644"], ["-perm", "644"]), (["--perm=-4000"], ["-perm", "-4000"]),
            (["--perm=/022"], ["-perm", "/022"]), (["--perm=-u=rwx"], ["-perm", "-u=rwx"]),
            (["--owner", "root,54321"], ["(", "-uid", "0", "-o", "-uid", "54321", ")"]),
            (["--group", "54322"], ["-gid", "54322"]),
            (["--min-links", "2"], ["-links", "+1"]),
            (["--older", "100d"], ["-mtime", "+99"]), (["--newer", "10d"], ["-mtime", "-10"]),
            (["--accessed-before", "40d"], ["-atime", "+39"]),
            (["--min-size", "4k", "--max-size", "70000"], ["-size", "+4095c", "-size", "-70001c"]),
            (["--min-depth", "2", "--max-depth", "3"], ["-mindepth", "2", "-maxdepth", "3"]),
            (["--min-size", "1", "--ext", "jpg", "--perm=/111"], ["-size", "+0", "-iname", "?*.jpg", "-perm", "/111"])):
        got = ask("search", "", "--limit", "0", "--type", "file", "-0", *ours)
        assert sorted(got.split(b"\0")[:-1]) == find(data, "-type", "f", *theirs), ours


def test_search_sorts(ask, data):
    files = regular(data)
    for sort, key in (("size", lambda f: f[1].st_size), ("mtime", lambda f: f[1].st_mtime_ns),
                      ("allocated", lambda f: f[1].st_blocks), ("name", lambda f: os.path.basename(f[0]))):
        by_path = sorted(files, key=lambda f: f[0].split(b"/"))
        upwards = [path for path, _ in sorted(by_path, key=key)]
        assert ask("search", "", "--sort", sort, "-0").split(b"\0")[:-1] == upwards, sort
        downwards = [path for path, _ in sorted(by_path, key=key, reverse=True)]
        got = ask("search", "", f"--sort=-{sort}", "-0", "--limit", "17").split(b"\0")[:-1]
        assert got == downwards[:17], sort


def count(files, key):
    groups = collections.defaultdict(lambda: [0, 0])
    seen = set()
    for path, stat in sorted(files, key=lambda f: f[0].split(b"/")):
        group = groups[key(path, stat)]
        group[0] += 1
        if stat.st_ino not in seen:
            group[1] += stat.st_size
        seen.add(stat.st_ino)
    return {key: tuple(group) for key, group in groups.items()}


def extension(path):
    stem, dot, ext = os.path.basename(path).rpartition(b".")
    return ext.lower().decode() if dot and stem else ""


def test_groups_are_what_a_count_gives(ask, data):
    files = regular(data)
    keys = {"ext": lambda p, s: extension(p), "owner": lambda p, s: s.st_uid, "group": lambda p, s: s.st_gid,
            "size": lambda p, s: 1 << s.st_size.bit_length() >> 1,
            "depth": lambda p, s: p.count(b"/") - os.fsencode(data).count(b"/")}
    for by, key in keys.items():
        got = ask("groups", "--by", by, json_lines=True)
        assert {g["group"][by]: (g["file_count"], g["total_size"]) for g in got} == count(files, key), by
    # Ages lie well within their classes.
    days = {"0-1d": 0.5, "1d-7d": 3, "7d-30d": 20, "30d-90d": 60, "90d-180d": 120, "180d-1y": 300, "1y-2y": 500}
    now = time.time()

    def age(_, stat):
        return min(days, key=lambda name: abs(days[name] - (now - stat.st_mtime) / DAY))
    got = ask("groups", "--by", "age", json_lines=True)
    assert {g["group"]["age"]: (g["file_count"], g["total_size"]) for g in got} == count(files, age)
    two = ask("groups", "--by", "ext,owner", "--min-size", "1", json_lines=True)
    large = [f for f in files if f[1].st_size > 0]
    assert {tuple(g["group"].values()): (g["file_count"], g["total_size"]) for g in two} == count(
        large, lambda p, s: (extension(p), s.st_uid))
    # What du sums up, directories included, but for the root's own blocks.
    lines = ask("groups", "--by", "type", "--type", "any").splitlines()
    du = subprocess.run(["du", "-s", "-B1", data], stdout=subprocess.PIPE, check=True).stdout
    assert sum(int(line.split(b"\t")[3]) for line in lines) == int(du.split()[0]) - os.lstat(data).st_blocks * 512


def test_top_is_what_du_and_find_give(ask, data):
    files = sorted(regular(data), key=lambda f: f[0].split(b"/"))
    largest = sorted(files, key=lambda f: f[1].st_size, reverse=True)[:12]
    got = ask("top", "-f", "-n", "12", "-0", str(data)).split(b"\0")[:-1]
    assert [line.split(b"\t", 4)[4] for line in got] == [path for path, _ in largest]
    # Directories, by a walk over du's figures: without those of which one inside holds nine tenths.
    du = subprocess.run(["du", "-0", "--apparent-size", "-B1", data], stdout=subprocess.PIPE, check=True).stdout
    folders = [path for _, path in (line.split(b"\t", 1) for line in du.split(b"\0")[:-1])]
    sums = {}
    for folder in folders:
        inodes = {s.st_ino: s.st_size for p, s in files if p.startswith(folder + b"/")}
        sums[folder] = sum(inodes.values())
    root = os.fsencode(data)
    left = [f for f in sums if f != root and not any(
        os.path.dirname(g) == f and sums[g] >= sums[f] - sums[f] // 10 and sums[g] > 0 for g in sums)]
    left.sort(key=lambda f: (-sums[f], f.split(b"/")))
    got = ask("top", "-d", "-n", "8", "-0", str(data)).split(b"\0")[:-1]
    assert [(int(line.split(b"\t")[0]), line.split(b"\t", 4)[4]) for line in got] == [(sums[f], f) for f in left[:8]]
    own = collections.Counter(os.path.dirname(p) for p, _ in files if p.endswith(b".log"))
    got = ask("top", "-d", "--own", "--by", "files", "--ext", "log", "-n", "50", "-0", str(data)).split(b"\0")[:-1]
    assert {line.split(b"\t", 4)[4]: int(line.split(b"\t")[1]) for line in got} == own


def test_duplicates_are_what_a_comparison_gives(ask, data):
    groups = collections.defaultdict(dict)
    for path, stat in sorted(regular(data), key=lambda f: f[0].split(b"/")):
        if stat.st_size > 0:
            groups[stat.st_size, os.path.basename(path)].setdefault(stat.st_ino, path)
    want = {key: list(inodes.values()) for key, inodes in groups.items() if len(inodes) > 1}
    got = ask("duplicates", "-n", "1000", "--files", "100", json_lines=True)
    assert {(g["size"], os.fsencode(g["name"])): [os.fsencode(f["path"]) for f in g["files"]] for g in got} == want
    gains = [g["reclaimable_size"] for g in got]
    assert gains == sorted(gains, reverse=True)
    assert gains == [(g["count"] - 1) * g["size"] for g in got]
    lines = ask("duplicates", "-n", "1000", "--files", "100", str(data)).split(b"\n\n")[:-1]
    assert sorted(lines) == sorted(b"\n".join(paths) for paths in want.values())
