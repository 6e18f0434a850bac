"""A few rows of a group, compared: what is personal in them, and whether reuse gives the pictures of the
plain path.

    looks of every sample, all frames -> what differs -> personal elements (`looks`)
    a few moments of the two most different: composite against plain -> what is painted over them, or no plan
    the rest of the first sample, every frame -> the plate
    every frame of the first, composite against plain -> go on, or no plan
    bands, where pictures may be joined: both encoded whole and in bands, and decoded -> into the plan
    every frame of the second, composite against plain -> the plan, or no plan

The page belongs to the renderer; a survey asks it to open samples and leaves it as it finds it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from framepress import keys
from framepress.above_pieces import pack_above
from framepress.agreement import Agreement, compare
from framepress.capture import capture_frames
from framepress.composite import packed
from framepress.errors import CacheFault, PlanMisfit
from framepress.layered import LayerFrame
from framepress.loaded_plan import Compositor, InkOutside, LoadedPlan
from framepress.met import as_planned
from framepress.pictures import PictureReader
from framepress.plan import Check, Plan, check_frames, group_digest, spans
from framepress.plate import Packed, Plate, PlateWriter
from framepress.rest_check import look_at_rest
from framepress.survey_bands import BandSurvey
from framepress.survey_bench import (
    Disagrees,
    NoPlan,
    Refused,
    keep_plain_frames,
    plain_key,
    read_plain_frames,
)
from framepress.survey_layers import LayersSurvey
from framepress.survey_looks import VERIFIED
from framepress.variants import Variant

#: Why a group has no plan that may be the doing of single variables, by which rows can be grouped then.
WIDE_RULES = frozenset({"everything-personal", "cost", "mixes"})

#: Times that a plan is made: something may be painted over what is personal at a few frames only, where a
#: scene goes while the next one comes, and moments that are evenly spread miss it.
MAKE_ROUNDS = 3

#: Wrong frames at which layers are tried out at the most; a page that moves as it likes is wrong everywhere.
WRONG_MAX = 6

#: Seconds to wait for frames that another worker makes, and between two looks; then they are made here.
AWAIT_S, AWAIT_STEP_S = 300.0, 0.1


class Survey(LayersSurvey):
    """A survey of one group; its arguments: `LooksSurvey`."""

    def run(self) -> Plan | NoPlan:
        """Make the plan; its pieces are in the cache afterwards.

        Raises:
            PageError, FrameTimeout, BrowserCrash: a sample cannot be rendered at all.
            CacheFault: the plate cannot be kept.
        """
        answer = self._answer()
        # Not if anything was raised: then whoever tries again finds them.
        for key in self._plain_keys:
            self._cache.remove("plain", key)
        return answer

    def _answer(self) -> Plan | NoPlan:
        try:
            self._look()
            return self._settled()
        except Refused as refused:
            if refused.answer.rule not in WIDE_RULES:
                return refused.answer
            return replace(refused.answer, shared=self._wide_variables())
        except PlanMisfit as misfit:
            return NoPlan(misfit.rule, misfit.message)

    def _settled(self) -> Plan:
        """Layers that add up, and the plan made of them; again where a check of all frames shows more."""
        self._settle_layers()
        for _ in range(MAKE_ROUNDS - 1):
            try:
                return self._make()
            except Disagrees as found:
                layers = (self._personal, self._above)
                self._wrong.update(found.frames)
                self._settle_layers()
                if (self._personal, self._above) == layers:
                    raise
        return self._make()

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
        met, touched = as_planned(self._met_in_verified(), self._above)
        plan = Plan(
            environment=environment,
            composition=self._bench.composition,
            width=clip.encoder.width,
            height=clip.encoder.height,
            css_width=clip.document.width,
            fps=clip.fps,
            frame_count=clip.frame_count,
            group=group_digest(first.values, self._variables),
            variables=tuple(sorted(self._variables)),
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
            met=met,
            touched=touched,
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
        rest = tuple(frame.rest for frame in self._layer(0))
        self._verify(0, compositor, rest)
        # Now, for another worker may still be making the frames that the second is compared with.
        plan = self._with_bands(replace(plan, rest=rest), loaded)
        for number in range(1, len(self._samples[:VERIFIED])):
            self._verify(number, compositor, rest)
        return plan

    def _verify(self, number: int, compositor: Compositor, rest: Sequence[int]) -> None:
        clip = self._known_clip()
        wrong: dict[int, Agreement] = {}
        with self._plain_frames(self._samples[number]) as plain:
            for frame in self._layer(number):
                if frame.rest != rest[frame.index]:
                    raise Refused("rest", f"What is common to all rows differs at frame {frame.index}.")
                composite, picture = _composite(compositor, frame), plain.frame(frame.index)
                found = compare(composite, picture, clip.encoder.width, clip.encoder.height)
                if not found.holds:
                    wrong[frame.index] = found
                self._bench.beat("checking the plan", frame.index, clip.frame_count)
        _agree(wrong)

    def _with_bands(self, plan: Plan, loaded: LoadedPlan) -> Plan:
        if not self._bands:
            return plan
        clip = self._known_clip()
        layers = [self._layer(number) for number in range(len(self._samples[:VERIFIED]))]

        def beat(frame: int) -> None:
            self._bench.beat("trying bands", frame, plan.frame_count)

        try:
            found = BandSurvey(loaded, clip.encoder, clip.gops, layers, self._cache, beat).run()
        except InkOutside as outside:
            raise _ink_outside(outside) from None
        return replace(
            plan,
            bands=found.layouts,
            whole_because=found.because,
            ranges=found.ranges,
            full_pel=found.full_pel,
        )

    @contextmanager
    def _plain_frames(self, sample: Variant) -> Iterator[Plate]:
        """Every frame of a sample as the plain path makes it: made by somebody else, or here."""
        clip = self._known_clip()
        size = (clip.encoder.width, clip.encoder.height)
        key = plain_key(self._bench, sample)
        self._plain_keys.add(key)
        with self._cache.hold("plain", key):
            path = self._awaited(key)
            if path is None:
                self._bench.beat("checking the plan", 0, clip.frame_count)
                path = keep_plain_frames(self._bench, sample, self._cache, clip=self._open(sample))
            yield read_plain_frames(path, *size)

    def _awaited(self, key: str) -> Path | None:
        """What another worker makes; None: nobody does, or it took too long."""
        deadline = time.monotonic() + (AWAIT_S if self._helped else 0)
        while (path := self._cache.get("plain", key)) is None and time.monotonic() < deadline:
            if self._cache.get("noplain", key) is not None:
                break
            self._bench.beat("checking the plan", 0, self._known_clip().frame_count)
            time.sleep(AWAIT_STEP_S)
        return path


def _composite(compositor: Compositor, frame: LayerFrame) -> Packed:
    try:
        compositor.draw(frame.index, compositor.overlays(frame))
    except InkOutside as found:
        raise _ink_outside(found) from None
    return packed(compositor.canvas.frame)


def _ink_outside(found: InkOutside) -> Refused:
    return Refused("ink-outside", f"Something personal is painted far beyond its box ({found}).")


def _agree(wrong: Mapping[int, Agreement]) -> None:
    """Raise `Disagrees` if frames are wrong, by the worst of each run of them."""
    if not wrong:
        return
    runs: list[list[int]] = []
    for frame in sorted(wrong):
        if runs and frame == runs[-1][-1] + 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    worst = [min(run, key=lambda frame: wrong[frame].psnr_db) for run in runs]
    frame = min(worst, key=lambda frame: wrong[frame].psnr_db)
    raise Disagrees(
        f"At frame {frame} the composite is {wrong[frame].psnr_db:.1f} dB from the plain path's picture, "
        f"with {wrong[frame].area} connected pixels off.",
        worst[:WRONG_MAX],
    )
