"""What agents and clients of the first generation send, and what they are to get: e2e/corpus/*.json.

A file is a conversation: exchanges in their order, with one Fusion that is its own. It is played on the
receiver's and on the management port. Written from recorded traffic, in these terms:

begins              a conversation that is held before this one
asks, key, body     the request; "text" is a body that is no JSON; {x} is what <session:x> or <job:x> was
status, answer      what is expected, every member and no other; headers: those that must be there
until               asked again until the answer is as expected
"<int>"             of this type: int, float, number, string, list, object, any; <text>: some words
"<now>"             seconds since 1970, an hour from now at most
"<session:x>"       at least 122 random bits, kept as x;  "<job:x>": 8 hex digits
"<ours>": [...]     members that the original does not have; "node": those of an entry
"<more>": true      other members are not looked at
"""

import json
import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from conftest import DEADLINE_S, SANITIZER, Process
from http_agent import call
from http_fusion import ALONE_KEY, OTHER_KEY, PUSH_KEY, QUERY_KEY, STRICT_KEY, Fusion

FOLDER = Path(__file__).resolve().parent / "corpus"
KEYS = {"push": PUSH_KEY, "alone": ALONE_KEY, "strict": STRICT_KEY, "query": QUERY_KEY, "other": OTHER_KEY,
        "nobody": "a-key-that-nobody-has"}
OURS_OF_NODE = {"modified_time_ns", "changed_time", "accessed_time", "mode", "uid", "gid", "inode", "nlink",
                "allocated_size"}
TYPES = {"int": int, "float": float, "number": (int, float), "string": str, "list": list, "object": dict}
HOUR_S = 3600


def conversation(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


CONVERSATIONS = {file.stem: conversation(file.stem) for file in sorted(FOLDER.glob("*.json"))}
EXCHANGES = [pytest.param(name, port, at, id=f"{name}-{port}-{exchange['name']}")
             for name, document in CONVERSATIONS.items()
             for port in document.get("ports", ["receiver", "management"])
             for at, exchange in enumerate(document["exchanges"])]


def of_kind(kind, name, got, kept):
    """Whether a value is what "<kind:name>" stands for; keeps it when it has a name."""
    if kind == "any":
        return True
    if kind == "now":
        return isinstance(got, (int, float)) and abs(got - time.time()) < HOUR_S
    if kind in ("session", "job"):
        pattern = r"[0-9a-f]{8}" if kind == "job" else r"[0-9a-zA-Z-]{31,}"
        right = isinstance(got, str) and re.fullmatch(pattern, got) and got not in kept.values()
        kept[name] = got
        return right
    return isinstance(got, TYPES[kind]) and not isinstance(got, bool)


def matches(text, got, kept):
    """Whether `got` is what the text in the corpus stands for."""
    placeholder = re.fullmatch(r"<(\w+)(?::(\w+))?>", text)
    if placeholder and placeholder[1] != "text":
        return of_kind(placeholder[1], placeholder[2], got, kept)
    words = [re.escape(filled(part, kept)) for part in text.split("<text>")]
    return isinstance(got, str) and re.fullmatch(".+".join(words), got, re.S)


def filled(text, kept):
    return re.sub(r"\{(\w+)\}", lambda name: kept[name[1]], text)


def filled_all(value, kept):
    if isinstance(value, str):
        return filled(value, kept)
    if isinstance(value, list):
        return [filled_all(item, kept) for item in value]
    if isinstance(value, dict):
        return {key: filled_all(member, kept) for key, member in value.items()}
    return value


def differences(expected, got, kept, where="answer"):
    if isinstance(expected, str):
        if not matches(expected, got, kept):
            yield f"{where}: {got!r} instead of {expected!r}"
    elif isinstance(expected, dict) and isinstance(got, dict):
        ours, more = expected.get("<ours>", []), expected.get("<more>", False)
        known = {key for key in expected if not key.startswith("<")}
        added = OURS_OF_NODE if ours == "node" else set(ours)
        for key in sorted((known | added) - set(got)):
            yield f"{where}.{key} is missing"
        if not more:
            spare = {"path_b64"} if ours == "node" else set()
            for key in sorted(set(got) - known - added - spare):
                yield f"{where}.{key} is not expected"
        for key in sorted(known & set(got)):
            yield from differences(expected[key], got[key], kept, f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for at, item in enumerate(expected):
            yield from differences(item, got[at], kept, f"{where}[{at}]")
    elif type(expected) is not type(got) or expected != got:
        yield f"{where}: {got!r} instead of {expected!r}"


def exchange_differs(exchange, url, kept):
    """What is wrong with one answer, in words; empty: nothing."""
    method, path = filled(exchange["asks"], kept).split(" ")
    data = None
    if "body" in exchange:
        data = json.dumps(filled_all(exchange["body"], kept)).encode()
    elif "text" in exchange or method != "GET":
        data = exchange.get("text", "").encode()
    target = url + quote(path, safe="/?&=*.[]-_%")
    end = time.monotonic() + DEADLINE_S
    while True:
        answer = call(method, target, data=data, key=KEYS.get(exchange.get("key")))
        found = [] if answer.status == exchange["status"] else [f"{answer.status} instead of {exchange['status']}"]
        found += [f"{name}: {answer.headers[name]} instead of {value}"
                  for name, value in exchange.get("headers", {}).items() if answer.headers[name] != value]
        found += differences(exchange["answer"], answer.json, kept)
        if not found or not exchange.get("until") or time.monotonic() > end:
            return "\n".join(found + ([f"the whole answer: {answer}"] if found else []))


def play(name, url, kept):
    """The outcome of each exchange."""
    document = CONVERSATIONS[name]
    if "begins" in document:
        wrong = [text for text in play(document["begins"], url, kept) if text]
        assert not wrong, wrong
    outcomes = []
    for exchange in document["exchanges"]:
        try:
            outcomes.append(exchange_differs(exchange, url, kept))
        except KeyError as missing:
            outcomes.append(f"{missing} has not come before")
    return outcomes


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """(conversation, port) -> outcomes; each is held once, with a Fusion of its own."""
    known = {}

    def of(name, port):
        if (name, port) not in known:
            folder = tmp_path_factory.mktemp(f"{name}-{port}")

            def start(command):
                return Process(command, folder, "fusion", {"PATH": "", "HOME": str(folder), "LC_ALL": "C.UTF-8"}, folder)
            fusion = Fusion(folder, start)
            try:
                known[name, port] = play(name, getattr(fusion, port), {})
            finally:
                fusion.process.stop()
            logs = fusion.process.errors()
            assert not SANITIZER.search(logs) and "SECRET" not in logs, logs
        return known[name, port]
    return of


@pytest.mark.parametrize("name, port, at", EXCHANGES)
def test_an_exchange_is_as_recorded(played, name, port, at):
    outcome = played(name, port)[at]
    assert not outcome, f"{CONVERSATIONS[name]['exchanges'][at]['asks']}\n{outcome}"
