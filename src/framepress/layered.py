"""The personal layer of an open page: where something personal is, captured only when it changes.

A seekable page is gone through twice. The first time nothing is captured: the page says where every personal
element paints at each frame and whether it may look different. The second time the parts are captured one
after the other, window by window, so that the view is moved seldom: after it was moved, Chromium may draw a
layer whose tiles are not there yet. So every move is followed by a change of what is shown, which makes
Chromium draw all of it anew, and the first picture is believed when the next one equals it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

from framepress.errors import BrowserCrash, PlanMisfit
from framepress.layer_groups import LayerState, Sources, groups, joined, root_rects, seen, windows
from framepress.looks import Cluster, overlapping, rect_in_picture
from framepress.page import Page
from framepress.rects import Rect
from framepress.views import views

#: Pictures of the first frame after the view was moved until two must have been equal.
SETTLE_TRIES = 20

#: Patches one on the other before the whole part is captured again; all of them stay in memory until then.
PATCHES_MAX = 120


@dataclass(frozen=True, eq=False, slots=True)
class OverlayPng:
    """Part of the personal layer, as captured. Two frames that show the same share one object.

    Attributes:
        rect: where it belongs, pixels of the picture.
        png: RGBA.
        onto: what this is a patch of: outside of `rect` the part looks as it did there; None: it is whole.
    """

    rect: Rect
    png: bytes
    onto: OverlayPng | None = None

    @property
    def depth(self) -> int:
        """How many it is on, one on the other."""
        count, at = 0, self.onto
        while at is not None:
            count, at = count + 1, at.onto
        return count


@dataclass(frozen=True, slots=True)
class LayerFrame:
    """The personal layer at a frame.

    Attributes:
        overlays: none overlaps another, patches with what they are on counted as one; empty: nothing personal
            is to be seen.
        captured: how many had to be captured for this frame.
        rest: how everything else looks, as one number.
    """

    index: int
    overlays: tuple[OverlayPng, ...]
    captured: int
    rest: int


class LayerMemory(Protocol):
    """Remembers what was captured of elements that looked the same."""

    def key(self, seen: Mapping[str, object], *, pictured: bool) -> str:
        """Names all elements that were seen like this. `pictured`: they show files."""

    def find(self, key: str) -> list[tuple[OverlayPng, ...]] | None:
        """The overlays of every frame of such elements; None: none was captured."""

    def keep(self, key: str, frames: Sequence[tuple[OverlayPng, ...]]) -> None:
        """Note them."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Personal elements that are captured together.

    Attributes:
        key: of what is captured of them; None: it is not kept.
        known: their overlays at every frame, if they were captured before.
        captured: the same as far as they are captured now, if there is a key; else they pass, and a long clip
            takes no more memory than a short one.
    """

    roots: tuple[int, ...]
    key: str | None
    known: list[tuple[OverlayPng, ...]] | None
    captured: list[tuple[OverlayPng, ...]] = field(default_factory=list)


class PersonalLayer:
    """The personal layer of the document that is open in `page`.

    Args:
        personal: places of the personal elements.
        scale: pixels of the picture per CSS pixel. size: of the picture.
        margin: CSS pixels that elements may paint beyond where the page says they do.
        patches: where only some of a part's elements change, capture no more than those.
        memory: what was captured before; None: everything is captured.
    """

    def __init__(
        self,
        page: Page,
        personal: Sequence[str],
        *,
        scale: float,
        size: tuple[int, int],
        margin: int = 0,
        patches: bool = True,
        memory: LayerMemory | None = None,
    ) -> None:
        self._page = page
        self._scale = scale
        self._size = size
        self._margin = margin
        self._patches = patches
        self._memory = memory
        self._personal = list(personal)
        self._overlays: dict[tuple[int, ...], OverlayPng] = {}
        self._last: LayerState | None = None
        self._sources: Sources | None = None
        page.evaluate(f"__framepress.setLayers({json.dumps(list(personal))})")

    def frames(
        self,
        indices: range,
        fps: Fraction,
        *,
        wanted: Container[int] | None = None,
        approve: Callable[[Sequence[Rect]], None] | None = None,
    ) -> Iterator[LayerFrame]:
        """The layer of a seekable page at consecutive frames, the first being 0.

        Args:
            wanted: only these are captured and given, each by itself: `captured` says nothing then.
            approve: is told, before anything is captured, what is going to be; may raise.

        Raises:
            PlanMisfit: the page turned out to be stateful. Others: see `Page`, and what `approve` raises.
        """
        states = self._watch(indices, fps)
        if wanted is not None:
            everything = (True,) * len(self._personal)
            states = [replace(state, changed=everything) for state in states if state.index in wanted]
        memory = self._memory
        found = [self._group(roots, states, fps) for roots in groups(states)]
        if approve is not None:
            approve(list(self._views_of_all(states)))
        missing = [group for group in found if group.known is None]
        for window in windows(states):
            fresh, counts = self._window(window, missing, fps)
            self._last = window[-1]
            first = window[0].index - states[0].index
            shown = [
                fresh[group.roots] if group.known is None else group.known[first : first + len(window)]
                for group in found
            ]
            for at, (state, count) in enumerate(zip(window, counts, strict=True)):
                overlays = tuple(overlay for group in shown for overlay in group[at])
                yield LayerFrame(state.index, overlays, count, state.rest)
        for group in missing:
            if memory is not None and group.key is not None:
                memory.keep(group.key, group.captured)

    def _group(self, roots: tuple[int, ...], states: Sequence[LayerState], fps: Fraction) -> _Group:
        memory, sources = self._memory, self._sources
        if memory is None or sources is None:
            return _Group(roots, None, None)
        view = [*self._size, repr(self._scale), self._margin, self._patches]
        facts, pictured = seen(roots, states, sources, self._personal, view, fps)
        key = memory.key(facts, pictured=pictured)
        known = memory.find(key)
        return _Group(roots, key, known if known is not None and len(known) == len(states) else None)

    # ---- first: what there is -------------------------------------------------------------------

    def _watch(self, indices: range, fps: Fraction) -> list[LayerState]:
        self._page.evaluate('__framepress.showLayer("personal", true)')
        if not self._page.stateful:
            # An animation library may leave another style at a frame that it has come back to ("none" becomes
            # an identity matrix), so every page has been at the end, whatever it was looked at for before.
            self._page.seek(indices[-1], fps)
        states = []
        for index in indices:
            self._page.seek(index, fps)
            states.append(self._state(index))
            if index == indices[0] and self._memory is not None:
                self._sources = Sources.read(self._page.evaluate("__framepress.layerSources()"))
        if self._page.stateful:
            raise PlanMisfit(
                f"The page cannot be entered in the middle: {', '.join(self._page.stateful)}.",
                rule="stateful",
            )
        return states

    def _state(self, index: int) -> LayerState:
        state = self._page.layer_state
        assert state is not None
        personal: list[dict[str, Any]] = state["personal"]
        return LayerState(
            index,
            tuple(self._rect(root["ink"]) for root in personal),
            tuple(bool(root["changed"]) for root in personal),
            tuple(self._rect(root["wipe"]) for root in personal),
            tuple(int(root["look"]) for root in personal),
            tuple(int(root["path"]) for root in personal),
            tuple(int(root["marks"]) for root in personal),
            int(state["rest"]),
        )

    def _rect(self, ink: Sequence[float] | None) -> Rect | None:
        if ink is None:
            return None
        left, top, right, bottom = ink
        # What antialiasing reaches is counted in pixels of the page; it is one of the picture's at least.
        margin = self._margin + max(0.0, 1 / self._scale - 1)
        edges = (left - margin, top - margin, right + margin, bottom + margin)
        return rect_in_picture(edges, self._scale, *self._size)

    # ---- then: how it looks ---------------------------------------------------------------------

    def _window(
        self, states: Sequence[LayerState], missing: Sequence[_Group], fps: Fraction
    ) -> tuple[dict[tuple[int, ...], list[tuple[OverlayPng, ...]]], list[int]]:
        """Capture groups: the overlays of each at every frame, and how many parts were captured for it."""
        wanted = {root: group.roots for group in missing for root in group.roots}
        parts = overlapping(
            [rect if root in wanted else None for root, rect in enumerate(root_rects(states))]
        )
        kept = {part.roots: self._overlays[part.roots] for part in parts if part.roots in self._overlays}
        self._overlays = kept
        shown: dict[tuple[int, ...], list[list[OverlayPng]]] = {
            group.roots: [[] for _ in states] for group in missing
        }
        counts = [0] * len(states)
        for part in parts:
            frames = shown[wanted[part.roots[0]]]
            for at, overlay, is_new in self._part(part, states, fps):
                frames[at].append(overlay)
                counts[at] += is_new
        fresh = {roots: [tuple(overlays) for overlays in frames] for roots, frames in shown.items()}
        for group in missing:
            if group.key is not None:
                group.captured.extend(fresh[group.roots])
        return fresh, counts

    def _part(
        self, part: Cluster, states: Sequence[LayerState], fps: Fraction
    ) -> Iterator[tuple[int, OverlayPng, bool]]:
        """The overlays of one part in a window: position in `states`, overlay, whether it is new."""
        # Where the view is, and the size of what it gives.
        looked_at: Rect | None = None
        view = (0, 0)
        overlay = self._overlays.get(part.roots)
        for at, rect in enumerate(self._views(part, states, self._last, overlay is not None)):
            if all(states[at].rects[root] is None for root in part.roots):
                # Hidden; what was shown before is not what will be shown after.
                overlay = None
                continue
            if rect is not None:
                index = states[at].index
                deep = overlay is None or rect == part.rect or overlay.depth >= PATCHES_MAX
                onto, wanted = (None, part.rect) if deep else (overlay, rect)
                if wanted != looked_at:
                    view, looked_at = self._move_view(wanted, index, fps), wanted
                    png = picture_that_stays(self._page, index, view)
                else:
                    self._page.seek(index, fps)
                    png = self._page.picture(index, view)
                overlay = OverlayPng(wanted, png, onto)
            assert overlay is not None
            yield at, overlay, rect is not None
        if overlay is not None:
            self._overlays[part.roots] = overlay
        else:
            self._overlays.pop(part.roots, None)

    def _views_of_all(self, states: Sequence[LayerState]) -> Iterator[Rect]:
        """Everything that is to be captured if nothing is known."""
        known: set[tuple[int, ...]] = set()
        before: LayerState | None = None
        for window in windows(states):
            last = window[-1]
            parts = overlapping(root_rects(window))
            for part in parts:
                found = self._views(part, window, before, part.roots in known)
                yield from (rect for rect in found if rect is not None)
            known = {part.roots for part in parts if any(last.rects[root] for root in part.roots)}
            before = last

    def _views(
        self, part: Cluster, states: Sequence[LayerState], before: LayerState | None, known: bool
    ) -> list[Rect | None]:
        """What to capture of a part at each frame of a window; None: it looks as before.

        Args:
            before: the last state of the window before. known: there is an overlay from that.
        """
        shown = [[state.rects[root] is not None for root in part.roots] for state in states]
        # Something that comes and goes leaves no rectangle behind that says where it was.
        steady = self._patches and all(all(roots) for roots in shown)
        needs: list[Rect | None] = []
        for state, roots in zip(states, shown, strict=True):
            gone = not any(roots)
            changed = [root for root in part.roots if state.changed[root]]
            need: Rect | None = None
            if not gone and not known:
                need = part.rect
            elif not gone and changed:
                need = part.rect
                if steady and before is not None:
                    need = joined(rect for root in changed for rect in _changed_in(root, before, state))
            needs.append(need)
            known = not gone
            before = state
        return views(needs, part.rect)

    def _move_view(self, rect: Rect, index: int, fps: Fraction) -> tuple[int, int]:
        page = self._page
        page.evaluate('__framepress.showLayer("rest")')
        view = page.look_at(rect, transparent=True)
        page.tab.pump_frame()
        page.evaluate('__framepress.showLayer("personal")')
        page.seek(index, fps)
        return view


def _changed_in(root: int, before: LayerState, state: LayerState) -> Iterable[Rect | None]:
    wipe = state.wipes[root]
    return (before.rects[root], state.rects[root]) if wipe is None else (wipe,)


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
