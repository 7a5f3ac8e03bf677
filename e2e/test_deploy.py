"""What is in deploy/: units, default configurations, packages, alerts and the dashboard."""

import gzip
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from conftest import BIN, ROOT, SANITIZED, http_get, wait_for
from test_two_processes import QUERY_KEY, Pair

DEPLOY = ROOT / "deploy"
SERVICES = ["agent", "fusion"]


def run(*command, env=None, **more):
    done = subprocess.run([os.fspath(c) for c in command], capture_output=True, text=True, check=False, timeout=300,
                          env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"} | (env or {}),
                          **more)
    return done.returncode, done.stdout + done.stderr


def needs(*programs):
    missing = [p for p in programs if shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {' '.join(missing)}")


# --- configurations -----------------------------------------------------------------------------------

@pytest.mark.parametrize("service", SERVICES)
def test_default_configurations_are_right(fustor, tmp_path, service):
    file = DEPLOY / "config" / f"{service}.yaml"
    plain = fustor("config", "check", file)
    assert plain.returncode == 0, plain.stderr
    # The examples in it, too.
    folder = tmp_path / f"{service}-config"
    folder.mkdir()
    text = re.sub(r"^#(?=[a-z ]+)(?! )", "", file.read_text(), flags=re.M)
    text = re.sub(r"^#(?=  )", "", text, flags=re.M)
    assert len(yaml.safe_load(text)) > len(yaml.safe_load(file.read_text()))
    (folder / "all.yaml").write_text(text)
    whole = fustor("config", "check", folder)
    assert (whole.returncode, whole.stderr) == (0, b"")
    code, output = run(BIN / f"fustor-{service}", "--config", folder, "--check-config")
    assert (code, output) == (0, "The configuration is right.\n")


# --- units --------------------------------------------------------------------------------------------

@needs("systemd-analyze")
@pytest.mark.parametrize("service", SERVICES)
def test_units_are_right_and_tight(tmp_path, service):
    name = f"fustor-{service}.service"
    text = (DEPLOY / "systemd" / name).read_text()
    text = text.replace("/usr/bin/fustor", f"{BIN}/fustor").replace("Documentation=man:", "#")
    unit = tmp_path / name
    unit.write_text(text)
    code, output = run("systemd-analyze", "verify", "--man=no", unit)
    assert (code, output) == (0, "")
    # Tenths. The agent has CAP_SYS_ADMIN for fanotify and sees all files.
    most = {"agent": 25, "fusion": 15}[service]
    code, output = run("systemd-analyze", "security", "--offline=yes", f"--threshold={most}", unit)
    assert code == 0, output


def allowed_calls(unit):
    """System calls that the unit's filter lets through."""
    groups, name = {}, None
    _, text = run("systemd-analyze", "syscall-filter", "--no-pager", env={"SYSTEMD_COLORS": "0"})
    for line in text.splitlines():
        if line.startswith("@"):
            name = line.strip()
            groups[name] = []
        elif line.startswith("    ") and not line.strip().startswith("#"):
            groups[name].append(line.strip())

    def calls(word):
        return set().union(*map(calls, groups[word])) if word.startswith("@") else {word}

    allowed = set()
    for value in re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(), re.M):
        named = set().union(*map(calls, value.lstrip("~").split()))
        allowed = allowed - named if value.startswith("~") else allowed | named
    return allowed


@needs("systemd-analyze", "strace")
def test_units_let_through_what_the_services_call(tmp_path, start):
    if SANITIZED:
        pytest.skip("a sanitizer calls what the services do not")
    pair = Pair(tmp_path, start)

    def traced(service, file):
        return start(["strace", "-f", "-qq", "-o", tmp_path / f"{service}.calls", BIN / f"fustor-{service}", "--config",
                      file])
    fusion, agent = traced("fusion", pair.fusion_file), traced("agent", pair.agent_file)
    pair.view.wait_ready()
    (pair.data / "new").write_text("")
    wait_for(lambda: pair.view.node(b"/new"), "a change")
    assert http_get(pair.url + "/metrics")[0] == 200
    children = {s: run("pgrep", "-P", str(p.pid))[1].split() for s, p in (("fusion", fusion), ("agent", agent))}
    for pids in children.values():
        os.kill(int(pids[0]), 15)
    assert fusion.wait() == 0 and agent.wait() == 0
    for service in SERVICES:
        used = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", (tmp_path / f"{service}.calls").read_text(), re.M))
        assert len(used) > 30
        missing = used - allowed_calls(DEPLOY / "systemd" / f"fustor-{service}.service")
        assert not missing, f"{service}: {missing}"


