"""Agents and clients of the first generation, over plain HTTP, against fustor-fusion."""

import os
import textwrap

import pytest

from conftest import BIN, wait_for
from http_agent import HttpAgent, call, event
from http_fusion import PUSH_KEY, QUERY_KEY, Fusion, shown
from original_fusion import OriginalFusion, agent_config


@pytest.fixture
def fusion(tmp_path, start):
    return Fusion(tmp_path, start)


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    (root / "a" / "b").mkdir(parents=True)
    (root / "empty").mkdir()
    for i in range(250):
        (root / "a" / f"file{i}").write_bytes(b"x" * i)
    (root / "a" / "b" / "deep").write_bytes(b"12345")
    with open(os.fsencode(root) + b"/a/b/raw\xff\xfe", "wb") as raw:
        raw.write(b"123")
    (root / "quote\"back\\slash\nline \u20ac").write_bytes(b"1")
    os.utime(root / "a" / "file1", (1_600_000_000.25, 1_600_000_000.25))
    return root


def test_a_snapshot_makes_the_view_ready_and_equal(fusion, data):
    agent = HttpAgent(fusion.receiver, PUSH_KEY, data)
    assert agent.register().status == 200
    rows = agent.rows()
    assert agent.post([event(rows[:50], "snapshot")], "snapshot").json == {
        "status": "ok", "count": 1, "rejected": 0}
    assert fusion.ask("stats").status == 503
    agent.snapshot()
    assert fusion.entries() == shown(agent)
    stats = fusion.ask("stats").json
    assert stats["total_files"] + stats["total_directories"] == len(rows)
    names = [node["name"] for node in fusion.ask("search?pattern=raw*").json]
    assert names == ["raw\udcff\udcfe"]


def test_both_ports_answer_everything(fusion, data):
    agent = HttpAgent(fusion.management, PUSH_KEY, data)
    assert agent.register().status == 200
    agent.snapshot()
    assert call("GET", f"{fusion.receiver}/api/v1/views/data/tree?max_depth=0", key=QUERY_KEY).status == 200
    agent.url = fusion.receiver
    assert agent.beat().status == 200
    assert agent.tell("/a/file1").status == 200


def test_changes_are_seen_as_they_come(fusion, data):
    agent = HttpAgent(fusion.receiver, PUSH_KEY, data)
    agent.register()
    agent.snapshot()

    (data / "a" / "file1").write_bytes(b"longer than before")
    assert agent.tell("/a/file1", is_atomic_write=False).json == {"status": "ok", "count": 1, "rejected": 0}
    node = fusion.ask("tree?path=/a/file1").json
    assert (node["size"], node["integrity_suspect"]) == (18, True)
    assert [each["path"] for each in fusion.ask("suspect-list").json].count("/a/file1") == 1
    agent.tell("/a/file1", is_atomic_write=True)
    assert not fusion.ask("tree?path=/a/file1").json["integrity_suspect"]

    (data / "a" / "file2").unlink()
    agent.tell("/a/file2", "delete")
    (data / "x" / "y" / "z").mkdir(parents=True)
    agent.tell("/x/y/z", "insert")
    for path in ("/x", "/x/y", "/a", "/"):
        agent.tell(path)
    assert fusion.entries() == shown(agent)

    # A directory's rename: a delete and rows of all that is inside.
    (data / "a").rename(data / "c")
    events = [event([{"path": "/a"}], "realtime", "delete")]
    events += [event([agent.row(f"/c/file{i}")], "realtime", "insert") for i in range(250) if i != 2]
    events += [event([agent.row(p)], "realtime", "insert") for p in ("/", "/c", "/c/b", "/c/b/deep")]
    events += [event([agent.row("/c/b/raw\udcff\udcfe")], "realtime", "insert")]
    assert agent.post(events, "message").json == {"status": "ok", "count": len(events), "rejected": 0}
    assert fusion.entries() == shown(agent)


def test_an_audit_finds_what_no_event_told(fusion, data):
    agent = HttpAgent(fusion.receiver, PUSH_KEY, data)
    agent.register()
    agent.snapshot()
    (data / "unseen").write_bytes(b"nobody told")
    (data / "a" / "file4").write_bytes(b"rewritten without an event")
    (data / "a" / "file5").unlink()
    assert agent.audit(silent=("/a/b",)).json == {"status": "audit_ended", "drivers_handled": 1}
    assert fusion.entries() == shown(agent)
    assert fusion.ask("tree?path=/a/b&max_depth=0").json["audit_skipped"]
    assert fusion.ask("tree?path=/unseen").json["agent_missing"]
    spots = fusion.ask("blind-spots").json
    assert {node["path"] for node in spots["additions"]} == {"/unseen", "/a/file4"}
    assert spots["deletions"] == ["/a/file5"]
    stats = fusion.ask("stats").json
    assert (stats["audit_cycle_count"], stats["is_auditing"]) == (1, False)
    # Further ends are of no audit.
    assert call("POST", f"{fusion.receiver}/api/v1/pipe/consistency/audit/end", {}, PUSH_KEY).status == 200
    assert fusion.entries() == shown(agent)
    assert fusion.ask("stats").json["audit_cycle_count"] == 1


