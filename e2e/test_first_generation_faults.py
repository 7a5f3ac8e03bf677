"""Faults that Fusion and agents of the first generation had, and must not have again; docs/faults.md lists them."""

import os
import threading
import time

import pytest

from conftest import http_get, wait_for
from http_agent import HttpAgent, event
from http_fusion import PUSH_KEY, QUERY_KEY, Fusion, shown
from live import live, program_for_all  # noqa: F401

OLD = 1_000_000_000
MANY = 60_000


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    (root / "a" / "b").mkdir(parents=True)
    for i in range(5):
        (root / "a" / f"file{i}").write_bytes(b"x" * i)
    (root / "a" / "b" / "deep").write_bytes(b"12345")
    return root


@pytest.fixture
def fusion(tmp_path, start):
    return Fusion(tmp_path, start)


@pytest.fixture
def agent(fusion, data):
    agent = HttpAgent(fusion.receiver, PUSH_KEY, data)
    assert agent.register(timeout_s=600).status == 200
    agent.snapshot()
    return agent


# --- Tombstones that refuse what is told in realtime later ---


def test_deleted_and_created_at_once(fusion, agent, data):
    for content in (b"one", b"two"):
        (data / "a" / "file1").unlink()
        (data / "a" / "file1").write_bytes(content)
        row = agent.row("/a/file1")
        assert agent.post([event([{"path": "/a/file1"}], "realtime", "delete"), event([row], "realtime", "insert")],
                          "message").json["rejected"] == 0
        agent.tell("/a")
        assert fusion.entries() == shown(agent)


@pytest.mark.parametrize("name", ["file1", "b"])
def test_renamed_away_and_back(fusion, agent, data, name):
    """Old times all the while: a rename touches neither mtimes of files nor of what is in a directory."""
    os.utime(data / "a" / "file1", (OLD, OLD))
    agent.tell("/a/file1")
    for old, new in ((f"/a/{name}", "/away"), ("/away", f"/a/{name}")):
        os.rename(os.fspath(data) + old, os.fspath(data) + new)
        rows = [row for row in agent.rows() if row["path"] == new or row["path"].startswith(new + "/")]
        agent.post([event([{"path": old}], "realtime", "delete"), event(rows, "realtime", "insert")], "message")
        for path in ("/", "/a"):
            agent.tell(path)
        assert fusion.entries() == shown(agent)


def test_an_old_time_is_put_back(fusion, agent, data):
    """cp -p, rsync -a, tar: a file is there again, and older than its deletion."""
    (data / "a" / "file1").unlink()
    agent.tell("/a/file1", "delete")
    (data / "a" / "file1").write_bytes(b"restored")
    os.utime(data / "a" / "file1", (OLD, OLD))
    agent.tell("/a/file1", "insert")
    os.utime(data / "a" / "file2", (OLD, OLD))
    agent.tell("/a/file2")
    agent.tell("/a")
    assert fusion.entries() == shown(agent)
    agent.snapshot()
    assert fusion.entries() == shown(agent)


# --- Rows ---


@pytest.mark.parametrize("source", ["snapshot", "audit"])
def test_a_late_row_of_a_child_does_not_bring_back_its_directory(fusion, agent, data, source):
    late = [row for row in agent.rows() if row["path"].startswith("/a/b")]
    (data / "a" / "b" / "deep").unlink()
    (data / "a" / "b").rmdir()
    agent.tell("/a/b", "delete")
    agent.tell("/a")
    for row in late:
        agent.post([event([row], source)], source)
    agent.post([], source, is_end=True)
    assert fusion.entries() == shown(agent)


@pytest.mark.parametrize("source", ["realtime", "snapshot", "audit"])
def test_an_equal_mtime_with_another_size(fusion, agent, data, source):
    os.utime(data / "a" / "file1", (OLD, OLD))
    agent.tell("/a/file1")
    (data / "a" / "file1").write_bytes(b"another size")
    os.utime(data / "a" / "file1", (OLD, OLD))
    if source == "realtime":
        agent.tell("/a/file1")
    elif source == "snapshot":
        agent.snapshot()
    else:
        agent.audit()
    assert fusion.entries() == shown(agent)


def test_times_of_directories_in_realtime(fusion, agent, data):
    (data / "a" / "b" / "new").write_bytes(b"")
    os.utime(data / "a", (OLD, OLD))
    for path in ("/a/b/new", "/a/b", "/a"):
        agent.tell(path)
    node = fusion.ask("tree?path=/a&max_depth=0").json
    assert node["modified_time"] == OLD
    assert fusion.entries() == shown(agent)


