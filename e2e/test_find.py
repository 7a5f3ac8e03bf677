"""`fustor find` against find(1): random expressions and formats over a tree with hostile names.

The seed of each case is its number; a failure shows the command of both.
"""

import datetime
import os
import random
import re
import shlex
import subprocess
import time

import pytest

from conftest import FUSTOR

NAMES = [b"plain", b"a b", b"new\nline", b"tab\t", b"quo'te\"s", b"back\\slash", b"star*", b"[x]", b"-n", b"!",
         b"\xff\xfe", b"\xc3\xa9", b"\xe2\x80\xae", b"\x1b[31m", b".hidden", b"UPPER.TXT", b"l" * 255, b"x.c",
         b"x.h", b"Makefile", b"(paren)", b"50%"]
SIZES = [0, 1, 511, 512, 513, 1023, 1024, 1025, 4096, 5000, 1 << 20, (1 << 20) + 1, 3 << 20]
MINUTE, DAY = 60, 86_400
# In the middle of what find counts in, so that a test that takes a while sees no border go by.
AGES = [30 * MINUTE + 30, 90 * MINUTE + 30, 5 * DAY // 2, 7 * DAY // 2, 61 * DAY // 2, 401 * DAY // 2, -DAY // 2]
CASES = 12
EXPRESSIONS = 25


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = os.fsencode(tmp_path_factory.mktemp("find") / "data")
    rng = random.Random(1)
    now = time.time()
    directories = [root]
    os.mkdir(root)
    for number in range(160):
        parent = rng.choice(directories)
        name = rng.choice(NAMES)
        path = parent + b"/" + name
        if os.path.lexists(path):
            path = parent + b"/" + (b"%d" % number) + name[:200]
        kind = rng.random()
        if kind < 0.25 and parent.count(b"/") < root.count(b"/") + 6:
            os.mkdir(path)
            directories.append(path)
        elif kind < 0.35:
            os.symlink(rng.choice([b"plain", b"../x y", b"no\nthing", b"\xff", b"/"]), path)
            continue
        elif kind < 0.38:
            os.mkfifo(path)
        else:
            with open(path, "wb") as file:
                file.truncate(rng.choice(SIZES))
                if rng.random() < 0.3:
                    file.write(b"x")
            if rng.random() < 0.15:
                os.link(path, path + b"2")
        os.chmod(path, rng.choice([0o644, 0o600, 0o755, 0o444, 0o777, 0o4755, 0o2755, 0o1777, 0o700]))
        if os.getuid() == 0 and rng.random() < 0.4:
            os.chown(path, rng.choice([0, 1, 2, 54_321]), rng.choice([0, 1, 54_322]))
            os.chmod(path, os.stat(path).st_mode & 0o7777)
    # From the deepest up, because what is made in a directory changes its time.
    for folder, names, files in os.walk(root, topdown=False):
        for name in files + names:
            then = int((now - rng.choice(AGES)) * 1e9) + rng.randrange(10**9) // 1000 * 1000
            os.utime(folder + b"/" + name, ns=(then, then), follow_symlinks=False)
    return root


@pytest.fixture
def pair(tree, fustor, fustor_up, clean_env):
    """Runs ours and find's; their outputs as bytes."""
    up = fustor_up(os.fsdecode(tree))
    env = {"LC_ALL": "C", "PATH": os.environ["PATH"], "TZ": "Europe/Berlin"}

    def run(arguments):
        ours = subprocess.run([FUSTOR, "find", *arguments, "--home", up.home], cwd=tree, capture_output=True,
                              env=clean_env | {"TZ": env["TZ"]}, timeout=60, check=False)
        theirs = subprocess.run(["find", *arguments], cwd=tree, capture_output=True, env=env, check=False)
        shown = shlex.join(map(os.fsdecode, arguments))
        assert theirs.returncode == 0, f"find {shown}: {theirs.stderr}"
        assert ours.returncode == 0, f"fustor find {shown}: {ours.stderr}"
        return ours.stdout, theirs.stdout, shown
    return run


class Expressions:
    """Random expressions that both understand."""

    def __init__(self, rng, tree):
        self.rng, self.tree = rng, tree

    def number(self, values):
        return self.rng.choice(["", "+", "-"]) + str(self.rng.choice(values))

    def glob(self):
        return self.rng.choice(["*", "*.c", "x.?", "[a-m]*", "[!a-m]*", "*l*", ".*", "*\\**", "\\[x]", "plain",
                                "*\n*", "UPPER*", "?", "*[[]*", "-n", "(*)", "*%"])

    def test(self):
        pick = self.rng.choice
        return pick([
            lambda: ["-name", self.glob()],
            lambda: ["-iname", pick(["upper*", "MAKE*", "*.C", "*L*", "[A-C]*"])],
            lambda: [pick(["-path", "-wholename"]), pick(["*/x.?", "./*", "*plain*", "*/[!.]*/*", "*"])],
            lambda: ["-ipath", pick(["*PLAIN*", "*/UPPER.txt"])],
            lambda: [pick(["-regex", "-iregex"]),
                     pick([".*/x\\.[ch]", ".*\\(plain\\|UPPER\\).*", ".*[0-9]+.*", ".*/.?", ".*\\.c\\|.*\\.h",
                           ".*/\\w+", "[^ ]*", ".*l+", "./[a-z]*", ".*/[^/]*\n[^/]*"])],
            lambda: ["-regextype", pick(["posix-extended"]), "-regex",
                     pick([".*/x\\.(c|h)", ".*l{200,}.*", "[^/]*/[[:upper:]].*", ".*/[[:punct:]]+", "(.*/)?.{1,3}"])],
            lambda: ["-regextype", "posix-basic", "-regex", pick([".*/x\\.[ch]", ".*l\\{200,\\}.*", ".*\\(a\\|b\\)"])],
            lambda: ["-type", pick(["f", "d", "l", "p", "f,d", "l,p", "f,l,d"])],
            lambda: ["-size", self.number([0, 1, 2, 3, 8, 10]) + pick(["", "b", "w", "k", "M", "G"])],
            lambda: ["-size", self.number(SIZES) + "c"],
            lambda: ["-empty"],
            lambda: ["-mtime", self.number([0, 1, 2, 3, 30, 200])],
            lambda: ["-mmin", self.number([31, 30, 60, 91, 3601])],
            lambda: ["-type", "f", "-amin", self.number([31, 60, 91])],
            lambda: ["-type", "f", "-atime", self.number([0, 2, 3])],
            lambda: ["-cmin", pick(["-600", "+600"])],
            lambda: ["-newer", pick(self.files())],
            lambda: ["-newer" + pick(["mm", "cm", "mc"]), pick(self.files())],
            lambda: ["-newermt", pick(["2 days ago", "yesterday", "-1 week", "@0", "2001-01-01", "12 hours ago",
                                       time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * DAY)),
                                       time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 3 * DAY)),
                                       time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time.time() - 60 * DAY))])],
            lambda: ["-user", pick(["root", "daemon", "0"])],
            lambda: ["-group", pick(["root", "daemon", "1"])],
            lambda: [pick(["-nouser", "-nogroup"])],
            lambda: [pick(["-uid", "-gid"]), self.number([0, 1, 2, 100, 54_321])],
            lambda: ["-links", self.number([1, 2, 3])],
            lambda: ["-inum", self.number([os.lstat(pick(self.files(full=True))).st_ino])],
            lambda: ["-perm", pick(["644", "755", "-200", "-111", "/111", "/222", "-4000", "/7000", "u=rw,go=r",
                                    "-u+w", "/a+x", "-g=w", "u=rwx,g=rx,o=rx", "0", "-0", "/0", "-a+X"])],
            lambda: ["-lname", pick(["*", "plain", "*x*", "*\n*"])],
            lambda: [pick(["-true", "-false"])],
        ])()

    def files(self, full=False):
        if not hasattr(self, "_files"):
            self._files = sorted(subprocess.run(["find", ".", "-type", "f", "-print0"], cwd=self.tree, check=True,
                                                capture_output=True).stdout.split(b"\0")[:-1])
        return [self.tree + f[1:] for f in self._files] if full else self._files

    def expression(self, depth):
        kind = self.rng.random()
        if depth == 0 or kind < 0.3:
            return self.test()
        if kind < 0.45:
            return [self.rng.choice(["!", "-not"])] + ["("] + self.expression(depth - 1) + [")"]
        if kind < 0.55:
            return ["("] + self.expression(depth - 1) + [")"]
        # No comma: find 4.9 reorders "-size 3 , -true" so that the first test decides, against its own manual.
        joint = self.rng.choice([[], ["-a"], ["-and"], ["-o"], ["-or"]])
        return self.expression(depth - 1) + joint + self.expression(depth - 1)

    def limits(self):
        limits = []
        if self.rng.random() < 0.2:
            limits += ["-maxdepth", str(self.rng.randrange(5))]
        if self.rng.random() < 0.2:
            limits += ["-mindepth", str(self.rng.randrange(4))]
        return limits

    def starts(self):
        names = [b".", b"./", self.tree, self.tree + b"/"]
        names += [n for n in os.listdir(self.tree) if os.path.isdir(self.tree + b"/" + n) and n[:1] not in b"-!("]
        return [self.rng.choice(names) for _ in range(self.rng.choice([1, 1, 1, 2]))]


