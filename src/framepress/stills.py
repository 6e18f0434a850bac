"""Personal elements that are shifted, faded copies of themselves for some frames: one frame is captured, the
others are made of it.

A text that rises and fades in looks at each of those frames like the text at rest, some pixels lower and
paler. Chromium draws such a layer at whole pixels: 54 captures of four texts of `examples/card` are the
capture at rest, moved to the nearest pixel and times the opacity, to 2.4 of 255. Of what it paints anew at
every place (a circle that slides) that is not so. So some frames are captured all the same (`Run.probes`),
and the others are made only if these come out right. Pictures are pixels of 8-bit RGBA, not premultiplied,
rows by columns by 4.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framepress.pictures import PictureReader

Pixels = NDArray[np.uint8]

#: Frames of one look below which all are captured: four are captured anyway.
FRAMES_MIN = 8

#: Opacity that the frame must have which others are made of; and that of one which says something of them.
OPACITY_OF_MIN, OPACITY_PROBE_MIN = 0.5, 0.2

#: Code values of 255 by which a premultiplied sample that was made may differ from one that was captured.
OFF_MAX = 4


@dataclass(frozen=True, slots=True)
class Still:
    """How an element is shifted and faded at a frame (`stills.js`).

    Attributes:
        look: how it looks but for that, as a number.
        x, y: CSS pixels to the right and down.
        opacity: 0 to 1.
    """

    look: int
    x: float
    y: float
    opacity: float

    @classmethod
    def read(cls, told: Mapping[str, float] | None) -> Still | None:
        """What the page said; None: it is more than shifted."""
        if told is None:
            return None
        return cls(int(told["look"]), float(told["x"]), float(told["y"]), float(told["opacity"]))


@dataclass(frozen=True, slots=True)
class Shift:
    """What makes one picture of another: whole pixels to the right and down, then times `opacity`."""

    x: int
    y: int
    opacity: float


@dataclass(frozen=True, slots=True)
class Run:
    """Frames of one look.

    Attributes:
        of: the one that the others are made of. probes: those that are captured to see whether that holds.
        made: the others, each with what makes it.
    """

    of: int
    probes: Mapping[int, Shift]
    made: Mapping[int, Shift]


def runs(frames: Mapping[int, tuple[Hashable, Still]], scale: float) -> list[Run]:
    """Which frames can be made of which.

    Args:
        frames: of one element, by number: what else decides how it looks, and how it is shifted.
        scale: pixels of the picture per CSS pixel.
    """
    alike: dict[Hashable, list[int]] = {}
    for frame, (around, still) in frames.items():
        alike.setdefault((around, still.look), []).append(frame)
    found = []
    for numbers in alike.values():
        stills = {frame: frames[frame][1] for frame in numbers}
        of = max(numbers, key=lambda frame: (stills[frame].opacity, frame))
        if len(numbers) < FRAMES_MIN or stills[of].opacity < OPACITY_OF_MIN:
            continue
        shifts = {
            frame: shift_between(stills[of], still, scale) for frame, still in stills.items() if frame != of
        }
        probes = _probes({frame: stills[frame] for frame in shifts}, scale)
        made = {frame: shift for frame, shift in shifts.items() if frame not in probes}
        found.append(Run(of, {frame: shifts[frame] for frame in probes}, made))
    return found


def _probes(stills: Mapping[int, Still], scale: float) -> set[int]:
    """The first frame, the first that shows enough, and the one that lies most between two pixels."""
    shown = [frame for frame, still in stills.items() if still.opacity >= OPACITY_PROBE_MIN] or list(stills)

    def between(frame: int) -> float:
        still = stills[frame]
        return max(abs(at * scale - round(at * scale)) for at in (still.x, still.y))

    return {min(stills), min(shown), max(shown, key=between)}


def shift_between(of: Still, to: Still, scale: float) -> Shift:
    """What makes the picture of `to` of that of `of`."""
    return Shift(
        _pixel(to.x * scale) - _pixel(of.x * scale),
        _pixel(to.y * scale) - _pixel(of.y * scale),
        to.opacity / of.opacity,
    )


def _pixel(at: float) -> int:
    return int(np.floor(at + 0.5))


def shifted(pixels: Pixels, shift: Shift) -> Pixels:
    """The picture that a shift makes; what comes from beyond its edges is transparent."""
    height, width = pixels.shape[:2]
    made = np.zeros_like(pixels)
    x, y = shift.x, shift.y
    if abs(x) < width and abs(y) < height:
        to = (slice(max(0, y), min(height, height + y)), slice(max(0, x), min(width, width + x)))
        at = (slice(max(0, -y), min(height, height - y)), slice(max(0, -x), min(width, width - x)))
        made[to] = pixels[at]
    if shift.opacity != 1:
        alpha = np.arange(256, dtype=np.float32) * np.float32(shift.opacity)
        made[..., 3] = np.minimum(alpha + np.float32(0.5), 255).astype(np.uint8).take(made[..., 3])
    return made


def holds(reader: PictureReader, of: bytes, probes: Sequence[tuple[bytes, Shift]]) -> bool:
    """Whether captures are what they would have been made to be.

    Args:
        of: PNG. probes: PNGs of the same size.
    """
    pixels = reader.decode_rgba(of)
    return all(_agree(reader.decode_rgba(png), shifted(pixels, shift)) for png, shift in probes)


def _agree(one: Pixels, other: Pixels) -> bool:
    if one.shape != other.shape:
        return False
    alphas = [pixels[..., 3].astype(np.int32) for pixels in (one, other)]
    if int(np.abs(alphas[0] - alphas[1]).max(initial=0)) > OFF_MAX:
        return False
    for channel in range(3):
        # Premultiplied, in 255ths.
        values, others = (
            pixels[..., channel].astype(np.int32) * alpha
            for pixels, alpha in zip((one, other), alphas, strict=True)
        )
        values -= others
        if int(np.abs(values).max(initial=0)) > OFF_MAX * 255:
            return False
    return True
