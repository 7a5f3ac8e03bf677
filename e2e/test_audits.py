"""Audits in two depths, and the guard against mass deletes, with real processes."""

import json
import mmap
import os
import re

import pytest

from conftest import http_get, wait_for
from test_two_processes import Pair

OFTEN = ", audit_interval_sec: 300ms"


@pytest.fixture(params=["grpc", "http"])
def pair(tmp_path, start, request):
    return Pair(tmp_path, start, request.param)


def run(pair, pipe="", source=""):
    pair.write_fusion(pipe=pipe)
    pair.write_agent(source=source)
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()


def params(**values):
    return ", driver_params: {" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"


def metric(pair, name):
    answer = http_get(f"http://127.0.0.1:{pair.operator}/metrics")
    if answer is None:
        return 0
    found = re.search(rf"^{name}{{[^}}]*}} (\d+)", answer[1].decode(), re.MULTILINE)
    return int(found.group(1)) if found else 0


def wait_audits(pair, count):
    wait_for(lambda: pair.view.get("stats")["audit_cycle_count"] >= count, f"{count} audits")


def test_an_audit_of_what_is_unchanged_looks_at_no_file(pair):
    run(pair, OFTEN, params(audit_full_every=1_000_000))
    wait_audits(pair, 2)
    wait_for(lambda: metric(pair, "fustor_agent_directories_silent_total") >= 3, "silent directories")
    listed = metric(pair, "fustor_agent_entries_listed_total")
    directories = metric(pair, "fustor_agent_directories_listed_total")
    assert listed >= 302
    silent = metric(pair, "fustor_agent_directories_silent_total")
    wait_for(lambda: metric(pair, "fustor_agent_directories_silent_total") >= silent + 12, "four audits more")
    assert metric(pair, "fustor_agent_entries_listed_total") == listed
    assert metric(pair, "fustor_agent_directories_listed_total") == directories
    assert pair.view.node(b"/a")["audit_skipped"] is True
    pair.wait_equal()


def test_a_write_that_nobody_sees_is_found_in_its_turn(pair):
    run(pair, OFTEN, params(audit_full_every=3))
    wait_audits(pair, 2)
    path = pair.data / "a" / "file200"
    # Through a mapping: no event is made of it before the mapping ends, and no directory changes.
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[0:5] = b"other"
        mapping.flush()
        written_ns = os.stat(path).st_mtime_ns

        def found():
            return int(pair.view.node(b"/a/file200")["modified_time_ns"]) == written_ns
        wait_for(found, "the rotating pass to find the write")
        wait_audits(pair, pair.view.get("stats")["audit_cycle_count"] + 4)
        stats = pair.view.get("stats")
        assert 0 <= float(stats["file_evidence_age_seconds"]) < 60
        assert stats["alarm"] is None
    node = pair.view.get("tree?path=/a&max_depth=0&totals=true")
    assert node["listed_at"] > 1_600_000_000


def health_of_fusion(pair):
    answer = http_get(pair.url + "/health")
    return json.loads(answer[1])["components"] if answer else {}


def test_a_mass_delete_is_stopped_until_it_is_accepted(pair, fustor, tmp_path):
    run(pair)
    pair.agent.stop()
    (pair.data / "a").rename(tmp_path / "elsewhere")
    pair.start_agent()

    def alarm():
        return pair.view.ready() and pair.view.get("stats")["alarm"]
    text = wait_for(alarm, "the alarm")
    assert "a snapshot would delete 302 of 303 entries" in text and "max_delete_fraction" in text, text
    assert pair.view.node(b"/a/file7") is not None, "nothing is deleted"
    assert health_of_fusion(pair)["deletes:data"]["status"] == "degraded"
    assert re.search(rb'^fustor_fusion_delete_alarm{view="data"} 1$', http_get(pair.url + "/metrics")[1], re.MULTILINE)
    assert "would delete" in pair.fusion.errors()

    # It is back: nothing is missing any more.
    pair.agent.stop()
    (tmp_path / "elsewhere").rename(pair.data / "a")
    pair.start_agent()
    wait_for(lambda: pair.view.ready() and not pair.view.get("stats")["alarm"], "the alarm to end")
    pair.wait_equal()

    # It is really gone, and that is said.
    pair.agent.stop()
    (pair.data / "a").rename(tmp_path / "elsewhere")
    pair.write_agent(source=params(max_delete_fraction=1))
    pair.start_agent()
    pair.wait_equal()
    assert pair.view.node(b"/a") is None
    assert pair.view.get("stats")["alarm"] is None
    assert "deletes:data" not in health_of_fusion(pair)
