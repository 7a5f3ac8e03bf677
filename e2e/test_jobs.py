"""On-demand scans: asked of Fusion, carried out by agents, followed to their end."""

import json
import os
import re

import pytest

from conftest import BIN, FUSTOR, few_watches, on_terminal, wait_for
from http_agent import HttpAgent, call, event
from original_fusion import OriginalFusion, agent_config
from http_fusion import Fusion
from test_two_processes import PUSH_KEY, QUERY_KEY, Pair
from trees import wait_equal


def make_cold(*folders):
    """They changed long ago: the few watches go to others, which changed last."""
    for folder in folders:
        for path, _, _ in os.walk(folder):
            os.utime(path, (1e9, 1e9))


@pytest.fixture(params=["grpc", "http"])
def pair(request, tmp_path, start):
    return Pair(tmp_path, start, driver=request.param)


class Asked:
    """The jobs of one view."""

    def __init__(self, url, view="data", key=QUERY_KEY):
        self.base, self.key = f"{url}/api/v1/views/{view}", key

    def get(self, path):
        return call("GET", self.base + path, key=self.key)

    def start(self, path, recursive=True):
        answer = call("POST", f"{self.base}/jobs?path={path}&recursive={str(recursive).lower()}", key=self.key)
        assert answer.status == 202, answer
        return answer.json["job_id"]

    def job(self, job_id):
        answer = self.get(f"/jobs/{job_id}")
        assert answer.status == 200, answer
        return answer.json

    def wait_end(self, job_id):
        return wait_for(lambda: (job := self.job(job_id))["status"] not in ("PENDING", "RUNNING") and job, "the job")


def test_what_nobody_watches_becomes_visible(pair):
    pair.start_fusion()
    for name in ("x", "y"):
        (pair.data / name / "deep").mkdir(parents=True)
    make_cold(pair.data / "x", pair.data / "y")
    pair.start_agent(few_watches(1))
    pair.wait_equal()
    asked = Asked(pair.url)
    assert asked.get("/jobs").json == {"jobs": []}
    (pair.data / "x" / "deep" / "unseen").write_bytes(b"123")
    (pair.data / "y" / "new" / "er").mkdir(parents=True)
    (pair.data / "y" / "new" / "er" / "file").write_bytes(b"4")
    (pair.data / "a" / "file7").unlink()

    # A directory and all below it.
    job = asked.wait_end(asked.start("/x"))
    assert job["status"] == "COMPLETED" and job["error"] is None, job
    assert job["progress"] == {"completed_pipes": 1, "total_pipes": 1, "percentage": 100.0}
    assert job["view_id"] == "data" and job["path"] == "/x" and job["completed_at"] >= job["created_at"] > 0
    assert re.fullmatch("[0-9a-f]{8}", job["job_id"])
    tree = asked.get("/tree?path=/x/deep/unseen").json
    assert tree["size"] == 3 and tree["agent_missing"] is True, tree
    assert asked.get("/tree?path=/a/file7").status == 200, "nobody has looked there yet"

    # One directory alone: what is gone there goes.
    assert asked.wait_end(asked.start("/a", recursive=False))["status"] == "COMPLETED"
    assert asked.get("/tree?path=/a/file7").status == 404
    spots = asked.get("/blind-spots").json
    assert "/a/file7" in spots["deletions"] and "/x/deep/unseen" in [n["path"] for n in spots["additions"]]

    # What Fusion does not know yet, and neither does the agent.
    answer = asked.get("/tree?path=/y/new/er&on_demand_scan=true")
    assert answer.status == 200 and answer.json["job_pending"] is True and answer.json["message"], answer
    assert asked.wait_end(answer.json["job_id"])["status"] == "COMPLETED"
    assert asked.get("/tree?path=/y/new/er/file").json["size"] == 1

    # One that is known: the answer as it is now, with the job beside it.
    (pair.data / "x" / "later").write_bytes(b"56")
    answer = asked.get("/tree?path=/x&force-real-time=true").json
    assert answer["job_pending"] is True and answer["path"] == "/x" and answer["children"], answer
    asked.wait_end(answer["job_id"])
    assert asked.get("/tree?path=/x/later").json["size"] == 2
    assert asked.get("/tree?path=/x").json["job_id"] is None

    # A file: its directory.
    (pair.data / "x" / "later").write_bytes(b"567")
    assert asked.wait_end(asked.start("/x/later"))["status"] == "COMPLETED"
    assert asked.get("/tree?path=/x/later").json["size"] == 3
    wait_equal(pair.view, pair.data)


