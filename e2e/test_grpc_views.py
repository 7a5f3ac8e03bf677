"""Views over gRPC, asked by a client that is not ours."""

import os
import subprocess
import sys

import grpc
import pytest

from conftest import DEADLINE_S, ROOT, http_get, wait_for

FILES = 5_000


@pytest.fixture(scope="module")
def pb(tmp_path_factory):
    """The messages, as any client would make them from the .proto file."""
    out = tmp_path_factory.mktemp("proto")
    subprocess.run(["protoc", f"--proto_path={ROOT}/api/proto", f"--python_out={out}", "fustor/v1/views.proto"],
                   check=True)
    sys.path.insert(0, os.fspath(out))
    from fustor.v1 import views_pb2
    yield views_pb2
    sys.path.remove(os.fspath(out))


class Views:
    """The service fustor.v1.Views."""

    STREAMS = {"Tree": "EntriesResponse", "Search": "EntriesResponse", "Changes": "ChangesResponse"}

    def __init__(self, up, pb, key=None):
        self.pb, self.key = pb, up.key if key is None else key
        self.view = up.dirs[0].name
        self.channel = grpc.insecure_channel(up.connection()["grpc"])

    def __getattr__(self, method):
        response = getattr(self.pb, self.STREAMS.get(method, f"{method}Response"))
        make = self.channel.unary_stream if method in self.STREAMS else self.channel.unary_unary
        call = make(f"/fustor.v1.Views/{method}", request_serializer=lambda message: message.SerializeToString(),
                    response_deserializer=response.FromString)

        def ask(**fields):
            request = getattr(self.pb, f"{method}Request")(**({"view_id": self.view} | fields))
            return call(request, metadata=[("x-api-key", self.key)], timeout=DEADLINE_S)
        return ask


@pytest.fixture
def up(tmp_path, fustor_up):
    root = tmp_path / "data"
    (root / "d").mkdir(parents=True)
    (root / "d" / "a").write_bytes(b"12345")
    (root / os.fsdecode(b"\xff")).write_bytes(b"")
    for i in range(FILES):
        (root / "d" / f"f{i}").write_bytes(b"")
    return fustor_up(root)


@pytest.fixture
def views(up, pb):
    views = Views(up, pb)
    yield views
    views.channel.close()


def paths(stream):
    return [entry.path for message in stream for entry in message.entries]


def test_questions(up, views, pb):
    root = up.dirs[0]
    status = views.Status(view_id="")
    assert [(view.id, view.ready, view.totals.files) for view in status.views] == [("data", True, FILES + 2)]
    entry = views.Stat(path=b"/d/a").entry
    st = os.lstat(root / "d" / "a")
    assert (entry.size, entry.mtime_ns, entry.mode, entry.inode) == (5, st.st_mtime_ns, st.st_mode, st.st_ino)
    assert views.Stat(path=b"/\xff").entry.path == b"/\xff"
    assert views.Du(path=b"/d").totals.files == FILES + 1
    tree = paths(views.Tree())
    assert tree[:3] == [b"/", b"/d", b"/d/a"] and tree[-1] == b"/\xff" and len(tree) == FILES + 4
    assert sorted(paths(views.Search(pattern="f12"))) == sorted(
        f"/d/f{i}".encode() for i in range(FILES) if "f12" in f"f{i}")
    first = list(views.Tree(limit=10))
    assert len(paths(first)) == 10 and first[-1].next == tree[9]
    assert paths(views.Tree(after=first[-1].next)) == tree[10:]


def test_refusals(up, views, pb):
    for path, code in ((b"/none", grpc.StatusCode.NOT_FOUND), (b"/../x", grpc.StatusCode.INVALID_ARGUMENT)):
        with pytest.raises(grpc.RpcError) as error:
            views.Stat(path=path)
        assert error.value.code() == code
    stranger = Views(up, pb, key="nobody's")
    for ask in (lambda: stranger.Status(), lambda: list(stranger.Tree())):
        with pytest.raises(grpc.RpcError) as error:
            ask()
        assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
    stranger.channel.close()


def test_changes(up, views, pb):
    root = up.dirs[0]
    stream = views.Changes(paths=[b"/d"])
    start = next(stream)
    assert start.kind == pb.ChangesResponse.START
    os.rename(root / "d" / "a", root / "d" / "b")
    os.unlink(root / "d" / "b")
    seen = []
    while ("REMOVED", b"/d/b") not in seen:
        message = next(stream)
        for change in message.changes:
            seen.append((pb.ViewChange.Kind.Name(change.kind), change.entry.path))
            if change.kind == pb.ViewChange.MOVED:
                assert change.old_path == b"/d/a" and change.entry.size == 5
    assert ("MOVED", b"/d/b") in seen
    stream.cancel()
    (root / "d" / "later").write_bytes(b"")
    wait_for(lambda: up.get("/api/v1/views/data/tree?path=/d/later")[0] == 200, "the file")
    again = views.Changes(since=start.position)
    told = set()
    while b"/d/later" not in told:
        message = next(again)
        assert message.kind != pb.ChangesResponse.RESET
        told |= {change.entry.path for change in message.changes}
    again.cancel()


def test_a_reader_that_goes_while_nothing_changes(up, views, pb):
    """Its place in the feed is free at once, not with the next sign of life after 15 s."""
    def readers():
        return [line for line in http_get(up.url + "/metrics")[1].decode().splitlines()
                if line.startswith("fustor_fusion_feed_readers{")]
    stream = views.Changes()
    assert next(stream).kind == pb.ChangesResponse.START
    (up.dirs[0] / "seen").touch()
    next(stream)
    wait_for(lambda: readers()[0].endswith(" 1"), "a reader")
    stream.cancel()
    # The figure is published with what changes.
    def gone():
        (up.dirs[0] / "later").touch()
        return readers()[0].endswith(" 0")
    wait_for(gone, "the end of the reader", 8)


def test_recorded_bytes_set_every_field(pb):
    """What api/golden/views does not show may change its number unnoticed."""
    shown, names = {}, {"entries_response": "EntriesResponse", "changes_reset": "ChangesResponse",
                        "stat_response_audited": "StatResponse", "search_request_choice": "SearchRequest"}

    def look(message):
        for field, value in message.ListFields():
            shown.setdefault(message.DESCRIPTOR.full_name, set()).add(field.name)
            for inner in value if field.label == field.LABEL_REPEATED else [value]:
                if field.type == field.TYPE_MESSAGE:
                    look(inner)
    for file in (ROOT / "api" / "golden" / "views").glob("*.bin"):
        name = names.get(file.stem, "".join(word.capitalize() for word in file.stem.split("_")))
        look(getattr(pb, name).FromString(file.read_bytes()))
    for name, descriptor in pb.DESCRIPTOR.message_types_by_name.items():
        assert shown.get(descriptor.full_name, set()) == set(descriptor.fields_by_name), name


def test_a_stop_ends_the_stream(up, views, pb):
    stream = views.Changes()
    assert next(stream).kind == pb.ChangesResponse.START
    assert up.stop() == 0
    with pytest.raises(grpc.RpcError) as error:
        for _ in stream:
            pass
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
