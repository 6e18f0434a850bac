"""The second part of a survey: layers that add up to the picture, tried out at a few moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from framepress.agreement import compare
from framepress.clip import Clip
from framepress.composite import Canvas, blend, packed
from framepress.layer_captures import OverlayPng
from framepress.layer_groups import LayerState
from framepress.layer_pieces import CachedLayers, layer_facts
from framepress.layered import LayerFrame, LayerMemory, PersonalLayer
from framepress.looks import (
    EVERYWHERE,
    is_inside,
    personal_places,
)
from framepress.met import Meeting, meetings
from framepress.overlay_reader import OverlayReader
from framepress.pictures import PictureReader
from framepress.plate import Packed
from framepress.rects import Rect
from framepress.survey_bench import Refused
from framepress.survey_looks import VERIFIED, LooksSurvey, trial_frames
from framepress.variants import Variant

#: Of the pixels that the plain path captures, the share that reuse may capture at the most: beyond it,
#: putting the picture together costs what is saved.
CAPTURED_SHARE_MAX = 0.85

#: Pixels that a capture costs on top of its area (7 ms against 80 ns a pixel), and that going through the
#: page costs at each frame that changes (3.5 ms). So `examples/card` costs 1.14 times what whole frames do at
#: 180p and 0.61 times at 360p; whole rows took 1.22 and 0.63 times the processor time.
CAPTURE_PIXELS = 90_000
WATCH_PIXELS = 45_000

#: Pixels by which reuse may miss that share: a fifth of a second per row. A clip of a few small frames is not
#: worth a reason.
LOSS_PIXELS_MAX = 2_500_000

#: Times that a trial may find a further layer before the page counts as too intricate.
TRIAL_ROUNDS = 4


class LayersSurvey(LooksSurvey):
    """A survey as far as its layers: what is personal, what is painted over it, and that both add up."""

    # ---- layers ---------------------------------------------------------------------------------

    def _settle_layers(self) -> None:
        """Try layers at a few moments until the two most different samples come out right."""
        plain: dict[int, list[Packed]] = {}
        for _ in range(TRIAL_ROUNDS + len(self._wrong)):
            miss = self._trial(plain)
            if miss is None:
                return
            try:
                self._learn(*miss)
            except Refused as refused:
                if self._played or refused.answer.rule != "layers":
                    raise
                # What Chromium has drawn it draws again only if it moved by a hundredth of a pixel, so a
                # picture may show more of its past than the frame before.
                self._played = True
                plain.clear()
        raise Refused("layers", "The layers of the page do not add up to its picture.")

    def _trial(self, plain: dict[int, list[Packed]]) -> tuple[int, tuple[int, int], int] | None:
        """The first frame at which composite and plain picture differ, where, and for which sample.

        Args:
            plain: pictures of the samples as far as they have been made; is filled in.
        """
        clip = self._known_clip()
        frames = sorted({*trial_frames(clip.frame_count), *self._wrong})
        plates: dict[int, Packed] = {}
        above: Mapping[int, Sequence[OverlayPng]] = {}
        for number, sample in enumerate(self._samples[:VERIFIED]):
            if number == 0:
                plates, above = self._trial_plates(sample, frames)
            if number not in plain:
                plain[number] = list(self._plain_pictures(sample, frames))
            composed = self._composed(number, frames, plates, above)
            for frame, picture in zip(frames, plain[number], strict=True):
                found = compare(next(composed), picture, clip.encoder.width, clip.encoder.height)
                if not found.holds:
                    return frame, found.at or (0, 0), number
        return None

    def _trial_plates(
        self, sample: Variant, frames: Sequence[int]
    ) -> tuple[dict[int, Packed], Mapping[int, Sequence[OverlayPng]]]:
        clip = self._open(sample)
        reader = PictureReader(clip.encoder.width, clip.encoder.height)
        plates = {}
        for frame in self._visit(clip, frames, (*self._personal, *self._above), "rest", led_up=True):
            png = self._bench.page().picture(frame, (clip.encoder.width, clip.encoder.height))
            plates[frame] = packed(reader.read(png))
        above = dict(self._above_frames(sample, set(frames)))
        return plates, above

    def _plain_pictures(self, sample: Variant, frames: Sequence[int]) -> Iterator[Packed]:
        clip = self._open(sample)
        reader = PictureReader(clip.encoder.width, clip.encoder.height)
        for frame in self._visit(clip, frames, (), "", led_up=True):
            png = self._bench.page().picture(frame, (clip.encoder.width, clip.encoder.height))
            yield packed(reader.read(png))

    def _composed(
        self,
        number: int,
        frames: Sequence[int],
        plates: Mapping[int, Packed],
        above: Mapping[int, Sequence[OverlayPng]],
    ) -> Iterator[Packed]:
        """Composites of a sample at some frames, from plates in memory."""
        clip = self._known_clip()
        compositor = _TrialCompositor(clip.encoder.width, clip.encoder.height)
        layer = self._layer(number)
        for index in frames:
            overlays = [*layer[index].overlays, *above.get(index, ())]
            yield compositor.draw(plates[index], overlays)

    def _layer(self, number: int) -> list[LayerFrame]:
        """The personal layer of a sample, every frame; captured once as long as the same is personal."""
        if number not in self._layers:
            sample = self._samples[number]
            clip = self._open(sample)
            layer = self._personal_layer(clip, memory=self._memory(sample))
            found = self._layers[number] = []
            personal = self._personal

            def watched(states: Sequence[LayerState]) -> None:
                met = self._met[number] = []
                for one in meetings(self._bench.page(), states, personal, clip.fps, set()):
                    met.append(one)
                    self._bench.beat("finding layers", one.frame, clip.frame_count)

            for frame in layer.frames(
                range(clip.frame_count), clip.fps, approve=self._check_cost, watched=watched
            ):
                found.append(frame)
                self._bench.beat("finding layers", frame.index, clip.frame_count)
        return self._layers[number]

    def _met_in_verified(self) -> list[Meeting]:
        """What met in the samples of which every frame is checked."""
        return [one for number in range(len(self._samples[:VERIFIED])) for one in self._met[number]]

    def _check_cost(self, captures: Sequence[Rect]) -> None:
        """Refuse where reuse would capture as much as the plain path does."""
        clip = self._known_clip()
        pixels = clip.encoder.width * clip.encoder.height
        captured = sum(rect.area for rect in captures)
        as_large = captured > max(CAPTURED_SHARE_MAX * self._changing * pixels, pixels)
        ours, plain = pixel_costs(captures, self._changing, pixels)
        if as_large or ours - CAPTURED_SHARE_MAX * plain > LOSS_PIXELS_MAX:
            share = 100 * ours / max(plain, 1)
            raise Refused(
                "cost",
                f"What is personal takes {share:.0f} % of what capturing every whole frame takes, so reuse "
                "would not be faster.",
            )

    def _personal_layer(
        self,
        clip: Clip,
        places: Sequence[str] | None = None,
        *,
        patches: bool = True,
        memory: LayerMemory | None = None,
    ) -> PersonalLayer:
        return PersonalLayer(
            self._bench.page(),
            self._personal if places is None else places,
            scale=clip.encoder.width / clip.document.width,
            size=(clip.encoder.width, clip.encoder.height),
            patches=patches,
            memory=memory,
        )

    def _memory(self, sample: Variant) -> LayerMemory:
        """Where the row of a sample will find what was captured of it here."""
        bench = self._bench
        facts = layer_facts(bench.composition, bench.settings)
        return CachedLayers(self._cache, bench.environment(), facts, sample.files, only_keep=True)

    def _above_frames(
        self, sample: Variant, wanted: set[int] | None
    ) -> Iterator[tuple[int, tuple[OverlayPng, ...]]]:
        """The layer of what is painted over personal elements, at each frame."""
        if not self._above:
            return
        clip = self._open(sample)
        last = max(wanted) + 1 if wanted is not None else clip.frame_count
        layer = self._personal_layer(clip, self._above, patches=False)
        for frame in layer.frames(range(last), clip.fps, wanted=wanted):
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
            raise Refused("layers", f"{self._names(stack[:1])[0]} does not come apart into layers.")
        above = personal_places((*self._above, *fresh), self._differences.marks)
        if any(self._is_around_personal(place) for place in above):
            raise Refused(
                "layers", f"{self._names(fresh[:1])[0]} is painted over what is personal as a part of it."
            )
        self._above = above

    def _learn_personal(self, stack: Sequence[str], sample_index: int) -> None:
        """No personal element is at that point: what is there looks different only in its pixels."""
        fresh = [place for place in stack if place not in EVERYWHERE]
        if not fresh or sample_index == 0:
            raise Refused("layers", "The picture beside the personal elements changes with them.")
        self._layers.clear()
        self._differences.frames.setdefault(fresh[0], set())
        self._personal = personal_places(self._differences.frames, self._differences.marks)
        self._check_personal()

    def _is_around_personal(self, place: str) -> bool:
        return any(is_inside(root, place) for root in self._personal)


def pixel_costs(captures: Sequence[Rect], changing: int, pixels: int) -> tuple[int, int]:
    """What a row costs with reuse, and on the plain path, in captured pixels.

    Args:
        captures: of the personal layer. changing: frames that the plain path captures. pixels: of a frame.
    """
    ours = sum(rect.area + CAPTURE_PIXELS for rect in captures) + changing * WATCH_PIXELS
    return ours, changing * (pixels + CAPTURE_PIXELS)


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
