"""The personal layer of an open page: where something personal is, captured only when it changes.

A seekable page is gone through twice. The first time nothing is captured: the page says where every personal
element paints at each frame and whether it may look different. The second time the parts are captured one
after the other, window by window, so that the view is moved seldom (`layer_camera`, `layer_captures`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

from framepress.errors import PlanMisfit
from framepress.layer_captures import Captures, OverlayPng
from framepress.layer_groups import LayerState, Sources, seen
from framepress.layer_moments import Moments, RowMoments
from framepress.layer_parts import Window, groups_of, plan_windows
from framepress.layer_shots import Shot, groups_in, joinable_roots, shots_of
from framepress.looks import rect_in_picture
from framepress.page import Page, WalkStopped
from framepress.pictures import PictureReader
from framepress.rects import Rect
from framepress.stills import Still


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
    """Remembers what was captured of elements that looked the same.

    Attributes:
        moments: and of such as did at one moment; None: that is not remembered.
    """

    @property
    def moments(self) -> Moments | None: ...

    def key(self, seen: Mapping[str, object], *, pictured: bool) -> str:
        """Names all elements that were seen like this. `pictured`: they show files."""

    def again(self, key: str) -> bool:
        """Whether such elements were asked for before, so that they are worth capturing by themselves."""

    def find(self, key: str) -> list[tuple[OverlayPng, ...]] | None:
        """The overlays of every frame of such elements; None: none was captured."""

    def keep(self, key: str, frames: Sequence[tuple[OverlayPng, ...]]) -> None:
        """Note them."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Personal elements that are captured together.

    Attributes:
        key: of what is captured of them; None: it is not kept.
        again: others looked like them before.
        known: their overlays at every frame, if they were captured before.
        captured: the same as far as they are captured now, if there is a key; else they pass, and a long clip
            takes no more memory than a short one.
    """

    roots: tuple[int, ...]
    key: str | None
    again: bool
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
        self._sources: Sources | None = None
        page.evaluate(f"__framepress.setLayers({json.dumps(list(personal))})")

    def frames(
        self,
        indices: range,
        fps: Fraction,
        *,
        wanted: Container[int] | None = None,
        approve: Callable[[Sequence[Rect]], None] | None = None,
        watched: Callable[[Sequence[LayerState]], None] | None = None,
    ) -> Iterator[LayerFrame]:
        """The layer of a seekable page at consecutive frames, the first being 0.

        Args:
            wanted: only these are captured and given, each by itself: `captured` says nothing then.
            approve: is told, before anything is captured, what is going to be; may raise.
            watched: is told before that how the layer is at each frame; may raise, move the page, and show
                other layers.

        Raises:
            PlanMisfit: the page turned out to be stateful. Others: see `Page`, and what `approve` and
                `watched` raise.
        """
        states = self._watch(indices, fps)
        if watched is not None:
            watched(states)
        if wanted is not None:
            everything = (True,) * len(self._personal)
            states = [replace(state, changed=everything) for state in states if state.index in wanted]
        planned = plan_windows(states, self._scale, patches=self._patches)
        moments = self._moments() if wanted is None else None
        if moments is not None:
            planned = [
                replace(window, parts=[moments.with_known(part, window.states) for part in window.parts])
                for window in planned
            ]
        lengths = [len(window.states) for window in planned]
        found = [self._group(roots, states, fps, lengths) for roots in groups_of(planned)]
        shots = shots_of(planned, self._joinable(found, states))
        if approve is not None:
            approve([rect for window in shots for shot in window for rect in shot.captures])
        known = {group.roots: group for group in found}
        found = [known.get(roots) or self._group(roots, states, fps, lengths) for roots in groups_in(shots)]
        missing = [group for group in found if group.known is None]
        captures = Captures(self._page, fps, self._reader, moments)
        first = 0
        for window, taken in zip(planned, shots, strict=True):
            frames = _window(window, taken, missing, captures)
            for at, (state, (fresh, count)) in enumerate(zip(window.states, frames, strict=True), first):
                shown = [fresh[group.roots] if group.known is None else group.known[at] for group in found]
                overlays = tuple(overlay for group in shown for overlay in group)
                yield LayerFrame(state.index, overlays, count, state.rest)
            first += len(window.states)
        captures.close()
        for group in missing:
            if self._memory is not None and group.key is not None:
                self._memory.keep(group.key, group.captured)

    def _moments(self) -> RowMoments | None:
        """What is remembered of this page's elements at one moment or another; None: nothing."""
        memory, sources = self._memory, self._sources
        if memory is None or memory.moments is None or sources is None or not self._patches:
            return None
        view = [*self._size, repr(self._scale), self._margin]
        base = memory.key({"moments": view, "common": sources.common}, pictured=False)
        return RowMoments(memory.moments, base, self._personal, sources.alone)

    def _joinable(self, found: Sequence[_Group], states: Sequence[LayerState]) -> set[int]:
        """Elements that may be captured together with others; what others show alike is kept by itself."""
        if not self._patches:
            return set()
        roots = {root for group in found if group.known is None and not group.again for root in group.roots}
        return joinable_roots(states, roots)

    def _group(
        self, roots: tuple[int, ...], states: Sequence[LayerState], fps: Fraction, lengths: Sequence[int]
    ) -> _Group:
        """`lengths`: of the windows. What one of them has made, no row gets that has others."""
        memory, sources = self._memory, self._sources
        if memory is None or sources is None:
            return _Group(roots, None, again=False, known=None)
        view = [*self._size, repr(self._scale), self._margin, self._patches, *lengths]
        facts, pictured = seen(roots, states, sources, self._personal, view, fps)
        key = memory.key(facts, pictured=pictured)
        known = memory.find(key)
        if known is not None and len(known) != len(states):
            known = None
        return _Group(roots, key, memory.again(key), known)

    # ---- first: what there is -------------------------------------------------------------------

    def _watch(self, indices: range, fps: Fraction) -> list[LayerState]:
        self._page.evaluate('__framepress.showLayer("personal", true)')
        if not self._page.stateful:
            # An animation library may leave another style at a frame that it has come back to ("none" becomes
            # an identity matrix), so every page has been at the end, whatever it was looked at for before.
            self._page.seek(indices[-1], fps)
        try:
            states = self._states(indices, fps, self._page.walk(indices[1:], fps))
        except WalkStopped:
            states = self._states(indices, fps, self._sought(indices[1:], fps))
        if self._page.stateful:
            raise PlanMisfit(
                f"The page cannot be entered in the middle: {', '.join(self._page.stateful)}.",
                rule="stateful",
            )
        return states

    def _states(
        self, indices: range, fps: Fraction, following: Iterator[dict[str, Any] | None]
    ) -> list[LayerState]:
        """The layer at each frame. `following`: what the page says of those after the first."""
        # Some of the frames it has been at already.
        self._page.evaluate("__framepress.forgetMet()")
        self._page.seek(indices[0], fps)
        states = [self._state(indices[0], self._page.layer_state)]
        if self._memory is not None:
            self._sources = Sources.read(self._page.evaluate("__framepress.layerSources()"))
        states += [self._state(index, state) for index, state in zip(indices[1:], following, strict=True)]
        return states

    def _sought(self, indices: range, fps: Fraction) -> Iterator[dict[str, Any] | None]:
        for index in indices:
            self._page.seek(index, fps)
            yield self._page.layer_state

    def _state(self, index: int, state: dict[str, Any] | None) -> LayerState:
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
            tuple(int(root["moment"]) for root in personal),
            tuple(
                (int(index), str(place), int(depth), int(area)) for index, place, depth, area in state["met"]
            ),
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


