"""What happens to fustor-agent and fustor-fusion: disks, ports, reloads, clocks, kill -9 at any time."""

import contextlib
import datetime
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from conftest import BIN, SANITIZED, http_get, resident_bytes, wait_for
from http_agent import HttpAgent
from test_two_processes import OTHER_KEY, PUSH_KEY, QUERY_KEY, Pair, certificates  # noqa: F401

HOUR_S = 3600
ROUNDS = 8


@pytest.fixture
def pair(tmp_path, start):
    return Pair(tmp_path, start)


@pytest.fixture
def running(pair):
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()
    return pair


# --- Ports ---


def test_ports_in_use(pair, busy):
    """Each door names its port and what is wrong, and the program ends; the agent without a port of its own
    does without one."""
    free = pair.http, pair.grpc, pair.operator
    for door in range(2):
        pair.http, pair.grpc = (busy, free[1]) if door == 0 else (free[0], busy)
        pair.write_fusion()
        process = pair.start([BIN / "fustor-fusion", "--config", pair.fusion_file])
        assert process.wait() == 1
        assert str(busy) in process.errors() and "in use" in process.errors(), process.errors()
    pair.operator = busy
    pair.write_agent()
    process = pair.start([BIN / "fustor-agent", "--config", pair.agent_file])
    assert process.wait() == 1
    assert str(busy) in process.errors() and "in use" in process.errors(), process.errors()


def test_a_reload_that_wants_a_port_in_use(running, busy):
    """The door that cannot be opened is told; all that was there goes on."""
    sessions = running.sessions()
    good = running.fusion_file.read_text()
    running.fusion_file.write_text(good.replace(
        "receivers:\n", f"receivers:\n  more: {{driver: http, bind_host: 127.0.0.1, port: {busy}}}\n"))
    running.fusion.send(signal.SIGHUP)
    wait_for(lambda: str(busy) in running.fusion.errors(), "the port to be named")
    assert "in use" in running.fusion.errors()
    running.change("after")
    running.wait_equal()
    assert running.sessions() == sessions


# --- Reloads ---


BROKEN = [
    ("yaml", lambda text: text + "}{\n"),
    ("type", lambda text: text.replace("driver: ", "driver: [", 1)),
    ("word", lambda text: text.replace("driver: ", "driver: x", 1)),
    ("reference", lambda text: text.replace("pipes:\n", "pipes:\n  dangling: {receiver: no, source: no}\n")),
    ("range", lambda text: text.replace("port: ", "port: 9", 1)),
    ("empty", lambda text: ""),
    ("bytes", lambda text: text + "\x00\x01"),
    ("huge", lambda text: text + "#" * (2 << 20)),
]


@pytest.mark.parametrize("driver", ["grpc", "http"])
def test_no_bad_reload_changes_anything(tmp_path, start, driver):
    """Also where the file has gone or may not be read; the next good one is taken."""
    pair = Pair(tmp_path, start, driver)
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()
    sessions = pair.sessions()

    def refusals(process):
        return process.errors().count("the old one stays")
    for process, file in ((pair.fusion, pair.fusion_file), (pair.agent, pair.agent_file)):
        good = file.read_text()
        told = 0
        for name, spoil in [*BROKEN, ("gone", None)]:
            if spoil is None:
                file.unlink()
            else:
                assert spoil(good) != good
                file.write_text(spoil(good))
            process.send(signal.SIGHUP)
            wait_for(lambda process=process, told=told: refusals(process) > told, f"{process.name} to refuse: {name}")
            told += 1
        file.write_text(good)
    (pair.data / "after").write_text("x")
    pair.wait_equal()
    assert pair.sessions() == sessions
    for process in (pair.fusion, pair.agent):
        process.send(signal.SIGHUP)
        wait_for(lambda process=process: "configuration taken" in process.errors(), "the good one")
    pair.wait_equal()


# --- Disks ---


