"""What a view that was ready once says when it is not: 503 with the reason, or what was known last."""

import re

import pytest

from conftest import wait_for
from http_agent import HttpAgent, call, event
from http_fusion import ALONE_KEY, MORE_KEY, OTHER_KEY, PUSH_KEY, QUERY_KEY, Fusion, shown

QUESTIONS = ("tree", "search?pattern=file", "stats", "stats?path=/a")
NO_LEADER = ("No active leader session. ", "10")
SNAPSHOT = ("Initial snapshot sync phase in progress ", "5")


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    (root / "a" / "b").mkdir(parents=True)
    for i in range(20):
        (root / "a" / f"file{i}").write_bytes(b"x" * i)
    return root


class Shown:
    """A view, and what it showed when it was ready; `stale`: whether it is still to show that when it is not."""

    def __init__(self, fusion, stale, view="data", key=QUERY_KEY):
        self.fusion, self.stale, self.view, self.key = fusion, stale, view, key
        self.entries = None

    def ask(self, route):
        return self.fusion.ask(route, self.key, self.view)

    def wait_live(self):
        wait_for(lambda: self.ask("stats").headers["X-Fustor-Freshness"] is None and self.ask("stats").status == 200,
                 "a view that is ready")
        meta = self.ask("tree?max_depth=0&envelope=true").json["meta"]
        assert (meta["freshness"], meta["stale_since"], meta["stale_reason"]) == ("live", None, None)
        self.entries = self.fusion.entries(self.view, self.key)

    def wait_lost(self, reason, retry_after):
        """Until the view is not ready, for this reason; then every question is answered alike."""
        def said_so():
            answer = self.ask("stats")
            return reason in (answer.headers["X-Fustor-Freshness"] or answer.json.get("detail", ""))
        wait_for(said_so, f"a view that is not ready: {reason}")
        for question in QUESTIONS:
            answer = self.ask(question)
            if self.stale:
                assert answer.status == 200, answer
                said = re.fullmatch(r"stale; since=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z; reason=(.+)",
                                    answer.headers["X-Fustor-Freshness"])
                assert said and said[1].startswith(reason), answer.headers["X-Fustor-Freshness"]
            else:
                assert answer.status == 503 and answer.headers["Retry-After"] == retry_after, answer
                assert answer.headers["X-Fustor-Freshness"] is None
                assert answer.json["detail"].startswith(f"View '{self.view}': {reason}"), answer
                assert answer.json["view_id"] == self.view
        if self.stale:
            meta = self.ask("tree?max_depth=0&envelope=true").json["meta"]
            assert meta["freshness"] == "stale" and meta["stale_since"] > 1_700_000_000, meta
            assert meta["stale_reason"].startswith(reason), meta
            assert self.fusion.entries(self.view, self.key) == self.entries
        mine, = (view for view in call("GET", f"{self.fusion.management}/api/v1/views", key=self.key).json["views"])
        assert not mine["ready"] and mine["reason"].startswith(reason) and mine["freshness"] == "stale", mine


@pytest.fixture(params=["strict", "stale_ok"])
def settings(request):
    more = f", driver_params: {{availability: {request.param}}}"
    return {"data": more, "other": more}


@pytest.fixture
def fusion(tmp_path, start, settings):
    return Fusion(tmp_path, start, **settings)


@pytest.fixture
def view(fusion, settings):
    return Shown(fusion, "stale_ok" in settings["data"])


@pytest.fixture
def agent(fusion, data, view):
    agent = HttpAgent(fusion.receiver, PUSH_KEY, data)
    agent.register()
    agent.snapshot()
    view.wait_live()
    return agent


def test_before_the_first_snapshot_nothing_is_shown(fusion, data):
    for reason, retry_after in (NO_LEADER, SNAPSHOT):
        wait_for(lambda reason=reason: reason in fusion.ask("stats").json["detail"], reason)
        for question in QUESTIONS:
            answer = fusion.ask(question)
            assert answer.status == 503 and answer.headers["Retry-After"] == retry_after, answer
            assert answer.json["detail"].startswith(f"View 'data': {reason}"), answer
        HttpAgent(fusion.receiver, PUSH_KEY, data).register()


