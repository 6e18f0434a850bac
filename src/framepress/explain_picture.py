"""The layout of a group in one picture: what all rows share in grey, what is personal in colours, and a strip
of when each personal element is seen. An HTML page of ours, drawn by the browser that is there anyway.

It shows names of elements, never a value: the grey picture is the plate, which is the same for all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from importlib.resources import files
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from framepress.explain import joined
from framepress.explanation import KeyInterval, PersonalElement
from framepress.page import Page, PageContent
from framepress.pictures import encode_png
from framepress.rects import Rect
from framepress.site import Site

#: CSS pixels: width of the page, its margin, and heights of the stage and of a line of the strip.
PAGE_WIDTH, MARGIN, STAGE_HEIGHT_MAX, LINE = 1680, 40, 900, 34

#: Personal elements that have a line in the strip; of more, those that are seen longest.
LINES_MAX = 16

#: Heights around stage and strip: head, ruler, key-frame line, legend.
HEAD, RULER, FOOT = 96, 30, 56

#: A picture narrower than this in parts of its height has its strip beside it.
BESIDE_BELOW = 1.15

#: Colours of personal elements, in turn; each is told from its neighbours by lightness too.
COLOURS = (
    "#e4572e", "#1098ad", "#f0a202", "#7048e8", "#2b8a3e", "#d6336c",
    "#1c7ed6", "#9c6b30", "#5c940d", "#ae3ec9", "#087f5b", "#c92a2a",
)  # fmt: skip

#: Pixels of a label: height, and width per character beyond a base.
_LABEL_HEIGHT, _LABEL_BASE, _LABEL_CHAR = 24, 44, 8


@dataclass(frozen=True)
class PictureFacts:
    """What the picture shows.

    Attributes:
        title, subtitle: of the whole. reason: why the group has no plan; None: it has one.
        width, height: of the clip, pixels. frame: the one that is shown.
        grey: PNG of the plate at that frame; None: there is none, and only areas are shown.
        elements, seen: personal elements, and per frame where each is.
        above: name of each element painted over them, and where it is at that frame.
        intervals: key-frame intervals; empty: there is no plan.
    """

    title: str
    subtitle: str
    reason: str | None
    width: int
    height: int
    fps: Fraction
    frame: int
    grey: bytes | None
    elements: Sequence[PersonalElement]
    seen: Sequence[Sequence[Rect | None]]
    above: Sequence[tuple[str, Rect | None]]
    intervals: Sequence[KeyInterval]


def plate_png(picture: NDArray[np.uint8], width: int, height: int) -> bytes:
    """The luma of a packed 4:2:0 picture as a grey PNG."""
    luma = picture[: width * height].reshape(height, width).astype(np.float32)
    grey = np.clip((luma - 16) * (255 / 219), 0, 255).astype(np.uint8)
    return encode_png(av.VideoFrame.from_ndarray(grey, "gray"))


def draw_picture(page: Page, facts: PictureFacts, folder: Path) -> bytes:
    """PNG of the picture.

    Args:
        page: of any browser; what is open in it is left.
        folder: for what the page loads; its own files stay there.
    """
    stage = folder / "picture"
    stage.mkdir(exist_ok=True)
    if facts.grey is not None:
        (stage / "plate.png").write_bytes(facts.grey)
    sheet = _Sheet(facts)
    page.open(
        PageContent(
            site=Site(stage, "explain.html", "explain"),
            html=sheet.html(),
            width=PAGE_WIDTH,
            height=sheet.height,
            output_size=(PAGE_WIDTH, sheet.height),
            epoch_ms=0,
            seed="",
            locale="en-US",
            timezone="UTC",
        )
    )
    page.seek(0, Fraction(30))
    png = page.draw(0, force=True)
    assert png is not None
    return png


@dataclass(frozen=True)
class _Label:
    """A name at a box of the picture."""

    rect: Rect
    badge: str
    text: str
    colour: str


class _Sheet:
    """Where everything goes, and the page's text. Lengths in CSS pixels."""

    def __init__(self, facts: PictureFacts) -> None:
        self._facts = facts
        self._shown = _longest(facts.elements)
        self._beside = facts.width < BESIDE_BELOW * facts.height
        room = PAGE_WIDTH - 2 * MARGIN
        self._scale = min(room / facts.width, STAGE_HEIGHT_MAX / facts.height)
        self._width, self._height = facts.width * self._scale, facts.height * self._scale
        self._lines = len(self._shown) + bool(facts.intervals) + (len(self._shown) < len(facts.elements))
        strip_height = RULER + LINE * self._lines
        if self._beside:
            self._left, self._strip_top = float(MARGIN), float(HEAD)
            self._strip_left = self._left + self._width + MARGIN
            self._strip_width = PAGE_WIDTH - MARGIN - self._strip_left
            below = max(self._height, strip_height)
        else:
            self._left = (PAGE_WIDTH - self._width) / 2
            self._strip_left, self._strip_width = float(MARGIN), float(room)
            self._strip_top = HEAD + self._height + 22
            below = self._height + 22 + strip_height
        #: In the strip: width of the names, of the lanes, and of the figures.
        self._name, self._figures = min(330.0, 0.26 * self._strip_width), 130.0
        self._lane = self._strip_width - self._name - self._figures
        # A screenshot's sides may be odd; the next even number leaves that to nobody.
        self.height = round((HEAD + below + FOOT) / 2) * 2

    def html(self) -> str:
        facts = self._facts
        parts = [
            f"<!doctype html><meta charset=utf-8><style>{_style()}</style>",
            f"<h1>{escape(facts.title)}</h1><h2>{escape(facts.subtitle)}{self._moment()}</h2>",
            *self._stage(),
            *self._strip(),
            self._legend(),
        ]
        return "".join(parts)

    def _moment(self) -> str:
        seconds = float(self._facts.frame / self._facts.fps)
        return f" · shown at frame {self._facts.frame}, {seconds:.2f} s"

    # ---- the picture ----------------------------------------------------------------------------

    def _stage(self) -> Iterator[str]:
        facts = self._facts
        yield (
            f'<div class=stage style="left:{self._left:.1f}px;top:{HEAD}px;width:{self._width:.1f}px;'
            f'height:{self._height:.1f}px">'
        )
        if facts.grey is not None:
            yield '<img src="plate.png">'
        if facts.reason is not None:
            yield f"<p class=why>No plan: {escape(facts.reason)}</p>"
        labels: list[_Label] = []
        for index, one in enumerate(facts.elements):
            colour = _colour(one)
            ever = joined(rects[index] for rects in facts.seen)
            now = facts.seen[facts.frame][index]
            if ever is not None:
                yield f'<div class=ever style="{self._box(ever)};--c:{colour}"></div>'
            if now is not None:
                yield f'<div class=now style="{self._box(now)};--c:{colour}"></div>'
                labels.append(_Label(now, str(one.number), _short(one.element), colour))
        yield from self._cuts()
        for name, rect in facts.above:
            if rect is not None:
                yield f'<div class=above style="{self._box(rect)}"></div>'
                labels.append(_Label(rect, "over", _short(name), "#22272b"))
        yield from self._labels(labels)
        yield "</div>"

    def _cuts(self) -> Iterator[str]:
        """The parts of the picture that are encoded per row in the interval that is shown."""
        facts = self._facts
        for interval in facts.intervals:
            if interval.start <= facts.frame < interval.stop:
                for top, below in interval.bands:
                    rect = Rect(0, top, facts.width, below - top)
                    yield f'<div class=band style="{self._box(rect)}"></div>'

    def _box(self, rect: Rect) -> str:
        x, y, width, height = (side * self._scale for side in (rect.x, rect.y, rect.width, rect.height))
        return f"left:{x:.1f}px;top:{y:.1f}px;width:{width:.1f}px;height:{height:.1f}px"

    def _labels(self, labels: Sequence[_Label]) -> Iterator[str]:
        """Labels at the top left corners of their boxes, moved down until none covers another."""
        placed: list[Rect] = []
        for label in labels:
            width = _LABEL_BASE + _LABEL_CHAR * len(label.text)
            x = min(max(2, round(label.rect.x * self._scale)), max(2, round(self._width) - width - 2))
            y = max(2, round(label.rect.y * self._scale) - _LABEL_HEIGHT // 2)
            box = Rect(x, y, width, _LABEL_HEIGHT + 2)
            while any(box.overlaps(other) for other in placed) and box.bottom + LINE < self._height:
                box = Rect(box.x, box.y + _LABEL_HEIGHT + 2, width, box.height)
            placed.append(box)
            yield (
                f'<div class=label style="left:{box.x}px;top:{box.y}px;--c:{label.colour}">'
                f"<i>{label.badge}</i>{escape(label.text)}</div>"
            )

    # ---- the strip ------------------------------------------------------------------------------

    def _strip(self) -> Iterator[str]:
        facts = self._facts
        yield (
            f'<div class=strip style="left:{self._strip_left:.1f}px;top:{self._strip_top:.1f}px;'
            f'width:{self._strip_width:.1f}px">'
        )
        yield f'<div style="position:relative;height:{RULER}px">{"".join(self._ticks())}</div>'
        for one in self._shown:
            yield from self._line(one)
        if len(self._shown) < len(facts.elements):
            yield f"<div class=line><b>and {len(facts.elements) - len(self._shown)} more</b></div>"
        if facts.intervals:
            yield "<div class=line><b>key-frame intervals</b>"
            for interval in facts.intervals:
                left, width = self._span(interval.start, interval.stop)
                kind = " once" if interval.encoded == "once" else ""
                text = "encoded once" if kind else "per row"
                place = f"left:{left + 1:.1f}px;width:{width - 2:.1f}px"
                yield f'<div class="gop{kind}" style="{place}">{text}</div>'
            yield "</div>"
        at, _ = self._span(facts.frame, facts.frame + 1)
        place = f"left:{at:.1f}px;top:{RULER - 4}px;height:{LINE * self._lines + 4}px"
        yield f'<div class=at style="{place}"></div>'
        yield "</div>"

    def _span(self, start: int, stop: int) -> tuple[float, float]:
        per_frame = self._lane / len(self._facts.seen)
        return self._name + start * per_frame, (stop - start) * per_frame

    def _ticks(self) -> Iterator[str]:
        seconds = float(len(self._facts.seen) / self._facts.fps)
        step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 86_400) if seconds / s <= 12)
        for number in range(int(seconds / step + 1e-6) + 1):
            left = self._name + self._lane * number * step / seconds
            yield f'<div class=tick style="left:{left:.1f}px">{number * step:g} s</div>'

    def _line(self, one: PersonalElement) -> Iterator[str]:
        index = one.number - 1
        yield f'<div class=line style="--c:{_colour(one)}"><b style="width:{self._name - 16:.0f}px">'
        yield f"<i>{one.number}</i>{escape(one.element)}</b>"
        yield f'<div class=lane style="left:{self._name:.1f}px;width:{self._lane:.1f}px">'
        for start, stop in _runs([rects[index] is not None for rects in self._facts.seen]):
            left, width = self._span(start, stop)
            yield f'<u style="left:{left - self._name:.1f}px;width:{width:.1f}px"></u>'
        yield f"</div><span>{one.seen_seconds:.1f} s · {one.area:.1%}</span></div>"

    def _legend(self) -> str:
        items = [("background:#888", "grey: the same in all rows, made once")] if self._facts.grey else []
        items += [
            ("background:#e4572e57;border:2px solid #e4572e", "personal, now"),
            ("border:1.5px dashed #e4572e", "personal, at any time"),
        ]
        if self._facts.above:
            hatched = "repeating-linear-gradient(45deg,#fff 0 2px,#999 2px 6px)"
            items.append(
                (f"background:{hatched};border:1.5px solid #22272b", "painted over what is personal")
            )
        if any(interval.bands for interval in self._facts.intervals):
            items.append(("border:1.5px dotted #22272b", "lines that are encoded per row"))
        if any(interval.encoded == "once" for interval in self._facts.intervals):
            items.append(("background:#2b8a3e", "encoded once for all rows"))
        text = "".join(f'<em style="{style}"></em>{words}' for style, words in items)
        return f'<div class=legend style="top:{self.height - 38}px">{text}</div>'


def _style() -> str:
    return files("framepress").joinpath("explain_picture.css").read_text(encoding="utf-8")


def _longest(elements: Sequence[PersonalElement]) -> list[PersonalElement]:
    kept = sorted(elements, key=lambda one: (-one.seen_frames, -one.area))[:LINES_MAX]
    return sorted(kept, key=lambda one: one.number)


def _colour(one: PersonalElement) -> str:
    return COLOURS[(one.number - 1) % len(COLOURS)]


def _short(name: str) -> str:
    return name if len(name) <= 34 else f"{name[:33]}…"


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Start and stop of each run of True."""
    start: int | None = None
    for index, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = index
        elif not flag and start is not None:
            yield start, index
            start = None
