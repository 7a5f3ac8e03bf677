"""Makes a tree of everything that a file system may hold and a program may stumble over."""

import os
import random
import stat

NAMES = [
    b"plain", b"a b", b" ", b"  two", b"end ", b"new\nline", b"\n", b"tab\there", b"\r", b"\x01\x02\x03", b"\x1b[31mred",
    b"\x07\x08\x7f", b"it's", b'say "hi"', b"`id`", b"\\", b"back\\slash", b"\\n", b"\\x00", b"-rf", b"--help", b"-",
    b"...", b". .", b".hidden", b"~", b"#", b"!", b"*", b"?", b"[a-z]", b"{a,b}", b"$()", b"$(id)", b"${HOME}", b"%", b"%s%n",
    b"%2f", b"%00", b"a;b", b"a&b", b"a|b", b"<x>", b"a=b", b"a,b", b"a:b", b"a+b", b"null", b"0", b"-1",
    b"case", b"Case", b"CASE", "groß".encode(), "GROSS".encode(), "GROẞ".encode(), "\u0130i\u0131I".encode(),
    "e\u0301".encode(), "\u00e9".encode(), "\ufb01".encode(), "日本語".encode(), "👩‍👩‍👧‍👦".encode(), "\U0010ffff".encode(),
    "\u202egnp.exe".encode(), "\ufeffbom".encode(), "\u2028".encode(), "\ufffd".encode(), "\uffff".encode(), "\x80\x9f".encode(),
    b"\xff", b"\xfe\xff", b"\x80", b"\xc3", b"a\xc3", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xed\xb2\x80",
    b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"ok\xffok", "ä".encode("latin-1"), "ü\xff".encode() + b"\xff",
    b"n" * 255, b"\xff" * 255, b"\n" * 255, ("é" * 127).encode() + b"x", b"'" * 254,
]

# Seconds and nanoseconds; what the file system cannot hold it makes of itself.
TIMES_NS = [-(2**31) * 10**9, -1, -1_500_000_000, 0, 1, 999_999_999, 10**9, 946_684_799_999_999_999,
            (2**31 - 1) * 10**9, 2**31 * 10**9, 2**31 * 10**9 + 123_456_789, 4_291_747_199 * 10**9,
            2**32 * 10**9 + 7, 2**33 * 10**9 + 1]

DEEP = b"deep-" + b"x" * 95  # 60 levels are longer than PATH_MAX.
LEVELS = 60
WIDE = 20_000
LINKED = 50


def make_file(path, size=0):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    if size:
        os.ftruncate(descriptor, size)
    os.close(descriptor)


def make_names(root):
    """Every hostile name in a directory of every hostile name."""
    for outer in NAMES:
        folder = root + b"/" + outer
        os.mkdir(folder)
        for i, name in enumerate(NAMES):
            make_file(folder + b"/" + name, i)


