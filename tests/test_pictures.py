"""Conversion is judged by the formula of BT.709 in floating point, written here a second time."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from framepress.errors import BrowserCrash, EncodeError, InternalError
from framepress.pictures import PictureReader, frame_summary
from media_tools import Pixels, bars, png_bytes

WIDTH, HEIGHT = 320, 192


def bt709(pixels: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    red, green, blue = (pixels[..., n].astype(float) / 255 for n in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = [128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748]
    cb, cr = ((c[::2, ::2] + c[1::2, ::2] + c[::2, 1::2] + c[1::2, 1::2]) / 4 for c in chroma)
    return 16 + 219 * luma, cb, cr


def planes(picture: av.VideoFrame) -> tuple[Pixels, Pixels, Pixels]:
    width, height = picture.width, picture.height
    flat = picture.to_ndarray().astype(np.uint8).reshape(-1)
    luma, quarter = width * height, width * height // 4
    return (
        flat[:luma].reshape(height, width),
        flat[luma : luma + quarter].reshape(height // 2, width // 2),
        flat[luma + quarter :].reshape(height // 2, width // 2),
    )


def with_alpha(pixels: Pixels, alpha: int = 255) -> Pixels:
    return np.dstack([pixels, np.full(pixels.shape[:2], alpha, np.uint8)])


@pytest.mark.parametrize("filter_type", [0, 1])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_png_is_within_one_code_value_of_the_formula(filter_type: int, alpha: bool) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, WIDTH, 3), dtype=np.uint8)
    pixels = np.concatenate([bars()[: HEIGHT - 64], noise])
    png = png_bytes(with_alpha(pixels) if alpha else pixels, filter_type)
    picture = PictureReader(WIDTH, HEIGHT).read(png)
    for got, wanted in zip(planes(picture), bt709(pixels), strict=True):
        assert np.abs(got - wanted).max() <= 1


def test_the_four_bands_of_bars_are_within_one_code_value_of_the_formula() -> None:
    picture = PictureReader(WIDTH, HEIGHT).read(png_bytes(bars()))
    for got, wanted in zip(planes(picture), bt709(bars()), strict=True):
        assert np.abs(got - wanted).max() <= 1


@pytest.mark.parametrize("order", ["rgb24", "bgr24", "rgba", "bgra"])
def test_every_order_of_pixels_gives_the_picture_of_the_png(order: str) -> None:
    reader = PictureReader(WIDTH, HEIGHT)
    pixels = bars() if order.startswith("rgb") else bars()[..., ::-1]
    pixels = with_alpha(pixels) if order.endswith("a") else pixels
    picture = reader.from_pixels(np.ascontiguousarray(pixels), order)
    assert np.array_equal(picture.to_ndarray(), reader.read(png_bytes(bars())).to_ndarray())


def test_a_picture_is_tagged_as_bt709_limited() -> None:
    picture = PictureReader(WIDTH, HEIGHT).read(png_bytes(bars()))
    tags = (picture.colorspace, picture.color_range, picture.color_primaries, picture.color_trc)
    assert tags == (1, 1, 1, 1)


def test_one_transparent_pixel_in_the_last_corner_is_refused() -> None:
    pixels = with_alpha(bars())
    pixels[-1, -1, 3] = 254
    with pytest.raises(InternalError):
        PictureReader(WIDTH, HEIGHT).from_pixels(pixels, "rgba")


def test_an_edge_of_a_screenshot_that_was_left_half_transparent_gets_what_is_beside_it() -> None:
    pixels = np.full((HEIGHT, WIDTH, 4), (200, 40, 10, 255), np.uint8)
    pixels[:, WIDTH // 2 :, :3] = np.linspace((10, 20, 90), (10, 60, 20), HEIGHT).astype(np.uint8)[:, None]
    expected = pixels.copy()
    layer, page = pixels[:, WIDTH // 2 - 1].astype(float), pixels[:, WIDTH // 2].astype(float)
    expected[:, WIDTH // 2 - 1] = np.round((layer * 100 + page * 155) / 255)
    pixels[:, WIDTH // 2 - 1, 3] = 100
    reader = PictureReader(WIDTH, HEIGHT)
    found, wanted = (reader.read(png_bytes(one)).to_ndarray().astype(int) for one in (pixels, expected))
    assert np.abs(found - wanted).max() <= 1


def test_more_transparent_pixels_of_a_screenshot_than_an_edge_has_are_refused() -> None:
    pixels = with_alpha(bars())
    pixels[: HEIGHT // 8, : WIDTH // 8, 3] = 254
    with pytest.raises(InternalError):
        PictureReader(WIDTH, HEIGHT).read(png_bytes(pixels))


def test_a_damaged_png_is_the_browsers_fault_and_the_reader_goes_on() -> None:
    reader = PictureReader(WIDTH, HEIGHT)
    good = png_bytes(bars())
    middle = len(good) // 2
    flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
    for bad in (b"", b"GIF89a", good[:middle], flipped):
        with pytest.raises(BrowserCrash) as caught:
            reader.read(bad)
        assert caught.value.retryable
    assert np.array_equal(
        reader.read(good).to_ndarray(), PictureReader(WIDTH, HEIGHT).read(good).to_ndarray()
    )


def test_a_screenshot_of_another_size_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"320x192 pixels; this clip has 320x190"):
        PictureReader(320, 190).read(png_bytes(bars()))


@pytest.mark.parametrize("size", [(321, 192), (320, 191), (0, 192)])
def test_odd_and_empty_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(EncodeError, match="must be even"):
        PictureReader(*size)


def test_a_summary_tells_black_white_and_a_picture_apart() -> None:
    reader = PictureReader(WIDTH, HEIGHT)
    black, white = (reader.from_pixels(np.full((HEIGHT, WIDTH, 3), v, np.uint8), "rgb24") for v in (0, 255))
    assert (frame_summary(black).mean, frame_summary(black).std) == (16, 0)
    assert (frame_summary(white).mean, frame_summary(white).std) == (235, 0)
    picture = reader.read(png_bytes(bars()))
    assert frame_summary(picture).mean == pytest.approx(planes(picture)[0].mean(), abs=3)
    assert frame_summary(picture).std > 40
