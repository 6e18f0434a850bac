"""A page reaches nothing but the files of its own folder.

Every attempt is made twice: in a Chromium without our walls, where the socket on loopback must hear it (else
the test would prove nothing), and in a page of ours, where it must hear nothing, then or later.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framepress import runtime
from framepress.browser import Browser
from framepress.page import Page
from framepress.page_requests import PageRequests
from framepress.site import Site
from hostile import (
    PICTURE,
    Ears,
    OpenBrowser,
    bare_page,
    content,
    members,
    play,
    walled,
    write_files,
)

pytestmark = pytest.mark.browser

#: `HERE` becomes the address of the socket. `attempt` is a promise that ends when the page knows how it went;
#: where no page ever knows, there is none.
ATTEMPTS = {
    "image": "<img src='http://HERE/a.png'>",
    "image by script": "<script>window.attempt = new Promise((end) => { const i = new Image();"
    " i.onload = i.onerror = end; i.src = 'http://HERE/a.png'; });</script>",
    "srcset": "<img srcset='http://HERE/a.png 1x'>",
    "fetch": "<script>window.attempt = fetch('http://HERE/').catch(() => 0);</script>",
    "fetch with preflight": "<script>window.attempt = fetch('http://HERE/', {method: 'PUT', body: 'x',"
    " headers: {a: 'b'}}).catch(() => 0);</script>",
    "fetch kept alive": "<script>window.attempt = fetch('http://HERE/', {keepalive: true}).catch(() => 0);"
    "</script>",
    "XHR": "<script>window.attempt = new Promise((end) => { const x = new XMLHttpRequest();"
    " x.onloadend = end; x.open('GET', 'http://HERE/'); x.send(); });</script>",
    "synchronous XHR": "<script>const x = new XMLHttpRequest(); x.open('GET', 'http://HERE/', false);"
    " try { x.send(); } catch { }</script>",
    "beacon": "<script>navigator.sendBeacon('http://HERE/', 'x');</script>",
    "beacon on leaving": "<script>"
    "addEventListener('pagehide', () => navigator.sendBeacon('http://HERE/', 'x'));"
    " location.href = 'other.html';</script>",
    "ping": "<a id=a ping='http://HERE/' href='other.html'>x</a><script>a.click();</script>",
    "css url": "<p style='background: url(http://HERE/a.png)'>x",
    "css import": "<style>@import 'http://HERE/a.css';</style>",
    "font": "<style>@font-face { font-family: F; src: url(http://HERE/a.woff2); }</style>"
    "<p style='font-family: F'>x",
    "script": "<script src='http://HERE/a.js'></script>",
    "module": "<script type=module>import 'http://HERE/a.js';</script>",
    "style sheet": "<link rel=stylesheet href='http://HERE/a.css'>",
    "iframe": "<iframe src='http://HERE/a.html'></iframe>",
    "sandboxed iframe": "<iframe sandbox='allow-scripts' srcdoc=\"<img src='http://HERE/a.png'>\"></iframe>",
    "data iframe": "<iframe src=\"data:text/html,<img src='http://HERE/a.png'>\"></iframe>",
    "fresh iframe": "<script>const f = document.createElement('iframe'); document.body.append(f);"
    " window.attempt = f.contentWindow.fetch('http://HERE/').catch(() => 0);</script>",
    "object": "<object data='http://HERE/a.html'></object>",
    "embed": "<embed src='http://HERE/a.html'>",
    "audio": "<audio src='http://HERE/a.mp3' preload=auto></audio>",
    "video poster": "<video poster='http://HERE/a.png'></video>",
    "svg image": "<svg><image href='http://HERE/a.png' width=9 height=9 /></svg>",
    "svg use": "<svg><filter id=f><feImage href='http://HERE/a.png'/></filter>"
    "<rect width=9 height=9 filter='url(#f)'/></svg>",
    "form": "<form id=f action='http://HERE/'><input name=x></form><script>f.submit();</script>",
    "form into a new tab": "<form id=f target=_blank action='http://HERE/'><input name=x></form>"
    "<script>f.submit();</script>",
    "meta refresh": "<meta http-equiv=refresh content='0; url=http://HERE/'>",
    "location": "<script>location = 'http://HERE/';</script>",
    "window.open": "<script>window.open('http://HERE/');</script>",
    "window.open of a fresh realm": "<script>const f = document.createElement('iframe');"
    " document.body.append(f); f.contentWindow.open('http://HERE/');</script>",
    "link into a new tab": "<a id=a target=_blank href='http://HERE/'>x</a><script>a.click();</script>",
    "preconnect": "<link rel=preconnect href='http://HERE/'>",
    "prefetch": "<link rel=prefetch href='http://HERE/a.js'>",
    "preload": "<link rel=preload as=image href='http://HERE/a.png'>",
    "modulepreload": "<link rel=modulepreload href='http://HERE/a.js'>",
    "speculation rules": '<script type=speculationrules>{"prefetch": [{"source": "list", "eagerness":'
    ' "immediate", "urls": ["http://HERE/a.html"]}]}</script>',
    "prerender": '<script type=speculationrules>{"prerender": [{"source": "list", "eagerness":'
    ' "immediate", "urls": ["http://HERE/a.html"]}]}</script>',
    "content security report": "<meta http-equiv=Content-Security-Policy content=\"img-src 'none'\">"
    "<script>window.attempt = fetch('http://HERE/').catch(() => 0);</script><img src=x.png>",
    "EventSource": "<script>window.attempt = new Promise((end) => {"
    " new EventSource('http://HERE/').onerror = end; });</script>",
    "WebSocket": "<script>window.attempt = new Promise((end) => {"
    " new WebSocket('ws://HERE/').onclose = end; });</script>",
    "WebSocket of a fresh realm": "<script>const f = document.createElement('iframe');"
    " document.body.append(f); window.attempt = new Promise((end) => {"
    " new f.contentWindow.WebSocket('ws://HERE/').onclose = end; });</script>",
    "worker fetch": "<script>window.attempt = new Promise((end) => {"
    " new Worker('fetch.js').onmessage = end; });</script>",
    "worker importScripts": "<script>window.attempt = new Promise((end) => {"
    " new Worker('import.js').onmessage = end; });</script>",
    "worker WebSocket": "<script>window.attempt = new Promise((end) => {"
    " new Worker('socket.js').onmessage = end; });</script>",
    "worker of a blob": "<script>window.attempt = new Promise((end) => { const text ="
    " \"fetch('http://HERE/').then(() => 0, () => 0).then(postMessage)\";"
    " new Worker(URL.createObjectURL(new Blob([text]))).onmessage = end; });</script>",
    "worker in a worker": "<script>window.attempt = new Promise((end) => {"
    " new Worker('nested.js').onmessage = end; });</script>",
    "shared worker": "<script>new SharedWorker('shared.js');</script>",
    "shared worker of a fresh realm": "<script>const f = document.createElement('iframe');"
    " document.body.append(f); new f.contentWindow.SharedWorker('shared.js');</script>",
    "service worker": "<script>window.attempt = navigator.serviceWorker.register('service.js')"
    ".catch(() => 0);</script>",
    "paint worklet": "<script>window.attempt = CSS.paintWorklet.addModule('http://HERE/a.js')"
    ".catch(() => 0);</script>",
    "WebRTC by STUN": "<script>RTC(window)</script>",
    "WebRTC of a fresh realm": "<script>const f = document.createElement('iframe');"
    " document.body.append(f); RTC(f.contentWindow);</script>",
    "WebRTC of a sandboxed frame": '<iframe sandbox="allow-scripts" srcdoc="<script>RTC(window)</script>">'
    "</iframe>",
    "WebRTC by TURN over TCP": "<script>TURN(window)</script>",
    "WebTransport": "<script>new WebTransport('https://HERE/').ready.catch(() => 0);</script>",
}

#: A headless shell does not act on them; other Chromiums do.
NEVER_HEARD = {"preconnect"}

#: Workers of workers are not served at all.
NEVER_TOLD = {"worker in a worker"}

_PEER = (
    "(%s => { const pc = new %s.RTCPeerConnection({iceServers: [%s]}); pc.createDataChannel('x');"
    " pc.createOffer().then((o) => pc.setLocalDescription(o)); window.pc = pc; })"
)
_MACROS = {
    "RTC": _PEER % ("w", "w", "{urls: 'stun:HERE'}"),
    "TURN": _PEER % ("w", "w", "{urls: 'turn:HERE?transport=tcp', username: 'u', credential: 'c'}"),
}

_FILES = {
    "other.html": "<p>other",
    "fetch.js": "fetch('http://HERE/').then(() => 0, () => 0).then(postMessage);",
    "import.js": "try { importScripts('http://HERE/a.js'); } catch { } postMessage(0);",
    "socket.js": "new WebSocket('ws://HERE/').onclose = () => postMessage(0);",
    "nested.js": "new Worker('fetch.js').onmessage = () => postMessage(0);",
    "shared.js": "fetch('http://HERE/');",
    "service.js": "fetch('http://HERE/');",
}


def written_out(text: str, port: int) -> str:
    for name, peer in _MACROS.items():
        text = text.replace(f"{name}(", f"{peer}(")
    return text.replace("HERE", f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def ears() -> Iterator[Ears]:
    made = Ears()
    yield made
    made.close()


@pytest.fixture(scope="module")
def our_browser(browser_path: Path, ears: Ears) -> Iterator[Browser]:
    """Its end is the last moment at which anything could still arrive."""
    ears.heard.clear()
    with walled(browser_path) as browser:
        yield browser
    assert ears.heard == []


@pytest.fixture
def our_page(our_browser: Browser) -> Iterator[Page]:
    """A tab of its own, which opens no other."""
    before = tabs(our_browser)
    page = bare_page(our_browser, timeout_s=4)
    (target,) = tabs(our_browser) - before
    yield page
    assert tabs(our_browser) - before == {target}
    our_browser.connection.call("Target.closeTarget", {"targetId": target})


def tabs(browser: Browser) -> set[str]:
    targets = browser.connection.call("Target.getTargets")["targetInfos"]
    return {target["targetId"] for target in targets if target["type"] == "page"}


@pytest.mark.parametrize("way", ATTEMPTS)
def test_a_page_reaches_no_socket(our_page: Page, ears: Ears, tmp_path: Path, way: str) -> None:
    write_files(tmp_path, {name: written_out(text, ears.port) for name, text in _FILES.items()})
    refusal = play(our_page, content(tmp_path, written_out(ATTEMPTS[way], ears.port)))
    if refusal is None and way not in NEVER_TOLD:
        our_page.evaluate("window.attempt ? window.attempt.then(() => 0) : 0")
    assert ears.heard == []


@pytest.mark.parametrize(
    "way", [way if re.match("Web", way) else pytest.param(way, marks=pytest.mark.slow) for way in ATTEMPTS]
)
def test_the_command_line_alone_is_a_wall(
    our_page: Page, ears: Ears, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def let_through(requests: PageRequests, event: dict[str, Any], kind: str, url: str) -> None:
        params = {"requestId": event["requestId"]}
        session = requests._session
        requests._connection.send("Fetch.continueRequest", params, session=session, on_reply=lambda _: None)

    script = runtime.script
    monkeypatch.setattr(PageRequests, "_refuse", let_through)
    monkeypatch.setattr(runtime, "script", lambda *a, **b: script(*a, **b).replace("closeDoors();", ""))
    test_a_page_reaches_no_socket(our_page, ears, tmp_path, way)


# ---- the control --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def open_browser(browser_path: Path) -> Iterator[OpenBrowser]:
    with pytest.MonkeyPatch.context() as patch:
        made = OpenBrowser(browser_path, patch)
    yield made
    made.browser.close()


@pytest.fixture
def host() -> Iterator[Ears]:
    made = Ears()
    yield made
    made.close()


@pytest.fixture
def far() -> Iterator[Ears]:
    made = Ears()
    yield made
    made.close()


@pytest.mark.parametrize("way", [way for way in ATTEMPTS if way not in NEVER_HEARD])
def test_without_our_walls_the_same_attempt_is_heard(
    open_browser: OpenBrowser, host: Ears, far: Ears, way: str
) -> None:
    host.files = {f"/{name}": written_out(text, far.port).encode() for name, text in _FILES.items()}
    html = content(Path(), written_out(ATTEMPTS[way], far.port)).html
    host.files["/page.html"] = html.encode()
    open_browser.open(f"http://127.0.0.1:{host.port}/page.html")
    assert open_browser.wait_until(lambda: far.heard)


# ---- names --------------------------------------------------------------------------------------

_NAMES = """
<img src='http://image.looked-up.test/'><link rel=dns-prefetch href='http://prefetch.looked-up.test/'>
<link rel=preconnect href='http://preconnect.looked-up.test/'>
<script>
fetch('http://fetch.looked-up.test/').catch(() => 0);
window.attempt = new Promise((end) => { new WebSocket('wss://socket.looked-up.test/').onclose = end; });
const pc = new RTCPeerConnection({iceServers: [{urls: 'stun:stun.looked-up.test'}]});
pc.createDataChannel('x'); pc.createOffer().then((o) => pc.setLocalDescription(o));
</script>
"""


def names_asked_of_the_system(net_log: Path) -> set[str]:
    """Names for which Chromium's own record shows work of a resolver beyond its tables."""
    text = net_log.read_text(encoding="utf-8").rstrip().rstrip(",")
    try:
        record = json.loads(text)
    except ValueError:
        # A browser that is killed leaves the list open.
        record = json.loads(text + "]}")
    types = {number: name for name, number in record["constants"]["logEventTypes"].items()}
    asked = set()
    for event in record["events"]:
        if types[event["type"]] in (
            "HOST_RESOLVER_MANAGER_JOB",
            "HOST_RESOLVER_SYSTEM_TASK",
            "DNS_TRANSACTION",
        ):
            asked.add(str(event.get("params", {}).get("host", "")))
    return {host for host in asked if "looked-up" in host}


