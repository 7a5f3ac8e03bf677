"""What disks, kernels, networks and people can do to a running Fustor."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import pytest

from conftest import FUSTOR, Up, few_watches, http_get, resident_bytes, wait_for
from live import live, program_for_all  # noqa: F401
from trees import View, wait_equal

WATCHES = 5
MANY = 1_000_000
STORM = 30_000  # More than the kernel queues (16,384 events).
IDLE = 10_000


# --- The tree ---


def test_more_changes_than_the_kernel_keeps(live):
    """Events are lost while nobody reads them; what was missed is found all the same."""
    live.make("folder")
    live.make("folder/below")
    live.equal()
    live.up.send(signal.SIGSTOP)
    for n in range(STORM):
        live.path(f"folder/file{n}").touch()
        live.own(live.path(f"folder/file{n}"))
    live.path("folder/below").rename(live.path("moved"))
    for n in range(0, STORM, 2):
        live.path(f"folder/file{n}").unlink()
    live.up.send(signal.SIGCONT)
    live.equal()
    live.put("moved/later")
    live.shows("moved/later")


def test_directories_that_come_and_go_while_they_are_looked_at(live):
    """Nothing that vanishes between two looks stays in the view."""
    for round_ in range(30):
        for n in range(20):
            live.make(f"r{round_}-{n}")
            live.put(f"r{round_}-{n}/file")
        for n in range(0, 20, 2):
            shutil.rmtree(live.path(f"r{round_}-{n}"))
        for n in range(1, 20, 4):
            live.path(f"r{round_}-{n}").rename(live.path(f"kept{round_}-{n}"))
    live.equal()


def test_a_million_files_in_one_directory(tmp_path, fustor_up):
    """One directory of a million: listed, shown in pages, changed, watched."""
    data = tmp_path / "data"
    data.mkdir()
    folder = os.open(data, os.O_RDONLY)
    for n in range(MANY):
        os.mknod(f"file{n:07}", 0o100644, dir_fd=folder)
    os.close(folder)
    up = fustor_up(data)
    view = View(up.url, up.key, "data")

    def files():
        return view.get("stats?path=/")["file_count"]
    wait_for(lambda: files() == MANY, "a million files")
    (data / "one more").touch()
    wait_for(lambda: files() == MANY + 1, "one more", 5)
    first = view.get("search?pattern=file000*&limit=10")
    assert [node["name"] for node in first["items"]] == [f"file{n:07}" for n in range(10)]
    assert resident_bytes(up.pid) < 1 << 30
    subprocess.run(["rm", "-r", data], check=False)


def test_mounts_below_the_tree(tmp_path, fustor_up, mounts):
    """A bind mount of the tree into itself is no endless loop; a file system mounted later is shown as the
    directory that it covers, and what was below is not lost for good."""
    data = tmp_path / "data"
    for name in ("loop", "later", "plain"):
        (data / name).mkdir(parents=True)
        (data / name / "file").write_text("x")
    mounts("--bind", os.fspath(data), at=os.fspath(data / "loop"))
    up = fustor_up(data)
    view = View(up.url, up.key, "data")
    assert view.get("stats?path=/")["dir_count"] < 20
    mounts("-t", "tmpfs", "none", at=os.fspath(data / "later"))
    (data / "later" / "elsewhere").write_text("on another file system")
    (data / "plain" / "new").write_text("x")
    wait_for(lambda: view.node(b"/plain/new"), "a change beside the mount")
    assert up.running()


def test_times_at_the_ends(live):
    """As far as the file system can keep them, and 64 bits of nanoseconds can tell them (until 2262)."""
    for n, second in enumerate((-2**31, -1, 0, 1, 2**31, 2**32 + 1, 9_223_372_000)):
        file = live.put(f"t{n}")
        with contextlib.suppress(OSError):
            os.utime(file, ns=(second * 10**9, second * 10**9 + 1))
    live.equal()
    late = live.put("late")
    os.utime(late, (253_402_300_799, 253_402_300_799))  # The year 9999; ext4 keeps 2446 of it.
    if os.lstat(late).st_mtime_ns >= 2**63:
        wait_for(lambda: (live.view.node(b"/late") or {}).get("modified_time_ns") == 2**63 - 1,
                 "the latest time that can be told")
    late.unlink()
    live.equal()


def test_too_few_watches(tmp_path, clean_env, processes):
    """Said at the start and by /health; the tree is shown all the same."""
    if subprocess.run(["unshare", "-r", "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespaces here")
    data = tmp_path / "data"
    for n in range(3 * WATCHES):
        (data / f"d{n}").mkdir(parents=True)
        (data / f"d{n}" / "file").write_text("x")
    up = Up([data], [], tmp_path / "home", tmp_path, "up", clean_env, tmp_path, program=FUSTOR,
            prefix=few_watches(WATCHES))
    processes.append(up)
    up.wait_ready()
    view = View(up.url, up.key, "data")
    wait_equal(view, data)
    wait_for(lambda: "inotify watches ran out" in up.output(), "to be told")
    assert "fs.inotify.max_user_watches" in up.output(), "what to do about it"


# --- The disk of the home ---


def test_a_full_disk_under_the_home(data_of_one, tmp_path, fustor, mounts):
    """No half-written home: the error names the file and the reason, and the next start works."""
    home = tmp_path / "small"
    home.mkdir()
    mounts("-t", "tmpfs", "-o", "size=8k", "none", at=os.fspath(home))
    (home / "ballast").write_bytes(b"x" * 8192)
    failed = fustor("up", data_of_one, "--home", home, "--listen", "127.0.0.1:0")
    assert failed.returncode != 0
    said = failed.stderr.decode()
    assert "No space left on device" in said and os.fspath(home) in said, said
    assert not (home / "connection.json").exists()


@pytest.fixture
def data_of_one(tmp_path):
    data = tmp_path / "one"
    data.mkdir()
    (data / "file").write_text("x")
    return data


def test_after_a_full_disk_the_home_serves(data_of_one, tmp_path, fustor, fustor_up, mounts):
    home = tmp_path / "small"
    home.mkdir()
    mounts("-t", "tmpfs", "-o", "size=256k", "none", at=os.fspath(home))
    (home / "ballast").write_bytes(b"x" * (256 << 10))
    assert fustor("up", data_of_one, "--home", home, "--listen", "127.0.0.1:0").returncode != 0
    (home / "ballast").unlink()
    up = fustor_up(data_of_one, home=home)
    # From here on the log has no room; the service goes on.
    with contextlib.suppress(OSError):
        (home / "ballast").write_bytes(b"x" * (256 << 10))
    (data_of_one / "new").write_text("x")
    view = View(up.url, up.key, "one")
    wait_for(lambda: view.node(b"/new"), "a change while the disk is full")


# --- The network ---


def connect(up):
    address = urllib.parse.urlsplit(up.url)
    return socket.create_connection((address.hostname, address.port))


def test_many_idle_connections(data_of_one, fustor_up):
    """They cost little, and nobody waits for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 200:
        pytest.skip(f"only {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 200, hard))
    up = fustor_up(data_of_one)
    before = resident_bytes(up.pid)
    idle = []
    try:
        for _ in range(IDLE):
            idle.append(connect(up))
        begun = time.monotonic()
        assert http_get(f"{up.url}/api/v1/views/one/stats", up.key)[0] == 200
        assert time.monotonic() - begun < 2
        assert resident_bytes(up.pid) - before < IDLE * 20_000
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert up.running()


def test_a_client_that_says_one_byte_a_second(data_of_one, fustor_up):
    """It is cut off in the end, and meanwhile others are served."""
    up = fustor_up(data_of_one)
    slow = connect(up)
    slow.settimeout(0.5)
    begun = time.monotonic()
    answer = b""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for byte in b"GET / HTTP/1.1\r\nHost: " + b"x" * 200:
            slow.send(bytes([byte]))
            assert http_get(f"{up.url}/api/v1/views/one/stats", up.key)[0] == 200
            with contextlib.suppress(TimeoutError):
                answer = slow.recv(1000)
                break
            assert time.monotonic() - begun < 60, "it is still served"
    assert answer.startswith(b"HTTP/1.1 408") or answer == b""


def test_a_body_of_a_gibibyte(data_of_one, fustor_up):
    """Refused from its head; what comes all the same is thrown away for a while, and then nobody listens."""
    up = fustor_up(data_of_one)
    before = resident_bytes(up.pid)
    client = connect(up)
    client.sendall((f"PUT /api/v1/views/one/suspect-list HTTP/1.1\r\nHost: h\r\nX-API-Key: {up.key}\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {1 << 30}\r\n\r\n").encode())
    client.settimeout(10)
    status = client.recv(1000).split(b"\r\n")[0].decode()
    assert status.split()[1] in ("404", "405", "413"), status
    begun = time.monotonic()
    with contextlib.suppress(OSError):
        while time.monotonic() - begun < 30:
            client.send(b" " * (1 << 20))
    assert time.monotonic() - begun < 30, "it reads on and on"
    assert resident_bytes(up.pid) - before < 50 << 20
    assert up.running()
