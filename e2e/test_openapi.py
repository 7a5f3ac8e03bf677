"""The OpenAPI description against a running Fusion: every answer is one that it promises."""

import json
import re
import urllib.request
from urllib.parse import urlsplit

import pytest

from conftest import wait_for
from http_agent import HttpAgent, call, event
from test_management import MANAGEMENT_KEY
from test_two_processes import PUSH_KEY, QUERY_KEY, Pair

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int,
         "number": (int, float)}


class Description:
    def __init__(self, url):
        answer = call("GET", url + "/openapi.json")
        assert answer.status == 200, answer
        assert answer.headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.1"
        self.document = answer.json
        self.seen = set()

    def at(self, value):
        while "$ref" in value:
            found = self.document
            for key in value["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            value = found
        return value

    def whole(self, schema):
        """Without allOf: all members of all parts."""
        schema = self.at(schema)
        if "allOf" not in schema:
            return schema
        parts = [self.whole(part) for part in schema["allOf"]]
        return {"type": "object", "required": [name for part in parts for name in part.get("required", [])],
                "properties": {name: one for part in parts for name, one in part["properties"].items()}}

    def wrong(self, value, schema, where="$"):
        """What of the value is not as described; members that are not described are wrong, too."""
        schema = self.whole(schema)
        if "anyOf" in schema:
            all_wrong = [self.wrong(value, one, where) for one in schema["anyOf"]]
            return None if None in all_wrong else " | ".join(all_wrong)
        if "const" in schema and value != schema["const"] or "enum" in schema and value not in schema["enum"]:
            return f"{where}: {value!r}"
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        fits = any(isinstance(value, TYPES[one]) and (one == "boolean") == isinstance(value, bool) for one in types)
        if types and not fits:
            return f"{where}: {value!r} is not {types}"
        if isinstance(value, list) and "items" in schema:
            wrong = (self.wrong(item, schema["items"], f"{where}[{i}]") for i, item in enumerate(value))
            return next((one for one in wrong if one), None)
        if isinstance(value, dict) and types:
            return self.wrong_members(value, schema, where)
        return None

    def wrong_members(self, value, schema, where):
        missing = set(schema.get("required", [])) - value.keys()
        if missing:
            return f"{where}: {missing} missing"
        for name, member in value.items():
            one = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if one is None:
                return f"{where}: {name} is not described"
            wrong = None if one is True else self.wrong(member, one, f"{where}.{name}")
            if wrong:
                return wrong
        return None

    def operation(self, method, path):
        def fits(template):
            return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
        found = [t for t in self.document["paths"] if fits(t) and method.lower() in self.document["paths"][t]]
        template = min(found, key=lambda t: t.count("{"))
        return template, self.document["paths"][template][method.lower()]

    def check(self, method, url, answer):
        template, operation = self.operation(method, urlsplit(url).path)
        what = f"{method} {url}: {answer}"
        assert str(answer.status) in operation["responses"], what
        self.seen.add((method, template, answer.status))
        response = self.at(operation["responses"][str(answer.status)])
        if "content" not in response:
            assert not answer.body, what
            return
        kind = answer.headers["Content-Type"].split(";")[0]
        wrong = self.wrong(answer.json, response["content"][kind]["schema"])
        assert wrong is None, f"{wrong}\n{what}"


class Asked:
    """Asks, and holds every answer against the description."""

    def __init__(self, url):
        self.url, self.description = url, Description(url)

    def __call__(self, method, path, status, document=None, key=QUERY_KEY):
        answer = call(method, self.url + path, document, key)
        assert answer.status == status, (method, path, answer)
        self.description.check(method, self.url + path, answer)
        return answer.json


@pytest.fixture
def pair(tmp_path, start):
    pair = Pair(tmp_path, start, driver="http")
    pair.write_fusion(f"management: {{api_keys: [{MANAGEMENT_KEY}]}}\n")
    pair.start_fusion()
    return pair


VIEW = "/api/v1/views/data"


def test_answers_about_a_view_are_as_described(pair):
    ask = Asked(pair.url)
    ask("GET", VIEW + "/tree", 503)
    pair.start_agent()
    pair.wait_equal()
    (pair.data / "a" / "link").symlink_to("b")
    wait_for(lambda: pair.view.node(b"/a/link"), "the link")
    for query in ("", "?max_depth=1", "?max_depth=0&totals=true", "?path=/a&limit=2", "?only_path=true", "?dry_run=true",
                  "?envelope=true", "?path=/new&on_demand_scan=true", "?recursive=false&force-real-time=true"):
        ask("GET", VIEW + "/tree" + query, 200)
    for query in ("?pattern=*", "?pattern=file&limit=2", "?type=d&totals=true", "?pattern=*&envelope=true"):
        ask("GET", VIEW + "/search" + query, 200)
    for query in ("?sort=-size", "?sort=name&limit=1", "?regex=^f&uid=0,1000&mode=/777&not_flags=suspect"):
        ask("GET", VIEW + "/search" + query, 200)
    for query in ("by=ext", "by=age,size,type&limit=1", "by=owner,group,depth&type=any&envelope=true", "by=ext&pattern=none"):
        ask("GET", f"{VIEW}/groups?{query}", 200)
    for query in ("", "?of=directories&own=true", "?of=directories&only_path=true", "?by=mtime&envelope=true"):
        ask("GET", f"{VIEW}/top{query}", 200)
    (pair.data / "file7").write_bytes((pair.data / "a" / "file7").read_bytes())
    wait_for(lambda: pair.view.node(b"/file7"), "the copy")
    for query in ("", "?by=size,name", "?by=size,mtime&only_path=true", "?envelope=true"):
        ask("GET", f"{VIEW}/duplicates{query}", 200)
    for query in ("", "?path=/a", "?path=/a/file7", "?envelope=true"):
        ask("GET", VIEW + "/stats" + query, 200)
        ask("GET", "/views/fs/stats" + query, 200)
    ask("GET", "/views/fs/tree", 200)
    for query in ("", "?envelope=true"):
        for what in ("sessions", "suspect-list", "blind-spots"):
            ask("GET", f"{VIEW}/{what}{query}", 200)
    ask("GET", "/api/v1/views", 200)
    job = ask("POST", VIEW + "/jobs?path=/a", 202)["job_id"]
    ask("GET", f"{VIEW}/jobs/{job}", 200)
    ask("GET", VIEW + "/jobs", 200)
    ask("PUT", VIEW + "/suspect-list", 200, {"updates": [{"path": "/a/file7", "mtime": 1.5, "size": 7}]})
    ask("DELETE", VIEW + "/reset", 204)


def test_parameters_are_looked_at(pair):
    """An unknown one would be ignored: a wrong value of each that is described is refused by its name."""
    pair.start_agent()
    pair.wait_equal()
    ask = Asked(pair.url)
    wrong_values = {"boolean": "perhaps", "integer": "many", "number": "late", "array": "../x"}
    wrong_strings = {"path": "../x", "under": "../x", "cursor": "!", "since": "!", "regex": "(", "iregex": "(", "uid": "x",
                     "gid": "x", "mode": "x", "ext": ",", "flags": "x", "not_flags": "x", "by": "x"}
    needed = {"/api/v1/views/{view}/groups": "by=ext"}
    tried = 0
    for template, item in ask.description.document["paths"].items():
        if "get" not in item or "{job}" in template:
            continue
        for parameter in map(ask.description.at, item["get"].get("parameters", [])):
            name, schema = parameter["name"], parameter["schema"]
            if parameter["in"] != "query" or name in ("best", "pattern", "with"):  # Of forests; any text is right.
                continue
            value = "nothing" if "enum" in schema else wrong_values.get(schema["type"], wrong_strings.get(name))
            also = f"&{needed[template]}" if template in needed else ""
            detail = ask("GET", f"{template.format(view='data')}?{name}={value}{also}", 422)["detail"]
            assert detail[0]["loc"] == ["query", name]
            tried += 1
    assert tried > 40


def test_refusals_are_as_described(pair):
    ask = Asked(pair.url)
    for method, path in (("GET", "/api/v1/views"), ("GET", VIEW + "/tree"), ("GET", VIEW + "/changes"), ("POST", VIEW + "/jobs"),
                         ("GET", "/views/fs/tree"), ("POST", "/api/v1/pipe/session"), ("GET", "/api/v1/pipe/pipes"),
                         ("GET", "/api/v1/management/config")):
        ask(method, path, 401, key=None)
        ask(method, path, 401, key="nobody", document={} if method == "POST" else None)
    for path in ("/tree", "/search", "/export", "/diff", "/groups", "/top", "/duplicates", "/stats", "/sessions", "/jobs",
                 "/jobs/1", "/changes"):
        ask("GET", "/api/v1/views/other" + path, 403)
    ask("GET", "/api/v1/views/nothing/tree", 404, key=MANAGEMENT_KEY)
    ask("GET", VIEW + "/jobs/1", 404)
    ask("POST", VIEW + "/jobs", 503)
    ask("POST", VIEW + "/jobs?recursive=perhaps", 422)
    ask("GET", VIEW + "/sessions?envelope=perhaps", 422)
    ask("PUT", VIEW + "/suspect-list", 422, {"updates": 7})
    ask("POST", "/api/v1/pipe/session", 422, {"task_id": 7}, key=PUSH_KEY)
    ask("POST", "/api/v1/pipe/session/1/heartbeat", 419, {})
    ask("POST", "/api/v1/pipe/ingest/1/events", 419, {"events": []})
    ask("GET", "/api/v1/pipe/pipes/nothing", 404)
    ask("GET", "/api/v1/pipe/stats", 403)
    ask("GET", "/api/v1/management/dashboard", 403)
    ask("GET", "/api/v1/management/agents/nobody/config", 404, key=MANAGEMENT_KEY)
    ask("POST", "/api/v1/management/agents/nobody/command", 404, {"type": "reload_config"}, key=MANAGEMENT_KEY)
    ask("POST", "/api/v1/management/agents/nobody/command", 422, {"type": "dance"}, key=MANAGEMENT_KEY)
    ask("PATCH", "/api/v1/management/config", 422, {"views": 7}, key=MANAGEMENT_KEY)


def test_answers_to_agents_are_as_described(pair):
    ask = Asked(f"http://127.0.0.1:{pair.grpc}")
    agent = HttpAgent(ask.url, PUSH_KEY, pair.data)
    agent.session = ask("POST", "/api/v1/pipe/session", 200, {"task_id": "old:main"}, PUSH_KEY)["session_id"]
    ask("GET", "/api/v1/pipe/session", 200)
    rows = event(agent.rows()[:100], "snapshot")
    ask("POST", f"/api/v1/pipe/ingest/{agent.session}/events", 200, {"events": [rows], "source_type": "snapshot"})
    ask("POST", f"/api/v1/pipe/{agent.session}/events", 200, {"events": [], "source_type": "snapshot", "is_end": True})
    ask("POST", "/ingestor-api/v1/events", 200, {"session_id": agent.session, "events": []}, PUSH_KEY)
    ask("POST", VIEW + "/jobs?path=/a", 202)
    beat = f"/api/v1/pipe/session/{agent.session}/heartbeat"
    commands = ask("POST", beat, 200, {"can_realtime": True})["commands"]
    assert [command["type"] for command in commands] == ["scan"]
    ask("POST", f"/api/v1/pipe/{agent.session}/events", 200,
        {"events": [], "source_type": "job_complete", "metadata": {"scan_path": "/a", "job_id": commands[0]["job_id"]}})
    for end in ("start", "end"):
        ask("POST", f"/api/v1/pipe/consistency/audit/{end}", 200, key=PUSH_KEY)
    ask("GET", "/api/v1/pipe/consistency/sentinel/tasks", 200, key=PUSH_KEY)
    for kind in ("suspect_update", "gossip"):
        ask("POST", "/api/v1/pipe/consistency/sentinel/feedback", 200, {"type": kind, "updates": []}, PUSH_KEY)
    ask("GET", "/api/v1/pipe/pipes", 200)
    ask("GET", "/api/v1/pipe/pipes/data", 200)
    ask("GET", "/api/v1/pipe/stats", 200, key=PUSH_KEY)
    ask("DELETE", f"/api/v1/pipe/session/{agent.session}", 200)
    ask("POST", "/ingestor-api/v1/sessions", 200, {"task_id": "old:main"}, PUSH_KEY)


def test_answers_to_operators_are_as_described(pair):
    pair.start_agent()
    pair.wait_equal()
    ask = Asked(pair.url)
    management = "/api/v1/management"
    for path in ("/dashboard", "/drivers", "/config"):
        ask("GET", management + path, 200, key=MANAGEMENT_KEY)
    ask("PATCH", management + "/config?dry_run=true", 200, {"views": {"more": {"driver": "fs"}}}, MANAGEMENT_KEY)
    ask("POST", management + "/reload", 200, key=MANAGEMENT_KEY)
    agent = management + "/agents/host-1"
    wait_for(lambda: call("GET", pair.url + agent + "/config", key=MANAGEMENT_KEY).status == 200, "the agent's configuration")
    ask("GET", agent + "/config", 200, key=MANAGEMENT_KEY)
    for command in ({"type": "scan", "path": "/a"}, {"type": "reload_config"}):
        ask("POST", agent + "/command", 202, command, MANAGEMENT_KEY)
    for path in ("/health", "/ready", "/openapi.json"):
        ask("GET", path, 200, key=None)
    with urllib.request.urlopen(pair.url + "/metrics") as answer:
        assert answer.headers["Content-Type"].split(";")[0] == "text/plain"


def test_events_of_a_feed_are_as_described(pair):
    pair.start_agent()
    pair.wait_equal()
    ask = Asked(pair.url)
    request = urllib.request.Request(f"{pair.url}{VIEW}/changes", headers={"Authorization": f"Bearer {QUERY_KEY}"})
    _, operation = ask.description.operation("GET", VIEW + "/changes")
    kinds = set()
    with urllib.request.urlopen(request, timeout=30) as stream:
        content = operation["responses"]["200"]["content"][stream.headers["Content-Type"].split(";")[0]]
        for line in stream:
            if not line.startswith(b"data: "):
                continue
            told = json.loads(line.removeprefix(b"data: "))
            wrong = ask.description.wrong(told, content["schema"])
            assert wrong is None, f"{wrong}\n{told}"
            kinds.add(told.get("kind", "start"))
            if kinds == {"start"}:
                (pair.data / "fresh").write_text("1")
                (pair.data / "a" / "file7").rename(pair.data / "moved")
                (pair.data / "a" / "file8").unlink()
            if {"created", "moved", "removed"} <= kinds:
                break
