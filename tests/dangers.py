"""Small compositions, each with a danger for reuse, and a list of rows for each."""

# HTML and scripts read better in one line than in pieces.
# ruff: noqa: E501

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from framepress.settings import RenderSettings
from media_tools import png_bytes

Row = Mapping[str, object]

NAMES = ("Ada", "Bartholomew K.", "Cy", "Dmitri", "Eleonora", "Flo")
COLOURS = ("#d22", "#2a4", "#36c", "#c3c", "#0aa", "#777")


@dataclass(frozen=True)
class Danger:
    """One composition and its list.

    Attributes:
        head: style and scripts that stand before the root. body: inside of the root.
        root: further attributes of the root.
        path: of rows as they must come out; `plain` names rows that must be plain although the rest is not.
        reason: a part of the reason of plain rows.
        voids: plans that must turn out wrong on the way.
        files: written beside the composition.
    """

    name: str
    body: str
    head: str = ""
    rows: Sequence[Row] = tuple({"name": name} for name in NAMES)
    path: Literal["reuse", "plain"] = "reuse"
    reason: str = ""
    plain: tuple[int, ...] = ()
    voids: int = 0
    root: str = ""
    width: str = "320"
    height: str = "180"
    seconds: str = "0.8"
    fps: int = 10
    variables: Mapping[str, object] = field(default_factory=lambda: {"NAME": {"default": "Ann"}})
    files: Callable[[Path], None] = lambda _: None
    settings: RenderSettings = field(default_factory=RenderSettings)

    @property
    def heavy(self) -> bool:
        """Whether it is left to the slow tests: it is slow, or much like another."""
        return self.name not in FAST

    def write(self, folder: Path) -> Path:
        """The composition and its files, in an empty folder."""
        folder.mkdir(parents=True)
        self.files(folder)
        path = folder / "page.html"
        path.write_text(self.html(), encoding="utf-8")
        return path

    def html(self) -> str:
        return (
            "<!doctype html><html><head><meta charset=utf-8>"
            f'<script type="application/hyperframes-vars">{json.dumps(self.variables)}</script>'
            f"<style>{STYLE}</style>{self.head}</head><body>"
            f'<div id=root data-width="{self.width}" data-height="{self.height}" '
            f'data-duration="{self.seconds}" data-fps="{self.fps}" {self.root}>'
            f"{self.body}</div></body></html>"
        )


#: One or two of each kind; they take about 25 s together.
FAST = {
    "opacity",
    "backdrop filter over it",
    "perspective and preserve-3d",
    "text moves its neighbours",
    "has()",
    "counters",
    "display: none in some rows",
    "canvas",
    "a string as list marker",
    "shadow DOM",
    "moved by hf-seek",
    "another style once it was moved",
    "a box that a script spins",
    "a box that a script spins, in the layer of the page",
    "a page with animation frames alive",
    "the length depends on the row",
    "three frames",
}

#: A ground that is neither plain nor symmetrical, so that anything that moves shows; `.sun` moves.
STYLE = """
  * { box-sizing: border-box }
  body { margin: 0; font: 20px sans-serif; color: #123 }
  #root { position: relative; width: 320px; height: 180px; overflow: hidden;
          background: linear-gradient(120deg, #fec, #9cf) }
  .sun { position: absolute; left: 230px; top: 8px; width: 40px; height: 40px; border-radius: 50%;
         background: #fa3; animation: sun 2s linear both }
  @keyframes sun { to { transform: translateX(60px) } }
  .card { position: absolute; left: 20px; top: 40px; width: 200px; height: 100px; padding: 8px;
          background: #fffc; }
  p { margin: 0 }
"""

SUN = "<i class=sun></i>"


def values(**columns: Sequence[object]) -> tuple[Row, ...]:
    """Rows from columns; shorter ones begin anew."""
    count = max(len(column) for column in columns.values())
    return tuple(
        {name: column[row % len(column)] for name, column in columns.items()} for row in range(count)
    )


def declared(**defaults: object) -> dict[str, object]:
    return {name: {"default": default} for name, default in defaults.items()}


def avatars(folder: Path) -> None:
    """a0..a5.png: round, with a soft edge, of different colours; wide.png: three times as wide."""
    for index in range(6):
        (folder / f"a{index}.png").write_bytes(png_bytes(_disc(index, 48)))
    (folder / "w9.png").write_bytes(png_bytes(np.tile(_disc(6, 48), (1, 3, 1))))


