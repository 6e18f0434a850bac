"""Parts of the personal layer, captured: shot by shot, each part on what it showed before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from framepress.compositor_layers import CompositorLayers
from framepress.layer_camera import Camera, pixels_in
from framepress.layer_groups import LayerState, joined
from framepress.layer_moments import RowMoments
from framepress.layer_parts import Part, Picture
from framepress.layer_shots import Shot
from framepress.page import Page
from framepress.pictures import PictureReader
from framepress.rects import Rect
from framepress.stills import Shift, holds

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
        corner: the column and row of `png` at which it begins, which shows other parts too then; None: all of
            `png` is this part.
    """

    rect: Rect
    png: bytes
    onto: OverlayPng | None = None
    shift: Shift | None = None
    corner: tuple[int, int] | None = None

    @property
    def depth(self) -> int:
        """How many it is on, one on the other."""
        count, at = 0, self.onto
        while at is not None:
            count, at = count + 1, at.onto
        return count


class Captures:
    """What parts of the layer of an open page show, captured window by window."""

    def __init__(
        self, page: Page, fps: Fraction, reader: PictureReader, moments: RowMoments | None = None
    ) -> None:
        self._page = page
        self._fps = fps
        self._reader = reader
        self._layers = CompositorLayers(page)
        #: What each part showed last.
        self._shown: dict[tuple[int, ...], OverlayPng] = {}
        self._moments = moments
        #: Roots of parts of which what is remembered is not what they show.
        self._disproved: set[tuple[int, ...]] = set()

    def take(self, shot: Shot, states: Sequence[LayerState]) -> Iterator[tuple[list[OverlayPng], int]]:
        """For each frame of a window, the overlays of what is seen of a shot, and how many are new pictures.

        Raises:
            PageError, FrameTimeout, BrowserCrash: see `Page.seek`.
        """
        camera = self._camera(shot.roots)
        stills = [
            self._stills(part, states, camera if shot.rect is None else self._camera(part.roots))
            for part in shot.parts
        ]
        for at, state in enumerate(states):
            look = _Look(camera, shot, state)
            overlays = []
            count = 0
            for part, made in zip(shot.parts, stills, strict=True):
                overlay = self._overlay(part, at, state, made, look)
                if overlay is not None:
                    overlays.append(overlay)
                    count += at in made and overlay.shift is None
            yield overlays, count + look.count

    def close(self) -> None:
        """No more is to be captured."""
        self._layers.close()

    def _camera(self, roots: Sequence[int]) -> Camera:
        return Camera(self._page, roots, self._fps, self._reader, self._layers)

    def _overlay(
        self, part: Part, at: int, state: LayerState, stills: Mapping[int, OverlayPng], look: _Look
    ) -> OverlayPng | None:
        """What a part shows at a frame of its window; None: nothing of it is to be seen."""
        before = self._shown.pop(part.roots, None)
        if all(state.rects[root] is None for root in part.roots):
            # What was shown before is not what will be shown after.
            return None
        overlay, rect = before, part.views[at]
        if at in stills:
            overlay = stills[at]
        elif at in part.known and part.roots not in self._disproved:
            overlay = _cut_to(part.rect, part.known[at])
        elif rect is not None:
            if before is None or rect == part.rect or before.depth >= PATCHES_MAX:
                before, rect = None, part.rect
            png, corner = look.at(rect)
            overlay = OverlayPng(rect, png, before, corner=corner)
            if self._moments is not None and corner is None:
                self._remember(part, at, state, Picture(rect, png), self._moments)
        assert overlay is not None
        self._shown[part.roots] = overlay
        return overlay

    def _remember(
        self, part: Part, at: int, state: LayerState, picture: Picture, moments: RowMoments
    ) -> None:
        """Keep a picture, unless it is a patch, and compare it if something is said of it."""
        ink = self._ink(part, state)
        whole = picture.rect.contains(ink)
        if whole:
            moments.keep(part, state, picture)
        if part.probe is not None and at == part.probe[0]:
            known = part.probe[1]
            if not whole or (known != picture and not self._equal(known, picture, ink)):
                self._disproved.add(part.roots)

    @staticmethod
    def _ink(part: Part, state: LayerState) -> Rect:
        """Where a part paints at a frame at which it is seen."""
        ink = joined(state.rects[root] for root in part.roots)
        assert ink is not None
        return ink

    def _equal(self, one: Picture, other: Picture, ink: Rect) -> bool:
        """Whether two pictures show the same where the part paints."""
        a, b = (pixels_in(self._reader, picture.png, ink.within(picture.rect)) for picture in (one, other))
        return np.array_equal(a, b)

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


def _cut_to(rect: Rect, picture: Picture) -> OverlayPng:
    """A picture of another row, as far as the part reaches in this one."""
    cut = picture.rect.overlap(rect)
    place = cut.within(picture.rect)
    return OverlayPng(cut, picture.png, corner=None if cut == picture.rect else (place.x, place.y))


class _Look:
    """A frame, of which each rectangle is captured once."""

    def __init__(self, camera: Camera, shot: Shot, state: LayerState) -> None:
        self._camera = camera
        self._shot = shot
        self._state = state
        self._pngs: dict[Rect, bytes] = {}

    @property
    def count(self) -> int:
        """Pictures that were taken."""
        return len(self._pngs)

    def at(self, rect: Rect) -> tuple[bytes, tuple[int, int] | None]:
        """A picture with a rectangle in it, and where it begins there; see `OverlayPng.corner`."""
        whole = self._shot.rect
        if whole is None or not whole.contains(rect):
            whole = rect
        if whole not in self._pngs:
            self._pngs[whole] = self._camera.take(whole, self._state)
        place = rect.within(whole)
        return self._pngs[whole], None if whole == rect else (place.x, place.y)
