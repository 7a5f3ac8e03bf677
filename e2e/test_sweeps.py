"""Sweeps: the leader looks again at what may still change, and what it sees there is found by nothing else."""

import pytest

from conftest import wait_for
from test_two_processes import Pair
from test_jobs import few_watches


@pytest.fixture(params=["grpc", "http"])
def pair(request, tmp_path, start):
    """An agent that watches the root alone, and sweeps every second."""
    pair = Pair(tmp_path, start, request.param)
    (pair.data / "unwatched" / "deep").mkdir(parents=True)
    (pair.data / "unwatched" / "deep" / "hot").write_bytes(b"1")
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
