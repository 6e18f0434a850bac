"""Seconds, rates and sizes: their text, their limits, and how many frames they come to.

Seconds are decimal text and become exact fractions: ``"0.1"`` is 1/10.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction

from framepress.errors import UsageError

#: Pixels of width or height; 7680 is 8K, beyond what an H.264 decoder in a phone or browser plays.
SIZE_MAX = 7680
FPS_MIN, FPS_MAX = 1, 240
#: Seconds of one clip. Longer ones are films, and a typing error (6000 for 6.000) is likelier.
DURATION_S_MAX = 3600
#: `duration * fps` this close to an integer is that integer (a third of a second is written 0.3333).
FRAME_TOLERANCE = Fraction(1, 1000)

_DECIMAL = re.compile(r"[+]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
_RATIONAL = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_INTEGER = re.compile(r"[0-9]{1,6}")


def parse_seconds(text: str) -> Fraction | None:
    """Seconds as an exact fraction, or None if it is not a decimal number of 0 or more."""
    text = text.strip()
    return Fraction(text) if _DECIMAL.fullmatch(text) else None


def parse_fps(text: str) -> Fraction | None:
    """A rate such as ``30``, ``29.97`` or ``30000/1001``, or None if it is none or not within 1..240."""
    text = text.strip()
    rational = _RATIONAL.fullmatch(text)
    if rational and int(rational[2]) > 0:
        fps = Fraction(int(rational[1]), int(rational[2]))
    elif _DECIMAL.fullmatch(text):
        fps = Fraction(text)
    else:
        return None
    return fps if FPS_MIN <= fps <= FPS_MAX else None


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Frames of a clip: the nearest integer to ``duration * fps`` within 1e-3, else up; at least 1."""
    exact = duration * fps
    nearest = round(exact)
    count = nearest if abs(exact - nearest) <= FRAME_TOLERANCE else math.ceil(exact)
    return max(1, count)


def scaled_size(width: int, height: int, scale: str | None) -> tuple[int, int]:
    """The size of the output.

    Args:
        scale: ``"0.5"`` (a factor) or ``"720p"`` (pixels of the short side); None: as composed.

    Raises:
        UsageError: not of that form, or the result is not two even numbers of 2..7680 pixels.
    """
    if scale is None:
        return width, height
    text = scale.strip()
    if text.endswith("p") and _INTEGER.fullmatch(text[:-1]):
        factor = Fraction(int(text[:-1]), min(width, height))
    elif _DECIMAL.fullmatch(text):
        factor = Fraction(text)
    else:
        raise UsageError(f'--scale is "{scale}"; expected a factor such as 0.5, or 720p.', rule="scale")
    sides = (width * factor, height * factor)
    for side in sides:
        if side.denominator != 1 or side % 2 or not 2 <= side <= SIZE_MAX:
            raise UsageError(
                f"--scale {scale} makes {width}x{height} {float(sides[0]):g}x{float(sides[1]):g}; "
                f"expected even whole numbers from 2 to {SIZE_MAX}. Choose another scale.",
                rule="scale",
            )
    return int(sides[0]), int(sides[1])


def parse_size(text: str) -> int | None:
    """An even number of pixels from 2 to `SIZE_MAX`, or None."""
    text = text.strip()
    size = int(text) if _INTEGER.fullmatch(text) else 0
    return size if 2 <= size <= SIZE_MAX and size % 2 == 0 else None


def parse_length(text: str) -> Fraction | None:
    """Seconds of a clip or a part of it, above 0 and up to `DURATION_S_MAX`, or None."""
    seconds = parse_seconds(text)
    return seconds if seconds is not None and 0 < seconds <= DURATION_S_MAX else None


def within(low: Fraction, high: Fraction) -> Callable[[str], Fraction | None]:
    """A parser of decimal numbers between two, both allowed."""

    def parse(text: str) -> Fraction | None:
        number = parse_seconds(text)
        return number if number is not None and low <= number <= high else None

    return parse
