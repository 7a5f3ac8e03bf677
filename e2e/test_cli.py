"""The command line against a running `fustor up`: what it says is what the system's own tools say."""

import json
import os
import subprocess

import pytest

from conftest import FUSTOR, on_terminal, wait_for

NAMES = [b"plain", b"a b", b"it's", b"new\nline", b"\xff\xfe", b"\x1b[31mred", b"*?[x]", b"-rf", b"\\",
         "größe".encode(), "日本".encode(), b"\xe2\x80\xaegnp.exe", b".hidden", b"%2f", b"n" * 255]


def make_tree(root):
    for name in NAMES:
        folder = root + b"/d" + name[:200]
        os.mkdir(folder)
        for i, inner in enumerate(NAMES):
            with open(folder + b"/" + inner, "wb") as file:
                file.write(b"x" * (i * 700))
    os.symlink(b"dplain", root + b"/link")
    os.link(root + b"/dplain/a b", root + b"/hard")
    os.mkdir(root + b"/empty")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = os.fsencode(tmp_path_factory.mktemp("data"))
    make_tree(root)
    return root


@pytest.fixture
def cli(data, fustor, fustor_up):
    """Runs a command in the tree; its output when all went well."""
    up = fustor_up(os.fsdecode(data))

    def run(*args, code=0):
        result = fustor(*args, "--home", up.home, cwd=data)
        assert result.returncode == code, result.stderr
        return result.stdout
    run.up = up
    return run


def system(data, *command):
    return subprocess.run(command, cwd=data, stdout=subprocess.PIPE, check=True,
                          env={"LC_ALL": "C", "PATH": os.environ["PATH"]}).stdout


def test_it_says_what_the_tools_of_the_system_say(cli, data):
    def same_set(ours, theirs, separator=b"\0"):
        assert sorted(ours.split(separator)) == sorted(theirs.split(separator))

    same_set(cli("find", ".", "-print0"), system(data, "find", ".", "-print0"))
    for test in (["-type", "f"], ["-type", "d"], ["-type", "l"], ["-empty"], ["-size", "+4k"],
                 ["-name", "*l*"], ["-iname", "PLAIN"], ["-links", "2"], ["-perm", "-200"],
                 ["-uid", str(os.getuid())], ["-mmin", "+1000"], ["!", "-name", "*a*"],
                 ["(", "-name", "a b", "-o", "-size", "0", ")", "-type", "f"],
                 ["-maxdepth", "1"], ["-mindepth", "2"]):
        limits = test if test[0].endswith("depth") else []
        rest = [] if limits else test
        ours = cli("find", data, *limits, *rest, "-print0")
        same_set(ours, system(data, "find", data, *limits, *rest, "-print0"))
    same_set(cli("du", "-0", "."), system(data, "du", "-0", "."))
    same_set(cli("du", "-0", "-a", "dplain"), system(data, "du", "-0", "-a", "dplain"))
    # As du does since coreutils 9.2: directories have no length of their own.
    assert cli("du", "-sb", "dplain") == b"%d\tdplain\n" % sum(i * 700 for i in range(len(NAMES)))
    assert cli("ls", ".") == system(data, "ls", ".")
    assert cli("ls", "-a", "dplain") == b"".join(sorted(n + b"\n" for n in NAMES))
    assert cli("ls", "link") == system(data, "ls", "link")
    assert cli("find", "link/", "-name", "plain") == b"link/plain\n"


def test_json_holds_the_bytes(cli, data):
    lines = cli("find", "dplain", "-type", "f", "--json").splitlines()
    paths = {json.loads(line)["path"].encode("utf-8", "surrogateescape") for line in lines}
    assert paths == {data + b"/dplain/" + name for name in NAMES}
    entry = json.loads(cli("stat", "--json", "dplain/a b"))
    found = os.stat(data + b"/dplain/a b")
    assert [entry[k] for k in ("size", "modified_time_ns", "mode", "uid", "gid", "inode", "nlink")] == [
        found.st_size, found.st_mtime_ns, found.st_mode, found.st_uid, found.st_gid, found.st_ino,
        found.st_nlink]
    status = json.loads(cli("status", "--json"))
    assert status["url"] == cli.up.url
    assert [v["ready"] for v in status["views"]] == [True]


def test_people_get_tables(cli, data):
    assert b"ready" in cli("status")
    text = cli("stat", "dplain").decode()
    assert f"Contains:     {len(NAMES)} files, 0 directories\n" in text
    tree = cli("tree", "-L", "1", ".").decode(errors="replace")
    assert "├── dplain\n" in tree and "└── link -> dplain\n" in tree
    assert cli("search", "plain", "--under", "dplain") == data + b"/dplain/plain\n"
    missing = cli("stat", "nothing", code=1)
    assert missing == b""


def test_no_name_reaches_a_terminal_as_it_is(cli, data, clean_env):
    for command in (["ls", "-a", "dplain"], ["ls", "-la", "dplain"], ["tree", "-a"], ["find"], ["du"]):
        code, text = on_terminal([FUSTOR, *command, "--home", cli.up.home], clean_env | {"NO_COLOR": "1"}, data)
        assert code == 0
        assert b"\x1b" not in text and b"\xff" not in text and b"\xe2\x80\xae" not in text
        text.decode()
        assert rb"$'\033''[31mred'" in text or command[0] == "du"


def test_changes_show_at_once(cli, data, tmp_path):
    new = data + b"/appears"
    with open(new, "wb"):
        pass
    wait_for(lambda: b"./appears\n" in cli("find", ".", "-name", "appears"), "the new file")
    os.unlink(new)
    wait_for(lambda: cli("find", ".", "-name", "appears") == b"", "its end")
