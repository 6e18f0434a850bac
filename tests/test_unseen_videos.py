"""A video that nobody is going to see is not decoded, and told all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from framepress.layered import LayerFrame, PersonalLayer
from framepress.page import Page
from framepress.page_videos import PageVideos
from framepress.poster import decode_rgb
from on_grey import pictures
from stage import Stage, place_of, root
from video_files import HEIGHT, STEP, WIDTH, write_video

pytestmark = pytest.mark.browser

FPS = Fraction(30)
FRAMES = range(12)
SIZE = (WIDTH, HEIGHT)

BODY = (
    f'<video src="a.mp4" style="position:absolute;width:{WIDTH}px;height:{HEIGHT}px"></video>'
    '<p id=name style="position:absolute;left:20px;top:30px;margin:0;color:#fc0">Ann</p>'
)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Frames of videos that a page has asked for."""
    asked: list[str] = []
    picture = PageVideos.picture

    def noted(self: PageVideos, path: str) -> bytes | None:
        asked.append(path)
        return picture(self, path)

    monkeypatch.setattr(PageVideos, "picture", noted)
    return asked


@contextmanager
def opened(stage: Stage) -> Iterator[Page]:
    write_video(stage.folder / "a.mp4", [number / 30 for number in range(30)])
    renderer = stage.renderer(root(BODY))
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        yield page


def frames_of(page: Page, selector: str) -> list[LayerFrame]:
    layer = PersonalLayer(page, [place_of(page, selector)], scale=1.0, size=SIZE)
    return list(layer.frames(FRAMES, FPS))


def bar_at(brightness: NDArray[np.uint8]) -> int:
    """The frame of the video that a picture shows."""
    return int(np.argmax(brightness[5] > 180)) // STEP


def test_behind_the_personal_layer_a_video_is_not_decoded_but_told(stage: Stage, decoded: list[str]) -> None:
    with opened(stage) as page:
        decoded.clear()
        frames = frames_of(page, "#name")
        assert decoded == []
    assert all(frame.overlays for frame in frames)
    # Each frame has another picture behind the name, and says so.
    assert len({frame.rest for frame in frames}) == len(FRAMES)


def test_what_is_told_is_what_is_told_of_videos_that_are_seen(stage: Stage, decoded: list[str]) -> None:
    told = []
    with opened(stage) as page:
        for held in ("false", "true"):
            page.evaluate(f"__framepress.holdVideos({held})")
            looks = []
            for index in FRAMES[1:]:
                page.seek(index, FPS)
                looks.append(page.evaluate("__framepress.looks()"))
            told.append(looks)
    assert told[0] == told[1]
    assert len(decoded) == len(FRAMES)


def test_a_personal_video_is_seen(stage: Stage) -> None:
    with opened(stage) as page:
        frames = frames_of(page, "video")
    shown = [bar_at(picture[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH)) for picture in pictures(frames, SIZE)]
    assert shown == list(FRAMES)


def test_a_video_comes_back_with_the_layer_that_shows_it(stage: Stage) -> None:
    with opened(stage) as page:
        frames_of(page, "#name")
        for layer in ("rest", ""):
            page.evaluate(f'__framepress.showLayer("{layer}")')
            size = page.look_at(None)
            for index in (7, 3):
                page.seek(index, FPS)
                assert bar_at(decode_rgb(page.picture(index, size))[..., 0]) == index
