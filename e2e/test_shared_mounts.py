"""Two hosts on one file server, and a writer that no agent sees.

What stands in for NFS are two FUSE mounts of one directory (bindfs). They are like two clients: each keeps
attributes and names for CACHE_S seconds whatever happens on the server, and inotify tells only what goes through
the mount itself. Who writes into the directory itself is the host without an agent.
"""

import os
import re
import shutil
import subprocess
import textwrap

import pytest

from conftest import BIN, free_ports, http_get, wait_for
from test_two_processes import PUSH_KEY, QUERY_KEY, TIMEOUT_S
from trees import NotReady, View, wait_equal

CACHE_S = 2
OFTEN = "audit_interval_sec: 500ms"


def why_not():
    if os.getuid() != 0:
        return "mounting needs root"
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    return None if shutil.which("bindfs") else "there is no bindfs (package bindfs)"


pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


class Host:
    """One client of the server: a mount and an agent on it."""

    def __init__(self, number, setting):
        self.setting, self.name = setting, f"host-{number}"
        self.data = setting.folder / f"mount-{number}"
        self.data.mkdir()
        self.agent = None
        setting.start(["bindfs", "-f", "-o", ",".join(f"{cache}_timeout={CACHE_S}" for cache in
                                                      ("attr", "entry", "negative")), setting.server, self.data])
        wait_for(lambda: os.path.ismount(self.data), f"the mount of {self.name}")

    def run(self):
        port = free_ports(1)[0]
        config = self.setting.folder / f"{self.name}.yaml"
        config.write_text(textwrap.dedent(f"""\
            agent_id: {self.name}
            host: 127.0.0.1
            port: {port}
            sources:
              data: {{driver: fs, uri: {self.data}, driver_params: {{{self.setting.source}}}}}
            senders:
              fusion: {{driver: grpc, uri: "127.0.0.1:{self.setting.grpc}", credential: {{key: {PUSH_KEY}}}}}
            pipes:
              data: {{source: data, sender: fusion, error_retry_interval: 200ms, max_backoff_seconds: 1}}
            """))
        self.agent = self.setting.start([BIN / "fustor-agent", "--config", config], name=f"agent-{self.name}")
        wait_for(lambda: self.session() is not None, f"the session of {self.name}")
        # Its directories are watched when it has said so.
        wait_for(lambda: self.watches(port), f"the watches of {self.name}")

    @staticmethod
    def watches(port):
        answer = http_get(f"http://127.0.0.1:{port}/ready")
        return answer is not None and answer[0] == 200

    def session(self):
        sessions = self.setting.view.get("sessions")["active_sessions"]
        return next((s for s in sessions if s["agent_id"] == self.name), None)

    def leads(self):
        session = self.session()
        return session is not None and session["role"] == "leader"

    def unmount(self):
        subprocess.run(["umount", "-l", self.data], check=False)


class Setting:
    """A server with a tree, Fusion, and two hosts."""

    def __init__(self, folder, start, pipe, view, source):
        self.folder, self.start, self.source = folder, start, source
        self.server = folder / "server"
        for name in ("a", "b/deep"):
            (self.server / name).mkdir(parents=True)
            for i in range(20):
                self.write(f"{name}/file{i}", "x" * i)
        # Long ago: what is hot is what a test writes.
        for path in sorted(self.server.rglob("*"), reverse=True):
            os.utime(path, (1.6e9, 1.6e9))
        self.http, self.grpc = free_ports(2)
        self.view = View(f"http://127.0.0.1:{self.http}", QUERY_KEY, "data")
        config = folder / "fusion.yaml"
        config.write_text(textwrap.dedent(f"""\
            host: 127.0.0.1
            port: {self.http}
            receivers:
              agents: {{driver: grpc, bind_host: 127.0.0.1, port: {self.grpc}, api_keys: [{{key: {PUSH_KEY}, pipe_id: data}}]}}
            views:
              data: {{driver: fs, api_keys: [{QUERY_KEY}], driver_params: {{{view}}}}}
            pipes:
              data: {{receiver: agents, views: [data], session_timeout_seconds: {TIMEOUT_S}, sentinel_interval_sec: 300ms, {pipe}}}
            """))
        self.fusion = start([BIN / "fustor-fusion", "--config", config])
        wait_for(lambda: http_get(self.view.url + "/ready"), "Fusion to answer")
        self.hosts = [Host(number, self) for number in (1, 2)]

    def write(self, name, text):
        """By the host that has no agent."""
        (self.server / name).write_text(text)

    def run(self):
        for host in self.hosts:
            host.run()
        self.view.wait_ready()
        self.wait_equal()
        return self

    def leader(self):
        return wait_for(lambda: next((h for h in self.hosts if h.leads()), None), "a leader")

    def other(self, host):
        return next(h for h in self.hosts if h is not host)

    def node(self, name):
        return self.view.node(b"/" + os.fsencode(name))

    def shows(self, name, **expected):
        """Waits until the node has these members."""
        last = []

        def same():
            last[:] = [self.node(name)]
            return last[0] is not None and all(last[0][key] == value for key, value in expected.items())
        try:
            wait_for(same, f"{name} with {expected}")
        except BaseException as error:
            raise AssertionError(f"{error}: {last}") from None

    def additions(self):
        return {node["path"] for node in self.view.get("blind-spots")["additions"]}

    def deletions(self):
        return set(self.view.get("blind-spots")["deletions"])

    def suspects(self):
        return {suspect["path"] for suspect in self.view.get("suspect-list")}

    def audits(self):
        return self.view.get("stats")["audit_cycle_count"]

    def snapshots(self):
        return self.fusion.errors().count("snapshot ended")

    def wait_audits(self, count):
        """Until so many audits have begun and ended."""
        end = self.audits() + count + 1
        wait_for(lambda: self.audits() >= end, f"{count} audits")

    def wait_equal(self):
        wait_equal(self.view, self.server, 90)


