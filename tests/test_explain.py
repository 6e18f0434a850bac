"""What `framepress explain` tells, from small lists whose answer is known, and the numbers behind it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest

from framepress import explain
from framepress.band_layout import Band
from framepress.batch import Batch
from framepress.batch_request import BatchRequest, Progress
from framepress.cli import run as framepress_run
from framepress.cli import show
from framepress.explain import Measured
from framepress.explain_advice import Layout, advise
from framepress.explain_picture import PictureFacts, _Sheet, plate_png
from framepress.explanation import Advice, ExplainedGroup, ExplainedVariable, RowCost
from framepress.looks import GROUP, INLINE, TEXT, Differences
from framepress.poster import decode_rgb
from framepress.rects import Rect
from framepress.row_binding import BindingOptions
from framepress.settings import RenderSettings, RunLimits
from program import Program
from stage import Stage

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((ROOT / "docs/output.schema.json").read_text("utf-8"))

#: Four seconds at 5 frames per second, so key frames stand at 0 and 10. The name is seen from frame 12 to 16,
#: in a panel whose opacity makes it personal as a whole; a veil lies over the number.
PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">
{"NAME": {"default": "Ada"}, "POINTS": {"type": "number", "default": "7"}, "BRAND": {"default": "x"}}
</script>
<style>
  body { margin: 0; background: #fff; font: 16px sans-serif }
  .root { position: relative; width: 320px; height: 180px; overflow: hidden }
  .root > * { position: absolute; margin: 0 }
  .panel { left: 0; top: 80px; width: 300px; height: 100px; background: #acf; opacity: 0.8 }
  .panel h1 { margin: 0; width: 140px; height: 20px; font-size: 16px; overflow: hidden }
  .points { left: 10px; top: 10px; width: 60px; height: 20px }
  .veil { left: 5px; top: 16px; width: 40px; height: 6px; background: #0a08 }
  .brand { left: 200px; top: 10px }
</style>
<div class="root" data-width="320" data-height="180" data-fps="5" data-duration="4">
  <div class="panel" data-start="2.4" data-end="3.4"><h1 id="n">{{$NAME}}</h1></div>
  <p class="points" data-start="2.4" data-end="3.2">{{$POINTS}}</p>
  <div class="veil"></div>
  <p class="brand">{{$BRAND}}</p>
</div>
"""

#: Words that no output may hold: they are values of rows.
SECRETS = ("Zebulon", "Quintilla")


def people(count: int) -> list[dict[str, object]]:
    return [
        {"name": f"{SECRETS[n % 2]}{'x' * (n % 3)}{n}", "points": 1000 + n, "brand": "Acme"}
        for n in range(count)
    ]


# ---- a whole list -------------------------------------------------------------------------------


def test_a_list_is_explained_and_its_render_finds_the_plan(program: Program) -> None:
    program.write("card.html", PAGE)
    program.write("people.json", people(6))
    program.environ["FRAMEPRESS_CACHE_DIR"] = str(program.folder / "cache")
    program.environ["FRAMEPRESS_MAX_REUSE"] = None
    command = ("explain", "card.html", "--variants", "people.json", "--workers", "1")

    ended = program.run(*command, "--json", "--out", "look.png")
    assert ended.code == 0, ended.stderr
    [found] = ended.objects()
    jsonschema.validate(found, SCHEMA)
    [group] = found["groups"]

    assert (found["rows"], found["frames"], found["groups_in_all"]) == (6, 20, 1)
    kinds = {one["variable"]: (one["kind"], one["values"]) for one in found["variables"]}
    assert kinds == {"NAME": ("personal", 6), "POINTS": ("personal", 6), "BRAND": ("constant", 1)}

    panel, points = group["personal"]
    assert (panel["element"], panel["because"]) == ("<div> .panel", ["NAME"])
    assert (panel["first_frame"], panel["last_frame"], panel["seen_frames"]) == (12, 16, 5)
    assert (points["element"], points["because"]) == ("<p> .points", ["POINTS"])
    assert (points["first_frame"], points["last_frame"], points["seen_seconds"]) == (12, 15, 0.8)
    assert 0.5 < panel["area"] < 0.56
    assert group["above"] == ["<div> .veil"]
    assert [one["encoded"] for one in group["intervals"]] == ["once", "per row"]
    # One picture is all there is: nothing in the plate moves.
    assert group["plate_bytes"] == 320 * 180 * 3 // 2
    assert group["stateful"] == [] and group["reason"] is None
    assert group["cost"]["reused_intervals"] == 1
    assert 0 < group["cost"]["captured_frames"] < 6
    assert group["plain_frames"] == 10 and group["clip_bytes"] > 1000
    assert found["forecast"]["planned_rows"] == 6
    assert found["forecast"]["clips_bytes"] == 6 * group["clip_bytes"]
    effect = next(one for one in found["advice"] if one["about"] == "group-effect")
    assert effect["where"] == "<div> .panel"
    assert "opacity" in effect["why"] and "<h1> #n" in effect["why"]

    png = (program.folder / "look.png").read_bytes()
    assert found["picture"] == "look.png"
    colours = decode_rgb(png).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) > 50
    assert not any(secret in ended.stdout.decode() + ended.stderr for secret in SECRETS)

    again = program.run(*command, "--quiet")
    assert again.code == 0 and again.stderr == ""
    assert f"plan {group['plan'][:12]} (found in the cache" in again.stdout.decode()
    assert not any(secret in again.stdout.decode() for secret in SECRETS)

    rendered = program.run("render", "card.html", "--variants", "people.json", "--workers", "1", "--json")
    assert rendered.code == 0, rendered.stderr
    made = {(row["path"], row["plan"], row["reason"]) for row in rendered.rows().values()}
    assert made == {("reuse", group["plan"], None)}
    program.assert_nothing_left()


