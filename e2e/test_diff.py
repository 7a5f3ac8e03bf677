"""What is different between two members of a forest that differ in known ways, and between two times."""

import json
import os
import shutil

import pytest

from conftest import http_get, wait_for
from test_checkpoints import Kept
from test_forest import HOSTS, QUERY_KEY, Forest
from trees import wait_equal


@pytest.fixture
def forest(tmp_path, start):
    """East and west hold the same, but for what is said here; times are the same where content is."""
    forest = Forest(tmp_path, start)
    for host in HOSTS:
        (tmp_path / host / "shared" / f"only-{host}").unlink()
    east, west = (tmp_path / host / "shared" for host in HOSTS)
    (east / "same" / "deep").mkdir(parents=True)
    (east / "same" / "deep" / "file").write_text("same")
    (east / "link").symlink_to("here")
    for name in ("content", "mode", "kind", os.fsdecode(b"only\xff")):
        (east / name).write_text("x" * len(name))
    (east / "gone" / "below").mkdir(parents=True)
    (east / "gone" / "below" / "file").write_text("12345")
    shutil.rmtree(west)
    shutil.copytree(east, west, symlinks=True)
    (west / "content").write_text("other")
    (west / "mode").chmod(0o600)
    (west / "kind").unlink()
    (west / "kind").mkdir()
    (west / "kind" / "inside").write_text("x")
    (west / "link").unlink()
    (west / "link").symlink_to("elsewhere")
    (west / os.fsdecode(b"only\xff")).unlink()
    (west / "new").write_text("new")
    shutil.rmtree(west / "gone")
    for host in HOSTS:
        forest.start_agent(host)
        forest.member(host).wait_ready()
        wait_equal(forest.member(host), tmp_path / host)
    return forest


EXPECTED = [
    ("changed", "/shared/content", ["content"]),
    ("removed", "/shared/gone", None),
    ("changed", "/shared/kind", ["kind"]),
    ("changed", "/shared/link", ["content"]),
    ("changed", "/shared/mode", ["permissions"]),
    ("added", "/shared/new", None),
    ("removed", "/shared/only\udcff", None),
]


def lines_of(forest, query):
    status, body, headers = http_get(f"{forest.url}/api/v1/views/forest:east/diff?{query}", QUERY_KEY)
    assert status == 200, body
    assert headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in body.splitlines()]
    return lines[:-1], lines[-1]


def short(lines):
    return [(line["change"], line["path"], line.get("what")) for line in lines]


def test_members_that_differ_in_known_ways(forest, fustor, tmp_path):
    lines, end = lines_of(forest, "with=forest:west")
    assert short(lines) == EXPECTED
    assert end["summary"]["added"] | {"allocated_size": 0} == {"file_count": 1, "dir_count": 0, "total_size": 3,
                                                               "allocated_size": 0}
    removed = end["summary"]["removed"]
    assert (removed["file_count"], removed["dir_count"], removed["total_size"]) == (2, 2, 5 + 5)
    changed = end["summary"]["changed"]
    assert (changed["count"], changed["kind"], changed["content"], changed["permissions"]) == (4, 1, 2, 1)
    assert (end["before"]["view_id"], end["after"]["view_id"], end["next"]) == ("forest:east", "forest:west", None)
    gone = next(line for line in lines if line["path"] == "/shared/gone")
    assert (gone["before"]["file_count"], gone["before"]["dir_count"], gone["before"]["total_size"]) == (1, 2, 5)

    expanded, _ = lines_of(forest, "with=forest:west&expand=true")
    more = {("removed", "/shared/gone/below", None), ("removed", "/shared/gone/below/file", None),
            ("added", "/shared/kind/inside", None)}
    assert set(map(lambda one: (one[0], one[1], None), short(expanded))) == {(c, p, None) for c, p, _ in EXPECTED} | more
    assert short(lines_of(forest, "with=forest:west&path=/shared/same")[0]) == []
    # Other inodes, other times: two copies always differ in these.
    attributes, _ = lines_of(forest, "with=forest:west&path=/shared/same&aspects=attributes")
    assert [line["path"] for line in attributes] == ["/shared/same", "/shared/same/deep", "/shared/same/deep/file"]

    paged, cursor = [], ""
    while cursor is not None:
        page, end = lines_of(forest, f"with=forest:west&limit=2&cursor={cursor}")
        paged += page
        cursor = end["next"]
    assert paged == lines

    asked = ["--url", forest.url, "--key", QUERY_KEY, "--view", "forest:east", "--with", "forest:west"]
    done = fustor("diff", tmp_path / "east" / "shared", *asked)
    assert done.returncode == 0 and done.stderr == b""
    words = [line.split() for line in done.stdout.splitlines()]
    root = os.fsencode(tmp_path / "east")
    assert [(word[0], word[4]) for word in words] == [
        (change.encode(), root + path.encode("utf-8", "surrogateescape") + (b"/" if path.endswith(("gone", "kind")) else b""))
        for change, path, _ in EXPECTED]
    done = fustor("diff", tmp_path / "east" / "shared", "--json", *asked)
    assert [json.loads(line) for line in done.stdout.splitlines()][:-1] == lines


def test_both_views_must_be_open(forest, fustor):
    for query, status in (("", 422), ("with=forest:nobody", 403), ("with=other", 403), ("with=forest", 400),
                          ("with=forest:west&path=/none", 404), ("with=forest:west&aspects=x", 422)):
        answer = http_get(f"{forest.url}/api/v1/views/forest:east/diff?{query}", QUERY_KEY)
        assert answer[0] == status, (query, answer)


def test_what_has_changed_since_a_checkpoint(tmp_path, start, fustor):
    kept = Kept(tmp_path, start)
    kept.start_fusion()
    kept.start_agent()
    kept.wait_equal()

    def get(what):
        status, body, _ = http_get(f"{kept.url}/api/v1/views/data/{what}", QUERY_KEY)
        return status, [json.loads(line) for line in body.splitlines()]

    def checkpoints():
        status, (document,) = get("checkpoints")
        assert status == 200 and document["count"] == len(document["checkpoints"])
        return document["checkpoints"]

    first = wait_for(checkpoints, "a checkpoint")[0]["written_at"]
    assert get(f"diff?from={first - 1:.9f}")[0] == 404
    (kept.data / "a" / "file7").write_text("longer than before")
    (kept.data / "a" / "file8").unlink()
    (kept.data / "made").mkdir()
    (kept.data / "made" / "inside").write_text("x")
    kept.wait_equal()
    expected = [("changed", "/a/file7", ["content"]), ("removed", "/a/file8", None), ("added", "/made", None)]

    def newest_but_unchanged():
        """The last that was written before; None when another one has taken its place."""
        status, lines = get("diff?from=" + repr(first + 1e-6))
        return lines if status == 200 else None
    lines = newest_but_unchanged()
    if lines is None:  # Only the newest is kept: it was replaced meanwhile, and holds the changes.
        newest = wait_for(checkpoints, "a checkpoint")[0]["written_at"]
        status, lines = get("diff?from=" + repr(newest + 1e-6))
        assert status == 200 and short(lines[:-1]) in (expected, [])
    else:
        assert short(lines[:-1]) == expected
    assert lines[-1]["before"]["freshness"] == "checkpoint" and lines[-1]["before"]["written_at"] >= first
    assert lines[-1]["after"]["freshness"] == "live"
    done = fustor("diff", kept.data, "--from", "1y", "--url", kept.url, "--key", QUERY_KEY)
    assert done.returncode == 1 and b"has no checkpoint of" in done.stderr