def test_logs_on_a_full_disk(pair, mounts):
    """Nothing is written, everything is served; there is a log again when there is room."""
    logs = pair.folder / "logs"
    logs.mkdir()
    mounts("-t", "tmpfs", "-o", "size=64k", "none", at=os.fspath(logs))
    with contextlib.suppress(OSError), open(logs / "ballast", "wb", 0) as ballast:
        while True:
            ballast.write(b"x" * 4096)
    pair.write_fusion(f"logging: {{level: debug, file: {logs}/fusion.log}}\n")
    pair.agent_file.write_text(pair.agent_file.read_text() + f"logging: {{level: debug, file: {logs}/agent.log}}\n")
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()
    pair.change("full")
    pair.wait_equal()
    assert (logs / "fusion.log").stat().st_size == 0
    (logs / "ballast").unlink()
    pair.agent.kill()
    pair.start_agent()
    pair.wait_equal()
    wait_for(lambda: (logs / "fusion.log").stat().st_size > 0, "a log")
    for name in ("fusion.log", "agent.log"):
        lines = (logs / name).read_text().splitlines()
        assert all(isinstance(json.loads(line), dict) for line in lines[1:]), "whole lines"


# --- Ends without notice ---


@pytest.mark.parametrize("driver", ["grpc", "http"])
def test_kill_9_at_any_time(tmp_path, start, driver):
    """One or both, again and again, while they scan, send and apply; then the view is right."""
    pair = Pair(tmp_path, start, driver)
    for n in range(5_000):
        folder = pair.data / f"d{n % 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"file{n}").touch()
    rng = random.Random(9)
    pause = threading.Event()
    pair.start_fusion()
    pair.start_agent()
    for n in range(ROUNDS):
        pause.wait(rng.choice((0.01, 0.1, 0.3, 1.0)))
        pair.change(f"round{n}")
        kinds = rng.choice((("agent",), ("fusion",), ("agent", "fusion")))
        for kind in kinds:
            getattr(pair, kind).kill()
        (pair.data / f"d{n}").rename(pair.data / f"renamed{n}")
        if "fusion" in kinds:
            pair.start_fusion()
        if "agent" in kinds:
            pair.start_agent()
    # Until the agent that runs now has a session, the view may show what the one before has told.
    ready = f"http://127.0.0.1:{pair.operator}/ready"
    wait_for(lambda: (http_get(ready) or [None])[0] == 200, "the last agent's session")
    pair.wait_equal()
    pair.change("at the end")
    pair.wait_equal()


# --- Clocks ---


