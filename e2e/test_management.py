"""Commands for agents and the management API, with real processes."""

import json
import signal

import pytest

from conftest import http_get, wait_for
from http_agent import HttpAgent, call
from test_two_processes import PUSH_KEY, QUERY_KEY, Pair

MANAGEMENT_KEY = "management-key-0123456789"
SECRETS = (PUSH_KEY, QUERY_KEY, MANAGEMENT_KEY)


@pytest.fixture(params=["grpc", "http"])
def pair(request, tmp_path, start):
    pair = Pair(tmp_path, start, driver=request.param)
    pair.write_fusion(f"management: {{api_keys: [{MANAGEMENT_KEY}]}}\n")
    pair.start_fusion()
    return pair


class Management:
    def __init__(self, url):
        self.base = f"{url}/api/v1/management"

    def call(self, method, path, document=None, key=MANAGEMENT_KEY):
        answer = call(method, self.base + path, document, key)
        for secret in SECRETS:
            assert secret.encode() not in answer.body, (path, secret)
        return answer

    def get(self, path):
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def command(self, agent, **body):
        answer = self.call("POST", f"/agents/{agent}/command", body)
        assert answer.status == 202 and answer.json["status"] == "queued", answer
        return answer.json

    def report(self, agent="host-1"):
        """The configuration that the agent has told last; None: not yet."""
        answer = self.call("GET", f"/agents/{agent}/config")
        return answer.json["configs"][0] if answer.status == 200 else None


def test_without_a_key_there_is_no_management(tmp_path, start):
    pair = Pair(tmp_path, start)
    pair.start_fusion()
    for key in (None, QUERY_KEY, MANAGEMENT_KEY):
        answer = call("GET", f"{pair.url}/api/v1/management/dashboard", key=key)
        assert answer.status == 404 and "management.api_keys" in answer.json["detail"], answer


def test_what_operators_see(pair):
    management = Management(pair.url)
    for key, status in ((None, 401), ("nobody", 401), (QUERY_KEY, 403), (PUSH_KEY, 403)):
        for method, path in (("GET", "/dashboard"), ("GET", "/config"), ("POST", "/reload"), ("PATCH", "/config"),
                             ("POST", "/agents/host-1/command")):
            assert call(method, management.base + path, key=key).status == status, (key, path)
    assert management.call("GET", "/agents/host-1/config").status == 404
    assert management.call("POST", "/agents/host-1/command", {"type": "reload_config"}).status == 404
    pair.start_agent()
    pair.view.wait_ready()
    board = management.get("/dashboard")
    assert {v["id"]: v["ready"] for v in board["views"]} == {"data": True, "other": False}
    assert [(a["agent_id"], a["role"]) for a in board["agents"]] == [("host-1", "leader")]
    assert board["pipes"][0]["id"] == "data" and board["pipes"][0]["has_leader"] is True
    assert "http" in management.get("/drivers")["receivers"]
    config = management.get("/config")
    assert config["filename"] == "fusion.yaml" and "***" in config["config_yaml"], config
    assert f"port: {pair.http}" in config["config_yaml"] and "pipe_id: data" in config["config_yaml"]
    report = wait_for(management.report, "the agent's configuration")
    assert report["filename"] == "agent.yaml" and report["error"] is None
    assert str(pair.data) in report["config_yaml"] and "***" in report["config_yaml"], report
    # The management key opens the views, too; each call left a line.
    assert call("GET", f"{pair.url}/api/v1/views/data/stats", key=MANAGEMENT_KEY).status == 200
    lines = [json.loads(line) for line in pair.fusion.errors().splitlines() if '"management"' in line]
    assert ("/api/v1/management/config", 403) in [(line.get("path"), line.get("status")) for line in lines]
    metrics = http_get(pair.url + "/metrics")[1].decode()
    for secret in SECRETS:
        assert secret not in pair.fusion.errors() and secret not in pair.agent.errors() and secret not in metrics


