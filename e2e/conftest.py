"""Fixtures for tests of real processes.

fustor(*args)            runs the program to its end
start(command, ...)      a process that is ended with its test
fustor_up(dirs, ...)     `fustor up`, ready to be asked
wait_for(condition)      until it holds, with a deadline

Everything lives in the test's own tmp_path, on loopback ports that the system chooses. Processes are
ended by the test that started them; when it fails, what they wrote is shown.
"""

import json
import os
import pty
import random
import re
import shlex
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("FUSTOR_BIN", ROOT / "build" / "dev" / "bin"))
FUSTOR = BIN / "fustor"

# One machine may run many things at once; a hang must still be seen as one.
DEADLINE_S = float(os.environ.get("FUSTOR_E2E_DEADLINE", "60"))
STOP_S = 20
LOG_LINES = 60
WORKERS_MAX = 64

# Whoever starts the tests in the background may ignore this signal, and so would our programs.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What sanitizers write of a fault, and how much more memory they need than we do.
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer")
SANITIZED = BIN.parent.name in ("asan", "fuzz", "tsan")
MEMORY_FACTOR = 6 if SANITIZED else 1


def wait_for(condition, what="the condition", deadline_s=DEADLINE_S):
    """Returns the first true value of condition(); an exception of its own ends the wait, too."""
    pause = threading.Event()
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come about within {deadline_s:.0f} s")
        pause.wait(0.01)


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _ports():
    """Ports that the system gives nobody by itself: a process that is started again finds its own free. Those of
    other workers are left out."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
        end = max(20_000, int(limits.read().split()[0]))
    begin, worker = 10_000, int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = range(begin + worker % WORKERS_MAX, end, WORKERS_MAX)
    at = random.randrange(len(mine))
    while True:
        yield mine[at % len(mine)]
        at += 1


_next_port = _ports()


def free_ports(count):
    """So many ports of 127.0.0.1 on which nobody listens, none of them twice in a run."""
    ports = []
    while len(ports) < count:
        port = next(_next_port)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
    return ports


def few_watches(count):
    """What a command begins with so that it has no more inotify watches than that."""
    return ["unshare", "-r", "sh", "-c", f'echo {count} > /proc/sys/user/max_inotify_watches && exec "$@"', "sh"]


def resident_bytes(pid):
    """Of a program without a sanitizer; a rough guess for one with."""
    with open(f"/proc/{pid}/status") as status:
        found = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))
    return found // MEMORY_FACTOR


def http_get(url, key=None, timeout_s=10):
    """(status, body, headers) of any answer; None when nobody answers."""
    request = urllib.request.Request(url, headers={"X-API-Key": key} if key else {})
    try:
        with _direct.open(request, timeout=timeout_s) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def on_terminal(command, env, cwd):
    """Exit code and what a terminal got."""
    leader, follower = pty.openpty()
    with subprocess.Popen(command, cwd=cwd, stdin=follower, stdout=follower, stderr=follower, env=env) as process:
        os.close(follower)
        text = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # The other end is closed.
                break
            if not piece:
                break
            text += piece
        code = process.wait(60)
    os.close(leader)
    return code, text.replace(b"\r\n", b"\n")


class Process:
    """A process in a group of its own; stdout and stderr go to files."""

    def __init__(self, command, folder, name, env, cwd):
        self.name = name
        self.command = [os.fspath(c) for c in command]
        self.stdout_file = folder / f"{name}.stdout"
        self.stderr_file = folder / f"{name}.stderr"
        with open(self.stdout_file, "ab") as out, open(self.stderr_file, "ab") as err:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                          env=env, cwd=cwd, start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def output(self):
        return self.stdout_file.read_text(errors="replace")

    def errors(self):
        return self.stderr_file.read_text(errors="replace")

    def send(self, number):
        if self.running():
            self.popen.send_signal(number)

    def wait(self, deadline_s=DEADLINE_S):
        """The exit code."""
        try:
            return self.popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.name} did not end within {deadline_s:.0f} s")

    def stop(self, number=signal.SIGTERM):
        """Asks it to end; the exit code."""
        self.send(number)
        return self.wait(STOP_S)

    def kill(self):
        """Ends it at once with everything that it started."""
        if self.running():
            os.killpg(self.pid, signal.SIGKILL)
            self.popen.wait()

    def logs(self):
        """The last lines of all that it wrote."""
        text = f"$ {shlex.join(self.command)}\n"
        for file in (self.stdout_file, self.stderr_file):
            lines = file.read_text(errors="replace").splitlines()
            text += "".join(f"{file.name}: {line}\n" for line in lines[-LOG_LINES:])
        code = self.popen.poll()
        return text + ("still running\n" if code is None else f"exit code {code}\n")


class Up(Process):
    """A running `fustor up`; prefix is what runs it as somebody else."""

    def __init__(self, dirs, args, home, folder, name, env, cwd, program=FUSTOR, prefix=()):
        self.home = Path(home)
        self.dirs = [Path(d) for d in dirs]
        command = [*prefix, program, "up", *self.dirs, "--home", self.home, "--listen", "127.0.0.1:0",
                   "--grpc-listen", "127.0.0.1:0", *args]
        # A file of an earlier process must not be taken for this one's.
        self.connection_file.unlink(missing_ok=True)
        super().__init__(command, folder, name, env, cwd)

    @property
    def connection_file(self):
        return self.home / "connection.json"

    def connection(self):
        """{url, grpc, key}; None as long as there is none."""
        try:
            return json.loads(self.connection_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    @property
    def url(self):
        return self.connection()["url"]

    @property
    def key(self):
        return self.connection()["key"]

    def wait_connection(self):
        def found():
            assert self.running(), f"{self.name} ended early:\n{self.logs()}"
            return self.connection()
        return wait_for(found, "connection.json")

    def wait_ready(self):
        self.wait_connection()

        def ready():
            assert self.running(), f"{self.name} ended early:\n{self.logs()}"
            answer = http_get(self.url + "/ready")
            return answer is not None and answer[0] == 200
        wait_for(ready, "GET /ready with 200")
        return self

    def get(self, path):
        """(status, decoded JSON) with the key."""
        answer = http_get(self.url + path, self.key)
        assert answer is not None, f"nobody answers at {self.url}"
        return answer[0], json.loads(answer[1])

    def logs(self):
        text = super().logs()
        for file in sorted(self.home.glob("*.log")):
            lines = file.read_text(errors="replace").splitlines()
            text += "".join(f"{file.name}: {line}\n" for line in lines[-LOG_LINES:])
        return text


@pytest.fixture
def clean_env(tmp_path):
    """What every process of a test sees: nothing of the user who runs the tests."""
    home = tmp_path / "user"
    home.mkdir(exist_ok=True)
    kept = ("PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "ASAN_SYMBOLIZER_PATH",
            "GRPC_ENABLE_FORK_SUPPORT", "LD_LIBRARY_PATH")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    return env | {"HOME": os.fspath(home), "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm"}


@pytest.fixture
def processes(request):
    """All processes of the test, which are ended with it."""
    started = []
    request.node.started_processes = started
    yield started
    for process in reversed(started):
        process.kill()
    # Whether or not the test has noticed.
    for process in started:
        found = SANITIZER.search(process.errors())
        assert not found, f"{process.name}: {found[0]}\n{process.errors()[found.start():][:4000]}"


@pytest.fixture
def start(tmp_path, clean_env, processes):
    def start_process(command, name=None, env=None, cwd=None):
        name = f"{len(processes)}-{name or Path(command[0]).name}"
        process = Process(command, tmp_path, name, clean_env | (env or {}), cwd or tmp_path)
        processes.append(process)
        return process
    return start_process


@pytest.fixture
def fustor(tmp_path, clean_env):
    """Runs the program to its end; the result's stdout and stderr are bytes."""
    def run(*args, env=None, cwd=None, stdin=subprocess.DEVNULL, timeout_s=DEADLINE_S):
        return subprocess.run([FUSTOR, *args], stdin=stdin, capture_output=True, check=False,
                              env=clean_env | (env or {}), cwd=cwd or tmp_path, timeout=timeout_s)
    return run


