"""The pure parts of the benchmark of reuse: its rows, its compositions and their ports, its tables."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import html5lib  # type: ignore[import-untyped]
import pytest

from framepress.composition_loading import load_composition

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "peers"), str(BENCHMARKS / "reuse")]

import rows as row_list  # noqa: E402
from peerbench.meter import Process, Usage  # noqa: E402
from peerbench.press import Arrival, MemoryLook, PressRun, worker_of  # noqa: E402
from reusebench import compositions, flat, page, port  # noqa: E402
from reusebench.cases import Outcome  # noqa: E402
from reusebench.peer import Peer, PeerResult  # noqa: E402
from reusebench.pictures import Agreement  # noqa: E402

CARD = compositions.CARD / "card.html"


class _Texts(HTMLParser):
    """Texts of a page and its attributes as a member sees them, with tokens where values go."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: set[tuple[str, str]] = set()
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in {"script", "style"}
        for name, value in attrs:
            if name == "data-set-text":
                self.texts.append(str(value))
            else:
                self.attributes.add((name.removeprefix("data-set-"), str(value)))

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def _read(text: str) -> _Texts:
    reader = _Texts()
    reader.feed(text)
    return reader


def _parse_errors(text: str) -> set[str]:
    parser = html5lib.HTMLParser()
    parser.parse(text)
    return {code for _, code, _ in parser.errors}


def _run(seconds: float, lines: list[dict[str, Any]], *, worker_mb: float = 400.0) -> PressRun:
    step = seconds / len(lines)
    arrivals = tuple(Arrival(step * place, line) for place, line in enumerate(lines, start=1))
    looks = tuple(MemoryLook(arrival.at_s, worker_mb, 50.0) for arrival in arrivals)
    return PressRun(Usage(seconds, seconds * 1.5), arrivals, {}, looks)


def _line(path: str = "plain", attempt: int = 1, **seconds: float) -> dict[str, Any]:
    return {"type": "row", "path": path, "attempt": attempt, "seconds": {"load": 0.1, **seconds}}


def _peer(result: PeerResult) -> Peer:
    peer = Peer.__new__(Peer)  # only its numbers are looked at
    peer.result = result
    return peer


def _cells(markdown: str, start: str) -> list[str]:
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_are_reproducible_and_a_long_list_begins_with_a_short_one() -> None:
    rows = row_list.make_rows(50)
    assert rows == row_list.make_rows(50)
    assert row_list.make_rows(200)[:50] == rows
    assert row_list.make_rows(10, first=41) == rows[40:]
    assert row_list.make_rows(50, seed=2) != rows


def test_no_two_of_two_thousand_rows_have_a_name_or_a_file_in_common() -> None:
    rows = row_list.make_rows(2_000)
    assert len({row["name"] for row in rows}) == 2_000
    assert len({row["out"] for row in rows}) == 2_000


def test_rows_satisfy_the_declarations_of_the_card_and_are_written_in_many_scripts() -> None:
    rows = row_list.make_rows(500)
    declared = port.declarations_of(CARD.read_text(encoding="utf-8"))
    for row in rows:
        assert len(row["name"]) <= declared["NAME"]["maxLength"]
        assert re.fullmatch(declared["LANG"]["pattern"], row["lang"])
        assert 0 <= row["points"] < row["goal"] <= declared["GOAL"]["max"]
        assert row["tier"] in declared["TIER"]["options"]
        assert row["next"] in declared["NEXT"]["options"]
        assert (compositions.CARD / row["avatar"]).exists()
    assert {row["lang"] for row in rows} >= {"en", "ar", "he", "hi", "zh-Hans", "ja", "ko", "el", "ru"}


def test_a_changed_campaign_changes_nothing_else() -> None:
    rows, changed = row_list.make_rows(20), row_list.make_rows(20, campaign="Thanks,")
    assert {row.pop("campaign") for row in changed} == {"Thanks,"}
    for row in rows:
        del row["campaign"]
    assert rows == changed


