"""Tests of fuzz.py, with scripts in place of fuzzers."""

import pytest

import fuzz

GOOD = """#!/bin/sh
echo "#7 DONE cov: 12 ft: 34 corp: 5/6b" >&2
echo "stat::number_of_executed_units: 7" >&2
echo "stat::average_exec_per_sec:     3" >&2
echo "stat::new_units_added:          2" >&2
"""
BAD = """#!/bin/sh
for argument in "$@"; do case $argument in -artifact_prefix=*) at=${argument#-artifact_prefix=} ;; esac; done
echo x > "${at}crash-1"
echo "src/a.cc:1: check failed: a == b" >&2
echo "Test unit written to ${at}crash-1" >&2
exit 77
"""
# -merge=1: the first folder gets what is worth keeping.
MERGE = """#!/bin/sh
[ "$1" = -merge=1 ] || exit 0
for argument in "$@"; do case $argument in -*) ;; *) break ;; esac; done
printf small > "$argument/0123456789abcdef0123"
head -c 300000 /dev/zero > "$argument/fedcba9876543210fedc"
"""


@pytest.fixture
def fuzzers(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "ROOT", tmp_path)
    monkeypatch.setattr(fuzz, "BUILD", tmp_path / "build" / "fuzz")
    monkeypatch.setattr(fuzz, "KEPT", tmp_path / "fuzz")
    (tmp_path / "build" / "fuzz" / "fuzz").mkdir(parents=True)

    def add(name, script):
        program = fuzz.BUILD / "fuzz" / f"fustor_{name}_fuzz"
        program.write_text(script)
        program.chmod(0o755)
        (fuzz.KEPT / name / "seeds").mkdir(parents=True)
        (fuzz.KEPT / name / "seeds" / "by-hand").write_text("seed")

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["fuzz.py", *arguments])
        return fuzz.main()
    run.add = add
    return run


def test_what_each_did_is_told(fuzzers, capsys):
    fuzzers.add("lib_a", GOOD)
    fuzzers.add("lib_b", GOOD)
    assert fuzzers("--seconds", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:3]] == [[name, "7", "3", "12", "2", "0"] for name in ("lib_a", "lib_b")]
    assert lines[-1] == "2 passed, 0 failed"


def test_a_finding_is_kept_and_can_be_shown_again(fuzzers, capsys):
    fuzzers.add("lib_a", GOOD)
    fuzzers.add("lib_b", BAD)
    assert fuzzers() == 1
    output = capsys.readouterr().out
    assert "check failed: a == b" in output
    assert "again: build/fuzz/fuzz/fustor_lib_b_fuzz build/fuzz/findings/lib_b/crash-1" in output
    assert (fuzz.BUILD / "findings" / "lib_b" / "crash-1").exists()
    assert output.splitlines()[-1] == "1 passed, 1 failed"


def test_what_dies_without_a_word_has_failed(fuzzers, capsys):
    fuzzers.add("lib_a", "#!/bin/sh\nexit 1\n")
    assert fuzzers() == 1
    assert "exit code 1: build/fuzz/logs/lib_a.log" in capsys.readouterr().out


def test_a_name_chooses(fuzzers, capsys):
    fuzzers.add("lib_a", GOOD)
    fuzzers.add("lib_b", BAD)
    assert fuzzers("b_a") == 0
    assert "lib_b" not in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no such target: lib_a, lib_b"):
        fuzzers("lib_c")


def test_what_is_kept_is_small(fuzzers):
    fuzzers.add("lib_a", MERGE)
    assert fuzzers("--keep") == 0
    assert [file.name for file in (fuzz.KEPT / "lib_a" / "found").iterdir()] == ["0123456789abcdef"]
