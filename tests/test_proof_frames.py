"""Rows laid out in frames: only where nothing is against it, never believed against a page of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framepress.composition_loading import load_composition
from framepress.preflight.framing import why_not_framed
from program import Program

PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">{"NAME": {"default": "Ada", "maxLength": 60}}</script>
<style>#root { width: 320px; height: 180px; background: #123; color: #fff; font: 20px "Noto Sans" }
  p { position: absolute; margin: 0; left: 30px; top: 40px; width: 160px; overflow: hidden }
  p { white-space: nowrap }
</style>
<div id="root" data-width="320" data-height="180" data-fps="5" data-duration="0.4">
  <p id="name">{{$NAME}}</p></div>
<script>%s</script>
"""

#: Shows more in a frame than in a tab, and is not seen through by its words.
TWO_FACED = """const around = globalThis["to" + "p"];
if (around !== globalThis) document.getElementById("name").textContent += " and a very long word after it";"""


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("element.style.top = '1px'; const parent = element.parentElement;", None),
        ("localStorage.setItem('seen', 1)", 'uses "localStorage"'),
        ("if (window.top !== window) stop()", 'uses "window.top"'),
        ("new Worker('count.js')", 'uses "Worker"'),
    ],
)
def test_what_lives_on_or_looks_around_is_not_framed(tmp_path: Path, script: str, reason: str | None) -> None:
    (tmp_path / "card.html").write_text(PAGE % script, encoding="utf-8")
    found = why_not_framed(load_composition(tmp_path / "card.html"))
    assert (found is None) == (reason is None) and (reason or "") in (found or "")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("<!-- <iframe> --><p>a history of cookies, and navigation</p>", None),
        ('<iframe srcdoc="x"></iframe>', "<iframe>"),
        ('<p onclick="parent.history.back()">x</p>', '"history"'),
        ('<meta http-equiv="refresh" content="1">', "<meta>"),
    ],
)
def test_markup_is_read_as_markup(tmp_path: Path, more: str, reason: str | None) -> None:
    (tmp_path / "card.html").write_text((PAGE % "") + more, encoding="utf-8")
    found = why_not_framed(load_composition(tmp_path / "card.html"))
    assert (found is None) == (reason is None) and (reason or "") in (found or "")


def test_scripts_in_files_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "count.js").write_text("sessionStorage.clear()", encoding="utf-8")
    page = (PAGE % "") + '<script src="count.js"></script>'
    (tmp_path / "card.html").write_text(page, encoding="utf-8")
    assert "sessionStorage" in (why_not_framed(load_composition(tmp_path / "card.html")) or "")


@pytest.mark.browser
@pytest.mark.parametrize("script", [pytest.param("", marks=pytest.mark.slow), TWO_FACED])
def test_a_page_that_looks_otherwise_in_a_frame_is_loaded_for_every_row(
    program: Program, script: str
) -> None:
    program.write("card.html", PAGE % script)
    program.write("people.json", [{"name": name} for name in ("Mae", "Maximiliane-Theodora Hohenberg", "Li")])
    ended = program.run("proof", "card.html", "--variants", "people.json", "--clips", "0", "--workers", "1")
    assert ended.code == 1, ended.stderr
    document = json.loads((program.folder / "proof/proof.json").read_text("utf-8"))
    assert [(one["rule"], one["row"]) for one in document["findings"]] == [("text-cut", 2)]
    told = document["laid_out"]
    assert told["in_frames"] == (not script)
    assert told["because"] == (None if not script else "row 1 has other texts in a page of its own")