def encoded(arguments):
    return [os.fsencode(a) for a in arguments]


@pytest.mark.parametrize("seed", range(CASES))
def test_random_expressions(pair, tree, seed):
    make = Expressions(random.Random(seed), tree)
    found = 0
    for _ in range(EXPRESSIONS):
        arguments = make.starts() + encoded(make.limits() + ["("] + make.expression(3) + [")", "-print0"])
        ours, theirs, shown = pair(arguments)
        assert sorted(ours.split(b"\0")) == sorted(theirs.split(b"\0")), shown
        found += ours.count(b"\0")
    assert found > 0


DIRECTIVES = ["%p", "%f", "%h", "%P", "%H", "%s", "%m", "%M", "%u", "%g", "%U", "%G", "%y", "%i", "%n", "%l", "%d",
              "%k", "%b", "%t", "%T@", "%T+", "%TX", "%TY", "%TH", "%Tj", "%Ta", "%TB", "%Tc", "%TD", "%TZ", "%Tz",
              "%TS", "%Ts", "%TT", "%Tk", "%Tl", "%Tp", "%Tr", "%TU", "%TV", "%Tw", "%TW", "%TG", "%Tg", "%Tu", "%TF", "%TC", "%Tx", "%TR", "%TI", "%TM", "%Th", "%Te", "%Tn", "%CY", "%%", "%10f", "%-12f|",
              "%.3f", "%5m", "%05m", "%#m", "%3d", "%03d", "%+d", "%12s", "%-9s|", "%4n", "%20T+", "%8l", "%6y"]