@pytest.fixture
def fustor_up(tmp_path, clean_env, processes):
    """Starts `fustor up DIR...` with a home of its own; returns when it is ready.

    args: more arguments; home: a home to use again; wait: "ready", "connection" or None.
    """
    def up(dirs, *args, home=None, env=None, cwd=None, wait="ready"):
        dirs = [dirs] if isinstance(dirs, (str, os.PathLike)) else list(dirs)
        name = f"{len(processes)}-up"
        process = Up(dirs, args, home or tmp_path / f"{name}-home", tmp_path, name,
                     clean_env | (env or {}), cwd or tmp_path)
        processes.append(process)
        if wait == "ready":
            process.wait_ready()
        elif wait == "connection":
            process.wait_connection()
        return process
    return up


@pytest.fixture
def busy():
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


class Mounts:
    """Mounts that are there for one test. Root only."""

    def __init__(self):
        self.made = []

    def __call__(self, *args, at):
        done = subprocess.run(["mount", *args, at], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        self.made.append(at)

    def end(self, at):
        self.made.remove(at)
        subprocess.run(["umount", "-l", at], check=True)


@pytest.fixture
def mounts():
    made = Mounts()
    yield made
    for at in reversed(list(made.made)):
        made.end(at)


# What the processes wrote belongs to the report of a test that failed.
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for process in getattr(item, "started_processes", []):
            report.sections.append((f"process {process.name}", process.logs()))


def pytest_configure():
    if not FUSTOR.exists():
        raise pytest.UsageError(f"{FUSTOR} is not there: ./dev e2e builds it")
