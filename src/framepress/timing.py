"""Size, rate, duration and sound of a page, read from the attributes of its elements.

Seconds are decimal text and become exact fractions: ``"0.1"`` is 1/10. What is not said in the HTML
(timelines, animations) is not known here: the duration is then None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from framepress.errors import CompositionError, UsageError

#: Pixels of width or height; 7680 is 8K, beyond what an H.264 decoder in a phone or browser plays.
SIZE_MAX = 7680
FPS_MIN, FPS_MAX = 1, 240
#: Seconds of one clip. Longer ones are films, and a typing error (6000 for 6.000) is likelier.
DURATION_S_MAX = 3600
#: 12 dB, the most that dialect A documents.
VOLUME_MAX = Fraction("3.98")
#: What browsers accept as playback rate.
SPEED_MIN, SPEED_MAX = Fraction(1, 16), Fraction(16)
#: `duration * fps` this close to an integer is that integer (a third of a second is written 0.3333).
FRAME_TOLERANCE = Fraction(1, 1000)

_DECIMAL = re.compile(r"[+]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
_RATIONAL = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_INTEGER = re.compile(r"[0-9]{1,6}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Element:
    """What is looked at of a start tag.

    Attributes:
        attributes: name -> decoded value.
        from_row: attributes that a row had a part in; messages describe them by length only.
        unknown: attributes that cannot be read yet, because tokens stand in them.
        place: ``file:line:column`` of the tag.
        parent: index of the parent among all start tags, or -1.
        index: index among all start tags.
    """

    tag: str
    attributes: Mapping[str, str]
    place: str
    line: int
    index: int
    parent: int = -1
    from_row: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AudioElement:
    """A sound. Times are seconds; `src` is relative to the folder; `end` None: to the sound's own end."""

    src: str
    start: Fraction
    end: Fraction | None
    volume: Fraction
    muted: bool
    speed: Fraction
    trim_start: Fraction
    loop: bool
    line: int


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the attributes say. `duration_from`: ``"root"``, ``"elements"``, or empty (unknown yet)."""

    width: int
    height: int
    fps: Fraction | None
    duration: Fraction | None
    duration_from: str
    background: str | None
    seed: str | None
    has_timeline_wait: bool
    audio: tuple[AudioElement, ...]


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


def _size(text: str) -> int | None:
    text = text.strip()
    size = int(text) if _INTEGER.fullmatch(text) else 0
    return size if 2 <= size <= SIZE_MAX and size % 2 == 0 else None


def _length(text: str) -> Fraction | None:
    seconds = parse_seconds(text)
    return seconds if seconds is not None and 0 < seconds <= DURATION_S_MAX else None


def _within(low: Fraction, high: Fraction) -> Callable[[str], Fraction | None]:
    def parse(text: str) -> Fraction | None:
        number = parse_seconds(text)
        return number if number is not None and low <= number <= high else None

    return parse


_SIZE = f"an even number of pixels from 2 to {SIZE_MAX}"
_LENGTH = f"seconds above 0, up to {DURATION_S_MAX}"


def _read(
    element: Element, names: tuple[str, ...], parse: Callable[[str], T | None], expected: str
) -> T | None:
    """The first of the attributes that is there, parsed. None: absent, or not known yet."""
    for name in names:
        if name in element.unknown:
            return None
        text = element.attributes.get(name)
        if text is None:
            continue
        value = parse(text)
        if value is None:
            found = f"a value of {len(text)} characters" if name in element.from_row else f'"{text[:60]}"'
            raise CompositionError(
                f"{element.place}: {name} is {found}; expected {expected}.", rule=name.removeprefix("data-")
            )
        return value
    return None


def _has(element: Element, *names: str) -> bool:
    """Whether a flag is set: there, and not "false" or "0"."""
    return any(element.attributes.get(name, "false").strip().lower() not in ("false", "0") for name in names)


def find_root(elements: Sequence[Element], file_name: str) -> Element:
    """The first element with data-width and data-height, else the first with data-composition-id.

    Raises:
        CompositionError: there is none, or it lacks its size.
    """
    for element in elements:
        if "data-width" in element.attributes and "data-height" in element.attributes:
            return element
    for element in elements:
        if "data-composition-id" in element.attributes:
            raise CompositionError(
                f"{element.place}: the composition has no size; add data-width and data-height, "
                'such as data-width="1920" data-height="1080".',
                rule="root",
            )
    raise CompositionError(
        f"{file_name}: no element has data-width and data-height; give the outermost one both, such as "
        '<div data-width="1920" data-height="1080">.',
        rule="root",
    )


def _start(element: Element) -> Fraction | None:
    text = element.attributes.get("data-start", "")
    if (
        "data-start" not in element.unknown
        and parse_seconds(text) is None
        and re.match(r"\s*[A-Za-z_]", text)
    ):
        raise CompositionError(
            f"{element.place}: data-start refers to an element; that is not supported yet. Write seconds.",
            rule="relative-start-not-yet",
        )
    return _read(element, ("data-start",), parse_seconds, "seconds, 0 or more, such as 1.5")


def _span(element: Element) -> tuple[Fraction | None, Fraction | None]:
    """Start and end; None where absent or unknown."""
    start = _start(element)
    end = _read(element, ("data-end",), parse_seconds, "seconds, such as 4.5")
    if end is None:
        length = _read(element, ("data-duration",), _length, _LENGTH)
        end = None if length is None or start is None else start + length
    if start is not None and end is not None and end <= start:
        raise CompositionError(
            f"{element.place}: the element ends at or before its start; expected data-end after data-start.",
            rule="end",
        )
    return start, end


def _audio(element: Element, src: str) -> AudioElement:
    start, end = _span(element)
    volume = _read(element, ("data-volume",), _within(Fraction(0), VOLUME_MAX), "a number from 0 to 3.98")
    speed = _read(
        element,
        ("data-speed", "data-playback-rate"),
        _within(SPEED_MIN, SPEED_MAX),
        "a number from 0.0625 to 16",
    )
    trim = _read(element, ("data-trim-start", "data-media-start"), parse_seconds, "seconds, 0 or more")
    silent = element.attributes.get("data-has-audio", "").strip().lower() == "false"
    return AudioElement(
        src=src,
        start=start or Fraction(0),
        end=end,
        volume=Fraction(1) if volume is None else volume,
        muted=_has(element, "muted", "data-mute") or silent,
        speed=Fraction(1) if speed is None else speed,
        trim_start=trim or Fraction(0),
        loop=_has(element, "loop", "data-loop"),
        line=element.line,
    )


def _audio_source(element: Element, sources: Mapping[int, list[Element]]) -> tuple[Element, str]:
    """The element and attribute value that name the sound: `src`, or that of the first `<source>` in it."""
    for candidate in (element, *sources.get(element.index, ())):
        src = candidate.attributes.get("src")
        if src is not None and (src.strip() or "src" in candidate.unknown):
            return candidate, src
    raise CompositionError(
        f"{element.place}: <audio> names no file; give it a src, or a <source> inside.", rule="audio-src"
    )


def _check_supported(element: Element) -> None:
    if element.tag == "video":
        raise CompositionError(
            f"{element.place}: <video> elements are not supported yet; use pictures and <audio>.",
            rule="video-not-yet",
        )
    if "data-composition-src" in element.attributes:
        raise CompositionError(
            f"{element.place}: nested compositions (data-composition-src) are not supported yet; "
            "put its content into this file.",
            rule="nested-not-yet",
        )
    for name in ("data-composition-variables", "data-var-text", "data-var-src"):
        if name in element.attributes:
            raise CompositionError(
                f"{element.place}: {name} is not supported yet; declare variables in "
                '<script type="application/hyperframes-vars"> and use {{$NAME}}.',
                rule="dialect-b-not-yet",
            )


def read_page(
    elements: Sequence[Element], file_name: str, resolve_audio: Callable[[Element, str], str]
) -> PageFacts:
    """Check all elements and collect what they say.

    Args:
        elements: in document order.
        resolve_audio: the path inside the folder that an address in an element means; raises if it is none.

    Raises:
        CompositionError: with place, found and expected.
    """
    for element in elements:
        _check_supported(element)
    root = find_root(elements, file_name)
    width = _read(root, ("data-width",), _size, _SIZE)
    height = _read(root, ("data-height",), _size, _SIZE)
    fps = _read(root, ("data-fps",), parse_fps, f"{FPS_MIN} to {FPS_MAX}, or a rational such as 30000/1001")
    duration = _read(root, ("data-duration",), _length, _LENGTH)
    sources: dict[int, list[Element]] = {}
    for element in elements:
        if element.tag == "source":
            sources.setdefault(element.parent, []).append(element)
    ends, audio = [], []
    for element in elements:
        if element is not root and "data-start" in element.attributes:
            end = _span(element)[1]
            if end is not None:
                ends.append((end, element))
        if element.tag == "audio":
            holder, src = _audio_source(element, sources)
            if "src" not in holder.unknown:
                audio.append(_audio(element, resolve_audio(holder, src)))
    duration_from = "root" if duration is not None else "elements" if ends else ""
    if duration is None and ends:
        duration, last = max(ends, key=lambda pair: pair[0])
        if duration > DURATION_S_MAX:
            raise CompositionError(
                f"{last.place}: the element ends after {DURATION_S_MAX} seconds.", rule="duration"
            )
    return PageFacts(
        width=width or 0,
        height=height or 0,
        fps=fps,
        duration=duration,
        duration_from=duration_from,
        background=root.attributes.get("data-bg"),
        seed=root.attributes.get("data-seed"),
        has_timeline_wait="data-no-timeline" not in root.attributes,
        audio=tuple(audio),
    )
