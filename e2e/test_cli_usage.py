"""The command line without a server: help, mistakes, and what to do when nobody answers."""

import http.server
import json
import os
import re
import subprocess
import threading

import pytest

from conftest import FUSTOR, free_ports

COMMANDS = ["up", "status", "ls", "tree", "du", "stat", "top", "groups", "views", "sessions", "scan", "jobs", "watch",
            "find", "search", "duplicates", "config", "completion"]
TOPICS = ["exit-codes", "paths", "keys", "patterns", "trust", "environment"]


def ended(result, code):
    """stdout and stderr as text, after a look at the exit code."""
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout.decode(), result.stderr.decode()


# --- help ---------------------------------------------------------------------------------------------

def test_help_teaches(fustor):
    text, errors = ended(fustor("--help"), 0)
    assert errors == ""
    assert text.startswith("Fustor keeps a live picture of file trees in memory")
    for title in ("Starting:", "Looking:", "Finding:", "Examples:", "Options of every command:"):
        assert f"\n{title}\n" in text
    for command in COMMANDS:
        assert f"\n  {command}  " in text
    assert text.count("\n  fustor ") == 3
    assert "Exit codes: 0 done" in text
    assert max(map(len, text.splitlines())) <= 88
    assert ended(fustor("help"), 0) == (text, "")
    assert ended(fustor(), 0) == (text, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(fustor, command):
    text, errors = ended(fustor(command, "--help"), 0)
    assert errors == ""
    assert text.startswith(f"Usage: fustor {command}")
    assert re.search(rf"\nExamples:\n  .*fustor {command}", text)
    assert max(map(len, text.splitlines())) <= 88
    assert ended(fustor("help", command), 0) == (text, "")


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_is_told(fustor, topic):
    text, errors = ended(fustor("help", topic), 0)
    assert errors == "" and text.endswith("\n")
    assert max(map(len, text.splitlines())) <= 88
    assert re.search(rf"\n  {topic}  +\w", ended(fustor("help"), 0)[0])


@pytest.mark.parametrize("program", ["fustor-fusion", "fustor-agent"])
def test_services_explain_their_options(program, clean_env):
    def run(*args):
        return subprocess.run([FUSTOR.parent / program, *args], capture_output=True, env=clean_env, timeout=60,
                              check=False)
    text, errors = ended(run("--help"), 0)
    assert errors == "" and text.endswith("configuration.\n")
    _, errors = ended(run("--confg", "x"), 2)
    assert errors == (f"{program}: there is no option '--confg'; did you mean '--config'?\n"
                      f"Try '{program} --help'.\n")
    _, errors = ended(run("x"), 2)
    assert errors == f"{program}: there is no command 'x'\nTry '{program} --help'.\n"


def test_version(fustor):
    assert ended(fustor("--version"), 0) == ("fustor 0.1.0\n", "")


# --- mistakes -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("args, says", [
    (["sttaus"], "fustor: there is no command 'sttaus'; did you mean 'status'?\nTry 'fustor --help'.\n"),
    (["frobnicate"], "fustor: there is no command 'frobnicate'\nTry 'fustor --help'.\n"),
    (["\x1b[2J"], "fustor: there is no command '\\x1b[2J'\nTry 'fustor --help'.\n"),
    (["help", "fnid"],
     "fustor: there is no command or topic 'fnid'; did you mean 'find'?\nTry 'fustor --help'.\n"),
    (["help", "exitcodes"],
     "fustor: there is no command or topic 'exitcodes'; did you mean 'exit-codes'?\nTry 'fustor --help'.\n"),
    (["--jsn", "ls"], "fustor: there is no option '--jsn'; did you mean '--json'?\nTry 'fustor ls --help'.\n"),
    (["--ulr", "x", "ls"], "fustor: there is no option '--ulr'; did you mean '--url'?\nTry 'fustor --help'.\n"),
    (["top", "--by", "age"], "fustor: --by takes size, files or mtime, not 'age'\nTry 'fustor top --help'.\n"),
    (["config", "chekc", "x"], "fustor: ACTION takes check, not 'chekc'\nTry 'fustor config --help'.\n"),
    (["completion", "tcsh"],
     "fustor: SHELL takes bash, zsh or fish, not 'tcsh'\nTry 'fustor completion --help'.\n"),
    (["ls", "--lnog"], "fustor: there is no option '--lnog'; did you mean '--long'?\nTry 'fustor ls --help'.\n"),
    (["du", "-d", "x"], "fustor: --max-depth takes a number, not 'x'\nTry 'fustor du --help'.\n"),
    (["tree", "-L"], "fustor: --max-depth needs a value\nTry 'fustor tree --help'.\n"),
    (["stat"], "fustor: PATH is missing\nTry 'fustor stat --help'.\n"),
    (["search"], "fustor: TEXT is missing\nTry 'fustor search --help'.\n"),
    (["groups", "--by", "ext", "--newer", "soon"],
     "fustor: groups: --newer takes an age (12h, 30d, 2w, 1y) or a date (2026-11-21, yesterday), not 'soon'\n"
     "Try 'fustor groups --help'.\n"),
    (["duplicates", "--by", "name"],
     "fustor: --by takes size, size,name, size,mtime or size,name,mtime, not 'name'\n"
     "Try 'fustor duplicates --help'.\n"),
    (["status", "x"], "fustor: unexpected argument 'x'\nTry 'fustor status --help'.\n"),
    (["find", ".", "-nmae", "x"],
     "fustor: find: there is no '-nmae'; did you mean '-name'?\nTry 'fustor find --help'.\n"),
    (["find", ".", "-delete"],
     "fustor: find: -delete is not here: fustor only looks. Pipe to a program instead: fustor find ... "
     "-print0 | xargs -0 PROGRAM\nTry 'fustor find --help'.\n"),
])
def test_mistakes_get_a_hint(fustor, args, says):
    assert ended(fustor(*args), 2) == ("", says)


