"""Contrast is judged by pixels whatever lies behind a text: a canvas, an SVG in the page or in a file.

One composition per kind of ground. The text is the same for every row; only its ground is a row's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from framepress.preflight.basis import BasisRequest
from framepress.preflight.inspector import Inspector, Looked
from framepress.preflight.surveyor import Surveyor
from framepress.renderer import Renderer
from framepress.variants import Binder, Variant
from stage import Stage

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html><head><meta charset="utf-8">
<script type="application/hyperframes-vars">{%s}</script><style>
  #root { width: 320px; height: 180px; background: #123; overflow: hidden }
  #root > * { position: absolute } .ground { left: 20px; top: 60px; width: 280px; height: 60px }
  p { margin: 0; left: 30px; top: 75px; color: #fff; font: 24px "Noto Sans" }</style></head><body>
<div id="root" data-width="320" data-height="180" data-fps="5" data-duration="1">%s
  <p>Hello there</p></div></body></html>
"""
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="280" height="60">
  <rect width="280" height="60" fill="%s"/></svg>"""

#: Drawn once, before the page is ready, or at every moment.
CANVAS = """<canvas class="ground" width="280" height="60" data-ink="{{$GROUND}}"></canvas><script>
  const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
  const draw = () => { pen.fillStyle = canvas.dataset.ink; pen.fillRect(0, 0, 280, 60); };
  %s</script>"""
GRADIENT = """<svg class="ground"><linearGradient id="g"><stop stop-color="{{$GROUND}}"/></linearGradient>
  <rect width="280" height="60" fill="url(#g)"/></svg>"""

#: What lies behind the text.
GROUNDS = {
    "css": '<div class="ground" style="background: {{$GROUND}}"></div>',
    "canvas": CANVAS % "draw();",
    "canvas drawn by time": CANVAS % 'addEventListener("hf-seek", draw);',
    "svg": '<svg class="ground"><rect width="280" height="60" fill="{{$GROUND}}"/></svg>',
    "svg group": '<svg class="ground"><g fill="{{$GROUND}}"><circle cx="140" cy="30" r="200"/></g></svg>',
    "svg gradient": GRADIENT,
    "svg file": '<img class="ground" src="{{$GROUND}}" alt="">',
    "svg file as background": '<div class="ground" style="background-image: url({{$GROUND}})"></div>',
}

#: Of a row's ground: the default, another that the surveyor tries, one on which white text cannot be read,
#: and one on which it can.
COLOURS = {"dark": "#102030", "night": "#203040", "light": "#f0f0e0", "red": "#400000"}


@dataclass
class Bench:
    renderer: Renderer
    inspector: Inspector

    def looked(self, ground: str) -> tuple[Looked | None, Looked]:
        variant = bound(self.renderer, ground)
        return self.inspector.inspect_framed(1, variant), self.inspector.inspect(1, variant)


def bench_for(stage: Stage, kind: str, *, tried: bool) -> Bench:
    for name, colour in COLOURS.items():
        (stage.folder / f"{name}.svg").write_text(SVG % colour, encoding="utf-8")
    is_file = "file" in kind
    declared = {"default": ground(kind, "dark"), "type": "image" if is_file else "color"}
    renderer = stage.renderer(PAGE % (f'"GROUND": {json.dumps(declared)}', GROUNDS[kind]))
    default, other = (bound(renderer, ground(kind, name)) for name in ("dark", "night"))
    default = Variant(default.values, {**default.files, **other.files})
    others = {"GROUND": (other.values["GROUND"],) if tried else ()}
    basis = Surveyor(renderer, (320, 180)).basis(BasisRequest(default, others))
    return Bench(renderer, Inspector(renderer, basis))


def ground(kind: str, name: str) -> str:
    return f"{name}.svg" if "file" in kind else COLOURS[name]


def bound(renderer: Renderer, value: str) -> Variant:
    composition = renderer.composition
    binder = Binder(composition, columns=("GROUND",), column_map={}, use_default=(), batch=True)
    return binder.bind({"GROUND": value}, place="test", row_number=1)


# That a variable changes a ground is not always seen by trying: a script may only do so above some number.
@pytest.mark.parametrize("tried", [True, False])
@pytest.mark.parametrize("kind", GROUNDS)
def test_a_ground_that_swallows_the_text_is_found(stage: Stage, kind: str, tried: bool) -> None:
    bench = bench_for(stage, kind, tried=tried)
    for name, rules in (("light", ["contrast-low"]), ("red", [])):
        framed, alone = bench.looked(ground(kind, name))
        assert framed == alone
        assert [one.rule for one in alone.report.findings] == rules


def test_a_canvas_that_cannot_be_read_is_drawn_for_every_row(stage: Stage) -> None:
    bench = bench_for(stage, "canvas drawn by time", tried=False)
    framed, alone = bench.looked("#40000000")
    assert framed == alone
    assert [*alone.layouts[0].grounds.values()][-1] is None
    assert alone.report.findings == ()
