"""fustor-agent and fustor-fusion as two processes that find each other again, whatever happens to one."""

import json
import os
import re
import signal
import subprocess
import textwrap

import pytest

from conftest import BIN, few_watches, free_ports, http_get, resident_bytes, wait_for
from trees import View, wait_equal

PUSH_KEY = "push-key-0123456789abcdef"
QUERY_KEY = "query-key-0123456789abcdef"
OTHER_KEY = "other-key-0123456789abcdef"
TIMEOUT_S = 4
CHANGES = 100_000


class Pair:
    """Both processes, their configurations and their tree."""

    def __init__(self, folder, start, driver="grpc"):
        self.folder, self.start, self.driver = folder, start, driver
        self.data = folder / "data"
        (self.data / "a" / "b").mkdir(parents=True)
        for i in range(300):
            (self.data / "a" / f"file{i}").write_bytes(b"x" * i)
        self.fusion_file = folder / "fusion.yaml"
        self.agent_file = folder / "agent.yaml"
        self.fusion = self.agent = None
        self.choose_ports()

    def choose_ports(self):
        self.http, self.grpc, self.operator = free_ports(3)
        self.url = f"http://127.0.0.1:{self.http}"
        self.view = View(self.url, QUERY_KEY, "data")
        self.write_fusion()
        self.write_agent()

    def write_fusion(self, more="", receiver="", pipe="", view=""):
        self.fusion_file.write_text(textwrap.dedent(f"""\
            host: 127.0.0.1
            port: {self.http}
            receivers:
              agents:
                driver: {self.driver}
                bind_host: 127.0.0.1
                port: {self.grpc}
                api_keys:
                  - {{key: {PUSH_KEY}, pipe_id: data}}
                {receiver}
            views:
              data: {{driver: fs, api_keys: [{QUERY_KEY}]{view}}}
              other: {{driver: fs, api_keys: [{OTHER_KEY}]}}
            pipes:
              data: {{receiver: agents, views: [data], session_timeout_seconds: {TIMEOUT_S}{pipe}}}
            """) + more)

    def write_agent(self, key=PUSH_KEY, sender="", source=""):
        uri = f"127.0.0.1:{self.grpc}"
        if self.driver == "http":
            uri = ("https://" if "tls" in sender else "http://") + uri
        self.agent_file.write_text(textwrap.dedent(f"""\
            agent_id: host-1
            host: 127.0.0.1
            port: {self.operator}
            sources:
              data: {{driver: fs, uri: {self.data}{source}}}
            senders:
              fusion: {{driver: {self.driver}, uri: "{uri}", credential: {{key: {key}}}{sender}}}
            pipes:
              data: {{source: data, sender: fusion, error_retry_interval: 200ms, max_backoff_seconds: 1}}
            """))

    def start_fusion(self):
        """Another process may take a free port before Fusion does; then others are chosen."""
        for _ in range(5):
            self.fusion = self.start([BIN / "fustor-fusion", "--config", self.fusion_file])
            wait_for(lambda: http_get(self.url + "/ready") or not self.fusion.running(), "Fusion to answer")
            if self.fusion.running():
                return
            assert "in use" in self.fusion.errors(), self.fusion.logs()
            if self.agent is not None:
                pytest.skip("somebody took the port while Fusion was away")
            self.choose_ports()
        pytest.fail("no free port in five attempts")

    def start_agent(self, prefix=()):
        self.agent = self.start([*prefix, BIN / "fustor-agent", "--config", self.agent_file])

    def wait_agent_ready(self):
        """The agent publishes its own state now and then."""
        for path in ("health", "ready"):
            url = f"http://127.0.0.1:{self.operator}/{path}"
            wait_for(lambda url=url: http_get(url)[0] == 200, f"200 of the agent's /{path}")

    def wait_equal(self):
        self.view.wait_ready()
        wait_equal(self.view, self.data)

    def reason(self):
        """Why the view answers 503; None when it answers."""
        status, document = self.view.ask("stats")
        assert status in (200, 503), document
        return document["detail"] if status == 503 else None

    def sessions(self):
        return [session["session_id"] for session in self.view.get("sessions")["active_sessions"]]

    def change(self, name):
        """Changes of every kind, others for each name."""
        (self.data / name / "deep").mkdir(parents=True)
        (self.data / name / "deep" / "new").write_bytes(name.encode())
        (self.data / "a").rename(self.data / f"a-{name}")
        (self.data / f"a-{name}" / "file7").unlink(missing_ok=True)
        (self.data / f"a-{name}").rename(self.data / "a")
        (self.data / "a" / "b").rename(self.data / name / "b")
        (self.data / "a" / "b").mkdir()
        (self.data / "a" / "file8").chmod(0o600)
        (self.data / "a" / "file9").write_bytes(b"longer than before" * 9)


