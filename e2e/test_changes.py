"""Every kind of change becomes visible, through fanotify (as root) and through inotify (as anybody)."""

import os
import shutil
import stat
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import wait_for
from live import live, program_for_all  # noqa: F401

OLD_NS = 10**18  # 2001
BURST = 5_000
PROCESSES = 5
ROUNDS = 40
DOCUMENTS = Path("/usr/share/doc")
COPIED = 4_000


def test_files(live):
    file = live.put("file", b"")
    live.shows("file")
    for content in (b"some", b"some more", b"m", b""):
        live.put("file", content)
        live.shows("file")
    with open(file, "ab") as appended:
        for _ in range(3):
            appended.write(b"line\n")
            appended.flush()
            live.shows("file")
    live.shows("file")
    os.truncate(file, 100_000)
    live.shows("file")
    os.truncate(file, 3)
    live.shows("file")
    for mode in (0o600, 0o4755, 0o000, 0o644):
        file.chmod(mode)
        live.shows("file")
    os.utime(file, ns=(OLD_NS, OLD_NS))
    live.shows("file")
    os.utime(file, ns=(2**32 * 10**9, -10**9))
    live.shows("file")
    if os.getuid() == 0:
        os.chown(file, 1, 2)
        live.shows("file")
    live.make("folder").chmod(0o700)
    live.shows("folder")
    os.utime(live.path("folder"), ns=(OLD_NS, OLD_NS))
    live.shows("folder")
    live.run("mkfifo", "fifo")
    live.shows("fifo")
    file.unlink()
    live.shows_no("file")
    live.equal()


def test_files_are_renamed(live):
    live.put("one", b"1")
    live.put("two", b"22")
    live.make("in")
    live.make("out")
    live.equal()
    for old, new in (("one", "other"), ("other", "in/other"), ("in/other", "out/other"), ("out/other", "two"),
                     ("two", "in/ä\udcff\n"), ("in/ä\udcff\n", "one")):
        live.path(old).rename(live.path(new))
        live.shows_no(old)
        live.shows(new)
    live.path("one").rename(live.outside / "one")
    live.shows_no("one")
    (live.outside / "one").rename(live.path("one"))
    live.shows("one")
    for i in range(100):  # There and back, faster than anybody looks.
        live.path("one").rename(live.path("away"))
        live.path("away").rename(live.path("one"))
    live.equal()


def folder_with_content(live, name, files=3):
    live.make(name)
    for inner in ("", "/x", "/x/y", "/empty"):
        if inner:
            live.make(name + inner)
        for i in range(files if inner != "/empty" else 0):
            live.put(f"{name}{inner}/file{i}", b"c" * i)


def test_folders_are_renamed(live):
    folder_with_content(live, "first")
    live.make("in")
    live.make("nothing")
    live.equal()
    for old, new in (("first", "second"), ("second", "in/second"), ("in/second/x", "x"), ("x", "nothing"),
                     ("nothing", "in/second/x"), ("in/second", "first")):
        live.path(old).rename(live.path(new))
        live.shows_no(old)
        live.shows(new + ("/y/file1" if new in ("x", "nothing", "in/second/x") else "/x/y/file1"))
        live.equal()
    live.path("first").rename(live.path("in/renamed"))
    live.put("in/renamed/x/y/new")
    live.path("in/renamed/x").rename(live.path("x"))
    live.put("x/y/newer")
    live.path("in").rename(live.path("first"))
    live.equal()


def test_folders_come_from_outside_and_leave(live):
    folder_with_content(live, "folder")
    live.equal()
    live.path("folder").rename(live.outside / "folder")
    live.shows_no("folder")
    live.equal()
    (live.outside / "folder" / "x" / "unseen").write_bytes(b"unseen")
    (live.outside / "folder" / "file0").unlink()
    (live.outside / "folder").rename(live.path("again"))
    live.put("again/x/y/at once")
    live.shows("again/x/unseen")
    live.equal()
    live.put("again/x/y/later")
    live.make("again/empty/new")
    live.put("again/empty/new/file")
    live.equal()