LITERALS = ["\\t", "\\n", "|", " ", "\\\\", "\\101", "\\0", "x"]


@pytest.mark.parametrize("seed", range(6))
def test_random_formats(pair, tree, seed):
    rng = random.Random(seed)
    make = Expressions(rng, tree)
    for _ in range(15):
        pieces = [rng.choice(DIRECTIVES) + rng.choice(LITERALS) for _ in range(rng.randrange(1, 7))]
        arguments = make.starts() + encoded(make.expression(1) + ["-printf", "".join(pieces) + "\\001\\002"])
        ours, theirs, shown = pair(arguments)
        assert sorted(ours.split(b"\1\2")) == sorted(theirs.split(b"\1\2")), shown


def test_every_field_of_times_of_all_ages(tmp_path, fustor, fustor_up):
    """Each day around the turns of many years, where weeks are counted in the old or the new one."""
    dates = tmp_path / "dates"
    dates.mkdir()
    for year in [*range(1968, 1973), *range(1999, 2030), 2100]:
        for month, day in ((1, 1), (1, 2), (1, 3), (1, 4), (2, 29), (3, 1), (12, 29), (12, 30), (12, 31)):
            try:
                then = datetime.datetime(year, month, day, day % 24, 59, 58, tzinfo=datetime.UTC).timestamp()
            except ValueError:
                continue
            file = dates / f"{year}-{month}-{day}"
            file.write_text("")
            os.utime(file, ns=(int(then) * 10**9 + 1000, int(then) * 10**9 + 1000))
    up = fustor_up(dates)
    letters = "@+aAbBcCdDeFgGhHIjklmMprRsSTuUVwWxXyYzZ"
    arguments = [dates, "-type", "f", "-printf", "%f|%t|" + "|".join("%T" + c for c in letters) + "\\n"]
    for zone in ("UTC", "America/New_York", "Asia/Kolkata"):
        ours = fustor("find", *arguments, "--home", up.home, env={"TZ": zone})
        theirs = subprocess.run(["find", *arguments], capture_output=True, check=True,
                                env={"LC_ALL": "C", "TZ": zone, "PATH": os.environ["PATH"]})
        assert sorted(ours.stdout.splitlines()) == sorted(theirs.stdout.splitlines())


