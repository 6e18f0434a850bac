"""`framepress proof` from a list to the page that a person looks at, clicked through in Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plain_browser import PlainPage, plain_page
from program import Ended, Program

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">{
  "NAME": {"default": "Ada", "fallback": "friend", "maxLength": 60}, "TIER": {"type": "enum",
  "default": "Gold", "options": ["Gold", "Silver"]}, "POINTS": {"type": "number", "default": "100"}}</script>
<style>
  #root { width: 480px; height: 270px; background: #123; color: #fff; font: 24px "Noto Sans" }
  p { position: absolute; margin: 0; left: 40px; white-space: nowrap }
  #name { top: 60px; width: 260px; overflow: hidden }
</style>
<div id="root" data-width="480" data-height="270" data-fps="10" data-duration="1">
  <p id="name" data-fade="in 0.3" data-start="0.1">{{$NAME}}</p><p style="top: 120px">{{$TIER}}</p>
  <p style="top: 180px">{{$POINTS}} points</p>
</div>
"""

SECRET = "Maximiliane-Theodora von Hohenberg"


def rows() -> list[dict[str, str]]:
    names = ["Asha", "Ben", "Zoë", "Grace Hopper", "Li", "Ada Byron", "Павел", "Søren", "Mae", "Noor"]
    made = [
        {
            "user": f"u{number}",
            "name": names[number % 10] if number < 10 else f"{names[number % 10]} {chr(65 + number % 26)}.",
            "tier": ("Gold", "Silver")[number % 2],
            "points": str(90 + number),
        }
        for number in range(30)
    ]
    made[4]["name"] = SECRET
    made[11]["name"] = "{{first}}"
    made[12]["name"] = ""
    made[17]["name"] = "Jos\u00c3\u00a9"
    made[20]["tier"] = "Tin"
    made[25]["name"] = "Ada \ue123"
    return made


@dataclass
class Proofed:
    program: Program
    ended: Ended
    document: dict[str, Any]

    @property
    def page(self) -> Path:
        return self.program.folder / "proof" / "proof.html"


