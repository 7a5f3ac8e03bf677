"""The change feed: server-sent events over HTTP, and `fustor watch`."""

import http.client
import json
import os
import queue
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

from conftest import DEADLINE_S, FUSTOR, wait_for

ROUNDS = 50
BURST = 3_000


class Events:
    """Reads a feed in a thread; each event is {event, data, id, at}."""

    def __init__(self, up, query="", last_id=None):
        url = urllib.parse.urlsplit(up.url)
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=DEADLINE_S)
        headers = {"X-API-Key": up.key} | ({"Last-Event-ID": last_id} if last_id else {})
        self.connection.request("GET", f"/api/v1/views/{up.dirs[0].name}/changes{query}", headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["Content-Type"] == "text/event-stream"
        self.queue = queue.Queue()
        self.last_id = last_id
        self.ended = None  # How: "end", or the exception.
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        event = {}
        try:
            for line in self.answer:
                line = line.rstrip(b"\n").decode()
                if line.startswith(":"):
                    continue
                if line:
                    field, _, value = line.partition(": ")
                    event[field] = value
                    continue
                if "data" in event:
                    event["data"] = json.loads(event["data"])
                    self.queue.put(event | {"at": time.monotonic()})
                event = {}
            self.ended = "end"
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            self.ended = error

    def next(self, deadline_s=DEADLINE_S):
        event = self.queue.get(timeout=deadline_s)
        self.last_id = event.get("id", self.last_id)
        return event

    def until(self, wanted):
        """Events up to the one for which wanted(kind, path) holds, as (kind, path)."""
        seen = []
        while True:
            event = self.next()
            if "node" not in event["data"]:
                seen.append((event["event"], None))
                continue
            seen.append((event["event"], event["data"]["node"]["path"]))
            if wanted(*seen[-1]):
                return seen

    def close(self):
        # Both: the reading thread holds the file.
        try:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass
        self.thread.join(DEADLINE_S)
        self.connection.close()


@pytest.fixture
def up(tmp_path, fustor_up):
    root = tmp_path / "data"
    (root / "d").mkdir(parents=True)
    (root / "d" / "old").write_bytes(b"x")
    return fustor_up(root)


@pytest.fixture
def follow():
    opened = []

    def begin(*args, **kwargs):
        events = Events(*args, **kwargs)
        opened.append(events)
        return events
    yield begin
    for events in opened:
        events.close()


def test_every_kind_of_change_arrives_in_order(up, follow):
    root = up.dirs[0]
    events = follow(up)
    start = events.next()
    assert start["event"] == "start" and start["data"]["resumed"] is False
    (root / "f").write_bytes(b"12345")
    assert ("created", "/f") in events.until(lambda kind, path: path == "/f")
    with open(root / "f", "ab") as file:
        file.write(b"678")
    events.until(lambda kind, path: (kind, path) == ("updated", "/f"))
    os.chmod(root / "f", 0o600)
    while True:
        event = events.next()
        if event["event"] == "updated" and event["data"]["node"]["path"] == "/f" \
                and "permissions" in event["data"]["changed"]:
            break
    assert event["data"]["node"]["size"] == 8 and event["data"]["node"]["mode"] & 0o777 == 0o600
    (root / "l").symlink_to("f")
    events.until(lambda kind, path: (kind, path) == ("created", "/l"))
    os.rename(root / "d", root / "e")
    while True:
        event = events.next()
        if event["event"] == "moved":
            break
    assert (event["data"]["old_path"], event["data"]["node"]["path"]) == ("/d", "/e")
    shutil.rmtree(root / "e")
    gone = events.until(lambda kind, path: (kind, path) == ("removed", "/e"))
    assert ("removed", "/e/old") in gone
    revisions = [start["data"]["revision"], event["data"]["revision"]]
    assert revisions == sorted(revisions)


def test_changes_are_told_within_milliseconds(up, follow):
    root = up.dirs[0]
    events = follow(up)
    events.next()
    took = []
    for i in range(ROUNDS):
        begin = time.monotonic()
        os.mkdir(root / f"n{i}")
        while True:
            event = events.next()
            if event["event"] == "created" and event["data"]["node"]["path"] == f"/n{i}":
                break
        took.append(1000 * (event["at"] - begin))
    print(f"told after p50 {statistics.median(took):.2f} ms, max {max(took):.2f} ms")
    assert statistics.median(took) < 50


def test_nothing_is_lost_over_cuts(up, follow):
    root = up.dirs[0]
    stop = threading.Event()

    def write():
        for i in range(BURST):
            (root / f"f{i}").write_bytes(b"")
            if stop.is_set():
                return
    events = follow(up)
    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    try:
        cuts = 0
        while len(seen) < BURST:
            event = events.next()
            assert event["event"] != "reset", event
            if event["event"] == "created" and event["data"]["node"]["path"].startswith("/f"):
                seen.add(event["data"]["node"]["path"])
            # In the middle of a revision as well as between two.
            if cuts < 10 and len(seen) > BURST * (cuts + 1) // 12:
                cuts += 1
                events.close()
                events = follow(up, last_id=events.last_id)
    finally:
        stop.set()
        writer.join()
    assert cuts == 10


def test_a_reader_that_never_reads_holds_up_nobody(up, follow):
    root = up.dirs[0]
    url = urllib.parse.urlsplit(up.url)
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect((url.hostname, url.port))
        stuck.sendall(f"GET /api/v1/views/{root.name}/changes HTTP/1.1\r\nHost: x\r\nX-API-Key: {up.key}\r\n\r\n"
                      .encode())
        events = follow(up)
        events.next()
        for i in range(BURST):
            (root / f"s{i}").write_bytes(b"")
        # Different files are looked at side by side: the last one made need not be the last one told.
        missing = {f"/s{i}" for i in range(BURST)}
        while missing:
            event = events.next()
            assert event["event"] != "reset", event
            if "node" in event["data"]:
                missing.discard(event["data"]["node"]["path"])
    assert up.running()


def test_only_what_is_below_a_path(up, follow):
    root = up.dirs[0]
    events = follow(up, "?path=/d")
    events.next()
    (root / "elsewhere").write_bytes(b"")
    (root / "d" / "here").write_bytes(b"")
    seen = events.until(lambda kind, path: path == "/d/here")
    assert all(path.startswith("/d") for _, path in seen)


def test_a_stop_of_the_server_ends_the_stream(up, follow):
    events = follow(up)
    events.next()
    assert up.stop() == 0
    events.thread.join(DEADLINE_S)
    assert events.ended == "end"


def test_curl_reads_it(up):
    root = up.dirs[0]
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    with subprocess.Popen(["curl", "-sN", "-H", f"X-API-Key: {up.key}",
                           f"{up.url}/api/v1/views/{root.name}/changes"], stdout=subprocess.PIPE) as curl:
        assert curl.stdout.readline() == b"retry: 1000\n"
        (root / "c").write_bytes(b"")
        for line in curl.stdout:
            if line.startswith(b"data: ") and b'"path":"/c"' in line:
                break
        curl.kill()


# --- fustor watch ---

def watch(start, up, *args):
    return start([FUSTOR, "watch", "--home", up.home, *args])


def json_lines(process):
    return [json.loads(line) for line in process.output().splitlines(keepends=True) if line.endswith("\n")]


def test_watch_prints_changes_until_it_is_interrupted(up, start):
    root = up.dirs[0]
    process = watch(start, up, root)
    probe = watch(start, up, "--json", root)
    wait_for(lambda: json_lines(probe), "the start of the watch")
    # Both ask at about the same time; the first may be later.
    wait_for(lambda: metric(up, "fustor_fusion_feed_readers") == 2 or touch(root), "two readers")
    os.mkdir(root / "a b")
    wait_for(lambda: f"created            - {root}/a b/\n" in process.output(), "the first line")
    os.rename(root / "a b", root / "c")
    wait_for(lambda: f"moved              - {root}/a b -> {root}/c/\n" in process.output(), "the second")
    os.rmdir(root / "c")
    wait_for(lambda: f"removed            - {root}/c/\n" in process.output(), "the last")
    assert len([line for line in process.output().splitlines() if "probe" not in line]) == 3
    process.send(signal.SIGINT)
    assert process.wait() in (0, 130, -signal.SIGINT)
    assert process.errors() == ""


def touch(root):
    """A revision, so that the figures of the view are those of now."""
    (root / "probe").write_bytes(b"")
    (root / "probe").unlink()
    return False


def metric(up, name):
    with urllib.request.urlopen(up.url + "/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + "{"):
                return float(line.rsplit(" ", 1)[1])
    return None


def test_watch_goes_on_after_a_restart_and_says_that_changes_were_missed(up, start, fustor_up):
    root = up.dirs[0]
    process = watch(start, up, "--json", root / "d")
    wait_for(lambda: json_lines(process), "the start of the watch")
    (root / "d" / "one").write_bytes(b"")
    wait_for(lambda: any(line.get("path") == f"{root}/d/one" for line in json_lines(process)), "the first file")
    up.kill()
    wait_for(lambda: "trying again" in process.errors(), "the watch to notice")
    (root / "d" / "meanwhile").write_bytes(b"")
    again = fustor_up(root, home=up.home)
    wait_for(lambda: any(line["kind"] == "reset" for line in json_lines(process)), "the reset")
    assert "changes were missed" in process.errors()
    (root / "d" / "two").write_bytes(b"")
    wait_for(lambda: any(line.get("path") == f"{root}/d/two" for line in json_lines(process)), "the second file")
    assert process.running() and again.running()


def test_watch_since_begins_where_another_ended(up, start):
    root = up.dirs[0]
    first = watch(start, up, "--json", root)
    wait_for(lambda: json_lines(first), "the start of the watch")
    (root / "one").write_bytes(b"")
    wait_for(lambda: any(line.get("path") == f"{root}/one" for line in json_lines(first)), "the first file")
    wait_for(lambda: "since" in json_lines(first)[-1], "the end of the revision")
    since = json_lines(first)[-1]["since"]
    first.stop()
    (root / "two").write_bytes(b"")
    wait_for(lambda: up.get(f"/api/v1/views/{root.name}/tree?path=/two")[0] == 200, "the second file")
    second = watch(start, up, "--json", "--since", since, root)
    wait_for(lambda: any(line.get("path") == f"{root}/two" for line in json_lines(second)), "it again")
    assert not any(line.get("path") == f"{root}/one" for line in json_lines(second))
    assert json_lines(second)[0]["kind"] == "start" and second.errors() == ""


def test_watch_says_what_is_wrong(up, fustor, tmp_path):
    nobody = fustor("watch", "--home", tmp_path / "nobody", "/")
    assert nobody.returncode == 3 and b"no Fustor is running" in nobody.stderr
    elsewhere = fustor("watch", "--home", up.home, tmp_path)
    assert elsewhere.returncode == 1 and b"no Fustor is running for" in elsewhere.stderr
    since = fustor("watch", "--home", up.home, "--since", "yesterday", up.dirs[0])
    assert since.returncode == 1 and b"since must be a revision" in since.stderr