def _window(
    window: Window, shots: Sequence[Shot], missing: Sequence[_Group], captures: Captures
) -> Iterator[tuple[dict[tuple[int, ...], tuple[OverlayPng, ...]], int]]:
    """Capture groups: for each frame the overlays of each, and how many pictures were taken for it."""
    group_of = {root: group.roots for group in missing for root in group.roots}
    wanted = [shot for shot in shots if shot.roots[0] in group_of]
    films: list[Iterable[tuple[list[OverlayPng], int]]] = [
        captures.take(shot, window.states) for shot in wanted
    ]
    # One after the other. But the longest, which comes last, frame by frame: they are encoded meanwhile.
    longest = max(range(len(wanted)), key=lambda number: len(wanted[number].captures), default=None)
    films = [film if number == longest else list(film) for number, film in enumerate(films)]
    for taken in zip(*films, strict=True) if films else ((),) * len(window.states):
        shown: dict[tuple[int, ...], list[OverlayPng]] = {group.roots: [] for group in missing}
        for shot, (overlays, _) in zip(wanted, taken, strict=True):
            shown[group_of[shot.roots[0]]].extend(overlays)
        fresh = {roots: tuple(overlays) for roots, overlays in shown.items()}
        for group in missing:
            if group.key is not None:
                group.captured.append(fresh[group.roots])
        yield fresh, sum(count for _, count in taken)
