"""The compositions of the cases: `examples/card`, what few words make of it, and `examples/lower-third`.

Every edit names a text that stands in the card exactly once, so a change of the card that would make a case
mean something else is an error here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
CARD = EXAMPLES / "card"

#: The file that a composition is made of; else it is the card.
SOURCES = {"lower-third": EXAMPLES / "lower-third" / "lower-third.html"}

#: Moment and length, in seconds, of the personal part of `window`. It crosses the boundary of two groups of
#: pictures (at 4 s), as it would in a film that was not made for a benchmark.
WINDOW_START_S, WINDOW_LENGTH_S = 2.5, 2.0

_PERSONAL = (
    '<img class="avatar"',
    '<div class="name-box"',
    '<div class="count rise"',
    '<p class="tier rise"',
    '<p class="next rise"',
    '<div class="bar"',
    '<div class="knob"',
    '<p class="left"',
)


class CompositionError(Exception):
    """The card is not as an edit expects it."""


def write_composition(name: str, folder: Path) -> Path:
    """Write the composition called `name` with its files into `folder`, afresh; returns its HTML file."""
    source = SOURCES.get(name, CARD / "card.html")
    shutil.rmtree(folder, ignore_errors=True)
    not_the_page = shutil.ignore_patterns("*.json", "*.csv", "*.py", "template.html")
    shutil.copytree(source.parent, folder, ignore=not_the_page)
    file = folder / source.name
    file.write_text(COMPOSITIONS[name](file.read_text(encoding="utf-8")), encoding="utf-8")
    return file


def frame_count(composition: Path) -> int:
    """Frames of a clip, as the root element of its composition says."""
    text = composition.read_text(encoding="utf-8")
    return round(float(root_number(text, "data-duration")) * float(root_number(text, "data-fps")))


def root_number(text: str, name: str) -> str:
    """A number that the root element of a composition gives, as it is written."""
    [root] = re.findall(r"<div[^>]*\sdata-width=[^>]*>", text)
    [number] = re.findall(rf'\s{name}="([\d.]+)"', root)
    return str(number)


def _as_it_is(text: str) -> str:
    return text


def _still(text: str) -> str:
    """Nothing moves behind the member's own parts once the rings have arrived."""
    # As specific as the rules that they undo: `.glow` alone loses against `.glow.sun`.
    return _style(text, ".glow.sun, .glow.tide, .orbits .turn, .orbits .turn.back { animation: none; }")


def _window(text: str) -> str:
    """Personal for two of six seconds, the background moving throughout."""
    for start in _PERSONAL:
        timed = f' data-start="{WINDOW_START_S}" data-duration="{WINDOW_LENGTH_S}"'
        text = _edit(text, start, start + timed)
    text = _edit(text, 'data-from="1.2" data-to="3.2"', 'data-from="2.6" data-to="4"')
    return _style(
        text,
        ".bar { animation: appear 0.3s 0.1s both, fill 1.2s 0.2s var(--climb) both; }\n"
        "  .knob { animation: pop 0.3s 0.1s var(--soft) both, slide 1.2s 0.2s var(--climb) both; }\n"
        "  .left { animation-delay: 0.9s; }",
    )


def _lower(text: str) -> str:
    """Only the name is the member's own, in the lower third; behind it the whole picture moves."""
    others = ".avatar, .count, .tier, .next, .track, .bar, .knob, .left, .earned"
    return _style(text, f"#card > :is({others}) {{ display: none; }}\n  .name-box {{ top: 800px; }}")


def _everything(text: str) -> str:
    """A background of the row's own under all that is translucent: no pixel is shared."""
    text = _declare(text, '"TINT": {"type": "color", "default": "#08252f"}')
    return _edit(text, '<div class="night">', '<div class="night" style="background: {{$TINT}}">')


def _campaign(text: str) -> str:
    """One line that is the same for all rows of a run, and another one in the next run."""
    text = _declare(text, '"CAMPAIGN": {"type": "string", "default": "What a year,"}')
    return _edit(text, ">What a year,<", ">{{$CAMPAIGN}}<")


COMPOSITIONS: dict[str, Callable[[str], str]] = {
    "card": _as_it_is,
    "still": _still,
    "window": _window,
    "lower": _lower,
    "lower-third": _as_it_is,
    "everything": _everything,
    "campaign": _campaign,
}


def _declare(text: str, declaration: str) -> str:
    last = re.compile(r'("AVATAR": \{[^}]*\})')
    changed, count = last.subn(lambda found: f"{found[1]},\n  {declaration}", text)
    if count != 1:
        raise CompositionError(f"the declaration of AVATAR stands {count} times in the card; expected once")
    return changed


def _style(text: str, rules: str) -> str:
    return _edit(text, "</style>", f"  {rules}\n</style>")


def _edit(text: str, old: str, new: str) -> str:
    if (count := text.count(old)) != 1:
        raise CompositionError(f"{old!r} stands {count} times in the card; expected once")
    return text.replace(old, new)
