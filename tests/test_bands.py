"""Bands planned, made and checked on plates whose motion is known; no browser."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framepress.band_canvas import BandCanvas, clipped_to_lines
from framepress.band_check import Quality, decoded, quality, ssim, worse
from framepress.band_layout import MARGIN, MB, Band, Layout, check_layout, from_lists, row_count, whole
from framepress.band_pieces import pack_band, unpack_band
from framepress.band_planner import QUIET_MAX, WORTH_MAX, Span, cost, loudness, plan_layout
from framepress.cache import Cache
from framepress.composite import Canvas, blend, packed, read_overlay
from framepress.encode import EncoderSettings, GopEncoder, gop_ranges, nal_units, parameter_sets
from framepress.layer_captures import OverlayPng
from framepress.layered import LayerFrame
from framepress.loaded_plan import Compositor, LoadedPlan, PlannedFrames
from framepress.pictures import PictureReader
from framepress.plan import Plan
from framepress.planned import writer_for
from framepress.plate import PlateWriter
from framepress.rects import Rect
from framepress.settings import Preset
from framepress.streams import Segment
from framepress.survey_bands import BandPlan, BandSurvey
from media_tools import png_bytes

Pixels = NDArray[np.uint8]
Paint = Callable[[int], Pixels]

WIDTH, HEIGHT, GOP = 320, 264, 24
ROWS = row_count(HEIGHT)
SETTINGS = EncoderSettings(WIDTH, HEIGHT, Fraction(30), 18, "veryfast", GOP)


# ---- plates of known motion ---------------------------------------------------------------------


def still(_: int) -> Pixels:
    rng = np.random.default_rng(9)
    small = rng.integers(40, 160, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    return small.repeat(8, 0).repeat(8, 1)


def busy_top(frame: int) -> Pixels:
    """A block of noise that goes to and fro in lines 16 to 64; the rest stands still."""
    pixels = still(0)
    left = 20 + 7 * (frame % 20)
    noise = np.random.default_rng(3).integers(0, 255, (48, 60, 3), dtype=np.uint8)
    pixels[16:64, left : left + 60] = noise
    return pixels


def rising(frame: int) -> Pixels:
    """A block of noise that rises through all cuts."""
    pixels = still(0)
    top = (HEIGHT - 60 - 9 * frame) % (HEIGHT - 40)
    noise = np.random.default_rng(4).integers(0, 255, (40, 90, 3), dtype=np.uint8)
    pixels[top : top + 40, 120:210] = noise
    return pixels


def shaking(frame: int) -> Pixels:
    """Everything moves, as a hand-held camera does."""
    return np.roll(still(0), ((frame * 5) % 7 - 3, (frame * 3) % 11 - 5), (0, 1))


def fading(frame: int) -> Pixels:
    """One picture turns into another."""
    share = (frame % GOP) / (GOP - 1)
    other = np.flip(still(0), 1).astype(float)
    return (still(0) * (1 - share) + other * share).astype(np.uint8)


def zooming(frame: int) -> Pixels:
    scale = 1 + 0.01 * frame
    ys = ((np.arange(HEIGHT) - HEIGHT / 2) / scale + HEIGHT / 2).astype(int)
    xs = ((np.arange(WIDTH) - WIDTH / 2) / scale + WIDTH / 2).astype(int)
    pixels: Pixels = still(0)[ys][:, xs]
    return pixels


def grain(frame: int) -> Pixels:
    noise = np.random.default_rng(frame).integers(-9, 10, (HEIGHT, WIDTH, 1))
    return np.clip(still(0).astype(int) + noise, 0, 255).astype(np.uint8)


def cut_between_scenes(frame: int) -> Pixels:
    return still(0) if frame < 10 else 255 - np.flip(still(0), 0)


def drifting(frame: int) -> Pixels:
    """A picture full of detail that moves by half a sample per frame. To whole samples: 3 times as large."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5 * frame
    waves = np.sin(0.9 * x) + np.sin(0.7 * y + 0.3 * x) + np.sin(0.5 * (x - y))
    return np.repeat((128 + 40 * waves)[..., None], 3, 2).astype(np.uint8)


