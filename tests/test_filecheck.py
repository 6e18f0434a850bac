"""A good file passes; every way of damaging it that we could think of is caught and named."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framepress.encode import EncoderSettings, GopEncoder
from framepress.errors import FileCheckError, InternalError
from framepress.filecheck import check_key_pictures, check_mp4, decode_frames
from framepress.mux import write_mp4
from framepress.pictures import FrameSummary, PictureReader, frame_summary
from framepress.streams import VideoTrack
from media_tools import encode_clip, ffmpeg_yuv, moving_card, run
from test_mux import sound

FPS = Fraction(30)
ASKED: dict[str, Any] = {
    "frame_count": 130,
    "fps": FPS,
    "width": 320,
    "height": 192,
    "keyframes": [0, 60, 120],
    "audio_samples": 208_000,
}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """130 frames at 30 fps with sound, as asked for."""
    path = tmp_path / "clip.mp4"
    video = encode_clip(130, FPS)
    write_mp4(path, video, sound(tmp_path, video, (0.5,)), metadata={"comment": "{}"})
    return path


def summaries(*frames: int) -> dict[int, FrameSummary]:
    reader = PictureReader(320, 192)
    return {n: frame_summary(reader.from_pixels(moving_card(n), "rgb24")) for n in frames}


def patch(path: Path, after: bytes, offset: int, data: bytes, *, sound: bool = False) -> Path:
    """Overwrite bytes at an offset behind the first place of a name, or the last: that of the sound."""
    content = bytearray(path.read_bytes())
    at = (content.rindex(after) if sound else content.index(after)) + len(after) + offset
    assert content[at : at + len(data)] != data
    content[at : at + len(data)] = data
    path.write_bytes(content)
    return path


def refused(path: Path, rule: str, **changes: object) -> None:
    with pytest.raises(FileCheckError) as caught:
        check_mp4(path, **{**ASKED, **changes})
    assert caught.value.rule == rule, caught.value.message
    assert caught.value.retryable
    assert caught.value.message.startswith("clip.mp4: ")


def test_a_good_file_passes_with_its_facts(clip: Path) -> None:
    facts = check_mp4(clip, **ASKED)
    assert (facts.size_bytes, facts.duration_s) == (clip.stat().st_size, Fraction(13, 3))
    assert (facts.frame_count, facts.key_frames, facts.audio_samples) == (130, (0, 60, 120), 208_000)
    check_key_pictures(clip, summaries(0, 60, 120))


@pytest.mark.parametrize("fps", ["1", "12.5", "24", "25", "30000/1001", "60"])
@pytest.mark.parametrize("frame_count", [1, 5])
@pytest.mark.parametrize("with_sound", [False, True])
def test_good_files_of_every_rate_pass(tmp_path: Path, fps: str, frame_count: int, with_sound: bool) -> None:
    rate = Fraction(fps)
    video = encode_clip(frame_count, rate)
    audio = sound(tmp_path, video) if with_sound else None
    path = tmp_path / "clip.mp4"
    write_mp4(path, video, audio, metadata={})
    keyframes = [0, 2, 4] if rate == 1 and frame_count == 5 else [0]
    check_mp4(
        path,
        frame_count=frame_count,
        fps=rate,
        width=320,
        height=192,
        keyframes=keyframes,
        audio_samples=audio.sample_count if audio else None,
    )
    check_key_pictures(path, summaries(*keyframes))


def test_one_frame_too_few_or_too_many_is_refused(clip: Path) -> None:
    refused(clip, "frame-count", frame_count=131)
    refused(clip, "frame-count", frame_count=129)


def test_a_sample_that_is_missing_from_the_tables_is_refused(clip: Path) -> None:
    video = clip.read_bytes().index(b"stsz")
    assert clip.read_bytes()[video + 12 : video + 16] == struct.pack(">I", 130)
    refused(patch(clip, b"stsz", 8, struct.pack(">I", 129)), "structure")


def test_a_sample_whose_bytes_are_missing_is_refused(tmp_path: Path) -> None:
    video = encode_clip(130, FPS)
    first = video.segments[0]
    broken = replace(first, packets=(*first.packets[:7], b"\x00\x00\x00\x01", *first.packets[8:]))
    path = tmp_path / "clip.mp4"
    write_mp4(path, replace(video, segments=(broken, *video.segments[1:])), None, metadata={})
    refused(path, "pictures", audio_samples=None)


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.01, 0.05, 0.3, 0.5, 0.99])
def test_a_truncated_file_is_refused(clip: Path, keep: float) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: int(len(data) * keep)])
    refused(clip, "structure")


def test_one_byte_too_few_or_too_many_is_refused(clip: Path) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[:-1])
    refused(clip, "structure")
    clip.write_bytes(data + b"\x00")
    refused(clip, "structure")
    clip.write_bytes(data + struct.pack(">I4s", 8, b"skip"))
    refused(clip, "layout")


def test_an_index_at_the_end_is_refused(tmp_path: Path, clip: Path) -> None:
    other = tmp_path / "late" / "clip.mp4"
    other.parent.mkdir()
    run("ffmpeg", "-v", "error", "-i", clip, "-c", "copy", other)
    refused(other, "layout")


def test_a_wrong_duration_is_refused(clip: Path) -> None:
    refused(clip, "timestamps", fps=Fraction(25))
    refused(clip, "timestamps", fps=Fraction(30000, 1001))
    data = clip.read_bytes()
    refused(patch(clip, b"mdhd", 16, struct.pack(">I", 1)), "duration")
    clip.write_bytes(data)
    refused(patch(clip, b"mvhd", 16, struct.pack(">I", 1)), "duration")


def test_a_late_start_of_the_pictures_is_refused(clip: Path) -> None:
    refused(patch(clip, b"elst", 12, struct.pack(">i", 512)), "timestamps")


def test_a_wrong_size_is_refused(clip: Path) -> None:
    refused(clip, "size", width=640)
    refused(clip, "size", height=190)


def test_a_header_that_lies_about_the_size_is_refused(clip: Path) -> None:
    content = bytearray(clip.read_bytes())
    entry = content.index(b"avcC") - 4 - 86 + 8 + 24
    assert struct.unpack_from(">HH", content, entry) == (320, 192)
    struct.pack_into(">H", content, entry, 640)
    clip.write_bytes(content)
    check_mp4(clip, **{**ASKED, "width": 640})
    with pytest.raises(FileCheckError, match=r"decoded size .*\(320, 192\), expected \(640, 192\)"):
        check_key_pictures(clip, summaries(0))


def test_a_key_frame_missing_in_the_table_or_too_many_is_refused(clip: Path) -> None:
    refused(clip, "key-frames", keyframes=[0, 60])
    refused(clip, "key-frames", keyframes=[0, 30, 60, 90, 120])
    data = clip.read_bytes()
    refused(patch(clip, b"stss", 12, struct.pack(">I", 62)), "key-frames")
    clip.write_bytes(data.replace(b"stss", b"free"))
    refused(clip, "key-frames")


def test_a_key_frame_in_the_table_that_is_none_in_the_stream_is_refused(clip: Path) -> None:
    patch(clip, b"stss", 12, struct.pack(">I", 62))
    refused(clip, "pictures", keyframes=[0, 61, 120])


def test_promised_sound_that_is_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(path, encode_clip(130, FPS), None, metadata={})
    refused(path, "streams")
    check_mp4(path, **{**ASKED, "audio_samples": None})


def test_sound_that_was_not_promised_or_has_another_length_is_refused(clip: Path) -> None:
    refused(clip, "streams", audio_samples=None)
    refused(clip, "audio", audio_samples=208_001)
    refused(clip, "audio", audio_samples=207_999)


def test_sound_whose_header_contradicts_itself_is_refused(clip: Path) -> None:
    good = clip.read_bytes()
    for name, offset, data in (
        (b"elst", 12, struct.pack(">i", 0)),  # starts with the priming
        (b"elst", 8, struct.pack(">I", 100)),  # ends early
        (b"mdhd", 16, struct.pack(">I", 100)),
        (b"mp4a", 24, struct.pack(">I", 44_100 << 16)),
        (b"edts", -4, b"free"),
    ):
        clip.write_bytes(good)
        refused(patch(clip, name, offset, data, sound=True), "audio")


def test_a_sample_elsewhere_and_data_that_belongs_to_none_are_refused(clip: Path) -> None:
    good = clip.read_bytes()
    (first,) = struct.unpack_from(">I", good, good.rindex(b"stco") + 12)
    refused(patch(clip, b"stco", 8, struct.pack(">I", first + 1), sound=True), "samples")
    size = len(good) - good.index(b"mdat") + 4
    clip.write_bytes(good.replace(struct.pack(">I4s", size, b"mdat"), struct.pack(">I4s", size + 3, b"mdat")))
    clip.write_bytes(clip.read_bytes() + b"abc")
    refused(clip, "samples")


def test_times_that_do_not_fit_the_pictures_are_refused(clip: Path) -> None:
    good = clip.read_bytes()
    refused(patch(clip, b"stts", 8, struct.pack(">I", 129)), "frame-count")
    # The sync table read as composition offsets: pictures out of order.
    clip.write_bytes(
        good.replace(b"stss", b"ctts").replace(struct.pack(">II", 0, 3), struct.pack(">II", 0, 1))
    )
    refused(clip, "timestamps")


def test_a_table_that_reaches_into_the_next_box_is_refused(clip: Path) -> None:
    refused(patch(clip, b"stss", 4, struct.pack(">I", 4)), "structure")


def box(name: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), name) + b"".join(parts)


HEADER = box(b"mvhd", bytes(100))


@pytest.mark.parametrize(
    "content", [b"", box(b"mvhd"), box(b"mvhd", bytes(4)), HEADER * 2, HEADER + box(b"trak")]
)
def test_an_index_without_its_tables_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(box(b"ftyp", bytes(8)) + box(b"moov", content))
    refused(path, "structure")
    with pytest.raises(FileCheckError):
        check_key_pictures(path, summaries(0))


def black_clip(path: Path) -> Path:
    encoder = GopEncoder(EncoderSettings(320, 192, FPS, 18, "veryfast", 60))
    encoder.add(PictureReader(320, 192).from_pixels(np.zeros((192, 320, 3), np.uint8), "rgb24"))
    write_mp4(path, VideoTrack((encoder.finish(),), 320, 192, FPS), None, metadata={})
    return path


def test_a_black_picture_is_refused_unless_the_source_was_black(tmp_path: Path) -> None:
    path = black_clip(tmp_path / "clip.mp4")
    with pytest.raises(FileCheckError, match="frame 0 is blank") as caught:
        check_key_pictures(path, summaries(0))
    assert caught.value.rule == "blank"
    check_key_pictures(path, {0: FrameSummary(16, 0)})
    with pytest.raises(FileCheckError, match="luma 16; what went in had 235"):
        check_key_pictures(path, {0: FrameSummary(235, 0)})


@pytest.mark.parametrize("crf", [1, 18, 35, 51])
def test_no_setting_is_coarse_enough_to_look_blank(tmp_path: Path, crf: int) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(path, encode_clip(2, FPS, crf=crf), None, metadata={})
    check_key_pictures(path, summaries(0))


def test_a_key_picture_whose_bytes_are_garbage_is_refused(clip: Path) -> None:
    content = bytearray(clip.read_bytes())
    at = content.index(b"mdat") + 4 + 40
    content[at : at + 2000] = b"\x55" * 2000
    clip.write_bytes(content)
    with pytest.raises(FileCheckError):
        check_key_pictures(clip, summaries(0))


def test_only_key_frames_can_be_checked_by_themselves(clip: Path) -> None:
    with pytest.raises(InternalError):
        check_key_pictures(clip, summaries(1))


def test_any_damage_to_the_index_is_passed_or_refused_but_never_an_accident(clip: Path) -> None:
    good = clip.read_bytes()
    end = good.index(b"mdat")
    random = np.random.default_rng(11)
    changes: list[Callable[[bytearray, int], None]] = [
        lambda data, at: data.__setitem__(at, data[at] ^ (1 << int(random.integers(8)))),
        lambda data, at: data.__setitem__(slice(at, at + 4), b"\xff\xff\xff\xff"),
        lambda data, at: data.__setitem__(slice(at, at + 4), bytes(4)),
    ]
    refusals = 0
    for turn in range(300):
        data = bytearray(good)
        changes[turn % 3](data, int(random.integers(0, end)))
        clip.write_bytes(data)
        try:
            check_mp4(clip, **ASKED)
            check_key_pictures(clip, summaries(60))
        except FileCheckError:
            refusals += 1
    assert refusals > 150


def test_decoded_frames_are_those_of_ffmpeg(clip: Path) -> None:
    assert np.array_equal(np.stack(list(decode_frames(clip))), ffmpeg_yuv(clip, 320, 192))
