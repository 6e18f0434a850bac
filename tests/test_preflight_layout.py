"""Every check of the layout has a value with which it must fire and one with which it must not.

One composition holds a box for each check; a row is the defaults with one value changed, so that a finding
belongs to one check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from framepress.clip import Clip
from framepress.preflight.basis import Basis, BasisRequest
from framepress.preflight.facts import background_size
from framepress.preflight.inspector import Inspector
from framepress.preflight.rules import RowReport
from framepress.preflight.surveyor import Surveyor
from framepress.renderer import Renderer
from framepress.variants import Binder, Variant
from stage import Stage, browser_options

pytestmark = pytest.mark.browser

#: Variable -> default, and further values that show what it changes.
VALUES = {
    "CUT": ("Ada", "Bob"),
    "DOTS": ("Ada", "Bob"),
    "FRAME": ("Ada", "Bob"),
    "SAFE": ("Ada", "Bob"),
    "LINES": ("one two", "three"),
    "OVER": ("Ada", "Bob"),
    "GLYPH": ("Ada", "Bob"),
    "INK": ("#ffffff", "#eeeeee"),
    "GROUND": ("#102030", "#203040"),
    "PICTURE": ("good.png", "other.png"),
    "BEHIND": ("good.png", "other.png"),
    "IDLE": ("x", "y"),
    "LATE": ("Ada", "Bob"),
}

PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">{%s}</script>
<style>
  body { font: 20px/24px "Noto Sans" } div, p, img { position: absolute; margin: 0 }
  #root { width: 800px; height: 450px; background: #fff; overflow: hidden }
  #cut, #dots, #late-box { width: 120px; overflow: hidden } .one { white-space: nowrap }
  #ground { left: 60px; top: 280px; width: 200px; height: 40px }
  #picture { left: 400px; top: 200px; width: 100px; height: 100px; object-fit: cover }
</style>
<div id="root" data-width="800" data-height="450" data-duration="2" data-fps="10">
  <div id="cut" class="one" style="left:60px;top:40px">{{$CUT}}</div>
  <div id="dots" class="one" style="left:200px;top:40px;text-overflow:ellipsis">{{$DOTS}}</div>
  <p id="frame" class="one" style="left:600px;top:80px">{{$FRAME}}</p>
  <p id="safe" class="one" style="left:600px;top:120px">{{$SAFE}}</p>
  <div style="left:60px;top:160px;width:100px;height:60px"
    ><p id="lines" style="width:100px">{{$LINES}}</p></div>
  <p id="over" class="one" style="left:240px;top:160px">{{$OVER}}</p>
  <p style="left:320px;top:160px">mine</p>
  <p id="glyph" style="left:60px;top:240px">{{$GLYPH}}</p>
  <div id="ground" style="background:{{$GROUND}}"
    ><p id="ink" style="left:10px;top:8px;color:{{$INK}}">Readable</p></div>
  <img id="picture" src="{{$PICTURE}}" alt="">
  <div id="behind" style="left:560px;top:200px;width:100px;height:100px;
    background: linear-gradient(#0000, #0003), center / cover no-repeat url('{{$BEHIND}}')"></div>
  <p data-idle="{{$IDLE}}" style="left:400px;top:340px">same</p>
  <div id="late-box" class="one" data-start="1.2" data-end="1.6" style="left:60px;top:360px"
    ><b id="late">{{$LATE}}</b></div>
</div>
"""


def png(path: Path, width: int, height: int) -> None:
    context = av.VideoCodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt = width, height, "rgb24"
    context.time_base = 1  # type: ignore[assignment]
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 90, np.uint8), "rgb24")
    path.write_bytes(b"".join(bytes(one) for one in [*context.encode(frame), *context.encode(None)]))


def declared() -> str:
    types = {"PICTURE": "image", "BEHIND": "image", "INK": "color", "GROUND": "color"}
    return ", ".join(
        f'"{name}": {{"default": "{default}", "type": "{types.get(name, "string")}"}}'
        for name, (default, _) in VALUES.items()
    )


