"""A program of ours that runs until it is told to stop, as the benches see it from outside."""

import http.client
import os
import signal
import socket
import subprocess
import time
import urllib.parse

POLL_S = 0.01
TICKS = os.sysconf("SC_CLK_TCK")


class Service:
    """A context manager: the process is stopped at the end."""

    def __init__(self, command, log):
        self._name = os.path.basename(str(command[0]))
        self._log = log
        with open(log, "wb") as out:
            self._process = subprocess.Popen([str(word) for word in command], stdout=out,
                                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def check_runs(self):
        if self._process.poll() is None:
            return
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
        raise RuntimeError(f"{self._name} ended with {self._process.returncode}:\n{tail}")

    def cpu_s(self):
        with open(f"/proc/{self._process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_bytes(self):
        with open(f"/proc/{self._process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


def wait_until(condition, what, *services, limit_s=300):
    """Polls until condition() is true. Raises RuntimeError when a service dies first."""
    deadline = time.monotonic() + limit_s
    while not condition():
        for service in services:
            service.check_runs()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not after {limit_s} s")
        time.sleep(POLL_S)


class Answers:
    """Whether a URL answers 200; one connection for all the asking."""

    def __init__(self, url, key=None):
        parts = urllib.parse.urlsplit(url)
        self._path = parts.path
        self._headers = {"X-API-Key": key} if key else {}
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)

    def __call__(self):
        try:
            self._connection.request("GET", self._path, headers=self._headers)
            answer = self._connection.getresponse()
            answer.read()
            return answer.status == 200
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
