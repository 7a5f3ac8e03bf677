"""The web page: what is served, and how it looks to a browser at a real Fusion."""

import functools
import gzip
import http.server
import json
import os
import pty
import re
import signal
import threading
import urllib.request

import pytest

from browser import browser  # noqa: F401
from conftest import FUSTOR, ROOT, http_get, wait_for
from http_agent import HttpAgent, call, event
from test_two_processes import PUSH_KEY, QUERY_KEY, Pair

WEB = ROOT / "web"
FILES = sorted(p.name for p in WEB.iterdir() if p.suffix in (".html", ".css", ".js", ".svg"))
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}
ROWS = "document.querySelectorAll('.grid-body .row')"
NAMES = f"[...{ROWS}].map((row) => row.querySelector('.label')?.innerText)"
HOSTILE = [b"<img src=x onerror=document.title=1>", b"\"><script>document.title=1<", b"invoice\xe2\x80\xaexcod.exe", b"latin-\xe9\xff",
           b"tab\there", b"line\nbreak", b"\x1b[31mred", b" spaces ", "日本語".encode(), b"%2e%2e%2f", b"#key=stolen", b"a?b=c&d",
           b"back\\slash", b"__proto__", b"javascript:alert(1)", b"x" * 255, b"\xed\xa0\x80"]


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    (root / "big" / "deep" / "deeper").mkdir(parents=True)
    (root / "small").mkdir()
    (root / "big" / "large.bin").write_bytes(b"x" * 300_000)
    (root / "big" / "deep" / "middle.bin").write_bytes(b"x" * 100_000)
    (root / "small" / "note.txt").write_bytes(b"x" * 1000)
    (root / "top.txt").write_bytes(b"x" * 5000)
    return root


def visit(browser, up, where="", width=1300, height=850):  # noqa: F811
    browser.size(width, height)
    browser.open(f"{up.url}/ui/#key={up.key}")
    browser.wait(f"{ROWS}.length > 0", "the first rows")
    if where:
        browser.js("location.hash = arguments[0]", where)
    browser.wait("document.querySelector('#live').innerText === 'Live'", "the feed")


def names(browser):  # noqa: F811
    return browser.js(f"return {NAMES}")


# --- what is served ----------------------------------------------------------------------------------

def get(url, method="GET", headers=None):
    request = urllib.request.Request(url, headers=headers or {}, method=method)

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args):
            return None
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay).open(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_the_files_are_served_as_they_are(data, fustor_up):
    up = fustor_up(data)
    for path in ("/", "/ui"):
        status, _, headers = get(up.url + path)
        assert (status, headers["Location"]) == (302, "ui/")
    for name in FILES:
        url = f"{up.url}/ui/{name if name != 'index.html' else ''}"
        status, body, headers = get(url)
        assert status == 200 and body == (WEB / name).read_bytes(), name
        assert headers["Content-Type"] == TYPES[os.path.splitext(name)[1]]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-cache"
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'self'" and "unsafe" not in str(policy)
        assert policy["frame-ancestors"] == "'none'" and policy["require-trusted-types-for"] == "'script'"
        tag = headers["ETag"]
        assert get(url, headers={"If-None-Match": tag})[:2] == (304, b"")
        assert get(url, headers={"If-None-Match": f'"other", {tag}'})[0] == 304
        assert get(url, headers={"If-None-Match": '"other"'})[0] == 200
        status, nothing, of_head = get(url, method="HEAD")
        assert (status, nothing, of_head["ETag"]) == (200, b"", tag)
        assert int(of_head["Content-Length"]) == len(body)
        if len(body) > 1024:
            _, packed, headers = get(url, headers={"Accept-Encoding": "gzip"})
            assert headers["Content-Encoding"] == "gzip" and gzip.decompress(packed) == body
            assert headers["Vary"] == "Accept-Encoding"
    for path in ("/ui/nothing.js", "/ui/main.js/", "/ui/../key", "/ui/%2e%2e/key", "/ui/test/unit.js"):
        assert get(up.url + path)[0] == 404, path
    assert call("POST", up.url + "/ui/", {}).status == 405


def test_every_port_serves_it(tmp_path, start):
    pair = Pair(tmp_path, start, driver="http")
    pair.start_fusion()
    for port in (pair.http, pair.grpc):
        status, body, _ = get(f"http://127.0.0.1:{port}/ui/")
        assert status == 200 and b"<title>Fustor</title>" in body


def test_the_files_need_nobody_else_and_hold_nothing_inline():
    index = (WEB / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", index)
    for name in FILES:
        text = (WEB / name).read_text()
        hosts = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r"^\s*//.*$", "", text, flags=re.M)))
        assert hosts <= {"http://www.w3.org"}, name  # The name of SVG, which nobody fetches.
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"):
            assert sink not in text, name
        for module in re.findall(r"from '([^']+)'", text):
            assert module.startswith("./") and module[2:] in FILES, (name, module)
    assert "X-API-Key" in (WEB / "api.js").read_text()