def test_commands_reach_the_agent(pair):
    management = Management(pair.url)
    pair.start_agent()
    pair.wait_equal()
    wait_for(management.report, "the agent's configuration")

    # A scan is a job of the view.
    job = management.command("host-1", type="scan", path="/a", recursive=False)
    jobs = f"{pair.url}/api/v1/views/{job['view_id']}/jobs/{job['job_id']}"
    wait_for(lambda: call("GET", jobs, key=QUERY_KEY).json["status"] == "COMPLETED", "the job")

    # What is on the agent's disk is read again.
    pair.write_agent(source=", driver_params: {exclude: [file1]}")
    management.command("host-1", type="reload_config")
    wait_for(lambda: "file1" in management.report()["config_yaml"], "the new configuration")
    wait_for(lambda: pair.view.ask("tree?path=/a/file1")[0] == 404, "the file to be left out")

    # What would not load changes nothing.
    before = pair.agent_file.read_text()
    for text, why in (("agent_id: [", "agent.yaml:1"), ("agent_id: host-1\nsourcse: {}\n", "sourcse"),
                      (management.report()["config_yaml"], "***"),
                      (before.replace("agent_id: host-1", "agent_id: host-2"), "agent_id")):
        management.command("host-1", type="update_config", filename="agent.yaml", config_yaml=text)
        wait_for(lambda why=why: why in (management.report()["error"] or ""), why)
        assert pair.agent_file.read_text() == before
    for name in ("other.yaml", "../agent.yaml"):
        management.command("host-1", type="update_config", filename=name, config_yaml=before)
        wait_for(lambda: "alone" in (management.report()["error"] or ""), "the refusal")
    # What loads, is there, with the old one beside it.
    after = before.replace("file1", "file2")
    management.command("host-1", type="update_config", filename="agent.yaml", config_yaml=after)
    wait_for(lambda: pair.view.ask("tree?path=/a/file2")[0] == 404, "the other file to be left out")
    assert pair.agent_file.read_text() == after
    assert pair.agent_file.with_name("agent.yaml.bak").read_text() == before
    wait_for(lambda: pair.view.ask("tree?path=/a/file1")[0] == 200, "the file to be back")

    management.command("host-1", type="stop_pipe", pipe_id="nothing")
    wait_for(lambda: "nothing" in (management.report()["error"] or ""), "the refusal")
    management.command("host-1", type="stop_pipe", pipe_id="data")
    wait_for(lambda: management.get("/dashboard")["agents"] == [], "the pipe's end")
    assert pair.agent.running()
    pair.agent.send(signal.SIGHUP)
    wait_for(lambda: management.get("/dashboard")["agents"], "the pipe to be back")
    for secret in SECRETS:
        assert secret not in pair.fusion.errors() and secret not in pair.agent.errors()


def test_an_upgrade_runs_what_the_host_allows(pair, tmp_path):
    management = Management(pair.url)
    asked = tmp_path / "asked"
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\necho "$1" >> {asked}\nread -r x <&0 || true\n[ "$1" != 6.6 ] || exit 6\n'
                    f'[ "$1" != 2.0 ] || while [ ! -e {tmp_path}/go ]; do sleep 0.1; done\n')
    hook.chmod(0o755)
    before = pair.agent_file.read_text()
    pair.start_agent()
    wait_for(management.report, "the agent's configuration")
    for version in ("", "-1", "1/2", "$(id)"):
        answer = management.call("POST", "/agents/host-1/command", {"type": "upgrade", "version": version})
        assert answer.status == 422 and b"version" in answer.body, (version, answer)
    management.command("host-1", type="upgrade", version="1.0")
    wait_for(lambda: "upgrade_hook" in (management.report()["error"] or ""), "the refusal")
    # Who may change the configuration from afar cannot choose a program.
    management.command("host-1", type="update_config", filename="agent.yaml",
                       config_yaml=f"upgrade_hook: {hook}\n{before}")
    wait_for(lambda: "afar" in (management.report()["error"] or ""), "the other refusal")
    assert pair.agent_file.read_text() == before and not asked.exists()

    pair.agent_file.write_text(f"upgrade_hook: {hook}\n{before}")
    management.command("host-1", type="upgrade", version="2.0")
    wait_for(lambda: asked.exists() and asked.read_text() == "2.0\n", "the hook")
    management.command("host-1", type="upgrade", version="3.0")
    wait_for(lambda: "under way" in (management.report()["error"] or ""), "one at a time")
    (tmp_path / "go").touch()
    wait_for(lambda: "upgrade hook has ended" in pair.agent.errors(), "its end")
    management.command("host-1", type="upgrade", version="6.6")
    wait_for(lambda: "status 6" in (management.report()["error"] or ""), "how it ended")
    assert asked.read_text() == "2.0\n6.6\n" and pair.agent.running()


