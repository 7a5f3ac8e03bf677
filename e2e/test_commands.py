"""top, views, sessions, config check; and every command on a terminal and in a pipe."""

import json
import os
import random
import re
import subprocess

import pytest

from conftest import FUSTOR, on_terminal, wait_for


@pytest.fixture
def data(tmp_path):
    """Directories of known sums; names that a terminal must not obey."""
    root = tmp_path / "data"
    rng = random.Random(3)
    directories = [root]
    root.mkdir()
    for number in range(40):
        directory = rng.choice(directories) / f"d{number}"
        directory.mkdir()
        directories.append(directory)
    for number in range(400):
        file = rng.choice(directories) / f"f{number}"
        with open(file, "wb") as f:
            f.truncate(rng.randrange(10**6) * 10 + number % 10)
    (root / "d0" / "\x1b[31mred").write_bytes(b"x" * 77)
    for number, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, (1.6e9 + number * 7 % 1000, 1.6e9 + number * 7 % 1000))
    return root


@pytest.fixture
def cli(data, fustor, fustor_up):
    up = fustor_up(data)

    def run(*args, code=0):
        result = fustor(*args, "--home", up.home, cwd=data)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout if code == 0 else result.stderr
    run.up = up
    return run


def model(data, by):
    """[(value, "d" or "f", path)], by a walk; no directories on the way to one that holds nearly all of them."""
    rows = []
    for folder, _, _ in os.walk(data):
        inside = [os.path.join(f, n) for f, _, names in os.walk(folder) for n in names]
        around = [f for f, _, _ in os.walk(folder)]
        values = {"size": sum(os.path.getsize(p) for p in inside), "files": len(inside),
                  "mtime": max(int(os.path.getmtime(p)) for p in inside + around)}
        if folder != str(data):
            rows.append((values[by], "d", folder))
    share = 10 if by == "mtime" else 9
    rows = [(value, "d", path) for value, _, path in rows
            if not any(p.startswith(path + "/") and v * 10 >= value * share for v, _, p in rows)]
    for folder, _, names in os.walk(data):
        for name in names:
            path = os.path.join(folder, name)
            values = {"size": os.path.getsize(path), "files": 1, "mtime": int(os.path.getmtime(path))}
            rows.append((values[by], "f", path))
    return rows


@pytest.mark.parametrize("by, column", [("size", 0), ("files", 1), ("mtime", 2)])
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_top_is_what_a_walk_finds(cli, data, by, column, count):
    rows = model(data, by)
    for option, kind in (("-d", "d"), ("-f", "f")):
        if (by, kind) == ("files", "f"):
            assert b"leave out -f" in cli("top", "--by", by, option, data, code=2)
            continue
        lines = cli("top", "--by", by, "-n", str(count), option, data, "-0").split(b"\0")[:-1]
        ours = [line.decode().split("\t") for line in lines]
        expected = sorted((row for row in rows if row[1] == kind), key=lambda row: -row[0])[:count]
        assert [int(o[column]) for o in ours] == [value for value, _, _ in expected]
        assert {o[3] for o in ours} == {kind}
        known = {(value, path) for value, k, path in rows if k == kind}
        assert all((int(o[column]), o[4]) in known for o in ours)
        assert len({o[4] for o in ours}) == len(ours)


def test_top_in_other_forms(cli, data):
    both = cli("top", "-n", "3").decode().splitlines()
    assert [line.split("\t")[3] for line in both] == ["d"] * 3 + ["f"] * 3
    assert all(line.split("\t")[4].startswith("./") for line in both)
    assert [line.split("\t")[3] for line in cli("top", "-n", "3", "--by", "files").decode().splitlines()] == ["d"] * 3
    entries = [json.loads(line) for line in cli("top", "-n", "2", "--json").splitlines()]
    assert [e["content_type"] for e in entries] == ["directory"] * 2 + ["file"] * 2
    assert "totals" in entries[0] and entries[0]["view"] == "data"
    assert cli("top", "-n", "0") == b""
    assert b"no such file or directory" in cli("top", "nothing", code=1)


def test_views_and_sessions(cli, data):
    assert re.search(rb"\ndata +ready +401 +41 .*/data\n", cli("views"))
    view = json.loads(cli("views", "--json"))
    assert (view["id"], view["ready"], view["total_files"]) == ("data", True, 401)
    text = cli("sessions").decode()
    assert re.search(r"\n\S+ +data +leader +live +\d{4}-", text) and str(data) in text
    session = json.loads(cli("sessions", "data", "--json"))
    assert (session["view"], session["role"]) == ("data", "leader") and session["session_id"]
    assert b"does not open view 'nope'" in cli("sessions", "nope", code=1)


# --- on a terminal and in a pipe ----------------------------------------------------------------------