def test_a_value_on_the_whole_page_is_named_and_nothing_of_it_is_shown(program: Program) -> None:
    page = PAGE.replace("background: #fff", "background: {{$TEAM}}").replace('"BRAND"', '"TEAM"')
    page = page.replace('"default": "x"', '"type": "color", "default": "red"').replace("{{$BRAND}}", "x")
    program.write("card.html", page)
    rows = people(6)
    for number, row in enumerate(rows):
        row["team"] = ("red", "blue", "gold")[number % 3]
    program.write("people.json", rows)
    program.environ["FRAMEPRESS_MAX_REUSE"] = "off"
    ended = program.run("explain", "card.html", "--variants", "people.json", "--json", "--out", "look.png")
    assert ended.code == 0, ended.stderr
    # Notes go to standard error beside --json.
    assert "FRAMEPRESS_MAX_REUSE is off" in ended.stderr
    [found] = ended.objects()
    jsonschema.validate(found, SCHEMA)
    # Rows are grouped by it, and two of a kind are too few.
    assert {group["plan"] for group in found["groups"]} == {None}
    kinds = {one["variable"]: one["kind"] for one in found["variables"]}
    assert kinds["TEAM"] == "shared"
    assert "TEAM" in {one["where"] for one in found["advice"] if one["about"] == "many-groups"}
    # Without a plan there is no plate, and a picture of the page would show values.
    assert found["picture"] == "look.png"