def read_terminal(leader, until):
    text = b""
    while until not in text:
        try:
            piece = os.read(leader, 4096)
        except OSError:
            break
        if not piece:
            break
        text += piece
    return text.decode()


def test_only_a_terminal_gets_the_link_with_the_key(data, tmp_path, clean_env, fustor_up):
    up = fustor_up(data)
    # The view may be ready before that is told.
    wait_for(lambda: f"Web page: {up.url}/ui/, which asks for the key in {up.home}/key\n" in up.output(), "the link")
    assert up.key not in up.output() + (up.home / "fustor.log").read_text()
    leader, follower = pty.openpty()
    home = tmp_path / "terminal-home"
    pid = os.posix_spawn(os.fspath(FUSTOR), [os.fspath(FUSTOR), "up", os.fspath(data), "--home", os.fspath(home), "--listen",
                         "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"], clean_env, setsid=True,
                         file_actions=[(os.POSIX_SPAWN_DUP2, follower, fd) for fd in (0, 1, 2)])
    try:
        os.close(follower)
        text = read_terminal(leader, b"Ctrl-C")
        key = (home / "key").read_text().strip()
        url = json.loads((home / "connection.json").read_text())["url"]
        assert f"Web page: {url}/ui/#key={key}\r\n" in text
        assert text.count(key) == 1
        assert key not in (home / "fustor.log").read_text()
    finally:
        os.kill(pid, signal.SIGTERM)
        threading.Thread(target=read_terminal, args=(leader, b"\0"), daemon=True).start()
        os.waitpid(pid, 0)


# --- in a browser ------------------------------------------------------------------------------------

def test_modules_alone(browser):  # noqa: F811
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=WEB))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.open(f"http://127.0.0.1:{server.server_port}/test/")
        browser.wait("window.failures !== undefined", "the end of the tests")
        assert browser.js("return window.failures") == []
        assert browser.js("return window.passed") > 1000
    finally:
        server.shutdown()
        server.server_close()


