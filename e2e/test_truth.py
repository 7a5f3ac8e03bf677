"""What Fustor shows is what is there: 100,000 entries of every kind, field by field."""

import os
import subprocess

import pytest

import hostile
from trees import View, by_find, differences, node_path, on_disk

ENTRIES = 100_000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("truth") / "data"
    root.mkdir()
    hostile.make(root, ENTRIES)
    return root


@pytest.fixture(scope="module")
def truth(data):
    entries = by_find(data)
    assert len(entries) == ENTRIES
    return entries


@pytest.fixture
def up(data, truth, fustor_up):
    assert truth
    return fustor_up(data)


def system(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True,
                          env={"LC_ALL": "C", "PATH": os.environ["PATH"]}).stdout


def linked_once(entries):
    """Of each inode one."""
    return {entry.inode: entry for entry in entries}.values()


def folders_above(path):
    while path not in (b"", b"/"):
        path = path.rpartition(b"/")[0]
        yield path or b"/"


def test_it_equals_what_find_says(data, truth, up, fustor):
    view = View(up.url, up.key, "data")
    assert differences(view.shown(), truth) == []
    assert differences(on_disk(data), truth) == [], "the tree itself has changed"

    children = [node for page in view.pages("tree?path=/wide") for node in page["children"]]
    assert len(children) == hostile.WIDE
    wide = [path for path in truth if path.startswith(b"/wide/")]
    assert [node_path(node) for node in children] == sorted(wide)

    names = fustor("find", data, "-print0", "--home", up.home)
    assert names.returncode == 0, names.stderr
    root = os.fsencode(data)
    ours = sorted(names.stdout.split(b"\0"))
    assert ours == sorted([b"", root] + [root + path for path in truth if path != b"/"])
    assert ours == sorted(system("find", data, "-print0").split(b"\0"))


def test_the_sums_are_those_of_a_recount(data, truth, up, fustor):
    view = View(up.url, up.key, "data")
    files = [entry for entry in truth.values() if not entry.is_directory]
    stats = view.get("stats")
    assert {name: stats[name] for name in ("item_count", "total_files", "total_directories", "total_size",
                                           "allocated_size", "latest_mtime_ns", "refused_items")} == {
        "item_count": len(truth), "total_files": len(files), "total_directories": len(truth) - len(files),
        "total_size": sum(entry.size for entry in linked_once(files)),
        "allocated_size": sum(entry.allocated for entry in linked_once(truth.values())),
        "latest_mtime_ns": max(entry.mtime_ns for entry in truth.values()), "refused_items": 0}

    below = {path: [entry] for path, entry in truth.items() if entry.is_directory}
    for path, entry in truth.items():
        for folder in folders_above(path):
            below[folder].append(entry)

    def lines(amount):
        root = os.fsencode(data)
        return sorted(b"%d\t%s" % (amount(entries), root + (b"" if path == b"/" else path))
                      for path, entries in below.items())

    def ours(*args):
        result = fustor("du", *args, "--home", up.home)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def allocated(entries):
        return -(-sum(entry.allocated for entry in linked_once(entries)) // 1024)

    def apparent(entries):
        return sum(entry.size for entry in linked_once(entries) if not entry.is_directory)

    assert sorted(ours("-0", data).split(b"\0")[:-1]) == lines(allocated)
    assert sorted(ours("-0", "-b", data).split(b"\0")[:-1]) == lines(apparent)
    for folder in [data, *(data / name for name in ("wide", "links", "links/others", "sizes", "rest"))]:
        assert ours("-s", folder) == system("du", "-s", folder)
    # What du of coreutils before 9.2 adds for directories is not in our sums.
    for file in ("sizes/sparse1099511627779", "sizes/holes", "links/many", "links/long"):
        assert ours("-s", "-b", data / file) == system("du", "-s", "-b", data / file)
        assert ours("-s", "--apparent-size", data / file) == system("du", "-s", "--apparent-size", data / file)