@pytest.mark.parametrize("name", ["card", "still", "window", "lower"])
def test_a_port_parses_and_says_the_same(tmp_path: Path, name: str) -> None:
    file = compositions.write_composition(name, tmp_path / "composition")
    variables = port.write_project(file, tmp_path / "project")
    ported = (tmp_path / "project" / "index.html").read_text(encoding="utf-8")
    source = file.read_text(encoding="utf-8")
    assert _parse_errors(ported) <= _parse_errors(source)
    original, copy = _read(source), _read(ported)
    assert copy.text == original.text
    assert original.attributes - copy.attributes == {("type", "application/hyperframes-vars")}
    assert "What a year, points earned in twelve months" in copy.text
    assert {"name", "points", "avatar"} <= set(variables)
    assert (tmp_path / "project" / "fonts" / "Inter-Medium.woff2").exists()


def test_a_port_of_a_video_gives_it_times_and_its_colours_to_the_style_sheet(tmp_path: Path) -> None:
    file = compositions.write_composition("lower-third", tmp_path / "composition")
    text, variables = port.port_html(file.read_text(encoding="utf-8"))
    assert '<video id="video" class="clip" data-start="0" data-duration="8" src="evening.mp4"' in text
    assert "background: var(--set-accent)" in text
    assert text.index("</video>") < text.index("getVariables()") < text.index("</body>")
    assert {variable["id"] for variable in variables} == {"name", "role", "place", "accent"}
    declared = port.declarations_of(file.read_text(encoding="utf-8"))
    for row in row_list.make_rows(500):
        assert all(
            len(row[name.lower()]) <= declared[name]["maxLength"] for name in ("NAME", "ROLE", "PLACE")
        )


def test_clips_are_as_long_as_their_compositions_say(tmp_path: Path) -> None:
    for name, frames in (("card", 180), ("window", 180), ("lower-third", 240)):
        assert compositions.frame_count(compositions.write_composition(name, tmp_path / name)) == frames


def test_a_port_declares_what_the_composition_declares_with_types_that_hyperframes_has() -> None:
    text, variables = port.port_html(CARD.read_text(encoding="utf-8"))
    by_name = {variable["id"]: variable for variable in variables}
    assert by_name["points"] == {
        "id": "points",
        "type": "number",
        "label": "Points this year",
        "default": 1284,
    }
    assert by_name["tier"]["type"] == by_name["avatar"]["type"] == "string"
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    assert json.loads(tree.attrib["data-composition-variables"]) == variables


def test_no_token_is_left_where_a_browser_would_act_on_it() -> None:
    text, _ = port.port_html(CARD.read_text(encoding="utf-8"))
    without_bindings = re.sub(r'data-set-[a-z-]+="[^"]*"', "", text)
    assert "{{$" not in without_bindings


def test_a_token_without_declaration_is_not_ported() -> None:
    text = CARD.read_text(encoding="utf-8").replace("What a year,", "What a year, {{$NOBODY}}")
    with pytest.raises(port.PortError, match="NOBODY"):
        port.port_html(text)


@pytest.mark.parametrize("name", sorted(compositions.COMPOSITIONS))
def test_every_composition_is_one(tmp_path: Path, name: str) -> None:
    composition = load_composition(compositions.write_composition(name, tmp_path / name))
    assert composition is not None


def test_a_card_that_has_changed_is_not_edited_by_halves() -> None:
    changed = CARD.read_text(encoding="utf-8").replace('<div class="knob"', '<div class="handle"')
    with pytest.raises(compositions.CompositionError, match="knob"):
        compositions.COMPOSITIONS["window"](changed)


def test_processes_below_a_worker_are_counted_with_it() -> None:
    tree = [
        Process(pid, parent, "S", 0.0) for pid, parent in ((10, 1), (20, 1), (11, 10), (12, 11), (21, 20))
    ]
    assert worker_of(1, tree) == {10: 10, 20: 20, 11: 10, 12: 10, 21: 20}


