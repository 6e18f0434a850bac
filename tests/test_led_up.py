"""How layers are looked at whose edges Chromium draws by what it drew before: what is drawn, in which order.

That the view matters shows in the dangers "a box that a script spins" and "throws". Some edges come out in
one of two ways on the plain path too, from run to run, so no picture can tell whether the order is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import pytest

from framepress.clip import Clip
from framepress.compositor_layers import CompositorLayers
from framepress.layer_camera import Camera
from framepress.layer_groups import LayerState
from framepress.page import Page
from framepress.pictures import PictureReader, encode_png
from framepress.rects import Rect
from framepress.survey_looks import LooksSurvey
from stage import Stage, place_of, root

WIDTH, HEIGHT = 64, 32
FPS = Fraction(30)


class LoggedPage:
    """A page of which every drawing is noted: "8 64x32" is frame 8 in a view of that size."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.stateful: tuple[str, ...] = ()
        self._at = -1
        self.tab = SimpleNamespace(pump_frame=lambda: self.log.append(f"{self._at} drawn"))
        ramp = np.arange(WIDTH * HEIGHT * 4, dtype=np.uint32).reshape(HEIGHT, WIDTH, 4) * 2654435761 >> 24
        self.pixels = ramp.astype(np.uint8)

    def evaluate(self, _: str) -> None: ...

    def seek(self, index: int, _: Fraction) -> None:
        self._at = index

    def look_at(self, rect: Rect, *, transparent: bool) -> tuple[int, int]:
        assert transparent
        self._rect = rect
        return rect.width, rect.height

    def picture(self, index: int, view: tuple[int, int]) -> bytes:
        assert index == self._at
        self.log.append(f"{index} {view[0]}x{view[1]}")
        rect = self._rect
        part = self.pixels[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width]
        return encode_png(av.VideoFrame.from_ndarray(np.ascontiguousarray(part), "rgba"))


def state(index: int, *, tossed: bool) -> LayerState:
    ones = (1,)
    return LayerState(index, (PART,), (True,), (None,), (None,), ones, ones, ones, (tossed,), 1)


PART = Rect(8, 4, 16, 8)


class Told:
    """What a browser tells of layers: before and after each picture; the last of it from then on."""

    def __init__(self, *several: bool) -> None:
        self._told = list(several)

    def several(self) -> bool:
        return self._told.pop(0) if len(self._told) > 1 else self._told[0]


def camera(page: LoggedPage, *several: bool) -> Camera:
    layers = Told(*(several or (True,)))
    return Camera(
        cast("Page", page), [0], FPS, PictureReader(WIDTH, HEIGHT), cast("CompositorLayers", layers)
    )


def pixels_of(png: bytes) -> Any:
    return PictureReader(WIDTH, HEIGHT).decode_rgba(png)


def test_what_a_script_turns_is_cut_out_of_a_whole_picture_that_follows_the_frame_before() -> None:
    page = LoggedPage()
    looking = camera(page)
    taken = [looking.take(PART, state(index, tossed=True)) for index in (8, 9, 20)]
    whole = f"{WIDTH}x{HEIGHT}"
    moved = [f"7 {whole}", f"7 {whole}"]
    # The first entry is what the view of before is drawn for, to be rid of it.
    assert page.log[1:] == [*moved, f"8 {whole}", f"9 {whole}", "19 drawn", f"20 {whole}"]
    for png in taken:
        assert np.array_equal(pixels_of(png), page.pixels[4:12, 8:24])


def test_the_first_frame_follows_none() -> None:
    page = LoggedPage()
    camera(page).take(PART, state(0, tossed=True))
    assert {entry.split()[0] for entry in page.log[1:]} == {"0"}


def test_anything_else_is_looked_at_by_itself() -> None:
    page = LoggedPage()
    looking = camera(page)
    for index in (8, 20):
        looking.take(PART, state(index, tossed=False))
    assert page.log[1:] == ["8 16x8", "8 16x8", "20 16x8"]