ON_TERMINALS = [["status"], ["views"], ["sessions"], ["ls", "-la"], ["ls", "d0"], ["tree", "-s"], ["du", "-h"],
                ["stat", "d0"], ["top"], ["top", "d0", "-f"], ["find"], ["find", "-ls"],
                ["find", "-printf", "%p %f %P\\n"], ["search", "red"], ["help"], ["help", "paths"], ["help", "find"],
                ["find", "--json"], ["completion", "bash"]]


@pytest.mark.parametrize("command", ON_TERMINALS, ids=" ".join)
def test_every_command_on_a_terminal_and_in_a_pipe(cli, data, clean_env, command):
    command = [FUSTOR, *command]
    if command[1] not in ("help", "completion"):
        command += ["--home", cli.up.home]
    coloured = re.compile(rb"\x1b\[(?:[0-9;]*)m")
    for changes, colours in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        code, text = on_terminal(command, clean_env | changes, data)
        assert code == 0 and text
        bare = coloured.sub(b"", text) if colours else text
        assert b"\x1b" not in bare, "a name, or a colour that nobody asked for"
        if command[1] in ("ls", "tree", "top") and colours and "-f" not in command:
            assert bare != text
    piped = subprocess.run(command, cwd=data, capture_output=True, env=clean_env, check=False, timeout=60)
    assert piped.returncode == 0 and piped.stderr == b""
    assert not re.search(rb"\x1b\[(?!31mred)", piped.stdout)
    # Who reads one line and leaves is no failure.
    head = subprocess.run(["bash", "-c", '"$0" "$@" | head -n 1; exit ${PIPESTATUS[0]}', *map(os.fspath, command)],
                          cwd=data, capture_output=True, env=clean_env, check=False, timeout=60)
    assert (head.returncode, head.stderr) == (0, b"")


# --- config check -------------------------------------------------------------------------------------

AGENT = """agent_id: a
sources: {data: {driver: fs, uri: /data}}
senders: {fusion: {driver: grpc, uri: "h:8103", credential: {key: secret-key}}}
pipes: {data: {source: data, sender: fusion}}
"""
FUSION = """receivers: {agents: {driver: grpc, api_keys: [{key: secret-key, pipe_id: data}]}}
views: {data: {driver: fs, api_keys: [query-key]}}
pipes: {data: {receiver: agents, views: [data]}}
"""


def test_config_check(fustor, tmp_path):
    def check(name, text, *args):
        file = tmp_path / name
        file.write_text(text)
        result = fustor("config", "check", *args, file)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    file = tmp_path / "agent.yaml"
    assert check("agent.yaml", AGENT) == (0, f"{file}: right, for fustor-agent\n", "")
    assert check("fusion.yaml", FUSION)[:2] == (0, f"{tmp_path}/fusion.yaml: right, for fustor-fusion\n")
    code, out, errors = check("typo.yaml", FUSION.replace("api_keys: [query", "api_key: [query"))
    assert (code, out) == (1, "")
    assert errors == (f"fustor: {tmp_path}/typo.yaml:2:28: unknown key 'api_key' in views.data; "
                      "did you mean 'api_keys'?\n")
    code, _, errors = check("two.yaml", AGENT.replace("source: data", "source: nope").replace("agent_id: a", "agent_id: 'a:b'"))
    assert code == 1 and errors.count("two.yaml:") == 2 and "secret-key" not in errors
    assert check("as.yaml", FUSION, "--as", "agent")[0] == 1
    code, _, errors = check("none.yaml", "logging: info\n")
    assert code == 1 and "--as says it" in errors
    assert check("my-fusion.yaml", "logging: info\n")[1].endswith("my-fusion.yaml: right, for fustor-fusion\n")
    assert check("broken.yaml", "a: [\n")[0] == 1
    code, out, errors = check("empty.yaml", "")
    assert code == 1
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.yaml").write_text(FUSION.splitlines()[0])
    (folder / "b.yaml").write_text("\n".join(FUSION.splitlines()[1:]))
    both = fustor("config", "check", folder, file)
    assert (both.returncode, both.stdout.count(b": right, ")) == (0, 2)
    missing = fustor("config", "check", tmp_path / "nothing", file)
    assert missing.returncode == 1 and missing.stdout.count(b": right, ") == 1
    assert missing.stderr == f"fustor: {tmp_path}/nothing: no such file or folder\n".encode()


def test_a_waiting_command_ends_when_all_is_ready(fustor, fustor_up, start, data):
    """--wait for a home whose Fusion is not there yet."""
    home = data.parent / "home"
    waiting = start([FUSTOR, "views", "--wait", "--home", home])
    wait_for(lambda: "waiting: " in waiting.errors(), "it to say that it waits")
    fustor_up(data, home=home)
    assert waiting.wait() == 0 and "data" in waiting.output()
    assert fustor("status", "--wait", "--home", home).returncode == 0