def test_things_are_deleted(live):
    folder_with_content(live, "folder", 50)
    live.put("file")
    live.equal()
    live.path("file").unlink()
    live.shows_no("file")
    shutil.rmtree(live.path("folder"))
    live.shows_no("folder")
    live.equal()
    for i in range(20):
        folder_with_content(live, "folder")
        if i % 3:
            shutil.rmtree(live.path("folder"))
        else:
            live.path("folder").rename(live.path(f"kept{i}"))
    live.equal()


def test_folders_appear_with_everything_in_them(live):
    for i in range(20):
        live.run("sh", "-c", f"mkdir -p a{i}/b/c/d && touch a{i}/1 a{i}/b/2 a{i}/b/c/3 a{i}/b/c/d/4")
        live.shows(f"a{i}/b/c/d/4")
    live.equal()
    live.run("sh", "-c", "for i in $(seq 100); do mkdir -p m/$i/b/c; echo $i > m/$i/b/c/f; done")
    live.equal()


def test_links(live):
    live.put("file", b"content")
    live.shows("file")
    # The kernel tells of the new name only.
    os.link(live.path("file"), live.path("second"))
    live.shows("second")
    live.shows("file")
    live.make("in")
    os.link(live.path("file"), live.path("in/third"))
    live.equal()
    live.put("in/third", b"longer than it was")
    live.equal()
    live.path("file").unlink()
    live.shows_no("file")
    # The kernel tells of the name that went, not of the others; the next change of any of them does.
    live.put("second", b"shorter")
    live.equal()
    os.symlink("in", live.path("link"))
    live.shows("link")
    os.symlink("nothing", live.path("next"))
    live.path("next").rename(live.path("link"))
    live.shows("link")
    assert live.view.entry(b"/link").target == b"nothing"
    live.path("link").unlink()
    os.symlink(b"\xff\n", live.path("link"))
    live.shows("link")
    live.equal()


def test_one_thing_becomes_another(live):
    for round_ in range(3):
        live.put("thing", b"file")
        live.shows("thing")
        live.path("thing").unlink()
        live.make("thing")
        live.put("thing/inner")
        live.shows("thing/inner")
        live.shows("thing")
        shutil.rmtree(live.path("thing"))
        os.symlink(f"{round_}", live.path("thing"))
        live.shows("thing")
        live.path("thing").unlink()
    live.put("file", b"first")
    live.shows("file")
    live.path("file").unlink()
    os.utime(live.put("file", b"restored"), ns=(OLD_NS, OLD_NS))
    live.shows("file")
    live.path("file").unlink()
    live.shows_no("file")
    os.utime(live.put("file", b"restored"), ns=(OLD_NS, OLD_NS))
    live.shows("file")
    live.equal()


def test_programs_that_keep_times(live):
    source = live.outside / "source"
    (source / "a" / "b").mkdir(parents=True)
    for i in range(30):
        (source / "a" / "b" / f"file{i}").write_bytes(b"x" * i)
        os.utime(source / "a" / "b" / f"file{i}", ns=(OLD_NS + i, OLD_NS + i))
    (source / "link").symlink_to("a")
    os.utime(source / "a" / "b", ns=(OLD_NS, OLD_NS))
    os.utime(source / "a", ns=(OLD_NS, OLD_NS))
    live.run("tar", "--format=posix", "-C", source, "-cf", live.outside / "archive.tar", ".")
    live.make("tar")
    live.run("tar", "-C", live.path("tar"), "-xf", live.outside / "archive.tar")
    live.run("cp", "-a", source, "cp")
    live.run("cp", "-p", source / "a" / "b" / "file3", "cp-p")
    live.shows("cp-p")
    live.shows("tar/a/b/file29")
    assert live.view.entry(b"/tar/a/b/file29").mtime_ns == OLD_NS + 29
    live.equal()
    live.run("tar", "-C", live.path("tar"), "-xf", live.outside / "archive.tar")
    if shutil.which("rsync"):
        live.run("rsync", "-a", f"{source}/", "rsync/")
        (source / "a" / "b" / "file3").write_bytes(b"changed")
        live.run("rsync", "-a", "--delete", f"{source}/", "rsync/")
    live.run("sed", "-i", "s/x/y/g", "tar/a/b/file29")
    live.equal()


