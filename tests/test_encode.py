"""The stream profile, judged by ffprobe, ffmpeg and openh264, none of which is the encoder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framepress.encode import (
    EncoderSettings,
    GopEncoder,
    encoder_facts,
    gop_frame_count,
    gop_ranges,
    nal_types,
    nal_units,
    simd_level,
)
from framepress.errors import EncodeError, InternalError
from framepress.pictures import PictureReader
from framepress.streams import Segment, VideoTrack
from media_tools import (
    annex_b,
    bars,
    encode_clip,
    ffmpeg_yuv,
    ffprobe,
    moving_card,
    openh264_yuv,
    png_bytes,
    run,
)

FPS = Fraction(30)
SETTINGS = EncoderSettings(320, 192, FPS, 18, "veryfast", 60)


def encode(frames: range, settings: EncoderSettings = SETTINGS) -> Segment:
    reader = PictureReader(settings.width, settings.height)
    encoder = GopEncoder(settings)
    for frame in frames:
        encoder.add(reader.from_pixels(moving_card(frame, settings.width, settings.height), "rgb24"))
    return encoder.finish()


@pytest.mark.parametrize(
    ("fps", "frames"), [("24", 48), ("25", 50), ("30000/1001", 60), ("60", 120), ("1", 2), ("12.5", 25)]
)
def test_a_gop_is_two_seconds_to_the_nearest_frame(fps: str, frames: int) -> None:
    assert gop_frame_count(Fraction(fps)) == frames


def test_ranges_cover_every_frame_once_and_only_the_last_is_short() -> None:
    assert gop_ranges(150, 60) == [range(60), range(60, 120), range(120, 150)]
    assert gop_ranges(60, 60) == [range(60)]
    assert gop_ranges(1, 60) == [range(1)]


def test_the_same_frames_give_the_same_bytes_here_and_in_another_process() -> None:
    here = encode(range(60, 90))
    assert encode(range(60, 90)) == here
    script = (
        "import hashlib, test_encode as t; s = t.encode(range(60, 90));"
        "print(hashlib.sha256(s.parameter_sets + b''.join(s.packets)).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert hashlib.sha256(here.parameter_sets + b"".join(here.packets)).hexdigest() == there


@pytest.mark.parametrize("size", [(160, 96), (400, 400)])
def test_the_bytes_do_not_depend_on_what_lay_in_memory_before(size: tuple[int, int]) -> None:
    """Between two encodes memory is filled with noise and given back, for x264 to get it."""
    noise = np.random.default_rng(4711)
    settings = EncoderSettings(*size, Fraction(10), 18, "veryfast", 20)
    reader = PictureReader(*size)

    def digest() -> str:
        waste = [noise.bytes(int(count)) for count in noise.integers(1, 400_000, 20)]
        del waste
        encoder = GopEncoder(settings)
        for frame in range(20):
            pixels = np.full((size[1], size[0], 3), 255, np.uint8)
            pixels[10:30, 10:100] = (np.arange(90) * 37 % 255)[None, :, None]
            left = (40 + frame) * 140 // 60
            pixels[60:80, left : left + 20] = (0, 102, 204)
            encoder.add(reader.from_pixels(pixels, "rgb24"))
        return hashlib.sha256(b"".join(encoder.finish().packets)).hexdigest()

    assert len({digest() for _ in range(40)}) == 1


def test_parameter_sets_depend_neither_on_pictures_nor_on_crf_nor_on_length() -> None:
    segments = [encode(range(5)), encode(range(100, 101))]
    other = EncoderSettings(320, 192, FPS, 30, "veryfast", 60)
    segments.append(encode(range(7), other))
    assert len({segment.parameter_sets for segment in segments}) == 1
    assert nal_types(segments[0].parameter_sets) == [7, 8]


def golomb(bits: str, count: int) -> list[int]:
    """The first unsigned Exp-Golomb numbers of a bit string (H.264, 9.1)."""
    numbers, at = [], 0
    for _ in range(count):
        zeros = bits.index("1", at) - at
        numbers.append(int(bits[at + zeros : at + 2 * zeros + 1], 2) - 1)
        at += 2 * zeros + 1
    return numbers


@pytest.mark.parametrize("preset", ["veryfast", "medium"])
def test_there_is_one_reference_and_pictures_come_in_their_order(preset: str) -> None:
    """ffprobe does not tell; so the SPS is read: order count type 2 allows no reordering."""
    segment = encode(range(3), EncoderSettings(320, 192, FPS, 18, preset, 60))  # type: ignore[arg-type]
    sps = nal_units(segment.parameter_sets)[0]
    bits = "".join(f"{byte:08b}" for byte in sps[4:])
    sps_id, chroma_format, depth_luma, depth_chroma = golomb(bits, 4)
    assert (sps_id, chroma_format, depth_luma, depth_chroma) == (0, 1, 0, 0)
    # Two flags follow the bit depths: "1", "010", "1", "1" are the 6 bits before them.
    _, order_type, reference_count = golomb(bits[8:], 3)
    assert (order_type, reference_count) == (2, 1)


def test_a_packet_is_one_slice_and_the_first_alone_is_a_key_frame() -> None:
    segment = encode(range(30))
    assert [nal_types(packet) for packet in segment.packets] == [[5], *[[1]] * 29]


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "medium"])
def test_ffprobe_sees_the_profile_whatever_the_preset(tmp_path: Path, preset: str) -> None:
    settings = EncoderSettings(320, 190, FPS, 23, preset, 60)  # type: ignore[arg-type]
    path = tmp_path / "clip.h264"
    path.write_bytes(annex_b(VideoTrack((encode(range(3), settings),), 320, 190, FPS)))
    stream = ffprobe(path, "-show_streams")["streams"][0]
    wanted = {
        "profile": "High",
        "pix_fmt": "yuv420p",
        "width": 320,
        "height": 190,
        "has_b_frames": 0,
        "sample_aspect_ratio": "1:1",
        "color_range": "tv",
        "color_space": "bt709",
        "color_transfer": "bt709",
        "color_primaries": "bt709",
        "chroma_location": "center",
        "r_frame_rate": "30/1",
    }
    assert {name: stream[name] for name in wanted} == wanted


def test_key_frames_stand_on_the_grid_and_nowhere_else_even_at_a_scene_cut(tmp_path: Path) -> None:
    reader = PictureReader(320, 192)
    scenes = [moving_card(0), 255 - moving_card(0)]
    segments = []
    for frames in gop_ranges(130, 60):
        encoder = GopEncoder(SETTINGS)
        for frame in frames:
            encoder.add(reader.from_pixels(scenes[frame // 17 % 2], "rgb24"))
        segments.append(encoder.finish())
    path = tmp_path / "clip.h264"
    path.write_bytes(annex_b(VideoTrack(tuple(segments), 320, 192, FPS)))
    frames_seen = ffprobe(path, "-show_frames")["frames"]
    assert [n for n, frame in enumerate(frames_seen) if frame["key_frame"]] == [0, 60, 120]
    assert {frame["pict_type"] for frame in frames_seen} == {"I", "P"}
    assert len(frames_seen) == 130


def test_ffmpeg_and_openh264_decode_the_same_pictures_bit_for_bit(tmp_path: Path) -> None:
    track = encode_clip(70, FPS)
    path = tmp_path / "clip.h264"
    path.write_bytes(annex_b(track))
    one, other = ffmpeg_yuv(path, 320, 192), openh264_yuv(annex_b(track), 320, 192)
    assert one.shape == (70, 288, 320)
    assert np.array_equal(one, other)


def test_colours_come_back_through_the_whole_chain(tmp_path: Path) -> None:
    """PNG, conversion, encoding, ffmpeg's decoder and ffmpeg's own way back to RGB."""
    settings = EncoderSettings(320, 192, FPS, 1, "veryfast", 60)
    encoder = GopEncoder(settings)
    encoder.add(PictureReader(320, 192).read(png_bytes(bars())))
    path = tmp_path / "clip.h264"
    path.write_bytes(annex_b(VideoTrack((encoder.finish(),), 320, 192, FPS)))
    raw = run(
        "ffmpeg", "-v", "warning", "-i", path, "-vf", "scale=flags=accurate_rnd+full_chroma_int+neighbor",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-",
    )  # fmt: skip
    decoded = np.frombuffer(raw, np.uint8).reshape(192, 320, 3).astype(int)
    error = np.abs(decoded - bars())
    # Half a code value of luma and chroma each is up to 3 of RGB; the edges between bars share chroma.
    flat = np.ones(320, bool)
    for edge in range(40, 320, 40):
        flat[edge - 4 : edge + 4] = False
    assert error[:96, flat].max() <= 4
    assert error[96:144].max() <= 3
    assert error[144:].mean() < 1.5


def test_a_repeated_frame_is_the_frame_before(tmp_path: Path) -> None:
    reader = PictureReader(320, 192)
    encoder = GopEncoder(SETTINGS)
    encoder.add(reader.from_pixels(moving_card(0), "rgb24"))
    encoder.repeat()
    encoder.add(reader.from_pixels(moving_card(30), "rgb24"))
    encoder.repeat()
    repeated = encoder.finish()
    encoder = GopEncoder(SETTINGS)
    for frame in (0, 0, 30, 30):
        encoder.add(reader.from_pixels(moving_card(frame), "rgb24"))
    assert repeated == encoder.finish()


@pytest.mark.parametrize("size", [(318, 192), (320, 194)])
def test_a_picture_of_another_size_is_refused_with_its_index(size: tuple[int, int]) -> None:
    encoder = GopEncoder(SETTINGS)
    encoder.add(PictureReader(320, 192).read(png_bytes(bars())))
    with pytest.raises(EncodeError, match="Frame 1 of the GOP") as caught:
        encoder.add(
            PictureReader(*size).read(png_bytes(bars()[:1, :1].repeat(size[1], 0).repeat(size[0], 1)))
        )
    assert caught.value.frame_index == 1
    assert not caught.value.retryable


def test_settings_that_x264_refuses_are_named() -> None:
    with pytest.raises(EncodeError, match="use 1"):
        GopEncoder(EncoderSettings(320, 192, FPS, 0, "veryfast", 60))
    with pytest.raises(EncodeError, match="preset nonsense"):
        GopEncoder(EncoderSettings(320, 192, FPS, 18, "nonsense", 60))  # type: ignore[arg-type]


def test_an_empty_gop_and_one_frame_too_many_are_bugs() -> None:
    settings = EncoderSettings(320, 192, FPS, 18, "veryfast", 2)
    with pytest.raises(InternalError):
        GopEncoder(settings).finish()
    with pytest.raises(InternalError):
        GopEncoder(settings).repeat()
    with pytest.raises(InternalError):
        encode(range(3), settings)


def test_the_facts_name_versions_and_the_level_of_this_machine() -> None:
    facts = encoder_facts()
    assert set(facts) == {"pyav", "libavcodec", "libswscale", "x264", "profile", "machine", "simd"}
    assert facts["x264"].startswith("core ")
    # x264's AVX-512 code is not used, see `encode._used_simd`.
    assert facts["simd"] == ("avx2" if simd_level() == "avx512" else simd_level())


@pytest.mark.parametrize(
    ("cpuinfo", "level"),
    [
        ("flags\t\t: fpu sse2 ssse3 sse4_2 avx avx2 bmi2\n", "avx2"),
        ("flags : sse2 avx2 bmi2 avx512f avx512cd avx512bw avx512dq avx512vl\n", "avx512"),
        ("flags : sse2 avx2 bmi2 avx512f\n", "avx2"),
        ("Features\t: fp asimd asimddp i8mm\n", "i8mm"),
        ("nothing here", "unknown"),
    ],
)
def test_the_simd_level_is_read_from_cpuinfo(cpuinfo: str, level: str) -> None:
    assert simd_level(cpuinfo) == level
