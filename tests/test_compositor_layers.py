"""Whether parts of a page have layers of their own is asked of Chromium, picture by picture."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from framepress.compositor_layers import CompositorLayers
from framepress.rects import Rect
from stage import Stage, root

pytestmark = pytest.mark.browser


def box(style: str = "") -> str:
    return f"<b id=b style='position:absolute;width:30px;height:20px;background:#06c;{style}'></b>"


CANVAS = "<canvas id=c width=20 height=20></canvas><script>c.getContext('2d').fillRect(0, 0, 9, 9)</script>"

BODIES = {
    "a box": (box(), False),
    "turned by a script": (box("transform: translate3d(3px, 0, 0) rotate(9deg) scale(.7)"), False),
    "will-change": (box("will-change: transform"), True),
    "CSS animation": (
        "<style>@keyframes go { to { translate: 9px } }</style>" + box("animation: go 9s"),
        True,
    ),
    "turned in space": (box("transform: perspective(90px) rotateY(20deg)"), True),
    "canvas": (box() + CANVAS, True),
    "backdrop filter": (box("backdrop-filter: blur(2px)"), True),
    "nothing else is painted": (
        "<style>body { background: none !important }</style>"
        + box("will-change: transform; transform: rotate(9deg)"),
        True,
    ),
    "the whole page": ("<style>body { will-change: transform }</style>" + box(), True),
}

#: `will-change` from 0.3 to 0.5 s.
COMES_AND_GOES = (
    box()
    + """<script>addEventListener("hf-seek", ({ detail: { time } }) => {
  document.getElementById("b").style.willChange = time >= 0.3 && time < 0.5 ? "transform" : "";
});</script>"""
)


def told(stage: Stage, html: str, indices: Sequence[int], view: Rect | None = None) -> list[bool]:
    """What is said after each of these frames was drawn; `view`: the part of the page that is looked at."""
    renderer = stage.renderer(html)
    clip = renderer.open(stage.variant(renderer))
    said = []
    with renderer.warm.guard() as page:
        layers = CompositorLayers(page)
        # Chromium tells when it paints the next time.
        assert layers.several()
        size = page.look_at(view, transparent=True)
        for index in indices:
            page.seek(index, clip.fps)
            page.picture(index, size)
            said.append(layers.several())
        layers.close()
    return said


@pytest.mark.parametrize("view", [None, Rect(4, 2, 40, 30)], ids=["whole", "part"])
@pytest.mark.parametrize("what", BODIES)
def test_what_has_a_layer_of_its_own(stage: Stage, what: str, view: Rect | None) -> None:
    body, several = BODIES[what]
    assert told(stage, root(body), (1, 4), view) == [several] * 2


def test_a_layer_that_comes_and_goes_is_seen_at_its_frames(stage: Stage) -> None:
    assert told(stage, root(COMES_AND_GOES), (1, 8, 9, 14, 15, 20)) == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]
