"""What tests of untrusted pages share: ears on loopback, Chromium without our walls, a bare page."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from framepress import browser as browser_module
from framepress.browser import Browser, BrowserOptions, _session_members, default_sandbox
from framepress.errors import FrameTimeout, PageError
from framepress.page import Page, PageContent
from framepress.site import Site, content_type

FPS = Fraction(30)

#: A PNG of one pixel.
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


PICTURE_BYTES = base64.b64decode(PICTURE)


@dataclass
class Ears:
    """A TCP and a UDP socket of one number on loopback that note whatever reaches them.

    Attributes:
        heard: the first bytes of every connection and every datagram; b"" if nothing was said.
        files: answers by path; other paths get an empty one.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tcp, self._udp, self.port = _pair()
        self._closing = False
        for work in (self._accept, self._receive):
            threading.Thread(target=work, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._closing:
                connection, _ = self._tcp.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            index = len(self.heard)
            self.heard.append(b"")
            self.heard[index] = request = connection.recv(2048)
            path = request.split(b" ")[1].decode() if request.count(b" ") > 1 else ""
            body = self.files.get(path.partition("?")[0], b"")
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type(path)}\r\nContent-Length: {len(body)}\r\n"
            head += "Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + body)

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            while not self._closing:
                self.heard.append(self._udp.recvfrom(2048)[0])

    def close(self) -> None:
        self._closing = True
        for end in (self._tcp, self._udp):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _pair() -> tuple[socket.socket, socket.socket, int]:
    for _ in range(50):
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        port: int = tcp.getsockname()[1]
        try:
            udp.bind(("127.0.0.1", port))
        except OSError:
            tcp.close()
            udp.close()
            continue
        return tcp, udp, port
    raise OSError("no port is free for both TCP and UDP")


def members(session: int) -> list[int]:
    """Processes of a browser that have not ended; what only waits to be reaped by another has."""
    return [pid for pid in _session_members(session) if not _is_zombie(pid)]


def ended(session: int, *, within_s: float = 20) -> bool:
    """Whether a browser's processes are gone, or go in the time that a machine at work may take for it."""
    deadline = time.monotonic() + within_s
    while members(session) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not members(session)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


# ---- pages of ours ------------------------------------------------------------------------------


def walled(path: Path, *flags: str) -> Browser:
    """A browser as the renderer starts it."""
    return Browser(BrowserOptions(path=path, sandbox=default_sandbox(), extra_flags=flags))


def bare_page(browser: Browser, timeout_s: float = 30.0) -> Page:
    return Page(browser, frame_timeout_s=timeout_s, ready_timeout_s=timeout_s)


def content(folder: Path, html: str, *, name: str = "test", entry: str = "page.html") -> PageContent:
    """The smallest world around a document; `name` is a label of its origin."""
    return PageContent(
        site=Site(folder, entry, name),
        html=f'<!doctype html><meta charset=utf-8><body data-width="64" data-height="48">{html}',
        width=64,
        height=48,
        output_size=(64, 48),
        epoch_ms=0,
        seed="seed",
        locale="en-US",
        timezone="UTC",
    )


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


def play(page: Page, world: PageContent, *, frames: int = 4) -> PageError | FrameTimeout | None:
    """Open a page and draw some frames of it; what it was refused for, if it was."""
    try:
        page.open(world)
        for index in range(frames):
            page.seek(index, FPS)
            page.draw(index)
    except (PageError, FrameTimeout) as exc:
        return exc
    return None


# ---- a Chromium without walls -------------------------------------------------------------------


class OpenBrowser:
    """The same Chromium without our walls and without interception, as a control."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, *flags: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(browser_module, "WALL_FLAGS", ("--disable-features=LocalNetworkAccessChecks",))
            patch.setattr(browser_module, "PICTURE_FLAGS", ("--disable-gpu",))
            options = BrowserOptions(path, begin_frame=False, sandbox=default_sandbox(), extra_flags=flags)
            self.browser = Browser(options)
        self._session = self._target = ""

    def open(self, url: str) -> None:
        """Show an address in a new tab; the tab before is closed."""
        call = self.browser.connection.call
        if self._target:
            # A page that is still on its way somewhere may have no say in it; the browser has.
            call("Target.closeTarget", {"targetId": self._target})
        target = call("Target.createTarget", {"url": "about:blank"})
        attached = call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        self._target, self._session = target["targetId"], attached["sessionId"]
        call("Page.navigate", {"url": url}, session=self._session)

    def evaluate(self, expression: str) -> Any:
        params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        reply = self.browser.connection.call("Runtime.evaluate", params, session=self._session)
        return reply["result"].get("value")

    def wait_until(self, what: Any, *, seconds: float = 30.0) -> bool:
        """Let the browser work until `what()` is true."""
        deadline = time.monotonic() + seconds
        while not what() and time.monotonic() < deadline:
            self.browser.connection.pump(0.01)
        return bool(what())
