"""One view over two hosts that show different things under the same names: a forest."""

import json
import textwrap

import pytest

from conftest import BIN, few_watches, free_ports, http_get, wait_for
from http_agent import call
from test_jobs import Asked, make_cold
from trees import View, wait_equal

QUERY_KEY = "query-key-0123456789abcdef"
HOSTS = ("east", "west")
TIMEOUT_S = 2


def push_key(host):
    return f"push-key-of-{host}-0123456789"


class Forest:
    def __init__(self, folder, start):
        self.folder, self.start = folder, start
        self.http, self.grpc = free_ports(2)
        self.url = f"http://127.0.0.1:{self.http}"
        self.whole = View(self.url, QUERY_KEY, "forest")
        self.agents = {}
        for host in HOSTS:
            (folder / host / "shared").mkdir(parents=True)
            (folder / host / "shared" / f"only-{host}").write_text(host)
        (folder / "fusion.yaml").write_text(textwrap.dedent(f"""\
            host: 127.0.0.1
            port: {self.http}
            receivers:
              agents:
                driver: grpc
                bind_host: 127.0.0.1
                port: {self.grpc}
                api_keys: [{", ".join(f"{{key: {push_key(host)}, pipe_id: {host}}}" for host in HOSTS)}]
            views:
              forest: {{driver: forest-fs, api_keys: [{QUERY_KEY}]}}
            pipes:
            """) + "".join(f"  {host}: {{receiver: agents, views: [forest], "
                           f"session_timeout_seconds: {TIMEOUT_S}}}\n" for host in HOSTS))
        self.fusion = start([BIN / "fustor-fusion", "--config", folder / "fusion.yaml"])
        wait_for(lambda: http_get(self.url + "/health"), "Fusion to answer")
        if not self.fusion.running():
            pytest.skip("somebody took the port")

    def member(self, host):
        return View(self.url, QUERY_KEY, f"forest:{host}")

    def start_agent(self, host, wrapper=()):
        file = self.folder / f"{host}.yaml"
        file.write_text(textwrap.dedent(f"""\
            agent_id: {host}
            port: 0
            sources:
              data: {{driver: fs, uri: {self.folder / host}}}
            senders:
              fusion: {{driver: grpc, uri: "127.0.0.1:{self.grpc}", credential: {{key: {push_key(host)}}}}}
            pipes:
              data: {{source: data, sender: fusion, error_retry_interval: 200ms, max_backoff_seconds: 1}}
            """))
        self.agents[host] = self.start([*wrapper, BIN / "fustor-agent", "--config", file], name=f"agent-{host}")


def test_each_host_has_a_tree_of_its_own(tmp_path, start, fustor):
    forest = Forest(tmp_path, start)
    forest.start_agent("east")
    forest.member("east").wait_ready()

    # Nobody has come from the west yet: that is its own fault.
    stats = forest.whole.get("stats?path=/shared&best=file_count")
    assert stats["best"]["member"] == "forest:east"
    assert stats["members"]["forest:east"]["data"]["file_count"] == 1
    assert stats["members"]["forest:west"]["status"] == 503
    assert "forest:west" in stats["members"]["forest:west"]["error"]["detail"]

    forest.start_agent("west")
    for host in HOSTS:
        forest.member(host).wait_ready()
        wait_equal(forest.member(host), tmp_path / host)

    (tmp_path / "west" / "shared" / "more").write_text("x" * 1000)
    wait_for(lambda: forest.member("west").node(b"/shared/more"), "the change in the west")
    assert forest.member("east").node(b"/shared/more") is None
    tree = forest.whole.get("tree?path=/shared&best=total_size")
    assert list(tree["members"]) == ["forest:west"]
    names = [child["name"] for child in tree["members"]["forest:west"]["data"]["children"]]
    assert names == ["more", "only-west"]

    path = tmp_path / "east" / "shared"
    listed = fustor("ls", path, "--url", forest.url, "--key", QUERY_KEY, "--view", "forest:east")
    assert listed.stdout == b"only-east\n", listed
    refused = fustor("watch", path, "--url", forest.url, "--key", QUERY_KEY, "--view", "forest")
    assert refused.returncode != 0 and b"forest:east forest:west" in refused.stderr, refused


def test_scans_are_asked_of_one_member(tmp_path, start, fustor):
    """Over HTTP and from the command line; a forest as a whole names its members."""
    forest = Forest(tmp_path, start)
    for host in HOSTS:
        make_cold(tmp_path / host / "shared")
        forest.start_agent(host, few_watches(1))
    for host in HOSTS:
        forest.member(host).wait_ready()
        (tmp_path / host / "shared" / "unseen").write_text("new")

    whole = Asked(forest.url, "forest", QUERY_KEY)
    refused = call("POST", f"{whole.base}/jobs?path=/shared", key=QUERY_KEY)
    assert refused.status == 400 and "forest:east forest:west" in refused.json["detail"], refused
    assert call("POST", f"{whole.base}:north/jobs", key=QUERY_KEY).status == 403

    east = Asked(forest.url, "forest:east", QUERY_KEY)
    done = east.wait_end(east.start("/shared"))
    assert (done["status"], done["view_id"]) == ("COMPLETED", "forest:east"), done
    assert [part["task_id"] for part in done["parts"]] == ["east:data"], "nobody else is asked"
    assert forest.member("east").node(b"/shared/unseen")
    assert forest.member("west").node(b"/shared/unseen") is None

    def run(*args, code=0):
        done = fustor(*args, "--url", forest.url, "--key", QUERY_KEY)
        assert done.returncode == code, done
        return done.stdout.decode(), done.stderr.decode()

    west = tmp_path / "west" / "shared"
    assert run("scan", "--wait", "--view", "forest:west", west) == (f"{west}: scanned by 1 agent\n", "")
    assert forest.member("west").node(b"/shared/unseen")
    assert "forest:east forest:west" in run("scan", "--view", "forest", west, code=1)[1]

    listed = call("GET", f"{whole.base}/jobs", key=QUERY_KEY).json["members"]
    assert {name: [job["path"] for job in member["data"]["jobs"]] for name, member in listed.items()} == {
        "forest:east": ["/shared"], "forest:west": ["/shared"]}
    assert [json.loads(line)["view_id"] for line in run("jobs", "--json")[0].splitlines()] == [
        "forest:east", "forest:west"]


def test_a_member_that_loses_its_agent_takes_no_other_along(tmp_path, start):
    forest = Forest(tmp_path, start)
    for host in HOSTS:
        forest.start_agent(host)
        forest.member(host).wait_ready()
    forest.agents["west"].kill()
    wait_for(lambda: not forest.member("west").ready(), "the west to be missed")
    answer = forest.whole.get("search?pattern=only-*")
    assert [node["name"] for node in answer["members"]["forest:east"]["data"]] == ["only-east"]
    assert answer["members"]["forest:west"]["status"] == 503
    forest.start_agent("west")
    forest.member("west").wait_ready()
