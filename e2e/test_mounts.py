"""Trees that are more than one file system, that reach themselves, or that are deeper than paths may be long."""

import os
import shutil
import subprocess

import pytest

import hostile
from conftest import wait_for
from live import live, program_for_all  # noqa: F401
from test_two_processes import Pair
from trees import View, wait_equal

LONG = b"n" * 200
LEVELS = 30  # Of 200 bytes: more than PATH_MAX.


@pytest.fixture
def audited(tmp_path, start):
    """A pair whose agent audits every second."""
    pair = Pair(tmp_path, start)
    pair.write_fusion(pipe=", audit_interval_sec: 1")
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()
    return pair


def test_a_mount_appears_and_goes(audited, mounts):
    """What it hides is shown no longer after the next audit, nothing of the other file system ever, and when it
    has gone all is as it was."""
    folder = audited.data / "a" / "b"
    (folder / "hidden").write_text("x")
    audited.wait_equal()
    mounts("-t", "tmpfs", "none", at=os.fspath(folder))
    (folder / "elsewhere").write_text("on another file system")
    wait_for(lambda: audited.view.node(b"/a/b/hidden") is None, "the end of what is hidden")
    (audited.data / "a" / "beside").write_text("x")
    wait_for(lambda: audited.view.node(b"/a/beside"), "a change beside the mount")
    assert audited.view.node(b"/a/b")["content_type"] == "directory"
    assert audited.view.node(b"/a/b/elsewhere") is None
    mounts.end(os.fspath(folder))
    audited.wait_equal()
    (folder / "later").write_text("x")
    audited.wait_equal()


def test_a_mount_that_was_there_before(tmp_path, start, mounts):
    pair = Pair(tmp_path, start)
    folder = pair.data / "a" / "b"
    (folder / "hidden").write_text("x")
    mounts("-t", "tmpfs", "none", at=os.fspath(folder))
    (folder / "elsewhere").write_text("on another file system")
    pair.write_fusion(pipe=", audit_interval_sec: 1")
    pair.start_fusion()
    pair.start_agent()
    pair.view.wait_ready()
    assert pair.view.node(b"/a/b")["content_type"] == "directory"
    assert pair.view.node(b"/a/b/elsewhere") is None and pair.view.node(b"/a/b/hidden") is None
    mounts.end(os.fspath(folder))
    pair.wait_equal()


def test_other_file_systems_are_shown_where_that_is_asked_for(tmp_path, start, mounts):
    pair = Pair(tmp_path, start)
    folder = pair.data / "a" / "b"
    mounts("-t", "tmpfs", "none", at=os.fspath(folder))
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "file").write_text("on another file system")
    pair.write_agent(source=", driver_params: {one_file_system: false}")
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()
    (folder / "elsewhere" / "live").write_text("x")
    pair.wait_equal()


def test_a_directory_at_two_places(audited, mounts):
    """Bound to a second place: both show it after the next audit, whichever of them a change was made at."""
    (audited.data / "second").mkdir()
    audited.wait_equal()
    mounts("--bind", os.fspath(audited.data / "a"), at=os.fspath(audited.data / "second"))
    audited.wait_equal()
    (audited.data / "second" / "by the second").write_text("x")
    (audited.data / "a" / "file1").unlink()
    (audited.data / "a" / "b" / "deep").mkdir()
    audited.wait_equal()
    mounts.end(os.fspath(audited.data / "second"))
    audited.wait_equal()


def test_a_tree_bound_into_itself(audited, mounts):
    """Finite: what is bound is shown once more, and no deeper."""
    loop = audited.data / "a" / "loop"
    loop.mkdir()
    mounts("--bind", os.fspath(audited.data), at=os.fspath(loop))
    (audited.data / "new").write_text("x")
    wait_for(lambda: audited.view.node(b"/new"), "a change")
    audits = audited.view.get("stats")["audit_cycle_count"]
    wait_for(lambda: audited.view.get("stats")["audit_cycle_count"] >= audits + 3, "three audits")
    assert audited.view.get("stats?path=/")["dir_count"] < 20
    assert audited.agent.running() and audited.fusion.running()
    mounts.end(os.fspath(loop))
    audited.wait_equal()


def test_times_that_other_file_systems_keep(tmp_path, fustor_up, mounts):
    """tmpfs keeps any second; what 64 bits of nanoseconds cannot tell is the nearest that they can."""
    data = tmp_path / "data"
    data.mkdir()
    mounts("-t", "tmpfs", "none", at=os.fspath(data))
    seconds = {"1901": -2**31, "before": -2**31 - 1, "1970": 0, "2106": 2**32, "9999": 253_402_300_799}
    for name, second in seconds.items():
        (data / name).touch()
        os.utime(data / name, (second, second))
    up = fustor_up(data)
    view = View(up.url, up.key, "data")
    far = 2**63 - 1

    def told(name):
        return view.node(b"/" + os.fsencode(name))["modified_time_ns"]
    assert {name: told(name) for name in seconds} == {
        name: min(second * 10**9, far) for name, second in seconds.items()}
    (data / "live").touch()
    os.utime(data / "live", (253_402_300_799, 253_402_300_799))
    wait_for(lambda: view.node(b"/live") and told("live") == far, "the year 9999 as a change")


def test_changes_below_paths_that_are_too_long(live):
    """Deeper than PATH_MAX: listed, watched, renamed as a whole, and taken away."""
    here = os.open(live.root, os.O_RDONLY)
    owner = os.fstat(here)

    def make(name, parent):
        os.mkdir(name, dir_fd=parent)
        below = os.open(name, os.O_RDONLY, dir_fd=parent)
        os.fchown(below, owner.st_uid, owner.st_gid)
        return below
    for _ in range(LEVELS):
        below = make(LONG, here)
        os.close(here)
        here = below

    def put(name):
        file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here)
        os.fchown(file, owner.st_uid, owner.st_gid)
        os.close(file)
    put(b"first")
    live.equal()
    put(b"second")
    os.rename(b"first", b"renamed", src_dir_fd=here, dst_dir_fd=here)
    live.equal()
    os.rename(os.fsencode(live.root) + b"/" + LONG, os.fsencode(live.root) + b"/short")
    live.equal()
    put(b"third")
    live.equal()
    os.close(here)
    subprocess.run(["rm", "-r", live.path("short")], check=True)
    live.equal()


def test_links_that_lead_round_in_circles(live):
    hostile.make_links(os.fsencode(live.root) + b"/links")
    live.run("true")
    live.equal()
    os.symlink("..", live.path("links/up"))
    os.symlink("links/up/links/up", live.path("round"))
    live.equal()
    os.rename(live.path("links"), live.path("moved"))
    live.equal()
    shutil.rmtree(live.path("moved"))
    live.equal()


def test_a_hostile_tree_appears_and_goes_while_it_is_watched(live):
    """Every hostile name as an event: made, renamed, deleted."""
    root = os.fsencode(live.root)
    for name in hostile.NAMES:
        os.mkdir(root + b"/" + name)
        hostile.make_file(root + b"/" + name + b"/" + name, 3)
    live.equal()
    for name in hostile.NAMES:
        os.rename(root + b"/" + name + b"/" + name, root + b"/" + name + b"/renamed")
    live.equal()
    for name in hostile.NAMES[::2]:
        os.unlink(root + b"/" + name + b"/renamed")
        os.rmdir(root + b"/" + name)
    wait_equal(live.view, live.root, 120)