def test_actions(pair):
    for arguments in (
            [".", "-name", "x.c", "-print", "-o", "-name", "x.h"],
            [".", "-name", "x.c", "-o", "-name", "x.h", "-print"],
            [".", "-name", ".hidden", "-prune", "-o", "-type", "f", "-print"],
            [".", "-type", "d", "-name", "[a-n]*", "-prune"],
            [".", "-type", "d", "-name", "[a-n]*", "-prune", "-o", "-print"],
            [".", "-mindepth", "1", "-type", "d", "-prune", "-printf", "%p %d\\n"],
            [".", "-type", "d", "-printf", "D %p\\n", "-o", "-type", "f", "-printf", "F %p\\n"],
            [".", "-type", "f", "-printf", "%f", "-printf", "\\n", ",", "-type", "d", "-print"],
            [".", "!", "(", "-type", "f", "-print", ")", "-print"],
            ["-P", ".", "-noleaf", "-maxdepth", "1"]):
        ours, theirs, shown = pair(arguments)
        assert sorted(ours.splitlines()) == sorted(theirs.splitlines()), shown
    ours, theirs, _ = pair([".", "-type", "f", "-printf", "x\\n", "-quit"])
    assert ours == theirs == b"x\n"


def test_listing(pair):
    """The widths of the columns depend on the order, which is not find's."""
    ours, theirs, _ = pair([".", "-ls"])

    def lines(text):
        return sorted(re.sub(rb" +", b" ", line) for line in text.splitlines())
    assert lines(ours) == lines(theirs)


def test_references_outside_of_the_view(fustor, fustor_up, tree, tmp_path):
    up = fustor_up(os.fsdecode(tree))
    stamp = tmp_path / "stamp"
    stamp.write_text("")
    os.utime(stamp, (time.time() + DAY, time.time() + DAY))
    found = fustor("find", tree, "-newer", stamp, "--home", up.home)
    assert (found.returncode, found.stdout) == (0, b"")
    os.utime(stamp, (0, 0))
    assert fustor("find", tree, "-newer", stamp, "--home", up.home).stdout.count(tree) > 100
    missing = fustor("find", tree, "-newer", tmp_path / "nothing", "--home", up.home)
    assert missing.returncode == 1 and b"nothing" in missing.stderr
