"""Rows laid out in a frame of one page that stays, instead of a page each.

A navigation costs Chromium more than all that a row needs: two processes agree on a new frame host, a new
window, a new compositor, and every file passes our interception. A document that is written into an empty
frame costs none of that, and its style sheets, fonts and scripts are still in the memory of the renderer.
The frame has the size of the composition and the address of its page, and the same driver moves it.

Only what goes smoothly is laid out so. A row with any trouble, and one whose page is not as much on its own
in a frame as in a tab, is `NotFramed`: it has to be loaded by itself, which also tells what is wrong with it.
That frames show the same is not taken for granted; see `inspector`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any

from framepress import runtime
from framepress.clip import Clip
from framepress.errors import InputError, PageError
from framepress.page import Page, PageContent, PageInfo
from framepress.page_loading import LOADING_STEP_MS, QUIET_STEPS, timelines_may_come
from framepress.preflight.backdrop import Pixels
from framepress.preflight.facts import Box, Layout, read_layout
from framepress.preflight.first_script import FirstScript
from framepress.preflight.framing import may_ask, may_be_silent, silenced
from framepress.preflight.small_page import coarse_factor, picture_of
from framepress.rects import Rect
from framepress.renderer import Renderer
from framepress.tab import PUMP_AFTER_S, Tab
from framepress.variants import Variant

#: The page that stays. Its frame is what is seen.
HOST = (
    '<!doctype html><html><head><meta charset="utf-8"><style>html, body {{ margin: 0; overflow: hidden }} '
    "iframe {{ border: 0; display: block; width: {width}px; height: {height}px }}</style></head><body></body>"
    "</html>"
)

#: What is called in it.
ROWS = "__framepressRows"

#: Seconds after which a row that is not ready in its frame is loaded by itself.
READY_S = 10.0

#: Seconds for which a row's document is left to itself before it is helped along with frames, at first; half
#: as long after each row for which that was too short. Few documents need frames to be loaded, and a frame
#: costs a seventh of what the row does.
PATIENCE_S = 0.25


class NotFramed(Exception):
    """A row that has to be loaded by itself. The text says why; no value is in it."""


class FramedPage:
    """Opens rows in a frame and looks at them; see `RowView`.

    Args:
        frames: that will be looked at. They are looked at as soon as a row is opened: one answer costs less
            than several. fps: of the clip.

    Raises (every method):
        NotFramed: this row cannot be looked at so. The next can.
        EnvironmentFault, BrowserCrash, FrameTimeout: see `Page`; the browser is given up.
    """

    document = "frames[0].document"

    def __init__(self, renderer: Renderer, frames: tuple[int, ...], fps: Fraction) -> None:
        self._renderer = renderer
        #: Seconds and number of each frame.
        self._moments = [[float(frame / fps), frame] for frame in frames]
        #: The page whose document is the host; None: it has to be loaded.
        self._host: Page | None = None
        self._script = FirstScript("")
        self._silent = may_be_silent(renderer.composition)
        self._asks = may_ask(renderer.composition)
        self._sent = False
        #: What the host was loaded for.
        self._world: tuple[object, ...] = ()
        self._size = (0, 0)
        self._coarse = 1
        self._variant: Variant | None = None
        self.clip: Clip | None = None
        #: The frame at which the row is, and the one that was asked for last.
        self._at = self._asked = 0
        #: Where the row before ended, and what has been seen of this one already, per frame.
        self._end_s: float | None = None
        self._ahead: dict[int, dict[str, Any]] = {}
        self._patience_s = PATIENCE_S

    @property
    def tab(self) -> Tab:
        return self._renderer.warm.page().tab

    def leave(self) -> None:
        """Another document is going to be loaded into the page."""
        self._host = None

    def evaluate(self, call: str) -> Any:
        """See `RowView`."""
        with self._renderer.warm.guard_but(PageError) as page:
            return page.evaluate(f"frames[0].__framepress.{call}")

    def open(self, variant: Variant, size: tuple[int, int]) -> Clip:
        """See `RowView`."""
        with self._smooth() as page:
            return self._open(page, variant, size)

    def layouts(self, frames: tuple[int, ...], *, every_box: bool = False) -> Iterator[tuple[int, Layout]]:
        """See `RowView`."""
        for frame in frames:
            told = self._ahead.get(frame) if not every_box else None
            if told is None:
                with self._smooth() as page:
                    told = self._look(page, frame, every_box=every_box)
            self._asked = frame
            yield frame, read_layout(told, self._size, self._picture_size)

    def picture(self, box: Box | None, scale: float, *, behind: tuple[str, ...] = ()) -> tuple[Pixels, Rect]:
        """See `RowView`."""
        with self._smooth() as page:
            if self._at != self._asked:
                self._look(page, self._asked)
            if behind:
                page.evaluate(f"frames[0].__framepress.hideText({list(behind)!r})")
            taken = picture_of(page, box, scale, self._size, self._coarse, self._at)
            if behind:
                page.evaluate("frames[0].__framepress.hideText([])")
        return taken

    def _picture_size(self, url: str) -> tuple[int, int] | None:
        assert self._variant is not None
        return self._renderer.contents.picture_size(url, self._variant)

    # ---- inside ---------------------------------------------------------------------------------

    @contextmanager
    def _smooth(self) -> Iterator[Page]:
        """The page for some work on it; what the page does wrong is for a page of its own to tell."""
        try:
            with self._renderer.warm.guard_but(PageError, InputError, NotFramed) as page:
                yield page
        except (PageError, InputError) as error:
            # Its troubles are noted in the page; a new document forgets them.
            self._host = None
            raise NotFramed(error.rule) from error
        except NotFramed:
            self._host = None
            raise

    def _open(self, page: Page, variant: Variant, size: tuple[int, int]) -> Clip:
        self._variant, self._ahead = variant, {}
        document, content = self._renderer.contents.of(variant, picture=self._picture(size))
        if (document.width, document.height) != size or content.videos.videos:
            raise NotFramed("size")
        world = (size, content.locale, content.seed, content.epoch_ms)
        if page is not self._host or world != self._world:
            self._load_host(page, content)
            self._host, self._world, self._size = page, world, size
        page.requests.serve(content.site, "", content.remote)
        page.tab.values = content.values
        html = silenced(document, content.html) if self._silent else content.html
        self._get_ready(page, self._write(page, html))
        info = self._begin(page)
        self.clip = self._renderer.contents.clip_of(
            document, PageInfo(float(info["endS"]), int(info["media"]))
        )
        return self.clip

    def _write(self, page: Page, html: str) -> dict[str, Any]:
        """Write a document into a new frame; what its driver says then."""
        tab = page.tab
        # The driver's script is sent to a host once: it is ten times as long as most documents.
        at, script = self._script.place(html), None
        if not self._sent:
            self._sent, script = True, self._script.script
        given = (json.dumps(html), _units(html[:at]), json.dumps(script), LOADING_STEP_MS, QUIET_STEPS)
        # One after the other, as they are sent, and waited for together.
        room = tab.send_evaluate(f"{ROWS}.makeRoom()")
        held = tab.send_hold()
        written = tab.send_evaluate(f"{ROWS}.write({', '.join(map(str, given))})")
        tab.value(tab.wait(room))
        tab.wait(held)
        began = time.monotonic()
        told = _read(tab.value(tab.wait_pumping(written, self._patience_s)))
        if time.monotonic() - began > self._patience_s:
            self._patience_s = max(PUMP_AFTER_S, self._patience_s / 2)
        return told

    def _begin(self, page: Page) -> dict[str, Any]:
        """Begin the page, and look ahead as far as nothing has to be waited for; where it ends."""
        news = page.requests.news
        page.tab.keep_in_touch()
        call = page.tab.send_evaluate(f"{ROWS}.begin({self._moments}, {json.dumps(self._end_s)})")
        told = _read(page.tab.value(page.tab.wait_pumping(call)))
        info: dict[str, Any] = told["info"]
        self._end_s, self._ahead = info["endS"], {}
        for (_, frame), seen in zip(self._moments, told["looks"], strict=False):
            _check(page, seen["errors"])
            self._at = int(frame)
            if seen["stateful"]:
                raise NotFramed("stateful")
            if seen["facts"] is not None and news == page.requests.news:
                self._ahead[int(frame)] = seen["facts"]
        return info

    def _picture(self, size: tuple[int, int]) -> tuple[int, int]:
        self._coarse = coarse_factor(size)
        return size[0] // self._coarse, size[1] // self._coarse

    def _load_host(self, page: Page, content: PageContent) -> None:
        html = HOST.format(width=content.width, height=content.height)
        page.open(replace(content, html=html))
        page.become_host(told_of_requests=self._asks)
        page.evaluate(f"{runtime.text('rows_host.js')};null")
        self._sent = False
        self._script = FirstScript(
            runtime.script(runtime.FRAMED_FILES, epoch_ms=content.epoch_ms, seed=content.seed, framed=True)
        )

    def _get_ready(self, page: Page, status: dict[str, Any]) -> None:
        """As a page is got ready that is loaded, for as long as all goes well."""
        waited_ms, deadline, steps = 0.0, time.monotonic() + READY_S, QUIET_STEPS
        while True:
            waited_ms += status.get("done", 0) * LOADING_STEP_MS
            steps = QUIET_STEPS - round(waited_ms / LOADING_STEP_MS)
            if _is_quiet(page, status):
                if not timelines_may_come(status, waited_ms):
                    return
                # Somebody is at work who may register one.
                page.evaluate(f"frames[0].__framepress.runLoading({LOADING_STEP_MS!r})")
                waited_ms += LOADING_STEP_MS
            if time.monotonic() > deadline:
                raise NotFramed("not ready")
            page.tab.pump_frame()
            status = _read(page.evaluate(f"{ROWS}.ready({LOADING_STEP_MS!r}, {steps})"))

    def _look(self, page: Page, frame: int, *, every_box: bool = False) -> dict[str, Any]:
        """Go to a frame and say what is seen there."""
        assert self.clip is not None
        page.tab.keep_in_touch()
        deadline = time.monotonic() + READY_S
        time_s = float(frame / self.clip.fps)
        boxes = json.dumps(every_box)
        call = page.tab.send_evaluate(f"{ROWS}.look({time_s!r}, {frame}, {boxes})")
        told = _read(page.tab.value(page.tab.wait_pumping(call)))
        while told["facts"] is None or page.requests.in_flight:
            _check(page, told["errors"])
            page.tab.pump_frame()
            told = _read(page.evaluate(f"{ROWS}.lookAgain({boxes})"))
            if time.monotonic() > deadline:
                raise NotFramed("not at rest")
        self._at = frame
        _check(page, told["errors"])
        if told["stateful"]:
            raise NotFramed("stateful")
        facts: dict[str, Any] = told["facts"]
        return facts


def _read(told: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told) if told is not None else {}
    return found


def _units(text: str) -> int:
    """How long a text is for JavaScript."""
    return len(text.encode("utf-16-le")) // 2


def _is_quiet(page: Page, status: dict[str, Any]) -> bool:
    """Whether all that was asked for is there; nothing may have gone wrong by then."""
    if status:
        _check(page, status["errors"])
    return bool(status) and status["loaded"] and not status["pending"] and not page.requests.in_flight


def _check(page: Page, errors: Iterable[dict[str, Any]]) -> None:
    for error in errors:
        raise NotFramed(str(error["kind"]))
    page.check()
    if page.requests.workers:
        raise NotFramed("worker")