def test_fustor_scan(tmp_path, start, fustor, clean_env):
    """The same from the command line: as a person, in a pipe, as JSON."""
    pair = Pair(tmp_path, start)
    (pair.data / "x" / "deep").mkdir(parents=True)
    make_cold(pair.data / "x")
    pair.start_fusion()
    pair.start_agent(few_watches(1))
    pair.wait_equal()
    where = {"FUSTOR_URL": pair.url, "FUSTOR_KEY": QUERY_KEY}

    def run(*args, code=0):
        done = fustor(*args, env=where, cwd=pair.data)
        assert done.returncode == code, done
        return done.stdout.decode(), done.stderr.decode()

    assert run("jobs") == ("No scan was asked for.\n", "")
    (pair.data / "x" / "unseen").write_bytes(b"1")
    (pair.data / "x" / "deep" / "unseen").write_bytes(b"22")
    assert run("stat", "x/unseen", code=1)[0] == ""
    assert run("scan", "--wait", "x") == ("x: scanned by 1 agent\n", "")
    assert "unseen" in run("ls", "x")[0]
    assert run("stat", "x/deep/unseen", code=1)[0] == "", "not recursive"
    text = run("scan", "-r", pair.data / "x")[0]
    job_id = re.fullmatch(re.escape(f"{pair.data}/x") + ": 1 agent asked to look, job ([0-9a-f]{8})\n", text)[1]
    wait_for(lambda: "COMPLETED" in [line for line in run("jobs")[0].splitlines() if job_id in line][0], "the job")
    assert "unseen" in run("ls", "x/deep")[0]
    job = json.loads(run("scan", "--json", "--wait", ".")[0])
    assert (job["status"], job["path"], job["recursive"]) == ("COMPLETED", "/", False)
    assert [json.loads(line)["path"] for line in run("jobs", "--json")[0].splitlines()] == ["/x", "/x", "/"]
    out, err = run("scan", "--wait", "nowhere", "x", code=1)
    assert out == "x: scanned by 1 agent\n" and "nowhere: not scanned: host-1:data: /nowhere is not there" in err
    assert "/etc" in run("scan", "/etc", code=1)[1]
    code, text = on_terminal([FUSTOR, "scan", "-r", "--wait", "x"], clean_env | where, pair.data)
    assert code == 0 and text.splitlines()[-1].endswith(b"x: scanned by 1 agent"), text
    assert b"0 of 1 agent looked" in text
    code, text = on_terminal([FUSTOR, "jobs"], clean_env | where, pair.data)
    assert code == 0 and b"FAILED" in text and b"COMPLETED" in text


def test_what_cannot_be_looked_at_fails(pair):
    pair.write_agent(source=", driver_params: {exclude: [secret]}")
    (pair.data / "secret").mkdir()
    pair.start_fusion()
    pair.start_agent()
    pair.view.wait_ready()
    asked = Asked(pair.url)
    for path, why in [("/nowhere", "not there"), ("/nowhere/below", "not there"), ("/a/file3/x", "file is on the way"),
                      ("/secret", "excludes"), ("/secret/x", "excludes")]:
        job = asked.wait_end(asked.start(path))
        assert job["status"] == "FAILED" and why in job["error"] and why in job["parts"][0]["error"], job
        assert job["parts"][0]["task_id"] == "host-1:data"
    jobs = asked.get("/jobs").json["jobs"]
    assert [job["path"] for job in jobs] == ["/nowhere", "/nowhere/below", "/a/file3/x", "/secret", "/secret/x"]
    assert asked.get("/jobs/00000000").status == 404
    assert call("POST", f"{asked.base}/jobs?path=/../x", key=QUERY_KEY).status == 422
    assert call("POST", f"{asked.base}/jobs", key="nobody").status == 401
    assert call("GET", f"{asked.base}/jobs").status == 401
    assert asked.get("/tree?path=/a").status == 200