def test_a_burst_of_several_processes(live):
    create = ("import os, sys\n"
              "for i in range(int(sys.argv[2])):\n"
              "    folder = f'burst{i % 50}'\n"
              "    os.makedirs(folder, exist_ok=True)\n"
              "    with open(f'{folder}/{sys.argv[1]}-{i}', 'w') as file: file.write('x' * (i % 100))\n"
              "    if i % 10 == 9: os.rename(f'{folder}/{sys.argv[1]}-{i}', f'{folder}/r{sys.argv[1]}-{i}')\n"
              "    if i % 100 == 99: os.unlink(f'{folder}/r{sys.argv[1]}-{i}')\n")
    # The interpreter that runs the tests may be closed to other users.
    python = "/usr/bin/python3" if live.as_user else sys.executable
    started = [subprocess.Popen([*live.as_user, python, "-I", "-c", create, str(n), str(BURST // PROCESSES)],
                                cwd=live.root) for n in range(PROCESSES)]
    assert [process.wait(120) for process in started] == [0] * PROCESSES
    live.equal()
    assert live.view.get("stats")["total_files"] == BURST - BURST // 100


def test_a_large_copy_comes_and_goes(live):
    """Of the documentation, which every system has, as much as a repository holds."""
    copied = live.outside / "copy"
    copied.mkdir()
    live.own(copied)
    entries = 0
    if DOCUMENTS.is_dir():
        for folder in sorted(DOCUMENTS.iterdir()):
            entries += sum(len(names) + len(folders) for _, folders, names in os.walk(folder))
            if entries > COPIED:
                break
            live.run("cp", "-r", "--no-dereference", folder, copied)
    # File systems decide long after the last write how many blocks a large file takes, and tell nobody.
    live.run("cp", "-r", copied, "copy")
    live.equal(but=["allocated"])
    live.run("cp", "-r", copied, "second")
    live.run("mv", "copy", "second/copy")
    live.equal(but=["allocated"])
    live.run("rm", "-rf", "second")
    live.equal()
    assert live.view.get("stats")["item_count"] == 1


def test_how_soon_a_change_is_seen(live, capsys):
    took = []
    for i in range(ROUNDS):
        begun = time.monotonic()
        live.put(f"new{i}")
        path = f"/new{i}".encode()
        while live.view.node(path) is None:
            assert time.monotonic() - begun < 60, "a new file is not shown"
        took.append(time.monotonic() - begun)
    median = statistics.median(took)
    with capsys.disabled():
        print(f"\na new file is seen over HTTP after {median * 1000:.1f} ms (p50), {max(took) * 1000:.1f} ms (max)")
    assert median < 1
    assert stat.S_ISREG(live.view.entry(b"/new0").mode)


def test_what_may_not_be_read_is_shown_as_far_as_it_may(live):
    """A directory that is closed is shown itself; what is in it, once it is open."""
    if live.as_user == [] and os.getuid() == 0:
        pytest.skip("nothing is closed to root")
    folder_with_content(live, "open")
    closed = live.make("closed")
    live.put("closed/file")
    live.equal()
    closed.chmod(0)
    live.shows("closed")
    live.put("beside")
    live.shows("beside")
    closed.chmod(0o755)
    live.put("closed/later")
    live.shows("closed/later")
    live.equal()