def test_the_leader_is_lost(fusion, view, data):
    leader = HttpAgent(fusion.receiver, PUSH_KEY, data, "one:main")
    leader.register(timeout_s=1)
    leader.snapshot()
    view.wait_live()
    follower = HttpAgent(fusion.receiver, PUSH_KEY, data, "two:main")
    follower.register(timeout_s=60)
    view.wait_lost(*NO_LEADER)
    # It has watched all the time: no new snapshot is needed.
    assert follower.beat().json["role"] == "leader"
    view.wait_live()
    assert view.entries == shown(follower)
    follower.end()
    view.wait_lost(*NO_LEADER)


def test_an_agent_is_upgraded(fusion, view, agent, data):
    """Its successor has another session; what it finds is shown as it comes, nothing goes before its end."""
    agent.end()
    view.wait_lost(*NO_LEADER)
    new = HttpAgent(fusion.receiver, PUSH_KEY, data, agent.task_id)
    new.register()
    assert new.session != agent.session
    view.wait_lost(*SNAPSHOT)
    new.post([event(new.rows()[:5], "snapshot")], "snapshot")
    view.wait_lost(*SNAPSHOT)
    new.snapshot()
    view.wait_live()
    assert view.entries == shown(new)


def test_a_source_is_added(fusion, view, agent, settings, data, tmp_path):
    """By a reload: a second pipe feeds the view, and has nothing to say yet."""
    fusion.reload(**settings, more=True)
    view.wait_lost(NO_LEADER[0], NO_LEADER[1])
    answer = fusion.ask("stats")
    told = answer.headers["X-Fustor-Freshness"] if view.stale else answer.json["detail"]
    assert "(Pipe 'more'.)" in told, told
    assert agent.beat().status == 200, "its session goes on"
    more = HttpAgent(fusion.receiver, MORE_KEY, data, "more:main")
    more.register()
    view.wait_lost(*SNAPSHOT)
    more.snapshot()
    view.wait_live()
    assert view.entries == shown(agent)
    # And goes again.
    fusion.reload(**settings)
    view.wait_live()


def test_fusion_itself_begins_anew(fusion, view, agent):
    """Before the first checkpoint is written: what is stale is lost with the process."""
    fusion.process.kill()
    fusion.run()
    answer = fusion.ask("tree")
    assert answer.status == 503 and answer.headers["Retry-After"] == "10", answer
    agent.url = fusion.receiver
    assert agent.beat().status == 419
    agent.register()
    agent.snapshot()
    view.wait_live()


def test_only_the_newer_agents_snapshot_counts(fusion, data, settings, tmp_path):
    """session_policy: exclusive."""
    view = Shown(fusion, "stale_ok" in settings["data"], "other", OTHER_KEY)
    old = HttpAgent(fusion.receiver, ALONE_KEY, data, "one:main")
    old.register()
    old.snapshot()
    view.wait_live()
    old.post([event(old.rows()[:3], "snapshot")], "snapshot")
    new = HttpAgent(fusion.receiver, ALONE_KEY, data, "two:main")
    assert new.register().json["role"] == "leader"
    view.wait_lost(*SNAPSHOT)
    for answer in (old.beat(), old.tell("/a/file1"), old.post([], "snapshot", is_end=True),
                   old.post([event(old.rows(), "snapshot")], "snapshot", is_end=True)):
        assert (answer.status, answer.json) == (419, {"detail": "Session obsoleted"})
    view.wait_lost(*SNAPSHOT)
    new.snapshot()
    view.wait_live()
    assert view.entries == shown(new)
    sessions = view.ask("sessions").json["active_sessions"]
    assert [(each["task_id"], each["role"]) for each in sessions] == [("two:main", "leader")]
    assert not sessions[0]["allow_concurrent_push"]
    # The loser comes back: now it is the newer one.
    assert old.register().json["role"] == "leader"
    assert new.beat().status == 419
    view.wait_lost(*SNAPSHOT)
