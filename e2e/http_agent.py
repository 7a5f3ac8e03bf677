"""An agent of the first generation, as small as can be: JSON over HTTP, one request at a time.

It speaks as recorded traffic does (docs/http-api.md, "Agents"): rows in lists of 100, no order
within a scan, times as floats, ends sent twice, no key but for the session. Bytes that are not
UTF-8 are Python's lone surrogates, which json.dumps writes as \\udcXX.
"""

import gzip
import json
import os
import random
import stat
import urllib.error
import urllib.request

ROWS_PER_EVENT = 100
EVENTS_PER_BATCH = 100

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Answer:
    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers
        self.json = json.loads(body) if body else None

    def __repr__(self):
        return f"{self.status} {self.body!r}"


def call(method, url, document=None, key=None, data=None, headers=None, timeout_s=30):
    """Any answer, whatever its status. `data` is sent as it is."""
    headers = dict(headers or {})
    if document is not None:
        data = json.dumps(document).encode()
    if data is not None:
        headers.setdefault("Content-Type", "application/json")
    if key:
        headers["X-API-Key"] = key
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with _direct.open(request, timeout=timeout_s) as answer:
            return Answer(answer.status, answer.read(), answer.headers)
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), error.headers)


def event(rows, source, kind="insert", index=1_700_000_000_000):
    return {"event_id": None, "timestamp": 1_700_000_000.5, "event_type": kind,
            "fields": list(rows[0]) if rows else [], "rows": rows, "index": index, "event_schema": "fs",
            "table": "files", "message_source": source, "metadata": {}}


class HttpAgent:
    """One pipe of one agent, whose source is the directory `root`."""

    def __init__(self, url, key, root, task_id="old-agent:main", seed=1):
        self.url, self.key, self.root, self.task_id = url, key, os.fspath(root), task_id
        self.random = random.Random(seed)
        self.session = self.role = None

    # --- Sessions ---

    def register(self, timeout_s=None):
        body = {"task_id": self.task_id, "source_type": "fs", "client_info": {"source_uri": self.root}}
        if timeout_s is not None:
            body["session_timeout_seconds"] = timeout_s
        answer = call("POST", f"{self.url}/api/v1/pipe/session/", body, self.key)
        if answer.status == 200:
            self.session, self.role = answer.json["session_id"], answer.json["role"]
        return answer

    def beat(self, body=None):
        answer = call("POST", f"{self.url}/api/v1/pipe/session/{self.session}/heartbeat",
                      body, data=b"" if body is None else None)
        if answer.status == 200:
            self.role = answer.json["role"]
        return answer

    def end(self):
        return call("DELETE", f"{self.url}/api/v1/pipe/session/{self.session}")

    # --- Rows ---

    def row(self, path):
        """Of the entry at `path` below the root ("/" is the root itself)."""
        full = self.root if path == "/" else self.root + path
        info = os.lstat(full)
        return {"path": path, "file_name": "" if path == "/" else os.path.basename(path),
                "size": info.st_size, "modified_time": info.st_mtime, "created_time": info.st_ctime,
                "is_directory": stat.S_ISDIR(info.st_mode)}

    def rows(self):
        """Of the whole tree: directories before what is in them, and else in no order."""
        rows, waiting = [self.row("/")], ["/"]
        while waiting:
            directory = waiting.pop()
            names = os.listdir(self.root + directory)
            self.random.shuffle(names)
            for name in names:
                try:
                    row = self.row(os.path.join(directory, name))
                except FileNotFoundError:
                    continue
                rows.append(row)
                if row["is_directory"]:
                    waiting.append(row["path"])
        return rows

    def post(self, events, source_type, is_end=False, metadata=None, packed=False):
        body = {"session_id": self.session, "events": events, "source_type": source_type, "is_end": is_end}
        if metadata is not None:
            body["metadata"] = metadata
        data, headers = json.dumps(body).encode(), {}
        if packed:
            data, headers = gzip.compress(data), {"Content-Encoding": "gzip"}
        return call("POST", f"{self.url}/api/v1/pipe/ingest/{self.session}/events", data=data, headers=headers)

    def post_rows(self, rows, source):
        """In events of 100 rows, batches of 100 events; the end on the last one and once more."""
        events = [event(rows[i:i + ROWS_PER_EVENT], source) for i in range(0, len(rows), ROWS_PER_EVENT)]
        for i in range(0, len(events), EVENTS_PER_BATCH):
            batch = events[i:i + EVENTS_PER_BATCH]
            answer = self.post(batch, source, is_end=i + EVENTS_PER_BATCH >= len(events))
            assert (answer.status, answer.json["count"]) == (200, len(batch)), answer
        answer = self.post([], source, is_end=True)
        assert answer.status == 200, answer

    def snapshot(self):
        self.post_rows(self.rows(), "snapshot")

    def audit(self, silent=()):
        """`silent`: directories whose mtime is as before; their files are left out."""
        rows = []
        for row in self.rows():
            parent = os.path.dirname(row["path"])
            if row["is_directory"]:
                row["audit_skipped"] = row["path"] in silent
            elif parent in silent:
                continue
            else:
                row |= {"parent_path": parent, "parent_mtime": os.stat(self.root + parent).st_mtime}
            rows.append(row)
        self.post_rows(rows, "audit")
        return call("POST", f"{self.url}/api/v1/pipe/consistency/audit/end", {}, self.key)

    def tell(self, path, kind="update", **more):
        row = {"path": path} if kind == "delete" else self.row(path) | more
        return self.post([event([row], "realtime", kind)], "message")
