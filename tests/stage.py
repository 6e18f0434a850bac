"""A small stage for compositions in tests: written to a folder, rendered, read back as pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from framepress import variants
from framepress.browser import BrowserOptions, default_sandbox
from framepress.composition_loading import load_composition
from framepress.fontconfig import write_fontconfig
from framepress.page import Page
from framepress.poster import decode_rgb
from framepress.renderer import Renderer
from framepress.results import RowResult
from framepress.row_task import RowTask
from framepress.settings import RenderSettings, RunLimits
from framepress.store import FolderStore

Pixels = NDArray[np.uint8]


def browser_options(browser_path: Path, folder: Path, *, begin_frame: bool = True) -> BrowserOptions:
    return BrowserOptions(
        path=browser_path,
        begin_frame=begin_frame,
        sandbox=default_sandbox(),
        fontconfig=write_fontconfig(folder / "fontconfig", font_folders=[], system_fonts=False),
    )


@dataclass
class Stage:
    """Renders compositions given as text.

    Attributes:
        folder: of the composition; files put there are the page's.
        timeout_s: seconds for a frame and for getting ready.
        ready_timeout_s: seconds for getting ready, if they are to be others.
    """

    folder: Path
    options: BrowserOptions
    timeout_s: float = 20.0
    ready_timeout_s: float | None = None
    settings: RenderSettings = field(default_factory=RenderSettings)
    _renderers: list[Renderer] = field(default_factory=list)

    def renderer(self, html: str, *, name: str = "page.html") -> Renderer:
        path = self.folder / name
        path.write_text(html, encoding="utf-8")
        ready_s = self.ready_timeout_s or self.timeout_s
        limits = RunLimits(frame_timeout_s=self.timeout_s, ready_timeout_s=ready_s)
        renderer = Renderer(load_composition(path), self.settings, limits, self.options)
        self._renderers.append(renderer)
        return renderer

    def variant(self, renderer: Renderer, values: Mapping[str, object] | None = None) -> variants.Variant:
        given = dict(values or {})
        binder = variants.Binder(
            renderer.composition, columns=tuple(given), column_map={}, use_default=(), batch=False
        )
        return binder.bind(given, place="test", row_number=None)

    def stills(
        self, html: str, indices: list[int], values: Mapping[str, object] | None = None
    ) -> Iterator[Pixels]:
        """RGB of these frames, in this order, of one opened page."""
        renderer = self.renderer(html)
        clip = renderer.open(self.variant(renderer, values))
        with renderer.warm.guard() as page:
            page.seek(0, clip.fps)
            for index in indices:
                page.seek(index, clip.fps)
                png = page.draw(index, force=True)
                assert png is not None
                yield decode_rgb(png)

    def clip(self, html: str, values: Mapping[str, object] | None = None) -> tuple[Path, RowResult]:
        """The finished file and what was said about it."""
        renderer = self.renderer(html)
        out = self.folder / "out"
        task = RowTask(variant=self.variant(renderer, values), row_key="0" * 64, out="clip.mp4", stays=None)
        result = renderer.render(task, FolderStore(out))
        return out / "clip.mp4", result

    def close(self) -> None:
        for renderer in self._renderers:
            renderer.close()


def root(body: str, *, width: int = 160, height: int = 90, seconds: str = "1", fps: str = "30") -> str:
    """A whole composition around `body`."""
    return (
        "<!doctype html><meta charset=utf-8><style>body{background:#fff}</style>"
        f'<div data-width="{width}" data-height="{height}" data-duration="{seconds}" data-fps="{fps}">'
        f"{body}</div>"
    )


def place_of(page: Page, selector: str) -> str:
    """Where an element stands, as `looks.js` names places."""
    place = page.evaluate(
        f"(() => {{ const at = []; for (let e = document.querySelector('{selector}'); e.parentElement;"
        " e = e.parentElement) at.unshift([...e.parentElement.children].indexOf(e));"
        " return ['0', ...at].join('/'); })()"
    )
    return str(place)


def decode(path: Path) -> Iterator[Pixels]:
    """RGB of every frame of a file."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


# ---- frame numbers as pictures ------------------------------------------------------------------

#: Cells of the bar code; 12 bits count 4,096 frames.
BITS = 12
CELL = 12

BARS_STYLE = (
    f"<style>#bars{{position:absolute;left:8px;top:20px;width:{BITS * CELL}px;height:48px;overflow:hidden}}"
    f"#bars i{{float:left;width:{CELL}px;height:48px}}</style>"
)

BARS_SCRIPT = f"""
const bars = document.getElementById("bars");
for (let k = 0; k < {BITS}; k += 1) bars.appendChild(document.createElement("i"));
function show(n) {{
  [...bars.children].forEach((cell, k) => {{ cell.style.background = (n >> k) & 1 ? "#000" : "#fff"; }});
}}
"""


def read_number(pixels: Pixels) -> int:
    """The frame number in a picture; ValueError if a cell is neither black nor white."""
    number = 0
    for bit in range(BITS):
        x = 8 + bit * CELL + CELL // 2
        cell = float(pixels[36:52, x - 2 : x + 2].mean())
        if 60 < cell < 195:
            raise ValueError(f"cell {bit} is grey ({cell:.0f})")
        number |= (cell <= 60) << bit
    return number


def seconds_of(frames: int, fps: Fraction) -> str:
    """A duration attribute that gives exactly so many frames."""
    return f"{float(frames / fps):.6f}"