@pytest.fixture(params=["grpc", "http"])
def pair(tmp_path, start, request):
    pair = Pair(tmp_path, start, request.param)
    pair.start_fusion()
    return pair


@pytest.fixture
def running(pair):
    pair.start_agent()
    pair.wait_equal()
    return pair


def no_leader(pair):
    reason = pair.reason()
    return reason is not None and "No active leader session" in reason


def test_the_view_equals_the_tree_and_follows_it(pair):
    assert no_leader(pair)
    pair.start_agent()
    pair.wait_equal()
    pair.change("live")
    pair.wait_equal()
    pair.wait_agent_ready()


def test_the_agent_dies_and_comes_back(running):
    before = running.sessions()
    running.agent.kill()
    wait_for(lambda: no_leader(running), "503 after the agent's death")
    answer = http_get(running.view.url + "/api/v1/views/data/tree", QUERY_KEY)
    assert answer[0] == 503 and answer[2]["Retry-After"] == "10"
    assert json.loads(answer[1])["view_id"] == "data"
    running.change("unseen")
    running.start_agent()
    running.wait_equal()
    assert set(running.sessions()).isdisjoint(before)


def test_fusion_dies_and_comes_back(running):
    running.fusion.kill()
    running.change("unseen")
    running.start_fusion()
    running.wait_equal()
    running.change("seen")
    running.wait_equal()
    assert running.agent.running()


def test_both_die(running):
    running.fusion.kill()
    running.agent.kill()
    running.change("unseen")
    running.start_agent()
    running.start_fusion()
    running.wait_equal()


def test_an_agent_that_stood_still_begins_anew(running):
    before = running.sessions()
    os.kill(running.agent.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: no_leader(running), "503 while the agent stands still")
        running.change("unseen")
    finally:
        os.kill(running.agent.pid, signal.SIGCONT)
    running.wait_equal()
    assert set(running.sessions()).isdisjoint(before)


def test_fusion_stood_still(running):
    os.kill(running.fusion.pid, signal.SIGSTOP)
    try:
        running.change("unseen")
    finally:
        os.kill(running.fusion.pid, signal.SIGCONT)
    running.wait_equal()


def test_a_wrong_key(pair):
    wrong = "wrong-key-0123456789abcdef"
    pair.write_agent(wrong)
    pair.start_agent()

    def tries():
        return len([line for line in pair.agent.errors().splitlines() if "key" in line.lower()])
    wait_for(lambda: tries() >= 1, "a log line about the key")
    assert pair.agent.running()
    assert no_leader(pair)
    assert wrong not in pair.agent.errors() + pair.fusion.errors()
    assert PUSH_KEY not in pair.fusion.errors()
    pair.write_agent()
    pair.agent.send(signal.SIGHUP)
    pair.wait_equal()
    assert pair.agent.running()


def test_what_is_left_out(pair):
    """By name, by path, directories only; found by the scan, made later, renamed in and out."""
    def names(path):
        node = pair.view.get(f"tree?path={path}&max_depth=1")
        return sorted(child["name"] for child in node["children"])

    (pair.data / "x.tmp").write_text("no")
    (pair.data / "cache").mkdir()
    (pair.data / "cache" / "inside").write_text("no")
    (pair.data / "a" / "b" / "inside").write_text("no")
    pair.write_agent(source=", driver_params: {exclude: ['*.tmp', /a/b, cache/]}")
    pair.start_agent()
    pair.view.wait_ready()
    assert names("/") == ["a"]
    assert "b" not in names("/a") and len(names("/a")) == 300
    (pair.data / "y.tmp").write_text("no")
    (pair.data / "a" / "cache").mkdir()
    (pair.data / "x.tmp").rename(pair.data / "kept")
    (pair.data / "cache").rename(pair.data / "found")
    (pair.data / "a" / "file1").rename(pair.data / "a" / "file1.tmp")
    wait_for(lambda: names("/") == ["a", "found", "kept"], "what was renamed out of the rules")
    wait_for(lambda: names("/found") == ["inside"], "what lies below it")
    wait_for(lambda: len(names("/a")) == 299, "what was renamed into the rules to go")
    # The reading of new rules is a matter of a reload, and of a new session.
    before = pair.sessions()
    pair.write_agent()
    pair.agent.send(signal.SIGHUP)
    wait_for(lambda: pair.sessions() not in ([], before), "a new session")
    pair.wait_equal()


@pytest.fixture
def certificates(tmp_path):
    """An authority, and a certificate of it for 127.0.0.1."""
    folder = tmp_path / "pem"
    folder.mkdir()

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    openssl("req", *new_key, "-keyout", "fusion.key", "-out", "fusion.csr", "-subj", "/CN=fusion")
    (folder / "names").write_text("subjectAltName = IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "fusion.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "fusion.pem", "-days", "2", "-extfile", "names")
    return folder