def test_who_leads(fusion, data):
    leader = HttpAgent(fusion.receiver, PUSH_KEY, data, "one:main")
    follower = HttpAgent(fusion.receiver, PUSH_KEY, data, "two:main")
    assert leader.register(timeout_s=1).json["role"] == "leader"
    assert follower.register(timeout_s=30).json["role"] == "follower"
    leader.snapshot()
    # The leader falls silent: its session ends, and the follower leads with its next heartbeat.
    wait_for(lambda: follower.beat().json["role"] == "leader", "the follower to lead")
    assert leader.beat().status == 419
    assert leader.post([], "snapshot", is_end=True).status == 419
    assert fusion.ask("tree?max_depth=0").status == 200
    follower.end()
    assert fusion.ask("tree").status == 503


def test_bad_bodies_are_named_and_bad_rows_are_left_out(fusion, data):
    agent = HttpAgent(fusion.receiver, PUSH_KEY, data)
    url = f"{fusion.receiver}/api/v1/pipe"
    for body, field in ((b"", None), (b"{", None), (b"[]", None), (b'{"task_id":7}', "task_id"), (b"{}", "task_id"),
                        (b'{"task_id":"a:b","session_timeout_seconds":"x"}', "session_timeout_seconds")):
        answer = call("POST", f"{url}/session/", key=PUSH_KEY, data=body)
        assert answer.status == 422, body
        loc = answer.json["detail"][0]["loc"]
        assert loc[0] == "body" and (field is None or loc[1] == field)
    agent.register()
    ingest = f"{url}/ingest/{agent.session}/events"
    answer = call("POST", ingest, data=b'{"events": [1, nul], "is_end": false}')
    assert answer.status == 422 and "near byte 15" in answer.json["detail"][0]["msg"]
    assert call("POST", ingest, data=b'{"events": {}}').json["detail"][0]["loc"] == ["body", "events"]
    assert call("POST", ingest, data=b"x" * 100, headers={"Content-Encoding": "gzip"}).status == 400
    rows = [agent.row("/"), {"size": 1}, {"path": "/../x"}, {"path": "/a/" + "n" * 256}, {"path": "/s", "size": -1},
            {"path": 7}, "row", {"path": "/good", "size": 5, "modified_time": 1e300, "unknown": {"a": [1]}}]
    answer = agent.post([event(rows, "snapshot"), {"rows": 5}, "event"], "snapshot", is_end=True)
    assert answer.json == {"status": "ok", "count": 3, "rejected": 8}
    assert set(fusion.entries()) == {"/", "/good"}
    too_much = call("POST", ingest, data=b'{"events": [' + b" " * (33 << 20) + b"]}")
    assert too_much.status == 413


def test_packed_bodies(fusion, data):
    agent = HttpAgent(fusion.receiver, PUSH_KEY, data)
    agent.register()
    answer = agent.post([event(agent.rows(), "snapshot")], "snapshot", is_end=True, packed=True)
    assert answer.json == {"status": "ok", "count": 1, "rejected": 0}
    assert fusion.entries() == shown(agent)


# --- Our agent, and a Fusion of the first generation ---

@pytest.fixture
def original():
    fusion = OriginalFusion(PUSH_KEY)
    yield fusion
    fusion.stop()
    assert not fusion.refused and not fusion.unknown


class OurAgent:
    """Reports `root` to an original Fusion."""

    def __init__(self, folder, start, original, root):
        self.original, self.root = original, root
        file = folder / "agent.yaml"
        file.write_text(agent_config(original.url, PUSH_KEY, root))
        self.process = start([BIN / "fustor-agent", "--config", file])

    def on_disk(self):
        return {path: (kind == "directory", size, mtime)
                for path, (kind, size, mtime) in shown(HttpAgent("", "", self.root)).items()}

    def wait_equal(self):
        wait_for(lambda: self.original.shown() == self.on_disk(), "the original to show the tree")


@pytest.fixture
def ours(tmp_path, start, original, data):
    agent = OurAgent(tmp_path, start, original, data)
    agent.wait_equal()
    wait_for(lambda: original.snapshots, "the end of the snapshot")
    return agent


