"""A few rows of a group, compared: what is personal in them, and whether reuse gives the pictures of the
plain path.

    looks of every sample, all frames -> what differs -> personal elements (`looks`)
    a few moments of the two most different: composite against plain -> what is painted over them, or no plan
    the rest of the first sample, every frame -> the plate
    every frame of both, composite against plain -> the plan, or no plan

The page belongs to the renderer; a survey asks it to open samples and leaves it as it finds it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from framepress import keys
from framepress.above_pieces import pack_above
from framepress.agreement import Agreement, compare
from framepress.cache import Cache
from framepress.capture import capture_frames
from framepress.clip import Clip
from framepress.composite import Canvas, blend, packed
from framepress.errors import CacheFault, PlanMisfit
from framepress.layered import OverlayPng, PersonalLayer
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
from framepress.page import Page
from framepress.pictures import PictureReader
from framepress.plan import Check, Plan, check_frames, spans
from framepress.planned import Compositor, InkOutside, LoadedPlan, OverlayReader, look_at_rest
from framepress.plate import Packed, Plate, PlateWriter
from framepress.rects import Rect
from framepress.variants import Variant

#: Looks (an element at a frame of a row) that a survey reads at the most per row; of larger pages every
#: second frame, or every third, is looked at. One takes about 0.05 ms.
LOOKS_MAX = 60_000

#: Moments at which layers are tried out before the plate is made.
TRIALS = 6

#: Times that a trial may find a further layer before the page counts as too intricate.
TRIAL_ROUNDS = 4


@dataclass(frozen=True)
class NoPlan:
    """Why the rows of a group are rendered on the plain path.

    Attributes:
        rule: short and stable. reason: for a person; it names elements, never values.
        shared: variables whose effect is not confined to some elements: rows may be grouped by them.
    """

    rule: str
    reason: str
    shared: tuple[str, ...] = ()


class _Refused(Exception):
    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.answer = NoPlan(rule, reason)


@dataclass(frozen=True)
class Workbench:
    """What a survey needs of its renderer.

    Attributes:
        open: loads a variant and says what its clip is; the page is then at no frame yet.
        page: the page that `open` loads into.
        environment, composition: digests, known once a page was opened.
    """

    open: Callable[[Variant], Clip]
    page: Callable[[], Page]
    environment: Callable[[], str]
    composition: str
    folder: Path
    beat: Callable[[str, int, int], None]


class Survey:
    """A survey of one group.

    Args:
        samples: rows of the group, the two most different first; at least two, unless the group has but one.
        variables: those that differ between rows of the group.
    """

    def __init__(
        self, bench: Workbench, samples: Sequence[Variant], cache: Cache, variables: Sequence[str] = ()
    ) -> None:
        self._bench = bench
        self._variables = variables
        self._samples = samples
        self._cache = cache
        self._clip: Clip | None = None
        self._differences = Differences()
        self._personal: tuple[str, ...] = ()
        self._above: tuple[str, ...] = ()

    def run(self) -> Plan | NoPlan:
        """Make the plan; its pieces are in the cache afterwards.

        Raises:
            PageError, FrameTimeout, BrowserCrash: a sample cannot be rendered at all.
            CacheFault: the plate cannot be kept.
        """
        try:
            self._look()
            self._settle_layers()
            return self._make()
        except _Refused as refused:
            return refused.answer
        except PlanMisfit as misfit:
            return NoPlan(misfit.rule, misfit.message)

    # ---- what differs ---------------------------------------------------------------------------

    def _look(self) -> None:
        rows = []
        for number, sample in enumerate(self._samples):
            clip = self._open(sample)
            rows.append(self._looks(clip, number))
        self._differences = compare_looks(rows)
        self._personal = personal_places(self._differences.frames, self._differences.marks)
        self._check_personal()

    def _open(self, sample: Variant) -> Clip:
        clip = self._bench.open(sample)
        if self._clip is None:
            self._clip = clip
        elif (clip.encoder, clip.frame_count) != (self._clip.encoder, self._clip.frame_count):
            raise _Refused("length-differs", "The length or the size of the clip depends on the row.")
        return clip

    def _looks(self, clip: Clip, number: int) -> dict[int, FrameLooks]:
        page = self._bench.page()
        looks: dict[int, FrameLooks] = {}
        stride = 1
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
            self._bench.beat(
                "comparing rows", number * clip.frame_count + index, len(self._samples) * clip.frame_count
            )
        return looks

    def _check_personal(self) -> None:
        everywhere = [place for place in self._personal if place in EVERYWHERE]
        if everywhere:
            raise _Refused("everything-personal", f"{self._cause(everywhere[0])}, so everything is personal.")
        mixing = mixing_place(self._personal, self._differences.marks)
        if mixing is not None:
            [name] = self._names([mixing])
            raise _Refused(
                "mixes", f"{name} is mixed with what is behind it (blend mode or backdrop filter)."
            )

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

    # ---- layers ---------------------------------------------------------------------------------

    def _settle_layers(self) -> None:
        """Try layers at a few moments until the two most different samples come out right."""
        for _ in range(TRIAL_ROUNDS):
            miss = self._trial()
            if miss is None:
                return
            frame, at, sample_index = miss
            self._learn(frame, at, sample_index)
        raise _Refused("layers", "The layers of the page do not add up to its picture.")

    def _trial(self) -> tuple[int, tuple[int, int], int] | None:
        """The first frame at which composite and plain picture differ, where, and for which sample."""
        clip = self._known_clip()
        # A clip of a few frames has fewer moments.
        frames = sorted({clip.frame_count * (2 * k + 1) // (2 * TRIALS) for k in range(TRIALS)})
        plates: dict[int, Packed] = {}
        above: Mapping[int, Sequence[OverlayPng]] = {}
        for number, sample in enumerate(self._samples[:2]):
            if number == 0:
                plates, above = self._trial_plates(sample, frames)
            plain = dict(zip(frames, self._plain_pictures(sample, frames), strict=True))
            composed = self._composed(sample, frames, plates, above)
            for frame in frames:
                found = compare(next(composed), plain[frame], clip.encoder.width, clip.encoder.height)
                if not found.holds:
                    composed.close()
                    return frame, found.at or (0, 0), number
        return None

    def _trial_plates(
        self, sample: Variant, frames: Sequence[int]
    ) -> tuple[dict[int, Packed], Mapping[int, Sequence[OverlayPng]]]:
        clip = self._open(sample)
        reader = PictureReader(clip.encoder.width, clip.encoder.height)
        plates = {}
        for frame in self._visit(clip, frames, (*self._personal, *self._above), "rest"):
            png = self._bench.page().picture(frame, (clip.encoder.width, clip.encoder.height))
            plates[frame] = packed(reader.read(png))
        above = dict(self._above_frames(sample, set(frames)))
        return plates, above

    def _visit(self, clip: Clip, frames: Sequence[int], hidden: Sequence[str], layer: str) -> Iterator[int]:
        page = self._bench.page()
        page.evaluate(f"__framepress.setLayers({json.dumps(list(hidden))})")
        page.evaluate(f'__framepress.showLayer("{layer}")')
        wanted = set(frames)
        for index in range(max(frames) + 1):
            if index and index not in wanted and not page.stateful:
                continue
            page.seek(index, clip.fps)
            if index in wanted:
                yield index

    def _plain_pictures(self, sample: Variant, frames: Sequence[int]) -> Iterator[Packed]:
        clip = self._open(sample)
        reader = PictureReader(clip.encoder.width, clip.encoder.height)
        for frame in self._visit(clip, frames, (), ""):
            png = self._bench.page().picture(frame, (clip.encoder.width, clip.encoder.height))
            yield packed(reader.read(png))

    def _composed(
        self,
        sample: Variant,
        frames: Sequence[int],
        plates: Mapping[int, Packed],
        above: Mapping[int, Sequence[OverlayPng]],
    ) -> Generator[Packed, None, None]:
        """Composites at some frames, from plates in memory."""
        clip = self._open(sample)
        wanted = set(frames)
        compositor = _TrialCompositor(clip.encoder.width, clip.encoder.height)
        layer = self._personal_layer(clip)
        for frame in layer.frames(range(max(frames) + 1), clip.fps):
            if frame.index in wanted:
                yield compositor.draw(plates[frame.index], [*frame.overlays, *above.get(frame.index, ())])

    def _personal_layer(self, clip: Clip, places: Sequence[str] | None = None) -> PersonalLayer:
        return PersonalLayer(
            self._bench.page(),
            self._personal if places is None else places,
            scale=clip.encoder.width / clip.document.width,
            size=(clip.encoder.width, clip.encoder.height),
        )

    def _above_frames(
        self, sample: Variant, wanted: set[int] | None
    ) -> Iterator[tuple[int, tuple[OverlayPng, ...]]]:
        """The layer of what is painted over personal elements, at each frame."""
        if not self._above:
            return
        clip = self._open(sample)
        last = max(wanted) + 1 if wanted is not None else clip.frame_count
        for frame in self._personal_layer(clip, self._above).frames(range(last), clip.fps):
            if wanted is None or frame.index in wanted:
                yield frame.index, frame.overlays

    def _learn(self, frame: int, at: tuple[int, int], sample_index: int) -> None:
        """Take in what a trial has shown: an element over the personal ones, or one more that is personal."""
        clip = self._open(self._samples[sample_index])
        scale = clip.encoder.width / clip.document.width
        for _ in self._visit(clip, [frame], self._personal, ""):
            pass
        point = f"{at[0] / scale + 0.5 / scale!r}, {at[1] / scale + 0.5 / scale!r}"
        stack: list[str] = self._bench.page().evaluate(f"__framepress.elementsAt({point})")
        over = []
        for place in stack:
            if any(is_inside(place, root) for root in self._personal):
                break
            over.append(place)
        else:
            self._learn_personal(stack, sample_index)
            return
        fresh = tuple(
            place for place in over if place not in self._above and not self._is_around_personal(place)
        )
        if not fresh:
            raise _Refused("layers", f"{self._names(stack[:1])[0]} does not come apart into layers.")
        self._above = personal_places((*self._above, *fresh), self._differences.marks)
        if any(self._is_around_personal(place) for place in self._above):
            raise _Refused(
                "layers", f"{self._names(fresh[:1])[0]} is painted over what is personal as a part of it."
            )

    def _learn_personal(self, stack: Sequence[str], sample_index: int) -> None:
        """No personal element is at that point: what is there looks different only in its pixels."""
        fresh = [place for place in stack if place not in EVERYWHERE]
        if not fresh or sample_index == 0:
            raise _Refused("layers", "The picture beside the personal elements changes with them.")
        self._differences.frames.setdefault(fresh[0], set())
        self._personal = personal_places(self._differences.frames, self._differences.marks)
        self._check_personal()

    def _is_around_personal(self, place: str) -> bool:
        return any(is_inside(root, place) for root in self._personal)

    # ---- pieces ---------------------------------------------------------------------------------

    def _make(self) -> Plan:
        clip = self._known_clip()
        environment = self._bench.environment()
        first = self._samples[0]
        hidden = (*self._personal, *self._above)
        facts = {
            "environment": environment,
            "composition": self._bench.composition,
            "sample": keys.digest_bytes(keys.canonical_json(dict(first.values))),
            "files": dict(first.files),
            "hidden": list(hidden),
            "encoder": [clip.encoder.width, clip.encoder.height, clip.fps],
            "frames": clip.frame_count,
        }
        plate_key = keys.piece_key("plate", **facts)
        slots: list[int] = []
        self._cache.remove("plate", plate_key)
        self._cache.put("plate", plate_key, lambda stream: self._write_plate(stream, hidden, slots))
        overlay_key = self._store_above(facts)
        checks = self._checks()
        stateful = self._bench.page().stateful
        plan = Plan(
            environment=environment,
            composition=self._bench.composition,
            width=clip.encoder.width,
            height=clip.encoder.height,
            css_width=clip.document.width,
            fps=clip.fps,
            frame_count=clip.frame_count,
            personal=self._personal,
            names=tuple(self._names(self._personal)),
            areas=self._areas(),
            above=self._above,
            plate=plate_key,
            slots=tuple(slots),
            overlay=overlay_key,
            rest=(),
            checks=checks,
            personal_frames=spans(self._differences.ink_frames, self._personal),
            stateful=stateful,
            samples=len(self._samples),
        )
        return self._verified(plan)

    def _write_plate(self, stream: BinaryIO, hidden: Sequence[str], slots: list[int]) -> None:
        clip = self._open(self._samples[0])
        page = self._bench.page()
        page.evaluate(f"__framepress.setLayers({json.dumps(list(hidden))})")
        page.evaluate('__framepress.showLayer("rest")')
        reader = PictureReader(clip.encoder.width, clip.encoder.height)
        writer = PlateWriter(stream)
        for frame in capture_frames(page, range(clip.frame_count), clip.fps):
            writer.add(packed(reader.read(frame.png)) if frame.png is not None else None)
            self._bench.beat("making the plate", frame.index, clip.frame_count)
        slots.extend(writer.slots)

    def _store_above(self, facts: Mapping[str, object]) -> str | None:
        if not self._above:
            return None
        key = keys.piece_key("overlay", **facts, above=list(self._above))
        frames = [overlays for _, overlays in self._above_frames(self._samples[0], None)]
        self._cache.remove("overlay", key)
        self._cache.put_bytes("overlay", key, pack_above(frames))
        return key

    def _checks(self) -> tuple[Check, ...]:
        clip = self._open(self._samples[0])
        frames = check_frames(clip.frame_count)
        found = look_at_rest(self._bench.page(), self._personal, frames, clip.fps)
        return tuple(
            Check(frame, picture, look) for frame, (picture, look) in zip(frames, found, strict=True)
        )

    def _verified(self, plan: Plan) -> Plan:
        """Every frame of the two most different samples, both ways."""
        loaded = LoadedPlan.load(plan, self._cache)
        if loaded is None:
            raise CacheFault("The plate of a plan was gone from the cache at once.", rule="cache-gone")
        compositor = Compositor(loaded)
        rest: list[int] = []
        for number, sample in enumerate(self._samples[:2]):
            with self._plain_frames(sample) as plain:
                clip = self._open(sample)
                for frame in self._personal_layer(clip).frames(range(clip.frame_count), clip.fps):
                    if number == 0:
                        rest.append(frame.rest)
                    elif frame.rest != rest[frame.index]:
                        raise _Refused("rest", f"What is common to all rows differs at frame {frame.index}.")
                    try:
                        compositor.draw(frame.index, compositor.overlays(frame))
                    except InkOutside:
                        raise _Refused(
                            "ink-outside", "Something personal is painted far beyond its box."
                        ) from None
                    drawn = packed(compositor.canvas.frame)
                    self._agree(
                        compare(drawn, plain.frame(frame.index), plan.width, plan.height), frame.index
                    )
                    self._bench.beat("checking the plan", frame.index, clip.frame_count)
        return replace(plan, rest=tuple(rest))

    def _agree(self, found: Agreement, frame: int) -> None:
        if not found.holds:
            raise _Refused(
                "disagrees",
                f"At frame {frame} the composite is {found.psnr_db:.1f} dB from the plain path's picture, "
                f"with {found.area} connected pixels off.",
            )

    @contextmanager
    def _plain_frames(self, sample: Variant) -> Iterator[Plate]:
        """Every frame of a sample as the plain path makes it, in a file of its own."""
        clip = self._open(sample)
        reader = PictureReader(clip.encoder.width, clip.encoder.height)
        with tempfile.NamedTemporaryFile(dir=self._bench.folder, prefix="plain-") as stream:
            writer = PlateWriter(stream)  # type: ignore[arg-type]
            for frame in capture_frames(self._bench.page(), range(clip.frame_count), clip.fps):
                writer.add(packed(reader.read(frame.png)) if frame.png is not None else None)
                self._bench.beat("checking the plan", frame.index, clip.frame_count)
            stream.flush()
            yield Plate(Path(stream.name), tuple(writer.slots), clip.encoder.width, clip.encoder.height)


class _TrialCompositor:
    """A compositor whose plates are in memory."""

    def __init__(self, width: int, height: int) -> None:
        self._overlays = OverlayReader(width, height)
        self._canvas = Canvas(width, height)

    def draw(self, plate: Packed, captured: Sequence[OverlayPng]) -> Packed:
        self._canvas.fill(plate)
        for overlay in self._overlays.read(captured):
            blend(self._canvas.planes, overlay)
        return packed(self._canvas.frame)
