"""What it costs to be sure: an audit of a tree in which nothing has changed, and how soon another agent
takes the place of one that has gone. Fusion and its agents are processes of their own."""

import http.client
import json
import signal
import threading
import time

from figures.machine import median, parsed
from figures.row import Row
from figures.service import Answers, Service, free_port, wait_until

PUSH_KEY, QUERY_KEY = "push-key-of-the-bench-0123456789", "query-key-of-the-bench-0123456789"
ROTATION = 8  # audit_full_every: after so many audits every directory was read once.
FAILOVERS = 5
TIMEOUT_S = 3
ASK_EVERY_S = 0.001


def audit(machine):
    tree = machine.tree()
    rounds = 1 if machine.smoke else 3
    quiet_s = 1 if machine.smoke else 10
    scan = machine.program("scan_bench")
    names, agent_s, fusion_s, wall_s = [], [], [], []
    with _Fusion(machine, "audit_interval_sec: 1s") as fusion, \
            _agent(machine, fusion, "first", tree) as agent:
        fusion.wait_ready(agent)
        _wait_audits(fusion, agent, 2)  # The first one has nothing to compare with.
        with _Asking(fusion) as asking:
            for _ in range(rounds):
                names.append(parsed(machine.time([scan, "names", tree], keep_output=True))["cpu_s"])
                before = fusion.stats()["audit_cycle_count"]
                begun, agent_cpu, fusion_cpu = time.monotonic(), agent.cpu_s(), fusion.service.cpu_s()
                _wait_audits(fusion, agent, before + ROTATION)
                wall_s.append(time.monotonic() - begun)
                agent_s.append((agent.cpu_s() - agent_cpu) / ROTATION)
                fusion_s.append((fusion.service.cpu_s() - fusion_cpu) / ROTATION)
            during = asking.take()
    with _Fusion(machine, "audit_interval_sec: 0") as fusion, \
            _agent(machine, fusion, "first", tree) as agent:
        fusion.wait_ready(agent)
        with _Asking(fusion) as asking:
            time.sleep(quiet_s)
            without = asking.take()
    cpu = Row("agent's CPU of an audit", "s", median(agent_s), floor=median(names), goal="<= 1.2 x readdir",
              less_is_better=True)
    cpu.met = cpu.ours <= 1.2 * cpu.floor
    pause = Row("longest answer meanwhile", "ms", max(during), floor=max(without), goal="<= 5 ms",
                less_is_better=True)
    pause.met = pause.ours <= 5
    return [
        cpu,
        Row("Fusion's CPU of an audit", "s", median(fusion_s), less_is_better=True),
        Row("one audit and its pause of 1 s", "s", median(wall_s) / ROTATION, less_is_better=True),
        Row("answer meanwhile, p50", "ms", _quantile(during, 0.5), floor=_quantile(without, 0.5),
            less_is_better=True),
        Row("answer meanwhile, p99.9", "ms", _quantile(during, 0.999), floor=_quantile(without, 0.999),
            less_is_better=True),
        pause,
    ]


def failover(machine):
    tree = machine.tree()
    took = []
    with _Fusion(machine, f"audit_interval_sec: 0, session_timeout_seconds: {TIMEOUT_S}") as fusion:
        leader = _agent(machine, fusion, "agent-0", tree).__enter__()
        try:
            fusion.wait_ready(leader)
            for i in range(1 if machine.smoke else FAILOVERS):
                follower = _agent(machine, fusion, f"agent-{i + 1}", tree).__enter__()
                try:
                    wait_until(lambda: len(fusion.sessions()) == 2, "a follower", leader, follower)
                    time.sleep(1 if machine.smoke else 5)  # Its own scan of the tree is over.
                    leader.kill()
                    killed = time.monotonic()
                    wait_until(lambda: not fusion.ready(), "the loss to be noticed", follower)
                    wait_until(fusion.ready, "READY", follower)
                    took.append(time.monotonic() - killed)
                finally:
                    leader.__exit__()
                    leader = follower
        finally:
            leader.__exit__()
    row = Row("leader killed to READY", "s", median(took), floor=TIMEOUT_S,
              goal="<= session timeout + 2 s", less_is_better=True)
    row.met = row.ours <= TIMEOUT_S + 2
    return [row, Row("the slowest of them", "s", max(took), floor=TIMEOUT_S, less_is_better=True)]


class _Fusion:
    """A Fusion with one view and one pipe."""

    def __init__(self, machine, pipe):
        self.http, self.grpc = free_port(), free_port()
        config = machine.scratch() / "fusion.yaml"
        config.write_text(f"""\
host: 127.0.0.1
port: {self.http}
receivers:
  agents: {{driver: grpc, bind_host: 127.0.0.1, port: {self.grpc}, api_keys: [{{key: {PUSH_KEY}, pipe_id: data}}]}}
views:
  data: {{driver: fs, api_keys: [{QUERY_KEY}]}}
pipes:
  data: {{receiver: agents, views: [data], {pipe}}}
""")
        self.service = Service([machine.program("fustor-fusion"), "--config", config],
                               machine.scratch() / "fusion.log")
        self.ready = Answers(f"http://127.0.0.1:{self.http}/api/v1/views/data/stats", QUERY_KEY)

    def __enter__(self):
        self.service.__enter__()
        return self

    def __exit__(self, *about):
        self.service.__exit__(*about)

    def wait_ready(self, agent):
        wait_until(self.ready, "READY", self.service, agent)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)

    def get(self, what, connection=None):
        connection = connection or self.connect()
        connection.request("GET", f"/api/v1/views/data/{what}", headers={"X-API-Key": QUERY_KEY})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{what}: {answer.status} {body[:200]}")
        return json.loads(body)

    def stats(self):
        return self.get("stats")

    def sessions(self):
        return self.get("sessions")["active_sessions"]


class _Agent(Service):
    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def _agent(machine, fusion, name, tree):
    config = machine.scratch() / f"{name}.yaml"
    config.write_text(f"""\
agent_id: {name}
host: 127.0.0.1
port: {free_port()}
sources:
  data: {{driver: fs, uri: {tree}, driver_params: {{audit_full_every: {ROTATION}}}}}
senders:
  fusion: {{driver: grpc, uri: "127.0.0.1:{fusion.grpc}", credential: {{key: {PUSH_KEY}}}}}
pipes:
  data: {{source: data, sender: fusion, error_retry_interval: 200ms, max_backoff_seconds: 1}}
""")
    return _Agent([machine.program("fustor-agent"), "--config", config], machine.scratch() / f"{name}.log")


def _wait_audits(fusion, agent, count):
    wait_until(lambda: fusion.stats()["audit_cycle_count"] >= count, f"{count} audits", fusion.service, agent)


class _Asking:
    """Asks for the view's totals again and again, and notes how long each answer took, in ms."""

    def __init__(self, fusion):
        self._fusion, self._took, self._ends = fusion, [], False
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends = True
        self._thread.join()

    def take(self):
        took, self._took = self._took, []
        return took

    def _ask(self):
        connection = self._fusion.connect()
        while not self._ends:
            begun = time.perf_counter()
            self._fusion.get("stats?path=/", connection)
            self._took.append((time.perf_counter() - begun) * 1000)
            time.sleep(ASK_EVERY_S)


def _quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
