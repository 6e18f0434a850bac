"""The personal layer of an open page: where something personal is, captured only when it changes.

A seekable page is gone through twice. The first time nothing is captured: the page says where every personal
element paints at each frame and whether it may look different. The second time the parts are captured one
after the other, window by window, so that the view is moved seldom (`layer_camera`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

from framepress.errors import PlanMisfit
from framepress.layer_camera import Camera
from framepress.layer_groups import LayerState, Sources, seen
from framepress.layer_parts import Part, Window, groups_of, plan_windows
from framepress.looks import rect_in_picture
from framepress.page import Page
from framepress.pictures import PictureReader
from framepress.rects import Rect
from framepress.stills import Shift, Still, holds

#: Patches one on the other before the whole part is captured again; all of them stay in memory until then.
PATCHES_MAX = 120


@dataclass(frozen=True, eq=False, slots=True)
class OverlayPng:
    """Part of the personal layer, as captured. Two frames that show the same share one object.

    Attributes:
        rect: where it belongs, pixels of the picture.
        png: RGBA.
        onto: what this is a patch of: outside of `rect` the part looks as it did there; None: it is whole.
        shift: what makes it of `png`, which is another frame's then; None: it looks so.
    """

    rect: Rect
    png: bytes
    onto: OverlayPng | None = None
    shift: Shift | None = None

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
        overlays: none paints where another does, patches with what they are on counted as one; empty: nothing
            personal is to be seen.
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
        self._reader = PictureReader(*size)
        self._margin = margin
        # At another scale edges lie between pixels, and how Chromium draws them depends on where the view
        # cuts an element. So it never does.
        self._patches = patches and scale.is_integer()
        self._memory = memory
        self._personal = list(personal)
        self._overlays: dict[tuple[int, ...], OverlayPng] = {}
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
        planned = plan_windows(states, self._scale, patches=self._patches)
        if approve is not None:
            approve([rect for window in planned for part in window.parts for rect in part.captures])
        found = [self._group(roots, states, fps) for roots in groups_of(planned)]
        missing = [group for group in found if group.known is None]
        first = 0
        for window in planned:
            fresh, counts = self._window(window, missing, fps)
            stop = first + len(window.states)
            shown = [
                fresh[group.roots] if group.known is None else group.known[first:stop] for group in found
            ]
            first = stop
            for at, (state, count) in enumerate(zip(window.states, counts, strict=True)):
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
            tuple(Still.read(root["still"]) for root in personal),
            tuple(int(root["look"]) for root in personal),
            tuple(int(root["path"]) for root in personal),
            tuple(int(root["marks"]) for root in personal),
            tuple(bool(root["tossed"]) for root in personal),
            int(state["rest"]),
        )

    def _rect(self, ink: Sequence[float] | None) -> Rect | None:
        if ink is None:
            return None
        left, top, right, bottom = ink
        # What antialiasing reaches is counted in pixels of the page; it is one of the picture's at least, and
        # one more where Chromium draws a layer between pixels.
        between = 0 if self._scale.is_integer() else 1 / self._scale
        margin = self._margin + max(0.0, 1 / self._scale - 1) + between
        edges = (left - margin, top - margin, right + margin, bottom + margin)
        return rect_in_picture(edges, self._scale, *self._size)

    # ---- then: how it looks ---------------------------------------------------------------------

    def _window(
        self, window: Window, missing: Sequence[_Group], fps: Fraction
    ) -> tuple[dict[tuple[int, ...], list[tuple[OverlayPng, ...]]], list[int]]:
        """Capture groups: the overlays of each at every frame, and how many parts were captured for it."""
        wanted = {root: group.roots for group in missing for root in group.roots}
        parts = [part for part in window.parts if part.roots[0] in wanted]
        kept = {part.roots: self._overlays[part.roots] for part in parts if part.roots in self._overlays}
        self._overlays = kept
        shown: dict[tuple[int, ...], list[list[OverlayPng]]] = {
            group.roots: [[] for _ in window.states] for group in missing
        }
        counts = [0] * len(window.states)
        for part in parts:
            frames = shown[wanted[part.roots[0]]]
            for at, overlay, is_new in self._part(part, window.states, fps):
                frames[at].append(overlay)
                counts[at] += is_new
        fresh = {roots: [tuple(overlays) for overlays in frames] for roots, frames in shown.items()}
        for group in missing:
            if group.key is not None:
                group.captured.extend(fresh[group.roots])
        return fresh, counts

    def _part(
        self, part: Part, states: Sequence[LayerState], fps: Fraction
    ) -> Iterator[tuple[int, OverlayPng, bool]]:
        """The overlays of one part in a window: position in `states`, overlay, whether it is new."""
        camera = Camera(self._page, part.roots, fps, self._reader)
        stills = self._stills(part, states, camera)
        overlay = self._overlays.get(part.roots)
        for at, rect in enumerate(part.views):
            if all(states[at].rects[root] is None for root in part.roots):
                # Hidden; what was shown before is not what will be shown after.
                overlay = None
                continue
            if at in stills:
                overlay = stills[at]
            elif rect is not None:
                deep = overlay is None or rect == part.rect or overlay.depth >= PATCHES_MAX
                onto, wanted = (None, part.rect) if deep else (overlay, rect)
                overlay = OverlayPng(wanted, camera.take(wanted, states[at]), onto)
            assert overlay is not None
            yield at, overlay, rect is not None and overlay.shift is None
        if overlay is not None:
            self._overlays[part.roots] = overlay
        else:
            self._overlays.pop(part.roots, None)

    def _stills(self, part: Part, states: Sequence[LayerState], camera: Camera) -> dict[int, OverlayPng]:
        """Overlays that others are made of, and those that are made."""
        found: dict[int, OverlayPng] = {}
        for run in part.runs:
            # What is about to move Chromium may draw by what it drew of it first, so it is taken as it comes.
            taken = {at: camera.take(part.rect, states[at]) for at in sorted((run.of, *run.probes))}
            of = taken[run.of]
            if not holds(self._reader, of, [(taken[at], shift) for at, shift in run.probes.items()]):
                camera.forget()
                continue
            found |= {at: OverlayPng(part.rect, png) for at, png in taken.items()}
            found |= {at: OverlayPng(part.rect, of, None, shift) for at, shift in run.made.items()}
        return found
