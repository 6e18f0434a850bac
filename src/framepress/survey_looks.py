"""The first part of a survey: samples are compared by their looks at every frame."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from framepress.cache import Cache
from framepress.clip import Clip
from framepress.errors import InputError, PageError
from framepress.layered import LayerFrame
from framepress.looks import (
    EVERYWHERE,
    Differences,
    FrameLooks,
    ink_of,
    is_inside,
    mixing_place,
    personal_places,
    rect_in_picture,
)
from framepress.looks import compare as compare_looks
from framepress.met import Meeting
from framepress.rects import Rect
from framepress.survey_bench import Refused, Workbench
from framepress.variants import Variant

#: Looks (an element at a frame of a row) that a survey reads at the most per row; of larger pages every
#: second frame, or every third, is looked at. One takes about 0.05 ms.
LOOKS_MAX = 60_000

#: Samples that are compared on every frame, both ways.
VERIFIED = 2

#: The others are there to show what else may differ: of them, every so many frames are looked at.
FURTHER_STRIDE = 3

#: Share of the picture from which on what a variable changes counts as most of it.
WIDE_SHARE = 0.5

#: Moments at which layers are tried out before the plate is made.
TRIALS = 6


class LooksSurvey:
    """A survey as far as looks go: what differs between samples, and what is personal.

    Args:
        samples: rows of the group, the two most different first; at least two, unless the group has but one.
        variables: those that differ between rows of the group.
        helped: another worker makes the plain frames of the samples that are verified (`keep_plain_frames`).
        bands: whether to look for bands (`survey_bands`).
    """

    def __init__(
        self,
        bench: Workbench,
        samples: Sequence[Variant],
        cache: Cache,
        variables: Sequence[str] = (),
        *,
        helped: bool = False,
        bands: bool = False,
    ) -> None:
        self._bench = bench
        self._helped = helped
        self._bands = bands
        self._variables = variables
        self._samples = samples
        self._cache = cache
        self._clip: Clip | None = None
        self._differences = Differences()
        self._personal: tuple[str, ...] = ()
        self._above: tuple[str, ...] = ()
        self._changing = 0
        self._layers: dict[int, list[LayerFrame]] = {}
        #: What met in each of them.
        self._met: dict[int, list[Meeting]] = {}
        #: Of frames as the plain path makes them, which are kept until the survey is over.
        self._plain_keys: set[str] = set()
        #: Frames that were wrong when all were compared, so that layers are tried out there, too.
        self._wrong: set[int] = set()
        #: Whether pictures at a few moments are made by drawing every frame up to there.
        self._played = False

    # ---- what differs ---------------------------------------------------------------------------

    def _look(self) -> None:
        rows = []
        for number, sample in enumerate(self._samples):
            clip = self._open(sample)
            rows.append(self._looks(clip, number))
        self._differences = compare_looks(rows)
        self._changing = _changing_count(rows[0])
        self._personal = personal_places(self._differences.frames, self._differences.marks)
        self._check_personal()

    def _open(self, sample: Variant) -> Clip:
        clip = self._bench.open(sample)
        if self._clip is None:
            self._clip = clip
        elif (clip.encoder, clip.frame_count) != (self._clip.encoder, self._clip.frame_count):
            raise Refused("length-differs", "The length or the size of the clip depends on the row.")
        return clip

    def _looks(self, clip: Clip, number: int) -> dict[int, FrameLooks]:
        page = self._bench.page()
        looks: dict[int, FrameLooks] = {}
        stride = 1
        # Nothing is drawn meanwhile.
        page.evaluate("__framepress.holdVideos(true)")
        for index in range(clip.frame_count):
            if index % stride and not page.stateful:
                continue
            page.seek(index, clip.fps)
            if index % stride:
                continue
            found = page.evaluate("__framepress.looks()")
            looks[index] = FrameLooks(**found)
            if index == 0:
                stride = max(1, len(found["places"]) * clip.frame_count // LOOKS_MAX)
                if number >= VERIFIED:
                    stride *= FURTHER_STRIDE
            self._bench.beat(
                "comparing rows", number * clip.frame_count + index, len(self._samples) * clip.frame_count
            )
        page.evaluate("__framepress.holdVideos(false)")
        return looks

    def _check_personal(self) -> None:
        everywhere = [place for place in self._personal if place in EVERYWHERE]
        if everywhere:
            raise Refused("everything-personal", f"{self._cause(everywhere[0])}, so everything is personal.")
        mixing = mixing_place(self._personal, self._differences.marks)
        if mixing is not None:
            [name] = self._names([mixing])
            raise Refused("mixes", f"{name} is mixed with what is behind it (blend mode or backdrop filter).")

    def _cause(self, everywhere: str) -> str:
        """Which element made everything personal."""
        differing = self._differences.frames
        if everywhere in differing:
            return f"{self._names([everywhere])[0]} itself looks different from row to row"
        inner = next(place for place in differing if is_inside(place, everywhere))
        return (
            f"{self._names([inner])[0]} differs, and lies in an element that paints its contents as a whole"
        )

    def _areas(self) -> tuple[Rect | None, ...]:
        clip = self._known_clip()
        size = (clip.encoder.width, clip.encoder.height)
        scale = clip.encoder.width / clip.document.width
        return tuple(
            rect_in_picture(ink_of(root, self._differences), scale, *size) for root in self._personal
        )

    def _names(self, places: Sequence[str]) -> list[str]:
        names: list[str] = self._bench.page().evaluate(f"__framepress.namesAt({json.dumps(list(places))})")
        return names

    def _known_clip(self) -> Clip:
        assert self._clip is not None
        return self._clip

    def _wide_variables(self) -> tuple[str, ...]:
        """Variables that change most of the picture, each tried by itself; rows may be grouped by them."""
        if len(self._variables) < 2 and self._clip is None:
            return ()
        clip = self._known_clip()
        frames = trial_frames(clip.frame_count)
        base = self._looks_at(self._samples[0], frames)
        return tuple(name for name in self._variables if self._is_wide(name, base, frames))

    def _is_wide(self, name: str, base: Mapping[int, FrameLooks], frames: Sequence[int]) -> bool:
        first = self._samples[0]
        other = next((s for s in self._samples if s.values.get(name) != first.values.get(name)), None)
        if other is None:
            return False
        mixed = Variant({**first.values, name: other.values[name]}, {**first.files, **other.files})
        try:
            found = compare_looks([base, self._looks_at(mixed, frames)])
        except (PageError, InputError):
            # A mixture of two rows may be one that the page cannot show.
            return False
        places = personal_places(found.frames, found.marks)
        if any(place in EVERYWHERE for place in places):
            return True
        clip = self._known_clip()
        pixels = clip.document.width * clip.document.height
        return sum(_area(ink_of(place, found)) for place in places) >= WIDE_SHARE * pixels

    def _looks_at(self, sample: Variant, frames: Sequence[int]) -> dict[int, FrameLooks]:
        clip = self._bench.open(sample)
        page = self._bench.page()
        return {
            index: FrameLooks(**page.evaluate("__framepress.looks()"))
            for index in self._visit(clip, frames, (), "")
        }

    def _visit(
        self, clip: Clip, frames: Sequence[int], hidden: Sequence[str], layer: str, *, led_up: bool = False
    ) -> Iterator[int]:
        """Go to frames, in order. `led_up`: the one before each is drawn first, as in a clip, or all are."""
        page = self._bench.page()
        page.evaluate(f"__framepress.setLayers({json.dumps(list(hidden))})")
        page.evaluate(f'__framepress.showLayer("{layer}")')
        wanted, last = set(frames), max(frames)
        before = set(range(last)) if self._played else {index - 1 for index in wanted}
        for index in range(last + 1):
            leads = led_up and index in before and not page.stateful
            if index and index not in wanted and not leads and not page.stateful:
                continue
            page.seek(index, clip.fps)
            if index in wanted:
                yield index
            elif leads:
                page.tab.pump_frame()


def trial_frames(frame_count: int) -> list[int]:
    """A few moments, evenly spread."""
    return sorted({frame_count * (2 * k + 1) // (2 * TRIALS) for k in range(TRIALS)})


def _area(ink: Sequence[float] | None) -> float:
    return (ink[2] - ink[0]) * (ink[3] - ink[1]) if ink is not None else 0.0


def _changing_count(row: Mapping[int, FrameLooks]) -> int:
    """Frames that differ from the one before, as far as looks tell."""
    frames = sorted(row)
    changing = sum(list(row[a].hashes) != list(row[b].hashes) for a, b in pairwise(frames))
    return 1 + changing * ((frames[-1] + 1) // len(frames))
