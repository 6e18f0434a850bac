"""A loaded composition: moved to any moment, drawn when something changed.

A page is used for one document after the other. Every path through the renderer makes the same calls per
frame (`seek`, then `draw`), because extra frames are visible to the page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from framepress.browser import Browser
from framepress.errors import BrowserCrash, FrameTimeout
from framepress.page_content import PageContent, PageInfo
from framepress.page_loading import PageLoader
from framepress.rects import Rect
from framepress.tab import Tab

__all__ = ["Page", "PageContent", "PageInfo", "WalkStopped"]

#: Frames of Chromium's own clock to wait for where it draws by that clock: the first may have begun before
#: the page was moved.
FALLBACK_FRAMES = 2

#: Seconds after which a document that was never drawn is opened in another tab, and tabs that are tried.
UNDRAWN_S, TABS_MAX = 3.0, 3

#: How many frames the page has made, once all that is queued in it has run.
DRAINED_FRAMES = "__framepress.drainTasks().then(() => __framepress.framesSeen())"

#: Milliseconds after which `Page.walk` hears from the page, and seconds after which it takes a page that does
#: not answer for one that waits for a frame.
WALK_MS, WALK_PUMP_AFTER_S = 10, 0.1


class WalkStopped(Exception):
    """Frames of this page are to be sought one by one."""


class Page:
    """A page in a tab of its own.

    Args:
        frame_timeout_s: seconds for one frame or one step of loading; then `FrameTimeout`, after which the
            browser must be killed.
        ready_timeout_s: seconds for a document to get ready.

    Attributes:
        stateful: why the document cannot be entered in the middle, as far as it has shown; empty: it can.
        layer_state: what the driver said of the layers at the last `seek`; None: it was not told of any.
    """

    def __init__(self, browser: Browser, *, frame_timeout_s: float, ready_timeout_s: float) -> None:
        self.browser = browser
        self.stateful: tuple[str, ...] = ()
        self.layer_state: dict[str, Any] | None = None
        self._timeouts = (frame_timeout_s, ready_timeout_s)
        self._new_tab()
        self._fresh = True
        self._last_png = b""
        self._frames_seen = 0
        #: BeginFrames that had been sent when `_frames_seen` was asked for; -1: it is of another document.
        self._counted_at = -1
        self._touched = True
        self._news_seen = 0

    def open(self, content: PageContent) -> PageInfo:
        """Load a document and get it ready; the clock stands at 0 afterwards.

        Raises:
            PageError: a script threw, a file is missing, or it never got ready.
        """
        for _ in range(TABS_MAX):
            self.tab.was_drawn = False
            info = self._loader.load(content)
            if self._is_drawn():
                break
            self.tab.close()
            self._new_tab()
        else:
            raise BrowserCrash(f"Chromium drew nothing in {TABS_MAX} tabs.", rule="no-picture")
        self._fresh = True
        self._counted_at = -1
        self.stateful = ()
        self.layer_state = None
        return info

    def _new_tab(self) -> None:
        frame_timeout_s, ready_timeout_s = self._timeouts
        self.tab = Tab(self.browser, frame_timeout_s=frame_timeout_s)
        self._loader = PageLoader(self.tab, ready_timeout_s=ready_timeout_s)
        self.requests = self._loader.requests

    def _is_drawn(self) -> bool:
        """Whether the new document reaches the display: on a loaded machine one in some hundreds never does.

        Its page makes frames, none reports damage, and no picture ever comes; another tab is fine.
        """
        deadline = time.monotonic() + UNDRAWN_S
        while self.tab.begin_frame and not self.tab.was_drawn:
            if time.monotonic() > deadline:
                return False
            self.tab.pump_frame()
        return True

    def check(self) -> None:
        """Raise `PageError` if anything has gone wrong in the document so far."""
        self._loader.check()

    def become_host(self, *, told_of_requests: bool) -> None:
        """Frames that come into the page from now on are somebody else's, see `PageLoader.become_host`."""
        self._loader.become_host(told_of_requests=told_of_requests)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, or of the promise that it gives."""
        return self.tab.evaluate(expression)

    # ---- moving ---------------------------------------------------------------------------------

    def seek(self, frame_index: int, fps: Fraction) -> None:
        """Move the page to frame `frame_index`, run what is due there, and wait for what it asks for.

        Raises:
            PageError: the page threw, or something it needs is missing.
            FrameTimeout: it did not come to rest in time.
        """
        self.tab.keep_in_touch()
        deadline = time.monotonic() + self.tab.frame_timeout_s
        time_s = float(Fraction(frame_index) / fps)
        call = self.tab.send_evaluate(f"__framepress.seek({time_s!r}, {frame_index})")
        result = self.tab.value(self.tab.wait_pumping(call))
        states = [result["layers"]]
        if self.requests.workers:
            self._seek_workers(time_s, frame_index)
        touched = bool(result["touched"])
        while result["pending"] or self.requests.in_flight:
            if not self.requests.await_videos():
                self.tab.pump_frame()
            result = self.tab.evaluate("__framepress.drainTasks().then(() => __framepress.settled())")
            states.append(result["layers"])
            # Something has arrived that was not there before.
            touched = True
            self._past(deadline, frame_index)
        self._settle({**result, "touched": touched}, _joined_states(states))

    def _settle(self, result: dict[str, Any], layer_state: dict[str, Any] | None) -> None:
        """Take in what the driver says of a page that has come to rest."""
        # What drawing asks for comes on top.
        self._news_seen = self.requests.news
        self._touched = self._touched or bool(result["touched"])
        self._frames_seen = int(result["framesSeen"])
        self._counted_at = self.tab.frame_count
        self.layer_state = layer_state
        self._loader.note(result["errors"])
        self._loader.check()
        self.stateful = tuple(dict.fromkeys((*self.stateful, *result["stateful"])))

    def walk(self, indices: range, fps: Fraction) -> Iterator[dict[str, Any] | None]:
        """`layer_state` at consecutive frames, the page moved as by `seek`, several at a time.

        Raises:
            WalkStopped: the page asked for something or waits for it. What was said of its layers since the
                first of these frames tells changes from frames that nobody has seen: seek them one by one.
            Others: see `seek`.
        """
        while indices:
            self.tab.keep_in_touch()
            news, frames = self.requests.news, self.tab.frame_count
            fps_pair = f"[{fps.numerator}, {fps.denominator}]"
            call = self.tab.send_evaluate(
                f"__framepress.walk({indices.start}, {indices.stop}, {fps_pair}, {WALK_MS})"
            )
            result = self.tab.value(self.tab.wait_pumping(call, WALK_PUMP_AFTER_S))
            served = news != self.requests.news or frames != self.tab.frame_count
            if served or result["pending"] or self.requests.in_flight or self.requests.workers:
                raise WalkStopped
            states = result["layers"]
            self._settle(result, states[-1])
            yield from states
            indices = indices[len(states) :]

    def _seek_workers(self, time_s: float, frame_index: int) -> None:
        expression = f"__framepress.seek({time_s * 1000!r}, {frame_index})"
        calls = [self.tab.send_evaluate(expression, session=session) for session in self.requests.workers]
        for call in calls:
            self.tab.connection.wait(call, self.tab.frame_timeout_s)
        self.tab.evaluate("__framepress.drainTasks().then(() => null)")
        self.stateful = tuple(dict.fromkeys((*self.stateful, "worker alive")))

    # ---- drawing --------------------------------------------------------------------------------

    def draw(self, frame_index: int, *, force: bool = False) -> bytes | None:
        """Draw the frame that `seek` went to: PNG bytes, or None if it equals the one drawn before.

        The first frame of a document is always drawn whatever Chromium says of it, and so is any frame
        with `force`.

        Raises:
            PageError: drawing showed that something is missing.
            FrameTimeout, BrowserCrash: see `seek`.
        """
        deadline = time.monotonic() + self.tab.frame_timeout_s
        if self.tab.begin_frame and not (self._touched or self._fresh or force):
            if not self._damage(deadline, frame_index):
                self._loader.check()
                return None
        elif not self.tab.begin_frame:
            self._await_frames(FALLBACK_FRAMES, deadline, frame_index)
        self._touched = False
        png = self._whole_picture(deadline, frame_index)
        # After the last frame nobody would look any more for what went wrong while it was drawn.
        self._loader.check()
        if png == self._last_png and not self._fresh:
            # The frame after a screenshot always reports damage. Two equal pictures show that nothing
            # moves, so one frame takes that report away; from here on damage is the page's own.
            if self.tab.begin_frame:
                self.tab.pump_frame()
            return png if force else None
        self._fresh = False
        self._last_png = png
        return png

    # ---- parts of the picture -------------------------------------------------------------------

    def look_at(self, part: Rect | None, *, scale: float = 1.0, transparent: bool = False) -> tuple[int, int]:
        """What `picture` shows from now on, until the next `open`; see `PageLoader.look_at`."""
        self._fresh = True
        return self._loader.look_at(part, scale=scale, transparent=transparent)

    def picture(self, frame_index: int, size: tuple[int, int]) -> bytes:
        """What is looked at now, as PNG, whatever was captured before.

        Args:
            size: what `look_at` returned. A picture of another size is still that of the view before.

        Raises:
            PageError, FrameTimeout, BrowserCrash: see `seek`.
        """
        deadline = time.monotonic() + self.tab.frame_timeout_s
        self._touched = True
        self._fresh = True
        if self._counted_at != self.tab.frame_count or not self.tab.begin_frame:
            self._frames_seen = int(self.tab.evaluate("__framepress.framesSeen()"))
        png = self._whole_picture(deadline, frame_index)
        while png_size(png) != size:
            self._past(deadline, frame_index)
            png = self._whole_picture(deadline, frame_index)
        self._loader.check()
        return png

    def _damage(self, deadline: float, frame_index: int) -> bool:
        """One BeginFrame; whether it changed anything that is seen, or may have."""
        damage = self.tab.request_frame()
        return self._await_frames(1, deadline, frame_index) or damage or self._anything_new()

    def _whole_picture(self, deadline: float, frame_index: int) -> bytes:
        png = self._picture(deadline, frame_index)
        if not self._anything_new():
            return png
        # The frame needs a font or an image that was not there when it began. That its last byte has come
        # does not say that it will be drawn: an SVG becomes a document first, and tells those who use it in a
        # later task. So the picture counts only when a further one, made after everything that was queued in
        # the page, is the same.
        while True:
            self._news_seen = self.requests.news
            while self.requests.in_flight:
                self.tab.pump_frame()
                self._past(deadline, frame_index)
            self._frames_seen = int(self.tab.evaluate(DRAINED_FRAMES))
            before, png = png, self._picture(deadline, frame_index)
            if png == before and not self._anything_new():
                return png
            self._past(deadline, frame_index)

    def _picture(self, deadline: float, frame_index: int) -> bytes:
        """A picture in which the page itself has taken part since its frames were last counted."""
        png = self.tab.screenshot(deadline, frame_index)
        while self._await_frames(1, deadline, frame_index):
            # It was drawn without the page, so it may be the one before.
            png = self.tab.screenshot(deadline, frame_index)
        return png

    def _anything_new(self) -> bool:
        """Whether the page has asked for or got anything since `_news_seen` that its picture may need."""
        return bool(self.requests.in_flight) or self.requests.news != self._news_seen

    def _await_frames(self, count: int, deadline: float, frame_index: int) -> bool:
        """Pump until the page itself has made `count` frames since `seek`; whether that took any pumping."""
        pumped = False
        while int(self.tab.evaluate("__framepress.framesSeen()")) < self._frames_seen + count:
            pumped = True
            self.tab.pump_frame()
            self._past(deadline, frame_index)
        return pumped

    def _past(self, deadline: float, frame_index: int) -> None:
        if time.monotonic() > deadline:
            waiting = ", ".join(sorted(set(self.requests.in_flight.values()))) or "the page"
            raise FrameTimeout(
                f"Frame {frame_index} was not ready within {self.tab.frame_timeout_s:g} s "
                f"(--frame-timeout): still waiting for {waiting}.",
                rule="frame-timeout",
            )


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height, from the header (PNG specification, 11.2.2)."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def _joined_states(states: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The last state of the layers; what has changed in any of them has changed, who knows where."""
    last = states[-1]
    if last is None:
        return None
    for state in states[:-1]:
        for now, before in zip(last["personal"], state["personal"] if state else (), strict=False):
            now["changed"] = now["changed"] or before["changed"]
            now["wipe"] = None
    return last
