"""A Fusion of the first generation, as far as an agent can tell: it answers as recorded traffic does.

It refuses a whole batch for one event that it cannot read, knows no renames, no listings and no
capabilities, answers 404 for sessions that it does not know, takes rows of expired sessions and forgets
them, and keeps what it is told in `entries`.
"""

import json
import textwrap
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


# What rows of the first generation hold.
ROW = {"path", "file_name", "size", "modified_time", "created_time", "is_directory", "parent_path", "parent_mtime",
       "audit_skipped", "is_atomic_write"}
BODY = {"session_id", "events", "source_type", "is_end", "metadata"}
EVENTS_MAX = ROWS_MAX = 100


def agent_config(url, key, root):
    """Our agent's configuration, towards such a Fusion."""
    return textwrap.dedent(f"""\
        agent_id: host-1
        port: 0
        sources:
          data: {{driver: fs, uri: {root}}}
        senders:
          old: {{driver: fusion, uri: "{url}", credential: {{key: {key}}}}}
        pipes:
          data: {{source: data, sender: old, error_retry_interval: 200ms, max_backoff_seconds: 1}}
        """)


def fault(event):
    """Why the original's models refuse the event; None when they take it."""
    if event.get("event_type") not in ("insert", "update", "delete"):
        return "event_type"
    if not isinstance(event.get("fields"), list):
        return "fields"
    if not isinstance(event.get("rows"), list):
        return "rows"
    if len(event["rows"]) > ROWS_MAX or any(set(row) - ROW for row in event["rows"]):
        return "rows that no agent of the first generation sends"
    if not isinstance(event.get("metadata"), dict):
        return "metadata"
    if isinstance(event.get("index"), bool) or not isinstance(event.get("index"), int):
        return "index"
    if event.get("event_schema") != "fs" or event.get("table") != "files":
        return "event_schema"
    if event.get("message_source") not in ("realtime", "snapshot", "audit", "on_demand_job"):
        return "message_source"
    return None


class OriginalFusion:
    def __init__(self, key):
        self.key = key
        self.lock = threading.Lock()
        self.sessions, self.entries, self.refused, self.unknown = {}, {}, [], []
        self.sessions_opened = self.snapshots = self.audits = 0
        self.sentinel_s, self.obsolete = 120.0, (404, "Session not found")
        # What is to be looked at again, and what agents have seen of it; sessions whose rows are forgotten; how
        # many batches are refused all the same.
        self.suspects, self.sweeps, self.expired, self.refusals = [], [], set(), 0
        # Handed out with the next heartbeat; what came of on-demand scans: (rows so far, source_type, metadata).
        self.commands, self.job_rows, self.jobs, self.reports, self.beats = [], [], [], [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                with outer.lock:
                    status, document = outer.handle(self.command, self.path, self.headers.get("X-API-Key"), body)
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = answer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def handle(self, method, path, key, body):
        parts = path.strip("/").split("/")
        if parts[:3] != ["api", "v1", "pipe"]:
            self.unknown.append(path)
            return 404, {"detail": "Not Found"}
        if method == "POST" and parts[3:] == ["session"]:
            return self.open(key, body)
        if parts[3] == "session" and len(parts) == 6 and parts[5] == "heartbeat":
            if parts[4] not in self.sessions:
                return self.obsolete[0], {"detail": self.obsolete[1]}
            self.beats.append(body)
            commands, self.commands = self.commands, []
            return 200, {"status": "ok", "role": "leader", "message": None, "can_realtime": None, "commands": commands}
        if method == "DELETE" and parts[3] == "session":
            self.sessions.pop(parts[4], None)
            return 200, {"status": "terminated", "session_id": parts[4]}
        if method == "POST" and parts[3:] == ["consistency", "audit", "end"] and key == self.key:
            self.audits += 1
            return 200, {"status": "audit_ended", "drivers_handled": 1}
        if parts[3:5] == ["consistency", "sentinel"] and key == self.key:
            return self.sweep(method, parts[5], body)
        if method == "POST" and parts[3] == "ingest" and parts[5] == "events":
            return self.ingest(parts[4], body)
        self.unknown.append(path)
        return 404, {"detail": "Not Found"}

    def open(self, key, body):
        if key != self.key:
            return 401, {"detail": "Invalid API key"}
        if not isinstance(body.get("task_id"), str) or not isinstance(body.get("client_info", {}), dict):
            return 422, {"detail": [{"loc": ["body", "task_id"], "msg": "field required", "type": "value_error"}]}
        session = uuid.uuid4().hex
        self.sessions = {s: t for s, t in self.sessions.items() if t != body["task_id"]} | {session: body["task_id"]}
        self.sessions_opened += 1
        return 200, {"session_id": session, "role": "leader", "session_timeout_seconds": 4, "audit_interval_sec": 1.0,
                     "sentinel_interval_sec": self.sentinel_s, "message": "Session created successfully"}

    def sweep(self, method, route, body):
        if (method, route) == ("GET", "tasks"):
            paths = {"type": "suspect_check", "paths": self.suspects, "view_id": "data"}
            return 200, paths if self.suspects else {}
        assert (method, route, body["type"]) == ("POST", "feedback", "suspect_update"), body
        self.sweeps.append(body)
        for update in body["updates"]:
            if update["path"] in self.entries and update["status"] == "exists":
                self.entries[update["path"]] = (False, update["size"], update["mtime"])
        return 200, {"status": "processed", "drivers_updated": 1}

    def ingest(self, session, body):
        if session in self.expired:
            return 200, {"status": "ok", "count": len(body["events"])}
        if session not in self.sessions:
            return self.obsolete[0], {"detail": self.obsolete[1]}
        if self.refusals:
            self.refusals -= 1
            return 422, {"detail": [{"loc": ["body", "events", 0], "msg": "no", "type": "value_error"}]}
        for event in body["events"]:
            why = fault(event)
            if why is not None or set(body) - BODY or len(body["events"]) > EVENTS_MAX:
                self.refused.append((why, event))
                return 422, {"detail": [{"loc": ["body", "events", why], "msg": "no", "type": "value_error"}]}
        if body["source_type"] in ("job_complete", "scan_complete"):
            self.jobs.append((self.job_rows, body["source_type"], body["metadata"]))
            self.job_rows = []
            return 200, {"status": "ok", "phase": "job_complete"}
        if body["source_type"] == "config_report":
            self.reports.append(body["metadata"])
            return 200, {"status": "ok", "count": 0}
        for event in body["events"]:
            for row in event["rows"]:
                self.take(event["event_type"], row)
                if event["message_source"] == "on_demand_job":
                    self.job_rows.append(row["path"])
        if body["source_type"] == "snapshot" and body["is_end"]:
            self.snapshots += 1
        return 200, {"status": "ok", "count": len(body["events"])}

    def take(self, kind, row):
        path = row["path"]
        if kind != "delete":
            self.entries[path] = (row["is_directory"], row["size"], row["modified_time"])
            return
        for known in [known for known in self.entries if known == path or known.startswith(path + "/")]:
            del self.entries[known]

    def shown(self):
        with self.lock:
            return dict(self.entries)
