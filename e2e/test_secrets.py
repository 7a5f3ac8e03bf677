"""Keys are nowhere but where they were written: not in logs, answers, metrics, titles, names of files."""

import base64
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from conftest import BIN, http_get, wait_for
from http_agent import HttpAgent, call, event
from test_two_processes import Pair, certificates  # noqa: F401

PUSH = "SEKRETpush0123456789abcdef"
QUERY = "SEKRETquery0123456789abcdef"
OTHER = "SEKRETother0123456789abcdef"
WRONG = "SEKRETwrong0123456789abcdef"
REPORTED = "SEKRETreported0123456789abcdef"


class Searched:
    """What was seen, by where; looks for secrets in all of it."""

    def __init__(self, secrets):
        self.secrets = [secret.encode() for secret in secrets]
        self.secrets += [base64.b64encode(secret)[:-4] for secret in self.secrets[:5]]
        self.seen = []

    def add(self, where, data):
        self.seen.append((where, data if isinstance(data, bytes) else data.encode()))

    def found(self):
        return [(where, secret[:20]) for where, data in self.seen for secret in self.secrets if secret in data]


def titles_of(pid):
    """What other users see of a process, and what a core dump would be called."""
    proc = Path("/proc") / str(pid)
    yield "cmdline", (proc / "cmdline").read_bytes()
    for task in (proc / "task").iterdir():
        yield f"comm of {task.name}", (task / "comm").read_bytes()
    for fd in (proc / "fd").iterdir():
        try:
            yield f"fd {fd.name}", os.fsencode(os.readlink(fd))
        except FileNotFoundError:
            pass


@pytest.fixture(params=["grpc", "http"])
def pair(tmp_path, start, request, certificates):  # noqa: F811
    pair = Pair(tmp_path, start, request.param)
    pair.pem = certificates
    pair.write_fusion(receiver=f"tls: {{certificate_file: {certificates}/fusion.pem, "
                               f"private_key_file: {certificates}/fusion.key}}", more="logging: debug\n")
    text = pair.fusion_file.read_text()
    for old, new in (("push-key-0123456789abcdef", PUSH), ("query-key-0123456789abcdef", QUERY),
                     ("other-key-0123456789abcdef", OTHER)):
        text = text.replace(old, new)
    pair.fusion_file.write_text(text)
    pair.view.key = QUERY
    write_agent(pair, PUSH)
    pair.start_fusion()
    return pair


def write_agent(pair, key):
    pair.write_agent(key, sender=f", tls: {{ca_file: {pair.pem}/ca.pem}}")
    pair.agent_file.write_text(pair.agent_file.read_text() + "logging: debug\n")


def answers(pair, searched):
    """Every kind of refusal, and what anybody may read."""
    url, agent_url = pair.url, f"http://127.0.0.1:{pair.operator}"
    seen = set()

    def ask(method, route, key=None, **more):
        answer = call(method, url + route, key=key, **more)
        seen.add(answer.status)
        searched.add(f"{method} {route[:60]} {answer.status}", answer.body + str(answer.headers).encode())
        return answer
    view = "/api/v1/views/data"
    for key in (None, WRONG, OTHER, PUSH, QUERY):
        for route in ("/tree?max_depth=1", "/tree?path=/nothing", "/stats", "/search?pattern=[", "/tree?max_depth=x",
                      "/sessions", "/suspect-list", "/blind-spots", "/jobs", "/nothing", f"/tree?key={WRONG}",
                      f"/tree?path=/{QUERY}x&limit=-1"):
            route = route.replace(QUERY + "x", "x")
            ask("GET", view + route, key)
        ask("GET", "/api/v1/views", key)
        ask("GET", "/api/v1/pipe/pipes", key)
        ask("GET", "/api/v1/pipe/session/", key)
        ask("GET", "/api/v1/management/", key)
        ask("GET", "/api/v1/management/config", key)
        ask("GET", "/openapi.json", key)
        ask("PUT", view + "/suspect-list", key, data=b'{"updates": [')
        ask("POST", "/api/v1/pipe/session/", key, data=b"{" + WRONG.encode())
        ask("POST", "/api/v1/pipe/session/", key, data=b"[]")
        ask("DELETE", "/api/v1/pipe/session/nobody's")
        ask("POST", "/api/v1/pipe/ingest/nobody's/events", key, data=b"{")
        ask("POST", "/api/v1/pipe/session/nobody's/heartbeat", key, data=b"{}")
    ask("GET", view + "/tree", headers={"Authorization": f"Bearer {WRONG}"})
    ask("GET", view + "/tree", headers={"Authorization": f"Basic {base64.b64encode(WRONG.encode()).decode()}"})
    ask("GET", view + "/tree", headers={"X-API-Key": WRONG + "x" * 100_000})
    old = HttpAgent(url, PUSH, pair.data, task_id="old:agent")
    assert old.register(5).status == 200
    for source_type, metadata in (("config_report", {"filename": "a.yaml", "config_yaml": f"credential: {{key: {REPORTED}}}"}),
                                  ("config_report", {"filename": REPORTED, "config_yaml": f"key: {REPORTED}\n}}{{"}),
                                  ("config_report", {"config_yaml": [REPORTED]})):
        answer = old.post([event([], "snapshot")], source_type, metadata=metadata)
        searched.add("config_report", answer.body)
    sessions = [*pair.sessions(), old.session]
    old.end()
    seen.add(old.beat().status)
    for where in (url, agent_url):
        for route in ("/metrics", "/health", "/ready", "/nothing"):
            answer = http_get(where + route)
            if answer is not None:
                searched.add(f"{where}{route}", answer[1] + str(answer[2]).encode())
    assert {200, 401, 403, 404, 419, 422} <= seen, seen
    return sessions