@pytest.fixture(scope="module")
def proofed(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Proofed:
    program = Program.at(tmp_path_factory.mktemp("proof"))
    program.environ["FRAMEPRESS_BROWSER"] = str(browser_path)
    program.write("card.html", PAGE)
    program.write("people.json", json.dumps(rows(), ensure_ascii=False))
    command = ("proof", "card.html", "--variants", "people.json", "--id", "user", "--clips", "1")
    ended = program.run(*command, "--workers", "2", "--at", "0.7")
    return Proofed(program, ended, json.loads((program.folder / "proof/proof.json").read_text("utf-8")))


def kinds(document: dict[str, Any]) -> set[tuple[str, int | None]]:
    return {(one["rule"], one["row"]) for one in document["findings"]}


def test_every_planted_defect_is_found_and_nothing_else(proofed: Proofed) -> None:
    assert proofed.ended.code == 1, proofed.ended.stderr
    assert kinds(proofed.document) == {
        ("text-cut", 5), ("value-placeholder", 12), ("value-mojibake", 18), ("row-refused", 21),
        ("glyph-missing", 26), ("column-unused", None),
    }  # fmt: skip
    assert proofed.document["counts"] == {"error": 5, "warning": 0, "note": 1}
    assert 0.7 in proofed.document["moments"]


def test_the_document_names_rows_and_fields_and_holds_no_value(proofed: Proofed) -> None:
    text = (proofed.program.folder / "proof/proof.json").read_text("utf-8")
    assert SECRET not in text and "Asha" not in text and "{{first}}" not in text
    (cut,) = [one for one in proofed.document["findings"] if one["rule"] == "text-cut"]
    assert (cut["row"], cut["id"], cut["field"], cut["severity"]) == (5, "u4", "NAME", "error")
    assert cut["element"] == "<p> #name" and cut["box"][1] in range(50, 80)


def test_the_proof_set_shows_extremes_fallback_options_and_every_finding(proofed: Proofed) -> None:
    reasons = {reason for row in proofed.document["proof_set"] for reason in row["reasons"]}
    assert {"longest NAME", "fallback of NAME", "TIER is Gold", "TIER is Silver", "by lot"} <= reasons
    assert {"finding text-cut:NAME", "finding glyph-missing:NAME", "largest POINTS"} <= reasons
    assert len(proofed.document["proof_set"]) <= 24 and proofed.document["left_out"] == []


def test_the_page_asks_for_nothing_and_is_clicked_through(
    proofed: Proofed, browser_path: Path, tmp_path: Path
) -> None:
    with plain_page(browser_path, tmp_path) as page:
        page.open(proofed.page.as_uri())
        assert page.value("document.title") == "Proof of card.html"
        assert "5 errors" in page.value("document.getElementById('verdict').innerText")
        assert "--accept-errors" in page.value("document.getElementById('command').textContent")
        _filter(page, len(proofed.document["proof_set"]))
        _look(page)
        remote = [url for url in page.requests if not url.startswith(("file:", "data:"))]
        assert remote == []


def _cards(page: PlainPage) -> int:
    return int(page.value("document.querySelectorAll('.card').length"))


def _lines(page: PlainPage) -> list[str]:
    rules: list[str] = page.value(
        "[...document.querySelectorAll('#findings tbody tr')].map((line) => line.dataset.rule)"
    )
    return rules


def _filter(page: PlainPage, count: int) -> None:
    """Filters by severity, search and kind; each can be taken back."""
    assert _cards(page) == count and len(_lines(page)) == 6
    page.click("[data-severity=error]")
    assert len(_lines(page)) == 5 and _cards(page) < count
    page.click("#clear")
    assert len(_lines(page)) == 6
    page.key("/")
    page.type("hohenberg")
    assert _lines(page) == ["text-cut"] and _cards(page) == 1
    page.key("Escape")
    page.click("#clear")
    page.click("#kinds button")
    assert len(set(_lines(page))) == 1
    page.click("#clear")
    assert _cards(page) == count


def _look(page: PlainPage) -> None:
    """A finding opens its row with the place outlined; keys go on, to the clip and back."""
    page.click("[data-rule=text-cut]")
    assert page.value("document.getElementById('look').open")
    assert "Row 5" in page.value("document.getElementById('side').innerText")
    assert page.value("document.querySelectorAll('#stage rect.error').length") == 1
    page.wait_for("document.querySelector('#stage img').naturalWidth === 480")
    before = page.value("document.getElementById('side').innerText")
    page.key("ArrowRight")
    assert page.value("document.getElementById('side').innerText") != before
    page.key("ArrowLeft")
    assert page.value("document.getElementById('side').innerText") == before
    page.key("Escape")
    assert not page.value("document.getElementById('look').open")
    page.click(".card")
    page.wait_for("document.querySelector('#stage video')?.currentTime > 0.2")
    page.key("Escape")
    # Closed and opened again before the page is told that it was closed.
    closed = (
        "new Promise((done) => document.getElementById('look').addEventListener('close', done, {once: true}))"
    )
    page.value(
        f"(() => {{ document.querySelector('.card').click(); const told = {closed};"
        " document.getElementById('look').close(); document.querySelector('.card').click(); return told; })()"
    )
    assert page.value("document.querySelector('#stage video') !== null")
    page.key("Escape")
    page.click("#theme")
    assert page.value("document.documentElement.dataset.theme") == "dark"


@pytest.fixture
def bright(proofed: Proofed, browser_path: Path, tmp_path: Path) -> Iterator[PlainPage]:
    with plain_page(browser_path, tmp_path) as page:
        yield page


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_follow_the_system_and_stay_readable(
    proofed: Proofed, bright: PlainPage, dark: bool
) -> None:
    bright.open(proofed.page.as_uri(), dark=dark)
    assert bright.value("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    lightness = (
        "(() => { const colour = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);"
        " return colour.map(Number).reduce((sum, part) => sum + part) / 3; })()"
    )
    assert (bright.value(lightness) < 60) == dark