@needs("systemd-sysusers")
@pytest.mark.parametrize("service, user", [("agent", "fustor-agent"), ("fusion", "fustor")])
def test_users_are_made(tmp_path, service, user):
    (tmp_path / "etc").mkdir()
    code, output = run("systemd-sysusers", f"--root={tmp_path}", DEPLOY / "sysusers" / f"fustor-{service}.conf")
    assert code == 0, output
    line = next(x for x in (tmp_path / "etc/passwd").read_text().splitlines() if x.startswith(user + ":"))
    assert line.endswith(("/usr/sbin/nologin", "/sbin/nologin"))
    unit = (DEPLOY / "systemd" / f"fustor-{service}.service").read_text()
    assert f"\nUser={user}\n" in unit and f"\nStateDirectory={line.split(':')[5].removeprefix('/var/lib/')}\n" in unit


# --- metrics ------------------------------------------------------------------------------------------

def names_in(text):
    """Metrics that an expression asks for."""
    return set(re.findall(r"\bfustor_\w+", text))


def exported(text):
    return set(re.findall(r"^(fustor_\w+)[{ ]", text, re.M))


@pytest.fixture
def metrics_of_up(fustor_up, tmp_path):
    (tmp_path / "tree").mkdir()
    up = fustor_up(tmp_path / "tree")
    assert up.get("/api/v1/views")[0] == 200
    return exported(http_get(up.url + "/metrics")[1].decode())


def test_the_dashboard_names_only_what_up_exports(metrics_of_up):
    dashboard = json.loads((DEPLOY / "grafana" / "fustor.json").read_text())
    expressions = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
    queries = [v["query"]["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
    used = names_in("\n".join(expressions + queries))
    assert len(used) >= 12
    assert used <= metrics_of_up, used - metrics_of_up
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in dashboard["panels"]]
    assert len(set(places)) == len(places) and len({p["id"] for p in dashboard["panels"]}) == len(places)
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in dashboard["panels"])


def test_alerts_name_only_what_is_exported(metrics_of_up, tmp_path, start):
    rules = yaml.safe_load((DEPLOY / "prometheus" / "fustor.rules.yml").read_text())
    used = names_in("\n".join(r["expr"] for g in rules["groups"] for r in g["rules"]))
    of_agent = {name for name in used if name.startswith("fustor_agent_")}
    assert used - of_agent <= metrics_of_up, used - of_agent - metrics_of_up
    pair = Pair(tmp_path, start)
    start([BIN / "fustor-fusion", "--config", pair.fusion_file])
    start([BIN / "fustor-agent", "--config", pair.agent_file])
    pair.view.wait_ready()

    def metrics():
        answer = http_get(f"http://127.0.0.1:{pair.operator}/metrics")
        return answer and exported(answer[1].decode())
    wait_for(lambda: of_agent <= (metrics() or set()), f"metrics {of_agent}")
    assert QUERY_KEY not in http_get(f"http://127.0.0.1:{pair.operator}/metrics")[1].decode()


@needs("promtool")
def test_alerts_fire_when_they_should():
    folder = DEPLOY / "prometheus"
    code, output = run("promtool", "check", "rules", folder / "fustor.rules.yml")
    assert code == 0, output
    code, output = run("promtool", "test", "rules", folder / "fustor.rules_test.yml")
    assert code == 0, output


# --- packages -----------------------------------------------------------------------------------------

