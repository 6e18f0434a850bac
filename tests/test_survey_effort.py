"""What a survey spares itself: captures that nobody asked for, those of a layer that is too dear, and plain
frames of rows that turn out to have no plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framepress.cache import Cache
from framepress.layer_captures import OverlayPng
from framepress.layered import PersonalLayer
from framepress.page import Page, png_size
from framepress.plan import Plan
from framepress.rects import Rect
from framepress.renderer import Renderer
from framepress.settings import RenderSettings, RunLimits
from framepress.survey_bench import NoPlan
from framepress.survey_layers import pixel_costs
from on_grey import pictures
from stage import Stage, browser_options, place_of, root

FPS, SIZE = Fraction(30), (160, 90)
FRAMES = range(40)

#: One that slides, one that comes and goes, one that stands still.
PAGE = root(
    "<style>p { position: absolute; margin: 0; width: 30px; height: 20px; background: #c30 }"
    " #slides { animation: go 1s linear both } #blinks { animation: be 1s steps(3) both; top: 40px }"
    " #blinks { left: 70px } #stands { top: 65px; left: 120px }"
    " @keyframes go { to { translate: 100px } } @keyframes be { to { opacity: 0 } }</style>"
    "<p id=slides></p><p id=blinks></p><p id=stands></p>",
    seconds="2",
)
PLACES = ("#slides", "#blinks", "#stands")


@pytest.fixture
def page(stage: Stage) -> Page:
    renderer = stage.renderer(PAGE)
    renderer.open(stage.variant(renderer))
    return renderer.warm.page()


def layer(page: Page) -> PersonalLayer:
    return PersonalLayer(page, [place_of(page, one) for one in PLACES], scale=1.0, size=SIZE)


def captured_rect(one: OverlayPng) -> Rect:
    left, top = one.corner or (0, 0)
    return Rect(one.rect.x - left, one.rect.y - top, *png_size(one.png))


def test_what_is_to_be_captured_is_told_before_anything_is(page: Page) -> None:
    told: list[Rect] = []
    frames = list(layer(page).frames(FRAMES, FPS, approve=told.extend))
    assert len(told) == sum(frame.captured for frame in frames) > 30
    shown = [one for frame in frames for one in frame.overlays]
    assert any(one.shift is not None for one in shown)
    captured = {id(one.png): captured_rect(one) for one in shown if one.shift is None}
    assert sorted(map(Rect.as_list, told)) == sorted(rect.as_list() for rect in captured.values())


@pytest.mark.parametrize(
    ("lines", "count", "area", "least", "most"), [(180, 226, 8_700, 1.05, 1.3), (360, 241, 29_000, 0.5, 0.7)]
)
def test_small_pictures_cost_as_much_as_their_parts(
    lines: int, count: int, area: int, least: float, most: float
) -> None:
    """The captures of `examples/card`; 1.22 and 0.63 times the processor time were measured."""
    ours, plain = pixel_costs([Rect(0, 0, area, 1)] * count, 180, lines * lines * 16 // 9)
    assert least < ours / plain < most


def test_a_layer_that_is_not_approved_is_not_captured(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures: list[int] = []
    monkeypatch.setattr(Page, "picture", lambda _page, index, _size: pictures.append(index))

    def refuse(_: Sequence[Rect]) -> None:
        raise ValueError("too dear")

    with pytest.raises(ValueError, match="too dear"):
        list(layer(page).frames(FRAMES, FPS, approve=refuse))
    assert not pictures


def test_only_wanted_frames_are_captured(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    every = {frame.index: frame for frame in layer(page).frames(FRAMES, FPS)}
    taken: list[int] = []
    take = page.picture

    def picture_of(index: int, size: tuple[int, int]) -> bytes:
        taken.append(index)
        return take(index, size)

    monkeypatch.setattr(page, "picture", picture_of)
    some = list(layer(page).frames(FRAMES, FPS, wanted={3, 35}))
    assert [frame.index for frame in some] == [3, 35]
    assert set(taken) == {3, 35}
    for one, other in zip(pictures(some, SIZE), pictures([every[3], every[35]], SIZE), strict=True):
        assert np.array_equal(one, other)


def test_plain_frames_are_not_made_when_it_is_known_that_there_is_no_plan(
    tmp_path: Path, browser_path: Path, stage: Stage
) -> None:
    composition = stage.renderer(PAGE).composition
    cache = Cache(tmp_path / "cache")
    renderer = Renderer(
        composition, RenderSettings(), RunLimits(), browser_options(browser_path, tmp_path), pieces=cache
    )
    sample = stage.variant(renderer)
    beats: list[tuple[str, int]] = []

    def beat(step: str, frame: int, _total: int) -> None:
        beats.append((step, frame))
        if frame == 5:
            renderer._shelf.put("ab" * 32, NoPlan("layers", "They do not add up."))  # type: ignore[union-attr]

    browser = renderer.warm.page()
    renderer.plans.keep_plain_frames([sample, sample], beat, group="ab" * 32)
    assert beats[-1] == ("drawing samples", 5)
    assert not cache.keys("plain") and not cache.keys("noplain")
    assert renderer.warm.page() is browser, "it is not the browser's fault"
    beats.clear()
    renderer.plans.keep_plain_frames([sample], beat, group="cd" * 32)
    assert len(beats) == 60 and len(cache.keys("plain")) == 1
    renderer.close()


def test_bands_are_tried_before_the_frames_of_the_second_row_are_waited_for(
    tmp_path: Path, browser_path: Path, stage: Stage
) -> None:
    variables = '<script type="application/hyperframes-vars">{"NAME": {"default": "Ann"}}</script>'
    page = root(f"{variables}<p>{{{{$NAME}}}}</p>", seconds="0.5")
    renderer = Renderer(
        stage.renderer(page).composition,
        RenderSettings(),
        RunLimits(),
        browser_options(browser_path, tmp_path),
        pieces=Cache(tmp_path / "cache"),
    )
    samples = [stage.variant(renderer, {"NAME": name}) for name in ("Ann", "Bo")]
    steps: list[str] = []

    def beat(step: str, _frame: int, _total: int) -> None:
        steps.append(step)

    _, plan, _ = renderer.plans.survey(samples, ["NAME"], beat, fresh=True, bands=True)
    assert isinstance(plan, Plan) and plan.bands
    tried = [at for at, step in enumerate(steps) if step == "trying bands"]
    assert steps[tried[0] - 1] == steps[tried[-1] + 1] == steps[-1] == "checking the plan"
    renderer.close()