@pytest.fixture
def shared(tmp_path, start):
    settings = []

    def make(pipe=OFTEN, view="", source="audit_full_every: 2"):
        settings.append(Setting(tmp_path, start, pipe, view, source))
        return settings[-1].run()
    yield make
    for setting in settings:
        for host in setting.hosts:
            if host.agent is not None:
                host.agent.kill()
            host.unmount()


def test_each_host_sees_at_once_what_it_writes_itself(shared):
    setting = shared(pipe="audit_interval_sec: 0")
    setting.write("a/by nobody", "x")
    for host in setting.hosts:
        (host.data / "a" / f"by {host.name}").write_text("abc")
        setting.shows(f"a/by {host.name}", size=3, last_agent_id=host.name, agent_missing=False)
        (host.data / f"dir of {host.name}").mkdir()
        (host.data / f"dir of {host.name}" / "in it").write_text("x")
        setting.shows(f"dir of {host.name}/in it", last_agent_id=host.name)
        (host.data / f"dir of {host.name}").rename(host.data / f"moved by {host.name}")
        setting.shows(f"moved by {host.name}/in it")
        wait_for(lambda host=host: setting.node(f"dir of {host.name}") is None, "the end of the old name")
        (host.data / "b" / f"file{host.name[-1]}").unlink(missing_ok=True)
        (host.data / "b/deep" / f"file{host.name[-1]}").unlink()
        wait_for(lambda host=host: setting.node(f"b/deep/file{host.name[-1]}") is None, "the end of a file")
    # What went past both nobody was told of.
    assert setting.node("a/by nobody") is None
    assert setting.view.get("blind-spots")["additions_count"] == 0


def test_what_appears_unseen_is_an_addition_until_somebody_sees_it(shared):
    setting = shared()
    setting.write("a/new", "1234")
    (setting.server / "dir").mkdir()
    setting.write("dir/in it", "12")
    setting.shows("a/new", size=4, agent_missing=True)
    setting.shows("dir/in it", size=2, agent_missing=True)
    wait_for(lambda: {"/a/new", "/dir/in it"} <= setting.additions(), "the additions")
    assert setting.view.get("stats")["has_blind_spot"] is True
    # One of the two hosts writes it: now an agent knows it.
    with open(setting.hosts[1].data / "a" / "new", "a") as file:
        file.write("5")
    setting.shows("a/new", size=5, agent_missing=False, last_agent_id="host-2")
    assert "/a/new" not in setting.additions()
    # Another is deleted by a host that sees it.
    (setting.hosts[0].data / "dir" / "in it").unlink()
    wait_for(lambda: setting.node("dir/in it") is None, "the end of what was added")
    assert "/dir/in it" not in setting.additions()
    setting.wait_equal()


def test_what_goes_unseen_is_a_deletion(shared):
    setting = shared()
    (setting.server / "a" / "file3").unlink()
    shutil.rmtree(setting.server / "b" / "deep")
    wait_for(lambda: setting.node("a/file3") is None and setting.node("b/deep") is None, "the end of both")
    wait_for(lambda: {"/a/file3", "/b/deep"} <= setting.deletions(), "the deletions")
    # It comes back where an agent sees it, as soon as that host's caches know that it is gone.
    wait_for(lambda: not (setting.hosts[0].data / "a" / "file3").exists(), "the caches to forget it")
    (setting.hosts[0].data / "a" / "file3").write_text("again")
    setting.shows("a/file3", size=5, agent_missing=False)
    wait_for(lambda: "/a/file3" not in setting.deletions(), "the end of the deletion")
    setting.wait_equal()
    # What the caches of the hosts still show brings nothing back.
    setting.wait_audits(3)
    assert setting.node("b/deep") is None
    setting.wait_equal()


def test_writes_in_place_are_found_by_the_full_pass(shared):
    setting = shared()
    before = os.stat(setting.server / "a").st_mtime_ns
    with open(setting.server / "a" / "file7", "r+") as file:
        file.write("y" * 70)
    assert os.stat(setting.server / "a").st_mtime_ns == before
    setting.shows("a/file7", size=70)
    setting.wait_equal()