FILES = {
    "fustor": {"usr/bin/fustor", "usr/share/man/man1/fustor.1.gz", "usr/share/bash-completion/completions/fustor",
               "usr/share/zsh/vendor-completions/_fustor", "usr/share/fish/vendor_completions.d/fustor.fish"},
    "fustor-agent": {"usr/bin/fustor-agent", "usr/share/man/man8/fustor-agent.8.gz",
                     "lib/systemd/system/fustor-agent.service", "usr/lib/sysusers.d/fustor-agent.conf",
                     "etc/fustor/agent-config/agent.yaml", "usr/share/lintian/overrides/fustor-agent"},
    "fustor-fusion": {"usr/bin/fustor-fusion", "usr/share/man/man8/fustor-fusion.8.gz",
                      "lib/systemd/system/fustor-fusion.service", "usr/lib/sysusers.d/fustor-fusion.conf",
                      "etc/fustor/fusion-config/fusion.yaml", "usr/share/lintian/overrides/fustor-fusion",
                      "usr/share/doc/fustor-fusion/examples/fustor.rules.yml",
                      "usr/share/doc/fustor-fusion/examples/fustor.json"},
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    if shutil.which("dpkg-shlibdeps") is None or not (BIN.parent / "CPackConfig.cmake").exists():
        pytest.skip("dpkg-dev is not installed, or the programs are not from a build folder")
    code, output = run("ninja", "-C", BIN.parent, "packages", env={"HOME": os.environ.get("HOME", "/")})
    assert code == 0, output
    found = sorted((BIN.parent / "packages").glob("*.deb"))
    return {deb.name.split("_")[0]: deb for deb in found}


def test_packages_hold_what_they_should(packages, tmp_path):
    assert packages.keys() == FILES.keys()
    for name, deb in packages.items():
        _, listing = run("dpkg-deb", "-c", deb)
        rows = [line.split() for line in listing.splitlines()]
        assert {row[1] for row in rows} == {"root/root"}
        files = {row[5].removeprefix("./") for row in rows if not row[5].endswith("/")}
        documents = {f"usr/share/doc/{name}/copyright", f"usr/share/doc/{name}/changelog.gz"}
        assert files == FILES[name] | documents
        modes = {row[5].removeprefix("./"): row[0] for row in rows}
        assert modes[f"usr/bin/{name}"] == "-rwxr-xr-x"
        _, control = run("dpkg-deb", "-f", deb)
        assert re.search(r"^Depends: .*libc6 ", control, re.M) and "\nMaintainer: " in control
        run("dpkg-deb", "-e", deb, tmp_path / name)
        if name != "fustor":
            service = name.removeprefix("fustor-")
            config = f"etc/fustor/{service}-config/{service}.yaml"
            assert modes[config] == "-rw-r-----"
            assert (tmp_path / name / "conffiles").read_text() == f"/{config}\n"
            for script in ("postinst", "prerm", "postrm"):
                code, output = run("sh", "-n", tmp_path / name / script)
                assert code == 0 and "@" not in (tmp_path / name / script).read_text(), output


def test_packages_run_where_they_are_unpacked(packages, tmp_path):
    for deb in packages.values():
        assert run("dpkg-deb", "-x", deb, tmp_path)[0] == 0
    bin_folder = tmp_path / "usr/bin"
    assert run(bin_folder / "fustor", "--version") == (0, "fustor 0.1.0\n")
    for service in SERVICES:
        config = tmp_path / f"etc/fustor/{service}-config"
        code, output = run(bin_folder / f"fustor-{service}", "--config", config, "--check-config")
        assert code == 0 and "The configuration is right.\n" in output
        assert run(bin_folder / "fustor", "config", "check", config)[0] == 0
    page = gzip.decompress((tmp_path / "usr/share/man/man1/fustor.1.gz").read_bytes()).decode()
    assert all(f"FUSTOR {c}" in page for c in ("UP", "FIND", "TOP")) and "EXIT CODES" in page
    completion = (tmp_path / "usr/share/bash-completion/completions/fustor").read_text()
    assert completion == run(bin_folder / "fustor", "completion", "bash")[1]


@needs("lintian")
def test_packages_please_lintian(packages, tmp_path):
    code, output = run("lintian", "--allow-root", "--fail-on", "error,warning", *packages.values(),
                       env={"HOME": os.fspath(tmp_path)})
    assert code == 0, output


@pytest.mark.skipif(not os.environ.get("FUSTOR_CHROOT"), reason="FUSTOR_CHROOT names no Debian system to install into")
def test_packages_come_and_go(packages):
    """FUSTOR_CHROOT: what debootstrap made (needs root and the network); it is as before afterwards."""
    chroot = os.environ["FUSTOR_CHROOT"]
    for deb in packages.values():
        shutil.copy(deb, f"{chroot}/tmp/")

    def inside(command):
        return run("chroot", chroot, "sh", "-ec", command, env={"DEBIAN_FRONTEND": "noninteractive"})
    install = "apt-get install -y -q --no-install-recommends /tmp/fustor*.deb"
    code, output = inside(f"apt-get update -q; {install}")
    assert code == 0, output
    code, output = inside("stat -c '%U:%G %a' /etc/fustor/*-config /etc/fustor/*-config/*; getent passwd fustor; "
                          "fustor config check /etc/fustor/agent-config /etc/fustor/fusion-config")
    assert code == 0, output
    assert output.count(":fustor-agent 750") == 1 and output.count(":fustor-agent 640") == 1
    assert output.count(":fustor 750") == 1 and output.count(":fustor 640") == 1
    code, output = inside("echo '# mine' >> /etc/fustor/agent-config/agent.yaml; dpkg -r fustor-agent; " + install +
                          "; echo; tail -n 1 /etc/fustor/agent-config/agent.yaml")
    assert code == 0 and "\n# mine\n" in output, output
    code, output = inside("dpkg -P fustor fustor-agent fustor-fusion; test ! -e /etc/fustor")
    assert code == 0, output
