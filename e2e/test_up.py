"""`fustor up` as a process: its home, its ports, what it says of mistakes, how it ends and comes back."""

import json
import os
import random
import signal
import socket
import stat

import pytest

import hostile
from conftest import FUSTOR, http_get, wait_for
from trees import View, wait_equal


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file").write_bytes(b"content")
    (root / "link").symlink_to("a")
    return root


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def refused(fustor, tmp_path, *args):
    """What `fustor up` says when it does not start."""
    result = fustor("up", *args, "--home", tmp_path / "refused")
    assert result.returncode == 1, result
    text = result.stderr.decode()
    assert text.startswith("fustor up: ") or text.startswith(f"{FUSTOR} up: "), text
    assert text.count("\n") == 1
    assert not (tmp_path / "refused" / "connection.json").exists()
    return text


def test_the_home_is_for_its_owner_alone(data, fustor_up):
    up = fustor_up(data, home=data.parent / "new" / "home")
    assert mode_of(up.home) == 0o700
    assert mode_of(up.connection_file) == mode_of(up.home / "key") == 0o600
    assert mode_of(up.home / "fustor.log") & 0o007 == 0
    connection = json.loads(up.connection_file.read_text())
    assert set(connection) == {"url", "grpc", "key"}
    assert (up.home / "key").read_text() == connection["key"] + "\n"
    assert up.key not in up.output() + up.errors() + (up.home / "fustor.log").read_text()
    assert up.stop() == 0
    assert not up.connection_file.exists()
    assert (up.home / "key").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order(data, fustor_up, number):
    up = fustor_up(data)
    url = up.url
    assert up.stop(number) == 0
    assert up.output().endswith("Stopping.\n")
    assert up.errors() == ""
    assert not up.connection_file.exists()
    assert http_get(url + "/health") is None


def test_it_ends_during_the_first_scan(tmp_path, fustor_up):
    root = tmp_path / "big"
    root.mkdir()
    hostile.make_wide(os.fsencode(root / "wide"), random.Random(1))
    hostile.make_rest(os.fsencode(root / "rest"), 20_000, random.Random(2))
    for wait in (None, "connection"):
        up = fustor_up(root, "--scan-workers", "1", wait=wait)
        if wait is None:
            wait_for(lambda: (up.home / "fustor.log").exists(), "the log")
        up.send(signal.SIGTERM)
        assert up.wait(20) == 0
        assert not up.connection_file.exists()


def test_after_kill_9_the_same_home_serves_again(data, fustor_up, fustor):
    up = fustor_up(data)
    key = up.key
    up.kill()
    assert up.connection_file.exists()
    left = fustor("status", "--home", up.home)
    assert left.returncode == 3
    assert b"no Fustor answers" in left.stderr and key.encode() not in left.stderr

    (data / "meanwhile").mkdir()
    (data / "a" / "b").rename(data / "meanwhile" / "b")
    (data / "link").unlink()
    again = fustor_up(data, home=up.home)
    assert again.key == key
    wait_equal(View(again.url, again.key, "data"), data)
    (data / "after").write_bytes(b"x")
    wait_equal(View(again.url, again.key, "data"), data)


def test_a_second_one_in_the_same_home(data, fustor_up, fustor):
    up = fustor_up(data)
    before = up.connection_file.read_bytes()
    second = fustor("up", data, "--home", up.home, "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0")
    assert second.returncode == 1
    assert f"another 'fustor up' runs with the home {up.home}" in second.stderr.decode()
    assert "--home DIR" in second.stderr.decode()
    assert up.connection_file.read_bytes() == before
    assert http_get(up.url + "/ready")[0] == 200


def test_a_busy_port_that_was_asked_for(data, tmp_path, fustor, busy):
    text = refused(fustor, tmp_path, data, "--listen", f"127.0.0.1:{busy}", "--grpc-listen", "127.0.0.1:0")
    assert str(busy) in text and "in use" in text
    text = refused(fustor, tmp_path, data, "--listen", "127.0.0.1:0", "--grpc-listen", f"127.0.0.1:{busy}")
    assert str(busy) in text and "in use" in text


def test_a_busy_default_port(data, start, tmp_path):
    """Whoever has the default ports: this test, or something else on this machine."""
    with socket.socket() as http, socket.socket() as grpc:
        for listener, port in ((http, 8101), (grpc, 8103)):
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen()
            except OSError:
                pass
        home = tmp_path / "home"
        up = start([FUSTOR, "up", data, "--home", home])
        wait_for(lambda: "Ready after" in up.output() or not up.running(), "the first scan")
        assert up.running(), up.logs()
        assert "Port 8101 is in use; taking a free one.\n" in up.output()
        assert "Port 8103 is in use; taking a free one.\n" in up.output()
        connection = json.loads((home / "connection.json").read_text())
        assert f"Listening on {connection['url']}\n" in up.output()
        assert not connection["url"].endswith(":8101") and not connection["grpc"].endswith(":8103")
        assert http_get(connection["url"] + "/ready")[0] == 200
        assert up.stop() == 0


def test_directories_that_cannot_be_shown(data, tmp_path, fustor):
    assert "nothing" in refused(fustor, tmp_path, tmp_path / "nothing")
    text = refused(fustor, tmp_path, data / "a" / "b" / "file")
    assert f"{data}/a/b/file: not a directory" in text
    for args in ((data, data / "a"), (data / "a", data), (data, data / "link")):
        text = refused(fustor, tmp_path, *args)
        assert f"{data}/a: lies inside {data}" in text
    assert "given twice" in refused(fustor, tmp_path, data, data / "a" / "..")
    for listen in ("127.0.0.1:99999", "127.0.0.1:x", "nonsense:"):
        assert f"--listen '{listen}'" in refused(fustor, tmp_path, data, "--listen", listen)


def test_two_directories_are_two_views(data, tmp_path, fustor_up, fustor):
    other = tmp_path / "elsewhere" / "data"
    other.mkdir(parents=True)
    (other / "only here").write_bytes(b"1")
    up = fustor_up([data, other])
    wait_equal(View(up.url, up.key, "data"), data)
    wait_equal(View(up.url, up.key, "data-2"), other)
    for view, root in (("data", data), ("data-2", other)):
        ours = fustor("find", root, "-print0", "--home", up.home)
        assert len(ours.stdout.split(b"\0")) - 1 == len(View(up.url, up.key, view).shown())
