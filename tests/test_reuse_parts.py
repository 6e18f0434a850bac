"""The arithmetic, the decisions and the stored forms of reuse, without a browser."""

from __future__ import annotations

import io
import json
import random
import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framepress.above_pieces import pack_above, unpack_above
from framepress.agreement import Agreement, compare, largest_area
from framepress.band_layout import Band
from framepress.composite import Canvas, blend, packed, patched, read_overlay
from framepress.encode import EncoderSettings
from framepress.groups import Groups
from framepress.layer_captures import OverlayPng
from framepress.ledger_rows import LedgerRow
from framepress.looks import (
    GROUP,
    INLINE,
    MIXES,
    TEXT,
    grown,
    is_inside,
    mixing_place,
    overlapping,
    personal_places,
)
from framepress.pictures import FrameSummary, PictureReader
from framepress.plan import Check, Plan, Touch, check_frames, group_digest, plan_key
from framepress.plate import Plate, PlateWriter
from framepress.rects import Rect
from framepress.samples import SAMPLES_MAX
from framepress.segment_pieces import pack_segment, segment_key, unpack_segment
from framepress.streams import Segment
from framepress.views import CAPTURE_COST, MOVE_COST, views
from media_tools import png_bytes

Floats = NDArray[np.float64]

# ---- composite ----------------------------------------------------------------------------------

#: BT.709 (Rec. ITU-R BT.709-6, 3.2 and 3.3), limited range, from RGB of 0..255.
KR, KB = 0.2126, 0.0722


def luma_of(rgb: Floats) -> Floats:
    grey: Floats = 16 + 219 / 255 * (rgb @ np.array([KR, 1 - KR - KB, KB]))
    return grey


def chroma_of(rgb: Floats) -> Floats:
    """Cb and Cr of each 2x2 pixels, shape (2, height / 2, width / 2)."""
    height, width, _ = rgb.shape
    mean = rgb.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    grey = mean @ np.array([KR, 1 - KR - KB, KB])
    blue, red = mean[..., 2] - grey, mean[..., 0] - grey
    return 128 + 224 / 255 * np.stack([blue / (2 * (1 - KB)), red / (2 * (1 - KR))])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), opaque=st.booleans(), x=st.integers(0, 3), y=st.integers(0, 3))
