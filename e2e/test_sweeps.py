"""Sweeps: the leader looks again at what may still change, and what it sees there is found by nothing else."""

import threading

import pytest

from conftest import few_watches, http_get, wait_for
from test_jobs import make_cold
from test_two_processes import QUERY_KEY, Pair


@pytest.fixture(params=["grpc", "http"])
def pair(request, tmp_path, start):
    """An agent that watches the root alone, and sweeps every second."""
    pair = Pair(tmp_path, start, request.param)
    (pair.data / "unwatched" / "deep").mkdir(parents=True)
    (pair.data / "unwatched" / "deep" / "hot").write_bytes(b"1")
    make_cold(pair.data / "unwatched")
    return pair


def run(pair, view=""):
    pair.write_fusion(pipe=", sentinel_interval_sec: 1", view=view)
    pair.start_fusion()
    pair.start_agent(few_watches(1))
    pair.wait_equal()


def node(pair, path):
    status, document = pair.view.ask(f"tree?path={path}")
    return document if status == 200 else None


def test_a_sweep_finds_what_no_event_has_told(pair):
    run(pair)
    hot = pair.data / "unwatched" / "deep" / "hot"
    assert "/unwatched/deep/hot" in [each["path"] for each in pair.view.get("suspect-list")]
    hot.write_bytes(b"22")
    wait_for(lambda: node(pair, "/unwatched/deep/hot")["size"] == 2, "the sweep to see it")
    hot.unlink()
    wait_for(lambda: node(pair, "/unwatched/deep/hot") is None, "the sweep to miss it")
    assert pair.reason() is None


DIFFERING = "fustor_agent_swept_differing_total"
ALARM = ", driver_params: {consistency_alarm: true}"


def test_a_consistency_alarm(pair):
    """What nobody has reported makes the view not ready, until everything has been looked at again."""
    run(pair, ALARM)
    (pair.data / "unwatched" / "deep" / "hot").write_bytes(b"22")
    reason = wait_for(pair.reason, "the alarm")
    assert "Consistency alarm" in reason and "'/unwatched/deep/hot'" in reason, reason
    answer = http_get(f"{pair.url}/api/v1/views/data/tree", QUERY_KEY)
    assert answer[0] == 503 and answer[2]["Retry-After"] == "30", answer
    assert "consistency alarm" in pair.fusion.errors()
    # What it was about is reported all the same, and does not end it.
    wait_for(lambda: pair.view.get("suspect-list"), "the file")
    assert "Consistency alarm" in pair.reason()
    pair.agent.stop()
    wait_for(lambda: "No active leader session" in (pair.reason() or ""), "the end of the session")
    pair.start_agent(few_watches(1))
    pair.wait_equal()


def test_reports_on_their_way_raise_no_alarm(tmp_path, start):
    """Files that are written again and again are different at almost every look."""
    pair = Pair(tmp_path, start)
    pair.write_fusion(pipe=", sentinel_interval_sec: 0.2", view=ALARM)
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()
    pause, rounds = threading.Event(), 0

    def sweeps_that_differed():
        text = http_get(f"http://127.0.0.1:{pair.operator}/metrics")[1].decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(DIFFERING + "{"))
    logs = [open(pair.data / f"log{n}", "ab", 0) for n in range(10)]
    while sweeps_that_differed() < 20:
        for log in logs:
            log.write(b"line")
        pause.wait(0.02)
        rounds += 1
        assert rounds < 3000, "no sweep comes in between"
        assert pair.reason() is None
    for log in logs:
        log.close()
    assert "consistency alarm" not in pair.fusion.errors()
    pair.wait_equal()
