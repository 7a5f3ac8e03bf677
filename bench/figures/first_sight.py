"""From start to READY: fustor-agent and fustor-fusion as two processes that speak gRPC, beside one
run of find over the same tree."""

import json
import shutil
import time

from figures.machine import median
from figures.row import Row
from figures.scan import FIELDS
from figures.service import Answers, Service, free_port, wait_until

ROUNDS = 3
PUSH_KEY = "bench-push"
QUERY_KEY = "bench-query"


def run(machine):
    tree = machine.tree()
    results = machine.interleave({
        "ours": lambda: _first_sight(machine, tree),
        "bare": lambda: machine.time(
            [machine.program("scan_bench"), "bare", tree, "--threads", 2]).wall_s,
        "find -printf": lambda: machine.time(
            [machine.peer("find"), tree, "-printf", FIELDS]).wall_s,
    }, ROUNDS)
    ours = results["ours"]
    find_s = median(results["find -printf"])
    ready = Row("start to READY", "s", median(r["ready_s"] for r in ours), median(results["bare"]),
                {"find -printf": find_s}, "<= 2 x find", less_is_better=True)
    ready.met = ready.ours <= 2 * find_s
    rows = [ready]
    for name in "agent", "fusion":
        rows.append(Row(f"CPU of the {name} until READY", "s",
                        median(r[name + "_cpu_s"] for r in ours), less_is_better=True))
        rows.append(Row(f"resident memory of the {name}", "bytes/file",
                        median(r[name + "_bytes"] for r in ours) / machine.files,
                        less_is_better=True))
    return rows


def _first_sight(machine, tree):
    folder = machine.scratch() / "two"
    http, grpc = free_port(), free_port()
    fusion_config, agent_config = _write_configs(folder, tree, http, grpc)
    url = f"http://127.0.0.1:{http}"
    started = time.monotonic()
    with Service([machine.program("fustor-fusion"), "--config", fusion_config],
                 machine.scratch() / "fusion.log") as fusion:
        # An agent that finds nobody would wait before it tries again.
        wait_until(Answers(url + "/ready"), "Fusion ready for agents", fusion)
        with Service([machine.program("fustor-agent"), "--config", agent_config],
                     machine.scratch() / "agent.log") as agent:
            wait_until(Answers(url + "/api/v1/views/data/stats", QUERY_KEY), "READY", fusion, agent)
            result = {"ready_s": time.monotonic() - started}
            for name, service in ("agent", agent), ("fusion", fusion):
                result[name + "_cpu_s"] = service.cpu_s()
                result[name + "_bytes"] = service.resident_bytes()
    shutil.rmtree(folder)
    return result


def _write_configs(folder, tree, http, grpc):
    fusion = {
        "host": "127.0.0.1",
        "port": http,
        "receivers": {"agents": {
            "driver": "grpc", "bind_host": "127.0.0.1", "port": grpc,
            "api_keys": [{"key": PUSH_KEY, "pipe_id": "data"}]}},
        "views": {"data": {"driver": "fs", "api_keys": [QUERY_KEY]}},
        "pipes": {"data": {"receiver": "agents", "views": ["data"]}},
    }
    agent = {
        "agent_id": "bench",
        "sources": {"tree": {"driver": "fs", "uri": str(tree)}},
        "senders": {"fusion": {"driver": "grpc", "uri": f"127.0.0.1:{grpc}",
                               "credential": {"key": PUSH_KEY}}},
        "pipes": {"data": {"source": "tree", "sender": "fusion"}},
    }
    folder.mkdir()
    paths = []
    for name, config in ("fusion", fusion), ("agent", agent):
        path = folder / f"{name}.yaml"
        path.write_text(json.dumps(config, indent=1))  # JSON is YAML.
        paths.append(path)
    return paths