def test_what_is_found_hot_is_a_suspect_until_it_rests(shared):
    setting = shared(view="hot_file_threshold: 4")
    setting.write("a/growing", "1")
    wait_for(lambda: "/a/growing" in setting.suspects(), "the suspect")
    assert setting.node("a/growing")["integrity_suspect"] is True
    setting.write("a/growing", "123")
    setting.shows("a/growing", size=3)
    wait_for(lambda: "/a/growing" not in setting.suspects(), "the end of the suspicion")
    setting.shows("a/growing", size=3, integrity_suspect=False)


def test_a_file_that_is_still_open_is_a_suspect(shared):
    setting = shared()
    with open(setting.hosts[0].data / "a" / "open", "w") as file:
        file.write("12")
        file.flush()
        setting.shows("a/open", size=2, integrity_suspect=True)
    setting.shows("a/open", integrity_suspect=False, last_agent_id="host-1")
    setting.wait_equal()


def test_an_older_look_through_a_cache_takes_nothing_back(shared):
    """While one host's caches still show what was, the audits of that host must not undo what the other says."""
    setting = shared()
    leader = setting.leader()
    writer = setting.other(leader)
    for i in range(20):
        os.stat(leader.data / "a" / f"file{i}")  # Now in its cache.
    (writer.data / "a" / "file5").write_text("much longer than before")
    (writer.data / "a" / "file6").unlink()
    (writer.data / "a" / "file9").rename(writer.data / "a" / "renamed")
    setting.shows("a/file5", size=23)
    wait_for(lambda: setting.node("a/file6") is None and setting.node("a/file9") is None, "the ends")
    setting.shows("a/renamed")
    end = setting.audits() + 3
    while setting.audits() < end:
        assert setting.node("a/file5")["size"] == 23
        assert setting.node("a/file6") is None and setting.node("a/file9") is None
        assert setting.node("a/renamed") is not None
    setting.wait_equal()


def test_the_leader_dies(shared):
    """Its follower takes over and sends its snapshot; no answer is empty in between, and nothing is lost."""
    setting = shared(view="availability: stale_ok")
    leader = setting.leader()
    follower = setting.other(leader)
    (leader.data / "a" / "last words").write_text("x")
    setting.shows("a/last words", last_agent_id=leader.name)
    assert setting.snapshots() == 1
    leader.agent.kill()
    setting.write("a/by nobody", "x")
    (follower.data / "a" / "by the follower").write_text("x")
    (follower.data / "a" / "file1").unlink()
    seen = set()

    def taken_over():
        answer = http_get(f"{setting.view.url}/api/v1/views/data/tree?path=/a&max_depth=1", QUERY_KEY)
        assert answer is not None and answer[0] == 200, answer
        names = set(re.findall(rb'"path":"/a/([^"]*)"', answer[1]))
        assert {b"last words", b"file0", b"file2", b"file19"} <= names
        assert b"by the follower" in names or b"by the follower" not in seen
        seen.update(names)
        return follower.leads()
    wait_for(taken_over, "the follower to lead")
    assert leader.session() is None
    setting.shows("a/by the follower", last_agent_id=follower.name)
    wait_for(lambda: setting.node("a/by nobody"), "what nobody saw while nobody led")
    wait_for(lambda: setting.snapshots() == 2, "the snapshot of the new leader")
    setting.wait_equal()
    # The old leader comes back and follows.
    leader.run()
    assert follower.leads() and not leader.leads()
    (leader.data / "a" / "back").write_text("x")
    setting.shows("a/back", last_agent_id=leader.name)
    setting.wait_equal()


def test_a_strict_view_says_that_nobody_leads(shared):
    setting = shared()
    leader = setting.leader()
    leader.agent.kill()

    def not_ready():
        try:
            setting.view.get("stats")
        except NotReady:
            return True
        return setting.other(leader).leads()
    wait_for(not_ready, "503 or another leader")
    setting.view.wait_ready()
    assert setting.leader() is setting.other(leader)
    setting.wait_equal()


def test_both_hosts_write_at_once(shared):
    setting = shared(pipe=OFTEN, source="audit_full_every: 1")
    for i in range(60):
        for host in setting.hosts:
            (host.data / "a" / f"{host.name} {i}").write_text("x" * i)
            if i % 3 == 0:
                (host.data / "b" / f"{host.name} {i}").mkdir()
            if i % 5 == 4:
                (host.data / "a" / f"{host.name} {i - 1}").rename(host.data / "b" / f"{host.name} was {i - 1}")
            if i % 7 == 6:
                (host.data / "a" / f"{host.name} {i - 2}").unlink(missing_ok=True)
        setting.write(f"b/nobody {i}", "x" * i)
    setting.wait_equal()
    setting.wait_audits(2)
    setting.wait_equal()
