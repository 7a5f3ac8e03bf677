"""A real browser for tests of the web page: headless Chromium over WebDriver, by plain HTTP.

browser (fixture)   skips with the reason where chromium is not installed
"""

import base64
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import DEADLINE_S, free_ports, wait_for

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-default-browser-check",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--disable-dev-shm-usage", "--disable-default-apps", "--metrics-recording-only", "--hide-scrollbars",
         "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015",
        "End": "\ue010", "Home": "\ue011", "Backspace": "\ue003", "Tab": "\ue004"}

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    """One window. Scripts run in the page's own document."""

    def __init__(self, folder):
        self.log = open(folder / "chromedriver.log", "wb")
        # HOME: what Chromium keeps belongs to the test, too.
        # One that it chose itself (0) would be free for IPv6, and perhaps taken for IPv4 by another test.
        [port] = free_ports(1)
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.PIPE, stderr=self.log,
                                       env=os.environ | {"HOME": os.fspath(folder)}, start_new_session=True)
        started = any(b"started successfully" in line for line in self.driver.stdout)
        assert started, f"chromedriver did not start: {(folder / 'chromedriver.log').read_text(errors='replace')}"
        self.url = f"http://127.0.0.1:{port}/session"
        value = self.call("POST", "", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": shutil.which("chromium"),
                                   "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"]}}}})
        self.url += "/" + value["sessionId"]
        self.call("POST", "/timeouts", {"script": int(DEADLINE_S * 1000)})

    def call(self, method, route, document=None):
        data = None if method == "GET" else json.dumps(document or {}).encode()
        request = urllib.request.Request(self.url + route, data, {"Content-Type": "application/json"}, method=method)
        try:
            with _direct.open(request, timeout=DEADLINE_S * 2) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode(errors="replace")[:2000]) from None

    def size(self, width, height):
        """Of what is shown, whatever the window's frame takes."""
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}})

    def prefer(self, scheme):
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]}})

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def js(self, body, *args):
        """What the function body returns, or its promise brings."""
        return self.call("POST", "/execute/sync", {"script": body, "args": list(args)})

    def wait(self, expression, what=None):
        """The first true value of a JavaScript expression. When it does not come, the page is told of."""
        try:
            return wait_for(lambda: self.js(f"return {expression};"), what or expression)
        except pytest.fail.Exception as failure:
            seen = self.js("return [location.hash, document.body.innerText,"
                           " ...performance.getEntriesByType('resource').map((e) =>"
                           " `${e.name} ${e.startTime | 0}+${e.duration | 0} ms, status ${e.responseStatus}`)].join('\\n')")
            pytest.fail(f"{failure.msg}\n{seen}\n{self.complaints()}")

    def text(self, selector):
        return self.js("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText).join('\\n')", selector)

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click")

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def press(self, *names):
        """Keys, to whoever has the focus."""
        actions = [{"type": kind, "value": KEYS.get(name, name)} for name in names for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def point(self, x, y, click=False):
        actions = [{"type": "pointerMove", "duration": 0, "x": int(x), "y": int(y), "origin": "viewport"}]
        if click:
            actions += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
                                                    "actions": actions}]})

    def complaints(self):
        """What the console was told since the last call: errors of scripts, of the policy, of the network."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, file):
        file.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def end(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.kill()
            self.driver.wait()
            self.driver.stdout.close()
            self.log.close()


@pytest.fixture
def browser(tmp_path_factory):
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not there: apt-get install chromium chromium-driver")
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.end()