def test_times_hyperframes_are_clips_per_hour_by_clips_per_hour() -> None:
    outcome = Outcome("card", "the card", 4, 10)
    outcome.runs.append(_run(8.0, [_line()] * 4))  # 1,800 an hour
    outcome.peer = _peer(PeerResult([20.0, 18.0, 22.0], [30.0, 30.0, 30.0], 6, 1))  # 180 an hour
    cells = _cells(page.peer_table([outcome]), "card")
    assert cells[2:] == ["1,800", "180", "6 (1 failed)", "10.0", "10", "met"]
    outcome.target = 10.1
    assert _cells(page.peer_table([outcome]), "card")[-1] == "**not met**"


def test_numbers_of_an_earlier_run_are_marked() -> None:
    outcome = Outcome("card", "the card", 4, 10)
    outcome.runs.append(_run(8.0, [_line()] * 4))
    outcome.peer = _peer(PeerResult([20.0], [30.0], 2, 0, "2026-11-01 10:00 UTC"))
    text = page.peer_table([outcome])
    assert _cells(text, "card")[3] == "180 (earlier)"
    assert "2026-11-01 10:00 UTC" in text


def test_slower_than_the_plain_path_by_more_than_five_percent_is_not_met() -> None:
    outcome = Outcome("one", "a group of one", 1)
    outcome.runs = [_run(10.4, [_line()])]
    outcome.plain = [_run(10.0, [_line()])]
    assert _cells(page.self_table([outcome]), "one")[-3:] == ["+4.0%", "5%", "met"]
    outcome.runs = [_run(10.6, [_line()])]
    assert _cells(page.self_table([outcome]), "one")[-3:] == ["+6.0%", "5%", "**not met**"]


def test_steps_are_medians_of_rendered_rows_whatever_their_names() -> None:
    outcome = Outcome("card", "the card", 4)
    lines = [_line(survey=2.0), _line(survey=4.0), _line(survey=9.0), _line("stored", 0, survey=0.0)]
    outcome.runs.append(_run(8.0, lines))
    assert _cells(page.steps_table([outcome]), "card") == ["card", "0.100", "4.000"]
    assert _cells(page.cost_table([outcome]), "card")[-2:] == ["400", "3 plain, 1 stored"]


def test_different_pictures_are_called_so() -> None:
    same = Agreement("card", {0.5: 100.0, 1.5: 46.0}, 12, Path())
    other = Agreement("still", {0.5: 100.0, 1.5: 31.0}, 245, Path())
    video = Agreement("lower-third", {0.5: 44.7, 1.5: 44.6}, 18, Path())
    text = page.picture_table([same, other, video])
    assert _cells(text, "card")[-1] == _cells(text, "lower-third")[-1] == "one picture"
    assert _cells(text, "still")[-1] == "**NOT one picture**"


def test_early_rows_are_compared_with_late_ones() -> None:
    times = [0.1 * place for place in range(1, 1_001)]
    times += [100 + 0.2 * place for place in range(1, 1_001)]  # half as fast in the second half
    arrivals = tuple(Arrival(at_s, _line()) for at_s in times)
    looks = tuple(MemoryLook(at_s, 300 + at_s, 50.0) for at_s in times)
    flatness = flat.flatness_of(PressRun(Usage(300.0, 0.0), arrivals, {}, looks))
    assert (flatness.early.first, flatness.early.last) == (100, 200)
    assert (flatness.late.first, flatness.late.last) == (1_900, 2_000)
    assert flatness.early.clips_per_minute == pytest.approx(600)
    assert flatness.late.clips_per_minute == pytest.approx(300)
    assert flatness.early.worker_mb == pytest.approx(315)
    assert flatness.late.worker_mb == pytest.approx(590)
