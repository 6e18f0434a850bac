"""Several frames of a page gone through with one call: nothing of them may be other than one by one."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from framepress.errors import PageError
from framepress.layered import LayerFrame, PersonalLayer
from framepress.page import Page, WalkStopped
from framepress.pictures import encode_png
from framepress.tab import Tab
from on_grey import pictures
from stage import Stage, place_of, root

FPS, SIZE = Fraction(30000, 1001), (160, 90)
FRAMES = range(60)

STYLE = (
    "<style>#seen { position: absolute; margin: 0; width: 60px; height: 24px; background: #c30; color: #fff;"
    " animation: go 1s linear both } @keyframes go { to { translate: 90px } }</style>"
)


def page_with(stage: Stage, script: str, *, inside: str = "") -> Page:
    html = root(
        f"{STYLE}<p id=seen>{inside}</p><p id=other>all</p><script>"
        "const seen = document.getElementById('seen');"
        f" addEventListener('hf-seek', (event) => {{ {script} }});</script>",
        seconds="2.002",
        fps="30000/1001",
    )
    renderer = stage.renderer(html)
    renderer.open(stage.variant(renderer))
    return renderer.warm.page()


def watched(page: Page) -> Page:
    """The page, telling of its layers at every seek."""
    page.evaluate(f'__framepress.setLayers(["{place_of(page, "#seen")}"])')
    page.evaluate('__framepress.showLayer("personal", true)')
    page.seek(FRAMES[-1], FPS)
    page.seek(0, FPS)
    return page


def layer(page: Page) -> list[LayerFrame]:
    personal = PersonalLayer(page, [place_of(page, "#seen")], scale=1.0, size=SIZE)
    return list(personal.frames(FRAMES, FPS))


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Calls that go through several frames."""
    sent: list[str] = []
    send = Tab.send_evaluate

    def noted(tab: Tab, expression: str, *, session: str | None = None) -> int:
        if ".walk(" in expression:
            sent.append(expression)
        return send(tab, expression, session=session)

    monkeypatch.setattr(Tab, "send_evaluate", noted)
    return sent


def sought(page: Page) -> Iterator[dict[str, Any] | None]:
    for index in FRAMES[1:]:
        page.seek(index, FPS)
        yield page.layer_state


MOVES = (
    "seen.style.opacity = event.detail.time < 1 ? 1 : 0.5; seen.textContent = event.detail.time.toFixed(6);"
)


def test_the_page_says_of_every_frame_what_it_says_one_by_one(stage: Stage, walks: list[str]) -> None:
    page = watched(page_with(stage, MOVES))
    one_by_one = list(sought(page))
    walked = list(watched(page).walk(FRAMES[1:], FPS))
    assert walked == one_by_one
    assert page.layer_state == one_by_one[-1]
    assert len({str(state) for state in walked}) > 50, "nothing moved"
    assert len(walks) < len(FRAMES) / 2


def test_frames_are_captured_as_they_are_one_by_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_with(stage, MOVES)
    walked = layer(page)
    monkeypatch.setattr(Page, "walk", stopped)
    singly = layer(page)
    assert [frame.rest for frame in walked] == [frame.rest for frame in singly]
    assert same_pictures(walked, singly)


def stopped(_: Page, __: range, ___: Fraction) -> Iterator[dict[str, Any] | None]:
    raise WalkStopped


def same_pictures(one: list[LayerFrame], other: list[LayerFrame]) -> bool:
    return all(map(np.array_equal, pictures(one, SIZE), pictures(other, SIZE)))


#: The page has been at its end before, so only what is shown in between is new.
SHOWS_A_FILE = "seen.firstChild.src = Math.abs(event.detail.time - 1.2) > 0.2 ? 'red.png' : 'blue.png';"
WAITS_FOR_A_FRAME = (
    "event.detail.waitUntil(new Promise((done) => { const observer = new IntersectionObserver(() => {"
    " observer.disconnect(); seen.style.opacity = event.detail.time < 1 ? 1 : 0.5; done(); });"
    " observer.observe(seen); }));"
)


@pytest.mark.parametrize(
    ("script", "inside"),
    [(SHOWS_A_FILE, "<img src=red.png>"), (WAITS_FOR_A_FRAME, "")],
    ids=["asks for a file in mid-play", "waits for frames"],
)
def test_a_page_that_needs_something_meanwhile_is_gone_through_one_by_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, script: str, inside: str
) -> None:
    for name, size, colour in (("red.png", (24, 24), (200, 0, 0)), ("blue.png", (60, 20), (0, 0, 200))):
        pixels = np.full((*size, 3), colour, np.uint8)
        (stage.folder / name).write_bytes(encode_png(av.VideoFrame.from_ndarray(pixels, "rgb24")))
    with pytest.raises(WalkStopped):
        list(watched(page_with(stage, script, inside=inside)).walk(FRAMES[1:], FPS))
    found = layer(page_with(stage, script, inside=inside))
    monkeypatch.setattr(Page, "walk", stopped)
    assert same_pictures(found, layer(page_with(stage, script, inside=inside)))


def test_a_frame_that_fails_among_others_is_told(stage: Stage) -> None:
    page = watched(
        page_with(stage, "if (event.detail.time === 1.001) throw new Error('one frame is wrong');")
    )
    with pytest.raises(PageError, match="one frame is wrong"):
        list(page.walk(FRAMES[1:], FPS))