def glow(frame: int) -> Pixels:
    """A soft light that moves slowly."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    far = np.hypot(y - 100 - 0.5 * frame, x - 160 + 0.7 * frame)
    light = 40 + 120 * np.clip(1 - far / 400, 0, 1)
    return np.repeat(light[..., None], 3, 2).astype(np.uint8)


def luma(paint: Paint, frames: int = GOP) -> list[Pixels]:
    reader = PictureReader(WIDTH, HEIGHT)
    size = WIDTH * HEIGHT
    return [
        packed(reader.from_pixels(paint(n), "rgb24"))[:size].reshape(HEIGHT, WIDTH) for n in range(frames)
    ]


def quiet_rows(paint: Paint) -> set[int]:
    loud = loudness(luma(paint), HEIGHT)
    return {row for row in range(1, ROWS) if loud[row] <= QUIET_MAX}


def test_a_cut_is_quiet_where_nothing_moves_near_it_or_what_moves_is_smooth() -> None:
    everywhere = set(range(1, ROWS))
    assert quiet_rows(still) == everywhere
    # The block is in rows 1 to 4; a vector may come from three rows away.
    assert quiet_rows(busy_top) == set(range(7, ROWS))
    assert quiet_rows(glow) == everywhere
    for paint in (shaking, zooming, cut_between_scenes, grain):
        assert quiet_rows(paint) == set(), paint.__name__
    assert len(quiet_rows(rising)) < 3


def test_equal_pictures_make_no_noise_and_one_picture_neither() -> None:
    assert loudness(luma(rising, 1), HEIGHT).max() == 0
    assert loudness(luma(rising, 1) * 3, HEIGHT).max() == 0


# ---- layouts ------------------------------------------------------------------------------------

spans_of_a_picture = st.lists(
    st.tuples(st.integers(0, 1079), st.integers(1, 200)).map(
        lambda pair: Span(pair[0], min(1080, pair[0] + pair[1]))
    ),
    max_size=5,
)
cuts_of_a_picture = st.lists(st.sampled_from([0, 2, 90]), min_size=69, max_size=69)


@settings(deadline=None, max_examples=150)
@given(spans=spans_of_a_picture, loud=cuts_of_a_picture, guards=st.booleans())
def test_any_layout_can_be_encoded_and_keeps_what_is_personal_inside(
    spans: list[Span], loud: list[int], guards: bool
) -> None:
    values = np.array(loud, np.int16)
    layout = plan_layout(spans, values, 1080, guards=guards)
    check_layout(layout, 1080)
    assert layout == plan_layout(list(reversed(spans)), values, 1080, guards=guards)
    personal = [
        (band.first * MB + (MARGIN if band.first else 0), band.stop * MB - (MARGIN if band.stop < 68 else 0))
        for band in layout
        if band.personal
    ]
    for span in spans:
        assert any(top <= span.top and span.bottom <= bottom for top, bottom in personal)
    for band in layout[1:]:
        assert (values[band.first] > QUIET_MAX) == (band.above > 0)
    if not guards:
        assert all(not band.above and not band.below for band in layout)
    if len(layout) > 1:
        assert cost(layout) < WORTH_MAX * 68


def test_a_lower_third_is_a_band_of_its_own_at_the_nearest_quiet_cut() -> None:
    loud = np.zeros(69, np.int16)
    layout = plan_layout([Span(800, 950)], loud, 1080)
    assert layout == (Band(0, 47, False), Band(47, 62, True), Band(62, 68, False))
    loud[44:] = 90
    moved = plan_layout([Span(800, 950)], loud, 1080)
    # Four rows more are cheaper above than a guard and its slices, and a guard is cheaper below than six.
    assert moved == (Band(0, 43, False), Band(43, 62, True, 0, 3), Band(62, 68, False, 6, 0))


def test_far_apart_parts_get_bands_of_their_own_and_near_ones_share_one() -> None:
    loud = np.zeros(69, np.int16)
    bands = [band for band in plan_layout([Span(200, 260), Span(800, 860)], loud, 1080) if band.personal]
    assert [(band.first, band.stop) for band in bands] == [(10, 19), (47, 56)]
    near = plan_layout([Span(200, 260), Span(300, 360)], loud, 1080)
    assert sum(band.personal for band in near) == 1


def test_where_everything_moves_cuts_have_guards() -> None:
    loud = np.full(69, 90, np.int16)
    layout = plan_layout([Span(500, 560)], loud, 1080)
    check_layout(layout, 1080)
    assert len(layout) == 3
    assert layout[1].above >= 3 and layout[1].below == 3
    assert plan_layout([Span(500, 560)], loud, 1080, guards=False) == whole(1080)


def test_whole_pictures_are_cheaper_where_what_is_personal_is_nearly_everywhere() -> None:
    assert plan_layout([Span(60, 1040)], np.zeros(69, np.int16), 1080) == whole(1080)
    assert plan_layout([], np.zeros(69, np.int16), 1080) == whole(1080, personal=False)


def test_a_layout_comes_back_from_json() -> None:
    layout = plan_layout([Span(500, 560)], np.full(69, 90, np.int16), 1080)
    assert from_lists([[band.as_list() for band in layout]]) == (layout,)


# ---- pieces and lines ---------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.lists(st.binary(min_size=1, max_size=9), max_size=3).map(tuple), max_size=5))
def test_a_band_comes_back_from_its_piece_and_a_cut_one_does_not(frames: list[tuple[bytes, ...]]) -> None:
    piece = pack_band(frames)
    assert unpack_band(piece) == frames
    for end in range(len(piece)):
        with pytest.raises((ValueError, struct.error)):
            unpack_band(piece[:end])
    with pytest.raises(ValueError, match="behind"):
        unpack_band(piece + b"x")


@settings(deadline=None, max_examples=40)
@given(
    y=st.integers(0, 60).map(lambda n: 2 * n),
    tall=st.integers(1, 40).map(lambda n: 2 * n),
    top=st.integers(0, 15),
    rows=st.integers(1, 10),
    seed=st.integers(0, 1000),
)
def test_lines_of_a_composite_are_the_composite_of_lines(
    y: int, tall: int, top: int, rows: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tall = min(tall, HEIGHT - y)
    lines = (top * MB, min((top + rows) * MB, HEIGHT))
    ground = packed(PictureReader(WIDTH, HEIGHT).from_pixels(still(0), "rgb24"))
    png = png_bytes(rng.integers(0, 256, (tall, 40, 4), dtype=np.uint8))
    overlay = read_overlay(
        PictureReader(WIDTH, HEIGHT).decode_rgba(png), Rect(20, y, 40, tall), (WIDTH, HEIGHT)
    )
    assert overlay is not None
    canvas, part = Canvas(WIDTH, HEIGHT), BandCanvas(WIDTH, HEIGHT, lines)
    canvas.fill(ground)
    blend(canvas.planes, overlay)
    part.fill_lines(ground)
    part.put(overlay)
    for plane, some in zip(canvas.planes, part.planes, strict=True):
        step = HEIGHT // plane.shape[0]
        assert np.array_equal(plane[lines[0] // step : lines[1] // step], some)
    inside = clipped_to_lines(overlay, *lines)
    assert (inside is None) == (overlay.rect.bottom <= lines[0] or lines[1] <= overlay.rect.y)


# ---- rows ---------------------------------------------------------------------------------------


@dataclass
class Group:
    """A plan on a painted plate, in a cache of its own."""

    cache: Cache
    plan: Plan
    loaded: LoadedPlan

    @property
    def gops(self) -> list[range]:
        return gop_ranges(self.plan.frame_count, GOP)

    def row(self, layer: Sequence[LayerFrame], level: str = "bands") -> PlannedFrames:
        writer = writer_for(self.loaded, SETTINGS, self.gops, self.cache, level)
        for frame in layer:
            writer.take(frame)
        return writer.done

    def composites(self, layer: Sequence[LayerFrame]) -> list[Pixels]:
        compositor = Compositor(self.loaded)
        found = []
        for frame in layer:
            compositor.draw(frame.index, compositor.overlays(frame))
            found.append(packed(compositor.canvas.frame))
        return found

    def surveyed(self, *layers: Sequence[LayerFrame], preset: Preset = "veryfast") -> BandPlan:
        chosen = replace(SETTINGS, preset=preset)
        return BandSurvey(self.loaded, chosen, self.gops, layers, self.cache, lambda _: None).run()

    def with_bands(self, layouts: Sequence[Layout], full_pel: Sequence[bool] = ()) -> Group:
        plan = replace(self.plan, bands=tuple(layouts), full_pel=tuple(full_pel))
        loaded = LoadedPlan.load(plan, self.cache)
        assert loaded is not None
        return Group(self.cache, plan, loaded)


@pytest.fixture
def make_group(tmp_path: Path) -> Callable[..., Group]:
    def make(paint: Paint, frames: int = GOP) -> Group:
        cache = Cache(tmp_path / "cache")
        reader = PictureReader(WIDTH, HEIGHT)
        slots: list[int] = []

        def write(stream) -> None:  # type: ignore[no-untyped-def]
            writer = PlateWriter(stream)
            for number in range(frames):
                writer.add(packed(reader.from_pixels(paint(number), "rgb24")))
            slots.extend(writer.slots)

        key = "ab" * 32
        cache.put("plate", key, write)
        plan = Plan(
            environment="e", composition="c", width=WIDTH, height=HEIGHT, css_width=WIDTH,
            fps=Fraction(30), frame_count=frames, group="g", variables=("NAME",), personal=("0/1/0",),
            names=("<p>",), areas=(Rect(40, 190, 140, 30),), above=(), plate=key, slots=tuple(slots),
            overlay=None,
            rest=(0,) * frames, checks=(), personal_frames=((0, frames - 1),), stateful=(), samples=2,
        )  # fmt: skip
        loaded = LoadedPlan.load(plan, cache)
        assert loaded is not None
        return Group(cache, plan, loaded)

    return make


def text(seed: int, width: int = 100, height: int = 20) -> bytes:
    """Something like text: strokes on transparency, nothing on the edge."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 4), np.uint8)
    strokes = rng.integers(0, 2, (height // 2 - 2, width // 4 - 2)).astype(bool).repeat(2, 0).repeat(4, 1)
    pixels[2 : 2 + strokes.shape[0], 4 : 4 + strokes.shape[1]][strokes] = (250, 230, 40, 255)
    return png_bytes(pixels)


def layer(seed: int, frames: int = GOP, *, top: Callable[[int], int] = lambda _: 196) -> list[LayerFrame]:
    """The personal layer of a row: a text that slides in within ten frames and stands."""
    png = text(seed)
    found: list[LayerFrame] = []
    last: OverlayPng | None = None
    for number in range(frames):
        rect = Rect(40 + 4 * min(number, 10), top(number), 100, 20)
        if last is None or last.rect != rect:
            last = OverlayPng(rect, png)
        found.append(LayerFrame(number, (last,), 1, 0))
    return found


def pictures(segments: dict[int, Segment]) -> list[Pixels]:
    return [frame for start in sorted(segments) for frame in decoded(segments[start])]


def size_of(segments: dict[int, Segment]) -> int:
    return sum(len(packet) for segment in segments.values() for packet in segment.packets)


def psnr_db(some: Sequence[Pixels], others: Sequence[Pixels]) -> float:
    squares = np.mean([np.square(a.astype(int) - b).mean() for a, b in zip(some, others, strict=True)])
    return float(10 * np.log10(255**2 / squares)) if squares else 99.0


#: What moves behind a row; the fast suite has the first three.
MOVING = [busy_top, rising, glow, shaking, fading, zooming, grain, cut_between_scenes]


@pytest.mark.parametrize(
    "paint",
    [
        pytest.param(paint, id=paint.__name__, marks=[pytest.mark.slow] if number > 2 else [])
        for number, paint in enumerate(MOVING)
    ],
)
def test_whatever_moves_behind_it_a_row_is_as_good_as_encoded_whole(
    paint: Paint, make_group: Callable[..., Group]
) -> None:
    group = make_group(paint)
    rows = [layer(1), layer(2)]
    found = group.surveyed(*rows)
    assert found == group.surveyed(*rows)
    banded = group.with_bands(found.layouts, found.full_pel)
    for seed in (1, 2, 3):
        row = layer(seed)
        done = banded.row(row)
        source = group.composites(row)
        near = psnr_db(pictures(done.encoded.segments), source)
        best = psnr_db(pictures(group.row(row, "frames").encoded.segments), source)
        assert near > best - 0.7, (paint.__name__, near, best, found)
        assert (done.level == "bands") == (len(found.layouts[0]) > 1)
    if paint in (busy_top, glow):
        assert any(len(layout) > 1 for layout in found.layouts), found.because
    else:
        assert len(found.layouts[0]) > 1 or found.because


def test_bands_that_all_rows_share_are_encoded_once_and_others_when_they_come_twice(
    make_group: Callable[..., Group],
) -> None:
    group = make_group(busy_top).with_bands([(Band(0, 9, False), Band(9, 17, True))])
    first = group.row(layer(1))
    assert first.stored_bands == 0
    assert group.row(layer(2)).stored_bands == 1
    second = group.row(layer(1))
    assert second.stored_bands == 1
    third = group.row(layer(1))
    assert third.stored_bands == 2
    assert first.encoded.segments == second.encoded.segments == third.encoded.segments
    assert first.encoded.summaries == third.encoded.summaries
    assert first.level == second.level == third.level == "bands"
    assert len(group.cache.keys("band")) == 2


def test_a_band_is_named_by_what_it_shows_whatever_else_its_captures_show(
    make_group: Callable[..., Group],
) -> None:
    def cut_out(other: int) -> list[LayerFrame]:
        reader = PictureReader(WIDTH, HEIGHT)
        png = png_bytes(np.concatenate([reader.decode_rgba(text(seed)) for seed in (other, 1)], axis=1))
        frames = layer(1)
        cut = {id(one): replace(one, png=png, corner=(100, 0)) for frame in frames for one in frame.overlays}
        return [replace(frame, overlays=tuple(cut[id(one)] for one in frame.overlays)) for frame in frames]

    group = make_group(busy_top).with_bands([(Band(0, 9, False), Band(9, 17, True))])
    alone = group.row(layer(1))
    rows = [group.row(cut_out(other)) for other in (7, 8, 9)]
    assert [row.stored_bands for row in rows] == [1, 1, 2]
    for row in rows:
        assert row.encoded.segments[0].packets == alone.encoded.segments[0].packets


def test_what_leaves_its_band_or_comes_near_its_edge_is_encoded_whole(
    make_group: Callable[..., Group],
) -> None:
    group = make_group(busy_top).with_bands([(Band(0, 9, False), Band(9, 17, True))])
    crossing = layer(1, top=lambda frame: 196 - 2 * min(frame, 15))
    done = group.row(crossing)
    whole_row = group.row(crossing, "frames")
    assert done.level == "segments"
    assert done.encoded.segments == whole_row.encoded.segments

    def slices(top: int) -> int:
        segment = group.row(layer(1, top=lambda _: top)).encoded.segments[0]
        return len(nal_units(segment.packets[0]))

    # 9 rows are 144 lines; the margin is 36, and the text begins 2 below its capture.
    assert (slices(178), slices(176)) == (2, 1)


def test_a_gop_without_anything_personal_is_encoded_once(make_group: Callable[..., Group]) -> None:
    group = make_group(busy_top, frames=2 * GOP)
    group = group.with_bands([(Band(0, 9, False), Band(9, 17, True)), whole(HEIGHT, personal=False)])
    row = [*layer(1), *(LayerFrame(GOP + n, (), 0, 0) for n in range(GOP))]
    first = group.row(row)
    again = group.row([*layer(2), *row[GOP:]])
    assert (first.stored_segments, again.stored_segments) == (0, 1)
    assert first.encoded.segments[GOP] == again.encoded.segments[GOP]
    # Found in the cache or not, a clip says the same of how it was made.
    assert first.level == again.level == "bands"
    plain = group.with_bands([whole(HEIGHT), whole(HEIGHT, personal=False)])
    assert plain.row(row).level == plain.row(row).level
    bare = group.row(row, "frames").encoded
    assert first.encoded.summaries == bare.summaries
    assert first.encoded.segments[GOP] == bare.segments[GOP]


def test_pictures_that_stand_still_cost_a_few_bytes_in_whole_pictures_too(
    make_group: Callable[..., Group],
) -> None:
    group = make_group(still).with_bands([whole(HEIGHT)])
    done = group.row(layer(1))
    packets = done.encoded.segments[0].packets
    assert all(len(packet) < 30 for packet in packets[21:])
    found = pictures(done.encoded.segments)
    assert all(np.array_equal(found[n], found[20]) for n in range(21, GOP))
    assert done.level == "bands"


@pytest.mark.parametrize(("paint", "full_pel"), [(glow, True), (busy_top, True), (drifting, False)])
def test_vectors_are_to_whole_samples_where_that_makes_pictures_no_larger(
    paint: Paint, full_pel: bool, make_group: Callable[..., Group]
) -> None:
    group = make_group(paint)
    rows = [layer(1), layer(2)]
    found = group.surveyed(*rows)
    assert found.full_pel == (full_pel,)
    assert group.surveyed(*rows, preset="medium").full_pel == (False,)
    sizes = {
        pel: size_of(group.with_bands([whole(HEIGHT)], [pel]).row(layer(3)).encoded.segments)
        for pel in (True, False)
    }
    assert (sizes[True] < 1.1 * sizes[False]) == full_pel, sizes


def test_bands_with_other_vectors_are_other_bands(make_group: Callable[..., Group]) -> None:
    group = make_group(drifting)
    layouts = [(Band(0, 9, False), Band(9, 17, True))]
    done = [group.with_bands(layouts, [pel]).row(layer(1)) for pel in (False, True)]
    assert [one.stored_bands for one in done] == [0, 0]
    assert done[0].encoded.segments != done[1].encoded.segments


def test_a_preset_that_chooses_quality_by_the_whole_picture_has_no_bands(
    make_group: Callable[..., Group],
) -> None:
    found = make_group(busy_top).surveyed(layer(1), layer(2), preset="ultrafast")
    assert found.layouts == (whole(HEIGHT),)
    assert "ultrafast" in found.because


def test_bands_that_turn_out_worse_get_guards_or_go(
    make_group: Callable[..., Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planner that takes every cut for quiet is found out by decoding."""
    group = make_group(rising)
    monkeypatch.setattr("framepress.survey_bands.loudness", lambda *_: np.zeros(ROWS + 1, np.int16))
    found = group.surveyed(layer(1), layer(2))
    layout = found.layouts[0]
    assert len(layout) == 1 or any(band.above for band in layout)
    assert found.because or len(layout) > 1


# ---- judging ------------------------------------------------------------------------------------


def test_equal_pictures_are_alike_and_noise_is_not() -> None:
    one = luma(still, 1)[0]
    assert ssim(one, one) == pytest.approx(1)
    noise = np.clip(one.astype(int) + np.random.default_rng(1).integers(-20, 21, one.shape), 0, 255)
    assert ssim(one, noise.astype(np.uint8)) < 0.99


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"psnr_db": 49.2}, "0.8 dB worse"),
        ({"worst_db": 46.0}, "worst"),
        ({"cuts_db": 44.0}, "beside a cut"),
        ({"ssim": 0.98}, "similarity"),
        ({"size_bytes": 200_000}, "100 % larger"),
        ({}, ""),
        ({"psnr_db": 49.5, "size_bytes": 109_000, "ssim": 0.9895}, ""),
    ],
)
def test_what_is_worse_is_said(change: dict[str, float], said: str) -> None:
    plain = Quality(50.0, 48.0, 0.99, 48.0, 100_000, 60)
    answer = worse(replace(plain, **change), plain)  # type: ignore[arg-type]
    assert said in answer and bool(said) == bool(answer)


def test_a_wrong_line_beside_a_cut_shows(make_group: Callable[..., Group]) -> None:
    source = make_group(still).composites(layer(1))
    encoder = GopEncoder(SETTINGS)
    canvas = Canvas(WIDTH, HEIGHT)
    for picture in source:
        canvas.fill(picture)
        canvas.planes[0][143:145] += 30
        encoder.add(canvas.frame)
    segment = encoder.finish()
    assert segment.parameter_sets == parameter_sets(SETTINGS)
    found = quality(segment, lambda number: source[number], HEIGHT, [9])
    assert found.cuts_db < 35 < quality(segment, lambda number: source[number], HEIGHT, [3]).cuts_db
