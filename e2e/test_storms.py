"""Old agents as shipped repeat full snapshots for ever, back to back, two of them mixed, ends twice and more."""

import os
import threading

import pytest

from http_agent import HttpAgent, event
from http_fusion import PUSH_KEY, Fusion, shown

DIRECTORIES, FILES, ROUNDS = 40, 50, 6


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    for d in range(DIRECTORIES):
        (root / f"d{d}").mkdir(parents=True)
        for f in range(FILES):
            (root / f"d{d}" / f"f{f}").touch()
            os.utime(root / f"d{d}" / f"f{f}", (1_600_000_000 + f, 1_600_000_000 + f))
    return root


@pytest.fixture
def fusion(tmp_path, start):
    return Fusion(tmp_path, start)


class Storm:
    """Two agents, each on a thread of its own: snapshots without a pause; and somebody who asks all the time."""

    def __init__(self, fusion, agents, rounds=ROUNDS):
        self.fusion, self.rounds, self.wrong, self.asked = fusion, rounds, [], 0
        self.ended = threading.Event()
        self.senders = [threading.Thread(target=self.guard, args=(self.send, agent)) for agent in agents]
        self.asker = threading.Thread(target=self.guard, args=(self.ask,))
        for thread in (*self.senders, self.asker):
            thread.start()

    def guard(self, work, *args):
        try:
            work(*args)
        except Exception as error:  # pylint: disable=broad-except
            self.wrong.append(repr(error))

    def send(self, agent):
        for _ in range(self.rounds):
            one, two = agent.rows(), agent.rows()
            mixed = [row for pair in zip(one, two) for row in pair]
            for i in range(0, len(mixed), 700):
                answer = agent.post([event(mixed[i:i + 700], "snapshot")], "snapshot", is_end=i % 1400 == 0)
                assert answer.status == 200, answer
            for _ in range(2):
                assert agent.post([], "snapshot", is_end=True).status == 200

    def ask(self):
        while not self.ended.is_set():
            answer = self.fusion.ask("stats")
            assert answer.status == 200, answer
            self.asked += 1

    def join(self):
        for thread in self.senders:
            thread.join()
        self.ended.set()
        self.asker.join()
        assert not self.wrong and self.asked, self.wrong


@pytest.fixture
def agents(fusion, data):
    agents = [HttpAgent(fusion.receiver, PUSH_KEY, data, f"{name}:main", seed)
              for seed, name in enumerate(("one", "two"))]
    for agent in agents:
        agent.register(timeout_s=600)
    agents[0].snapshot()
    agents[1].snapshot()
    return agents


def test_unchanged_rows_cost_a_comparison_each(fusion, agents):
    """All are taken and none changes anything: no entry, no flag, no revision, no change for readers."""
    expected = fusion.entries()
    assert expected == shown(agents[0])
    before = fusion.ask("stats").json
    Storm(fusion, agents).join()
    after = fusion.ask("stats").json
    # One that comes twice in a batch is applied once.
    rows = 2 * ROUNDS * len(expected)
    assert rows <= after["rows_applied"] - before["rows_applied"] <= 2 * rows
    assert after["rows_changed"] == before["rows_changed"]
    assert after["revision"] == before["revision"]
    assert after["suspect_file_count"] == before["suspect_file_count"]
    assert fusion.entries() == expected


def test_what_happens_in_a_storm_is_shown(fusion, agents, data):
    """What the leader tells meanwhile stands against rows that were read before."""
    storm = Storm(fusion, agents)
    leader = agents[0]
    for n in range(30):
        gone, new, written = data / f"d{n}" / "f1", data / f"d{n}" / "new", data / f"d{n}" / "f2"
        gone.unlink()
        leader.tell(f"/d{n}/f1", "delete")
        new.write_bytes(b"new")
        leader.tell(f"/d{n}/new", "insert")
        written.write_bytes(b"longer")
        os.utime(written, (1_600_000_002, 1_600_000_002))
        leader.tell(f"/d{n}/f2")
        leader.tell(f"/d{n}")
    storm.join()
    for agent in agents:
        agent.snapshot()
    assert fusion.entries() == shown(leader)