def test_a_link_opens_the_view_and_leaves_no_key(data, fustor_up, browser):  # noqa: F811
    up = fustor_up(data)
    visit(browser, up)
    assert names(browser) == ["big", "top.txt", "small"], "by size"
    assert up.key not in browser.js("return location.href + document.title + document.cookie + JSON.stringify(localStorage)"
                                    " + document.documentElement.outerHTML")
    assert browser.js("return location.hash") == "#/data/"
    assert browser.text("#summary").startswith("Ready")
    facts = dict(zip(*[browser.text(f"#summary {tag}").split("\n") for tag in ("dt", "dd")]))
    assert (facts["Files"], facts["Directories"]) == ("4", "5")
    requests = browser.js("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert requests and all(one.startswith(up.url) and up.key not in one for one in requests)
    browser.open(f"{up.url}/ui/#/data/big")
    browser.wait(f"{NAMES}.includes('large.bin')", "the same tab, without a key in the link")
    browser.click("#forget")
    browser.wait("!document.getElementById('door').hidden")
    assert browser.js("return sessionStorage.length") == 0
    assert browser.complaints() == []


def test_a_wrong_key_is_said_to_be_wrong(data, fustor_up, browser):  # noqa: F811
    up = fustor_up(data)
    browser.open(up.url)
    browser.wait("document.activeElement.id === 'key'", "the question for a key")
    browser.type("#key", "wrong-key\n")
    browser.wait("document.getElementById('key-wrong').innerText.includes('Invalid API key')")
    assert browser.js("return sessionStorage.length") == 0
    browser.type("#key", up.key + "\n")
    browser.wait(f"{ROWS}.length === 3", "the rows")


def test_hostile_names_are_text(tmp_path, fustor_up, browser):  # noqa: F811
    root = tmp_path / "data"
    root.mkdir()
    for name in HOSTILE:
        (root / os.fsdecode(name)).write_bytes(b"x" * 100)
    inside = root / os.fsdecode(b"<b>dir\xff#?%")
    inside.mkdir()
    (inside / os.fsdecode(b"in\xfeside")).write_bytes(b"x" * 50_000)
    up = fustor_up(root)
    visit(browser, up, height=1400)
    browser.wait(f"{ROWS}.length === {len(HOSTILE) + 1}")
    shown = names(browser)
    for text in ("<img src=x onerror=document.title=1>", "invoice\\u202excod.exe", "latin-\\xe9\\xff", "tab\\there", "line\\nbreak",
                 "\\x1b[31mred", "\\x20spaces\\x20", "日本語", "%2e%2e%2f", "\\xed\\xa0\\x80", "<b>dir\\xff#?%"):
        assert text in shown, shown
    assert browser.js("return document.querySelectorAll('.row img, .row script, .row b').length") == 0
    assert "Fustor" in browser.js("return document.title")
    browser.click(".row .enter")
    browser.wait(f"{NAMES}.join() === 'in\\\\xfeside'", "what is in the directory")
    assert browser.js("return location.hash") == "#/data/%3Cb%3Edir%ff%23%3F%25"
    browser.js("location.reload()")
    browser.wait(f"{NAMES}.join() === 'in\\\\xfeside'", "the same by its link")
    browser.js("location.hash = '#/data/%23key%3Dstolen'")
    browser.wait("document.querySelector('.row.current .label')?.innerText === '#key=stolen'", "the file of a link, selected")
    assert browser.complaints() == []


def test_the_keyboard_reaches_everything(data, fustor_up, browser):  # noqa: F811
    up = fustor_up(data)
    visit(browser, up)
    browser.js("document.getElementById('grid').focus()")
    browser.press("Down", "Right")
    browser.wait(f"{NAMES}.join() === 'big,large.bin,deep,top.txt,small'", "what is in the first row")
    assert browser.js("return document.querySelector('.row.current').getAttribute('aria-expanded')") == "true"
    browser.press("Right", "Down")
    current = "document.querySelector('.row.current .label').innerText"
    browser.wait(f"{current} === 'deep'")
    assert browser.js("return document.getElementById('grid').getAttribute('aria-activedescendant')") == \
        browser.js("return document.querySelector('.row.current').id")
    assert browser.js("return document.querySelector('.row.current').getAttribute('aria-level')") == "2"
    browser.wait("document.getElementById('details').innerText.includes('/big/deep')")
    browser.press("Enter")
    browser.wait("location.hash === '#/data/big/deep'")
    browser.wait(f"{NAMES}.join() === 'middle.bin,deeper'")
    browser.press("Backspace")
    browser.wait("location.hash === '#/data/big'")
    browser.press("End", "Home", "Left")
    browser.wait("location.hash === '#/data/'")
    browser.press("Down", "Right", "Right", "Left", "Left")
    browser.wait(f"{NAMES}.join() === 'big,top.txt,small'", "the first row closed again")
    browser.click("#head-name button")
    browser.wait(f"{NAMES}.join() === 'big,small,top.txt'")
    assert browser.js("return document.getElementById('head-name').getAttribute('aria-sort')") == "ascending"


def test_tiles_lead_down(data, fustor_up, browser):  # noqa: F811
    up = fustor_up(data)
    visit(browser, up)
    browser.wait("document.getElementById('map').getAttribute('aria-label').includes('big 39')", "the treemap's words")
    box = browser.js("const b = document.getElementById('map').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]")
    browser.point(box[0] + 20, box[1] + 8)
    browser.wait("!document.getElementById('tip').hidden", "the tip")
    assert browser.text("#tip").startswith("big") and "%" in browser.text("#tip")
    browser.point(box[0] + 20, box[1] + 8, click=True)
    browser.wait("location.hash === '#/data/big'", "the directory of the tile")
    browser.wait("""(() => { const map = document.getElementById('map'); const c = map.getContext('2d'); const seen = new Set();
        for (let x = 3; x < map.width; x += 7) seen.add(c.getImageData(x, map.height >> 1, 1, 1).data.join());
        return seen.size > 1; })()""", "something to be drawn")


def test_what_changes_is_shown(data, fustor_up, browser):  # noqa: F811
    up = fustor_up(data)
    visit(browser, up)
    (data / "<new>").write_bytes(b"x" * 700_000)
    browser.wait(f"{NAMES}[0] === '<new>'", "the file that came")
    browser.wait("document.getElementById('activity-list').innerText.includes('/<new>')")
    (data / "big" / "deep" / "deeper" / "more").write_bytes(b"x" * 2_000_000)
    browser.wait(f"{NAMES}[0] === 'big'", "the sum of a directory that has grown deep below")
    (data / "<new>").rename(data / "renamed")
    browser.wait(f"{NAMES}.includes('renamed') && !{NAMES}.includes('<new>')")
    (data / "renamed").unlink()
    browser.wait(f"!{NAMES}.includes('renamed')")
    for i in range(300):
        (data / "small" / f"many{i}").write_bytes(b"x")
    browser.wait(f"[...{ROWS}].find((r) => r.innerText.includes('small'))?.querySelector('.files').innerText === '301'", "301 files")
    assert browser.complaints() == []


def test_a_directory_that_goes_while_it_is_shown(data, fustor_up, browser):  # noqa: F811
    up = fustor_up(data)
    browser.size(1300, 850)
    browser.open(f"{up.url}/#key={up.key}&/data/big/deep")
    browser.wait(f"{NAMES}.join() === 'middle.bin,deeper'", "the place that the link with the key names")
    assert browser.js("return location.hash") == "#/data/big/deep"
    browser.wait("document.querySelector('#live').innerText === 'Live'")
    (data / "big").rename(data / "other")
    problem(browser, "Nothing is there")
    browser.click("#problem .quiet")
    browser.wait(f"{NAMES}.includes('other')")
    browser.wait("document.getElementById('problem').hidden")


def test_search(data, fustor_up, browser):  # noqa: F811
    for i in range(700):
        (data / "small" / f"part{i:03}.tmp").write_bytes(b"x")
    up = fustor_up(data)
    visit(browser, up)
    browser.type("#search", "*.bin")
    browser.wait(f"{NAMES}.join() === 'big/large.bin,big/deep/middle.bin'")
    browser.press("Escape")
    browser.wait(f"{NAMES}.join() === 'big,top.txt,small'")
    browser.type("#search", "PART")
    browser.wait("document.getElementById('grid-words').innerText.startsWith('300 entries so far')")
    browser.js("document.getElementById('grid').scrollTop = 1e6")
    browser.wait("document.getElementById('grid-words').innerText.startsWith('600 entries so far')", "another page")
    browser.js("document.getElementById('grid').scrollTop = 1e6")
    browser.wait("document.getElementById('grid-words').innerText.startsWith('700 entries found')", "the last page")
    assert browser.js(f"return {ROWS}.length") < 60, "only what is in sight is in the document"
    browser.press("Escape")
    browser.type("#search", "nobody-is-called-so")
    browser.wait("document.getElementById('grid').innerText.includes('Nothing is called so')")


def test_where_the_space_went(data, fustor_up, browser):  # noqa: F811
    for i in range(3):
        (data / "small" / f"copy{i}").mkdir()
        (data / "small" / f"copy{i}" / "same.<b>").write_bytes(b"x" * 60_000)
    up = fustor_up(data)
    if http_get(f"{up.url}/api/v1/views/data/groups?by=age", up.key)[0] == 404:
        pytest.skip("this Fusion does not answer /groups")
    visit(browser, up)
    browser.click("#tab-space")
    browser.wait("document.getElementById('space-same').innerText.includes('3 ×')", "the last card")
    assert "7 files" in browser.text("#space-words")
    assert browser.text("#space-age").split("\n")[1:3] == ["within a day", "572 KiB"]
    assert [line for line in browser.text("#space-ext .what").split("\n")] == [".bin", ".<b>", ".txt"]
    assert browser.text("#space-files .what").split("\n")[0] == "/big/large.bin"
    browser.click("#space-ext button")
    browser.wait(f"{NAMES}.join() === 'big/large.bin,big/deep/middle.bin'", "the files of the bar, the largest first")
    browser.click("#leave")
    browser.wait(f"{NAMES}.includes('small')")
    browser.click("#tab-space")
    browser.wait("document.querySelector('#space-files a')", "the largest files")
    browser.click("#space-files a")
    browser.wait("document.querySelector('.row.current .label')?.innerText === 'large.bin'", "the file, among the others")
    browser.click("#tab-space")
    browser.js("location.hash = '#/data/small'")
    browser.wait("document.getElementById('space-words').innerText.includes('4 files')", "another directory in the same tab")
    assert browser.complaints() == []


def test_a_scan_on_demand_is_followed(data, fustor_up, browser):  # noqa: F811
    up = fustor_up(data)
    visit(browser, up, "#/data/big")
    browser.wait("document.querySelector('#details .path')?.innerText === '/big'")
    browser.click("#details .scan button")
    browser.wait("document.querySelector('#details .scan').innerText.includes('Looked at')", "the end of the job")
    browser.click("#tab-agents")
    browser.wait("document.getElementById('agents').innerText.includes('realtime')")
    text = browser.text("#agents")
    assert "leader" in text and "1 job" in text and "/big" in text


def test_a_directory_that_is_read_again_meanwhile(data, fustor_up, browser):  # noqa: F811
    """Its first answer takes long; before it comes, so much has changed that all is read again."""
    up = fustor_up(data)
    browser.size(1300, 850)
    browser.call("POST", "/goog/cdp/execute", {"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": {"source": """
        window.held = 0;
        const real = window.fetch;
        window.fetch = (url, options) => {
          if (window.held > 0 || !String(url).includes('tree?path=/big&totals')) return real(url, options);
          window.held += 1;
          return new Promise((_, reject) => {
            options.signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
          });
        };"""}})
    browser.open(f"{up.url}/ui/#key={up.key}")
    browser.wait("window.held === 1 && document.querySelector('#live').innerText === 'Live'", "the first question about /big")
    browser.js("location.hash = '#/data/big'")
    for i in range(30):
        (data / "small" / f"d{i}").mkdir()
    browser.wait("document.querySelector('#details .path')?.innerText === '/big'")
    assert browser.js("return window.held") == 1


def test_many_entries(tmp_path, fustor_up, browser):  # noqa: F811
    root = tmp_path / "data"
    root.mkdir()
    for i in range(12_000):
        os.close(os.open(root / f"entry{i:05}", os.O_CREAT | os.O_WRONLY))
    (root / "entry11999").write_bytes(b"x" * 12345)
    up = fustor_up(root)
    visit(browser, up)
    browser.wait("document.getElementById('grid-words').innerText.startsWith('12,000 entries')")
    assert names(browser)[0] == "entry11999", "the largest is on the last page"
    assert browser.js(f"return {ROWS}.length") < 60
    browser.js("document.getElementById('grid').focus()")
    browser.press("End")
    browser.wait("document.querySelector('.row.current')?.getAttribute('aria-rowindex') === '12001'")


# --- when something is wrong -------------------------------------------------------------------------

@pytest.fixture
def pair(tmp_path, start):
    pair = Pair(tmp_path, start)
    pair.start_fusion()
    return pair


def problem(browser, text):  # noqa: F811
    browser.wait(f"!document.getElementById('problem').hidden && document.getElementById('problem').innerText.includes({text!r})", text)


def test_not_ready_is_told_and_ends_by_itself(pair, browser):  # noqa: F811
    browser.open(f"{pair.url}/#key={QUERY_KEY}")
    problem(browser, "No active leader session")
    problem(browser, "Trying again in")
    assert browser.text("#summary").startswith("Not ready")
    pair.start_agent()
    browser.wait(f"{ROWS}.length > 0", "the rows, without a touch")
    browser.wait("document.getElementById('problem').hidden")
    browser.wait("document.querySelector('#summary .pill').innerText === 'Ready'")


def test_stale_is_told_and_still_shown(pair, browser):  # noqa: F811
    pair.write_fusion(view=", driver_params: {availability: stale_ok}")
    pair.fusion.send(signal.SIGHUP)
    pair.start_agent()
    pair.wait_equal()
    browser.open(f"{pair.url}/#key={QUERY_KEY}")
    browser.wait(f"{ROWS}.length > 0")
    pair.agent.kill()
    browser.wait("document.querySelector('#summary .pill').innerText === 'Stale'")
    assert "No active leader session" in browser.text("#summary .state")
    browser.js("location.hash = '#/data/a'")
    browser.wait(f"{NAMES}.includes('file299')", "an answer of a stale view")


def test_a_lost_connection_is_told_and_comes_back(pair, browser):  # noqa: F811
    pair.start_agent()
    pair.wait_equal()
    browser.open(f"{pair.url}/#key={QUERY_KEY}")
    browser.wait("document.querySelector('#live').innerText === 'Live'")
    pair.fusion.kill()
    problem(browser, "No connection")
    browser.wait("document.querySelector('#live').innerText.startsWith('Not live')")
    pair.start_fusion()
    (pair.data / "while-away").mkdir()
    browser.wait("document.querySelector('#live').innerText === 'Live'", "the feed again")
    browser.wait(f"{NAMES}.includes('while-away')", "what came while it was away")
    browser.wait("document.getElementById('problem').hidden")


def test_flags_of_trust_are_shown(tmp_path, start, browser):  # noqa: F811
    pair = Pair(tmp_path, start, driver="http")
    pair.start_fusion()
    (pair.data / "quiet").mkdir()
    (pair.data / "quiet" / "still").write_bytes(b"x")
    agent = HttpAgent(pair.url, PUSH_KEY, pair.data)
    assert agent.register(60).status == 200
    agent.snapshot()
    (pair.data / "quiet" / "unannounced").write_bytes(b"x" * 10)
    (pair.data / "b").mkdir()
    os.utime(pair.data / "quiet" / "unannounced", (1e9, 1e9))
    agent.audit(silent=["/a"])
    row = agent.row("/a/file7") | {"size": 123_456, "modified_time": 1.9e9, "is_atomic_write": False}
    assert agent.post([event([row], "realtime", "update")], "message").status == 200
    assert agent.beat({"can_realtime": False}).status == 200
    browser.size(1300, 850)
    browser.open(f"{pair.url}/ui/#key={QUERY_KEY}&/data/")
    badges = f"Object.fromEntries([...{ROWS}].map((row) => [row.querySelector('.label')?.innerText," \
             "[...row.querySelectorAll('.badge')].map((badge) => badge.innerText).join()]))"
    browser.wait(f"{badges}['a']?.includes('audit skipped')", "the directory that the audit passed by")
    browser.js("location.hash = '#/data/quiet'")
    browser.wait(f"{badges}['unannounced']?.includes('agent missing')", "what only the audit has found")
    browser.js("location.hash = '#/data/a'")
    browser.wait(f"{badges}['file7']?.includes('suspect')", "what is still being written")
    assert all(browser.js("return [...document.querySelectorAll('.badge')].map((badge) => badge.title.length > 20 || badge.closest('dt'))"))
    browser.js("location.hash = '#/data/a/file7'")
    browser.wait("document.querySelector('#details .flag-words')?.innerText.includes('may still change')")
    browser.js("document.querySelector('[data-colour=trust]').click()")
    browser.wait("document.getElementById('map-legend').innerText.includes('agent missing')")
    browser.click("#tab-agents")
    browser.wait("document.getElementById('agents').innerText.includes('degraded')")
    text = browser.text("#agents")
    assert "old-agent" in text and "/quiet/unannounced" in text and "/a/file7" in text
    assert browser.complaints() == []


def test_other_views_and_nothing(pair, browser):  # noqa: F811
    pair.start_agent()
    pair.wait_equal()
    browser.open(f"{pair.url}/#key={QUERY_KEY}")
    browser.wait(f"{ROWS}.length > 0")
    browser.js("location.hash = '#/other/'")
    problem(browser, "No view 'other' is opened by this key")
    browser.js("location.hash = '#/data/nothing/here'")
    problem(browser, "not found")
    browser.click("#problem .quiet")
    browser.wait(f"location.hash === '#/data/' && {NAMES}.includes('a')")
    browser.wait("document.getElementById('problem').hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(data, fustor_up, browser, scheme):  # noqa: F811
    """400 pixels are enough; every text stands out from its ground; what can be used has a name."""
    up = fustor_up(data)
    browser.prefer(scheme)
    visit(browser, up, width=400, height=800)
    for tab in ("#tab-agents", "#tab-files"):
        browser.click(tab)
        browser.wait("document.documentElement.scrollWidth <= 400")
    faint = browser.js(r"""
        const channel = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const parse = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
        const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
        const ground = (e) => {
          for (; e; e = e.parentElement) {
            const colour = parse(getComputedStyle(e).backgroundColor);
            if (colour.length === 3 || colour[3] > 0.99) return colour;
          }
          return [255, 255, 255];
        };
        const found = [];
        for (const e of document.querySelectorAll('body *')) {
          if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
          const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
          if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${e.tagName} ${e.className} ${e.innerText.slice(0, 20)}`);
        }
        return found""")
    assert faint == []
    nameless = browser.js("""return [...document.querySelectorAll('button, a, input, canvas, [role=treegrid]')]
        .filter((e) => e.checkVisibility() && !(e.innerText || e.getAttribute('aria-label') || e.labels?.length || e.title)).map((e) => e.outerHTML)""")
    assert nameless == []
    assert http_get(up.url + "/health")[0] == 200
    assert wait_for(lambda: browser.complaints() == [], "no complaint")