def make_deep(root):
    here = os.open(root, os.O_RDONLY)
    for level in range(LEVELS):
        os.mkdir(DEEP, dir_fd=here)
        below = os.open(DEEP, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        os.close(os.open(b"file%d" % level, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=here))
    os.close(here)


def make_wide(root, rng):
    """One directory of many names, half of them any bytes that a name may hold."""
    letters = bytes(c for c in range(1, 256) if c != ord("/"))
    names = {b"%07d" % i for i in range(WIDE // 2)}
    while len(names) < WIDE:
        names.add(bytes(rng.choices(letters, k=rng.randint(1, 24))))
        names -= {b".", b".."}
    os.mkdir(root)
    for i, name in enumerate(sorted(names)):
        make_file(root + b"/" + name, i % 7)


def make_links(root):
    os.mkdir(root)
    os.mkdir(root + b"/to")
    make_file(root + b"/to/file", 5)
    for name, target in [(b"dangling", b"nothing"), (b"directory", b"to"), (b"file", b"to/file"), (b"self", b"self"),
                         (b"here", b"."), (b"above", b".."), (b"loop-a", b"loop-b"), (b"loop-b", b"loop-a"),
                         (b"slash", b"/"), (b"absolute", b"/dev/null"), (b"bytes", b"\xff\n\xfe"),
                         (b"long", b"l/" * 2000), (b"\xffname", "größe".encode())]:
        os.symlink(target, root + b"/" + name)
    make_file(root + b"/many", 12_345)
    os.mkdir(root + b"/others")
    for i in range(LINKED - 1):
        os.link(root + b"/many", root + (b"/many%d" if i % 2 else b"/others/many%d") % i)
    os.link(root + b"/dangling", root + b"/others/dangling", follow_symlinks=False)


def make_kinds(root):
    """What is neither file nor directory nor link, and modes. Devices only where they may be made."""
    os.mkdir(root)
    os.mkfifo(root + b"/fifo", 0o640)
    os.mknod(root + b"/socket", stat.S_IFSOCK | 0o600)
    try:
        os.mknod(root + b"/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(root + b"/block", stat.S_IFBLK | 0o600, os.makedev(7, 250))
    except PermissionError:
        pass
    for mode in (0, 0o1, 0o4755, 0o2755, 0o1777, 0o6711, 0o7777, 0o444, 0o222):
        make_file(root + b"/mode%o" % mode, 1)
        os.chmod(root + b"/mode%o" % mode, mode)
        os.mkdir(root + b"/dir%o" % mode)
        os.chmod(root + b"/dir%o" % mode, mode | (0o500 if os.getuid() else 0))
    if os.getuid() == 0:
        for owner in (1, 65_534, 2**31, 2**32 - 2):
            make_file(root + b"/owner%d" % owner)
            os.chown(root + b"/owner%d" % owner, owner, owner // 2)


def make_sizes(root):
    os.mkdir(root)
    for size in (1, 511, 512, 513, 4095, 4096, 4097, 2**31, 2**32 + 1, 2**40 + 3):
        make_file(root + b"/sparse%d" % size, size)
    for size in (1, 100, 4096, 70_000, 1 << 20):
        with open(root + b"/dense%d" % size, "wb") as file:
            file.write(os.urandom(size))
    with open(root + b"/holes", "wb") as file:
        for i in range(0, 10):
            file.seek(i << 20)
            file.write(b"x" * 5000)
    # Some file systems know only now how many blocks it takes, and tell nobody that they changed it.
    for name in os.listdir(root):
        descriptor = os.open(root + b"/" + name, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def make_times(root):
    os.mkdir(root)
    for i, time_ns in enumerate(TIMES_NS):
        for name, make in ((b"file%d", make_file), (b"dir%d", os.mkdir), (b"link%d", lambda p: os.symlink(b"x", p))):
            path = root + b"/" + name % i
            make(path)
            os.utime(path, ns=(time_ns, time_ns), follow_symlinks=False)


def make_rest(root, entries, rng):
    """Directories of a hundred files each, some of them empty."""
    os.mkdir(root)
    made = 1
    number = 0
    while made < entries:
        folder = root + b"/%d" % number
        os.mkdir(folder)
        number += 1
        made += 1
        for i in range(min(100, entries - made) if number % 20 else 0):
            make_file(folder + b"/" + b"%d-" % i + NAMES[(i + number) % len(NAMES)][:200], rng.randrange(1000))
            made += 1


def count(root):
    """Entries below root and itself."""
    return 1 + sum(len(names) + len(folders) for _, folders, names, _ in os.fwalk(root))


def make(root, entries):
    """About so many entries in root, which is there and empty."""
    root = os.fsencode(root)
    rng = random.Random(entries)
    make_names(root + b"/")
    make_deep(root)
    make_wide(root + b"/wide", rng)
    make_links(root + b"/links")
    make_kinds(root + b"/kinds")
    make_sizes(root + b"/sizes")
    make_times(root + b"/times")
    make_rest(root + b"/rest", max(1, entries - count(root)), rng)