def test_names_that_are_not_utf8_are_never_merged(fusion, agent, data):
    names = [b"n\xff", b"n\xfe", b"n\xef\xbf\xbd", b"n?", "n\ufffd\ufffd".encode()]
    for at, name in enumerate(names):
        with open(os.fsencode(data) + b"/" + name, "wb") as file:
            file.write(b"x" * at)
    agent.snapshot()
    assert fusion.entries() == shown(agent)
    found = fusion.ask("search?pattern=n").json
    assert sorted(node["size"] for node in found if node["path"].count("/") == 1) == [0, 1, 2, 3, 4]


# --- Our agent, with fanotify and with inotify ---


def test_mkdir_p_is_seen_to_its_end(live):
    for n in range(50):
        live.run("mkdir", "-p", f"top{n}/a/b/c")
        live.run("sh", "-c", f"echo > top{n}/a/b/c/file")
    live.equal()


def test_links_are_not_followed(live):
    live.make("real")
    live.put("real/file")
    for name, target in (("loop", "."), ("up", ".."), ("root", "/"), ("dir", "real"), ("none", "nowhere")):
        live.run("ln", "-s", target, name)
    live.equal()
    entries = live.view.shown()
    assert sum(path.startswith((b"/loop/", b"/up/", b"/root/", b"/dir/")) for path in entries) == 0
    # What is written through a link is a change of what it leads to.
    live.run("sh", "-c", "echo more >> dir/file")
    live.shows("real/file")
    live.equal()


def test_halves_of_renames_in_two_reads_of_the_kernels_queue(live):
    """More pairs than any buffer takes at once: some are cut in two."""
    for n in range(100):
        live.make(f"d{n}")
        live.put(f"d{n}/file")
    live.equal()
    live.run("sh", "-c", "for i in $(seq 0 99); do for j in 1 2 3 4 5 6 7 8 9; do mv d$i e$i; mv e$i/file e$i/f; "
                         "mv e$i/f e$i/file; mv e$i d$i; done; mv d$i f$i; done")
    live.equal()


# --- Questions ---


@pytest.fixture
def many(fusion, tmp_path):
    """An agent that has told of a big tree that nobody has."""
    agent = HttpAgent(fusion.receiver, PUSH_KEY, tmp_path)
    assert agent.register(timeout_s=2).status == 200

    def row(path, directory):
        return {"path": path, "file_name": os.path.basename(path), "size": 1, "modified_time": OLD,
                "created_time": OLD, "is_directory": directory}
    rows = [row("/", True)]
    for n in range(MANY // 100):
        rows.append(row(f"/d{n}", True))
        rows += [row(f"/d{n}/file{m}", False) for m in range(99)]
    beats, ended = [], threading.Event()

    def beat():
        while not ended.wait(0.05):
            begun = time.monotonic()
            status = agent.beat().status
            beats.append((status, time.monotonic() - begun))
    thread = threading.Thread(target=beat)
    thread.start()
    agent.post_rows(rows, "snapshot")
    agent.beats = beats
    yield agent
    ended.set()
    thread.join()
    assert {status for status, _ in beats} == {200}, "it was never obsolete"


def seconds(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def test_statistics_walk_through_nothing(fusion, many):
    """A hundred of them cost less than a few looks at every entry."""
    url = f"{fusion.management}/api/v1/views/data"

    def ask(route):
        answer = http_get(f"{url}/{route}", QUERY_KEY, 60)
        assert answer[0] == 200, answer
    walks = seconds(lambda: [ask("tree") for _ in range(5)])
    stats = seconds(lambda: [ask("stats") for _ in range(50)])
    sums = seconds(lambda: [ask("stats?path=/") for _ in range(50)])
    assert stats + sums < walks, (stats, sums, walks)


def test_searches_do_not_hold_up_heartbeats(fusion, many):
    """A session of two seconds outlives searches through everything, many at a time."""
    begun, answers = len(many.beats), []

    def search():
        for pattern in ("*nothing*", "ile", "*9", "/d*/f*8"):
            # Not taken apart here: heartbeats are sent by the same program.
            answers.append(http_get(f"{fusion.management}/api/v1/views/data/search?pattern={pattern}", QUERY_KEY, 60))
    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer[0] for answer in answers] == [200] * 32
    wait_for(lambda: len(many.beats) > begun + 5, "some heartbeats")
    assert fusion.ask("tree?max_depth=0").status == 200
    assert max(took for _, took in many.beats[begun:]) < 2
