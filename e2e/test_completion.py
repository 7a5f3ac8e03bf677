"""Completion in real shells."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from conftest import FUSTOR


@pytest.fixture
def folder(tmp_path):
    for name in ("alpha", "beta dir"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    (tmp_path / "tree" / "alpine.txt").write_text("")
    (tmp_path / "tree" / "quo'te").write_text("")
    return tmp_path / "tree"


@pytest.fixture
def script(fustor, tmp_path):
    def write(shell):
        result = fustor("completion", shell)
        assert (result.returncode, result.stderr) == (0, b"")
        file = tmp_path / f"_fustor.{shell}"
        file.write_bytes(result.stdout)
        return file
    return write


# (words before the cursor, what is offered at least, what is not)
CASES = [
    ([""], {"up", "status", "find", "completion", "help"}, {"--json"}),
    (["st"], {"status", "stat"}, {"tree"}),
    (["-"], {"--json", "--home", "--version"}, set()),
    (["--home", "/x", "st"], {"status", "stat"}, set()),
    (["ls", "--l"], {"--long"}, {"--all"}),
    (["ls", "--home", "/x", "--h"], {"--human-readable", "--home"}, set()),
    (["ls", "al"], {"alpha", "alpine.txt"}, {"beta dir"}),
    (["up", "al"], {"alpha"}, {"alpine.txt"}),
    (["find", "-newer"], {"-newer", "-newermt"}, {"-name"}),
    (["find", ".", "-mi"], {"-mindepth"}, {"-maxdepth"}),
    (["find", "be"], {"beta dir"}, set()),
    (["top", "--by", ""], {"size", "files", "mtime"}, {"alpha"}),
    (["help", "ex"], {"exit-codes"}, {"find"}),
    (["help", "fi"], {"find"}, set()),
    (["config", ""], {"check"}, {"alpha"}),
    (["config", "check", "al"], {"alpha", "alpine.txt"}, {"check"}),
    (["config", "check", "--as", ""], {"agent", "fusion"}, set()),
    (["completion", ""], {"bash", "zsh", "fish"}, set()),
    (["search", "--under", "al"], {"alpha", "alpine.txt"}, set()),
    (["du", "-d", ""], set(), {"alpha", "up"}),
]


def in_bash(file, folder, words, env):
    words = ["fustor", *words]
    program = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fustor; '
               'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", program, "bash", file, *words], cwd=folder, env=env,
                          capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return set(done.stdout.splitlines()) - {""}


@pytest.mark.parametrize("words, offered, not_offered", CASES, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_bash(script, folder, clean_env, words, offered, not_offered):
    found = in_bash(script("bash"), folder, words, clean_env)
    assert offered <= found and not not_offered & found, found


def test_bash_takes_a_value_behind_an_equals_sign(script, folder, clean_env):
    assert in_bash(script("bash"), folder, ["top", "--by", "=", "fi"], clean_env) == {"files"}
    assert in_bash(script("bash"), folder, ["top", "--by", "="], clean_env) == {"size", "files", "mtime"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_offered(fustor, script, shell):
    text = script(shell).read_text()
    for command in re.findall(r"^  ([a-z]+) {2,}\w", fustor("help").stdout.decode(), re.M):
        assert re.search(rf"\b{command}\b", text), command


class Terminal:
    """An interactive program on a terminal of its own."""

    def __init__(self, command, folder, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, env)
        self.text = ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, deadline_s=30):
        end = time.monotonic() + deadline_s
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, f"no {pattern!r} in {self.text!r}"
            if select.select([self.fd], [], [], 0.5)[0]:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
        self.text = ""

    def end(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def test_bash_on_a_terminal(script, folder, clean_env):
    env = clean_env | {"PS1": "ready> ", "PATH": f"{FUSTOR.parent}:{clean_env['PATH']}", "TERM": "dumb"}
    bash = Terminal(["bash", "--norc", "--noprofile", "-i"], folder, env)
    try:
        bash.expect("ready> ")
        bash.send(f"source {script('bash')}; bind 'set bell-style none'\n")
        bash.expect("ready> ")
        bash.send("fustor sea\t")
        bash.expect("fustor search ")
        bash.send("\x15fustor ls --lo\t")
        bash.expect("fustor ls --long ")
        bash.send("\x15fustor ls be\t")
        bash.expect(r"fustor ls beta\\ dir/")
        bash.send("\x15fustor top --by=mt\t")
        bash.expect("--by=mtime ")
        bash.send("\x15fustor help exit\t\n")
        bash.expect("Nobody answers")
    finally:
        bash.end()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize("words, offered, not_offered", CASES, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_zsh(script, folder, clean_env, words, offered, not_offered):
    # The builtins of zsh's completion work inside a widget only: what they are told is what counts.
    program = ('emulate zsh; compdef() { }; compset() { }; '
               'compadd() { [[ $1 == -- ]] && shift; print -l -- ${(M)@:#$PREFIX*} }; '
               '_files() { if [[ $1 == -/ ]]; then print -l -- $PREFIX*(/N); else print -l -- $PREFIX*(N); fi }; '
               'source $1; shift; words=("$@"); CURRENT=$#; PREFIX=${words[CURRENT]}; _fustor')
    done = subprocess.run(["zsh", "-f", "-c", program, "zsh", script("zsh"), "fustor", *words], cwd=folder,
                          env=clean_env, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    found = set(done.stdout.splitlines())
    assert offered <= found and not not_offered & found, found


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize("words, offered, not_offered", CASES, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_fish(script, folder, clean_env, words, offered, not_offered):
    line = " ".join(["fustor", *words])
    done = subprocess.run(["fish", "--no-config", "-c", f"source {script('fish')}; complete -C '{line}'"], cwd=folder,
                          env=clean_env, capture_output=True, text=True, check=False, timeout=60)
    found = {entry.split("\t")[0].rstrip("/").replace("\\", "") for entry in done.stdout.splitlines()}
    assert offered <= found and not not_offered & found, (found, done.stderr)