def test_nobody_to_ask_and_agents_that_go(pair):
    pair.start_fusion()
    asked = Asked(pair.url)
    answer = call("POST", f"{asked.base}/jobs?path=/", key=QUERY_KEY)
    assert answer.status == 503 and answer.headers["Retry-After"], answer
    agent = HttpAgent(pair.url, PUSH_KEY, pair.data, task_id="quiet:one")
    assert agent.register(timeout_s=30).status == 200
    job_id = asked.start("/")
    assert asked.start("/") == job_id and asked.start("/", recursive=False) == job_id, "it joins"
    assert asked.start("/a") != job_id
    assert asked.job(job_id)["status"] == "PENDING"
    assert {c["path"] for c in agent.beat().json["commands"]} == {"/", "/a"}
    assert agent.beat().json["commands"] == [], "once in a session"
    assert asked.job(job_id)["status"] == "RUNNING"
    # The same task takes over: it is asked again.
    assert agent.register(timeout_s=30).status == 200
    commands = agent.beat().json["commands"]
    assert {"type": "scan", "path": "/", "recursive": True, "job_id": job_id} in commands, commands
    agent.end()
    job = asked.job(job_id)
    assert job["status"] == "FAILED" and "session ended" in job["error"] and job["progress"]["percentage"] == 100
    # One that falls silent.
    assert agent.register(timeout_s=1).status == 200
    assert asked.wait_end(asked.start("/b"))["status"] == "EXPIRED"


def test_an_agent_of_the_first_generation_is_asked(tmp_path, start):
    data = tmp_path / "data"
    (data / "d").mkdir(parents=True)
    (data / "d" / "old").write_bytes(b"1")
    fusion = Fusion(tmp_path, start)
    agents = [HttpAgent(fusion.receiver, PUSH_KEY, data, task_id=f"old-{n}:main", seed=n) for n in range(2)]
    for agent in agents:
        assert agent.register().status == 200
    agents[0].snapshot()
    asked = Asked(fusion.management)
    (data / "d" / "new").write_bytes(b"22")
    job_id = wait_for(lambda: (a := asked.get("/tree?path=/d&on_demand_scan=true")).status == 200 and a.json["job_id"],
                      "the view")
    for count, agent in enumerate(agents):
        command, = agent.beat({"can_realtime": True}).json["commands"]
        assert command == {"type": "scan", "path": "/d", "recursive": True, "job_id": job_id}
        rows = [row for row in agent.rows() if row["path"].startswith("/d")]
        assert agent.post([event(rows, "on_demand_job")], "on_demand_job").status == 200
        assert asked.job(job_id)["progress"]["completed_pipes"] == count
        answer = agent.post([], "job_complete", metadata={"scan_path": "/d", "job_id": job_id})
        assert (answer.status, answer.json) == (200, {"status": "ok", "phase": "job_complete"})
        job = asked.job(job_id)
        assert job["progress"] == {"completed_pipes": count + 1, "total_pipes": 2, "percentage": 50.0 * (count + 1)}
    assert asked.job(job_id)["status"] == "COMPLETED"
    assert asked.get("/tree?path=/d/new").json["size"] == 2


def test_an_original_fusion_asks_our_agent(tmp_path, start):
    data = tmp_path / "data"
    (data / "a" / "b").mkdir(parents=True)
    (data / "a" / "b" / "file").write_bytes(b"1")
    (data / "other").write_bytes(b"2")
    original = OriginalFusion(PUSH_KEY)
    try:
        file = tmp_path / "agent.yaml"
        file.write_text(agent_config(original.url, PUSH_KEY, data))
        start([BIN / "fustor-agent", "--config", file])
        wait_for(lambda: original.snapshots, "the end of the snapshot")
        with original.lock:
            original.commands = [
                {"type": "scan", "path": "/a", "recursive": True, "job_id": "job-1"},
                {"type": "scan", "path": "/a", "recursive": False, "job_id": "job-2"},
                {"type": "scan", "path": "/gone", "recursive": True, "job_id": "job-3"},
                {"type": "scan", "path": "../x", "recursive": True, "job_id": "job-4"},
                {"type": "sing", "job_id": "job-5"}]
        wait_for(lambda: len(original.jobs) == 4, "four ends")
        deep, flat, gone, outside = original.jobs
        assert sorted(deep[0]) == ["/a", "/a/b", "/a/b", "/a/b/file"], deep
        assert sorted(flat[0]) == ["/a", "/a/b"], flat
        assert deep[1:] == ("job_complete", {"scan_path": "/a", "job_id": "job-1"})
        assert gone[2]["job_id"] == "job-3" and "not there" in gone[2]["error"]
        assert outside[2]["job_id"] == "job-4" and outside[2]["error"]
        assert not original.refused and not original.unknown
    finally:
        original.stop()
