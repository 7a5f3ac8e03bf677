"""A Fusion that is started again shows what its checkpoint holds, says so, and then the truth."""

import os
import re
import signal

import pytest

from conftest import http_get, wait_for
from http_agent import call
from test_two_processes import Pair, QUERY_KEY

FILES = int(os.environ.get("FUSTOR_E2E_FILES", "100000"))
STALE = re.compile(r"stale; since=(\S+); reason=restarting from checkpoint: (.+)")


class Kept(Pair):
    """A Fusion that writes a checkpoint every second."""

    availability = "stale_ok"

    def write_fusion(self, more="", receiver="", pipe="", view=""):
        params = f"availability: {self.availability}, checkpoint_interval_sec: 1"
        super().write_fusion(more, receiver, pipe, f", driver_params: {{{params}}}{view}")

    @property
    def checkpoints(self):
        return self.folder / "user" / ".fustor" / "checkpoints" / "data"

    def fill(self, files):
        for d in range(files // 1000):
            folder = self.data / f"many{d}"
            folder.mkdir()
            for i in range(1000):
                (folder / f"file-{i}").touch()

    def wait_checkpoint(self):
        """A whole one, of what is there now: the revision moves no more, and the newest file neither."""
        def numbers():
            return self.names()
        wait_for(numbers, "a checkpoint")
        def settled():
            gauge = re.search(rb'fustor_fusion_checkpoints_total\{view="data"\} (\d+)',
                              http_get(self.url + "/metrics")[1])
            return gauge and int(gauge[1]) > 0 and f"{numbers()[-1]}"
        wait_for(settled, "a checkpoint")
        return self.checkpoints / numbers()[-1]

    def names(self):
        return sorted(file.name for file in self.checkpoints.glob("*.checkpoint"))

    def tree(self):
        return http_get(self.url + "/api/v1/views/data/tree?max_depth=0&envelope=true", QUERY_KEY)

    def logged(self):
        return self.fusion.errors() + self.fusion.output()


@pytest.fixture(params=["stale_ok", "strict"])
def availability(request):
    return request.param


@pytest.fixture
def kept(tmp_path, start, availability):
    Kept.availability = availability
    return Kept(tmp_path, start)


def begin(kept, files=1000):
    kept.fill(files)
    kept.start_fusion()
    kept.start_agent()
    kept.wait_equal()
    return kept.wait_checkpoint()


def wait_cold(kept):
    wait_for(lambda: (kept.reason() or "").startswith("View 'data': No active leader session. "), "a cold start")


def kill_both(kept):
    kept.fusion.send(signal.SIGKILL)
    kept.fusion.wait()
    kept.agent.send(signal.SIGKILL)
    kept.agent.wait()


@pytest.mark.parametrize("availability", ["stale_ok"], indirect=True)
def test_the_view_is_back_before_its_agents(kept):
    file = begin(kept, FILES)
    assert file.stat().st_mode & 0o7777 == 0o600 and file.parent.stat().st_mode & 0o7777 == 0o700
    assert file.stat().st_size < 60 * (FILES + 1000) + 16 * FILES
    before = kept.view.get("stats")
    kill_both(kept)
    # Nobody looks.
    (kept.data / "many0" / "file-1").unlink()
    (kept.data / "many0" / "made meanwhile").write_bytes(b"new")
    (kept.data / "many1" / "file-1").write_bytes(b"longer")
    (kept.data / "a").rename(kept.data / "renamed")

    kept.start_fusion()
    answer = wait_for(lambda: (kept.tree() if kept.tree()[0] == 200 else None), "a stale answer")
    said = STALE.fullmatch(answer[2]["X-Fustor-Freshness"])
    assert said and said[2].startswith("No active leader session"), answer[2]["X-Fustor-Freshness"]
    meta = kept.view.get("tree?max_depth=0&envelope=true")["meta"]
    assert meta["freshness"] == "stale" and meta["stale_reason"].startswith("restarting from checkpoint"), meta
    assert meta["uncertain"][0]["path"] == "/", meta
    stats = kept.view.get("stats")
    assert stats["item_count"] == before["item_count"] and stats["revision"] > before["revision"]
    assert "restored from a checkpoint" in kept.logged()

    kept.start_agent()
    wait_for(lambda: kept.tree()[2]["X-Fustor-Freshness"] is None, "a live view")
    kept.wait_equal()
    assert kept.view.get("tree?max_depth=0&envelope=true")["meta"]["uncertain"] == []


@pytest.mark.parametrize("availability", ["strict"], indirect=True)
def test_a_strict_view_waits_for_its_agents(kept):
    begin(kept)
    kill_both(kept)
    kept.start_fusion()
    wait_for(lambda: "restored from a checkpoint" in kept.logged(), "the restored view")
    status, document = kept.view.ask("stats")
    assert status == 503 and document["detail"].startswith("View 'data': No active leader session. "), document
    assert document["missing"] == ["snapshot_end", "leader"]
    assert document["detail"].endswith(" Missing: (a) the end of a snapshot, (d) an authoritative session.")
    kept.start_agent()
    kept.wait_equal()


@pytest.mark.parametrize("availability", ["stale_ok"], indirect=True)
@pytest.mark.parametrize("damage", ["flipped", "cut", "another", "empty"])
def test_a_damaged_checkpoint_is_a_cold_start(kept, damage):
    file = begin(kept)
    kill_both(kept)
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    file.write_bytes({"flipped": content, "cut": content[:-1], "another": b"#!/bin/sh\nexit 0\n" * 9,
                      "empty": b""}[damage])
    kept.start_fusion()
    wait_for(lambda: "a checkpoint cannot be used" in kept.logged(), "the log to say so")
    line = next(line for line in kept.logged().splitlines() if "a checkpoint cannot be used" in line)
    assert str(file) in line, line
    wait_cold(kept)
    kept.start_agent()
    kept.wait_equal()


@pytest.mark.parametrize("availability", ["stale_ok"], indirect=True)
def test_a_stop_in_order_writes_the_last_one_and_a_reset_removes_all(kept):
    begin(kept)
    (kept.data / "last").write_bytes(b"last")
    kept.wait_equal()
    assert kept.fusion.stop() == 0
    kept.agent.stop()
    kept.start_fusion()
    wait_for(lambda: kept.tree()[0] == 200, "a stale answer")
    assert kept.view.get("tree?path=/last")["path"] == "/last"
    assert call("DELETE", f"{kept.url}/api/v1/views/data/reset", key=QUERY_KEY).status == 204
    assert kept.names() == []
    kept.fusion.send(signal.SIGKILL)
    kept.fusion.wait()
    kept.start_fusion()
    wait_cold(kept)


@pytest.mark.parametrize("availability", ["stale_ok"], indirect=True)
def test_a_disk_that_cannot_be_written_shows_in_health(kept):
    begin(kept)
    # Nothing can be made where a file is: as root, modes would not stop anybody.
    for name in os.listdir(kept.checkpoints):
        (kept.checkpoints / name).unlink()
    kept.checkpoints.rmdir()
    kept.checkpoints.write_bytes(b"")
    (kept.data / "more").write_bytes(b"more")

    def degraded():
        status, body, _ = http_get(kept.url + "/health")
        return status == 200 and b"checkpoint:data" in body
    wait_for(degraded, "a degraded health")
    assert "a checkpoint could not be written" in kept.logged()
    kept.wait_equal()
    kept.checkpoints.unlink()
    wait_for(lambda: not degraded(), "checkpoints again")
    assert len(kept.names()) == 1