def _disc(index: int, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[..., index % 3] = 220
    pixels[..., (index + 1) % 3] = 40 * index
    pixels[..., 3] = np.clip((size / 2 - np.hypot(x, y)) * 20, 0, 255)
    return pixels


# ---- what surrounds the personal element --------------------------------------------------------


def tossed(transform: str, *, alone: bool) -> str:
    """A box that a script transforms for a second, as animation libraries do it.

    Args:
        alone: it has a layer of its own, because CSS animates what it is painted after.
    """
    sun = SUN if alone else SUN.replace("<i", "<i id=sun style='animation:none'")
    moved = (
        "" if alone else "document.getElementById('sun').style.left = `${230 + event.detail.time * 30}px`;"
    )
    return (
        f"{sun}<p id=box style='position:absolute;left:40px;top:50px;white-space:nowrap;padding:8px 24px;"
        "background:{{$COLOUR}};color:#fff;font-size:56px'>{{$NAME}}</p><script>addEventListener('hf-seek', (event) => {"
        f"{moved} const left = 1 - Math.min(1, event.detail.time / 1.3); const style = document.getElementById('box').style;"
        f"style.opacity = 1 - left * left; style.transform = `translate3d(0px, 0px, 0px) {transform}`; }});</script>"
    )


def within(style: str) -> str:
    """A name in a card that lies on something moving."""
    return f'{SUN}<div class=card style="{style}"><p>{{{{$NAME}}}}</p><p>common line</p></div>'


ANCESTORS = [
    Danger("opacity", within("opacity:.6")),
    Danger(
        "data-fade",
        f"{SUN}<div class=card data-start=0 data-end=.8 data-fade='both .3'><p>{{{{$NAME}}}}</p></div>",
    ),
    Danger("filter", within("filter:drop-shadow(4px 4px 3px #000a) hue-rotate(40deg)")),
    Danger("blur", within("filter:blur(1.5px)")),
    Danger("mask", within("mask-image:linear-gradient(90deg,#000 30%,#0000)")),
    Danger("clip-path", within("clip-path:polygon(0 0,100% 0,60% 100%,0 80%)")),
    Danger("blend on an ancestor", within("mix-blend-mode:multiply"), path="plain", reason="blend mode"),
    Danger(
        "blend inside a group",
        f'{SUN}<div class=card style="opacity:.9"><p style="mix-blend-mode:multiply;background:#ff08">'
        "{{$NAME}}</p></div>",
    ),
    Danger(
        "backdrop filter on an ancestor", within("backdrop-filter:blur(4px)"), path="plain", reason="backdrop"
    ),
    Danger(
        "backdrop filter over it",
        f"{SUN}<div class=card><p>{{{{$NAME}}}}</p></div>"
        '<div style="position:absolute;left:0;top:50px;width:320px;height:20px;backdrop-filter:invert(1)"></div>',
        path="plain",
    ),
    Danger(
        "blend over it",
        f"{SUN}<div class=card><p>{{{{$NAME}}}}</p></div>"
        '<div style="position:absolute;left:0;top:50px;width:320px;height:20px;background:#f80;'
        'mix-blend-mode:difference"></div>',
        path="plain",
    ),
    Danger("rotated and scaled", within("transform:rotate(-9deg) scale(1.1,.8) skewX(5deg)")),
    Danger(
        "perspective and preserve-3d",
        f'{SUN}<div style="perspective:300px;position:absolute;inset:0"><div class=card '
        'style="transform-style:preserve-3d;animation:turn 1s linear both"><p style="transform:translateZ(30px)">'
        "{{$NAME}}</p></div></div>",
        head="<style>@keyframes turn{from{transform:rotateY(-40deg)}to{transform:rotateY(40deg)}}</style>",
    ),
]

# ---- what the personal element does to others ---------------------------------------------------

NEIGHBOURS = [
    Danger(
        "text moves its neighbours",
        f'{SUN}<div style="position:absolute;left:20px;top:60px;display:flex;gap:6px"><b>{{{{$NAME}}}}</b>'
        '<i style="width:16px;height:16px;background:#06c"></i><span>and more</span></div>',
    ),
    Danger(
        "text directly in the ancestor",
        f"{SUN}<div class=card>Hello <b>{{{{$NAME}}}}</b>, welcome <i>here</i></div>",
    ),
    Danger(
        "a name that wraps in a row that nobody sampled",
        f'{SUN}<div class=card style="width:110px"><p class=name>{{{{$NAME}}}}</p><p id=below>below</p></div>',
        head="<style>.card{height:120px}</style>",
        # By letters the longest name is short on the screen; one in the middle is wide, and wraps.
        rows=values(name=["Iliili illi", "Ada", "Ben", "Cleo", "Dora", "Finn", "Gus", "WWWW WWW"]),
        voids=1,
    ),
    Danger(
        "a wider avatar in one row",
        f'{SUN}<div style="position:absolute;left:20px;top:60px;display:flex;gap:6px">'
        "<img src='{{$AVATAR}}' height=48><p>common</p></div>",
        variables=declared(AVATAR="a0.png"),
        files=avatars,
        rows=values(avatar=["a0.png", "a1.png", "a2.png", "a3.png", "a4.png", "a5.png", "w9.png"]),
        voids=1,
    ),
    Danger(
        "letter by letter",
        f"{SUN}<div class=card><p id=name>{{{{$NAME}}}}</p><p>common</p></div>"
        "<script>const name = document.getElementById('name'); const letters = [...name.textContent];"
        "name.textContent = ''; letters.forEach((letter, k) => { const span = document.createElement('span');"
        "span.textContent = letter; span.style.cssText = `display:inline-block;animation:rise .3s ${k * .05}s both`;"
        "name.append(span); });</script>",
        head="<style>@keyframes rise{from{opacity:0;transform:translateY(12px)}}</style>",
    ),
    Danger(
        "has()",
        f"{SUN}<div class=card><p class='tier-{{{{$TIER}}}}'>{{{{$NAME}}}}</p></div><div id=badge></div>",
        head="<style>#badge{position:absolute;right:10px;bottom:10px;width:50px;height:20px;background:#888}"
        "#root:has(.tier-gold) #badge{background:#fc0}</style>",
        variables=declared(NAME="Ann", TIER="none"),
        rows=values(name=NAMES, tier=["none", "none", "gold", "none", "gold", "none"]),
    ),
    Danger(
        "attribute rules",
        f"{SUN}<div id=scope data-tier='{{{{$TIER}}}}'><div class=card><p>{{{{$NAME}}}}</p></div><div id=badge></div></div>",
        head="<style>#badge{position:absolute;right:10px;bottom:10px;width:50px;height:20px;background:#888}"
        "[data-tier=gold] #badge{background:#fc0;border-radius:8px}</style>",
        variables=declared(NAME="Ann", TIER="none"),
        rows=values(name=NAMES, tier=["none", "none", "gold", "none", "gold", "none"]),
    ),
    Danger(
        "an attribute rule that fits only a row that nobody sampled",
        f"{SUN}<div id=scope data-tier='{{{{$TIER}}}}'><div class=card><p>{{{{$NAME}}}}</p></div><div id=badge></div></div>",
        head="<style>#badge{position:absolute;right:10px;bottom:10px;width:50px;height:20px;background:#888}"
        "[data-tier=gold] #badge{background:#fc0}</style>",
        variables=declared(NAME="Ann", TIER="none"),
        rows=values(
            name=[*NAMES, "Gus", "Hal", "Ivy", "Jan", "Kim", "Leo"],
            # Shorter and longer ones among the others, so that no row is sampled for the sake of this one's.
            tier=[
                "tin",
                "silver",
                "tin",
                "tin",
                "gold",
                "silver",
                "tin",
                "silver",
                "tin",
                "silver",
                "tin",
                "silver",
            ],
        ),
        voids=1,
    ),
    Danger(
        "counters",
        f"{SUN}<div class=card style='counter-reset: points {{{{$POINTS}}}}'><p>common</p><p id=count></p></div>",
        head="<style>#count::before{content: 'points: ' counter(points)}</style>",
        variables={"POINTS": {"type": "number", "default": "7"}},
        rows=values(points=[7, 12, 345, 6, 88, 1024]),
    ),
]

# ---- what is painted over it --------------------------------------------------------------------

BAR = "position:absolute;top:44px;width:40px;height:40px;animation:pass 1s linear both"
PASS = "<style>@keyframes pass{from{left:10px}to{left:180px}}</style>"

OVER = [
    Danger("something opaque over it", f"{within('')}<div style='{BAR};background:#063'></div>", head=PASS),
    Danger(
        "something half transparent over it",
        f"{within('')}<div style='{BAR};background:#0638;border-radius:50%;box-shadow:3px 3px 6px #0008'></div>",
        head=PASS,
    ),
    Danger(
        "between two personal elements",
        f"{within('')}<div style='{BAR};background:#063a'></div>"
        "<p style='position:absolute;left:60px;top:60px;color:#c00'>{{$NAME}}</p>",
        head=PASS,
        path="plain",
    ),
    Danger(
        "something over it at one frame",
        f"{within('')}<div data-start=.5 data-end=.6 style='position:absolute;left:40px;top:50px;width:90px;"
        "height:14px;background:#063'></div>",
    ),
    Danger(
        "common text over it at one frame, and a mark at another",
        f"{within('')}<p data-start=.1 data-end=.2 style='position:absolute;left:24px;top:44px'>common</p>"
        "<i data-start=.5 data-end=.6 style='position:absolute;left:40px;top:50px;width:30px;height:30px;"
        "border-radius:50%;background:#063a'></i>",
    ),
    Danger(
        "under a z-index",
        "<div style='position:absolute;left:0;top:50px;width:120px;height:14px;background:#fc0b;z-index:2'></div>"
        f"{within('')}",
    ),
]

# ---- when and whether it is seen ----------------------------------------------------------------

HIDDEN = [
    Danger("timed", f"{SUN}<div class=card data-start=.2 data-end=.6><p>{{{{$NAME}}}}</p></div>"),
    Danger(
        "timed leaves in normal flow",
        f"{SUN}<div class=card><p data-start=.2 data-end=.5>{{{{$NAME}}}}</p><p>common</p></div>",
    ),
    Danger(
        "display: none in some rows",
        f"{SUN}<div class=card><p style='display:{{{{$SHOWN}}}}'>{{{{$NAME}}}}</p></div>",
        variables=declared(NAME="Ann", SHOWN="block"),
        rows=values(name=NAMES, shown=["block", "none", "block", "none", "block", "block"]),
    ),
    Danger(
        "visibility: hidden, and opacity 0 at first",
        f"{SUN}<div class=card style='animation:come .6s both'><p style='visibility:{{{{$SHOWN}}}}'>{{{{$NAME}}}}</p></div>",
        head="<style>@keyframes come{from{opacity:0}50%{opacity:0}}</style>",
        variables=declared(NAME="Ann", SHOWN="visible"),
        rows=values(name=NAMES, shown=["visible", "hidden", "visible", "visible", "hidden", "visible"]),
    ),
]

# ---- how it is painted --------------------------------------------------------------------------

PAINT = [
    Danger(
        "canvas",
        f"{SUN}<div class=card><canvas id=canvas width=180 height=60></canvas></div><script>"
        "const pen = document.getElementById('canvas').getContext('2d'); pen.font = '24px sans-serif';"
        "pen.fillStyle = '#a20'; pen.fillText('{{$NAME}}', 4, 40);</script>",
    ),
    Danger(
        "canvas drawn at every frame",
        f"{SUN}<div class=card><canvas id=canvas width=180 height=60></canvas></div><script>"
        "const pen = document.getElementById('canvas').getContext('2d'); pen.font = '24px sans-serif';"
        "addEventListener('hf-seek', (event) => { pen.clearRect(0, 0, 180, 60); pen.fillStyle = '#a20';"
        "pen.fillText('{{$NAME}}', 4 + 20 * event.detail.time, 40); });</script>",
    ),
    Danger(
        "WebGL",
        f"{SUN}<canvas id=canvas width=80 height=60 style='position:absolute;left:20px;top:60px'></canvas><script>"
        "const hex = '{{$COLOUR}}'; const part = (k) => parseInt(hex[1 + k], 16) / 15;"
        "const gl = document.getElementById('canvas').getContext('webgl', { preserveDrawingBuffer: true });"
        "if (!gl) throw new Error('no WebGL');"
        "gl.clearColor(part(0), part(1), part(2), .8); gl.clear(gl.COLOR_BUFFER_BIT);</script>",
        variables=declared(COLOUR="#000"),
        rows=values(colour=COLOURS),
    ),
    Danger(
        "a colour in a gradient",
        f"{SUN}<div class=card style='background:linear-gradient(90deg,{{{{$COLOUR}}}},#fff8)'><p>{{{{$NAME}}}}</p></div>",
        variables=declared(NAME="Ann", COLOUR="#000"),
        rows=values(name=NAMES, colour=COLOURS),
    ),
    Danger(
        "a colour in an SVG gradient",
        f"{SUN}<svg width=200 height=60 style='position:absolute;left:20px;top:60px'><defs><linearGradient id=g>"
        "<stop offset=0 stop-color='{{$COLOUR}}'/><stop offset=1 stop-color='#fff'/></linearGradient></defs>"
        "<rect width=200 height=60 rx=9 fill='url(#g)'/></svg>",
        variables=declared(COLOUR="#000"),
        rows=values(colour=COLOURS),
    ),
    Danger(
        "a colour in a stylesheet",
        f"{SUN}<div class=card><p class=name>{{{{$NAME}}}}</p><hr class=rule></div>",
        head="<style>.name{color:{{$COLOUR}}} .rule{border:2px solid {{$COLOUR}}}</style>",
        variables=declared(NAME="Ann", COLOUR="#000"),
        rows=values(name=NAMES, colour=COLOURS),
    ),
    Danger(
        "a colour as a variable of the root",
        f"{SUN}<div class=card><p class=name>{{{{$NAME}}}}</p></div>",
        head="<style>:root{--accent:{{$COLOUR}}} .name{background:linear-gradient(var(--accent),#fff)}</style>",
        variables=declared(NAME="Ann", COLOUR="#000"),
        rows=values(name=NAMES, colour=COLOURS),
    ),
    Danger(
        "an image with transparency",
        f"{SUN}<img src='{{{{$AVATAR}}}}' style='position:absolute;left:225px;top:4px;animation:sun 2s both'>"
        "<p style='position:absolute;left:20px;top:60px'>common</p>",
        variables=declared(AVATAR="a0.png"),
        files=avatars,
        rows=values(avatar=[f"a{index}.png" for index in range(6)]),
    ),
    Danger(
        "an image as a background",
        f"{SUN}<div style='position:absolute;left:20px;top:60px;width:60px;height:60px;"
        "background:url({{$AVATAR}}) center/cover'></div>",
        variables=declared(AVATAR="a0.png"),
        files=avatars,
        rows=values(avatar=[f"a{index}.png" for index in range(6)]),
    ),
    Danger(
        "background-clip: text",
        f"{SUN}<h1 style='position:absolute;left:20px;top:60px;margin:0;color:transparent;"
        "background:linear-gradient(90deg,#c00,#00c);background-clip:text'>Hi <span>{{$NAME}}</span></h1>",
    ),
    Danger(
        "pseudo-elements with attr()",
        f"{SUN}<div class=card><p id=label data-label='{{{{$NAME}}}}'></p><p>common</p></div>",
        head="<style>#label::before{content:attr(data-label);color:#c00}</style>",
    ),
    Danger(
        "list markers",
        f"{SUN}<ol class=card start='{{{{$POINTS}}}}' style='padding-left:60px'><li>one</li><li>two</li></ol>",
        variables={"POINTS": {"type": "number", "default": "7"}},
        rows=values(points=[7, 12, 345, 6, 88, 1024]),
    ),
    Danger(
        "a string as list marker",
        f"{SUN}<ul class=card style='padding-left:90px'><li id=item>one</li><li>two</li></ul>",
        head="<style>#item{list-style-type:'{{$NAME}}'}</style>",
        rows=values(name=["Ada", "Bo", "Cy", "Dmitri", "Eli", "Flo"]),
    ),
    Danger(
        "shadow DOM",
        f"{SUN}<x-name style='display:block'></x-name><script>customElements.define('x-name', class extends HTMLElement {{"
        "connectedCallback() { this.attachShadow({ mode: 'closed' }).innerHTML = "
        "`<style>p{position:absolute;left:20px;top:60px;color:#c00}</style><p>{{$NAME}}</p>`; } });</script>",
    ),
    Danger(
        "a frame",
        f"{SUN}<iframe id=frame src=inner.html style='position:absolute;left:20px;top:60px;width:200px;height:60px;border:0'></iframe>"
        "<script>addEventListener('load', () => { document.getElementById('frame').contentDocument"
        ".querySelector('p').textContent = '{{$NAME}}'; });</script>",
        files=lambda folder: _text(folder / "inner.html", "<body style='margin:0;background:#eef8'><p>-</p>"),
    ),
    Danger(
        "a shadow far from its box",
        f"{SUN}<div class=card><p style='text-shadow:0 70px 2px #c00a'>{{{{$NAME}}}}</p></div>",
    ),
]


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


# ---- how it moves, and how large the picture is -------------------------------------------------

MOTION = [
    Danger(
        "moved by CSS",
        f"{SUN}<p style='position:absolute;left:0;top:60px;animation:fly 1s linear both'>{{{{$NAME}}}}</p>",
        head="<style>@keyframes fly{to{transform:translate(180px,60px) rotate(20deg)}}</style>",
    ),
    Danger(
        "moved by hf-seek",
        f"{SUN}<p id=name style='position:absolute;left:0;top:60px'>{{{{$NAME}}}}</p><script>"
        "addEventListener('hf-seek', (event) => { document.getElementById('name').style.transform ="
        "`translateX(${Math.round(event.detail.time * 200)}px) scale(${1 + event.detail.time})`; });</script>",
    ),
    Danger(
        # As GSAP does it: what has not been moved has no transform, what was moved back has one that moves nothing.
        "another style once it was moved",
        f"{SUN}<p id=common style='position:absolute;left:0;top:20px'>common</p><p style='position:absolute;left:0;top:60px'>{{{{$NAME}}}}</p><script>"
        "let been = false; addEventListener('hf-seek', (event) => { been ||= event.detail.time > 0;"
        "if (been) document.getElementById('common').style.transform = `translateX(${Math.round(event.detail.time * 200)}px)`; });</script>",
    ),
    *(
        Danger(
            f"a box that a script {what}" + ("" if alone else ", in the layer of the page"),
            tossed(transform, alone=alone),
            variables=declared(NAME="Ann", COLOUR="#000"),
            rows=values(name=[f"{name} of Somewhere" if wide else name for name in NAMES], colour=COLOURS),
            seconds="1.6",
            fps=30,
            width="640" if wide else "320",
            height="360" if wide else "180",
            root="style='width:640px;height:360px'" if wide else "",
        )
        for alone in (True, False)
        for what, transform, wide in (
            ("spins", "rotate(${-180 * left * left}deg)", False),
            ("throws", "rotate(${-90 * left}deg) scale(${1 - left / 2})", True),
        )
    ),
    *(
        Danger(
            f"a box that CSS turns at the picture's edge, {how}",
            f"{SUN}<p style='position:absolute;left:90px;top:150px;padding:3px;background:#aaa'>{{{{$NAME}}}}</p>",
            head=f"<style>@keyframes turn{{from{{{frame}}}}} p{{animation:turn 1s both}}</style>",
            seconds="1",
            fps=12,
        )
        for how, frame in (
            ("little", "transform:rotate(8deg)"),
            ("in three dimensions", "transform:perspective(200px) rotateY(40deg)"),
        )
    ),
    Danger(
        "a number that counts up",
        f"{SUN}<div class=card><p id=count></p></div><script>addEventListener('hf-seek', (event) => {{"
        "document.getElementById('count').textContent ="
        "Math.round({{$POINTS}} * Math.min(1, event.detail.time / .6)); });</script>",
        variables={"POINTS": {"type": "number", "default": "7"}},
        rows=values(points=[7, 12, 345, 6, 88, 1024]),
    ),
    Danger("three frames", within(""), seconds="0.3"),
    Danger("half size", within("opacity:.8"), settings=RenderSettings(scale="0.5")),
    Danger("seven tenths of the size", within(""), settings=RenderSettings(scale="0.7")),
    Danger(
        "a bar that fills, at two thirds of the size",
        f"{SUN}<i class=bar></i><b class=knob></b>",
        head="<style>.bar{position:absolute;left:20px;top:121px;width:280px;height:11px;border-radius:5px;"
        "background:#d22;clip-path:inset(0 {{$REST}}% 0 0 round 5px);animation:fill 1.3s linear both}"
        ".knob{position:absolute;left:20px;top:116px;width:20px;height:20px;border-radius:50%;background:#fff;"
        "transform:translateX(calc(270px - 2.8px * {{$REST}}));animation:slide 1.3s linear both}"
        "@keyframes fill{from{clip-path:inset(0 95% 0 0 round 5px)}} @keyframes slide{from{transform:none}}</style>",
        variables={"REST": {"type": "number", "default": "7"}},
        rows=values(rest=[10, 20, 33, 41, 52, 64]),
        seconds="1.6",
        fps=30,
        width="480",
        height="270",
        root="style='width:480px;height:270px'",
        settings=RenderSettings(scale="180p"),
    ),
    Danger(
        "a page with animation frames alive",
        f"{SUN}<div class=card><p>{{{{$NAME}}}}</p></div><i id=dot style='position:absolute;left:0;top:0;"
        "width:9px;height:9px;background:#c00'></i><script>let x = 0; const go = () => { x += 3;"
        "document.getElementById('dot').style.left = `${x}px`; requestAnimationFrame(go); }; go();</script>",
        path="plain",
        reason="entered in the middle",
    ),
    Danger(
        "a page with a timer alive",
        f"{SUN}<div class=card><p id=name></p></div><script>let k = 0; setInterval(() => {{ k += 1;"
        "document.getElementById('name').textContent = '{{$NAME}}'.slice(0, k); }, 100);</script>",
        path="plain",
        reason="entered in the middle",
    ),
    Danger(
        "the length depends on the row",
        within(""),
        seconds="{{$SECONDS}}",
        variables=declared(NAME="Ann", SECONDS="0.8"),
        rows=values(name=NAMES, seconds=["0.5", "0.8", "0.6", "0.5", "0.8", "0.7"]),
        path="plain",
        reason="depends on the row",
    ),
    Danger(
        "the size depends on the row",
        within(""),
        width="{{$WIDTH}}",
        variables=declared(NAME="Ann", WIDTH="320"),
        rows=values(name=NAMES, width=["320", "300", "320", "280", "300", "320"]),
        path="plain",
        reason="depends on the row",
    ),
    Danger(
        "text that comes to rest by less than Chromium draws again",
        # An eighth of a pixel is where Skia rounds glyphs to the next quarter. Nothing here has a layer of its own.
        "<p id=box style='position:absolute;left:20px;top:50px;padding-left:20.125px;font-size:40px'>{{$NAME}}</p>"
        "<script>addEventListener('hf-seek', (event) => { const frame = Math.round(event.detail.time * 10);"
        "const x = frame < 3 ? frame * 9 - 30 : frame === 3 ? -.004 : 0;"
        "document.getElementById('box').style.transform = `translate(${x}px, 0px)`; });</script>",
        seconds="2.4",
    ),
    Danger(
        "the ground is personal",
        f"{SUN}<p class=card>common</p>",
        head="<style>#root{background:{{$COLOUR}}}</style>",
        variables=declared(COLOUR="#000"),
        rows=values(colour=COLOURS),
        path="plain",
        reason="whole frame",
    ),
]

# ---- scripts that know somebody -----------------------------------------------------------------

TWELVE = ("Ann", "Ben", "Cleo", "Dora", "Eve", "Finn", "Gus", "Hal", "Zed", "Ivo", "Jan", "Kimberley")


def knows(action: str) -> str:
    """A page whose script treats Zed specially."""
    return (
        f"{SUN}<div class=card><p id=name>{{{{$NAME}}}}</p></div><p id=side style='position:absolute;"
        "right:8px;bottom:8px;background:#ff8'>common</p><canvas id=ink width=40 height=40 "
        "style='position:absolute;left:260px;top:90px'></canvas><script>"
        "const side = document.getElementById('side'); const pen = document.getElementById('ink').getContext('2d');"
        f"if ('{{{{$NAME}}}}' === 'Zed') {{ {action} }}</script>"
    )


SPECIAL = [
    Danger(
        "one name changes a text", knows("side.textContent = 'other';"), rows=values(name=TWELVE), voids=1
    ),
    Danger(
        "one name changes a colour",
        knows("side.style.background = '#8f8';"),
        rows=values(name=TWELVE),
        voids=1,
    ),
    Danger(
        "one name paints a canvas",
        knows("pen.fillRect(10, 10, 12, 12);"),
        rows=values(name=(*TWELVE, "Liv", "Moe")),
        # Nobody samples Zed, so the first plan turns out wrong.
        voids=1,
    ),
    Danger(
        "one name makes a colour flash at one frame",
        knows(
            "addEventListener('hf-seek', (e) => { side.style.background = Math.round(e.detail.time * 10) === 5 ? '#f00' : '#ff8'; });"
        ),
        rows=values(name=("Ann", "Ben", "Cleopatra", "Dora", "Eve", "Zed", "Gus", "Bo")),
        seconds="1.2",
        voids=1,
    ),
]

# ---- something personal meets more than in the rows of which every frame is checked ---------------

#: The shortest and the longest name are checked; neither is with the third height.
HEIGHTS = values(
    name=["Ada", "Bartholomew K.", "Cleo", "Dimi", "Elea", "Flora"], height=[20, 22, 24, 26, 90, 30]
)


def growing(before: str, after: str, bar: str = "") -> str:
    """A name and a bar whose height is personal, with something common before and after it in the page."""
    return (
        f"{SUN}<p>{{{{$NAME}}}}</p>{before}<i id=bar style='position:absolute;left:40px;top:40px;width:60px;"
        f"height:{{{{$HEIGHT}}}}px;background:#d22;{bar}'></i>{after}"
    )


WORDS = "<p style='position:absolute;left:30px;top:100px;{style}'>common words</p>"
BARE = "<section style='position:absolute;left:0;top:90px;width:320px;height:80px'></section>"
SHADOW = "<p style='position:absolute;left:30px;top:150px;background:#fff;box-shadow:0 -24px #063;{style}'>common</p>"


def meeting(name: str, body: str, *, plain: Sequence[int] = (), head: str = "") -> Danger:
    return Danger(
        name,
        body,
        head=head,
        variables=declared(NAME="Ann", HEIGHT="30"),
        rows=HEIGHTS,
        plain=tuple(plain),
        reason="did not meet" if plain else "",
    )


MEETINGS = [
    meeting("it grows over what is before it", growing(WORDS.format(style=""), "")),
    meeting("it grows under what is after it", growing("", WORDS.format(style="")), plain=[5]),
    meeting(
        "it grows over what is after it but lower", growing("", WORDS.format(style="z-index:-1"), "z-index:1")
    ),
    meeting(
        "it grows over what is after it but lower, and leaves",
        growing("", WORDS.format(style="z-index:-1"), "z-index:1;animation:leave .8s steps(1) both"),
        head="<style>@keyframes leave{60%,to{transform:translateX(230px)}}</style>",
    ),
    meeting(
        # What is transparent is taken to paint as well: in the rows that are checked they only touch.
        "it grows under what it only touched before",
        growing(
            "",
            "<b style='position:absolute;left:30px;top:70px;width:80px;height:30px;background:#063'></b>",
            "filter:drop-shadow(1px 1px 1px #0000)",
        ),
        plain=[3, 4, 5, 6],
    ),
    meeting("it grows into a box that paints nothing", growing("", BARE)),
    meeting(
        "it grows under what is before it but higher",
        growing(WORDS.format(style="z-index:2"), ""),
        plain=[5],
    ),
    meeting(
        "it grows under what no pointer finds",
        growing("", WORDS.format(style="pointer-events:none")),
        plain=[5],
    ),
    # Nothing is hit where there is only a shadow: here it is from 126 to 150, and the bar ends at 130.
    meeting("it grows under the shadow of what is after it", growing("", SHADOW.format(style="")), plain=[5]),
    meeting("it grows over the shadow of what is before it", growing(SHADOW.format(style=""), "")),
    meeting(
        "it grows under the shadow of what is higher",
        growing(SHADOW.format(style="z-index:1"), ""),
        plain=[5],
    ),
    meeting(
        "it grows over what lies over another",
        growing("<i class=band></i>", "", "top:auto;bottom:100px"),
        head="<style>.band{position:absolute;left:0;top:10px;width:320px;height:9px;background:#063}</style>",
        plain=[5],
    ),
]

DANGERS = [*ANCESTORS, *NEIGHBOURS, *OVER, *HIDDEN, *PAINT, *MOTION, *SPECIAL, *MEETINGS]
