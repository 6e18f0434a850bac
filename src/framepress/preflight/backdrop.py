"""Contrast between text and what is behind it. Pure, on pixels.

Source: WCAG 2.2, relative luminance and contrast ratio; 3:1 is what it asks for of large text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Contrast below which text is hard to read.
CONTRAST_MIN = 3.0

#: Part of the ground behind a text on which contrast may be lower: an edge that a stroke crosses.
SHARE_MAX = 0.3

#: Pixels of the ground that are looked at, about.
PIXELS = 5_000

Pixels = NDArray[np.uint8]


def low_contrast(ground: Pixels, colour: tuple[int, int, int, int], opacity: float) -> float | None:
    """The contrast ratio that most of a text has, if it is too low on too much of its ground; else None.

    Args:
        ground: RGB, shape (height, width, 3): what is behind the text, without it.
        colour: of the text with its alpha, 0 to 255. opacity: of the whole element.
    """
    if ground.size == 0:
        return None
    step = max(1, int((ground.shape[0] * ground.shape[1] / PIXELS) ** 0.5))
    behind = ground[::step, ::step].reshape(-1, 3).astype(np.float64)
    alpha = colour[3] / 255 * opacity
    text = np.array(colour[:3], np.float64)
    # Text that hides what is behind it has one colour, whatever that is.
    seen = text[None] if alpha >= 1 else text * alpha + behind * (1 - alpha)
    ratios = contrast(luminance(seen), luminance(behind))
    if float((ratios < CONTRAST_MIN).mean()) <= SHARE_MAX:
        return None
    return float(np.quantile(ratios, SHARE_MAX))


def luminance(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative luminance of sRGB colours, shape (n, 3), 0 to 255."""
    # By table: the power of every channel of every pixel was a tenth of a pre-flight.
    linear = _LINEAR[np.rint(rgb * _LINEAR_STEPS).astype(np.int32)]
    weighed: NDArray[np.float64] = linear @ np.array([0.2126, 0.7152, 0.0722])
    return weighed


def _linear(steps: int) -> NDArray[np.float64]:
    scaled = np.arange(255 * steps + 1, dtype=np.float64) / (255 * steps)
    return np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)


#: Entries per channel value: text that lets its ground through has values in between.
_LINEAR_STEPS = 16
_LINEAR = _linear(_LINEAR_STEPS)


def contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contrast ratio of two luminances, 1 to 21."""
    return (np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05)
