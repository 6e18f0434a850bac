"""The personal layer of an open page: where something personal is, captured only when it changes.

A seekable page is gone through twice. The first time nothing is captured: the page says where every personal
element paints at each frame and whether it may look different. The second time the parts are captured one
after the other, window by window, so that the view is moved seldom: after it was moved, Chromium may draw a
layer whose tiles are not there yet. So every move is followed by a change of what is shown, which makes
Chromium draw all of it anew, and the first picture is believed when the next one equals it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from framepress.errors import BrowserCrash, PlanMisfit
from framepress.looks import Cluster, overlapping, rect_in_picture
from framepress.page import Page
from framepress.rects import Rect

#: Frames per window. Shorter ones fit what moves more tightly; each costs some five frames per part that
#: changes.
WINDOW_FRAMES = 30

#: Pictures of the first frame after the view was moved until two must have been equal.
SETTLE_TRIES = 20


@dataclass(frozen=True, eq=False, slots=True)
class OverlayPng:
    """Part of the personal layer, as captured. Two frames that show the same share one object.

    Attributes:
        rect: where it belongs, pixels of the picture.
        png: RGBA.
    """

    rect: Rect
    png: bytes


@dataclass(frozen=True, slots=True)
class LayerFrame:
    """The personal layer at a frame.

    Attributes:
        overlays: none overlaps another; empty: nothing personal is to be seen.
        captured: how many had to be captured for this frame.
        rest: how everything else looks, as one number.
    """

    index: int
    overlays: tuple[OverlayPng, ...]
    captured: int
    rest: int


@dataclass(frozen=True, slots=True)
class _State:
    """What the page said of a frame: per personal element, where it paints and whether it may have
    changed.
    """

    index: int
    rects: tuple[Rect | None, ...]
    changed: tuple[bool, ...]
    rest: int


class PersonalLayer:
    """The personal layer of the document that is open in `page`.

    Args:
        personal: places of the personal elements.
        scale: pixels of the picture per CSS pixel. size: of the picture.
        margin: CSS pixels that elements may paint beyond where the page says they do.
    """

    def __init__(
        self, page: Page, personal: Sequence[str], *, scale: float, size: tuple[int, int], margin: int = 0
    ) -> None:
        self._page = page
        self._scale = scale
        self._size = size
        self._margin = margin
        self._overlays: dict[tuple[int, ...], OverlayPng] = {}
        page.evaluate(f"__framepress.setLayers({json.dumps(list(personal))})")

    def frames(self, indices: range, fps: Fraction) -> Iterator[LayerFrame]:
        """The layer of a seekable page at consecutive frames, the first being 0.

        Raises:
            PlanMisfit: the page turned out to be stateful. Others: see `Page`.
        """
        states = self._watch(indices, fps)
        for start in range(0, len(states), WINDOW_FRAMES):
            yield from self._window(states[start : start + WINDOW_FRAMES], fps)

    # ---- first: what there is -------------------------------------------------------------------

    def _watch(self, indices: range, fps: Fraction) -> list[_State]:
        self._page.evaluate('__framepress.showLayer("personal", true)')
        states = []
        for index in indices:
            self._page.seek(index, fps)
            states.append(self._state(index))
        if self._page.stateful:
            raise PlanMisfit(
                f"The page cannot be entered in the middle: {', '.join(self._page.stateful)}.",
                rule="stateful",
            )
        return states

    def _state(self, index: int) -> _State:
        state = self._page.layer_state
        assert state is not None
        personal: list[dict[str, Any]] = state["personal"]
        return _State(
            index,
            tuple(self._rect(root["ink"]) for root in personal),
            tuple(bool(root["changed"]) for root in personal),
            int(state["rest"]),
        )

    def _rect(self, ink: Sequence[float] | None) -> Rect | None:
        if ink is None:
            return None
        left, top, right, bottom = ink
        edges = (left - self._margin, top - self._margin, right + self._margin, bottom + self._margin)
        return rect_in_picture(edges, self._scale, *self._size)

    # ---- then: how it looks ---------------------------------------------------------------------

    def _window(self, states: Sequence[_State], fps: Fraction) -> Iterator[LayerFrame]:
        parts = overlapping(
            [_joined(state.rects[root] for state in states) for root in range(len(states[0].rects))]
        )
        kept = {part.roots: self._overlays[part.roots] for part in parts if part.roots in self._overlays}
        self._overlays = kept
        shown: list[list[OverlayPng]] = [[] for _ in states]
        captured = [0] * len(states)
        for part in parts:
            for at, overlay, fresh in self._part(part, states, fps):
                shown[at].append(overlay)
                captured[at] += fresh
        for state, overlays, count in zip(states, shown, captured, strict=True):
            yield LayerFrame(state.index, tuple(overlays), count, state.rest)

    def _part(
        self, part: Cluster, states: Sequence[_State], fps: Fraction
    ) -> Iterator[tuple[int, OverlayPng, bool]]:
        """The overlays of one part in a window: position in `states`, overlay, whether it is new."""
        view: tuple[int, int] | None = None
        overlay = self._overlays.get(part.roots)
        for at, state in enumerate(states):
            changed = any(state.changed[root] for root in part.roots)
            if all(state.rects[root] is None for root in part.roots):
                # Hidden; what was shown before is not what will be shown after.
                overlay = None
                continue
            fresh = overlay is None or changed
            if fresh:
                if view is None:
                    view = self._move_view(part.rect, state.index, fps)
                    overlay = OverlayPng(part.rect, picture_that_stays(self._page, state.index, view))
                else:
                    self._page.seek(state.index, fps)
                    overlay = OverlayPng(part.rect, self._page.picture(state.index, view))
            assert overlay is not None
            yield at, overlay, fresh
        if overlay is not None:
            self._overlays[part.roots] = overlay
        else:
            self._overlays.pop(part.roots, None)

    def _move_view(self, rect: Rect, index: int, fps: Fraction) -> tuple[int, int]:
        page = self._page
        page.evaluate('__framepress.showLayer("rest")')
        view = page.look_at(rect, transparent=True)
        page.tab.pump_frame()
        page.evaluate('__framepress.showLayer("personal")')
        page.seek(index, fps)
        return view


def picture_that_stays(page: Page, index: int, view: tuple[int, int]) -> bytes:
    """The first picture after the view was moved: one that equals the next.

    Raises:
        BrowserCrash: no two were equal. Others: see `Page.picture`.
    """
    before = page.picture(index, view)
    for _ in range(SETTLE_TRIES):
        now = page.picture(index, view)
        if now == before:
            return now
        before = now
    raise BrowserCrash(f"Chromium drew frame {index} differently each time.", rule="restless-picture")


def _joined(rects: Iterable[Rect | None]) -> Rect | None:
    joined: Rect | None = None
    for rect in rects:
        if rect is not None:
            joined = rect if joined is None else joined.joined(rect)
    return joined