def nonsense(pair):
    """Bytes that no protocol knows, at each door, with the key among them."""
    for port in (pair.http, pair.grpc, pair.operator):
        for data in (f"GET / HTTP/1.1\r\nX-API-Key: {WRONG}\r\nX-API-Key {WRONG}\r\n\r\n", f"{WRONG}\r\n\r\n",
                     f"GET /{WRONG} {WRONG} {WRONG}\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(data.encode())
                client.shutdown(socket.SHUT_WR)
                client.settimeout(10)
                try:
                    while client.recv(4096):
                        pass
                except OSError:
                    pass


TYPOS = [
    lambda text, key: text.replace(f"key: {key}", f"kee: {key}"),
    lambda text, key: text.replace(f"key: {key}", f'key: "{key}'),
    lambda text, key: text.replace(f"key: {key}", f"key: {key}: {key}"),
    lambda text, key: text.replace(f"key: {key}", f"key: [{key}, {key}]"),
    lambda text, key: text.replace(f"key: {key}", f"{key}: key"),
    lambda text, key: text.replace(f"key: {key}", f"key: &{key} x"),
    lambda text, key: text.replace(f"key: {key}", f"key: *{key}"),
    lambda text, key: text.replace(f"key: {key}", f"key: !{key} x"),
    lambda text, key: text + f"\nport: {key}\n",
    lambda text, key: text + f"\n{key}\n",
]


def bad_reloads(pair, searched):
    """A typo on the line with the key, of every kind; and what the checks print of it."""
    for process, file, program, key in ((pair.fusion, pair.fusion_file, "fustor-fusion", PUSH),
                                        (pair.agent, pair.agent_file, "fustor-agent", PUSH)):
        good = file.read_text()
        for n, spoil in enumerate(TYPOS):
            bad = spoil(good, key)
            assert bad != good
            file.write_text(bad)
            before = process.errors().count("the old one stays")
            process.send(signal.SIGHUP)
            wait_for(lambda process=process, before=before: process.errors().count("the old one stays") > before,
                     f"{program} to refuse typo {n}")
            for check in ([BIN / program, "--config", file, "--check-config"], [BIN / "fustor", "config", "check", file]):
                checked = pair.start(check)
                assert checked.wait() != 0, (n, checked.output())
                searched.add(f"{check[0].name} of typo {n}", checked.output() + checked.errors())
        file.write_text(good)
        process.send(signal.SIGHUP)
        wait_for(lambda process=process: "configuration taken" in process.errors(), "the good one")


def test_secrets_stay_where_they_are(pair):
    pem = [line for line in (pair.pem / "fusion.key").read_text().splitlines() if not line.startswith("-")]
    searched = Searched([PUSH, QUERY, OTHER, WRONG, REPORTED, *pem])
    write_agent(pair, WRONG)
    pair.start_agent()
    wait_for(lambda: "key" in pair.agent.errors().lower(), "the agent to be refused")
    write_agent(pair, PUSH)
    pair.agent.send(signal.SIGHUP)
    pair.wait_equal()
    sessions = answers(pair, searched)
    nonsense(pair)
    bad_reloads(pair, searched)
    for program, file in (("fustor-fusion", pair.fusion_file), ("fustor-agent", pair.agent_file)):
        checked = pair.start([BIN / program, "--config", file, "--check-config"])
        assert checked.wait() == 0
        searched.add(f"{program} --check-config", checked.output() + checked.errors())
    for process in (pair.fusion, pair.agent):
        for where, data in titles_of(process.pid):
            searched.add(f"{where} of {process.name}", data)
    for folder, folders, files in os.walk(pair.folder):
        for name in folders + files:
            searched.add(f"a name in {folder}", name)
    pair.agent.stop()
    pair.fusion.stop()
    for process in (pair.fusion, pair.agent):
        log = process.output() + process.errors()
        assert log.count("\n") > 10
        # Where no key is asked for, the session's id stands for it.
        assert not [session for session in sessions if session in log]
        for line in process.errors().splitlines():
            json.loads(line)
            searched.add(f"the log of {process.name}: {line[:200]}", line)
    assert searched.found() == []