class Bench:
    """The composition, surveyed once."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer
        self.default = self.variant({})
        others = {name: (other,) for name, (_, other) in VALUES.items()}
        self.basis: Basis = Surveyor(renderer, (800, 450)).basis(BasisRequest(self.default, others))
        self.inspector = Inspector(renderer, self.basis)

    def variant(self, given: Mapping[str, str]) -> Variant:
        values = {name: default for name, (default, _) in VALUES.items()} | dict(given)
        binder = Binder(
            self.renderer.composition, columns=tuple(values), column_map={}, use_default=(), batch=True
        )
        return binder.bind(values, place="test", row_number=1)

    def report(self, given: Mapping[str, str]) -> RowReport:
        return self.inspector.inspect(1, self.variant(given)).report

    def found(self, **given: str) -> list[tuple[str, str | None]]:
        return [(one.rule, one.field) for one in self.report(given).findings]


@pytest.fixture(scope="module")
def bench(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("layout")
    for name, width, height in (
        ("good.png", 100, 100), ("other.png", 120, 110), ("tiny.png", 30, 30), ("wide.png", 900, 200)
    ):  # fmt: skip
        png(folder / name, width, height)
    (folder / "broken.png").write_bytes((folder / "good.png").read_bytes()[:60])
    stage = Stage(folder, browser_options(browser_path, folder))
    yield Bench(stage.renderer(PAGE % declared()))
    stage.close()


LONG = "Maximiliane-Theodora von Hohenberg"

FIRES = [
    ("text-cut", "CUT", LONG),
    ("text-ellipsis", "DOTS", LONG),
    ("out-of-frame", "FRAME", LONG),
    ("out-of-safe-area", "SAFE", "Maximiliane-Theo"),
    ("more-lines", "LINES", "one two three four five six seven eight"),
    ("text-overlap", "OVER", "Maximiliane"),
    ("glyph-missing", "GLYPH", "Ada \ue123"),
    ("glyph-fallback", "GLYPH", "李小龍"),
    ("contrast-low", "INK", "#203a50"),
    ("contrast-low", "GROUND", "#f0f0f0"),
    ("image-upscaled", "PICTURE", "tiny.png"),
    ("image-cropped", "PICTURE", "wide.png"),
    ("image-broken", "PICTURE", "broken.png"),
    ("image-upscaled", "BEHIND", "tiny.png"),
    ("image-cropped", "BEHIND", "wide.png"),
    ("image-broken", "BEHIND", "broken.png"),
    ("text-cut", "LATE", LONG),
]

QUIET = [
    ("CUT", "Grace H."),
    ("DOTS", "Grace H."),
    ("FRAME", "Grace Hop"),
    ("SAFE", "Grace Hop"),
    ("LINES", "one two three"),
    ("OVER", "Grace"),
    ("GLYPH", "Zoë Ørsted Павел"),
    ("INK", "#ffe9c0"),
    ("GROUND", "#400000"),
    ("PICTURE", "other.png"),
    ("BEHIND", "other.png"),
    ("IDLE", LONG),
    ("LATE", "Grace"),
]


@pytest.mark.parametrize(("rule", "name", "value"), FIRES)
def test_a_check_fires(bench: Bench, rule: str, name: str, value: str) -> None:
    assert (rule, name) in bench.found(**{name: value})


@pytest.mark.parametrize(("name", "value"), [*(fire[1:] for fire in FIRES), *QUIET])
def test_a_row_looks_the_same_in_a_frame(bench: Bench, name: str, value: str) -> None:
    variant = bench.variant({name: value})
    framed, alone = bench.inspector.inspect_framed(1, variant), bench.inspector.inspect(1, variant)
    if alone.report.failed:
        assert framed is None
    else:
        assert framed == alone


def test_a_basis_is_the_same_whether_values_are_tried_in_frames_or_in_pages(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Variant] = []
    load = bench.renderer.open

    def counted(variant: Variant, *, picture: tuple[int, int] | None = None) -> Clip:
        loaded.append(variant)
        return load(variant, picture=picture)

    monkeypatch.setattr(bench.renderer, "open", counted)
    others = {name: (other,) for name, (_, other) in VALUES.items()} | {"CUT": ()}
    request = BasisRequest(bench.default, others)
    framed = Surveyor(bench.renderer, (800, 450)).basis(request)
    few = len(loaded)
    alone = Surveyor(bench.renderer, (800, 450)).basis(replace(request, framed=False))
    assert framed == alone
    # The defaults twice, and those that change no text and no picture, to compare pixels.
    assert few < 8 and len(loaded) - few > len(VALUES)


@pytest.mark.parametrize(
    ("fill", "shown"),
    [
        ("cover", (200, 100)), ("contain", (100, 50)), ("auto", (400, 200)), ("50% auto", (50, 25)),
        ("40px", (40, 20)), ("auto 50px", (100, 50)), ("10px 20px", (10, 20)), ("calc(1px + 2%)", None),
    ],
)  # fmt: skip
def test_the_size_of_a_background(fill: str, shown: tuple[float, float] | None) -> None:
    assert background_size(fill, (400, 200), (100, 100)) == shown


@pytest.mark.parametrize(("name", "value"), QUIET)
def test_a_check_stays_quiet(bench: Bench, name: str, value: str) -> None:
    assert bench.found(**{name: value}) == []


def test_the_defaults_are_clean_and_a_column_without_effect_is_named(bench: Bench) -> None:
    assert [(one.rule, one.field) for one in bench.basis.findings] == [("no-effect", "IDLE")]
    assert bench.found() == []


def test_findings_say_when_where_and_what_without_the_value(bench: Bench) -> None:
    (found,) = bench.report({"LATE": LONG}).findings
    assert (found.severity, found.row, found.field) == ("error", 1, "LATE")
    assert found.time_s is not None and 1.2 <= found.time_s < 1.6
    assert found.box is not None and found.box.y in range(340, 380)
    assert found.element == "<b> #late"
    assert LONG not in found.detail


def test_a_vowel_sign_is_asked_about_with_its_letter(bench: Bench) -> None:
    (found,) = bench.report({"GLYPH": "नेहा"}).findings
    assert (found.rule, found.detail) == ("glyph-fallback", "U+0928+U+0947, U+0939+U+093E")


def test_widths_grow_with_the_text(bench: Bench) -> None:
    short, long = bench.report({"GLYPH": "i"}).widths, bench.report({"GLYPH": "Wonderful"}).widths
    assert 0 < short["GLYPH"] < 10
    assert long["GLYPH"] > 80
    assert short["SAFE"] == long["SAFE"]


def test_what_is_wrong_with_the_template_is_told_once(bench: Bench) -> None:
    bad = replace(bench.default, values={**bench.default.values, "CUT": LONG})
    basis = Surveyor(bench.renderer, (800, 450)).basis(BasisRequest(bad, {"CUT": (LONG + "!",)}))
    assert [(one.rule, one.row, one.element) for one in basis.findings] == [
        ("text-cut", None, "<div> #cut.one")
    ]
    assert Inspector(bench.renderer, basis).inspect(1, bad).report.findings == ()
