"""What a tree is: as the system says, as GNU find says, and as a view says; all in the same terms.

Each is {path: Entry}, the root being b"/"; names are bytes.
"""

import base64
import json
import os
import stat
import subprocess
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from conftest import http_get, wait_for

PAGE = 10_000
SHOWN_DIFFERENCES = 20


class Entry(NamedTuple):
    mode: int
    uid: int
    gid: int
    size: int
    allocated: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    nlink: int
    target: bytes | None

    @property
    def is_directory(self):
        return stat.S_ISDIR(self.mode)


def entry_of(st, target):
    return Entry(st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_blocks * 512, st.st_mtime_ns,
                 st.st_ctime_ns, st.st_ino, st.st_nlink, target)


def on_disk(root):
    """By lstat. What goes away meanwhile is left out."""
    entries = {}

    def look(descriptor, path):
        with os.scandir(descriptor) as names:
            names = [os.fsencode(entry.name) for entry in names]
        for name in names:
            try:
                st = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                target = os.readlink(name, dir_fd=descriptor) if stat.S_ISLNK(st.st_mode) else None
            except FileNotFoundError:
                continue
            entries[path + b"/" + name] = entry_of(st, target)
            if stat.S_ISDIR(st.st_mode):
                try:
                    below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                except (FileNotFoundError, NotADirectoryError, PermissionError):
                    continue
                look(below, path + b"/" + name)
        os.close(descriptor)

    root = os.fsencode(root)
    entries[b"/"] = entry_of(os.lstat(root), None)
    look(os.open(root, os.O_RDONLY | os.O_DIRECTORY), b"")
    return entries


_KINDS = {b"f": stat.S_IFREG, b"d": stat.S_IFDIR, b"l": stat.S_IFLNK, b"p": stat.S_IFIFO,
          b"s": stat.S_IFSOCK, b"c": stat.S_IFCHR, b"b": stat.S_IFBLK}


def _nanoseconds(text):
    """find writes tv_sec and tv_nsec of a time, also before 1970."""
    seconds, fraction = text.split(b".")
    return int(seconds) * 10**9 + int(fraction[:9])


def by_find(root):
    """By GNU find."""
    fields = r"%P\0%y\0%m\0%U\0%G\0%s\0%b\0%T@\0%C@\0%i\0%n\0%l\0"
    output = subprocess.run(["find", root, "-printf", fields], stdout=subprocess.PIPE, check=True,
                            env={"LC_ALL": "C", "PATH": os.environ["PATH"]}).stdout.split(b"\0")
    assert output.pop() == b"" and len(output) % 12 == 0
    entries = {}
    for i in range(0, len(output), 12):
        path, kind, mode, uid, gid, size, blocks, mtime, ctime, inode, nlink, target = output[i:i + 12]
        entries[b"/" + path] = Entry(
            int(mode, 8) | _KINDS[kind], int(uid), int(gid), int(size), int(blocks) * 512,
            _nanoseconds(mtime), _nanoseconds(ctime), int(inode), int(nlink),
            target if kind == b"l" else None)
    return entries


def node_path(node, member="path"):
    """The bytes of a path; both ways to write them must say the same."""
    path = node[member].encode("utf-8", "surrogateescape")
    in_base64 = node.get(member + "_b64")
    if in_base64 is not None:
        assert base64.b64decode(in_base64, validate=True) == path
        assert not is_utf8(path)
    else:
        assert is_utf8(path), f"{path!r} without {member}_b64"
    return path


def is_utf8(path):
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def entry_of_node(node):
    mode = node["mode"]
    kinds = {stat.S_IFDIR: ("directory", None), stat.S_IFREG: ("file", None),
             stat.S_IFLNK: ("file", "symlink")}
    assert (node["content_type"], node.get("kind")) == kinds.get(stat.S_IFMT(mode), ("file", "other"))
    assert node["name"] == node["path"].rpartition("/")[2]
    assert node["modified_time"] * 10**9 == node["modified_time_ns"]
    assert node["created_time"] == node["changed_time"]
    target = node_path(node, "symlink_target") if "symlink_target" in node else None
    return Entry(mode, node["uid"], node["gid"], node["size"], node["allocated_size"],
                 int(node["modified_time_ns"]), int(node["changed_time"] * 10**9), node["inode"],
                 node["nlink"], target)


class NotReady(AssertionError):
    """A view that answers 503: it has to wait for a snapshot, say."""


class View:
    """One view of a Fusion that answers at url."""

    def __init__(self, url, key, view):
        self.url, self.key, self.view = url, key, view

    def ask(self, what):
        """(status, JSON with exact numbers) of a route of the view."""
        answer = wait_for(lambda: http_get(f"{self.url}/api/v1/views/{self.view}/{what}", self.key, 60),
                          f"an answer of {self.url}")
        return answer[0], json.loads(answer[1], parse_float=Decimal)

    def get(self, what):
        status, document = self.ask(what)
        if status == 503:
            raise NotReady(document)
        assert status == 200, document
        return document

    def ready(self):
        answer = http_get(f"{self.url}/api/v1/views/{self.view}/stats", self.key)
        return answer is not None and answer[0] == 200

    def wait_ready(self):
        wait_for(self.ready, f"view {self.view} to be ready")

    def node(self, path):
        """The entry at path; None when the view has none."""
        status, node = self.ask("tree?max_depth=0&path=" + quote_from_bytes(path))
        assert status in (200, 404), node
        return node if status == 200 else None

    def entry(self, path):
        node = self.node(path)
        return None if node is None else entry_of_node(node)

    def pages(self, question):
        """The documents of all pages."""
        cursor = ""
        while cursor is not None:
            page = self.get(f"{question}&limit={PAGE}" + (f"&cursor={cursor}" if cursor else ""))
            cursor = page["next"]
            yield page

    def shown(self):
        """Everything, by the pages of a search."""
        entries = {b"/": entry_of_node(self.get("tree?max_depth=0") | {"name": ""})}
        before = b""
        for page in self.pages("search?type=any"):
            for node in page["items"]:
                path = node_path(node)
                assert path not in entries, f"{path!r} comes twice"
                entries[path] = entry_of_node(node)
                assert before.split(b"/") < path.split(b"/"), f"{path!r} comes after {before!r}"
                before = path
        return entries


def differences(ours, theirs, but=()):
    """What is not the same, in lines; but: fields that do not matter."""
    lines = [f"missing: {path!r}: {theirs[path]}" for path in sorted(theirs.keys() - ours.keys())]
    lines += [f"not there: {path!r}: {ours[path]}" for path in sorted(ours.keys() - theirs.keys())]
    for path in sorted(ours.keys() & theirs.keys()):
        for field, our, their in zip(Entry._fields, ours[path], theirs[path]):
            if our != their and field not in but:
                lines.append(f"{path!r}: {field} {our!r} instead of {their!r}")
    shown = lines[:SHOWN_DIFFERENCES]
    if len(lines) > len(shown):
        shown.append(f"and {len(lines) - len(shown)} more")
    return shown


def wait_equal(view, root, deadline_s=60, but=()):
    """Until the view shows root as it is; says what differs when it does not come about."""
    last = []

    def equal():
        try:
            last[:] = differences(view.shown(), on_disk(root), but)
        except NotReady as error:
            last[:] = [str(error)]
        return not last
    try:
        wait_for(equal, "the view to equal the tree", deadline_s)
    except BaseException as error:
        if last:
            raise AssertionError(f"{error}:\n" + "\n".join(last)) from None
        raise
