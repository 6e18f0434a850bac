"""Captured layers in the cache: found where nothing personal looks different, and only there."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from dangers import NAMES, SUN, Danger, values
from framepress import composite, overlay_reader
from framepress.agreement import compare
from framepress.cache import Cache
from framepress.layer_captures import OverlayPng
from framepress.layer_pieces import LAYER, pack_layer, unpack_layer
from framepress.overlay_reader import OverlayReader
from framepress.rects import Rect
from framepress.stills import Shift
from lists import Press
from media_tools import png_bytes
from stage import browser_options


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


def with_ground(name: str, *, head: str = "", body: str = "", ground: str = "#eee") -> Danger:
    """A personal card and a value that all rows of a list share."""
    return Danger(
        name,
        body or f"{SUN}<div class=card style='animation: in .5s both'><p>{{{{$NAME}}}}</p></div>",
        head=f"<style>@keyframes in {{ from {{ opacity: 0 }} }}</style>{head}",
        rows=values(name=NAMES, ground=[ground]),
        variables={"NAME": {"default": "A"}, "GROUND": {"default": "#fff"}},
    )


BESIDE = with_ground(
    "a value beside it",
    body=f"<div style='background: {{{{$GROUND}}}}; width: 60px; height: 30px'></div>{SUN}"
    "<div class=card style='animation: in .5s both'><p>{{$NAME}}</p></div>",
)

#: What a changed value may do to the personal card without a word in the looks of its elements.
INSIDE = (
    with_ground("a rule for its first letter", head="<style>p::first-letter { color: {{$GROUND}} }</style>"),
    with_ground(
        "a property handed down",
        head="<style>p::first-letter { color: var(--c) }</style>",
        body="<section style='--c: {{$GROUND}}'><div class=card><p>{{$NAME}}</p></div></section>",
    ),
    with_ground(
        "a filter that is defined elsewhere",
        body="<svg width=0 height=0><filter id=f><feFlood flood-color='{{$GROUND}}'/>"
        "<feComposite in2='SourceAlpha' operator='in'/></filter></svg>"
        "<div class=card style='filter: url(#f)'><p>{{$NAME}}</p></div>",
    ),
    with_ground(
        "a shadow tree",
        body="<div class=card><p>{{$NAME}} <span id=host></span></p></div><script>"
        "document.getElementById('host').attachShadow({mode: 'open'}).innerHTML ="
        " '<style>b::first-letter { color: {{$GROUND}} }</style><b>shadow</b>'</script>",
    ),
)


def run_twice(danger: Danger, press: Press, folder: Path) -> tuple[list[int], list[int]]:
    """Frames that were captured of each row, with one value and then with another; all pictures compared."""
    page, cache = danger.write(folder / "composition"), folder / "cache"
    first = press.run(page, danger.rows, folder / "first", cache=cache)
    changed = [{**row, "ground": "#c06"} for row in danger.rows]
    plain = press.run(page, changed, folder / "plain", reuse="off")
    second = press.run(page, changed, folder / "second", cache=cache)
    press.seen.clear()
    assert set(first.paths().values()) == set(second.paths().values()) == {"reuse"}, second.told
    for number, frames in second.frames.items():
        for index, (one, other) in enumerate(zip(frames, plain.frames[number], strict=True)):
            found = compare(one, other, int(danger.width), int(danger.height))
            assert found.holds, f"row {number}, frame {index}: {found}"
    counts = [[ran.results[n].captured_frames for n in sorted(ran.results)] for ran in (first, second)]
    return counts[0], counts[1]


def test_a_value_that_changes_beside_it_leaves_what_was_captured_of_every_row(
    press: Press, tmp_path: Path
) -> None:
    first, second = run_twice(BESIDE, press, tmp_path)
    # Two were captured when the plan was made.
    assert sorted(first)[:3] == [0, 0, 6]
    assert second == [0] * len(NAMES)


@pytest.mark.parametrize("danger", INSIDE, ids=[danger.name for danger in INSIDE])
@pytest.mark.slow
def test_a_value_that_changes_inside_of_it_does_not(danger: Danger, press: Press, tmp_path: Path) -> None:
    _, second = run_twice(danger, press, tmp_path)
    # But for the two that were captured when the second plan was made.
    assert sum(count > 0 for count in second) >= len(NAMES) - 2


@pytest.mark.slow
def test_a_damaged_layer_is_captured_again(press: Press, tmp_path: Path) -> None:
    page, cache = BESIDE.write(tmp_path / "composition"), Cache(tmp_path / "cache")
    press.run(page, BESIDE.rows, tmp_path / "one", cache=tmp_path / "cache")
    for key in list(cache.keys(LAYER)):
        cache.remove(LAYER, key)
        cache.put_bytes(LAYER, key, b"\0\0\0\1{")
    again = press.run(page, BESIDE.rows, tmp_path / "two", cache=tmp_path / "cache", again=True)
    assert min(result.captured_frames for result in again.results.values()) > 0


# ---- the piece ----------------------------------------------------------------------------------


def png(size: tuple[int, int], colour: tuple[int, int, int, int]) -> bytes:
    pixels = np.full((size[1], size[0], 4), colour, np.uint8)
    with BytesIO() as stream, av.open(stream, "w", format="image2pipe") as container:
        encoder = container.add_stream("png", rate=1)
        assert isinstance(encoder, av.VideoStream)
        encoder.width, encoder.height, encoder.pix_fmt = *size, "rgba"
        container.mux(encoder.encode(av.VideoFrame.from_ndarray(pixels, "rgba")))
        container.mux(encoder.encode(None))
        return stream.getvalue()


def chain(length: int, at: int = 0) -> list[OverlayPng]:
    """A part that was captured whole, and then patched again and again."""
    whole = OverlayPng(Rect(at, 0, 16, 16), png((16, 16), (9, 9, 9, 255)))
    found = [whole]
    for number in range(1, length):
        patch = png((4, 4), (number, 0, 0, 255))
        found.append(OverlayPng(Rect(at + 4, 4, 4, 4), patch, found[-1]))
    return found


def described(overlay: OverlayPng | None) -> object:
    if overlay is None:
        return None
    return overlay.rect, overlay.png, overlay.shift, overlay.corner, described(overlay.onto)


def test_what_is_made_of_another_frame_reads_back_and_is_read_as_it_says() -> None:
    of = OverlayPng(Rect(8, 0, 16, 16), png((16, 16), (200, 9, 9, 255)))
    made = OverlayPng(of.rect, of.png, None, Shift(3, 5, 0.25))
    # The frame that the others are made of comes last.
    packed = pack_layer([(made,), (of,)])
    read = unpack_layer(packed)
    assert packed.count(of.png) == 1
    assert [described(one) for [one] in read] == [described(made), described(of)]
    reader = OverlayReader(48, 32)
    [shown] = reader.read(read[0])
    assert shown.rect == Rect(10, 4, 14, 12)
    # Its own edge lies one pixel to the right and below.
    assert set(shown.keep[1:, 1:].flat) == {255 - 64} and set(shown.keep[0]) == set(shown.keep[:, 0]) == {255}
    [whole] = reader.read(read[1])
    assert whole.rect == of.rect and not whole.keep.any()


def test_parts_that_are_cut_out_of_one_picture_read_back_and_show_nothing_of_each_other() -> None:
    pixels = np.zeros((16, 48, 4), np.uint8)
    pixels[2:14, 4:12] = (200, 9, 9, 255)
    pixels[4:8, 30:44] = (9, 200, 9, 255)
    both = png_bytes(pixels)
    left = OverlayPng(Rect(8, 0, 16, 16), both, corner=(0, 0))
    right = OverlayPng(Rect(36, 2, 18, 8), both, corner=(28, 2))
    packed = pack_layer([(left, right), (right,)])
    read = unpack_layer(packed)
    assert packed.count(both) == 1
    assert [described(one) for one in read[0]] == [described(left), described(right)]
    reader = OverlayReader(64, 32)
    one, other = reader.read(read[0])
    assert (one.rect, other.rect) == (Rect(12, 2, 8, 12), Rect(38, 4, 14, 4))
    assert not one.keep.any() and not other.keep.any()
    assert not one.touches_edge and not other.touches_edge
    cut = reader.read([OverlayPng(Rect(8, 0, 8, 16), both, corner=(0, 0))])
    assert cut[0].touches_edge, "there is more of it beside"


def test_a_layer_reads_back_with_its_patches_and_stores_shared_parts_once() -> None:
    one, other = chain(5), chain(3, at=32)
    frames = [(one[0], other[2]), (), (one[4], other[2]), (one[4],)]
    packed = pack_layer(frames)
    read = unpack_layer(packed)
    assert [[described(o) for o in overlays] for overlays in read] == [
        [described(o) for o in overlays] for overlays in frames
    ]
    assert read[2][0] is read[3][0]
    assert packed.count(one[4].png) == 1


@pytest.mark.parametrize("cut", [3, 40, -1])
def test_a_layer_that_was_cut_is_refused(cut: int) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, IndexError)):
        unpack_layer(pack_layer([tuple(chain(3))])[:cut])


# ---- decoding -----------------------------------------------------------------------------------


def test_parts_that_change_for_long_are_decoded_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    real = composite.read_overlay

    def counted(*args: object) -> object:
        nonlocal count
        count += 1
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(overlay_reader, "read_overlay", counted)
    reader = OverlayReader(48, 16)
    long, other = chain(50), chain(50, at=32)
    for frame in zip(long, other, strict=True):
        reader.read(frame)
    # A group of pictures that ends looks once more at its first frame.
    reader.read((long[20], other[20]))
    for _ in range(5):
        [one, two] = reader.read((long[-1], other[-1]))
    assert count == len(long) + len(other) + 2 * 21
    assert {int(one.luma[5, 5]), int(two.luma[5, 5])} != {int(one.luma[0, 0])}
