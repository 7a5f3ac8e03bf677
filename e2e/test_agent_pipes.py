"""One agent with several pipes: a source that they share, Fusions that die, pipes that come, go and change."""

import json
import os
import re
import signal
import subprocess
import textwrap

import pytest

from conftest import BIN, free_ports, http_get, wait_for
from trees import View, node_path, on_disk, wait_equal

VIEWS = ("one", "two")


def push_key(view):
    return f"push-key-of-{view}-0123456789"


def query_key(view):
    return f"query-key-of-{view}-0123456789"


class Fusion:
    """A process with one view for each pipe, and doors for both protocols."""

    def __init__(self, folder, start, name):
        self.file, self.start = folder / f"{name}.yaml", start
        self.http, self.grpc, self.json = free_ports(3)
        self.url = f"http://127.0.0.1:{self.http}"
        self.views = {view: View(self.url, query_key(view), view) for view in VIEWS}
        keys = {view: f"[{{key: {push_key(view)}, pipe_id: {view}}}]" for view in VIEWS}
        self.file.write_text(textwrap.dedent(f"""\
            host: 127.0.0.1
            port: {self.http}
            receivers:
              grpc: {{driver: grpc, bind_host: 127.0.0.1, port: {self.grpc}, api_keys: {keys["one"]}}}
              http: {{driver: http, bind_host: 127.0.0.1, port: {self.json}, api_keys: {keys["two"]}}}
            views:
              one: {{driver: fs, api_keys: [{query_key("one")}]}}
              two: {{driver: fs, api_keys: [{query_key("two")}]}}
            pipes:
              one: {{receiver: grpc, views: [one], session_timeout_seconds: 4}}
              two: {{receiver: http, views: [two], session_timeout_seconds: 4}}
            """))
        self.process = None

    def run(self):
        self.process = self.start([BIN / "fustor-fusion", "--config", self.file])
        wait_for(lambda: http_get(self.url + "/ready") or not self.process.running(), "Fusion to answer")
        if not self.process.running():
            pytest.skip("somebody took a port")

    def sessions(self, view):
        answer = http_get(f"{self.url}/api/v1/views/{view}/sessions", query_key(view))
        return [session["session_id"] for session in json.loads(answer[1])["active_sessions"]]


class Agent:
    def __init__(self, folder, start):
        self.folder, self.start = folder, start
        self.data = folder / "data"
        (self.data / "a" / "b").mkdir(parents=True)
        for number in range(200):
            (self.data / "a" / f"file{number}").write_bytes(b"x" * number)
        self.file = folder / "agent.yaml"
        (self.operator,) = free_ports(1)
        self.senders, self.pipes = {}, {}
        self.process = None

    def add(self, pipe, fusion, protocol, view=None, more=""):
        port = {"grpc": fusion.grpc, "http": fusion.json}[protocol]
        uri = f"127.0.0.1:{port}" if protocol == "grpc" else f"http://127.0.0.1:{port}"
        self.senders[pipe] = (f'{{driver: {protocol}, uri: "{uri}", '
                              f"credential: {{key: {push_key(view or pipe)}}}}}")
        self.pipes[pipe] = (f"{{source: data, sender: {pipe}, error_retry_interval: 200ms, "
                            f"max_backoff_seconds: 1{more}}}")

    def remove(self, pipe):
        del self.senders[pipe], self.pipes[pipe]

    def write(self):
        text = textwrap.dedent(f"""\
            agent_id: host-1
            host: 127.0.0.1
            port: {self.operator}
            sources:
              data: {{driver: fs, uri: {self.data}}}
            """)
        for kind in ("senders", "pipes"):
            text += f"{kind}:\n" + "".join(f"  {k}: {v}\n" for k, v in getattr(self, kind).items())
        self.file.write_text(text)

    def run(self):
        self.write()
        self.process = self.start([BIN / "fustor-agent", "--config", self.file])

    def reload(self):
        self.write()
        taken = self.said("configuration taken")
        self.process.send(signal.SIGHUP)
        wait_for(lambda: self.said("configuration taken") > taken, "the configuration to be taken")

    def said(self, what):
        return self.process.errors().count(what)

    def metric(self, name, pipe):
        text = http_get(f"http://127.0.0.1:{self.operator}/metrics")[1].decode()
        found = re.search(rf'^{name}{{pipe="{pipe}"}} (\d+)', text, re.MULTILINE)
        return int(found[1]) if found else None

    def change(self, name):
        (self.data / "a" / name).write_text(name)
        (self.data / "new" / name).mkdir(parents=True)
        (self.data / "new" / name / "inside").write_text("x")