# --- nobody there -------------------------------------------------------------------------------------

def test_without_a_connection_file(fustor, tmp_path):
    for args in (["ls"], ["tree"], ["du"], ["find"], ["stat", "."], ["search", "x", "--under", "."]):
        out, errors = ended(fustor(*args), 3)
        assert out == ""
        assert errors == (f"fustor: no Fustor is running for {tmp_path}: "
                          f"start one with: fustor up {tmp_path}\n")
    file = tmp_path / "a b"
    file.write_text("")
    _, errors = ended(fustor("stat", file), 3)
    assert errors == (f"fustor: no Fustor is running for '{file}': "
                      f"start one with: fustor up {tmp_path}\n")
    for args in (["status"], ["search", "x"]):
        _, errors = ended(fustor(*args), 3)
        assert errors == "fustor: no Fustor is running: start one with: fustor up DIR\n"


def test_with_a_connection_file_of_one_that_has_gone(fustor, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (port,) = free_ports(1)
    file = home / "connection.json"
    file.write_text(json.dumps({"url": f"http://127.0.0.1:{port}", "grpc": "x", "key": "k"}))
    for result in (fustor("status", "--home", home), fustor("status", env={"FUSTOR_HOME": str(home)})):
        _, errors = ended(result, 3)
        assert errors.startswith(f"fustor: no Fustor answers at http://127.0.0.1:{port} (from {file}): ")
        assert errors.endswith("; start one with: fustor up DIR\n")
    file.write_text("{")
    _, errors = ended(fustor("status", "--home", home), 1)
    assert errors.startswith(f"fustor: {file} is not what fustor up writes: ")
    file.unlink()
    file.mkdir()
    _, errors = ended(fustor("status", "--home", home), 1)
    assert "connection.json is not a file" in errors


def test_addresses_that_are_none(fustor):
    _, errors = ended(fustor("status", "--url", "nonsense"), 1)
    assert errors.startswith("fustor: 'nonsense' is not an address to ask: ")
    _, errors = ended(fustor("status", env={"HOME": ""}), 1)
    assert errors == "fustor: HOME is not set; say with --home DIR or --url URL which Fusion to ask\n"


# --- a server of canned answers -----------------------------------------------------------------------

class Canned(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("X-API-Key")))
        body = self.server.answer(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def canned():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    server.seen = []
    server.daemon_threads = True
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def endless(path):
    """Views of "/"; a directory; then pages of a search without end."""
    if path.endswith("/api/v1/views/"):
        return b'{"views":[{"id":"v","source_uris":["/"],"ready":true}]}'
    if "/search?" not in path:
        return b'{"path":"/d","content_type":"directory"}'
    endless.page += 1
    items = ",".join(f'{{"path":"/d/{endless.page}-{i}"}}' for i in range(1000))
    return f'{{"items":[{items}],"next":"{endless.page}.x"}}'.encode()


def test_ends_well_when_nobody_reads(canned, clean_env):
    endless.page = 0
    canned.answer = endless
    command = [FUSTOR, "find", "/d", "--url", canned.url, "--key", "k"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_env) as find:
        assert find.stdout.readline() == b"/d\n"
        find.stdout.close()
        assert find.stderr.read() == b""
        assert find.wait(60) == 0
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, env=clean_env)
    assert done.returncode == 1
    assert done.stderr.startswith(b"fustor: cannot write: ") and b"No space left" in done.stderr


def test_paths_travel_as_bytes_and_the_key_in_its_header(canned, fustor):
    canned.answer = endless
    endless.page = 0
    name = b"/d/\xff %2f&?#+\n"
    result = fustor("stat", name, "--url", canned.url + "/base/", "--key", "s3cret")
    assert result.returncode == 0, result.stderr
    assert canned.seen == [
        ("/base/api/v1/views/", "s3cret"),
        ("/base/api/v1/views/v/tree?path=%2Fd%2F%FF%20%252f%26%3F%23%2B%0A&max_depth=0&totals=true", "s3cret"),
    ]


def test_answers_of_something_else(canned, fustor):
    canned.answer = lambda path: b"<html>hello</html>"
    _, errors = ended(fustor("status", "--url", canned.url, "--key", "k"), 1)
    assert errors == f"fustor: no Fustor answers at {canned.url}: the answer is not JSON (HTTP status 200)\n"
