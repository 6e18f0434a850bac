"""An SVG with SMIL at one moment, as text: every time of its animations is made a million times as long, and
they begin so much earlier that the moment has been reached. By the machine's clock the picture then stands
still, to within a microsecond of its own time for every second that it is shown.

Times that follow another animation (``a.end + 1s``) are worked out beforehand: a browser that is shown the
picture at a later moment has missed what it would have waited for.

Source: SVG Animations Level 2 / SMIL 3.0, begin values and active duration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

#: How much slower the picture is than the clip.
SLOWER = 1_000_000

_ANIMATION = re.compile(r"<(?:[\w.-]+:)?(?:animate|animateTransform|animateMotion|animateColor|set)\b[^>]*>")
_ATTRIBUTE = re.compile(r"""(\s)([\w:.-]+)(\s*=\s*)(?:"([^"]*)"|'([^']*)')""")
_FOLLOWS = re.compile(r"([\w.\\-]+?)\.(begin|end)(?:\s*([+-].*))?")
_EVENT = re.compile(
    r"(?:[\w.\\-]+\.)?(?:click|\w+(?:over|out|down|up|move|in)|accessKey\(.\))(?:\s*[+-].*)?|indefinite"
)
_CLOCK = re.compile(
    r"([+-]?)\s*(?:(?:([0-9]+):)?([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]+)?)|([0-9]*\.?[0-9]+)(h|min|s|ms)?)"
)
_UNITS_S = {
    None: Fraction(1),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
    "min": Fraction(60),
    "h": Fraction(3600),
}

#: Attributes that hold times.
_TIMES = ("begin", "end", "dur", "repeatDur", "min", "max")

#: Begin and end of an animation; None: never, or not known.
_Span = tuple[Fraction | None, Fraction | None]


def can_be_moved(text: str) -> bool:
    """Whether every moment of an SVG is known: it has no CSS animations, and nothing begins or ends with what
    cannot be foreseen, such as a round of another animation."""
    if "@keyframes" in text:
        return False
    spans = _spans(text)
    return all(
        _EVENT.fullmatch(value) is not None or _begin(value, spans) is not None
        for tag in _ANIMATION.findall(text)
        for name in ("begin", "end")
        for value in _values(_attributes(tag).get(name, ""))
    )


def svg_at(text: str, moment_s: Fraction) -> str:
    """The text of an SVG that stands at a moment."""
    spans = _spans(text)

    def tag(match: re.Match[str]) -> str:
        changed = _ATTRIBUTE.sub(attribute, match[0])
        if "begin" not in _attributes(match[0]):
            end = len(changed) - (2 if changed.endswith("/>") else 1)
            changed = f'{changed[:end]} begin="{_slow(-moment_s)}"{changed[end:]}'
        return changed

    def attribute(match: re.Match[str]) -> str:
        name, value = match[2], match[4] if match[4] is not None else match[5]
        if name not in _TIMES:
            return match[0]
        shift = -moment_s if name in ("begin", "end") else Fraction(0)
        moved = []
        for one in _values(value):
            seconds = _begin(one, spans)
            moved.append(one if seconds is None else _slow(seconds + shift))
        return f'{match[1]}{name}{match[3]}"{";".join(moved)}"'

    return _ANIMATION.sub(tag, text)


def _attributes(tag: str) -> dict[str, str]:
    found = _ATTRIBUTE.finditer(tag)
    return {match[2]: match[4] if match[4] is not None else match[5] for match in found}


def _values(value: str) -> list[str]:
    return [one for part in value.split(";") if (one := part.strip())]


def _spans(text: str) -> Mapping[str, _Span]:
    """When the animations that have an id begin and end, where that is known."""
    named = [one for tag in _ANIMATION.findall(text) if "id" in (one := _attributes(tag))]
    spans: dict[str, _Span] = {}
    # Each round resolves those that follow one of the round before; a circle stays unknown.
    for _ in named:
        known = len(spans)
        for one in named:
            begins = [_begin(value, spans) for value in _values(one.get("begin", "0"))]
            if one["id"] not in spans and len(begins) == 1 and begins[0] is not None:
                active = _active(one)
                spans[one["id"]] = begins[0], begins[0] + active if active is not None else None
        if len(spans) == known:
            break
    return spans


def _active(attributes: Mapping[str, str]) -> Fraction | None:
    """Seconds from begin to end; None: for ever, or not known."""
    if {"end", "min", "max"} & set(attributes):
        return None
    lengths = []
    dur = _seconds(attributes.get("dur", "").strip())
    count = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*", attributes.get("repeatCount", ""))
    limit = _seconds(attributes.get("repeatDur", "").strip())
    if limit is not None:
        lengths.append(limit)
    if dur is not None and count is not None:
        lengths.append(dur * Fraction(count[1]))
    if dur is not None and "repeatCount" not in attributes and "repeatDur" not in attributes:
        lengths.append(dur)
    return min(lengths, default=None)


def _begin(value: str, spans: Mapping[str, _Span]) -> Fraction | None:
    """Seconds of the picture's time that a value means; None: it is no moment, or not known."""
    seconds = _seconds(value)
    if seconds is not None:
        return seconds
    follows = _FOLLOWS.fullmatch(value)
    if follows is None or follows[1] not in spans:
        return None
    base = spans[follows[1]][follows[2] == "end"]
    offset = _seconds(follows[3].strip()) if follows[3] else Fraction(0)
    return base + offset if base is not None and offset is not None else None


def _seconds(value: str) -> Fraction | None:
    match = _CLOCK.fullmatch(value)
    if match is None:
        return None
    if match[5] is not None:
        seconds = Fraction(match[5]) * _UNITS_S[match[6]]
    else:
        seconds = Fraction(match[2] or 0) * 3600 + Fraction(match[3]) * 60 + Fraction(match[4])
    return -seconds if match[1] == "-" else seconds


def _slow(seconds: Fraction) -> str:
    return f"{float(seconds * SLOWER):.3f}s"