def wait_mapped(view, root):
    """Until the view shows paths, kinds, sizes and times as they are."""
    def seen():
        nodes = {}
        for page in view.pages("search?type=any"):
            nodes |= {node_path(n): (n["content_type"], n["size"], int(n["modified_time_ns"])) for n in page["items"]}
        return nodes

    def there():
        return {path: ("directory" if entry.is_directory else "file", entry.size, entry.mtime_ns)
                for path, entry in on_disk(root).items() if path != b"/"}
    wait_for(lambda: view.ready() and seen() == there(), "the mapped fields")


@pytest.fixture
def fusion(tmp_path, start):
    fusion = Fusion(tmp_path, start, "fusion")
    fusion.run()
    return fusion


@pytest.fixture
def agent(tmp_path, start):
    return Agent(tmp_path, start)


def test_two_pipes_share_a_watch_and_no_fate(agent, fusion, tmp_path, start):
    """One Fusion over gRPC and one over HTTP; one of them dies and comes back."""
    other = Fusion(tmp_path, start, "other")
    other.run()
    agent.add("one", fusion, "grpc")
    agent.add("two", other, "http")
    agent.run()
    for view in (fusion.views["one"], other.views["two"]):
        wait_equal(view, agent.data)
    assert agent.said("source opened") == 1
    agent.change("both")
    for view in (fusion.views["one"], other.views["two"]):
        wait_equal(view, agent.data)

    sessions = fusion.sessions("one")
    other.process.kill()
    agent.change("one-only")
    wait_equal(fusion.views["one"], agent.data)
    other.run()
    wait_equal(other.views["two"], agent.data)
    assert fusion.sessions("one") == sessions
    assert agent.said("source opened") == 1
    assert agent.metric("fustor_agent_overflows_total", "one") == 0


def test_intervals_change_in_place(agent, fusion):
    agent.add("one", fusion, "grpc")
    agent.add("two", fusion, "http")
    agent.run()
    for view in fusion.views.values():
        wait_equal(view, agent.data)
    before = {view: fusion.sessions(view) for view in VIEWS}
    agent.add("one", fusion, "grpc", more=", audit_interval_sec: 60, max_consecutive_errors: 2")
    agent.reload()
    assert agent.said("pipe changed in place") == 1
    agent.change("after")
    for view in fusion.views.values():
        wait_equal(view, agent.data)
    assert {view: fusion.sessions(view) for view in VIEWS} == before


def test_pipes_come_and_go(agent, fusion):
    """Each by a reload; the one that stays does not notice, and the tree is watched anew by none."""
    agent.add("one", fusion, "grpc")
    agent.run()
    wait_equal(fusion.views["one"], agent.data)
    stays = fusion.sessions("one")

    agent.add("two", fusion, "http")
    agent.reload()
    wait_equal(fusion.views["two"], agent.data)
    (session,) = fusion.sessions("two")
    agent.change("by-both")
    for view in fusion.views.values():
        wait_equal(view, agent.data)

    # A file with a fault changes nothing.
    good = dict(agent.pipes)
    agent.remove("two")
    agent.pipes["three"] = "{source: nothing, sender: nowhere}"
    agent.write()
    agent.process.send(signal.SIGHUP)
    wait_for(lambda: agent.said("the old one stays") == 1, "the refusal")
    assert fusion.sessions("two") == [session]
    agent.change("with-a-bad-file")
    for view in fusion.views.values():
        wait_equal(view, agent.data)

    # One that is removed ends its session at once: not when it times out.
    agent.pipes = {"one": good["one"]}
    agent.reload()
    assert fusion.sessions("two") == []
    assert fusion.sessions("one") == stays
    agent.change("by-one")
    wait_equal(fusion.views["one"], agent.data)
    assert agent.said("source opened") == 1


