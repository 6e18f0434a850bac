"""Pairs that met: told once by the page, and asked about once by the check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dangers import DANGERS
from framepress.errors import PlanMisfit
from framepress.layer_groups import LayerState
from framepress.layered import PersonalLayer
from framepress.met import Meeting, MetCheck, Pair, as_planned, meetings
from framepress.page import Page
from framepress.plan import Plan, Touch
from lists import Press
from stage import Stage, browser_options, place_of, root

FPS = Fraction(10)
STYLE = """<style>
  i { position: absolute; left: 10px; width: 40px; height: 20px; background: #d22 }
  #bar { top: 10px; animation: down 1s linear both } @keyframes down { to { transform: translateY(80px) } }
  .low { top: 62px; background: #063 }
</style>"""


@dataclass
class Gone:
    """A page that was gone through once.

    Attributes:
        places: of the personal elements.
    """

    page: Page
    states: list[LayerState]
    places: tuple[str, ...]

    def check(self, known: set[Pair], *above: str, touched: Sequence[Touch] = ()) -> None:
        """As for a row whose plan has these elements above."""
        over = [place_of(self.page, one) for one in above]
        plan = SimpleNamespace(personal=self.places, above=over, touched=touched, fps=FPS)
        MetCheck(self.page, cast(Plan, plan), known).check(self.states)


def page_around(body: str) -> str:
    return root(STYLE + body, width=320, height=180, fps="10")


@contextmanager
def gone_through(stage: Stage, body: str, *personal: str) -> Iterator[Gone]:
    renderer = stage.renderer(page_around(body))
    renderer.open(stage.variant(renderer))
    with renderer.warm.guard() as page:
        places = tuple(place_of(page, selector) for selector in personal)
        states: list[LayerState] = []
        layer = PersonalLayer(page, places, scale=1.0, size=(320, 180))
        list(layer.frames(range(10), FPS, watched=states.extend))
        yield Gone(page, states, places)


def told(states: list[LayerState]) -> list[tuple[int, int]]:
    """Frame and index of the personal element of each pair."""
    return [(state.index, index) for state in states for index, *_ in state.met]


def test_a_pair_is_told_when_it_meets_and_while_it_meets_in_more(stage: Stage) -> None:
    body = "<i id=bar></i><i class=low></i><i style='left:200px;top:62px'></i>"
    with gone_through(stage, body, "#bar") as gone:
        # The bar's lower edge is at 30 and goes down by 8 a frame; either is taken to paint a pixel farther.
        assert told(gone.states) == [(4, 0), (5, 0), (6, 0)]
        assert [pair[2:] for state in gone.states for pair in state.met] == [(2, 84), (10, 420), (18, 756)]


@pytest.mark.parametrize(
    ("keyframes", "expected"),
    [
        # Deeper by a pixel at each frame, and in little more area than before.
        ("from{transform:translateY(48px)}to{transform:translateY(58px)}", [18, 20]),
        # No deeper, but in twice the area.
        ("from{top:80px;height:4px;width:10px}to{top:80px;height:4px;width:100px}", [6, 6]),
    ],
)
def test_deeper_or_in_more_area_is_more(keyframes: str, expected: list[int], stage: Stage) -> None:
    body = (
        f"<style>@keyframes down {{ {keyframes} }}</style><i id=bar></i><i class=low style='height:60px'></i>"
    )
    with gone_through(stage, body, "#bar") as gone:
        depths = [depth for state in gone.states for _, _, depth, _ in state.met]
        assert depths[:2] == expected, depths


def test_each_that_is_met_is_told(stage: Stage) -> None:
    body = "<i id=bar></i><i id=other class=low></i><i class=low></i><i class=low style='top:68px'></i>"
    with gone_through(stage, body, "#bar", "#other") as gone:
        assert told(gone.states)[:4] == [(0, 1), (0, 1), (4, 0), (5, 0)]


def test_what_paints_nothing_or_lies_in_something_personal_is_not_met(stage: Stage) -> None:
    hidden, bare = "<i class=low style='visibility:hidden'></i>", "<i class=low style='background:none'></i>"
    body = f"<i id=bar><i></i></i>{hidden}{bare}"
    with gone_through(stage, body, "#bar") as gone:
        assert told(gone.states) == []


def test_who_is_not_there_meets_nothing(stage: Stage) -> None:
    body = "<i id=bar style='display:none'></i><i id=other class=low></i><i class=low></i>"
    with gone_through(stage, body, "#bar", "#other") as gone:
        assert told(gone.states) == [(0, 1)]


def test_what_is_as_the_plan_has_it_is_known_from_then_on(stage: Stage) -> None:
    body = "<i class=low></i><i id=bar></i><i class=low id=over></i>"
    with gone_through(stage, body, "#bar") as gone:
        known: set[Pair] = set()
        gone.check(known, "#over")
        assert known == {(gone.places[0], place_of(gone.page, one)) for one in (".low", "#over")}


@pytest.mark.parametrize("where", ["over", "under"])
def test_another_order_than_that_of_the_plan_is_a_misfit(where: str, stage: Stage) -> None:
    common = "<i class=low id=common></i>"
    body = "<i id=bar></i>" + common if where == "over" else common + "<i id=bar></i>"
    with gone_through(stage, body, "#bar") as gone:
        known: set[Pair] = set()
        with pytest.raises(PlanMisfit) as caught:
            gone.check(known, *([] if where == "over" else ["#common"]))
        assert caught.value.rule == "met"
        assert f"At frame 4, <i> #common.low is painted {where} something personal" in caught.value.message
        assert known == set()


def test_of_what_is_known_the_page_is_not_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with gone_through(stage, "<i id=bar></i><i class=low></i>", "#bar") as gone:
        known = {(gone.places[0], place_of(gone.page, ".low"))}

        def ask(*_: Any) -> Any:
            raise AssertionError("asked")

        monkeypatch.setattr(gone.page, "evaluate", ask)
        gone.check(known)
        with pytest.raises(AssertionError, match="asked"):
            gone.check(set())


def test_only_rows_in_which_two_meet_for_the_first_time_are_looked_at(
    browser_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    danger = next(one for one in DANGERS if one.name == "it grows over what lies over another")
    asked: list[Pair] = []

    def noted(*args: Any) -> Iterator[Meeting]:
        for one in meetings(*args):
            asked.append(one.pair)
            yield one

    # As rows do; a survey calls it by another name.
    monkeypatch.setattr("framepress.met.meetings", noted)
    press = Press(browser_options(browser_path, tmp_path))
    press.run(danger.write(tmp_path / "composition"), danger.rows, tmp_path / "reuse")
    press.close()
    assert asked == [("0/1/0/3", "0/1/0/2")]


PAIR = ("0/1", "0/2")


def meeting(depth: int, area: int, *, is_over: bool = True) -> Meeting:
    return Meeting(0, PAIR, depth, area, is_over)


def test_a_plan_tells_pairs_in_its_order_from_those_that_only_touched() -> None:
    found = [meeting(2, 40), meeting(3, 9)]
    assert as_planned(found, []) == ((), (Touch(*PAIR, 3, 40),))
    assert as_planned(found, ["0/2"]) == ((PAIR,), ())
    # Once in one order and once in the other.
    found += [meeting(50, 900, is_over=False)]
    assert as_planned(found, []) == ((), (Touch(*PAIR, 3, 40),))
    assert as_planned(found, ["0/2"]) == ((), (Touch(*PAIR, 50, 900),))
    assert as_planned([], []) == ((), ())


@pytest.mark.parametrize(("depth", "area", "is_misfit"), [(5, 126, False), (4, 252, True), (6, 125, True)])
def test_where_pictures_agreed_in_spite_of_the_order_it_may_touch_little_more_than_that(
    depth: int, area: int, is_misfit: bool, stage: Stage
) -> None:
    body = "<i id=bar style='animation:none'></i><i id=common style='top:26px'></i>"
    with gone_through(stage, body, "#bar") as gone:
        # Each is taken to paint a pixel farther than it does.
        assert [pair[2:] for pair in gone.states[0].met] == [(6, 252)]
        touch = Touch(gone.places[0], place_of(gone.page, "#common"), depth, area)
        known: set[Pair] = set()
        with pytest.raises(PlanMisfit, match="did not meet there") if is_misfit else nullcontext():
            gone.check(known, touched=[touch])
        assert known == set()


BAR = "<i id=bar style='animation:none;top:30px'></i>"
FLOWING_BAR = (
    "<i id=bar style='animation:none;position:static;display:inline-block;margin:30px 0 0 10px'></i>"
)
#: Its box is lower than the bar, its shadow is not.
SHADE = "id=common style='position:absolute;left:10px;top:70px;width:40px;height:20px;box-shadow:0 -30px #063"
FLOWING = "position:static;display:inline-block;margin:70px 0 0 10px"


@pytest.mark.parametrize(
    ("body", "is_over"),
    [
        (f"{BAR}<b {SHADE}'></b>", True),
        (f"<b {SHADE}'></b>{BAR}", False),
        (f"<b {SHADE};z-index:1'></b>{BAR}", True),
        (f"{BAR}<b {SHADE};z-index:-1'></b>", False),
        (f"<div style='isolation:isolate'><b {SHADE};z-index:1'></b></div>{BAR}", False),
        (f"<div style='position:relative'><b {SHADE};z-index:1'></b></div>{BAR}", True),
        (f"<div style='position:relative'><b {SHADE}'></b></div>{BAR}", False),
        (f"<div style='opacity:.9'>{BAR}</div><b {SHADE}'></b>", True),
        (f"<div style='position:relative;z-index:2'>{BAR}</div><b {SHADE};z-index:1'></b>", False),
        (f"<div style='position:relative;z-index:0'>{BAR}<b {SHADE};z-index:1'></b></div>", True),
        # Not positioned, it is painted before what is.
        (f"{BAR}<b {SHADE};{FLOWING}'></b>", False),
        (f"<b {SHADE};{FLOWING}'></b>{BAR}", False),
        (
            f"<div style='position:relative'><div style='filter:blur(0)'>{BAR}</div><b {SHADE}'></b></div>",
            True,
        ),
        (f"<div style='position:relative'>{BAR}<b {SHADE};{FLOWING};filter:blur(0)'></b></div>", True),
        (f"<div style='isolation:isolate'>{BAR}<b {SHADE};{FLOWING}'></b></div>", False),
        (f"<div style='isolation:isolate'>{FLOWING_BAR}<b {SHADE};z-index:-1'></b></div>", False),
        # Low, but in a context of its own.
        (
            f"<div style='opacity:.9'>{BAR}</div><div style='opacity:.9'><b {SHADE};z-index:-1'></b></div>",
            True,
        ),
    ],
)
def test_where_nothing_can_be_hit_css_says_what_is_over(body: str, is_over: bool, stage: Stage) -> None:
    picture = next(stage.stills(page_around(body), [0]))
    assert bool(picture[45, 30, 0] < 100) is is_over, "the shadow is not where the case says"
    with gone_through(stage, body, "#bar") as gone:
        assert {one.is_over for one in meetings(gone.page, gone.states, gone.places, FPS, set())} == {is_over}


def test_what_can_be_hit_says_what_is_over(stage: Stage) -> None:
    # Texts are painted over the grounds of all boxes in the flow, of later ones too.
    text = "<p id=bar style='margin:0;font:30px/40px sans-serif;color:#d22;animation:none'>HHHHHH</p>"
    body = f"{text}<div style='margin-top:-40px;height:40px;background:#063'></div>"
    assert next(stage.stills(page_around(body), [0]))[..., 0].max() > 200
    with gone_through(stage, body, "#bar") as gone:
        assert [one.is_over for one in meetings(gone.page, gone.states, gone.places, FPS, set())] == [False]


def test_the_order_is_that_of_the_frame_at_which_they_meet(stage: Stage) -> None:
    sinks = "<style>@keyframes sink { 0%, 70% { z-index: 1 } 71%, to { z-index: -1 } }</style>"
    body = f"{sinks}<i id=bar></i><i class=low style='animation:sink 1s steps(1) both'></i>"
    with gone_through(stage, body, "#bar") as gone:
        found = list(meetings(gone.page, gone.states, gone.places, FPS, set()))
        assert (found[0].frame, found[0].is_over) == (4, True)


def test_what_was_seen_in_both_orders_is_never_known(stage: Stage) -> None:
    with gone_through(stage, "<i id=common class=low></i><i id=bar></i>", "#bar") as gone:
        known: set[Pair] = set()
        gone.check(known, touched=[Touch(gone.places[0], place_of(gone.page, "#common"), 1, 1)])
        assert known == set()
