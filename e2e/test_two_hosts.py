"""docs/guide/two-hosts.md, followed to the letter on two hosts: two network name spaces with a cable between.

What stands in for the rest of a host: /etc/fustor, /root and /srv/data lie in a folder of the test; apt, systemctl
and scp are small scripts. Needs root.
"""

import os
import re
import shutil
import signal
import subprocess
import textwrap

import pytest

from conftest import BIN, ROOT, wait_for

GUIDE = ROOT / "docs" / "guide" / "two-hosts.md"
NAMES = {"fusion.example.org": "10.83.7.1", "storage-1.example.org": "10.83.7.2"}

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "nsenter", "openssl", "mount"))),
    reason="needs root, ip, unshare, nsenter and openssl")


class Host:
    """A network name space, a folder that is its disk, and the programs of the guide."""

    def __init__(self, name, folder, start):
        self.name, self.root, self.start = name, folder / name.split(".")[0], start
        for part in ("etc/fustor/fusion-config", "etc/fustor/agent-config", "root", "srv/data", "bin"):
            (self.root / part).mkdir(parents=True)
        hosts = self.root / "hosts"
        hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{a} {n}\n" for n, a in NAMES.items()))
        self.holder = start(["unshare", "--net", "--mount", "sh", "-c",
                             f"mount --bind {hosts} /etc/hosts && ip link set lo up && echo up && exec tail -f /dev/null"],
                            name=self.root.name)
        wait_for(lambda: self.holder.output() == "up\n", f"the name space of {name}")
        self.script("apt", "exit 0")
        self.script("chgrp", "exit 0")

    def script(self, name, text):
        file = self.root / "bin" / name
        file.write_text(f"#!/bin/bash\nset -e\n{text}\n")
        file.chmod(0o755)

    def serves(self, unit):
        """`systemctl enable --now UNIT`: what the unit runs, in the background."""
        config = self.root / "etc/fustor" / (unit.removeprefix("fustor-") + "-config")
        self.script("systemctl", f'[[ "$*" == "enable --now {unit}" ]]\n'
                                 f"setsid {BIN}/{unit} --config {config} > {self.root}/{unit}.log 2>&1 < /dev/null &\n"
                                 f"echo $! > {self.root}/pid")

    def here(self, text):
        return re.sub(r"(?<![\w:.])/(etc/fustor|root/|srv/data)", rf"{self.root}/\1", text)

    def run(self, text, env):
        """A block of the guide."""
        command = ["nsenter", "-t", str(self.holder.pid), "--net", "--mount", "bash", "-ec", self.here(text)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=self.root, env=env | {
            "PATH": f"{self.root}/bin:{BIN}:{os.environ['PATH']}", "HOME": f"{self.root}/root"})
        assert done.returncode == 0, f"on {self.name}:\n{text}\n{done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout

    def logs(self):
        return "".join(file.read_text() for file in self.root.glob("fustor-*.log"))

    def stop(self):
        pid = self.root / "pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.fixture
def hosts(tmp_path, start):
    fusion, storage = (Host(name, tmp_path, start) for name in NAMES)
    cable = f"f{os.getpid() % 100_000}"
    ip = ["nsenter", "-t", str(fusion.holder.pid), "--net", "ip"]
    subprocess.run([*ip, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns",
                    str(storage.holder.pid)], check=True)
    for host, device in ((fusion, cable), (storage, "eth0")):
        ip = ["nsenter", "-t", str(host.holder.pid), "--net", "ip"]
        subprocess.run([*ip, "addr", "add", f"{NAMES[host.name]}/24", "dev", device], check=True)
        subprocess.run([*ip, "link", "set", device, "up"], check=True)
    for here, there in ((fusion, storage), (storage, fusion)):
        here.script("scp", f'[[ "$1" == {there.name}:* ]]\ncp "{there.root}${{1#*:}}" "$2"')
    fusion.serves("fustor-fusion")
    storage.serves("fustor-agent")
    yield fusion, storage
    fusion.stop()
    storage.stop()


def steps():
    """(heading, kind, text) of every block of the page, in order."""
    heading = ""
    for match in re.finditer(r"^## ([^\n]*)$|^```(\w+)\n(.*?)^```$", GUIDE.read_text(), re.M | re.S):
        if match[1]:
            heading = match[1]
        else:
            yield heading, match[2], match[3]


def test_the_guide_is_followed_to_the_letter(hosts, clean_env):
    fusion, storage = hosts
    data = storage.root / "srv" / "data"
    (data / "project").mkdir()
    (data / "project" / "report").write_bytes(b"x" * 5000)
    (data / "old").write_text("")
    os.utime(data / "old", (1e9, 1e9))
    env = {k: v for k, v in clean_env.items() if k not in ("PATH", "HOME")}
    outputs = []
    for heading, kind, text in steps():
        host = fusion if heading == "On the Fusion host" else storage
        if kind == "yaml":
            file = re.match(r"# (/\S+)\n", text)[1]
            (host.root / file.lstrip("/")).write_text(host.here(text))
        else:
            # What is watched is printed by the path that the agent knows.
            outputs.append(host.run(text, env))
    assert len(outputs) == 7
    asked = outputs[-1]
    assert re.search(r"\ndata +ready +2 +2 ", asked), asked
    assert re.search(rf"K\t{data}/project\n", asked) and f"{data}/project/report\n" in asked
    assert f"{data}/old" not in asked
    # What changes shows, over the cable.
    ask = textwrap.dedent("""\
        export SSL_CERT_FILE=/etc/fustor/tls/ca.crt
        export FUSTOR_URL=https://fusion.example.org:8101 FUSTOR_KEY=$(cat /root/fustor-query-key)
        """)
    (data / "new").write_text("")
    wait_for(lambda: "new" in storage.run(ask + "fustor find /srv/data -name new", env), "the new file")
    # Without the authority nobody is asked anything.
    refused = storage.run(ask + "export SSL_CERT_FILE=/dev/null; fustor views 2>&1 || echo code $?", env)
    assert "certificate verify failed" in refused and refused.endswith("\ncode 3\n"), refused
    key = (fusion.root / "root/fustor-push-key").read_text().strip()
    assert key and key not in fusion.logs() + storage.logs()
    assert not (storage.root / "root/fustor-push-key").exists()
