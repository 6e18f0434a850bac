"""Size, rate, duration and sound of a page, read from the attributes of its elements.

What is not said in the HTML (timelines, animations) is not known here: the duration is then None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

from framepress.elements import Element
from framepress.errors import CompositionError
from framepress.relative_starts import Times
from framepress.timing import (
    DURATION_S_MAX,
    FPS_MAX,
    FPS_MIN,
    SIZE_MAX,
    parse_fps,
    parse_length,
    parse_seconds,
    parse_size,
    within,
)

#: 12 dB, the most that dialect A documents.
VOLUME_MAX = Fraction("3.98")
#: What browsers accept as playback rate.
SPEED_MIN, SPEED_MAX = Fraction(1, 16), Fraction(16)

_SIZE = f"an even number of pixels from 2 to {SIZE_MAX}"
_LENGTH = f"seconds above 0, up to {DURATION_S_MAX}"

T = TypeVar("T")


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
    of_video: bool = False
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class VideoElement:
    """A video. Times are seconds of the clip, `trim_start` of the file; `src` is relative to the folder."""

    src: str
    start: Fraction
    end: Fraction | None
    speed: Fraction
    trim_start: Fraction
    loop: bool
    line: int
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the attributes say.

    Attributes:
        width, height: pixels as composed, even.
        fps: data-fps, or None.
        duration: seconds; None: unknown until loaded.
        duration_from: ``"root"`` if its own attribute says so; ``"elements"``: the end of the last of them,
            while timelines and animations may end later; empty if unknown.
        background: data-bg, or None.
        seed: data-seed, or None: the composition's digest seeds.
        audio: sounds, those of videos too. videos: in document order.
        has_timeline_wait: registered timelines are waited for (no data-no-timeline).
    """

    width: int
    height: int
    fps: Fraction | None
    duration: Fraction | None
    duration_from: str
    background: str | None
    seed: str | None
    has_timeline_wait: bool
    audio: tuple[AudioElement, ...]
    videos: tuple[VideoElement, ...] = ()


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


def _span(element: Element, times: Times) -> tuple[Fraction | None, Fraction | None]:
    """Start and end in the clip; None where absent or unknown."""
    start, end = times.start(element), times.end(element)
    if start is not None and end is not None and end <= start:
        raise CompositionError(
            f"{element.place}: the element ends at or before its start; expected data-end after data-start.",
            rule="end",
        )
    return start, end


def _audio(element: Element, src: str, times: Times) -> AudioElement:
    start, end = _span(element, times)
    volume = _read(element, ("data-volume",), within(Fraction(0), VOLUME_MAX), "a number from 0 to 3.98")
    speed = _read(
        element,
        ("data-speed", "data-playback-rate"),
        within(SPEED_MIN, SPEED_MAX),
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
        of_video=element.tag == "video",
        place=element.place.rpartition(":")[0],
    )


def _video(sound: AudioElement) -> VideoElement:
    return VideoElement(
        sound.src, sound.start, sound.end, sound.speed, sound.trim_start, sound.loop, sound.line, sound.place
    )


def _audio_source(element: Element, sources: Mapping[int, list[Element]]) -> tuple[Element, str]:
    """The element and attribute value that name the sound: `src`, or that of the first `<source>` in it."""
    for candidate in (element, *sources.get(element.index, ())):
        src = candidate.attributes.get("src")
        if src is not None and (src.strip() or "src" in candidate.unknown):
            return candidate, src
    raise CompositionError(
        f"{element.place}: <{element.tag}> names no file; give it a src, or a <source> inside.",
        rule=f"{element.tag}-src",
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
    root = find_root(elements, file_name)
    width = _read(root, ("data-width",), parse_size, _SIZE)
    height = _read(root, ("data-height",), parse_size, _SIZE)
    fps = _read(root, ("data-fps",), parse_fps, f"{FPS_MIN} to {FPS_MAX}, or a rational such as 30000/1001")
    duration = _read(root, ("data-duration",), parse_length, _LENGTH)
    sources: dict[int, list[Element]] = {}
    for element in elements:
        if element.tag == "source":
            sources.setdefault(element.parent, []).append(element)
    times = Times(elements, root)
    ends: list[tuple[Fraction, Element]] = []
    audio: list[AudioElement] = []
    videos: list[VideoElement] = []
    for element in elements:
        if element is not root and (
            "data-start" in element.attributes or element.host not in (-1, root.index)
        ):
            end = _span(element, times)[1]
            if end is not None:
                ends.append((end, element))
        if element.tag in ("audio", "video"):
            holder, src = _audio_source(element, sources)
            if "src" not in holder.unknown:
                audio.append(_audio(element, resolve_audio(holder, src), times))
                if element.tag == "video":
                    videos.append(_video(audio[-1]))
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
        videos=tuple(videos),
    )
