"""Lists with reuse: plans that are found again, given up, capped, or not wanted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dangers import NAMES, SUN, Danger, knows, values, within
from framepress.cache import Cache
from framepress.plan import Plan
from framepress.shelf import Shelf, voided
from framepress.survey_bench import NoPlan
from framepress.tasks import Surveyed, SurveyTask
from lists import Press, Ran
from program import Program
from stage import browser_options

CARD = Danger("a card", within(""), rows=values(name=NAMES))
TWELVE = ("Ann", "Ben", "Cleo", "Dora", "Eve", "Finn", "Gus", "Hal", "Zed", "Ivo", "Jan", "Kimberley")


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


def surveys(ran: Ran) -> list[Surveyed]:
    """What surveys gave; those that only looked whether something is known, in vain, are left out."""
    answers = [
        a.reply for a in ran.answers if isinstance(a.task, SurveyTask) and isinstance(a.reply, Surveyed)
    ]
    return [answer for answer in answers if answer.found is not None]


def plans(ran: Ran) -> set[str | None]:
    return {result.plan for result in ran.results.values()}


def test_a_sample_list_first_and_the_full_list_then_finds_plan_plate_and_rows(
    press: Press, tmp_path: Path
) -> None:
    page, cache = CARD.write(tmp_path / "composition"), tmp_path / "cache"
    sample = press.run(page, CARD.rows, tmp_path / "sample", cache=cache)
    [first] = surveys(sample)
    assert not first.stored
    full = press.run(page, [*CARD.rows, {"name": "Gustavo"}, {"name": "Hal"}], tmp_path / "full", cache=cache)
    [second] = surveys(full)
    assert second.stored and second.found == first.found
    assert [result.path for _, result in sorted(full.results.items())] == ["stored"] * 6 + ["reuse"] * 2
    assert {full.results[7].plan, full.results[8].plan} == {first.found}
    assert full.bytes()["1.mp4"] == sample.bytes()["1.mp4"]


def test_a_plan_whose_plate_is_gone_is_made_again(press: Press, tmp_path: Path) -> None:
    page, folder = CARD.write(tmp_path / "composition"), tmp_path / "cache"
    press.run(page, CARD.rows, tmp_path / "one", cache=folder)
    cache = Cache(folder)
    for key in list(cache.keys("plate")):
        cache.remove("plate", key)
    again = press.run(page, CARD.rows, tmp_path / "two", cache=folder, again=True)
    [survey] = surveys(again)
    assert not survey.stored
    assert set(again.paths().values()) == {"reuse"}


def test_one_plan_gives_the_same_bytes_in_any_order(press: Press, tmp_path: Path) -> None:
    page, cache = CARD.write(tmp_path / "composition"), tmp_path / "cache"
    one = press.run(page, CARD.rows, tmp_path / "one", cache=cache)
    order = random.Random(3).sample(range(6), 6)
    other = press.run(page, [CARD.rows[k] for k in order], tmp_path / "other", cache=cache, again=True)
    assert set(other.paths().values()) == {"reuse"}
    assert plans(one) == plans(other)
    for place, row in enumerate(order, start=1):
        assert other.bytes()[f"{place}.mp4"] == one.bytes()[f"{row + 1}.mp4"]


# ---- how far ------------------------------------------------------------------------------------

#: Two GOPs, of which the second shows nothing personal.
LATE = Danger(
    "a name for a second",
    "<div class=card data-start=0 data-end=1><p>{{$NAME}}</p></div>",
    seconds="4",
    fps=5,
)


@pytest.mark.parametrize(("level", "segments"), [("segments", 1), ("frames", 0)])
def test_frames_stores_no_segments_and_segments_does(
    press: Press, tmp_path: Path, level: Any, segments: int
) -> None:
    page, cache = LATE.write(tmp_path / "composition"), tmp_path / "cache"
    ran = press.run(page, LATE.rows, tmp_path / "out", cache=cache, reuse=level)
    assert {(result.path, result.reuse) for result in ran.results.values()} == {("reuse", level)}
    assert len(list(Cache(cache).keys("segment"))) == segments
    stored = [result.stored_segments for _, result in sorted(ran.results.items())]
    assert stored == ([0] + [1] * 5 if segments else [0] * 6)


def test_off_takes_no_plan_even_if_there_is_one(press: Press, tmp_path: Path) -> None:
    page, cache = CARD.write(tmp_path / "composition"), tmp_path / "cache"
    press.run(page, CARD.rows, tmp_path / "one", cache=cache)
    off = press.run(page, CARD.rows, tmp_path / "two", cache=cache, reuse="off")
    # What was stored with reuse will not do either.
    assert set(off.paths().values()) == {"plain"}
    assert not surveys(off)
    assert plans(off) == {None}


def test_without_a_cache_a_run_has_plans_of_its_own_and_leaves_nothing(press: Press, tmp_path: Path) -> None:
    page = CARD.write(tmp_path / "composition")
    for out in ("one", "two"):
        ran = press.run(page, CARD.rows, tmp_path / out)
        [survey] = surveys(ran)
        assert not survey.stored
        assert set(ran.paths().values()) == {"reuse"}


@pytest.mark.slow
@pytest.mark.parametrize("change", ["file", "setting", "value that all share"])
def test_a_changed_input_finds_no_plan(press: Press, tmp_path: Path, change: str) -> None:
    danger = Danger(
        "a card", within("background:{{$GROUND}}"), rows=values(name=NAMES, ground=["#eee"]),
        variables={"NAME": {"default": "A"}, "GROUND": {"default": "#fff"}},
    )  # fmt: skip
    page, cache = danger.write(tmp_path / "composition"), tmp_path / "cache"
    [first] = surveys(press.run(page, danger.rows, tmp_path / "one", cache=cache))
    rows, settings = danger.rows, danger.settings
    if change == "file":
        page.write_text(page.read_text() + "<!-- -->")
    elif change == "setting":
        settings = settings.model_copy(update={"crf": 20})
    else:
        rows = values(name=NAMES, ground=["#dde"])
    [second] = surveys(press.run(page, rows, tmp_path / "two", cache=cache, settings=settings))
    assert not second.stored
    assert second.key != first.key


# ---- plans that turn out wrong ------------------------------------------------------------------


def test_a_wrong_plan_is_given_up_and_what_it_made_is_made_again(press: Press, tmp_path: Path) -> None:
    danger = Danger("special", knows("side.textContent = 'other';"), rows=values(name=TWELVE))
    page, folder = danger.write(tmp_path / "composition"), tmp_path / "cache"
    ran = press.run(page, danger.rows, tmp_path / "out", cache=folder)
    first, second = (survey.found for survey in surveys(ran))
    assert isinstance(first, str) and isinstance(second, str) and first != second
    # Loudly, once, and by row number, not by what stands in the row.
    [note] = ran.notes
    assert "Row 9" in note and "rendered again" in note and "Zed" not in note
    # Rows that had been done were done again.
    made_twice = {result.row for result in ran.told if result.plan == first}
    assert made_twice and made_twice <= {result.row for result in ran.told if result.plan == second}
    assert {result.plan for result in ran.results.values()} == {second}
    # The mark stays, and clips of the wrong plan are of no use to a later run.
    assert voided(Cache(folder)) == {first}
    later = press.run(page, danger.rows, tmp_path / "later", cache=folder)
    assert set(later.paths().values()) == {"stored"}
    assert later.bytes() == ran.bytes()


@pytest.mark.slow
def test_clips_of_earlier_runs_fall_with_their_plan(press: Press, tmp_path: Path) -> None:
    danger = Danger("special", knows("side.textContent = 'other';"), rows=values(name=TWELVE))
    page, folder = danger.write(tmp_path / "composition"), tmp_path / "cache"
    # The first list has nobody whom the page treats in a way of its own.
    few = [row for row in danger.rows if row["name"] != "Zed"]
    before = press.run(page, few, tmp_path / "out", cache=folder)
    [wrong] = plans(before)
    # Rows that are there already are looked up before the one that shows what is wrong is rendered.
    ran = press.run(page, [*few, {"name": "Zed"}], tmp_path / "out", cache=folder)
    assert {result.row for result in ran.told if result.path == "stored"} == set(range(1, len(few) + 1))
    assert len(ran.notes) == 1
    assert wrong not in plans(ran)
    assert {result.path for result in ran.results.values()} == {"reuse"}


@pytest.mark.slow
def test_clips_of_a_plan_given_up_later_are_not_used(press: Press, tmp_path: Path) -> None:
    page, folder = CARD.write(tmp_path / "composition"), tmp_path / "cache"
    one = press.run(page, CARD.rows, tmp_path / "one", cache=folder)
    [digest] = plans(one)
    assert digest is not None
    Cache(folder).put_bytes("void", digest, b"a test says so")
    for out in ("one", "two"):
        again = press.run(page, CARD.rows[:5], tmp_path / out, cache=folder)
        assert "stored" not in again.paths().values() or out == "two"
        assert digest not in plans(again)


@pytest.mark.slow
def test_a_group_whose_plans_are_wrong_again_and_again_is_plain(press: Press, tmp_path: Path) -> None:
    action = " ".join(
        f"if (name.textContent === '{who}') {what}"
        for who, what in [
            ("Gus", "side.textContent = 'other';"),
            ("Hal", "document.querySelector('.sun').style.background = '#0f0';"),
            ("Zed", "document.getElementById('ink').style.background = '#0f0';"),
        ]
    )
    body = knows("").replace(
        "if ('{{$NAME}}' === 'Zed') {  }", f"const name = document.getElementById('name'); {action}"
    )
    danger = Danger("three", body, rows=values(name=TWELVE))
    ran = press.run(danger.write(tmp_path / "composition"), danger.rows, tmp_path / "out")
    assert len(ran.notes) == 3
    assert set(ran.paths().values()) == {"plain"}
    assert all("3 plans of its group were wrong" in str(result.reason) for result in ran.results.values())


# ---- shelf --------------------------------------------------------------------------------------


def test_a_shelf_lets_go_of_a_plan_that_another_process_gave_up(press: Press, tmp_path: Path) -> None:
    page, folder = CARD.write(tmp_path / "composition"), tmp_path / "cache"
    ran = press.run(page, CARD.rows, tmp_path / "one", cache=folder)
    [survey] = surveys(ran)
    cache = Cache(folder)
    shelf = Shelf(cache, "c" * 64, CARD.settings)
    loaded = shelf.load(survey.key)
    assert loaded is not None and shelf.load(survey.key) is loaded
    other = Cache(folder)
    other.put_bytes("void", loaded.plan.digest, b"a test says so")
    assert shelf.load(survey.key) is None
    assert shelf.find(survey.key) is None
    shelf.put(survey.key, NoPlan("rule", "reason", ("NAME",)))
    assert shelf.find(survey.key) == NoPlan("rule", "reason", ("NAME",))
    shelf.put(survey.key, loaded.plan)
    # Given up stays given up, even if it is put there again.
    assert shelf.find(survey.key) is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shelf, "is_void", lambda _, __: False)
        assert isinstance(shelf.find(survey.key), Plan)


# ---- the program, with workers of its own -------------------------------------------------------


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(program: Program) -> None:
    program.environ["FRAMEPRESS_MAX_REUSE"] = None
    danger = Danger("special", knows("side.textContent = 'other';"), rows=values(name=TWELVE))
    danger.write(program.folder / "special")
    program.write("rows.json", danger.rows)
    common = ("render", "special/page.html", "--variants", "rows.json", "--out-name", "{name}.mp4", "--json")
    cache = ("--cache-dir", "cache")
    two = program.run(*common, *cache, "--out-dir", "two", "--workers", "2")
    one = program.run(*common, *cache, "--out-dir", "one", "--workers", "1", "--force")
    assert (two.code, one.code) == (0, 0)
    assert {row["path"] for row in one.rows().values()} == {"reuse"}
    assert program.clips("one") == program.clips("two")
    assert "Row 9" in two.stderr and "Zed" not in two.stderr


@pytest.mark.slow
def test_an_organisation_may_cap_reuse(program: Program) -> None:
    CARD.write(program.folder / "card")
    program.write("rows.json", CARD.rows)
    common = ("render", "card/page.html", "--variants", "rows.json", "--json", "--workers", "1")
    for cap, expected in (("off", {("plain", "off")}), ("frames", {("reuse", "frames")})):
        program.environ["FRAMEPRESS_MAX_REUSE"] = cap
        ended = program.run(*common, "--out-dir", cap, "--no-cache")
        assert {(row["path"], row["reuse"]) for row in ended.rows().values()} == expected


@pytest.mark.parametrize(("seconds", "path"), [("0.8", "reuse"), ("16", "plain")])
def test_a_small_clip_in_which_everything_moves_is_not_put_together_of_parts(
    seconds: str, path: str, press: Press, tmp_path: Path
) -> None:
    danger = Danger(
        "small",
        f"{SUN}<p id=name style='position:absolute;left:4px;top:60px'>{{{{$NAME}}}}</p>",
        head=f"<style>#name {{ animation: go {seconds}s linear both }}"
        " @keyframes go { to { transform: translate(120px, 60px) rotate(9deg) } }</style>",
        seconds=seconds,
        rows=values(name=["Ada", "Bartholomew", "Cy", "Dee", "Eve"]),
    )
    ran = press.run(
        danger.write(tmp_path / "composition"), danger.rows, tmp_path / "out", cache=tmp_path / "c"
    )
    assert set(ran.paths().values()) == {path}
    if path == "plain":
        reasons = {result.reason or "" for result in ran.results.values()}
        assert all("reuse would not be faster" in reason for reason in reasons), reasons


@pytest.mark.slow
def test_a_script_that_knows_row_400_of_1000(press: Press, tmp_path: Path) -> None:
    """The plan is given up after 399 rows, and they are made again."""
    names = [f"n{number:04}" for number in range(1, 1001)]
    danger = Danger(
        "thousand",
        # Something moves, or a whole frame would cost no more than its two personal parts.
        f"{SUN}<p id=name style='position:absolute;left:4px;top:4px'>{{{{$NAME}}}}</p>"
        "<b id=side style='position:"
        "absolute;left:4px;top:50px'>all</b><script>if ('{{$NAME}}' === 'n0400')"
        " document.getElementById('side').style.color = '#c00';</script>",
        width="160",
        height="90",
        seconds="0.6",
        fps=5,
        rows=values(name=names),
    )
    page = danger.write(tmp_path / "composition")
    ran = press.run(page, danger.rows, tmp_path / "out", cache=tmp_path / "cache")
    assert len(ran.notes) == 1 and "Row 400" in ran.notes[0]
    assert len(ran.results) == 1000
    assert set(ran.paths().values()) == {"reuse"}
    assert len(plans(ran)) == 1
    some = [*range(1, 1000, 50), 399, 400, 401, 1000]
    rows = [danger.rows[number - 1] for number in some]
    plain = press.run(page, rows, tmp_path / "plain", reuse="off")
    for place, number in enumerate(some, start=1):
        for one, other in zip(ran.frames[number], plain.frames[place], strict=True):
            assert abs(one.astype(int) - other).max() <= 2
