"""Exports of a hostile tree, in every format, against find -printf."""

import base64
import csv
import datetime
import io
import json
import os
import stat

import pytest

import hostile
import parquet_reader
import trees
from conftest import FUSTOR, http_get, on_terminal

KINDS = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "symlink"}
EPOCH = datetime.datetime(1970, 1, 1)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = os.fsencode(tmp_path_factory.mktemp("export") / "data")
    os.mkdir(root)
    for name in hostile.NAMES:
        os.mkdir(root + b"/" + name)
        hostile.make_file(root + b"/" + name + b"/" + name, len(name))
    hostile.make_links(root + b"/links")
    hostile.make_kinds(root + b"/kinds")
    hostile.make_times(root + b"/times")
    hostile.make_sizes(root + b"/sizes")
    return root


def nanoseconds(iso):
    """Of 2023-11-14T22:13:20.123456789Z."""
    whole, fraction = iso.removesuffix("Z").split(".")
    assert len(fraction) == 9
    seconds = (datetime.datetime.fromisoformat(whole) - EPOCH) // datetime.timedelta(seconds=1)
    return seconds * 10**9 + int(fraction)


def exact(text, in_base64):
    """The bytes of a column; where the text says them all there is no other column."""
    if in_base64 is None:
        return text.encode()
    name = base64.b64decode(in_base64, validate=True)
    assert not trees.is_utf8(name)
    return name


def entries_of(rows):
    """{path: Entry} of rows with values of the right types; times as nanoseconds."""
    entries = {}
    before = []
    for row in rows:
        path = exact(row["path"], row["path_b64"])
        parent, _, name = row["path"].rpartition("/")
        assert (row["parent"], row["name"], row["depth"]) == (parent or "/", name, row["path"].count("/"))
        assert row["type"] == KINDS.get(stat.S_IFMT(row["mode"]), "other")
        assert row["flags"] in ("", "suspect")
        target = row["symlink_target"]
        if target is not None:
            target = exact(target, row["symlink_target_b64"])
        assert path not in entries and before < path.split(b"/")
        before = path.split(b"/")
        entries[path] = trees.Entry(row["mode"], row["uid"], row["gid"], row["size"], row["allocated"], row["mtime"],
                                    row["ctime"], row["inode"], row["nlink"], target)
    return entries


def ndjson_rows(body):
    lines = body.decode().split("\n")
    assert lines.pop() == ""
    for line in lines:
        row = json.loads(line)
        yield row | {name: nanoseconds(row[name]) for name in ("mtime", "ctime", "atime")}


def csv_rows(body):
    """Python takes a quoted and an unquoted empty field for the same: of ours only flags is ever empty and not null."""
    for row in csv.DictReader(io.StringIO(body.decode(), newline=""), strict=True):
        for name, value in row.items():
            if name in ("mtime", "ctime", "atime"):
                row[name] = nanoseconds(value)
            elif name in ("depth", "size", "allocated", "mode", "uid", "gid", "device", "inode", "nlink"):
                row[name] = int(value)
            elif value == "" and name != "flags":
                row[name] = None
        yield row


def parquet_rows(body):
    return parquet_reader.read(body)[1]


READERS = {"ndjson": ndjson_rows, "csv": csv_rows, "parquet": parquet_rows}


def expected(tree):
    entries = trees.by_find(tree)
    del entries[b"/"]
    return entries


@pytest.mark.parametrize("form", READERS)
def test_an_export_is_what_find_prints(tree, fustor, fustor_up, tmp_path, form):
    up = fustor_up(os.fsdecode(tree))
    view = up.get("/api/v1/views")[1]["views"][0]["id"]
    status, body, headers = http_get(f"{up.url}/api/v1/views/{view}/export?format={form}", up.key)
    assert status == 200 and headers["Transfer-Encoding"] == "chunked"
    assert headers["X-Fustor-View"] == view and int(headers["X-Fustor-Revision"]) > 0
    assert headers["Content-Disposition"].endswith(f'.{form}"')
    differences = trees.differences(entries_of(READERS[form](body)), expected(tree))
    assert not differences, "\n".join(differences)

    # The same by the command line, to a file that takes its format from its name; and a part of it.
    file = tmp_path / f"out.{form}"
    file.write_text("old")
    done = fustor("export", os.fsdecode(tree), "-o", file, "--home", up.home)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not trees.differences(entries_of(READERS[form](file.read_bytes())), expected(tree))
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".out")]
    part = fustor("export", os.fsdecode(tree + b"/links"), "-f", form, "--type", "symlink", "--home", up.home)
    links = {p: e for p, e in expected(tree).items() if p.startswith(b"/links/") and stat.S_ISLNK(e.mode)}
    assert not trees.differences(entries_of(READERS[form](part.stdout)), links)


def test_an_export_that_cannot_be_leaves_the_file_as_it_was(tree, fustor, fustor_up, tmp_path):
    up = fustor_up(os.fsdecode(tree))
    file = tmp_path / "out.csv"
    file.write_text("old")
    for args, said in ((["-c", "path,what"], b"columns must be"), (["/nowhere"], b"no Fustor is running for")):
        done = fustor("export", "-o", file, "--home", up.home, *args, *([] if "/nowhere" in args else [os.fsdecode(tree)]))
        assert done.returncode == 1 and said in done.stderr
    assert file.read_text() == "old"
    done = fustor("export", os.fsdecode(tree), "-o", tmp_path / "none" / "f", "--home", up.home)
    assert done.returncode == 1 and b"none" in done.stderr


def test_parquet_says_what_it_shows(tree, fustor_up, clean_env, tmp_path):
    up = fustor_up(os.fsdecode(tree))
    view = up.get("/api/v1/views")[1]["views"][0]["id"]
    url = f"{up.url}/api/v1/views/{view}/export?format=parquet&columns=size,path&type=symlink"
    _, body, headers = http_get(url, up.key)
    names, rows, metadata = parquet_reader.read(body)
    assert names == ["size", "path"] and len(rows) > 10
    assert metadata == {"fustor.view": view, "fustor.revision": headers["X-Fustor-Revision"],
                        "fustor.time": headers["X-Fustor-Time"]}
    assert headers["Content-Type"] == "application/vnd.apache.parquet"
    command = [FUSTOR, "export", os.fsdecode(tree), "-f", "parquet", "--home", up.home]
    code, text = on_terminal(command, clean_env, tmp_path)
    assert code == 1 and b"-o FILE" in text and b"PAR1" not in text


def test_progress_is_for_people(tree, fustor_up, clean_env, tmp_path):
    up = fustor_up(os.fsdecode(tree))
    command = [FUSTOR, "export", os.fsdecode(tree), "-o", tmp_path / "out.csv", "--home", up.home]
    code, text = on_terminal(command, clean_env, tmp_path)
    assert code == 0 and b" written" in text and text.endswith(b"\r")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"path,name,parent,")