def test_tls(pair, certificates):
    """Only an agent that trusts Fusion's authority sends; the key never goes to somebody else."""
    pair.fusion.stop()
    pair.write_fusion(receiver=f"tls: {{certificate_file: {certificates}/fusion.pem, "
                               f"private_key_file: {certificates}/fusion.key}}")
    pair.start_fusion()
    pair.write_agent(sender=", tls: {}")
    pair.start_agent()
    wait_for(lambda: "certificate verify failed" in pair.agent.errors(), "the agent to say that it does not trust")
    assert no_leader(pair)
    assert PUSH_KEY not in pair.agent.errors() + pair.fusion.errors()
    pair.agent.stop()
    pair.write_agent(sender=f", tls: {{ca_file: {certificates}/ca.pem}}")
    pair.start_agent()
    pair.wait_equal()
    pair.agent.stop()
    pair.write_agent(sender=f", tls: {{ca_file: {certificates}/no.pem}}")
    pair.start_agent()
    wait_for(lambda: "no.pem" in pair.agent.errors(), "the agent to name the missing file")


def test_an_audit_finds_what_no_event_told(pair):
    """With too few watches; what the audit finds is marked as announced by no agent."""
    if subprocess.run(["unshare", "-r", "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespaces here")
    for n in range(20):
        (pair.data / f"d{n}").mkdir()
        (pair.data / f"d{n}" / "old").write_text("x")
    pair.fusion.stop()
    pair.write_fusion(pipe=", audit_interval_sec: 1")
    pair.start_fusion()
    pair.start_agent(few_watches(4))
    pair.wait_equal()
    for n in range(20):
        (pair.data / f"d{n}" / "new").write_text("y")
        (pair.data / f"d{n}" / "old").unlink()
    pair.wait_equal()
    found = [n for n in range(20) if pair.view.node(b"/d%d/new" % n)["agent_missing"]]
    assert len(found) >= 15, "there were watches for all"
    spots = pair.view.get("blind-spots")
    assert spots["additions_count"] >= 15 and spots["deletion_count"] >= 15
    stats = pair.view.get("stats")
    assert stats["audit_cycle_count"] >= 1 and stats["has_blind_spot"]


def test_fusion_is_away_for_long(running):
    """What the agent keeps for it is bounded; what it could not keep is found by a scan."""
    running.fusion.kill()
    before = resident_bytes(running.agent.pid)
    folder = running.data / "a" / "b"
    for n in range(CHANGES):
        (folder / f"made{n}").write_bytes(b"")
        if n % 3 == 0:
            (folder / f"made{n}").rename(folder / f"renamed{n}")
        if n % 3 == 1:
            (folder / f"made{n}").unlink()
    assert resident_bytes(running.agent.pid) - before < 200 << 20
    running.start_fusion()
    running.wait_equal()
    assert running.agent.running()


def test_an_agent_alone_waits(tmp_path, start):
    pair = Pair(tmp_path, start)
    pair.start_agent()
    wait_for(lambda: http_get(f"http://127.0.0.1:{pair.operator}/health"), "the agent to answer")
    pair.start_fusion()
    pair.wait_equal()


def test_both_end_in_order(running):
    for process in (running.agent, running.fusion):
        process.send(signal.SIGTERM)
        assert process.wait(20) == 0
    lines = running.fusion.errors().splitlines()
    assert any('"session ended"' in line and "closed" in line for line in lines)


def test_fusion_ends_while_an_agent_is_there(running):
    running.fusion.send(signal.SIGTERM)
    assert running.fusion.wait(20) == 0
    running.start_fusion()
    running.wait_equal()
    running.agent.send(signal.SIGINT)
    assert running.agent.wait(20) == 0


def test_sighup_with_a_broken_file_changes_nothing(running):
    sessions = running.sessions()

    def refusals(process):
        return [json.loads(line) for line in process.errors().splitlines() if "the old one stays" in line]
    good = running.fusion_file.read_text(), running.agent_file.read_text()
    running.fusion_file.write_text(good[0].replace("api_keys: [", "api_key: [", 1))
    running.agent_file.write_text(good[1] + "nonsense: 1\n")
    for process, says in ((running.fusion, "did you mean 'api_keys'?"), (running.agent, "nonsense")):
        process.send(signal.SIGHUP)
        wait_for(lambda process=process: refusals(process), f"{process.name} to refuse")
        (line,) = refusals(process)
        assert line["level"] == "error" and says in line["error"] and QUERY_KEY not in line["error"]
    running.change("after")
    running.wait_equal()
    assert running.sessions() == sessions

    running.fusion_file.write_text(good[0].replace(OTHER_KEY, "another-key-0123456789"))
    running.fusion.send(signal.SIGHUP)
    wait_for(lambda: "configuration taken" in running.fusion.errors(), "the new configuration")
    assert http_get(running.url + "/api/v1/views/other/sessions", OTHER_KEY)[0] == 401
    assert http_get(running.url + "/api/v1/views/other/sessions", "another-key-0123456789")[0] == 200
    running.wait_equal()


def test_a_configuration_is_checked(pair):
    good = pair.fusion_file.read_text()

    def check(program, file):
        process = pair.start([BIN / program, "--config", file, "--check-config"])
        return process.wait(), process.output(), process.errors()
    assert check("fustor-fusion", pair.fusion_file) == (0, "The configuration is right.\n", "")
    assert check("fustor-agent", pair.agent_file)[:2] == (0, "The configuration is right.\n")

    pair.fusion_file.write_text(good.replace("api_keys: [", "api_key: [", 1).replace("port: ", "port: x", 1)
                                .replace("views: [data]", "views: [daat]"))
    code, out, errors = check("fustor-fusion", pair.fusion_file)
    lines = good.splitlines()
    assert (code, out) == (2, "")
    for number, says in ((2, "port"), (1 + lines.index(next(li for li in lines if "data: {driver" in li)), "api_key"),
                         (len(lines), "daat")):
        assert re.search(rf"{re.escape(str(pair.fusion_file))}:{number}:\d+: .*{says}", errors), errors
    assert "did you mean 'api_keys'?" in errors
    assert QUERY_KEY not in errors and PUSH_KEY not in errors
    for program in ("fustor-fusion", "fustor-agent"):
        code, out, errors = check(program, pair.folder / "nothing")
        assert (code, out) == (2, "") and f"{pair.folder}/nothing: there is no configuration" in errors


ANSWERS = [
    ("/api/v1/views/data/tree", None, 401, {"detail": "API key required"}),
    ("/api/v1/views/data/tree", "x", 401, {"detail": "Invalid API key"}),
    ("/api/v1/views", None, 401, {"detail": "API key required"}),
    ("/api/v1/views/data/tree", OTHER_KEY, 403, {"detail": "This API key does not open view 'data'"}),
    ("/api/v1/views/unknown/tree", QUERY_KEY, 403, {"detail": "This API key does not open view 'unknown'"}),
    ("/api/v1/views/data/tree?path=/nothing", QUERY_KEY, 404, {"detail": "Path '/nothing' not found in view 'data'"}),
    ("/api/v1/views/data/stats?path=/nothing", PUSH_KEY, 404, None),
    ("/api/v1/nothing", QUERY_KEY, 404, None),
    ("/api/v1/views/other/stats", OTHER_KEY, 503, None),
    ("/api/v1/views/data/tree?max_depth=x", QUERY_KEY, 422, None),
    ("/api/v1/views/data/tree?max_depth=0", QUERY_KEY, 200, None),
    ("/api/v1/views/data/tree?max_depth=0", PUSH_KEY, 200, None),
]


def test_who_may_ask_what(running):
    for path, key, status, says in ANSWERS:
        answer = http_get(running.url + path, key)
        assert answer[0] == status, (path, answer[1])
        document = json.loads(answer[1])
        assert says is None or document == says
        assert status == 200 or document["detail"]
        assert (status == 503) == ("Retry-After" in answer[2]), path


_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(?:{_LABEL}(?:,{_LABEL})*,?)?\}})? (\S+)(?: -?\d+)?")
_ABOUT = re.compile(rf"# (?:HELP {_NAME} .*|TYPE {_NAME} (?:counter|gauge|histogram|summary|untyped))")


def test_health_ready_and_metrics(running):
    running.wait_agent_ready()
    for port in (running.http, running.operator):
        url = f"http://127.0.0.1:{port}"
        health = json.loads(http_get(url + "/health")[1])
        assert health["live"] is True and health["ready"] is True and health["version"]
        assert json.loads(http_get(url + "/ready")[1])["ready"] is True
        status, body, headers = http_get(url + "/metrics")
        assert status == 200 and headers["Content-Type"].startswith("text/plain")
        assert body.endswith(b"\n")
        samples = set()
        for line in body.decode().splitlines():
            if line.startswith("#"):
                assert _ABOUT.fullmatch(line), line
                continue
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            float(sample[2])
            assert line.rsplit(" ", 1)[0] not in samples, f"twice: {line}"
            samples.add(line.rsplit(" ", 1)[0])
        assert any(sample.startswith("fustor_") for sample in samples)
        text = body.decode()
        assert all(key not in text for key in (PUSH_KEY, QUERY_KEY, OTHER_KEY))