def test_our_agent_reports_to_an_original_fusion(ours, original, data):
    (data / "new").mkdir()
    (data / "new" / "file").write_bytes(b"123")
    (data / "a" / "file1").write_bytes(b"other")
    (data / "a" / "file2").unlink()
    ours.wait_equal()
    sessions = original.sessions_opened
    (data / "a").rename(data / "c")  # What the original cannot be told: it sees all again.
    ours.wait_equal()
    assert original.sessions_opened > sessions
    wait_for(lambda: original.audits, "the end of an audit")
    beat = wait_for(lambda: original.beats and original.beats[-1], "a heartbeat")
    assert isinstance(beat["can_realtime"], bool) and isinstance(beat["agent_status"]["state"], str), beat
    report = wait_for(lambda: original.reports and original.reports[0], "the agent's configuration")
    assert report["filename"] == "agent.yaml" and PUSH_KEY not in report["config_yaml"], report
    assert ours.process.stop() == 0
    assert not original.sessions and PUSH_KEY not in ours.process.errors()


@pytest.mark.parametrize("status, detail", [(404, "Session not found"), (419, "Session obsoleted")])
def test_our_agent_finds_out_that_its_session_is_over(ours, original, data, status, detail):
    """Also where rows of an expired session are answered 200, and forgotten: its heartbeat tells."""
    original.obsolete = (status, detail)
    with original.lock:
        original.sessions.clear()
    (data / "empty" / "late").write_bytes(b"4")
    ours.wait_equal()
    with original.lock:
        original.expired |= set(original.sessions)
        original.sessions.clear()
        opened = original.sessions_opened
    (data / "empty" / "lost").write_bytes(b"5")
    ours.wait_equal()
    assert original.sessions_opened > opened


def test_our_agent_goes_on_when_a_batch_is_refused(ours, original, data):
    with original.lock:
        original.refusals = 2
    (data / "empty" / "refused").write_bytes(b"4")
    ours.wait_equal()
    assert not original.refusals and ours.process.running()


def test_our_agent_sweeps_at_an_original_fusion(tmp_path, start, original, data):
    """What is there is told as it is seen; what is not is told as a deletion, in its place among the rows."""
    original.sentinel_s = 0.3
    ours = OurAgent(tmp_path, start, original, data)
    ours.wait_equal()
    with original.lock:
        original.entries["/a/file7"] = (False, 70, 7.0)
        original.entries["/never"] = (False, 1, 1.0)
        original.suspects = ["/a/file7", "/a/b/raw\udcff\udcfe", "/never", "/a/../a", "/no/such/place"]
    wait_for(lambda: original.sweeps, "a sweep")
    ours.wait_equal()
    seen = {update["path"]: update for update in original.sweeps[0]["updates"]}
    assert set(seen) == {"/a/file7", "/a/b/raw\udcff\udcfe"}
    row = HttpAgent("", "", data).row("/a/file7")
    assert seen["/a/file7"] == {"path": "/a/file7", "mtime": row["modified_time"], "size": 7, "status": "exists"}


def test_configurations_of_the_first_generation_are_read(tmp_path, start, data):
    """In its words; and what Fusion says of intervals is stronger than what the agent does."""
    fusion = Fusion(tmp_path, start, data=", driver_params: {hot_file_threshold: 30.0, "
                    "consistency: {tombstone_ttl_seconds: 3600}, limits: {max_nodes: 1000}}",
                    pipe=", allow_concurrent_push: true, audit_interval_sec: 43200, sentinel_interval_sec: 120")
    file = tmp_path / "agent.yaml"
    file.write_text(textwrap.dedent(f"""\
        agent_id: old-host
        port: 0
        sources:
          files:
            driver: fs
            uri: {data}
            driver_params: {{max_scan_workers: 2, min_monitoring_window_days: 30.0, throttle_interval_sec: 1.0,
                             max_sync_delay_seconds: 1.0, file_pattern: "*", startup_mode: "message-sync"}}
        senders:
          fusion: {{driver: fusion, uri: "{fusion.receiver}", credential: {{key: {PUSH_KEY}}},
                    batch_size: 1000, driver_params: {{timeout: 30}}}}
        pipes:
          main: {{source: files, sender: fusion, audit_interval_sec: 1, sentinel_interval_sec: 1}}
        """))
    agent = start([BIN / "fustor-agent", "--config", file])
    wait_for(lambda: fusion.ask("stats").status == 200, "the view")
    expected = shown(HttpAgent("", "", data))
    wait_for(lambda: fusion.entries() == expected, "the tree")
    (data / "new").write_bytes(b"1")
    wait_for(lambda: "/new" in fusion.entries(), "a change")
    session, = fusion.ask("sessions").json["active_sessions"]
    assert (session["task_id"], session["allow_concurrent_push"]) == ("old-host:main", True)
    assert fusion.ask("stats").json["audit_cycle_count"] == 0
    assert agent.running()
