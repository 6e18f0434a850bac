"""Personal elements that look as in another row are not captured again, each for itself, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from dangers import SUN, Danger, values
from framepress.agreement import compare
from framepress.cache import Cache
from framepress.layer_groups import LayerState, Sources, seen
from framepress.layer_parts import groups_of, plan_windows
from framepress.layer_pieces import CachedLayers
from framepress.rects import Rect
from lists import Press, Ran
from stage import browser_options

NUMBERS = (11, 222, 3, 44, 555, 66, 7, 88)
STYLE = (
    "<style>@keyframes in { from { opacity: 0 } }"
    " .far { position: absolute; left: 236px; top: 148px; width: 70px }"
    " .near { position: absolute; left: 20px; top: 20px; width: 80px }</style>"
)


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


def rendered(danger: Danger, press: Press, folder: Path) -> Ran:
    """The list, all pictures compared with the plain path's."""
    page = danger.write(folder / "composition")
    ran = press.run(page, danger.rows, folder / "reuse", cache=folder / "cache")
    plain = press.run(page, danger.rows, folder / "plain", reuse="off")
    press.seen.clear()
    for number, frames in plain.frames.items():
        for index, (one, other) in enumerate(zip(ran.frames[number], frames, strict=True)):
            found = compare(one, other, int(danger.width), int(danger.height))
            assert found.holds, f"row {number}, frame {index}: {found}"
    return ran


TIERS = Danger(
    "a tier that rows share",
    SUN + "<div class=card style='animation: in .3s both'><p>{{$NAME}}</p></div>"
    "<b class=far style='animation: in .7s both'>{{$TIER}}</b>",
    head=STYLE,
    rows=values(name=[f"Name {number}" for number in NUMBERS], tier=["Gold", "Basic"]),
    seconds="2",
    variables={"NAME": {"default": "A"}, "TIER": {"default": "None"}},
)


def test_an_element_that_another_row_showed_alike_is_not_captured_again(press: Press, tmp_path: Path) -> None:
    ran = rendered(TIERS, press, tmp_path)
    assert set(ran.paths().values()) == {"reuse"}
    # The name comes in over 3 frames, the tier over 7; both tiers were captured when the plan was made.
    counts = sorted(result.captured_frames for result in ran.results.values())
    assert counts[:2] == [0, 0]
    assert all(1 <= count <= 4 for count in counts[2:]), counts


def numbered(name: str, body: str) -> Danger:
    """From row 3 on the name is the same and the number another."""
    names = ["Ada", "Bartholomew", *["Cy"] * (len(NUMBERS) - 2)]
    return Danger(
        name,
        SUN + body,
        head=STYLE + "<style>.count::after { content: ' ' counter(n) }</style>",
        rows=values(name=names, n=NUMBERS),
        variables={"NAME": {"default": "A"}, "N": {"type": "number", "default": "1"}},
    )


#: What one personal element may do to the picture of another without a word in its looks.
ACROSS = (
    numbered(
        "a counter",
        "<p class=near style='counter-set: n {{$N}}'>{{$N}}</p><p class='far count'>{{$NAME}}</p>",
    ),
    numbered(
        "a list",
        "<ol style='list-style: decimal inside'>"
        "<li class=near value='{{$N}}'>one</li><li class=far>{{$NAME}}</li></ol>",
    ),
    numbered(
        "a copy of a drawing",
        "<svg class=near width=80 height=40><g id=a><text y=20>{{$N}}</text></g></svg>"
        "<svg class=far width=120 height=40><use href='#a'/><text y=38>{{$NAME}}</text></svg>",
    ),
)


@pytest.mark.parametrize("danger", ACROSS, ids=[danger.name for danger in ACROSS])
@pytest.mark.slow
def test_an_element_that_shows_something_of_another_is_right(
    danger: Danger, press: Press, tmp_path: Path
) -> None:
    rendered(danger, press, tmp_path)


# ---- what is in a key ---------------------------------------------------------------------------

FPS = Fraction(30)


def state(index: int, *rects: Rect | None, looks: tuple[int, ...] = (1, 2), marks: int = 0) -> LayerState:
    nothing = (None, None)
    return LayerState(
        index, rects, (False, False), nothing, nothing, looks, (8, 9), (marks, 0), (False, False), 5
    )


LEFT, RIGHT = Rect(0, 0, 64, 64), Rect(512, 0, 64, 64)
APART = [state(index, LEFT, RIGHT) for index in range(40)]


def groups(states: list[LayerState]) -> list[tuple[int, ...]]:
    return groups_of(plan_windows(states, 1.0, patches=True))


def test_elements_that_meet_at_one_frame_are_one_group_in_all() -> None:
    assert groups(APART) == [(0,), (1,)]
    assert groups([*APART[:35], state(35, RIGHT, RIGHT), *APART[36:]]) == [(0, 1)]
    assert groups([state(0, LEFT, None)]) == [(0,)]


def facts(states: list[LayerState], sources: Sources) -> dict[str, object]:
    return seen([0], states, sources, ["0/1", "0/2"], [1920, 1080], FPS)[0]


ALONE = Sources(1, (3, 4), (True, True))


def test_what_is_seen_of_a_group_depends_on_nothing_of_the_others_unless_it_refers_to_them() -> None:
    other = [state(one.index, LEFT, RIGHT, looks=(1, 7)) for one in APART]
    assert facts(APART, ALONE) == facts(other, ALONE)
    assert facts(APART, ALONE) != facts(APART, Sources(1, (5, 4), (True, True)))
    assert facts(APART, ALONE) != facts(APART, Sources(2, (3, 4), (True, True)))
    assert facts(APART, ALONE) != facts([state(one.index, RIGHT, LEFT) for one in APART], ALONE)
    refers = Sources(1, (3, 4), (False, True))
    assert facts(APART, refers) != facts(other, refers)
    numbered = [state(one.index, LEFT, RIGHT, marks=2) for one in APART]
    differs = [state(one.index, LEFT, RIGHT, looks=(1, 7), marks=2) for one in APART]
    assert facts(numbered, ALONE) != facts(differs, ALONE)


def test_pictures_count_for_what_shows_files_and_other_files_for_everything(tmp_path: Path) -> None:
    def key(files: dict[str, str], *, pictured: bool) -> str:
        return CachedLayers(Cache(tmp_path), "env", {}, files).key({"seen": 1}, pictured=pictured)

    fox, owl = {"fox.svg": "1"}, {"fox.svg": "2"}
    assert key(fox, pictured=False) == key(owl, pictured=False)
    assert key(fox, pictured=True) != key(owl, pictured=True)
    assert key({"a.woff2": "1"}, pictured=False) != key({"a.woff2": "2"}, pictured=False)