def test_a_composite_is_the_picture_that_floats_give(seed: int, opaque: bool, x: int, y: int) -> None:
    """Within 2, and a half on average; chroma where the plate has one colour within a sample.

    Four numbers are rounded on the way: the plate, the premultiplied colour, its conversion, and what stays
    of the plate.
    """
    rng = np.random.default_rng(seed)
    width, height = 32, 16
    ground = rng.integers(0, 256, (height // 2, width // 2, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    overlay = rng.integers(0, 256, (8, 16, 4), dtype=np.uint8)
    if opaque:
        overlay[..., 3] = 255
    rect = Rect(2 * x, 2 * y, 16, 8)

    wanted = ground.astype(np.float64)
    alpha = overlay[..., 3:] / 255
    part = wanted[rect.y : rect.bottom, rect.x : rect.right]
    part[...] = overlay[..., :3] * alpha + (1 - alpha) * part
    drawn = drawn_on(ground, overlay, rect)

    luma = drawn[: width * height].reshape(height, width)
    chroma = drawn[width * height :].reshape(2, height // 2, width // 2)
    for some, exact in ((luma, luma_of(wanted)), (chroma, chroma_of(wanted))):
        off = np.abs(some - exact)
        assert off.max() < 2
        assert off.mean() < 0.5


def drawn_on(ground: NDArray[np.uint8], overlay: NDArray[np.uint8], rect: Rect) -> NDArray[np.uint8]:
    height, width, _ = ground.shape
    reader = PictureReader(width, height)
    canvas = Canvas(width, height)
    canvas.fill(packed(reader.from_pixels(ground, "rgb24")))
    read = read_overlay(reader.decode_rgba(png_bytes(overlay)), rect, (width, height))
    if read is not None:
        blend(canvas.planes, read)
    return packed(canvas.frame)


def test_what_is_transparent_changes_nothing_and_what_is_opaque_all() -> None:
    ground = np.full((16, 32, 3), (40, 90, 200), np.uint8)
    clear = np.full((8, 16, 4), (255, 0, 0, 0), np.uint8)
    before = drawn_on(ground, clear, Rect(4, 4, 16, 8))
    assert np.array_equal(before, packed(PictureReader(32, 16).from_pixels(ground, "rgb24")))
    red = np.full((16, 32, 4), (200, 30, 10, 255), np.uint8)
    covered = drawn_on(ground, red, Rect(0, 0, 32, 16))
    pure = packed(PictureReader(32, 16).from_pixels(red[..., :3].copy(), "rgb24"))
    assert np.abs(covered.astype(int) - pure).max() <= 1


@pytest.mark.parametrize(
    ("at", "rect", "expected"),
    [
        ((0, 5), Rect(2, 2, 16, 8), True),
        ((7, 5), Rect(2, 2, 16, 8), True),
        ((3, 0), Rect(2, 2, 16, 8), True),
        ((3, 15), Rect(2, 2, 16, 8), True),
        ((3, 5), Rect(2, 2, 16, 8), False),
        # Edges of the picture are no edges of what is captured.
        ((0, 5), Rect(2, 0, 16, 8), False),
        ((7, 5), Rect(2, 8, 16, 8), False),
        ((3, 0), Rect(0, 2, 16, 8), False),
        ((3, 15), Rect(16, 2, 16, 8), False),
    ],
)
def test_ink_on_the_edge_of_a_capture_is_noticed(at: tuple[int, int], rect: Rect, expected: bool) -> None:
    pixels = np.zeros((8, 16, 4), np.uint8)
    pixels[at] = 255
    overlay = read_overlay(PictureReader(32, 16).decode_rgba(png_bytes(pixels)), rect, (32, 16))
    assert overlay is not None and overlay.touches_edge is expected


def noise(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Pixels that leave two columns and rows at each side empty, so that nothing touches an edge."""
    pixels = np.zeros((height, width, 4), np.uint8)
    inner = np.random.default_rng(seed).integers(0, 256, (height - 4, width - 4, 4), np.uint8)
    pixels[2:-2, 2:-2] = inner
    return pixels


@given(
    seed=st.integers(0, 99),
    empty=st.sampled_from(["", "below", "patch", "both"]),
    x=st.integers(0, 8),
    y=st.integers(0, 4),
)
@settings(max_examples=40, deadline=None)
def test_a_patched_overlay_is_the_one_that_was_captured_whole(seed: int, empty: str, x: int, y: int) -> None:
    rect = Rect(4, 4, 24, 16)
    spot = Rect(4 + 2 * x, 4 + 2 * y, 8, 8)
    at = (slice(2 * y, 2 * y + 8), slice(2 * x, 2 * x + 8))
    first = noise(seed, 16, 24) * (empty not in ("below", "both"))
    second = first.copy()
    # The edge of the patch stays as it was, as where nothing goes on beyond it.
    second[at][1:-1, 1:-1] = noise(seed + 1, 10, 10)[2:-2, 2:-2] * (empty not in ("patch", "both"))
    reader, size = PictureReader(64, 48), (64, 48)
    below, patch, whole = (
        read_overlay(reader.decode_rgba(png_bytes(pixels)), where, size)
        for pixels, where in ((first, rect), (second[at].copy(), spot), (second, rect))
    )
    made = patched(below, patch, spot, size)
    ground = packed(reader.from_pixels(np.full((48, 64, 3), (40, 90, 200), np.uint8), "rgb24"))
    drawn = []
    for overlay in (made, whole):
        canvas = Canvas(*size)
        canvas.fill(ground)
        if overlay is not None:
            blend(canvas.planes, overlay)
        drawn.append(packed(canvas.frame))
    assert np.array_equal(drawn[0], drawn[1])
    assert made is None or not made.touches_edge


@pytest.mark.parametrize(
    ("column", "was", "now", "expected"),
    [(0, 0, 255, True), (0, 255, 0, True), (0, 255, 255, False), (7, 0, 255, True), (3, 0, 255, False)],
)
def test_what_changes_on_the_edge_of_a_patch_is_noticed(
    column: int, was: int, now: int, expected: bool
) -> None:
    below_pixels, patch_pixels = noise(1, 16, 24), np.zeros((8, 8, 4), np.uint8)
    below_pixels[4:12, 8:16] = 0
    below_pixels[8, 8 + column] = was
    patch_pixels[4, column] = now
    reader, size = PictureReader(64, 48), (64, 48)
    spot = Rect(12, 8, 8, 8)
    below = read_overlay(reader.decode_rgba(png_bytes(below_pixels)), Rect(4, 4, 24, 16), size)
    made = patched(below, read_overlay(reader.decode_rgba(png_bytes(patch_pixels)), spot, size), spot, size)
    assert made is not None and made.touches_edge is expected


# ---- views --------------------------------------------------------------------------------------

WHOLE = Rect(0, 0, 1600, 200)
SMALL_RECTS = st.builds(
    Rect, st.integers(0, 800), st.integers(0, 100), st.integers(2, 800), st.integers(2, 100)
)


def cost_of(chosen: Sequence[Rect | None]) -> int:
    """What `views` promises to keep low, counted frame by frame."""
    cost, at = 0, None
    for rect in chosen:
        if rect is None:
            continue
        cost += (CAPTURE_COST + rect.area) * (1 if rect == at else 1 + MOVE_COST)
        at = rect
    return cost


@given(st.lists(st.none() | SMALL_RECTS, max_size=12))
@settings(max_examples=60, deadline=None)
def test_views_cover_what_changes_and_cost_no_more_than_one_view_for_all(needs: list[Rect | None]) -> None:
    chosen = views(needs, WHOLE)
    assert [rect is None for rect in chosen] == [need is None for need in needs]
    assert all(rect.contains(need) for rect, need in zip(chosen, needs, strict=True) if rect and need)
    assert all(WHOLE.contains(rect) for rect in chosen if rect)
    joined = [need for need in needs if need]
    if joined:
        for need in joined[1:]:
            joined[0] = joined[0].joined(need)
        one_for_all = [joined[0] if need else None for need in needs]
        # A view that is nearly the whole part becomes the whole part.
        slack = 0.2 * WHOLE.area * (len(needs) + MOVE_COST)
        assert cost_of(chosen) <= cost_of(one_for_all) + slack


def test_a_part_is_captured_whole_while_all_of_it_changes_and_then_what_still_does() -> None:
    small = Rect(100, 20, 200, 50)
    assert views([WHOLE] * 10 + [small] * 20, WHOLE) == [WHOLE] * 10 + [small] * 20
    # Two frames do not pay for a move.
    assert views([WHOLE] * 10 + [small] * 2, WHOLE) == [WHOLE] * 12


# ---- agreement ----------------------------------------------------------------------------------


def slow_area(mask: NDArray[np.bool_]) -> int:
    """By labels that spread until nothing changes."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        wide = np.pad(labels, 1)
        around = [
            wide[1 + dy : 1 + dy + mask.shape[0], 1 + dx : 1 + dx + mask.shape[1]]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        spread = np.where(mask, np.maximum.reduce(around), 0)
        if np.array_equal(spread, labels):
            break
        labels = spread
    return int(np.bincount(labels[labels > 0]).max()) if mask.any() else 0


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 0.7))
def test_the_largest_area_is_the_largest(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((11, 17)) < share
    area, at = largest_area(mask)
    assert area == slow_area(mask)
    assert (at is None) == (not mask.any())
    assert at is None or mask[at[1], at[0]]


def test_pictures_agree_up_to_sixteen_pixels_and_fifty_decibels() -> None:
    plain = np.full(320 * 180 * 3 // 2, 100, np.uint8)
    assert compare(plain, plain, 320, 180) == Agreement(float("inf"), 0, None)
    spot = plain.copy()
    luma = spot[: 320 * 180].reshape(180, 320)
    luma[50:54, 60:64] = 120
    assert compare(spot, plain, 320, 180).area == 16
    assert compare(spot, plain, 320, 180).holds
    luma[54, 64] = 120
    found = compare(spot, plain, 320, 180)
    assert found.area == 17 and found.at is not None and not found.holds
    # Off by less than anybody looks at, but everywhere.
    assert not compare(plain + 1, plain - 1, 320, 180).holds
    chroma = plain.copy()
    chroma[320 * 180 :].reshape(2, 90, 160)[1, 20:23, 30:32] = 130
    assert compare(chroma, plain, 320, 180).area == 24


# ---- what is personal ---------------------------------------------------------------------------


def test_an_element_grows_out_of_its_line_and_to_its_outermost_group() -> None:
    marks = {"0": 0, "0/1": 0, "0/1/0": GROUP, "0/1/0/2": 0, "0/1/0/2/0": TEXT, "0/1/0/2/0/0": INLINE}
    assert grown("0/1/0/2/0/0", marks) == "0/1/0"
    assert grown("0/1/0/2/0/0", marks | {"0/1/0": 0}) == "0/1/0/2/0"
    assert grown("0/1/0/2/0/0", marks | {"0/1/0": 0, "0/1/0/2/0": 0}) == "0/1/0/2/0"
    # A group further out counts even if one between is none.
    assert grown("0/1/0/2", {"0/1": GROUP}) == "0/1"
    # What is in a shadow tree is its host's.
    assert grown("0/1/3/s/0/1", {}) == "0/1/3"
    assert grown("0/1/3/s/0/1/s/2", {}) == "0/1/3"


PLACES = st.lists(st.integers(0, 2), max_size=4).map(lambda steps: "/".join(["0", *map(str, steps)]))
MARKS = st.dictionaries(PLACES, st.sampled_from([0, GROUP, TEXT, INLINE, GROUP | TEXT]))


@given(differing=st.sets(PLACES, max_size=6), marks=MARKS)
def test_personal_places_cover_what_differs_and_none_is_in_another(
    differing: set[str], marks: dict[str, int]
) -> None:
    places = personal_places(differing, marks)
    assert all(any(is_inside(place, root) for root in places) for place in differing)
    assert not any(a != b and is_inside(a, b) for a in places for b in places)
    assert personal_places(places, marks) == places
    for root in places:
        above = [root[:cut] for cut in range(1, len(root)) if root[cut] == "/"]
        assert not any(marks.get(place, 0) & GROUP for place in above)


def test_places_are_in_the_order_of_the_document() -> None:
    assert personal_places({"0/1/10", "0/1/9", "0/1/2/0"}, {}) == ("0/1/2/0", "0/1/9", "0/1/10")
    # The tenth child is not inside the first.
    assert not is_inside("0/10", "0/1")


def test_what_mixes_with_its_ground_is_found_unless_a_group_keeps_it_inside() -> None:
    marks = {"0/1/2": 0, "0/1/2/0": 0, "0/1/2/0/0": MIXES | GROUP}
    assert mixing_place(["0/1/2"], marks) == "0/1/2/0/0"
    assert mixing_place(["0/1/2"], marks | {"0/1/2/0": GROUP}) is None
    assert mixing_place(["0/1/2/0/0"], marks) == "0/1/2/0/0"
    assert mixing_place(["0/1/3"], marks) is None


RECTS = st.builds(
    lambda x, y, w, h: Rect(2 * x, 2 * y, 2 * w, 2 * h),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 8),
    st.integers(1, 8),
)


@given(rects=st.lists(st.none() | RECTS, max_size=8))
def test_parts_hold_every_rectangle_once_and_do_not_overlap(rects: Sequence[Rect | None]) -> None:
    parts = overlapping(rects)
    held = sorted(root for part in parts for root in part.roots)
    assert held == [index for index, rect in enumerate(rects) if rect is not None]
    for part in parts:
        assert all(part.rect.contains(rect) for root in part.roots if (rect := rects[root]) is not None)
    assert not any(a is not b and a.rect.overlaps(b.rect) for a in parts for b in parts)


def test_rectangles_that_touch_are_one_part_and_those_apart_are_two() -> None:
    assert len(overlapping([Rect(0, 0, 10, 10), Rect(10, 0, 10, 10)])) == 1
    assert len(overlapping([Rect(0, 0, 10, 10), Rect(12, 0, 10, 10)])) == 2
    # The third joins the other two.
    assert len(overlapping([Rect(0, 0, 10, 10), Rect(30, 0, 10, 10), Rect(8, 4, 24, 2)])) == 1


# ---- plans --------------------------------------------------------------------------------------

PLAN = Plan(
    environment="e" * 64,
    composition="c" * 64,
    width=320,
    height=180,
    css_width=640,
    fps=Fraction(30000, 1001),
    frame_count=3,
    group="a" * 64,
    variables=("NAME",),
    personal=("0/1/0/2",),
    names=("<p> .name",),
    areas=(Rect(2, 4, 60, 20), None),
    above=(),
    plate="d" * 64,
    slots=(0, 0, 1),
    overlay=None,
    rest=(7, 8, 9),
    checks=(Check(1, b"\x89PNG", 5),),
    personal_frames=((0, 2), ()),
    stateful=(),
    samples=2,
    met=(("0/1", "0/2"),),
    touched=(Touch("0/1", "0/3", 2, 40),),
    bands=((Band(0, 6, False, 0, 3), Band(6, 12, True, 3, 0)),),
    whole_because="",
)


def test_a_plan_reads_back_as_it_was_and_has_the_digest_it_had() -> None:
    again = Plan.from_json(PLAN.to_json())
    assert again == PLAN
    assert again.digest == PLAN.digest
    assert PLAN.digest == "f7e682ea808f35d9c80fc88bcd7545cd1d66af7e21b1aab6406e14e18ba4a37c"
    assert again.scale == 0.5


@pytest.mark.parametrize("name", sorted(json.loads(PLAN.to_json())))
def test_a_plan_that_lacks_a_field_is_none(name: str) -> None:
    facts = json.loads(PLAN.to_json())
    del facts[name]
    with pytest.raises(ValueError, match="plan"):
        Plan.from_json(json.dumps(facts).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"format":1}', b"\xff"])
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Plan.from_json(data)


def test_a_changed_plan_has_another_digest() -> None:
    others = [
        replace(PLAN, rest=(7, 8, 10)),
        replace(PLAN, areas=(Rect(2, 4, 60, 22), None)),
        replace(PLAN, checks=(Check(1, b"\x89PNH", 5),)),
        replace(PLAN, personal=("0/1/0/3",)),
        replace(PLAN, bands=()),
    ]
    assert len({plan.digest for plan in [PLAN, *others]}) == 1 + len(others)


KEY: dict[str, Any] = {
    "environment": "e" * 64,
    "composition": "c" * 64,
    "settings": {"crf": 18, "scale": None, "fps": Fraction(30)},
    "personal": ["NAME", "POINTS"],
    "group": "9" * 64,
}


def test_each_part_of_a_plan_key_counts_and_the_order_of_variables_does_not() -> None:
    key = plan_key(**KEY)
    assert key == plan_key(**KEY | {"personal": ["POINTS", "NAME"]})
    others = [
        KEY | {"environment": "f" * 64},
        KEY | {"composition": "d" * 64},
        KEY | {"settings": KEY["settings"] | {"crf": 19}},
        KEY | {"settings": KEY["settings"] | {"fps": Fraction(25)}},
        KEY | {"personal": ["NAME"]},
        KEY | {"group": "8" * 64},
        KEY | {"bands": True},
    ]
    assert len({key, *(plan_key(**other) for other in others)}) == 1 + len(others)


@given(
    values=st.dictionaries(
        st.sampled_from("ABCDE"), st.text(st.characters(codec="ascii"), max_size=3), min_size=2
    )
)
def test_a_group_is_known_by_all_that_is_not_personal(values: dict[str, str]) -> None:
    name, *others = values
    digest = group_digest(values, [name])
    assert group_digest(dict(reversed(values.items())), [name]) == digest
    assert group_digest(values | {name: values[name] + "x"}, [name]) == digest
    for other in others:
        assert group_digest(values | {other: values[other] + "x"}, [name]) != digest


@given(st.integers(1, 4000))
def test_rows_are_compared_at_moments_of_the_clip_that_include_the_last(count: int) -> None:
    frames = check_frames(count)
    assert frames == tuple(sorted(set(frames)))
    assert frames[0] >= 0 and frames[-1] == count - 1
    assert len(frames) <= 6


# ---- groups and samples -------------------------------------------------------------------------


def ledger_rows(values: Sequence[dict[str, str]]) -> list[LedgerRow]:
    return [
        LedgerRow(
            number=number, line=number, state="bound", key=f"{hash_of(row)}", id=None, out=f"{number}.mp4",
            values=row, files={}, attempts=0, result={}, error=None,
        )
        for number, row in enumerate(values, start=1)
    ]  # fmt: skip


def hash_of(row: dict[str, str]) -> str:
    return group_digest(row, [])


VALUES = st.fixed_dictionaries(
    {"NAME": st.text(st.characters(codec="ascii"), max_size=6), "TIER": st.sampled_from(["a", "b", "c"])}
)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(VALUES, min_size=6, max_size=20), seed=st.integers(0, 99), by_tier=st.booleans())
def test_groups_and_samples_do_not_depend_on_the_order_of_the_rows(
    values: list[dict[str, str]], seed: int, by_tier: bool
) -> None:
    shuffled = random.Random(seed).sample(values, len(values))
    found = [summary_of(rows, ["TIER"] if by_tier else []) for rows in (values, shuffled)]
    assert found[0] == found[1]


def summary_of(values: Sequence[dict[str, str]], shared: Sequence[str]) -> object:
    rows = ledger_rows(values)
    groups = Groups(rows)
    groups.divide(rows, shared)
    of_rows = {hash_of(dict(row.values)): groups.of(row).samples for row in rows}
    return groups.personal, sorted((g.count, len(g.samples), g.state) for g in groups), of_rows


@given(values=st.lists(VALUES, min_size=5, max_size=30, unique_by=lambda row: tuple(row.values())))
def test_a_group_of_different_rows_gives_at_least_two_samples(values: list[dict[str, str]]) -> None:
    rows = ledger_rows(values)
    groups = Groups(rows)
    groups.divide(rows)
    [group] = groups
    usual, more = group.samples[:SAMPLES_MAX], group.samples[SAMPLES_MAX:]
    alike = [name for name in groups.personal if len({one.values[name] for one in usual}) == 1]
    assert len(usual) >= 2
    assert len(more) <= len(alike), "more only where a variable has one value in all of these"
    lengths = [sum(map(len, row.values())) for row in values]
    assert sum(map(len, group.samples[0].values.values())) == max(lengths)
    assert sum(map(len, group.samples[1].values.values())) == min(lengths)


def test_one_more_sample_is_enough_for_a_variable_that_is_alike_in_the_others() -> None:
    names_and_tiers = [("", "b"), ("0", "a"), ("0", "b"), ("1", "b"), ("4", "b"), ("000", "b"), ("000", "c")]
    rows = ledger_rows([{"NAME": name, "TIER": tier} for name, tier in names_and_tiers])
    groups = Groups(rows)
    groups.divide(rows)
    [group] = groups
    assert len(group.samples) <= SAMPLES_MAX
    assert {one.values["TIER"] for one in group.samples} > {"b"}


def test_values_of_one_length_give_more_than_one_sample() -> None:
    rows = ledger_rows([{"COLOUR": f"#{number:06x}"} for number in range(40)])
    groups = Groups(rows)
    groups.divide(rows)
    [group] = groups
    assert len(group.samples) == 3


def test_small_groups_are_plain_and_say_so() -> None:
    rows = ledger_rows([{"NAME": name, "TIER": "a"} for name in "vwxyz"] + [{"NAME": "q", "TIER": "b"}])
    groups = Groups(rows)
    groups.divide(rows, ["TIER"])
    for group in groups:
        group.give_up_if_small()
    assert [groups.of(row).state for row in rows] == ["unknown"] * 5 + ["plain"]
    assert "1 rows" in str(groups.of(rows[-1]).reason)


# ---- pieces -------------------------------------------------------------------------------------

PACKETS = st.lists(st.binary(max_size=40), min_size=1, max_size=5)


@given(packets=PACKETS, sets=st.binary(max_size=30), mean=st.floats(0, 255), std=st.floats(0, 128))
def test_a_segment_piece_reads_back_and_a_cut_one_is_refused(
    packets: list[bytes], sets: bytes, mean: float, std: float
) -> None:
    piece = pack_segment(Segment(tuple(packets), sets), FrameSummary(mean, std))
    segment, summary = unpack_segment(piece)
    assert (segment.packets, segment.parameter_sets) == (tuple(packets), sets)
    assert summary == FrameSummary(mean, std)
    for damaged in (piece[:-1], piece + b"\0", piece[:10], b""):
        with pytest.raises((ValueError, struct.error)):
            unpack_segment(damaged)


def test_each_part_of_a_segment_key_counts() -> None:
    encoder = EncoderSettings(320, 180, Fraction(30), 18, "veryfast", 60)
    plan = {"environment": "e" * 64, "plate": "d" * 64, "overlay": None}
    key = segment_key(plan, range(0, 60), encoder)
    others = [
        segment_key(plan | {"environment": "f" * 64}, range(0, 60), encoder),
        segment_key(plan | {"plate": "c" * 64}, range(0, 60), encoder),
        segment_key(plan | {"overlay": "d" * 64}, range(0, 60), encoder),
        segment_key(plan, range(0, 50), encoder),
        segment_key(plan, range(60, 120), encoder),
        *(
            segment_key(plan, range(0, 60), replace(encoder, **change))
            for change in (
                {"width": 322}, {"height": 182}, {"fps": Fraction(25)}, {"crf": 19}, {"preset": "fast"},
                {"gop_frames": 50},
            )
        ),
    ]  # fmt: skip
    assert len({key, *others}) == 1 + len(others)


def test_what_is_painted_over_reads_back_and_is_stored_once() -> None:
    bar = OverlayPng(Rect(2, 4, 6, 8), b"one picture")
    dot = OverlayPng(Rect(10, 4, 2, 2), b"another")
    piece = pack_above([[bar], [bar, dot], []])
    assert piece.count(b"one picture") == 1
    frames = unpack_above(piece)
    assert [[(one.rect, one.png) for one in frame] for frame in frames] == [
        [(bar.rect, bar.png)],
        [(bar.rect, bar.png), (dot.rect, dot.png)],
        [],
    ]
    assert frames[0][0] is frames[1][0]


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0", b"\0\0\0\2{}", b"\0\0\0\1{", b'\0\0\0\x1a{"parts":[],"frames":[[0]]}', b"\0\0\0\4null"],
)
def test_what_is_no_layer_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        unpack_above(data)


def test_a_layer_that_was_cut_is_refused() -> None:
    piece = pack_above([[OverlayPng(Rect(2, 4, 6, 8), b"one picture")]])
    for damaged in (piece[:-1], piece + b"\0"):
        with pytest.raises(ValueError, match="layer"):
            unpack_above(damaged)


# ---- plates -------------------------------------------------------------------------------------


def test_a_plate_keeps_equal_neighbours_once_and_reads_back(tmp_path: Path) -> None:
    pictures = [np.full(16 * 8 * 3 // 2, value, np.uint8) for value in (10, 10, 20, 10)]
    stream = io.BytesIO()
    writer = PlateWriter(stream)
    for picture in (pictures[0], pictures[1], None, pictures[2], None, pictures[3]):
        writer.add(picture)
    assert writer.slots == [0, 0, 0, 1, 1, 2]
    path = tmp_path / "plate"
    path.write_bytes(stream.getvalue())
    assert path.stat().st_size == 3 * 16 * 8 * 3 // 2
    plate = Plate(path, tuple(writer.slots), 16, 8)
    assert [int(plate.frame(index)[0]) for index in range(6)] == [10, 10, 10, 20, 20, 10]
    assert plate.same(0, 2) and not plate.same(2, 3)


def test_a_plate_with_too_few_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plate"
    path.write_bytes(bytes(2 * 192))
    with pytest.raises(ValueError, match="2 pictures"):
        Plate(path, (0, 1, 2), 16, 8)
    path.write_bytes(bytes(2 * 192 - 1))
    with pytest.raises(ValueError):
        Plate(path, (0, 1), 16, 8)
