"""Headers of H.264 and bands of one picture, judged by x264's own bytes, ffmpeg and openh264."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framepress.band_encode import BandEncoder, Slices, still_slice
from framepress.band_layout import MB, Band, Layout, check_layout, whole
from framepress.composite import planes
from framepress.encode import EncoderSettings, GopEncoder, nal_types, nal_units, parameter_sets
from framepress.h264_bits import BadStream, BitReader, BitWriter, escaped, unescaped
from framepress.h264_headers import (
    ParameterSets,
    read_pps,
    read_slice,
    read_sps,
    write_pps,
    write_slice,
    write_sps,
)
from framepress.join import access_unit, check_joinable, placed_nal, read_parameter_sets
from framepress.mux import write_mp4
from framepress.pictures import Picture, PictureReader
from framepress.settings import Preset
from framepress.streams import Segment, VideoTrack
from media_tools import annex_b, encode_clip, ffmpeg_yuv, ffprobe, openh264_yuv

FPS = Fraction(30)
SETTINGS = EncoderSettings(320, 264, FPS, 18, "veryfast", 60)
Pixels = NDArray[np.uint8]


# ---- bits ---------------------------------------------------------------------------------------

zeros_often = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), max_size=60).map(bytes)


@settings(deadline=None)
@given(zeros_often)
def test_escaped_bytes_hold_no_start_code_and_come_back(payload: bytes) -> None:
    data = escaped(payload)
    for forbidden in (b"\0\0\0", b"\0\0\1", b"\0\0\2"):
        assert forbidden not in data
    if payload.endswith(b"\0"):
        # 7.4.1.1: the byte of 3 at the end is no part of the payload.
        assert data.endswith(b"\0\x03")
        assert unescaped(data) in (payload, payload + b"\x03")
    else:
        assert unescaped(data) == payload


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("ue"), st.integers(0, 2**32 - 2)),
            st.tuples(st.just("se"), st.integers(-(2**31) + 1, 2**31 - 1)),
            st.tuples(st.just("u"), st.integers(0, 255)),
        )
    )
)
def test_numbers_are_read_as_they_were_written(numbers: list[tuple[str, int]]) -> None:
    bits = BitWriter()
    for kind, value in numbers:
        bits.u(value, 8) if kind == "u" else getattr(bits, kind)(value)
    reader = BitReader(bits.end())
    assert [(kind, reader.u(8) if kind == "u" else getattr(reader, kind)()) for kind, _ in numbers] == numbers
    assert not reader.more_data()
    reader.end()


# ---- headers ------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    width=st.integers(1, 60).map(lambda n: 2 * n + 14),
    height=st.integers(1, 60).map(lambda n: 2 * n + 14),
    fps=st.sampled_from(["30", "25", "30000/1001", "12.5"]),
    crf=st.integers(1, 51),
    preset=st.sampled_from(["ultrafast", "veryfast", "medium"]),
)
def test_what_x264_writes_is_read_and_written_again_bit_for_bit(
    width: int, height: int, fps: str, crf: int, preset: Preset
) -> None:
    one = EncoderSettings(width, height, Fraction(fps), crf, preset, 20)
    sps, pps = nal_units(parameter_sets(one))
    assert write_sps(read_sps(sps)) == sps
    assert write_pps(read_pps(pps)) == pps
    context = ParameterSets(read_sps(sps), read_pps(pps)).slice_context
    encoder = GopEncoder(one, {"slice-max-mbs": 7})
    noise = np.random.default_rng(1)
    reader = PictureReader(width, height)
    for _ in range(18):
        encoder.add(reader.from_pixels(noise.integers(0, 255, (height, width, 3), np.uint8), "rgb24"))
    slices = [nal for packet in encoder.finish().packets for nal in nal_units(packet)]
    for nal in slices:
        assert write_slice(read_slice(nal, context)) == nal
    assert len(slices) == 18 * -(-(-(-width // MB) * -(-height // MB)) // 7)


def test_the_sps_says_the_size_and_the_order_of_pictures() -> None:
    sets = read_parameter_sets(parameter_sets(SETTINGS))
    assert (sets.width_mbs, sets.height_mbs) == (20, 17)
    assert sets.sps["frame_crop_bottom_offset"] == (17 * 16 - 264) // 2
    assert sets.sps["pic_order_cnt_type"] == 2
    assert sets.sps["max_num_ref_frames"] == 1
    assert sets.pps["entropy_coding_mode_flag"] == 1


def test_a_parameter_set_that_is_cut_off_is_an_error_at_every_byte() -> None:
    sps, pps = nal_units(parameter_sets(SETTINGS))
    for end in range(len(sps)):
        with pytest.raises(BadStream):
            read_sps(sps[:end])
    for end in range(len(pps)):
        with pytest.raises(BadStream):
            read_pps(pps[:end])
    with pytest.raises(BadStream):
        read_sps(sps + b"\x80")


def test_a_slice_that_is_cut_off_in_its_header_is_an_error() -> None:
    sets = read_parameter_sets(parameter_sets(SETTINGS))
    nal = nal_units(encode_clip(2, FPS, 320, 264).segments[0].packets[1])[0]
    header = len(nal) - len(read_slice(nal, sets.slice_context).data)
    assert header < 12
    for end in range(header + 1):
        with pytest.raises(BadStream):
            read_slice(nal[:end], sets.slice_context)


@settings(deadline=None)
@given(st.data())
def test_damaged_headers_are_refused_or_read_but_never_crash(data: st.DataObject) -> None:
    sps, pps = nal_units(parameter_sets(SETTINGS))
    for nal, read in ((sps, read_sps), (pps, read_pps)):
        at = data.draw(st.integers(0, len(nal) - 1))
        damaged = bytearray(nal)
        damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        try:
            values = read(bytes(damaged))
        except BadStream:
            continue
        write = write_sps if read is read_sps else write_pps
        assert write(values) == bytes(damaged)


def test_what_the_profile_does_not_have_is_refused() -> None:
    sps, pps = (read_sps, read_pps)
    one, other = nal_units(parameter_sets(SETTINGS))
    with pytest.raises(BadStream, match="pic_order_cnt_type is 0"):
        write_sps({**sps(one), "pic_order_cnt_type": 0})
    with pytest.raises(BadStream, match="weighted_pred_flag is 1"):
        write_pps({**pps(other), "weighted_pred_flag": 1})
    whole_sets = ParameterSets(sps(one), pps(other))
    check_joinable(whole_sets, ParameterSets({**sps(one), "pic_height_in_map_units_minus1": 3}, pps(other)))
    with pytest.raises(BadStream, match="pic_width_in_mbs_minus1"):
        check_joinable(whole_sets, ParameterSets({**sps(one), "pic_width_in_mbs_minus1": 3}, pps(other)))
    with pytest.raises(BadStream, match="PPS"):
        check_joinable(whole_sets, ParameterSets(sps(one), {**pps(other), "chroma_qp_index_offset": 1}))


def test_a_slice_with_motion_cannot_be_part_of_a_key_picture() -> None:
    sets = read_parameter_sets(parameter_sets(SETTINGS))
    nal = nal_units(encode_clip(2, FPS, 320, 264).segments[0].packets[1])[0]
    with pytest.raises(BadStream, match="not intra"):
        placed_nal(nal, sets, first_mb=0, picture=0, filter_above=False)


def test_the_headers_of_a_clip_take_a_few_milliseconds() -> None:
    sets = read_parameter_sets(parameter_sets(SETTINGS))
    nal = nal_units(encode_clip(2, FPS, 320, 264).segments[0].packets[1])[0]
    best = min(_seconds(lambda: _place_all(nal, sets)) for _ in range(5))
    # 180 pictures of two personal bands: 10 ms on a quiet machine; this one may be busy.
    assert best < 0.05


def _place_all(nal: bytes, sets: ParameterSets) -> None:
    for picture in range(1, 361):
        placed_nal(nal, sets, first_mb=40, picture=picture, filter_above=False)


def _seconds(work) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# ---- bands --------------------------------------------------------------------------------------


def text_block(frame: int) -> Pixels:
    """A picture with things that move in its upper, middle and lower thirds and stand still between."""
    height, width = SETTINGS.height, SETTINGS.width
    noise = np.random.default_rng(3).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    pixels = np.full((height, width, 3), (30, 60, 90), np.uint8)
    pixels[:, ::32] = (90, 90, 60)
    for top, speed in ((16, 3), (120, 2), (216, 5)):
        left = 8 + speed * min(frame, 24) % (width - 64)
        pixels[top : top + 32, left : left + 48] = noise
    return pixels


def rising(frame: int) -> Pixels:
    """A textured block that rises through the whole height, over a texture that shakes."""
    height, width = SETTINGS.height, SETTINGS.width
    noise = np.random.default_rng(4)
    ground = noise.integers(60, 120, (height // 4 + 8, width // 4 + 8, 3), dtype=np.uint8)
    ground = np.repeat(np.repeat(ground, 4, 0), 4, 1)
    block = noise.integers(0, 255, (32, 96, 3), dtype=np.uint8)
    shift_y, shift_x = (frame * 5) % 7, (frame * 3) % 11
    pixels = ground[shift_y : shift_y + height, shift_x : shift_x + width].copy()
    top = height - 40 - 6 * frame
    if top >= 0:
        pixels[top : top + 32, 100:196] = block
    return pixels


def pictures(make, frames: int) -> list[Picture]:  # type: ignore[no-untyped-def]
    reader = PictureReader(SETTINGS.width, SETTINGS.height)
    return [reader.from_pixels(make(frame), "rgb24") for frame in range(frames)]


def lines_of(picture: Picture, top: int, bottom: int) -> Picture:
    part = type(picture)(picture.width, bottom - top, "yuv420p")
    for mine, theirs in zip(planes(part), planes(picture), strict=True):
        step = picture.height // theirs.shape[0]
        mine[...] = theirs[top // step : bottom // step]
    part.colorspace, part.color_range = picture.colorspace, picture.color_range
    part.color_primaries, part.color_trc = picture.color_primaries, picture.color_trc
    return part


def encode_band(source: list[Picture], band: Band, start: int = 0) -> list[Slices]:
    encoder = BandEncoder(SETTINGS, band, start)
    top, bottom = band.lines(SETTINGS.height)
    before = None
    for picture in source:
        part = lines_of(picture, top, bottom)
        planes_now = [plane.copy() for plane in planes(part)]
        if before is not None and all(map(np.array_equal, before, planes_now)):
            encoder.repeat()
        else:
            encoder.add(part)
        before = planes_now
    return encoder.finish()


def joined(source: list[Picture], layout: Layout) -> Segment:
    check_layout(layout, SETTINGS.height)
    bands = [encode_band(source, band) for band in layout]
    packets = [access_unit([nal for band in bands for nal in band[n]]) for n in range(len(source))]
    return Segment(tuple(packets), parameter_sets(SETTINGS))


def decoded(segment: Segment, tmp_path: Path) -> Pixels:
    """By ffmpeg and openh264, which must agree; the file gives ffprobe nothing to say."""
    track = VideoTrack((segment, segment), SETTINGS.width, SETTINGS.height, FPS)
    path = tmp_path / "joined.mp4"
    write_mp4(path, track, None, metadata={})
    found = ffmpeg_yuv(path, SETTINGS.width, SETTINGS.height)
    assert np.array_equal(found, openh264_yuv(annex_b(track), SETTINGS.width, SETTINGS.height))
    streams = ffprobe(path, "-show_frames", "-select_streams", "v")
    keys = [n for n, frame in enumerate(streams["frames"]) if frame["key_frame"]]
    assert keys == [0, segment.frame_count]
    # The second time after an IDR: nothing of what came before is left.
    assert np.array_equal(found[: segment.frame_count], found[segment.frame_count :])
    return found[: segment.frame_count]


def raw(source: list[Picture]) -> Pixels:
    return np.stack([picture.to_ndarray() for picture in source])


def psnr_db(one: Pixels, other: Pixels) -> float:
    error = np.square(one.astype(np.float64) - other).mean()
    return float(10 * np.log10(255**2 / error)) if error else 99.0


def plain(source: list[Picture]) -> Segment:
    encoder = GopEncoder(SETTINGS)
    for picture in source:
        encoder.add(picture)
    return encoder.finish()


def test_the_whole_picture_as_one_band_is_what_the_plain_path_encodes() -> None:
    source = pictures(rising, 12)
    assert joined(source, whole(SETTINGS.height)) == plain(source)


QUIET = (Band(0, 5, False), Band(5, 11, True), Band(11, 17, False))


def test_bands_with_quiet_cuts_join_to_a_stream_that_both_decoders_read_alike(tmp_path: Path) -> None:
    source = pictures(text_block, 50)
    segment = joined(source, QUIET)
    found = decoded(segment, tmp_path)
    reference = decoded(plain(source), tmp_path)
    assert psnr_db(found, raw(source)) > psnr_db(reference, raw(source)) - 0.5
    # Each band is what it is by itself: no vector has left it.
    for band in QUIET:
        top, bottom = band.lines(SETTINGS.height)
        alone = [lines_of(picture, top, bottom) for picture in source]
        assert psnr_db(found[:, top:bottom], raw(alone)[:, : bottom - top]) > 40


def test_ranges_of_a_gop_join_to_the_pictures_that_each_has_by_itself(tmp_path: Path) -> None:
    source = pictures(rising, 20)
    bands = (Band(0, 6, False), Band(6, 17, True))
    packets: list[bytes] = []
    alone = []
    for frames, layout in ((range(7), whole(SETTINGS.height)), (range(7, 15), bands), (range(15, 20), bands)):
        part = [source[frame] for frame in frames]
        found = [encode_band(part, band, frames.start) for band in layout]
        packets += [access_unit([nal for band in found for nal in band[n]]) for n in range(len(part))]
        (tmp_path / str(frames.start)).mkdir()
        alone.append(decoded(joined(part, layout), tmp_path / str(frames.start)))
    segment = Segment(tuple(packets), parameter_sets(SETTINGS))
    assert [nal_types(packet)[0] for packet in packets] == [5] + [1] * 19
    assert np.array_equal(decoded(segment, tmp_path), np.concatenate(alone))


def test_still_pictures_are_not_encoded_and_are_those_before_bit_for_bit(tmp_path: Path) -> None:
    source = pictures(text_block, 50)
    segment = joined(source, QUIET)
    found = decoded(segment, tmp_path)
    # Nothing moves after frame 24; ten pictures more go to the encoder.
    for frame in range(36, 50):
        assert np.array_equal(found[frame], found[35])
        assert len(segment.packets[frame]) < 3 * 24


GUARDED = (Band(0, 6, False, 0, 3), Band(6, 12, True, 3, 3), Band(12, 17, False, 4, 0))


def test_guards_keep_what_moves_through_a_cut_right(tmp_path: Path) -> None:
    source = pictures(rising, 36)
    found = decoded(joined(source, GUARDED), tmp_path)
    reference = psnr_db(decoded(plain(source), tmp_path), raw(source))
    without = tuple(Band(band.first, band.stop, band.personal) for band in GUARDED)
    loose = psnr_db(decoded(joined(source, without), tmp_path), raw(source))
    # Noise all over, so what the guard and the real neighbour differ in shows everywhere: 0.78. Where the
    # pictures of a plan lose more than 0.7, `band_check` takes larger bands.
    assert psnr_db(found, raw(source)) > reference - 0.9
    # The same cuts without guards do harm, so the test can tell.
    assert loose < reference - 3


def test_a_guard_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="middle of a slice"):
        check_layout((Band(0, 6, False, 0, 3), Band(6, 13, True, 3, 3), Band(13, 17, False, 4)), 264)
    with pytest.raises(ValueError, match="one side"):
        check_layout((Band(0, 6, False, 0, 3), Band(6, 17, True)), 264)
    with pytest.raises(ValueError, match="whole picture"):
        check_layout((Band(0, 6, False), Band(7, 17, True)), 264)


@pytest.mark.parametrize("rows", [1, 5, 17])
def test_a_still_slice_is_a_few_bytes(rows: int) -> None:
    assert len(still_slice(SETTINGS, rows)) < 20