def test_small_groups_are_explained_as_if_there_were_more_rows(program: Program) -> None:
    program.environ["FRAMEPRESS_MAX_REUSE"] = None
    program.write("card.html", PAGE)
    program.write("people.json", people(3))
    ended = program.run("explain", "card.html", "--variants", "people.json")
    text = ended.stdout.decode()
    assert ended.code == 0, ended.stderr
    assert "rendered without reuse: its group has 3 rows" in text
    assert "1  <div> .panel" in text and "0-9 encoded once" in text
    program.assert_nothing_left()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--out", "look.jpg"), "expected the name of a PNG file"),
        (("--out", "nowhere/look.png"), "there is no folder"),
        (("--groups", "0"), "expected 1 to 100"),
        (("--rows", "x"), "--rows"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_done(
    more: Sequence[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card.html").write_text(PAGE, "utf-8")
    assert framepress_run(["explain", "card.html", "--variants", "people.json", *more]) == 2
    assert said in capsys.readouterr().err


def test_examples_of_the_help_name_options_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert framepress_run(["explain", "--help"]) == 0
    text = capsys.readouterr().out
    examples = re.findall(r"^ +framepress explain .*$", text, re.MULTILINE)
    assert len(examples) == 3
    for option in set(re.findall(r"--[a-z-]+", " ".join(examples))):
        assert re.search(rf"^ +(-o, )?.*{option}\b", text, re.MULTILINE), option


# ---- progress -----------------------------------------------------------------------------------


def test_a_run_says_what_its_survey_is_doing(stage: Stage) -> None:
    (stage.folder / "card.html").write_text(PAGE, "utf-8")
    (stage.folder / "people.json").write_text(json.dumps(people(5)), "utf-8")
    told: list[Progress] = []
    request = BatchRequest(
        composition=stage.folder / "card.html",
        rows=str(stage.folder / "people.json"),
        out_dir=stage.folder / "out",
        binding=BindingOptions(),
        settings=RenderSettings(),
        limits=RunLimits(),
        browser=stage.options,
        workers=1,
    )
    with Batch(request, on_progress=lambda progress: told.append(replace(progress))) as batch:
        batch.prepare()
        assert [result.status for result in batch.results()] == ["done"] * 5
    planning = [one for one in told if one.phase == "planning" and one.step]
    assert planning and planning[0].step == "comparing rows" and planning[0].step_total > 0
    assert told[-1].phase == "rendering" and told[-1].step == ""


def test_plain_lines_tell_the_step_of_a_survey(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "PLAIN_LINE_S", 0.0)
    with show.Reporter(quiet=False) as reporter:
        reporter.batch(
            Progress(phase="planning", total=9, step="making the plate", step_done=30, step_total=60)
        )
        reporter.batch(Progress(phase="planning", total=9, done=2))
        reporter.note("a plan was given up")
    with show.Reporter(quiet=True) as reporter:
        reporter.note("not this")
    assert capsys.readouterr().err.splitlines() == [
        "planning: making the plate, 50 %",
        "planning: opening, 0 %; 2/9 rows",
        "Note: a plan was given up",
    ]


# ---- numbers ------------------------------------------------------------------------------------

A, B = Rect(0, 0, 10, 10), Rect(20, 0, 10, 10)


def test_a_typical_frame_is_the_middle_of_the_longest_run_with_most_elements() -> None:
    seen = [(A, None), (A, B), (A, None), (A, B), (A, B), (A, B), (None, None)]
    assert explain.typical_frame(seen) == 4
    assert explain.typical_frame([()]) == 0


def test_an_interval_is_encoded_once_only_if_nothing_personal_is_in_any_of_its_frames() -> None:
    seen: list[tuple[Rect | None]] = [(None,), (None,), (None,), (A,)]
    found = explain.intervals([range(2), range(2, 4)], seen)
    assert [(one.start, one.stop, one.encoded) for one in found] == [(0, 2, "once"), (2, 4, "per row")]


def test_an_interval_tells_the_lines_that_are_encoded_per_row() -> None:
    bands = (Band(0, 4, False), Band(4, 9, True), Band(9, 12, False))
    seen: list[tuple[Rect | None]] = [(A,), (A,), (None,)]
    found = explain.intervals([range(1), range(1, 2), range(2, 3)], seen, [bands, bands[:1], bands], 180)
    assert [one.bands for one in found] == [((64, 144),), (), ()]
    [last] = explain.intervals([range(1)], [(A,)], [(Band(0, 4, False), Band(4, 12, True))], 180)
    assert last.bands == ((64, 180),)


def test_an_interval_that_is_cut_in_time_is_told_range_by_range() -> None:
    seen: list[tuple[Rect | None]] = [(None,), (A,), (A,), (None,), (None,), (None,)]
    found = explain.intervals([range(4), range(4, 6)], seen, ranges=((1, 3), (4, 6)))
    assert [(one.start, one.stop, one.encoded) for one in found] == [
        (0, 1, "once"),
        (1, 3, "per row"),
        (3, 4, "once"),
        (4, 6, "once"),
    ]


def test_an_element_is_counted_where_it_is_seen_and_its_area_is_that_of_all_frames() -> None:
    [one] = explain.elements(["<p>"], [(A,), (None,), (B,), (None,)], [["X"]], Fraction(2), (30, 20))
    assert (one.first_frame, one.last_frame, one.seen_frames, one.seen_seconds) == (0, 2, 2, 1.0)
    assert one.area == 0.5
    [never] = explain.elements(["<p>"], [(None,)], [[]], Fraction(2), (30, 20))
    assert (never.first_frame, never.seen_frames, never.area) == (None, 0, 0.0)


def test_the_first_row_does_not_count_unless_it_is_alone() -> None:
    first, later = Measured(9.0, 9.0, 100, 50, 0), Measured(1.0, 2.0, 100, 10, 2)
    cost = explain.row_cost([first, later, later])
    assert cost is not None
    assert (cost.measured_rows, cost.row_seconds, cost.row_cpu_seconds) == (2, 1.0, 2.0)
    assert (cost.captured_frames, cost.reused_intervals) == (10, 2)
    alone = explain.row_cost([first])
    assert alone is not None and alone.row_seconds == 9.0
    assert explain.row_cost([]) is None


def test_more_workers_help_until_the_processors_are_busy() -> None:
    assert explain.wall_seconds(10, 2.0, 1.0, workers=1, cpus=2) == 20
    assert explain.wall_seconds(10, 2.0, 1.0, workers=2, cpus=2) == 10
    assert explain.wall_seconds(10, 2.0, 1.0, workers=8, cpus=2) == 5
    assert explain.wall_seconds(1, 2.0, 0.1, workers=8, cpus=2) == 2


def group(number: int = 1, **more: object) -> ExplainedGroup:
    facts: dict[str, object] = {
        "group": number,
        "rows_in_group": 10,
        "plan": "0" * 64,
        "found": False,
        "rule": None,
        "reason": None,
        "stateful": (),
        "surveyed_rows": 4,
        "survey_seconds": 30.0,
        "personal": (),
        "above": (),
        "intervals": (),
        "plate_bytes": 1000,
        "cost": RowCost(
            measured_rows=2, row_seconds=1, row_cpu_seconds=1, captured_frames=3, reused_intervals=0
        ),
        "clip_bytes": 100,
        "plain_seconds": 10.0,
        "plain_cpu_seconds": 10.0,
        "plain_frames": 60,
    }
    return ExplainedGroup.model_validate(facts | more)


def test_the_forecast_takes_further_groups_to_be_like_the_last_and_counts_plans_to_be_made() -> None:
    sizes = [(10, True), (10, True), (4, False)]
    found = explain.forecast([group()], sizes, workers=1, cpus=2, plans_are_kept=True)
    assert found is not None
    # 10 rows by the plan that is there; 10 more and their plan; 4 without.
    assert found.run_seconds == 10 + (10 + 30) + 40
    assert (found.run_seconds_plain, found.planned_rows) == (240, 20)
    assert (found.clips_bytes, found.plates_bytes) == (2400, 2000)
    lost = explain.forecast([group()], sizes, workers=1, cpus=2, plans_are_kept=False)
    assert lost is not None and lost.run_seconds == found.run_seconds + 30
    nothing = group(plain_seconds=None, plain_cpu_seconds=None)
    assert explain.forecast([nothing], sizes, workers=1, cpus=2, plans_are_kept=True) is None


# ---- advice -------------------------------------------------------------------------------------


def layout(causes: Mapping[str, Sequence[str]], marks: Mapping[str, int], ink: Mapping[str, Rect]) -> Layout:
    found = Differences(
        marks=dict(marks),
        ink={place: (r.x, r.y, r.right, r.bottom) for place, r in ink.items()},
    )
    names = {place: f"<{place}>" for place in {*marks, *ink}}
    return Layout(list(causes), causes, names, found, {"0/1/0": {"opacity"}, "0/1": set()}, (100, 100))


def advice_of(one: ExplainedGroup, its: Layout | None, **variable: object) -> list[Advice]:
    facts = {"variable": "TEAM", "values": 3, "kind": "personal", "changes": (), **variable}
    return list(
        advise(
            [one], [its], [ExplainedVariable.model_validate(facts)], rows=10, groups_in_all=3, frame_count=60
        )
    )


def element(**more: object) -> dict[str, object]:
    return {
        "number": 1, "element": "<div>", "because": (), "first_frame": 0, "last_frame": 59, "seen_frames": 60,
        "seen_seconds": 2.0, "area": 0.1, **more,
    }  # fmt: skip


def test_an_effect_around_is_named_with_its_property() -> None:
    its = layout(
        {"0/1/0": ["0/1/0/0"]},
        {"0/1/0": GROUP, "0/1/0/0": 0},
        {"0/1/0": Rect(0, 0, 50, 50), "0/1/0/0": Rect(0, 0, 10, 10)},
    )
    [found] = advice_of(group(personal=[element()]), its)
    assert found.about == "group-effect" and found.where == "<0/1/0>"
    assert "opacity" in found.why and "25% of the picture" in found.why and "1.0% differs" in found.why


def test_text_beside_what_differs_is_named() -> None:
    its = layout(
        {"0/1/0": ["0/1/0/0"]},
        {"0/1/0": TEXT, "0/1/0/0": INLINE | TEXT},
        {"0/1/0": Rect(0, 0, 50, 50), "0/1/0/0": Rect(0, 0, 10, 10)},
    )
    [found] = advice_of(group(personal=[element()]), its)
    assert found.about == "text-beside" and "<0/1/0/0>" in found.why


def test_what_is_as_small_as_it_can_be_gets_no_advice() -> None:
    its = layout({"0/1/0": ["0/1/0"]}, {"0/1/0": TEXT}, {"0/1/0": Rect(0, 0, 50, 50)})
    assert advice_of(group(personal=[element()]), its) == []


def test_what_is_large_or_always_there_is_told() -> None:
    its = layout({"0/1/0": ["0/1/0"]}, {"0/1/0": TEXT}, {"0/1/0": Rect(0, 0, 90, 90)})
    cut = [{"start": 0, "stop": 30, "encoded": "per row"}, {"start": 30, "stop": 60, "encoded": "per row"}]
    large, never = advice_of(group(personal=[element(area=0.81)], intervals=cut), its)
    assert large.about == "large" and "81% of the picture the whole time" in large.why
    assert never.about == "never-free" and "30 frames" in never.change
    cut[0]["encoded"] = "once"
    assert advice_of(group(personal=[element()], intervals=cut), its) == []


def test_an_effect_on_the_body_is_named() -> None:
    its = layout({"0/1": ["0/1/0"]}, {"0/1": GROUP, "0/1/0": 0}, {"0/1/0": Rect(0, 0, 10, 10)})
    its = replace(its, effects={"0/1": {"filter"}})
    lost: dict[str, Any] = {
        "plan": None,
        "cost": None,
        "rule": "everything-personal",
        "reason": "because",
        "personal": [element(area=1.0)],
    }
    [found] = advice_of(group(**lost), its)
    assert found.about == "group-effect" and "filter on <0/1>" in found.why


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("length-differs", "data-duration"),
        ("mixes", "mix-blend-mode"),
        ("layers", "separate boxes"),
        ("rest", "script"),
        ("ink-outside", "shadows"),
        ("disagrees", "blending"),
        ("stateful", "hf-seek"),
        ("group-small", "longer"),
        ("survey-failed", "by itself"),
    ],
)
def test_every_reason_for_no_plan_comes_with_what_to_change(rule: str, change: str) -> None:
    found = advice_of(
        group(plan=None, cost=None, rule=rule, reason="So it is.", stateful=("timers alive",)), None
    )
    assert change in found[0].change
    assert "So it is" in found[0].why


def test_a_variable_that_makes_many_groups_is_named() -> None:
    [found] = advice_of(group(), None, kind="shared")
    assert (found.about, found.where) == ("many-groups", "TEAM")
    assert "3 groups of 3 rows" in found.why


def test_a_plan_that_saves_nothing_is_told() -> None:
    its = layout({}, {}, {})
    [found] = advice_of(group(plain_seconds=1.0), its)
    assert found.about == "does-not-pay" and "--reuse off" in found.change


# ---- the picture --------------------------------------------------------------------------------


def test_names_are_escaped_in_the_picture_and_every_element_has_its_line() -> None:
    found = explain.elements(
        [f'<p> .a"b{n}<script>' for n in range(20)], [(A,) * 20] * 3, [[]] * 20, Fraction(1), (100, 50)
    )
    facts = PictureFacts(
        title="<card>", subtitle="", reason="<none>", width=100, height=50, fps=Fraction(1), frame=1,
        grey=None, elements=found, seen=[(A,) * 20] * 3, above=[("<b>", B)], intervals=(),
    )  # fmt: skip
    html = _Sheet(facts).html()
    assert "<script>" not in html and '"b1<' not in html and "<card>" not in html and "<none>" not in html
    assert html.count("class=lane") == 16 and "and 4 more" in html
    assert html.count("class=label") == 21


def test_a_grey_plate_has_the_brightness_of_its_luma() -> None:
    packed = np.concatenate([np.full(8, 16, np.uint8), np.full(8, 235, np.uint8), np.full(8, 128, np.uint8)])
    png = plate_png(packed, 8, 2)
    assert struct.unpack(">II", png[16:24]) == (8, 2)
    pixels = decode_rgb(png)
    assert pixels[0].max() == 0 and pixels[1].min() == 255
