"""Makes the basis: the moments, the defaults at each, and which variable changes what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from framepress.clip import Clip
from framepress.errors import BrowserCrash, FrameTimeout, PageError, RowFailure
from framepress.preflight.backdrop import Pixels
from framepress.preflight.basis import Basis, BasisRequest
from framepress.preflight.facts import Layout
from framepress.preflight.framed_page import FramedPage, NotFramed
from framepress.preflight.framing import why_not_framed
from framepress.preflight.judge import Causes, Judged, judge
from framepress.preflight.moments import key_frames, looked_at, rests
from framepress.preflight.rules import Finding, finding
from framepress.preflight.small_page import SmallPage
from framepress.preflight.view import RowView
from framepress.renderer import Renderer
from framepress.variants import Variant

#: Scale of the pictures that show whether a variable changes anything.
EFFECT_SCALE = 0.25

#: Difference of a channel above which a pixel counts as changed.
EFFECT_MIN = 2


#: Layout at a moment, and a number for the looks of each place.
Look = tuple[Layout, dict[str, int]]

#: What means that a row cannot be looked at in a frame.
FRAME_FAILURES = (NotFramed, PageError, BrowserCrash, FrameTimeout)


class Surveyor:
    """Looks at a composition with few values.

    Args:
        size: CSS pixels, as far as the markup says.
    """

    def __init__(self, renderer: Renderer, size: tuple[int, int]) -> None:
        self._renderer = renderer
        self._composition = renderer.composition
        self._page = SmallPage(renderer)
        self._framed: FramedPage | None = None
        self._size = size

    def basis(self, request: BasisRequest) -> Basis:
        """The basis for a list.

        Raises:
            RowFailure: not even the defaults can be laid out.
        """
        clip = self._page.open(request.default, self._size)
        self._size = (clip.document.width, clip.document.height)
        frames = self._moments(clip.fps, clip.frame_count, request.at)
        self._page.open(request.default, self._size)
        before: list[Look] = []
        pictures: list[Pixels] = []
        for look in self._looks(self._page, frames):
            before.append(look)
            pictures.append(self._page.picture(None, EFFECT_SCALE)[0])
        stateful = bool(self._page.page.stateful)
        layouts = tuple(layout for layout, _ in before)
        # Before other values are tried: one with which the page fails leaves no page to ask.
        names = self._names(layouts)
        unframed = "its page must be stepped" if stateful else why_not_framed(self._composition)
        if request.framed and unframed is None:
            self._framed = self._frame_like(request.default, frames, clip.fps, before)
        causes, unseen = self._causes(request, frames, before)
        causes = replace(causes, names=names)
        idle = [*self._idle(request, unseen, frames, pictures)]
        basis = Basis(
            default=request.default,
            frames=frames,
            fps=clip.fps,
            frame_count=clip.frame_count,
            size=self._size,
            layouts=layouts,
            causes=causes,
            stateful=stateful,
            unframed=unframed,
        )
        return replace(basis, findings=(*_template_findings(basis), *idle))

    def _moments(self, fps: Fraction, frame_count: int, at: tuple[Fraction, ...]) -> tuple[int, ...]:
        page = self._page
        page.seek(0)
        wanted = range(frame_count) if page.page.stateful else looked_at(frame_count)
        standing: list[dict[str, int]] = []
        for frame in wanted:
            page.seek(frame)
            standing.append(page.page.evaluate("__framepress.standing()"))
        extra = [int(moment * fps) for moment in at]
        return tuple(key_frames(rests(list(wanted), standing), extra, frame_count))

    def _looks(self, view: RowView, frames: tuple[int, ...]) -> Iterator[Look]:
        """Layout and looks of the open row at each moment; the row is there until the next is asked for."""
        for _, layout in view.layouts(frames, every_box=True):
            told: dict[str, Any] = view.evaluate("looks()")
            yield layout, dict(zip(told["places"], told["hashes"], strict=True))

    def _frame_like(
        self, default: Variant, frames: tuple[int, ...], fps: Fraction, before: list[Look]
    ) -> FramedPage | None:
        """Frames for the other values, a fifth of the work. None: the defaults look otherwise there."""
        framed = FramedPage(self._renderer, (), fps)
        try:
            framed.open(default, self._size)
            return framed if [*self._looks(framed, frames)] == before else None
        except FRAME_FAILURES:
            return None

    def _causes(
        self, request: BasisRequest, frames: tuple[int, ...], before: list[Look]
    ) -> tuple[Causes, list[str]]:
        """Which variables change what, and those that have changed no text and no picture's address."""
        texts: dict[str, list[str]] = defaultdict(list)
        looks: dict[str, list[str]] = defaultdict(list)
        unseen = []
        for name, others in request.others.items():
            seen = False
            for other in others:
                changed = replace(request.default, values={**request.default.values, name: other})
                seen |= self._try(changed, name, frames, before, texts, looks)
            if others and not seen:
                unseen.append(name)
        return Causes(_tuples(texts), _tuples(looks)), unseen

    def _try(
        self,
        changed: Variant,
        name: str,
        frames: tuple[int, ...],
        before: list[Look],
        texts: dict[str, list[str]],
        looks: dict[str, list[str]],
    ) -> bool:
        """Note what one other value of a variable changes; whether the layout shows anything of it."""
        try:
            after = self._after(changed, frames)
        except RowFailure:
            # A page that fails with this value is told of the rows that have it.
            return True
        visible = False
        for (layout, hashes), (old_layout, old_hashes) in zip(after, before, strict=True):
            old_texts = {text.place: text.text for text in old_layout.texts}
            for place in hashes.keys() | old_hashes.keys():
                if hashes.get(place) != old_hashes.get(place) and name not in looks[place]:
                    looks[place].append(name)
            for text in layout.texts:
                if old_texts.get(text.place) != text.text:
                    visible = True
                    if name not in texts[text.place]:
                        texts[text.place].append(name)
            visible |= {one.source for one in layout.pictures} != {one.source for one in old_layout.pictures}
        return visible

    def _after(self, changed: Variant, frames: tuple[int, ...]) -> list[Look]:
        """A row's looks at each moment, from a frame if that works.

        Raises:
            RowFailure: it cannot be laid out.
        """
        if self._framed is not None:
            try:
                clip = self._framed.open(changed, self._size)
                return [*self._looks(self._framed, _kept(frames, clip))]
            except FRAME_FAILURES:
                self._framed.leave()
        clip = self._page.open(changed, self._size)
        return [*self._looks(self._page, _kept(frames, clip))]

    def _idle(
        self, request: BasisRequest, unseen: list[str], frames: tuple[int, ...], pictures: list[Pixels]
    ) -> Iterator[Finding]:
        """The variables none of whose values changes a pixel."""
        if self._framed is not None:
            self._framed.leave()
        for name in unseen:
            others = request.others[name]
            rows = (
                replace(request.default, values={**request.default.values, name: other}) for other in others
            )
            if not any(self._differs(row, frames, pictures) for row in rows):
                yield finding("no-effect", f"{len(others)} other values look the same", field=name)

    def _differs(self, changed: Variant, frames: tuple[int, ...], pictures: list[Pixels]) -> bool:
        try:
            drawn = self._drawn(changed, frames)
        except RowFailure:
            return True
        return any(
            one.shape != other.shape
            or int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max()) > EFFECT_MIN
            for one, other in zip(drawn, pictures, strict=True)
        )

    def _drawn(self, changed: Variant, frames: tuple[int, ...]) -> list[Pixels]:
        clip = self._page.open(changed, self._size)
        return [self._page.picture(None, EFFECT_SCALE)[0] for _ in self._page.layouts(_kept(frames, clip))]

    def _names(self, layouts: tuple[Layout, ...]) -> dict[str, str]:
        seen = [text.place for layout in layouts for text in layout.texts]
        seen += [picture.place for layout in layouts for picture in layout.pictures]
        places = list(dict.fromkeys(seen))
        names: list[str] = self._page.page.evaluate(f"__framepress.namesAt({places!r})")
        return dict(zip(places, names, strict=True))


def _kept(frames: tuple[int, ...], clip: Clip) -> tuple[int, ...]:
    """The moments, as far as a clip of another length has them."""
    return tuple(min(frame, clip.frame_count - 1) for frame in frames)


def _tuples(lists: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {place: tuple(names) for place, names in lists.items() if names}


def _template_findings(basis: Basis) -> list[Finding]:
    """What is wrong with the defaults, each thing once."""
    found: dict[tuple[str, str], Finding] = {}
    for frame, layout in zip(basis.frames, basis.layouts, strict=True):
        judged = Judged(layout, None, basis.causes, basis.default.values, None, basis.time_s(frame))
        for one in judge(judged):
            found.setdefault((one.rule, one.element), one)
    return list(found.values())
