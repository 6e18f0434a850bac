"""A page of ours in Chromium as a person has it open: its own clock, real keys and clicks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from framepress.browser import Browser
from framepress.cdp import Connection
from stage import browser_options

#: Seconds for anything that is waited for.
WAIT_S = 30.0

KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "Escape": 27, "Enter": 13}


class PlainPage:
    """One page."""

    def __init__(self, connection: Connection, session: str) -> None:
        self._connection = connection
        self._session = session
        self.requests: list[str] = []
        connection.on("Network.requestWillBeSent", self._requested, session=session)
        for method in ("Page.enable", "Runtime.enable", "Network.enable"):
            self.call(method)

    def _requested(self, event: dict[str, Any]) -> None:
        self.requests.append(event["request"]["url"])

    def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        message = self._connection.send(method, params or {}, session=self._session)
        return self._connection.wait(message, WAIT_S)

    def open(self, url: str, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", {"features": scheme})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", size)
        self.call("Page.navigate", {"url": url})
        self.wait_for("document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        params = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        reply = self.call("Runtime.evaluate", params)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def wait_for(self, expression: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self.value(expression):
            assert time.monotonic() < deadline, f"never came true: {expression}"
            self._connection.pump(0.02)

    def click(self, selector: str) -> None:
        where = self.value(
            f"(() => {{ const e = document.querySelector({selector!r});"
            " e.scrollIntoView({block: 'center'});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            params = {"type": kind, "x": where[0], "y": where[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", params)

    def key(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        code = {"windowsVirtualKeyCode": KEYS[key]} if key in KEYS else {}
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", "key": key, **text, **code})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, **code})

    def type(self, text: str) -> None:
        self.call("Input.insertText", {"text": text})

    def picture(self, clip: dict[str, float] | None = None) -> bytes:
        params: dict[str, Any] = {"format": "png"}
        if clip is not None:
            params["clip"] = {**clip, "scale": 1}
        png: bytes = self.call("Page.captureScreenshot", params)["data"]
        return png


@contextmanager
def plain_page(browser_path: Path, folder: Path, *, flags: tuple[str, ...] = ()) -> Iterator[PlainPage]:
    """A page without frame control."""
    options = replace(browser_options(browser_path, folder, begin_frame=False), extra_flags=flags)
    with Browser(options) as browser:
        connection = browser.connection
        target = connection.call("Target.createTarget", {"url": "about:blank"})
        attached = connection.call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        yield PlainPage(connection, attached["sessionId"])