CLOCK = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The wall clock is so many seconds off as the file $CLOCK_OFFSET says at this moment.
int clock_gettime(clockid_t clock, struct timespec* out) {
  if (syscall(SYS_clock_gettime, clock, out) != 0) return -1;
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return 0;
  char text[32] = {0};
  int kept = errno;
  int file = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    if (read(file, text, sizeof text - 1) > 0) out->tv_sec += atoll(text);
    close(file);
  }
  errno = kept;
  return 0;
}
"""


@pytest.fixture
def stepped(tmp_path, pair):
    """A pair whose processes' wall clocks can be set: stepped(name, seconds)."""
    if SANITIZED:
        pytest.skip("a sanitizer must be the first library")
    compiler = shutil.which("clang-19") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    (tmp_path / "clock.c").write_text(CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", tmp_path / "clock.so", tmp_path / "clock.c"], check=True)
    plain = pair.start

    def start(command, **kwargs):
        name = "fusion" if "fusion" in os.fspath(command[0]) else "agent"
        return plain(command, env={"LD_PRELOAD": os.fspath(tmp_path / "clock.so"),
                                   "CLOCK_OFFSET": os.fspath(tmp_path / f"{name}.offset")}, **kwargs)
    pair.start = start

    def set_clock(name, seconds):
        (tmp_path / "new").write_text(str(seconds))
        (tmp_path / "new").rename(tmp_path / f"{name}.offset")
    pair.set_clock = set_clock
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()
    return pair


@pytest.mark.parametrize("who", [("fusion",), ("agent",), ("fusion", "agent")])
def test_a_clock_is_set(stepped, who):
    """By hours, there and back: no session ends, the view stays ready, and every change is shown."""
    sessions = stepped.sessions()
    agents = stepped.agent.errors().count("\n")
    for n, hours in enumerate((5, -5, 0, 24 * 400, 0)):
        for name in who:
            stepped.set_clock(name, hours * HOUR_S)
        stepped.change(f"step{n}")
        stepped.wait_equal()
        assert stepped.sessions() == sessions
    assert stepped.reason() is None
    for name in who:
        stepped.set_clock(name, 1000 * HOUR_S)
        process = getattr(stepped, name)
        process.send(signal.SIGHUP)
        (line,) = wait_for(lambda process=process: [json.loads(line) for line in process.errors().splitlines()
                                                    if "configuration taken" in line], "a line of the log")
        told = datetime.datetime.fromisoformat(line["time"])
        assert told - datetime.datetime.now(datetime.UTC) > datetime.timedelta(hours=999), "no clock was set"
    assert stepped.agent.errors().count("\n") - agents < 50


# --- Too much ---


@pytest.mark.parametrize("chunked", [False, True])
def test_rows_of_a_gibibyte(tmp_path, start, chunked):
    """From an agent with a session of its own: refused, by its head where that tells, and nobody else notices."""
    pair = Pair(tmp_path, start, "http")
    pair.start_fusion()
    pair.start_agent()
    pair.wait_equal()
    old = HttpAgent(f"http://127.0.0.1:{pair.grpc}", PUSH_KEY, pair.data, task_id="old:agent")
    assert old.register().status == 200
    before = resident_bytes(pair.fusion.pid)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {1 << 30}"
    sent, answer = 0, b""
    with socket.create_connection(("127.0.0.1", pair.grpc)) as client:
        client.settimeout(10)
        client.sendall(f"POST /api/v1/pipe/ingest/{old.session}/events HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n".encode())
        piece = b'{"events": [' + b" " * ((1 << 20) - 12)
        with contextlib.suppress(OSError):
            while sent < 1 << 30:
                client.sendall(b"100000\r\n" + piece + b"\r\n" if chunked else piece)
                sent += len(piece)
                piece = b" " * (1 << 20)
        with contextlib.suppress(OSError):
            answer = client.recv(1000)
    # What is sent on is thrown away for a while, and then nobody listens.
    assert answer == b"" or answer.split()[1] == b"413", answer
    assert resident_bytes(pair.fusion.pid) - before < 128 << 20
    assert old.beat().status == 200
    (pair.data / "after").write_text("x")
    pair.wait_equal()


# --- Somebody else's TLS ---


class Guard:
    """Ends TLS before Fusion, and lets only those in who show a certificate of the authority."""

    def __init__(self, folder, target):
        self.target, self.shown = target, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "fusion.pem", folder / "fusion.key")
        self.context.load_verify_locations(folder / "ca.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), self.context.wrap_socket(client, server_side=True) as inner:
            self.shown.append(inner.getpeercert()["subject"])
            with socket.create_connection(("127.0.0.1", self.target)) as fusion:
                threading.Thread(target=self.copy, args=(fusion, inner), daemon=True).start()
                self.copy(inner, fusion)

    @staticmethod
    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    def close(self):
        self.listener.close()


def test_a_sender_over_http_shows_its_certificate(tmp_path, start, certificates):  # noqa: F811
    """To a proxy that asks for it; and it checks the name that it was told to expect."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=certificates, check=True, capture_output=True)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "agent.key",
            "-out", "agent.csr", "-subj", "/CN=agent")
    openssl("x509", "-req", "-in", "agent.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "agent.pem", "-days", "2")
    pair = Pair(tmp_path, start, "http")
    pair.start_fusion()
    guard = Guard(certificates, pair.grpc)
    plain = pair.grpc
    pair.grpc = guard.port
    shown = f"certificate_file: {certificates}/agent.pem, private_key_file: {certificates}/agent.key"
    try:
        pair.write_agent(sender=f", tls: {{ca_file: {certificates}/ca.pem}}")
        pair.start_agent()
        wait_for(lambda: "will be tried again" in pair.agent.errors() or "warn" in pair.agent.errors(), "a refusal")
        assert not guard.shown and pair.reason() is not None
        pair.write_agent(sender=f", tls: {{ca_file: {certificates}/ca.pem, server_name: elsewhere, {shown}}}")
        pair.agent.send(signal.SIGHUP)
        wait_for(lambda: "certificate verify failed" in pair.agent.errors(), "another name than Fusion's")
        pair.write_agent(sender=f", tls: {{ca_file: {certificates}/ca.pem, server_name: 127.0.0.1, {shown}}}")
        pair.agent.send(signal.SIGHUP)
        pair.wait_equal()
        assert guard.shown and all(subject == ((("commonName", "agent"),),) for subject in guard.shown)
    finally:
        pair.grpc = plain
        pair.agent.stop()
        guard.close()
    assert PUSH_KEY not in pair.agent.errors() and OTHER_KEY not in pair.agent.errors()
    assert http_get(pair.url + "/api/v1/views/data/sessions", QUERY_KEY)[0] == 200
    assert resident_bytes(pair.fusion.pid) < 1 << 30
