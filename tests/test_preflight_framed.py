"""What a row's page in a frame is spared: sounds that nobody listens to; and what not: its loading time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from framepress.composition_loading import load_composition
from framepress.preflight.basis import BasisRequest
from framepress.preflight.framing import may_ask, may_be_silent, silenced
from framepress.preflight.inspector import Inspector, Looked
from framepress.preflight.surveyor import Surveyor
from framepress.renderer import Renderer
from framepress.variants import Variant
from stage import Stage

PAGE = """<!doctype html><html><head><meta charset="utf-8">
<script type="application/hyperframes-vars">{"NAME": {"default": "Ada"}}</script>
<style>#root { width: 320px; height: 180px; background: #123; color: #fff; font: 20px "Noto Sans" }
  p { position: absolute; margin: 0; left: 30px; top: 40px; %s } %s</style></head><body>
<div id="root" data-width="320" data-height="180" data-fps="5" data-duration="0.4">
  <p id="name">{{$NAME}}</p>%s</div></body></html>
"""
SOUND = '<audio data-start="0" src="hum.wav"></audio>'


def both_ways(renderer: Renderer, name: str, at: tuple[Fraction, ...] = ()) -> tuple[Looked | None, Looked]:
    """What is seen of a row in a frame, the second time, and in a page of its own."""
    default = Variant(renderer.composition.complete(renderer.composition.template(), {}), {})
    basis = Surveyor(renderer, (320, 180)).basis(BasisRequest(default, {"NAME": ("Grace",)}, at))
    inspector = Inspector(renderer, basis)
    variant = Variant({**default.values, "NAME": name}, {})
    inspector.inspect_framed(1, variant)
    return inspector.inspect_framed(1, variant), inspector.inspect(1, variant)


@pytest.mark.parametrize(
    ("script", "silent"),
    [
        ("document.getElementById('name').title = 'x'", True),
        ("document.querySelector('audio').onplay = stop", False),
        ("new Audio('hum.wav')", False),
        ("element.addEventListener('loadedmetadata', begin)", False),
    ],
)
def test_sounds_are_left_out_only_where_no_script_may_ask_for_them(
    tmp_path: Path, script: str, silent: bool
) -> None:
    (tmp_path / "card.html").write_text(PAGE % ("", "", f"<script>{script}</script>"), encoding="utf-8")
    assert may_be_silent(load_composition(tmp_path / "card.html")) == silent


def test_a_missing_sound_and_what_only_looks_like_one_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "card.html").write_text(PAGE % ("", "", SOUND), encoding="utf-8")
    sound = tmp_path / "hum.wav"
    sound.touch()
    document = load_composition(tmp_path / "card.html").instantiate({"NAME": "Ada"})
    document = replace(document, audio=tuple(replace(one, src=str(sound)) for one in document.audio))
    assert '<audio preload="none" data-start' in silenced(document, document.html)
    more = document.html + "<!-- <audio > -->"
    assert silenced(document, more) == more
    sound.unlink()
    assert silenced(document, document.html) == document.html


@pytest.mark.parametrize(
    ("style", "more", "asks"),
    [
        ("", '<img src="face.png"><script>name.textContent = 1</script>', False),
        ("} @font-face { font-family: x; src: url(x.woff2) } p {", "", False),
        ("background: url(face.png)", "", True),
        ("", '<p style="background: url(face.png)">', True),
        ("", "<script>fetch('words.json')</script>", True),
        ("", "<script>element.src = 'face.png'</script>", True),
        ("", "<script>document.body.append(document.createElement('img'))</script>", True),
    ],
)
def test_requests_are_told_where_the_driver_may_not_know_of_them(
    tmp_path: Path, style: str, more: str, asks: bool
) -> None:
    for name in ("face.png", "x.woff2", "words.json"):
        (tmp_path / name).touch()
    (tmp_path / "card.html").write_text(PAGE % (style, "", more), encoding="utf-8")
    assert may_ask(load_composition(tmp_path / "card.html")) == asks


@pytest.mark.browser
def test_what_a_script_asks_for_is_waited_for(stage: Stage) -> None:
    (stage.folder / "word.txt").write_text(" more", encoding="utf-8")
    script = """<script>
      const more = async (number) => (await fetch("word.txt?" + number)).text();
      Promise.all(Array.from({ length: 40 }, (_, number) => more(number)))
        .then((words) => { document.getElementById("name").textContent += words.join(""); });</script>"""
    framed, alone = both_ways(stage.renderer(PAGE % ("white-space: pre", "", script)), "Mae")
    assert framed == alone
    assert alone.layouts[0].texts[0].text == "Mae" + 40 * " more"


@pytest.mark.browser
def test_an_animation_waits_for_a_page_that_is_helped_along(stage: Stage) -> None:
    # It has no fill: if Chromium's clock moved it, it would be over and the text where it ends up.
    late = """<script>setTimeout(() => { __timelines.late = { pause() {}, seek() {} }; }, 1500);</script>"""
    page = PAGE % ("animation: go 0.05s", "@keyframes go { from { transform: translateX(400px) } }", late)
    page = page.replace('id="root"', 'id="root" data-composition-id="late"')
    framed, alone = both_ways(stage.renderer(page), "Mae", (Fraction(0),))
    assert framed == alone
    assert alone.layouts[0].texts[0].box[0] == 430


@pytest.mark.browser
def test_a_page_that_waits_for_its_sound_gets_it(stage: Stage) -> None:
    script = """<script>document.querySelector("audio").addEventListener("error",
      () => { document.getElementById("name").textContent += " and a very long word after it"; });</script>"""
    (stage.folder / "hum.wav").write_bytes(b"no sound at all")
    framed, alone = both_ways(stage.renderer(PAGE % ("", "", SOUND + script)), "Mae")
    assert framed == alone
    assert alone.layouts[0].texts[0].text.endswith("after it")
