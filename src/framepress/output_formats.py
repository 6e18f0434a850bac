"""The shape of a clip as `--formats` names it: a ratio such as ``9:16``, or pixels such as ``1080x1920``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from framepress.errors import UsageError
from framepress.timing import SIZE_MAX, parse_size

#: Formats of one run; more is a mistake.
FORMATS_MAX = 20

#: Sides of a ratio, and how often one may hold the other.
_SIDE = r"([1-9][0-9]{0,3}(?:\.[0-9]{1,3})?)"
_RATIO = re.compile(rf"{_SIDE}:{_SIDE}")
_SIZE = re.compile(r"([0-9]{1,6})[xX]([0-9]{1,6})")
_RATIO_MAX = 20

_EXPECTED = f'a ratio such as "9:16", or even pixels up to {SIZE_MAX} such as "1080x1920"'


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format.

    Attributes:
        name: as it is written, such as ``9:16``. slug: the same in a file's name, such as ``9x16``.
        ratio: width by height.
        size: width and height; None: they follow from the composition.
    """

    name: str
    ratio: Fraction
    size: tuple[int, int] | None = None

    @property
    def slug(self) -> str:
        return self.name.replace(":", "x")

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """The size of the format, of a composition that is so large: its own, or else the shorter side stays
        and the longer one follows from the ratio, as the nearest even number of pixels."""
        if self.size is not None:
            return self.size
        short = min(width, height)
        if self.ratio >= 1:
            return _even(short * self.ratio), short
        return short, _even(short / self.ratio)

    def fits(self, width: int, height: int) -> bool:
        """Whether a picture of this size has the format."""
        return self.size_for(width, height) == (width, height)


def _even(side: Fraction) -> int:
    return max(2, 2 * round(side / 2))


def parse_format(text: str) -> OutputFormat:
    """One format.

    Raises:
        ValueError: it is none; the message says what was expected.
    """
    text = text.strip()
    ratio = _RATIO.fullmatch(text)
    if ratio is not None:
        found = OutputFormat(text, Fraction(ratio[1]) / Fraction(ratio[2]))
        if Fraction(1, _RATIO_MAX) <= found.ratio <= _RATIO_MAX:
            return found
    pixels = _SIZE.fullmatch(text)
    if pixels is not None:
        width, height = parse_size(pixels[1]), parse_size(pixels[2])
        if width is not None and height is not None:
            return OutputFormat(f"{width}x{height}", Fraction(width, height), (width, height))
    raise ValueError(_EXPECTED)


def parse_formats(texts: Iterable[str] | None) -> tuple[str, ...]:
    """The names that `--formats` gives, in its order; commas separate them.

    Raises:
        UsageError: one is none, or two would give their files one name.
    """
    found: dict[str, str] = {}
    for text in (one for given in texts or () for one in given.split(",")):
        try:
            one = parse_format(text)
        except ValueError as error:
            raise UsageError(
                f'--formats: "{text.strip()[:40]}" is no format; expected {error}.', rule="formats"
            ) from error
        if one.slug in found:
            raise UsageError(f"--formats names {found[one.slug]} twice; name each once.", rule="formats")
        found[one.slug] = one.name
    if len(found) > FORMATS_MAX:
        raise UsageError(
            f"--formats names {len(found)} formats; expected at most {FORMATS_MAX}.", rule="formats"
        )
    return tuple(found.values())
