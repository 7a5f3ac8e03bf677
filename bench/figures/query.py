"""Questions over HTTP while a million entries are there: one client that waits for each answer, and
64 at once beside nginx with a file of the same size."""

import json
import re
import subprocess
import urllib.parse
import urllib.request

from figures.machine import median
from figures.row import Row
from figures.service import Answers, Service, free_port, wait_until

ROUNDS = 5
CLIENTS = 64
P50_MAX_US = 150
NGINX_MIN = 0.6


def run(machine):
    if not machine.peer("wrk") or not _nginx_program(machine):
        if not machine.smoke:
            raise RuntimeError("wrk and nginx are needed")
        machine.say("  left out: wrk or nginx is not there")
        return []
    tree = machine.tree()
    home = machine.scratch() / "home"
    connection = home / "connection.json"
    command = [machine.program("fustor"), "up", tree, "--home", home, "--listen", "127.0.0.1:0"]
    with Service(command, machine.scratch() / "up.log") as up:
        wait_until(connection.exists, "connection.json", up)
        ours = json.loads(connection.read_text())
        base = ours["url"].rstrip("/")
        wait_until(Answers(base + "/ready"), "READY", up)
        questions = _questions(base, tree)
        files = {name: _answer(url, ours["key"]) for name, url in questions.items()}
        with _nginx(machine, files) as (nginx, nginx_base):
            wait_until(Answers(nginx_base + "/0"), "nginx", nginx)
            rows = []
            for number, (name, url) in enumerate(questions.items()):
                machine.say(f"  {name}, {len(files[name]):,} bytes")
                rows += _rows(machine, name, url, ours["key"], f"{nginx_base}/{number}")
    return rows


def _questions(base, tree):
    inner = tree
    while subdirectory := next((p for p in sorted(inner.iterdir()) if p.is_dir()), None):
        inner = subdirectory
    file = next(inner.iterdir())
    view = f"{base}/api/v1/views/{urllib.parse.quote(tree.name)}"

    def path(of):
        return "path=" + urllib.parse.quote("/" + str(of.relative_to(tree)))
    return {
        "tree of 100 files": f"{view}/tree?{path(inner)}&max_depth=1",
        "du": f"{view}/stats?{path(inner.parent)}",
        "stat": f"{view}/tree?{path(file)}&max_depth=0",
    }


def _answer(url, key):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"X-API-Key": key})) as answer:
        return answer.read()


def _rows(machine, name, url, key, peer_url):
    results = machine.interleave({
        "ours alone": lambda: _wrk(machine, url, 1, key),
        "nginx alone": lambda: _wrk(machine, peer_url, 1, key),
        "ours": lambda: _wrk(machine, url, CLIENTS, key),
        "nginx": lambda: _wrk(machine, peer_url, CLIENTS, key),
    }, ROUNDS)

    def of(who, what):
        return median(result[what] for result in results[who])
    p50 = Row(f"{name}, p50", "us", of("ours alone", "p50_us"), goal=f"<= {P50_MAX_US}",
              peers={"nginx": of("nginx alone", "p50_us")}, less_is_better=True)
    p50.met = p50.ours <= P50_MAX_US
    p99 = Row(f"{name}, p99", "us", of("ours alone", "p99_us"),
              peers={"nginx": of("nginx alone", "p99_us")}, less_is_better=True)
    many = Row(f"{name}, {CLIENTS} clients", "answers/s", of("ours", "per_s"),
               peers={"nginx": of("nginx", "per_s")}, goal=f">= {NGINX_MIN} x nginx")
    many.met = many.ours >= NGINX_MIN * many.peers["nginx"]
    return [p50, p99, many]


def _wrk(machine, url, clients, key):
    seconds = 1 if machine.smoke else 3
    text = subprocess.run(
        [machine.peer("wrk"), "-t1", f"-c{clients}", f"-d{seconds}s", "--latency",
         "-H", f"X-API-Key: {key}", url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{url}: {text}")
    return {"p50_us": _us(re.search(r"^ +50% +(\S+)$", text, re.M)[1]),
            "p99_us": _us(re.search(r"^ +99% +(\S+)$", text, re.M)[1]),
            "per_s": float(re.search(r"Requests/sec:\s+(\S+)", text)[1])}


def _us(text):
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text)
    if not found:
        raise RuntimeError(f"wrk says a latency of {text}")
    return float(found[1]) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}[found[2]]


def _nginx_program(machine):
    return machine.peer("nginx", "/usr/sbin/nginx")


class _nginx:
    """The answers as files 0, 1, 2."""

    def __init__(self, machine, answers):
        folder = machine.scratch() / "nginx"
        (folder / "files").mkdir(parents=True, exist_ok=True)
        for number, body in enumerate(answers.values()):
            (folder / "files" / str(number)).write_bytes(body)
        self._port = free_port()
        (folder / "nginx.conf").write_text(f"""
            daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
            worker_rlimit_nofile 4096;
            events {{ worker_connections 1024; }}
            http {{
              access_log off; keepalive_requests 1000000000; sendfile on; tcp_nodelay on;
              open_file_cache max=100; default_type application/json;
              client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
              fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
              server {{ listen 127.0.0.1:{self._port}; root {folder}/files; }}
            }}
            """)
        self._service = Service([_nginx_program(machine), "-c", folder / "nginx.conf", "-p", folder],
                                machine.scratch() / "nginx.log")

    def __enter__(self):
        self._service.__enter__()
        return self._service, f"http://127.0.0.1:{self._port}"

    def __exit__(self, *error):
        self._service.__exit__(*error)