def test_what_a_script_turns_in_the_layer_of_the_page_is_looked_at_by_itself() -> None:
    page = LoggedPage()
    looking = camera(page, False)
    for index in (8, 20):
        looking.take(PART, state(index, tossed=True))
    assert page.log[1:] == ["8 16x8", "8 16x8", "20 16x8"]


def test_a_picture_does_not_count_if_a_layer_has_come_with_it() -> None:
    page = LoggedPage()
    looking = camera(page, False, False, False, True)
    taken = [looking.take(PART, state(index, tossed=True)) for index in (8, 9)]
    whole = f"{WIDTH}x{HEIGHT}"
    assert page.log[1:4] == ["8 16x8", "8 16x8", "9 16x8"]
    assert page.log[-1] == f"9 {whole}"
    for png in taken:
        assert np.array_equal(pixels_of(png), page.pixels[4:12, 8:24])


BOX = "background: #06c; animation: turn 1s linear both"

#: Style of an element, keyframes from which it is animated, and whether the view may matter for its edges.
TURNED = {
    "turned": (BOX, "transform: rotate(40deg)", True),
    "turned by the property": (BOX, "rotate: 40deg", True),
    "turned in space": (BOX, "transform: perspective(90px) rotateY(40deg)", True),
    "slanted": (BOX, "transform: skewX(30deg)", True),
    "turned with what is around it": ("background: #06c", "transform: rotate(40deg)", True),
    "turned once, in a layer": ("background: #06c; transform: rotate(40deg); will-change: opacity", "", True),
    "an outline": (BOX.replace("background:", "outline: 2px solid"), "transform: rotate(40deg)", True),
    "turned once": ("background: #06c; transform: rotate(40deg)", "", False),
    "letters": (BOX.replace("background", "color"), "transform: rotate(40deg)", False),
    "on its side": (BOX, "transform: rotate(90deg); animation-timing-function: step-end", False),
    "larger": (BOX, "transform: scale(2)", False),
    "moved": (BOX, "transform: translate(20px)", False),
}


@pytest.mark.parametrize("name", TURNED)
def test_a_box_that_css_turns_in_a_layer_is_looked_at_in_the_whole_picture(stage: Stage, name: str) -> None:
    style, frame, expected = TURNED[name]
    around = "animation: turn 1s linear both" if name == "turned with what is around it" else ""
    rule = f"p {{position: absolute; left: 90px; top: 60px; {style}}} @keyframes turn {{from {{{frame}}}}}"
    body = f"<style>{rule}</style><div style='{around}'><p>box</p></div>"
    renderer = stage.renderer(root(body))
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        page.evaluate(f"__framepress.setLayers(['{place_of(page, 'p')}'])")
        page.evaluate('__framepress.showLayer("personal", true)')
        page.seek(3, FPS)
        assert page.layer_state is not None
        assert page.layer_state["personal"][0]["tossed"] is expected


def visited(page: LoggedPage, frames: list[int], *, played: bool) -> Iterator[int]:
    """What a survey goes to for its trials."""
    survey = LooksSurvey.__new__(LooksSurvey)
    survey._bench = cast("Any", SimpleNamespace(page=lambda: page))
    survey._played = played
    return survey._visit(cast("Clip", SimpleNamespace(fps=FPS)), frames, (), "", led_up=True)


@pytest.mark.parametrize("stateful", [False, True])
def test_what_trials_compare_with_follows_the_frame_before(stateful: bool) -> None:
    page = LoggedPage()
    page.stateful = ("timer alive",) if stateful else ()
    page._rect = Rect(0, 0, WIDTH, HEIGHT)
    for index in visited(page, [0, 5, 9], played=False):
        page.picture(index, (WIDTH, HEIGHT))
    drawn = [entry for entry in page.log if entry.endswith("drawn")]
    assert drawn == ([] if stateful else ["4 drawn", "8 drawn"])


def test_a_second_look_is_led_up_to_by_every_frame() -> None:
    page = LoggedPage()
    assert list(visited(page, [1, 4], played=True)) == [1, 4]
    assert page.log == ["0 drawn", "2 drawn", "3 drawn"]
