"""A fustor-fusion with receivers that speak HTTP, as agents and clients of the first generation meet it."""

import re
import signal
import textwrap

from conftest import BIN, wait_for
from http_agent import call

PUSH_KEY = "push-key-0123456789abcdef"
ALONE_KEY = "alone-key-0123456789abcdef"
STRICT_KEY = "strict-key-0123456789abcdef"
QUERY_KEY = "query-key-0123456789abcdef"
MORE_KEY = "more-key-0123456789abcdef"
OTHER_KEY = "other-key-0123456789abcdef"


class Fusion:
    """All ports are chosen by the system. Settings: more YAML of the views `data` and `other`, of the pipes `data`
    and `alone`; `more`: a second pipe feeds the view `data`."""

    def __init__(self, folder, start, **settings):
        self.file, self.start = folder / "fusion.yaml", start
        self.configure(**settings)
        self.run()

    def run(self):
        self.process = self.start([BIN / "fustor-fusion", "--config", self.file])
        self.management = self.wait_find(r'"url": ?"(http://[^"]+)"')
        self.receiver, self.strict = (
            "http://127.0.0.1:" + self.wait_find(rf'"receiver": ?"{name}", ?"port": ?(\d+)')
            for name in ("http", "strict"))

    def configure(self, data="", other="", pipe="", alone="", more=False):
        text = textwrap.dedent(f"""\
            host: 127.0.0.1
            port: 0
            receivers:
              http:
                driver: http
                bind_host: 127.0.0.1
                port: 0
                api_keys:
                  - {{key: {PUSH_KEY}, pipe_id: data}}
                  - {{key: {ALONE_KEY}, pipe_id: alone}}
                  - {{key: {MORE_KEY}, pipe_id: more}}
              strict:
                driver: http
                bind_host: 127.0.0.1
                port: 0
                require_key_on_ingest: true
                api_keys:
                  - {{key: {STRICT_KEY}, pipe_id: strict}}
            views:
              data: {{driver: fs, api_keys: [{QUERY_KEY}]{data}}}
              other: {{driver: fs, api_keys: [{OTHER_KEY}]{other}}}
              strict: {{driver: fs}}
            pipes:
              data: {{receiver: http, views: [data], session_timeout_seconds: 20{pipe}}}
              alone: {{receiver: http, views: [other], session_policy: exclusive{alone}}}
              more: {{receiver: http, views: [data], disabled: MORE}}
              strict: {{receiver: strict, views: [strict]}}
            """)
        self.file.write_text(text.replace("MORE}", "false}" if more else "true}"))

    def reload(self, **settings):
        taken = self.process.errors().count("configuration taken")
        self.configure(**settings)
        self.process.send(signal.SIGHUP)
        wait_for(lambda: self.process.errors().count("configuration taken") > taken, "the new configuration")

    def wait_find(self, pattern):
        """The group of the pattern, once the process has written it. Each line comes when what it tells of is so."""
        def found():
            assert self.process.running(), self.process.logs()
            match = re.search(pattern, self.process.errors() + self.process.output())
            return match and match.group(1)
        return wait_for(found, pattern)

    def ask(self, route, key=QUERY_KEY, view="data"):
        return call("GET", f"{self.management}/api/v1/views/{view}/{route}", key=key)

    def entries(self, view="data", key=QUERY_KEY):
        """path -> (content_type, size, modified_time) of the whole tree."""
        answer = self.ask("tree", key, view)
        assert answer.status == 200, answer
        found, waiting = {}, [answer.json]
        while waiting:
            node = waiting.pop()
            found[node["path"]] = (node["content_type"], node["size"], node["modified_time"])
            waiting += node.get("children", [])
        return found


def shown(agent):
    """What Fusion is to show of the agent's tree."""
    return {row["path"]: ("directory" if row["is_directory"] else "file", row["size"], row["modified_time"])
            for row in agent.rows()}