def test_an_agent_that_takes_no_orders(pair):
    management = Management(pair.url)
    pair.agent_file.write_text("remote_config: false\n" + pair.agent_file.read_text())
    before = pair.agent_file.read_text()
    pair.start_agent()
    wait_for(management.report, "the agent's configuration")
    management.command("host-1", type="update_config", filename="agent.yaml", config_yaml="agent_id: x\n")
    wait_for(lambda: "remote_config" in (management.report()["error"] or ""), "the refusal")
    assert pair.agent_file.read_text() == before


def test_fusions_own_configuration(pair):
    management = Management(pair.url)
    before = pair.fusion_file.read_text()
    for body, why in (({"views": {"data": {"driver": "fss"}}}, "driver"), ({"pipes": {"p": {"receiver": "x"}}}, "x"),
                      ({"views": {"n": {"driver": "fs", "api_keys": ["***"]}}}, "***"), ({"hots": 1}, "hots")):
        answer = management.call("PATCH", "/config", body)
        assert answer.status == 422 and why in json.dumps(answer.json), answer
    more = {"views": {"more": {"driver": "fs", "api_keys": ["another-key-0123"]}, "other": None}}
    answer = management.call("PATCH", "/config?dry_run=true", more)
    assert answer.status == 200 and "more" in answer.json["config_yaml"], answer
    assert "another-key" not in answer.json["config_yaml"]
    assert pair.fusion_file.read_text() == before
    assert management.call("PATCH", "/config", more).status == 200
    assert pair.fusion_file.with_name("fusion.yaml.bak").read_text() == before
    assert call("GET", f"{pair.url}/api/v1/views/more/sessions", key="another-key-0123").status == 200
    assert {v["id"] for v in management.get("/dashboard")["views"]} == {"data", "more"}
    assert call("GET", f"{pair.url}/api/v1/views/data/sessions", key=QUERY_KEY).status == 200, "its key is still there"
    # A file that somebody breaks is told, and changes nothing.
    taken = pair.fusion_file.read_text()
    pair.fusion_file.write_text(taken + "nonsense: 1\n")
    answer = management.call("POST", "/reload")
    assert answer.status == 422 and "nonsense" in answer.json["detail"], answer
    pair.fusion_file.write_text(taken)
    assert management.call("POST", "/reload").status == 200


def test_what_an_old_agent_tells_of_its_configuration(tmp_path, start):
    """Its whole file, keys included: nothing of the keys can be read anywhere."""
    pair = Pair(tmp_path, start, driver="http")
    pair.write_fusion(f"management: {{api_keys: [{MANAGEMENT_KEY}]}}\n")
    pair.start_fusion()
    management = Management(pair.url)
    agent = HttpAgent(pair.url, PUSH_KEY, pair.data, task_id="old:main")
    assert agent.register().status == 200
    secrets = [f"s3cret-{n}-value" for n in range(6)]
    told = f"""# {secrets[0]}
agent_id: old
senders:
  main: {{driver: fusion, uri: "http://user:{secrets[1]}@host:8102/", credential: {{key: {secrets[2]}, user: {secrets[3]}}}}}
sources:
  db: {{driver: mysql, uri: x, credential: {secrets[4]}, driver_params: {{DB_PassWord: [{secrets[5]}]}}}}
"""
    answer = agent.post([], "config_report", metadata={"filename": "agent.yaml", "config_yaml": told})
    assert (answer.status, answer.json) == (200, {"status": "ok", "count": 0})
    report = management.report("old")
    assert "agent_id: old" in report["config_yaml"] and "host:8102" in report["config_yaml"], report
    agent.post([], "config_report", metadata={"filename": "b.yaml", "config_yaml": f"key: {{{secrets[0]}"})
    everything = [json.dumps(management.call("GET", "/agents/old/config").json), pair.fusion.errors(),
                  json.dumps(management.get("/dashboard")), http_get(pair.url + "/metrics")[1].decode(),
                  http_get(pair.url + "/health")[1].decode()]
    for secret in secrets:
        assert not [text for text in everything if secret in text], secret