def test_a_pipe_moves_to_another_fusion(agent, fusion, tmp_path, start):
    other = Fusion(tmp_path, start, "other")
    other.run()
    agent.add("one", fusion, "grpc")
    agent.add("two", fusion, "http")
    agent.run()
    for view in fusion.views.values():
        wait_equal(view, agent.data)
    stays = fusion.sessions("two")
    listed = agent.metric("fustor_agent_directories_listed_total", "two")
    agent.add("one", other, "grpc")
    agent.reload()
    assert fusion.sessions("one") == [], "closed, not timed out"
    agent.change("moved")
    wait_equal(other.views["one"], agent.data)
    wait_equal(fusion.views["two"], agent.data)
    assert fusion.sessions("two") == stays
    assert agent.said("source opened") == 1
    assert listed is not None


def test_only_mapped_fields_leave(agent, fusion):
    rules = ("{to: path, source: path}, {to: size, source: size}, {to: modified_time_ns, source: modified_time_ns}, "
             "{to: uid, hardcoded_value: 77}")
    for pipe, protocol in (("one", "grpc"), ("two", "http")):
        agent.add(pipe, fusion, protocol, more=f", fields_mapping: [{rules}]")
    agent.run()
    for view in fusion.views.values():
        wait_mapped(view, agent.data)
    agent.change("later")
    for view in fusion.views.values():
        wait_mapped(view, agent.data)
        node = view.node(b"/a/file7")
        assert (node["size"], node["uid"], node["mode"], node["inode"]) == (7, 77, 0, 0)
        assert view.node(b"/a")["content_type"] == "directory"


def test_a_mapping_that_makes_no_sense_is_refused(agent, fusion):
    agent.add("one", fusion, "grpc", more=", fields_mapping: [{to: sise, source: size}]")
    agent.write()
    check = agent.start([BIN / "fustor-agent", "--config", agent.file, "--check-config"])
    assert check.wait() == 2
    assert "'sise' is no field of a row; did you mean 'size'?" in check.errors()
    assert "a rule for 'path' is missing" in check.errors() and f"{agent.file}:" in check.errors()


def lines_of(text):
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def test_echo_shows_what_would_be_sent(agent, fusion):
    """To a file, and to an output that nobody reads, beside a pipe that goes on."""
    file = agent.folder / "seen.ndjson"
    agent.senders |= {"file": f'{{driver: echo, uri: "file://{file}"}}', "out": "{driver: echo}"}
    agent.pipes |= {name: f"{{source: data, sender: {name}}}" for name in ("file", "out")}
    agent.add("one", fusion, "grpc")
    agent.write()
    read, write = os.pipe()
    with subprocess.Popen([BIN / "fustor-agent", "--config", agent.file], stdout=write,
                          stderr=subprocess.DEVNULL) as process:
        os.close(write)
        try:
            wait_equal(fusion.views["one"], agent.data)
            for number in range(300):
                (agent.data / f"n{number}").write_text("x" * number)
            (agent.data / "n7").rename(agent.data / "m7")
            (agent.data / "n8").unlink()
            wait_equal(fusion.views["one"], agent.data)
            wait_for(lambda: any(e.get("event_type") == "delete" and e["path"] == "/n8"
                                 for e in lines_of(file.read_text())), "the deletion")
            seen = lines_of(file.read_text())
            marks = [e["mark"] for e in seen if "mark" in e]
            assert marks == ["begin", "end"]
            assert {"/a", "/a/b", "/a/file9"} <= {e.get("path") for e in seen}
            assert any(e.get("old_path") == "/n7" and e["path"] == "/m7" for e in seen)
            assert {e["task"] for e in seen} == {"host-1:file"}
            # What nobody reads is there, up to what a pipe holds, in whole lines.
            first = lines_of(os.read(read, 4000).decode(errors="replace"))
            assert first and {e["task"] for e in first} == {"host-1:out"}
        finally:
            process.terminate()
            assert process.wait(30) == 0
            os.close(read)
