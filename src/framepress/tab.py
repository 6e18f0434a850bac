"""One tab of a browser: commands, answers that may need frames to come about, frames, pictures.

Knows that there is a driver in the page (`__framepress`), not what it does.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any

from framepress.browser import Browser
from framepress.cdp import Connection, ProtocolError
from framepress.errors import BrowserCrash, FrameTimeout, PageError
from framepress.page_troubles import shorten

#: Milliseconds between two BeginFrames on Chromium's own clock. It must grow, but nothing that Chromium
#: animates by itself (a transition that starts while the page loads) may get ahead before we hold it.
TICK_MS = 0.01

#: Seconds to wait for an answer before a BeginFrame is sent meanwhile: fonts, image decoding and
#: observers make progress only with frames.
PUMP_AFTER_S = 0.02

#: Times in a row that a frame is put off because something went through the pipe meanwhile.
BUSY_MAX = 5

#: Seconds after which a page that is only moved is drawn all the same, see `Tab.keep_in_touch`.
UNDRAWN_S_MAX = 1.0

#: Seconds between two looks at the pipe where frames come by Chromium's own clock.
FALLBACK_PUMP_S = 0.005

#: Seconds between two requests for a screenshot if none came. Missing data means "ask again": 22 of 40 first
#: calls after a navigation brought none, and on a loaded machine 200 calls in a row have.
NO_PICTURE_PAUSE_S = 0.002

#: Seconds and requests without a picture after which a tab counts as lost. On a very busy machine now and
#: then a navigation cuts a tab off: its page goes on making frames, and no size, wait or further navigation
#: brings a picture again. Another tab does, so that is not waited for.
LOST_AFTER_S = 10.0
LOST_AFTER_REQUESTS = 300


class Tab:
    """A tab with the debugger attached.

    Attributes:
        frame_timeout_s: seconds for one answer; then `FrameTimeout`, and the browser must be killed.
        begin_frame: frames come when we ask for them; else by Chromium's own clock.
        values: of the row that is in it; kept out of messages.
        on_refused: called when Chromium refuses a command; may raise what the page did to cause that.
    """

    def __init__(self, browser: Browser, *, frame_timeout_s: float) -> None:
        self.browser = browser
        self.connection: Connection = browser.connection
        self.begin_frame = browser.options.begin_frame
        self.frame_timeout_s = frame_timeout_s
        self.values: Mapping[str, str] = {}
        self.on_refused: Callable[[str], None] = lambda _: None
        self._ticks_ms = 1000.0
        self._drawn_at = time.monotonic()
        #: Whether Chromium has reported any damage since this was last set to False.
        self.was_drawn = False
        #: BeginFrames that were sent.
        self.frame_count = 0
        target = self.connection.call(
            "Target.createTarget", {"url": "about:blank", "enableBeginFrameControl": self.begin_frame}
        )
        self._target_id: str = target["targetId"]
        attached = self.connection.call(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        self.session: str = attached["sessionId"]
        self._watch()

    def _watch(self) -> None:
        self.connection.on("Inspector.targetCrashed", self._crashed, session=self.session)
        self.connection.on("Page.javascriptDialogOpening", self._dialog, session=self.session)
        self.call("Inspector.enable")
        self.call("Page.enable")
        self.call("Animation.enable")
        self.wait(self.send_hold())
        if self.begin_frame:
            self.call("HeadlessExperimental.enable")

    def _crashed(self, _: dict[str, Any]) -> None:
        raise BrowserCrash("A renderer of Chromium crashed, perhaps for lack of memory.", rule="page-crashed")

    def _dialog(self, _: dict[str, Any]) -> None:
        self.tell("Page.handleJavaScriptDialog", {"accept": True})

    def send_hold(self) -> int:
        """Hold the animations of every document that is there, and, with `Animation.enable`, of all to come.

        Chromium's own clock must not move an animation: outside of frames Blink estimates the time from the
        machine's clock, and an animation that ends while the page loads is no longer to be found.
        """
        return self.send("Animation.setPlaybackRate", {"playbackRate": 0})

    def close(self) -> None:
        """End the tab; what it still says is not heard."""
        self.connection.forget_session(self.session)
        self.connection.send("Target.closeTarget", {"targetId": self._target_id}, on_reply=lambda _: None)

    # ---- commands -------------------------------------------------------------------------------

    def send(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a command whose answer will be waited for."""
        return self.connection.send(method, params, session=self.session)

    def tell(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send a command whose answer does not matter."""
        self.connection.send(method, params, session=self.session, on_reply=lambda _: None)

    def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        return self.wait(self.send(method, params))

    def wait(self, message_id: int) -> dict[str, Any]:
        """Wait for an answer of the page; what stands in its way is told as the page's fault."""
        try:
            return self.connection.wait(message_id, self.frame_timeout_s)
        except FrameTimeout as exc:
            raise self.restless() from exc
        except ProtocolError as exc:
            self.on_refused(exc.message)
            raise

    def wait_pumping(self, message_id: int, after_s: float = PUMP_AFTER_S) -> dict[str, Any]:
        """Wait for an answer that may itself need frames to come about.

        Args:
            after_s: seconds until the first of them.
        """
        deadline = time.monotonic() + self.frame_timeout_s
        busy = 0
        while True:
            moved = self.connection.moved
            try:
                return self.connection.wait(message_id, after_s)
            except FrameTimeout:
                after_s = PUMP_AFTER_S
                if time.monotonic() > deadline:
                    raise self.restless() from None
                # As long as we serve the page, it is not a frame that it waits for. How many it gets shows
                # in what CSS scales.
                busy = busy + 1 if moved != self.connection.moved else BUSY_MAX
                if busy >= BUSY_MAX:
                    busy = 0
                    self.pump_frame()
            except ProtocolError as exc:
                self.on_refused(exc.message)
                raise

    def restless(self) -> FrameTimeout:
        """The error for a page that keeps its browser busy."""
        return FrameTimeout(
            f"The page did not come to rest within {self.frame_timeout_s:g} s (--frame-timeout): a script "
            "that never ends, or a promise that is never kept.",
            rule="frame-timeout",
        )

    def send_evaluate(self, expression: str, *, session: str | None = None) -> int:
        """Send a JavaScript expression; `value` reads the answer. `session`: of a worker of the page."""
        params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        return self.connection.send("Runtime.evaluate", params, session=session or self.session)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, or of the promise that it gives."""
        return self.value(self.wait(self.send_evaluate(expression)))

    def value(self, reply: dict[str, Any]) -> Any:
        """What an expression gave.

        Raises:
            PageError: it threw, which our driver does only if the page took something from it.
        """
        if "exceptionDetails" not in reply:
            return reply.get("result", {}).get("value")
        details = reply["exceptionDetails"]
        text = details.get("exception", {}).get("description") or details.get("text", "")
        # The first line: the others are places in the driver.
        told = shorten(text.partition("\n")[0], self.values)
        raise PageError(
            f"The page broke its driver: {told}. A script may have replaced a standard object that "
            "rendering needs.",
            rule="driver-broken",
        )

    # ---- frames ---------------------------------------------------------------------------------

    def request_frame(self) -> bool:
        """One BeginFrame; whether Chromium says that anything seen has changed."""
        damage = bool(self.call("HeadlessExperimental.beginFrame", self._tick()).get("hasDamage"))
        self.was_drawn = self.was_drawn or damage
        return damage

    def keep_in_touch(self) -> None:
        """Draw a frame if none was drawn for a while.

        Chromium's display drops what a page has drawn if it was not shown within 10 s (temporary references
        of viz's SurfaceManager); the page is then cut off from its pictures for good.
        """
        if self.begin_frame and time.monotonic() - self._drawn_at > UNDRAWN_S_MAX:
            self.request_frame()

    def pump_frame(self) -> None:
        """Let the page make a frame whose picture does not matter."""
        if self.begin_frame:
            self.request_frame()
        else:
            self.connection.pump(FALLBACK_PUMP_S)

    def screenshot(self, deadline: float, frame_index: int) -> bytes:
        """A picture of the whole view as PNG, asked for until it comes.

        Args:
            deadline: on the monotonic clock. frame_index: for the message.

        Raises:
            BrowserCrash: none came, and none will from this tab.
        """
        lost = time.monotonic() + LOST_AFTER_S
        for count in itertools.count(1):
            if self.begin_frame:
                params = self._tick() | {"screenshot": {"format": "png", "optimizeForSpeed": True}}
                data = self.call("HeadlessExperimental.beginFrame", params).get("screenshotData")
            else:
                params = {"format": "png", "optimizeForSpeed": True, "captureBeyondViewport": False}
                data = self.call("Page.captureScreenshot", params).get("data")
            if data:
                picture: bytes = data
                return picture
            now = time.monotonic()
            if now > deadline or (now > lost and count > LOST_AFTER_REQUESTS):
                raise BrowserCrash(f"Chromium gave no picture of frame {frame_index}.", rule="no-picture")
            self.connection.pump(NO_PICTURE_PAUSE_S)
        raise AssertionError("the count has no end")

    def _tick(self) -> dict[str, Any]:
        self._drawn_at = time.monotonic()
        self.frame_count += 1
        self._ticks_ms += TICK_MS
        return {"frameTimeTicks": self._ticks_ms, "interval": 1000 / 60}
