"""A loaded composition: got ready, moved to any moment, drawn when something changed.

A page is used for one document after the other. Every path through the renderer makes the same calls per
frame (`seek`, then `draw`), because extra frames are visible to the page.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from framepress import runtime
from framepress.browser import Browser
from framepress.cdp import ProtocolError
from framepress.errors import BrowserCrash, FrameTimeout, PageError
from framepress.page_requests import PageRequests
from framepress.page_troubles import Trouble, raise_troubles, shorten
from framepress.site import Site

#: Milliseconds between two BeginFrames on Chromium's own clock. It must grow, but nothing that Chromium
#: animates by itself (a transition that starts while the page loads) may get ahead before we hold it.
TICK_MS = 0.01

#: Milliseconds of page time per step while a page that is not ready by itself is helped along.
LOADING_STEP_MS = 1000 / 60

#: Seconds of page time that registered timelines may take to appear (as in the HyperFrames runtime).
TIMELINES_WAIT_S = 5.0

#: Seconds to wait for an answer before a BeginFrame is sent meanwhile: fonts, image decoding and
#: observers make progress only with frames.
PUMP_AFTER_S = 0.02

#: Seconds between two requests for a screenshot if none came. Missing data means "ask again": 22 of 40 first
#: calls after a navigation brought none, and on a loaded machine 200 calls in a row have.
NO_PICTURE_PAUSE_S = 0.002


#: Frames of Chromium's own clock to wait for where it draws by that clock: the first may have begun before
#: the page was moved.
FALLBACK_FRAMES = 2


@dataclass(frozen=True)
class PageContent:
    """One variant's document and the world it lives in.

    Attributes:
        site: its files.
        html: the document with all values in place.
        width, height: CSS pixels of the root.
        output_size: pixels of the picture, width and height.
        epoch_ms: what `Date.now()` reads at frame 0.
        seed: of `Math.random`.
        locale, timezone: BCP 47 and IANA names.
        values: the row's values; only used to keep them out of messages.
    """

    site: Site
    html: str
    width: int
    height: int
    output_size: tuple[int, int]
    epoch_ms: int
    seed: str
    locale: str
    timezone: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PageInfo:
    """What is known of a page once it is ready.

    Attributes:
        end_s: seconds at which the last timed element, timeline or finite animation ends; 0: none.
        media_count: `audio` and `video` elements in the document.
    """

    end_s: float
    media_count: int


class Page:
    """A tab of a browser.

    Args:
        frame_timeout_s: seconds for one frame or one step of loading; then `FrameTimeout`, after which the
            browser must be killed.
        ready_timeout_s: seconds for a document to get ready.
    """

    def __init__(self, browser: Browser, *, frame_timeout_s: float, ready_timeout_s: float) -> None:
        self.browser = browser
        self.frame_timeout_s = frame_timeout_s
        self.ready_timeout_s = ready_timeout_s
        self.stateful: tuple[str, ...] = ()
        self._connection = browser.connection
        self._begin_frame = browser.options.begin_frame
        self._ticks_ms = 1000.0
        self._config: tuple[Any, ...] | None = None
        self._script_id: str | None = None
        self._fresh = True
        self._last_png = b""
        self._frames_seen = 0
        self._touched = True
        self._content: PageContent | None = None
        self._loader_id = ""
        #: Documents that the main frame went to, by Chromium's loader id.
        self._loaders: dict[str, str] = {}
        self._troubles: list[Trouble] = []
        target = self._connection.call(
            "Target.createTarget", {"url": "about:blank", "enableBeginFrameControl": self._begin_frame}
        )
        attached = self._connection.call(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        self._session: str = attached["sessionId"]
        self.requests = PageRequests(self._connection, self._session, self._troubles)
        self._watch()

    # ---- loading --------------------------------------------------------------------------------

    def open(self, content: PageContent) -> PageInfo:
        """Load a document and get it ready; the clock stands at 0 afterwards.

        Raises:
            PageError: a script threw, a file is missing, or it never got ready.
        """
        self._leave(content.site.origin)
        self._content = content
        self._troubles.clear()
        self._configure(content)
        self.requests.serve(content.site, content.html)
        deadline = time.monotonic() + self.ready_timeout_s
        self._navigate(content.site)
        self._get_ready(deadline)
        info = self._evaluate("__framepress.begin()")
        self._check()
        self._fresh = True
        self.stateful = ()
        return PageInfo(end_s=float(info["endS"]), media_count=int(info["media"]))

    def _configure(self, content: PageContent) -> None:
        config = (
            content.width, content.height, content.output_size, content.epoch_ms, content.seed,
            content.locale, content.timezone,
        )  # fmt: skip
        if config == self._config:
            return
        output_width, output_height = content.output_size
        calls: list[tuple[str, dict[str, Any]]] = [
            (
                "Emulation.setDeviceMetricsOverride",
                {
                    "width": content.width,
                    "height": content.height,
                    "deviceScaleFactor": 1,
                    "mobile": False,
                    "screenWidth": content.width,
                    "screenHeight": content.height,
                    # Scaling the view is unseen by the page: its sizes and media queries stay as composed.
                    "viewport": {
                        "x": 0,
                        "y": 0,
                        "width": content.width,
                        "height": content.height,
                        "scale": output_width / content.width,
                    },
                },
            ),
            ("Emulation.setVisibleSize", {"width": output_width, "height": output_height}),
            ("Emulation.setLocaleOverride", {"locale": content.locale}),
            ("Emulation.setTimezoneOverride", {"timezoneId": content.timezone}),
        ]
        for method, params in calls:
            self._call(method, params)
        if self._script_id is not None:
            self._call("Page.removeScriptToEvaluateOnNewDocument", {"identifier": self._script_id})
        script = runtime.script(runtime.PAGE_FILES, epoch_ms=content.epoch_ms, seed=content.seed)
        added = self._call("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        self._script_id = added["identifier"]
        self.requests.worker_script = runtime.script(
            runtime.WORKER_FILES, epoch_ms=content.epoch_ms, seed=content.seed
        )
        self._config = config

    def _leave(self, origin: str) -> None:
        """Let the document before this one end, and forget all that it has stored."""
        # Cleared only after it has gone: its last handlers (`pagehide`) may still store something, and rows
        # share an origin.
        send, deadline = self._connection.send, time.monotonic() + self.frame_timeout_s
        send("Page.resetNavigationHistory", session=self._session, on_reply=lambda _: None)
        empty = self._wait_pumping(send("Page.navigate", {"url": "about:blank"}, session=self._session))
        while empty.get("loaderId") not in self._loaders:
            self._connection.pump(PUMP_AFTER_S)
            if time.monotonic() > deadline:
                raise self._restless()
        everything = {"origin": origin, "storageTypes": "all"}
        forgotten = (
            send("Storage.clearDataForOrigin", everything, session=self._session),
            send("Network.clearBrowserCookies", session=self._session),
        )
        for message_id in forgotten:
            self._wait(message_id)
        self._loaders.clear()

    def _navigate(self, site: Site) -> None:
        self.requests.navigating = True
        navigation = self._connection.send("Page.navigate", {"url": site.url}, session=self._session)
        result = self._wait_pumping(navigation)
        if result.get("errorText"):
            raise PageError(f"The page did not load: {result['errorText']}.", rule="page-not-loaded")
        self.requests.navigating = False
        self._loader_id = result.get("loaderId", "")

    def _get_ready(self, deadline: float) -> None:
        waited_ms = 0.0
        while True:
            self._pump_frame()
            status = self._evaluate("globalThis.__framepress ? __framepress.status() : null")
            if status is not None:
                self._note(status["errors"])
                self._check()
                quiet = status["loaded"] and not status["pending"] and not self.requests.in_flight
                if quiet and (not status["missingTimelines"] or waited_ms >= TIMELINES_WAIT_S * 1000):
                    return
                if quiet:
                    self._evaluate(f"__framepress.runLoading({LOADING_STEP_MS!r})")
                    waited_ms += LOADING_STEP_MS
            if time.monotonic() > deadline:
                raise PageError(self._not_ready(status), rule="page-not-ready")

    def _not_ready(self, status: dict[str, Any] | None) -> str:
        what = "its document did not load"
        if status is not None:
            waiting = sorted({*status["pending"], *self.requests.in_flight.values()})
            what = f"still waiting for {', '.join(waiting)}" if waiting else "its load event never came"
        return f"The page was not ready after {self.ready_timeout_s:g} s: {what}."

    # ---- frames ---------------------------------------------------------------------------------

    def seek(self, frame_index: int, fps: Fraction) -> None:
        """Move the page to frame `frame_index`, run what is due there, and wait for what it asks for.

        Raises:
            PageError: the page threw, or something it needs is missing.
            FrameTimeout: it did not come to rest in time.
        """
        deadline = time.monotonic() + self.frame_timeout_s
        time_s = float(Fraction(frame_index) / fps)
        call = self._send_evaluate(f"__framepress.seek({time_s!r}, {frame_index})")
        result = self._value(self._wait_pumping(call))
        if self.requests.workers:
            self._seek_workers(time_s, frame_index)
        touched = bool(result["touched"])
        while result["pending"] or self.requests.in_flight:
            self._pump_frame()
            result = self._evaluate("__framepress.settled()")
            # Something has arrived that was not there before.
            touched = True
            self._past(deadline, frame_index)
        self._touched = self._touched or touched
        self._frames_seen = int(result["framesSeen"])
        self._note(result["errors"])
        self._check()
        if frame_index == 0 or self.stateful or result["stateful"]:
            self.stateful = tuple(dict.fromkeys((*self.stateful, *result["stateful"])))

    def _seek_workers(self, time_s: float, frame_index: int) -> None:
        expression = f"__framepress.seek({time_s * 1000!r}, {frame_index})"
        calls = [self._send_evaluate(expression, session=session) for session in self.requests.workers]
        for call in calls:
            self._connection.wait(call, self.frame_timeout_s)
        self._evaluate("__framepress.drainTasks().then(() => null)")
        self.stateful = tuple(dict.fromkeys((*self.stateful, "worker alive")))

    def draw(self, frame_index: int, *, force: bool = False) -> bytes | None:
        """Draw the frame that `seek` went to: PNG bytes, or None if it equals the one drawn before.

        The first frame of a document is always drawn whatever Chromium says of it, and so is any frame
        with `force`.

        Raises:
            PageError: drawing showed that something is missing.
            FrameTimeout, BrowserCrash: see `seek`.
        """
        deadline = time.monotonic() + self.frame_timeout_s
        if self._begin_frame and not (self._touched or self._fresh or force):
            if not self._damage(deadline, frame_index):
                self._check()
                return None
        elif not self._begin_frame:
            self._await_frames(FALLBACK_FRAMES, deadline, frame_index)
        self._touched = False
        png = self._screenshot(deadline, frame_index)
        while self.requests.in_flight or self._await_frames(1, deadline, frame_index):
            # The frame has found out that it needs a font or an image, or it was drawn without the page:
            # the picture is not whole, or the old one.
            while self.requests.in_flight:
                self._pump_frame()
                self._past(deadline, frame_index)
            png = self._screenshot(deadline, frame_index)
        # After the last frame nobody would look any more for what went wrong while it was drawn.
        self._check()
        if png == self._last_png and not self._fresh:
            # The frame after a screenshot always reports damage. Two equal pictures show that nothing
            # moves, so one frame takes that report away; from here on damage is the page's own.
            if self._begin_frame:
                self._pump_frame()
            return png if force else None
        self._fresh = False
        self._last_png = png
        return png

    def _damage(self, deadline: float, frame_index: int) -> bool:
        """One BeginFrame; whether it changed anything that is seen."""
        damage = bool(self._call("HeadlessExperimental.beginFrame", self._tick()).get("hasDamage"))
        return self._await_frames(1, deadline, frame_index) or damage or bool(self.requests.in_flight)

    def _await_frames(self, count: int, deadline: float, frame_index: int) -> bool:
        """Pump until the page itself has made `count` frames since `seek`; whether that took any pumping."""
        pumped = False
        while int(self._evaluate("__framepress.framesSeen()")) < self._frames_seen + count:
            pumped = True
            self._pump_frame()
            self._past(deadline, frame_index)
        return pumped

    def _screenshot(self, deadline: float, frame_index: int) -> bytes:
        while True:
            if self._begin_frame:
                params = self._tick() | {"screenshot": {"format": "png", "optimizeForSpeed": True}}
                data = self._call("HeadlessExperimental.beginFrame", params).get("screenshotData")
            else:
                params = {"format": "png", "optimizeForSpeed": True, "captureBeyondViewport": False}
                data = self._call("Page.captureScreenshot", params).get("data")
            if data:
                picture: bytes = data
                return picture
            if time.monotonic() > deadline:
                raise BrowserCrash(f"Chromium gave no picture of frame {frame_index}.", rule="no-picture")
            self._connection.pump(NO_PICTURE_PAUSE_S)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, or of the promise that it gives, as JSON carries it."""
        return self._evaluate(expression)

    # ---- the protocol ---------------------------------------------------------------------------

    def _watch(self) -> None:
        connection, session = self._connection, self._session
        connection.on("Inspector.targetCrashed", self._crashed, session=session)
        connection.on("Page.javascriptDialogOpening", self._dialog, session=session)
        connection.on("Page.frameNavigated", self._frame_navigated, session=session)
        self._call("Inspector.enable")
        self._call("Page.enable")
        # Chromium's own clock must not move an animation: outside of frames Blink estimates the time from the
        # machine's clock, and an animation that ends while the page loads is no longer to be found.
        self._call("Animation.enable")
        self._call("Animation.setPlaybackRate", {"playbackRate": 0})
        if self._begin_frame:
            self._call("HeadlessExperimental.enable")
        self.requests.enable()

    def _crashed(self, _: dict[str, Any]) -> None:
        raise BrowserCrash("A renderer of Chromium crashed, perhaps for lack of memory.", rule="page-crashed")

    def _dialog(self, _: dict[str, Any]) -> None:
        self._connection.send(
            "Page.handleJavaScriptDialog",
            {"accept": True},
            session=self._session,
            on_reply=lambda _: None,
        )

    def _frame_navigated(self, event: dict[str, Any]) -> None:
        frame = event["frame"]
        if "parentId" not in frame:
            self._loaders[frame["loaderId"]] = frame.get("url", "")

    def _tick(self) -> dict[str, Any]:
        self._ticks_ms += TICK_MS
        return {"frameTimeTicks": self._ticks_ms, "interval": 1000 / 60}

    def _pump_frame(self) -> None:
        if self._begin_frame:
            self._call("HeadlessExperimental.beginFrame", self._tick())
        else:
            self._connection.pump(0.005)

    def _call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._wait(self._connection.send(method, params, session=self._session))

    def _send_evaluate(self, expression: str, *, session: str | None = None) -> int:
        params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        return self._connection.send("Runtime.evaluate", params, session=session or self._session)

    def _evaluate(self, expression: str) -> Any:
        return self._value(self._wait(self._send_evaluate(expression)))

    def _wait(self, message_id: int) -> dict[str, Any]:
        """Wait for an answer of the page; what stands in its way is told as the page's fault."""
        try:
            return self._connection.wait(message_id, self.frame_timeout_s)
        except FrameTimeout as exc:
            raise self._restless() from exc
        except ProtocolError as exc:
            self._gone(exc)
            raise

    def _gone(self, exc: ProtocolError) -> None:
        """Raise what the page did if a refusal means that its document is no longer there."""
        if self._content is not None and re.search("navigated|context", exc.message):
            # The news of where to is still under way.
            self._troubles.append(Trouble("navigation", "", "", 0, 0))
            self._check()

    def _restless(self) -> FrameTimeout:
        return FrameTimeout(
            f"The page did not come to rest within {self.frame_timeout_s:g} s (--frame-timeout): a script "
            "that never ends, or a promise that is never kept.",
            rule="frame-timeout",
        )

    def _wait_pumping(self, message_id: int) -> dict[str, Any]:
        """Wait for an answer that may itself need frames to come about."""
        deadline = time.monotonic() + self.frame_timeout_s
        while True:
            try:
                return self._connection.wait(message_id, PUMP_AFTER_S)
            except FrameTimeout:
                if time.monotonic() > deadline:
                    raise self._restless() from None
                self._pump_frame()
            except ProtocolError as exc:
                self._gone(exc)
                raise

    def _value(self, reply: dict[str, Any]) -> Any:
        if "exceptionDetails" not in reply:
            return reply.get("result", {}).get("value")
        assert self._content is not None
        details = reply["exceptionDetails"]
        text = details.get("exception", {}).get("description") or details.get("text", "")
        # The first line: the others are places in the driver.
        told = shorten(text.partition("\n")[0], self._content.values)
        raise PageError(
            f"The page broke its driver: {told}. A script may have replaced a standard object that "
            "rendering needs.",
            rule="driver-broken",
        )

    def _past(self, deadline: float, frame_index: int) -> None:
        if time.monotonic() > deadline:
            waiting = ", ".join(sorted(set(self.requests.in_flight.values()))) or "the page"
            raise FrameTimeout(
                f"Frame {frame_index} was not ready within {self.frame_timeout_s:g} s (--frame-timeout): "
                f"still waiting for {waiting}.",
                rule="frame-timeout",
            )

    def _note(self, errors: list[dict[str, Any]]) -> None:
        for error in errors:
            trouble = Trouble(
                error["kind"], error["message"], error["url"] or "", error["line"] or 0, error["column"] or 0
            )
            if trouble not in self._troubles:
                self._troubles.append(trouble)

    def _check(self) -> None:
        assert self._content is not None
        for loader_id in self._loaders:
            if loader_id != self._loader_id:
                self._troubles.append(Trouble("navigation", "", "", 0, 0))
        raise_troubles(self._troubles, self._content.site, self._content.values)
