"""The finished file, judged by ffprobe (which must not even warn), ffmpeg, PyAV and openh264."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from framepress.audio import encode_audio, mix_audio
from framepress.errors import InternalError, StorageFault
from framepress.mp4_tables import read_movie
from framepress.mux import write_mp4
from framepress.streams import AudioTrack, Segment, VideoTrack
from media_tools import annex_b, encode_clip, ffmpeg_yuv, ffprobe, openh264_yuv, run
from test_audio import click_times, clicks, near, spec, write_wav

FPS = Fraction(30)
PROVENANCE = {"comment": json.dumps({"row": "1c2f", "plan": "plain", "ü": "ß"})}


def sound(tmp_path: Path, video: VideoTrack, at: tuple[float, ...] = ()) -> AudioTrack:
    """A track with clicks, as long as the video."""
    path = write_wav(tmp_path / "clicks.wav", clicks(seconds=9, at=at))
    mix = mix_audio([spec(path)], video.duration_s)
    assert mix is not None
    return encode_audio(mix)


@pytest.mark.parametrize("fps", ["1", "12.5", "24", "25", "30000/1001", "30", "60"])
@pytest.mark.parametrize("with_sound", [False, True])
def test_frame_n_stands_at_exactly_n_by_fps(tmp_path: Path, fps: str, with_sound: bool) -> None:
    rate = Fraction(fps)
    video = encode_clip(min(130, 8 * int(rate) + 1), rate, 128, 96)
    path = tmp_path / "clip.mp4"
    write_mp4(path, video, sound(tmp_path, video) if with_sound else None, metadata={})
    probe = ffprobe(path, "-show_streams", "-show_packets", "-show_format")
    stream = probe["streams"][0]
    time_base = Fraction(stream["time_base"])
    packets = [packet for packet in probe["packets"] if packet["codec_type"] == "video"]
    assert [packet["pts"] * time_base for packet in packets] == [n / rate for n in range(video.frame_count)]
    assert [packet["dts"] for packet in packets] == [packet["pts"] for packet in packets]
    assert {packet["duration"] * time_base for packet in packets} == {1 / rate}
    assert stream["duration_ts"] * time_base == video.duration_s
    assert Fraction(stream["r_frame_rate"]) == Fraction(stream["avg_frame_rate"]) == rate
    assert float(probe["format"]["duration"]) == pytest.approx(float(video.duration_s), abs=1e-5 + 1 / 48_000)


def test_key_frames_in_the_table_are_those_of_the_grid(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(path, encode_clip(130, FPS), None, metadata={})
    packets = ffprobe(path, "-show_packets")["packets"]
    assert [n for n, packet in enumerate(packets) if "K" in packet["flags"]] == [0, 60, 120]
    # ffprobe corrects a wrong table from the pictures themselves.
    assert read_movie(memoryview(path.read_bytes())).tracks[0].key_samples == (0, 60, 120)


def test_the_header_says_what_the_stream_says(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    video = encode_clip(3, FPS, 320, 190)
    write_mp4(path, video, sound(tmp_path, video), metadata=PROVENANCE)
    probe = ffprobe(path, "-show_streams", "-show_format")
    picture, audio = probe["streams"]
    wanted = {
        "codec_name": "h264", "profile": "High", "width": 320, "height": 190, "pix_fmt": "yuv420p",
        "sample_aspect_ratio": "1:1", "color_range": "tv", "color_space": "bt709", "color_transfer": "bt709",
        "color_primaries": "bt709", "nb_frames": "3", "start_time": "0.000000", "is_avc": "true",
    }  # fmt: skip
    assert {name: picture[name] for name in wanted} == wanted
    assert (audio["codec_name"], audio["profile"], audio["sample_rate"], audio["channels"]) == (
        "aac", "LC", "48000", 2,
    )  # fmt: skip
    assert probe["format"]["tags"]["comment"] == PROVENANCE["comment"]
    assert b"colrnclx\x00\x01\x00\x01\x00\x01\x00" in path.read_bytes()


def test_the_file_begins_with_its_index_and_tells_nothing_about_its_making(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    video = encode_clip(70, FPS)
    write_mp4(path, video, sound(tmp_path, video), metadata=PROVENANCE)
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    for word in (b"Lavf", b"Lavc", b"x264", b"core 1"):
        assert word not in data
    assert set(ffprobe(path, "-show_format")["format"]["tags"]) == {
        "major_brand", "minor_version", "compatible_brands", "comment",
    }  # fmt: skip
    header = data.index(b"mvhd") + 8
    assert data[header : header + 8] == bytes(8), "creation and modification time"


def test_the_same_tracks_give_the_same_bytes(tmp_path: Path) -> None:
    video = encode_clip(70, FPS)
    audio = sound(tmp_path, video, (0.5,))
    files = [tmp_path / name for name in ("one.mp4", "two.mp4")]
    for path in files:
        write_mp4(path, video, audio, metadata=PROVENANCE)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("frame_count", [1, 2, 60, 130])
def test_every_decoder_gets_the_pictures_of_the_encoder(tmp_path: Path, frame_count: int) -> None:
    path = tmp_path / "clip.mp4"
    video = encode_clip(frame_count, FPS)
    write_mp4(path, video, sound(tmp_path, video), metadata={})
    decoded = ffmpeg_yuv(path, 320, 192)
    assert len(decoded) == frame_count
    # GStreamer's wrapper of openh264 gives up on a stream of one picture.
    if frame_count > 1:
        assert np.array_equal(decoded, openh264_yuv(annex_b(video), 320, 192))
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(video=0)]
    assert np.array_equal(np.stack(frames), decoded)


@pytest.mark.parametrize("fps", ["24", "25", "30000/1001", "30", "60"])
def test_a_click_is_within_a_millisecond_of_its_frame(tmp_path: Path, fps: str) -> None:
    rate = Fraction(fps)
    video = encode_clip(int(4 * rate), rate, 128, 96)
    frames = [0, 7, int(rate), int(3.5 * rate)]
    at = tuple(float(frame / rate) for frame in frames)
    path = tmp_path / "clip.mp4"
    write_mp4(path, video, sound(tmp_path, video, at), metadata={})
    raw = run("ffmpeg", "-v", "warning", "-i", path, "-f", "f32le", "-ac", "2", "-")
    one = np.frombuffer(raw, np.float32).reshape(-1, 2)[:, 0]
    with av.open(str(path)) as container:
        other = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    for samples in (one, other):
        assert near(click_times(samples), list(at))
        assert 0 <= len(samples) - video.duration_s * 48_000 < 1024
    probe = ffprobe(path, "-show_streams")["streams"][1]
    assert abs(probe["duration_ts"] - video.duration_s * 48_000) < 1
    assert probe["start_time"] == "0.000000"


def test_segments_that_do_not_join_are_a_bug_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    good, other = encode_clip(2, FPS), encode_clip(2, FPS, 320, 190)
    for segments in ((), (Segment((), b""),), good.segments + other.segments):
        with pytest.raises(InternalError):
            write_mp4(path, VideoTrack(segments, 320, 192, FPS), None, metadata={})
    with pytest.raises(InternalError, match=r"\(320, 192\)"):
        write_mp4(path, VideoTrack(good.segments, 640, 192, FPS), None, metadata={})


def test_a_folder_that_is_not_there_is_a_storage_fault(tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match="cannot be written"):
        write_mp4(tmp_path / "none" / "clip.mp4", encode_clip(2, FPS), None, metadata={})


def test_a_full_disk_is_a_storage_fault() -> None:
    with pytest.raises(StorageFault, match="cannot be written"):
        write_mp4(Path("/dev/full"), encode_clip(130, FPS), None, metadata={})


def test_a_muxer_that_fails_inside_is_a_bug_of_ours(tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*_: object) -> None:
        raise av.InvalidDataError(1094995529, "Invalid data found", "clip.mp4")

    monkeypatch.setattr("framepress.mux._video_packets", refuse)
    with pytest.raises(InternalError):
        write_mp4(tmp_path / "clip.mp4", encode_clip(2, FPS), None, metadata={})