def test_no_name_is_looked_up(
    browser_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: Ears
) -> None:
    script = runtime.script
    monkeypatch.setattr(runtime, "script", lambda *a, **b: script(*a, **b).replace("closeDoors();", ""))
    ours = tmp_path / "ours.json"
    with walled(browser_path, f"--log-net-log={ours}") as browser:
        play(bare_page(browser), content(tmp_path, _NAMES))
        page = bare_page(browser)
        play(page, content(tmp_path, _NAMES.replace("<img src='http://image.looked-up.test/'>", "")))
        page.evaluate("window.attempt.then(() => 0)")
    host.files["/page.html"] = content(tmp_path, _NAMES).html.encode()
    wanted = {"http://image.looked-up.test", "http://fetch.looked-up.test"}
    asked: set[str] = set()
    # A browser that is closed on a loaded machine does not always write its last words.
    for number in range(3):
        theirs = tmp_path / f"theirs-{number}.json"
        control = OpenBrowser(browser_path, monkeypatch, f"--log-net-log={theirs}")
        control.open(f"http://127.0.0.1:{host.port}/page.html")
        control.evaluate("window.attempt.then(() => 0)")
        control.browser.close()
        asked |= names_asked_of_the_system(theirs)
        if asked >= wanted:
            break
    assert asked >= wanted
    assert names_asked_of_the_system(ours) == set()


