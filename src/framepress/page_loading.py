"""A document on its way into a tab: the one before it leaves, it is served, helped along, found ready."""

from __future__ import annotations

import re
import time
from typing import Any

from framepress import runtime
from framepress.errors import PageError
from framepress.page_content import PageContent, PageInfo, emulation, metrics
from framepress.page_requests import PageRequests
from framepress.page_troubles import Trouble, raise_troubles
from framepress.rects import Rect
from framepress.site import Site
from framepress.tab import PUMP_AFTER_S, Tab

#: Milliseconds of page time per step while a page that is not ready by itself is helped along.
LOADING_STEP_MS = 1000 / 60

#: Seconds of page time that registered timelines may take to appear (as in the HyperFrames runtime).
TIMELINES_WAIT_S = 5.0

#: Steps of loading time after which a page without pending callbacks is not waited for any longer.
QUIET_STEPS = 5


class PageLoader:
    """Loads one document after the other into a tab, and collects what goes wrong in each.

    Attributes:
        requests: everything the document asks for.
    """

    def __init__(self, tab: Tab, *, ready_timeout_s: float) -> None:
        self._tab = tab
        self._ready_timeout_s = ready_timeout_s
        self._config: tuple[Any, ...] | None = None
        self._script_id: str | None = None
        self._content: PageContent | None = None
        self._whole_view = True
        self._transparent = False
        self._loader_id = ""
        self._is_host = False
        #: Documents that the main frame went to, by Chromium's loader id.
        self._loaders: dict[str, str] = {}
        self._troubles: list[Trouble] = []
        self.requests = PageRequests(tab.connection, tab.session, self._troubles)
        tab.on_refused = self._refused
        tab.connection.on("Page.frameNavigated", self._frame_navigated, session=tab.session)
        self.requests.enable()

    def load(self, content: PageContent) -> PageInfo:
        """Load a document and get it ready; the clock stands at 0 afterwards.

        Raises:
            PageError: a script threw, a file is missing, or it never got ready.
        """
        if self._is_host:
            self._is_host = False
            self.requests.listen(True)
            self._tab.call("Animation.enable")
            self._tab.wait(self._tab.send_hold())
        self._leave(content.site.origin)
        self._content = content
        self._tab.values = content.values
        self._troubles.clear()
        self._configure(content)
        self.requests.serve(content.site, content.html, content.remote, content.videos, content.moving)
        deadline = time.monotonic() + self._ready_timeout_s
        self._navigate(content.site)
        self._get_ready(deadline)
        info = self._tab.evaluate("__framepress.begin()")
        self.check()
        return PageInfo(end_s=float(info["endS"]), media_count=int(info["media"]))

    def note(self, errors: list[dict[str, Any]]) -> None:
        """Take in what the driver has collected."""
        for error in errors:
            trouble = Trouble(
                error["kind"], error["message"], error["url"] or "", error["line"] or 0, error["column"] or 0
            )
            if trouble not in self._troubles:
                self._troubles.append(trouble)

    def check(self) -> None:
        """Raise `PageError` if anything has gone wrong in the document so far."""
        assert self._content is not None
        for loader_id in self._loaders:
            if loader_id != self._loader_id:
                self._troubles.append(Trouble("navigation", "", "", 0, 0))
        raise_troubles(self._troubles, self._content.site, self._content.values)

    def look_at(self, part: Rect | None, *, scale: float = 1.0, transparent: bool = False) -> tuple[int, int]:
        """What the next pictures show; the page itself notices nothing of it.

        Args:
            part: in pixels of the picture; None: all of it.
            scale: of the pictures, on top of that of the output.
            transparent: where nothing is painted, pictures are transparent instead of white.

        Returns:
            Width and height of the pictures in pixels.
        """
        content, tab = self._content, self._tab
        assert content is not None
        shown = part or Rect(0, 0, *content.output_size)
        size = (round(shown.width * scale), round(shown.height * scale))
        calls = [
            tab.send("Emulation.setDeviceMetricsOverride", metrics(content, shown, scale)),
            tab.send("Emulation.setVisibleSize", {"width": size[0], "height": size[1]}),
        ]
        if transparent != self._transparent:
            colour = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}} if transparent else {}
            calls.append(tab.send("Emulation.setDefaultBackgroundColorOverride", colour))
        for message_id in calls:
            tab.wait(message_id)
        self._transparent = transparent
        self._whole_view = part is None and scale == 1.0
        return size

    def become_host(self, *, told_of_requests: bool) -> None:
        """Until the next `load`, frames that come into the page get no driver, and move by Chromium's clock
        until `Tab.send_hold`.

        Args:
            told_of_requests: see `PageRequests.listen`.

        Else Chromium would tell of every animation that begins, is held and goes with its frame: a hundred
        messages for a row of a card with 26 of them, a tenth of its processor time.
        """
        assert self._script_id is not None
        self._tab.call("Page.removeScriptToEvaluateOnNewDocument", {"identifier": self._script_id})
        self._tab.call("Animation.disable")
        self.requests.listen(told_of_requests)
        self._script_id = self._config = None
        self._is_host = True

    # ---- steps ----------------------------------------------------------------------------------

    def _leave(self, origin: str) -> None:
        """Let the document before this one end, and forget all that it has stored."""
        # Cleared only after it has gone: its last handlers (`pagehide`) may still store something, and rows
        # share an origin.
        tab, deadline = self._tab, time.monotonic() + self._tab.frame_timeout_s
        tab.tell("Page.resetNavigationHistory")
        empty = tab.wait_pumping(tab.send("Page.navigate", {"url": "about:blank"}))
        while empty.get("loaderId") not in self._loaders:
            tab.connection.pump(PUMP_AFTER_S)
            if time.monotonic() > deadline:
                raise tab.restless()
        everything = {"origin": origin, "storageTypes": "all"}
        forgotten = (
            tab.send("Storage.clearDataForOrigin", everything),
            tab.send("Network.clearBrowserCookies"),
        )
        for message_id in forgotten:
            tab.wait(message_id)
        self._loaders.clear()

    def _configure(self, content: PageContent) -> None:
        config = (
            content.width, content.height, content.output_size, content.epoch_ms, content.seed,
            content.locale, content.timezone,
        )  # fmt: skip
        tab = self._tab
        if not self._whole_view or self._transparent:
            self.look_at(None)
        if config == self._config:
            return
        for method, params in emulation(content):
            tab.call(method, params)
        if self._script_id is not None:
            tab.call("Page.removeScriptToEvaluateOnNewDocument", {"identifier": self._script_id})
        script = runtime.script(runtime.PAGE_FILES, epoch_ms=content.epoch_ms, seed=content.seed)
        added = tab.call("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        self._script_id = added["identifier"]
        self.requests.worker_script = runtime.script(
            runtime.WORKER_FILES, epoch_ms=content.epoch_ms, seed=content.seed
        )
        self._config = config

    def _navigate(self, site: Site) -> None:
        self.requests.navigating = True
        result = self._tab.wait_pumping(self._tab.send("Page.navigate", {"url": site.url}))
        if result.get("errorText"):
            raise PageError(f"The page did not load: {result['errorText']}.", rule="page-not-loaded")
        self.requests.navigating = False
        self._loader_id = result.get("loaderId", "")

    def _get_ready(self, deadline: float) -> None:
        waited_ms = 0.0
        while True:
            self._tab.pump_frame()
            status = self._tab.evaluate("globalThis.__framepress ? __framepress.status() : null")
            if status is not None:
                self.note(status["errors"])
                self.check()
                quiet = status["loaded"] and not status["pending"] and not self.requests.in_flight
                if quiet and not timelines_may_come(status, waited_ms):
                    return
                if quiet:
                    self._tab.evaluate(f"__framepress.runLoading({LOADING_STEP_MS!r})")
                    waited_ms += LOADING_STEP_MS
            if time.monotonic() > deadline:
                raise PageError(self._not_ready(status), rule="page-not-ready")

    def _not_ready(self, status: dict[str, Any] | None) -> str:
        what = "its document did not load"
        if status is not None:
            waiting = sorted({*status["pending"], *self.requests.in_flight.values()})
            what = f"still waiting for {', '.join(waiting)}" if waiting else "its load event never came"
        return f"The page was not ready after {self._ready_timeout_s:g} s: {what}."

    def _frame_navigated(self, event: dict[str, Any]) -> None:
        frame = event["frame"]
        if "parentId" not in frame:
            self._loaders[frame["loaderId"]] = frame.get("url", "")

    def _refused(self, message: str) -> None:
        """Raise what the page did if a refusal means that its document is no longer there."""
        if self._content is not None and re.search("navigated|context", message):
            # The news of where to is still under way.
            self._troubles.append(Trouble("navigation", "", "", 0, 0))
            self.check()


def timelines_may_come(status: dict[str, Any], waited_ms: float) -> bool:
    """Whether a page that lacks a registered timeline may still register it, or a library gets ready."""
    if status["settling"]:
        return waited_ms < TIMELINES_WAIT_S * 1000
    if not status["missingTimelines"] or waited_ms >= TIMELINES_WAIT_S * 1000:
        return False
    # With no timer and no animation frame pending there is nobody left to do it; a few steps let what was
    # queued otherwise (messages, promises) have its turn.
    return bool(status["callbacks"]) or waited_ms < QUIET_STEPS * LOADING_STEP_MS