# ---- files --------------------------------------------------------------------------------------

#: Names of a picture that a page in `folder/` may not have. SECRET is its absolute path.
OUTSIDE = {
    "parent": "../secret.png",
    "parent, encoded": "%2e%2e/secret.png",
    "parent, encoded whole": "..%2fsecret.png",
    "parent, twice encoded": "%252e%252e%252fsecret.png",
    "parent, backslash": "..%5csecret.png",
    "deep": "sub/..%2f..%2fsecret.png",
    "absolute": "/SECRET",
    "absolute, two slashes": "%2f%2fSECRET",
    "file": "file://SECRET",
    "file, localhost": "file://localhost/SECRET",
    "link": "link.png",
    "link to a folder": "sub/up/secret.png",
    "nul": "../secret.png%00.png",
}

_WAYS_TO_READ = {
    "image": "new Promise((end) => { const i = new Image(); i.onload = () => end(true);"
    " i.onerror = () => end(false); i.src = URL; })",
    "fetch": "fetch(URL).then((r) => r.ok, () => false)",
    "worker": "new Promise((end) => { const w = new Worker('read.js'); w.onmessage = (e) => end(e.data);"
    " w.postMessage(URL); })",
    "XHR": "new Promise((end) => { const x = new XMLHttpRequest(); x.open('GET', URL);"
    " x.onloadend = () => end(x.status === 200); x.send(); })",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A composition's folder with an innocent picture inside and a secret one beside it."""
    inside = tmp_path / "folder"
    picture = base64.b64decode(PICTURE)
    write_files(tmp_path, {"secret.png": picture})
    read = "onmessage = (e) => fetch(e.data).then((r) => r.ok, () => false).then(postMessage);"
    write_files(inside, {"own.png": picture, "sub/own.png": picture, "read.js": read})
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    (inside / "sub" / "up").symlink_to(tmp_path)
    (inside / "own-link.png").symlink_to("own.png")
    return inside


@pytest.mark.parametrize("way", _WAYS_TO_READ)
def test_a_page_reads_nothing_outside_its_folder(our_browser: Browser, folder: Path, way: str) -> None:
    def got(url: str) -> bool:
        page = bare_page(our_browser)
        assert play(page, content(folder, "<p>x")) is None
        read = _WAYS_TO_READ[way].replace("URL", json.dumps(url))
        return bool(page.evaluate(read))

    secret = str(folder.parent / "secret.png")
    assert [got(url) for url in ("own.png", "sub/own.png", "own-link.png")] == [True] * 3
    names = {name: url.replace("SECRET", secret) for name, url in OUTSIDE.items()}
    assert {name: got(url) for name, url in names.items()} == dict.fromkeys(OUTSIDE, False)


def test_a_file_address_would_be_read_without_our_walls(
    browser_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = OpenBrowser(browser_path, monkeypatch, "--allow-file-access-from-files")
    write_files(folder, {"page.html": "<p>x"})
    control.open((folder / "page.html").as_uri())
    secret = (folder.parent / "secret.png").as_uri()
    for url in (secret, "../secret.png", "link.png"):
        read = _WAYS_TO_READ["image"].replace("URL", json.dumps(url))
        assert control.wait_until(lambda read=read: control.evaluate(read))
    control.browser.close()


@pytest.mark.parametrize("address", ["file:///etc/hostname", "data:text/html,<p>x", "chrome://version"])
def test_a_page_cannot_go_to_another_kind_of_address(our_page: Page, tmp_path: Path, address: str) -> None:
    refusal = play(our_page, content(tmp_path, f"<script>location = {json.dumps(address)};</script>"))
    assert refusal is not None or our_page.evaluate("location.protocol") == "https:"


def test_a_site_gives_only_regular_files_of_its_folder(folder: Path) -> None:
    site = Site(folder, "page.html", "test")
    os.mkfifo(folder / "pipe")
    assert site.read("own.png") is not None
    assert site.read("sub/../own.png") is not None
    outside = [url.replace("SECRET", str(folder.parent / "secret.png")) for url in OUTSIDE.values()]
    for path in [*outside, "pipe", "sub", "", ".", "..", "/dev/zero", "a\0b", "x" * 5000, "own.png/x"]:
        assert site.read(path) is None, path


@pytest.mark.parametrize(
    "url", ["https://other.framepress.invalid/own.png", "http://test.framepress.invalid/own.png",
            "https://test.framepress.invalid.evil.test/own.png", "https://u@test.framepress.invalid/own.png",
            "https://test.framepress.invalid:8443/own.png", "http://[", "own.png", "file:///own.png"],
)  # fmt: skip
def test_an_address_of_another_origin_names_no_file(tmp_path: Path, url: str) -> None:
    site = Site(tmp_path, "page.html", "test")
    assert site.path_of(url) is None
    assert site.path_of("https://test.framepress.invalid/a%20b/own.png?x#y") == "a b/own.png"


# ---- the process --------------------------------------------------------------------------------


def test_chromium_gets_nothing_of_our_environment(
    browser_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "Zyxwvut 4711")
    monkeypatch.setenv("HTTPS_PROXY", "http://Zyxwvut:4711@127.0.0.1:1")
    with walled(browser_path) as browser:
        bare_page(browser)
        processes = members(browser.pid)
        texts = [Path(f"/proc/{pid}/environ").read_bytes() for pid in processes]
    assert len(processes) >= 3
    assert any(b"HOME=" in text for text in texts)
    for text in texts:
        assert b"Zyxwvut" not in text
        assert b"A_SECRET" not in text


def test_nothing_reaches_even_the_proxy_that_is_not_there(browser_path: Path, tmp_path: Path) -> None:
    # A developer may have something on the discard port after all.
    try:
        listener = socket.create_server(("127.0.0.1", 9))
    except OSError:
        pytest.skip("the discard port cannot be listened on")
    with listener, walled(browser_path) as browser:
        page = bare_page(browser)
        assert play(page, content(tmp_path, written_out(ATTEMPTS["WebSocket"], 80))) is None
        page.evaluate("window.attempt.then(() => 0)")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
