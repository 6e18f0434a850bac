"""The last look at a finished MP4 before it is published: is it what was asked for?

`check_mp4` reads tables and slice headers, nothing is decoded. `check_key_pictures` decodes a few key
pictures and compares their brightness with that of the frames that went in, so that a black clip is never
delivered.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from framepress.errors import FileCheckError, InternalError
from framepress.mp4_tables import BadTables, MovieTables, TrackTables, read_movie
from framepress.pictures import FrameSummary, frame_summary

#: Code values by which the mean of luma may move in encoding. CRF 51 moves it by under 3.
_MEAN_TOLERANCE = 8.0

#: Share of the standard deviation that must be left, and code values that may be missing. Coarse settings
#: blur; a blank picture has none.
_STD_SHARE, _STD_TOLERANCE = 0.5, 3.0

#: NAL unit types that a sample may consist of: a slice, and a slice of a key picture.
_SLICE, _KEY_SLICE = 1, 5


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a checked file is.

    Attributes:
        size_bytes: the whole file.
        duration_s: of the pictures.
        audio_samples: samples that are heard, None: no audio stream.
    """

    size_bytes: int
    duration_s: Fraction
    frame_count: int
    key_frames: tuple[int, ...]
    audio_samples: int | None


def check_mp4(
    path: Path,
    *,
    frame_count: int,
    fps: Fraction,
    width: int,
    height: int,
    keyframes: Sequence[int],
    audio_samples: int | None,
) -> FileFacts:
    """Compare a file's structure with what was asked for.

    Args:
        keyframes: indices of the frames that must be key frames; no other may be one.
        audio_samples: samples at 48 kHz that were promised; None: there must be no audio stream.

    Raises:
        FileCheckError: the first difference found, with found and expected; `rule` names the kind.
    """
    with _mapped(path) as data:
        movie = _movie(path, data)
        _check_layout(path, movie)
        video, sound = _tracks(path, movie, audio_samples)
        _check_picture_times(path, video, frame_count, fps)
        _expect(path, "size", "picture size", (video.width, video.height), (width, height))
        _expect(path, "key-frames", "key frames in the table", list(video.key_samples), list(keyframes))
        _check_bytes(path, movie, data)
        _check_slices(path, video, data, frozenset(keyframes))
        if sound is not None and audio_samples is not None:
            _check_sound(path, movie, sound, audio_samples)
        _check_movie_duration(path, movie, frame_count / fps, audio_samples)
        return FileFacts(len(data), frame_count / fps, frame_count, tuple(keyframes), audio_samples)


def check_key_pictures(path: Path, expected: Mapping[int, FrameSummary]) -> None:
    """Decode some key pictures and refuse one that does not look like the frame that went in.

    Args:
        expected: by frame index, the summary of the source picture. Only key frames can be decoded by
            themselves; at 1080p each costs about 10 ms.

    Raises:
        FileCheckError: a picture cannot be decoded, or is blank or of another brightness than its source.
        InternalError: an index is not a key frame.
    """
    with _mapped(path) as data:
        movie = _movie(path, data)
        video = next((track for track in movie.tracks if track.kind == "vide"), None)
        if video is None:
            raise FileCheckError(f"{path.name}: there is no video stream.", rule="streams")
        for index, wanted in sorted(expected.items()):
            if index not in video.key_samples:
                raise InternalError(f"Frame {index} is not a key frame; it cannot be checked by itself.")
            sample = _sample(video, data, index)
            found = frame_summary(_decode_alone(path, video, index, sample))
            _compare(path, index, found, wanted)


def decode_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Every picture in order, planar 4:2:0, uint8, shape (height * 3 / 2, width)."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="yuv420p").astype(np.uint8, copy=False)


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    """A file's bytes, without reading those that nobody looks at."""
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            raise FileCheckError(f"{path.name}: the file is empty.", rule="structure")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with mapped, memoryview(mapped) as view:
        yield view


def _movie(path: Path, data: memoryview) -> MovieTables:
    try:
        return read_movie(data)
    except BadTables as exc:
        raise FileCheckError(f"{path.name}: not a whole MP4: {exc}.", rule="structure") from exc


def _expect(path: Path, rule: str, what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise FileCheckError(f"{path.name}: {what}: found {found}, expected {wanted}.", rule=rule)


def _check_layout(path: Path, movie: MovieTables) -> None:
    names = [box.name for box in movie.boxes if box.name != "free"]
    _expect(path, "layout", "boxes in order", names, ["ftyp", "moov", "mdat"])


def _tracks(
    path: Path, movie: MovieTables, audio_samples: int | None
) -> tuple[TrackTables, TrackTables | None]:
    wanted = [("vide", "avc1")] if audio_samples is None else [("vide", "avc1"), ("soun", "mp4a")]
    _expect(path, "streams", "streams", [(track.kind, track.codec) for track in movie.tracks], wanted)
    return movie.tracks[0], movie.tracks[1] if len(movie.tracks) > 1 else None


def _check_picture_times(path: Path, video: TrackTables, frame_count: int, fps: Fraction) -> None:
    counts = (len(video.sample_sizes), len(video.sample_durations))
    _expect(path, "frame-count", "pictures, picture times", counts, (frame_count, frame_count))
    tick = video.timescale / fps
    _expect(path, "timestamps", "units per picture", sorted(set(video.sample_durations)), [tick])
    _expect(path, "timestamps", "pictures out of order", video.has_composition_offsets, False)
    _expect(path, "duration", "length of the pictures", video.duration, tick * frame_count)
    _expect(path, "timestamps", "start of the pictures", [time for _, time in video.edits], [0])


def _check_bytes(path: Path, movie: MovieTables, data: memoryview) -> None:
    """Every sample lies in the data, none on another, and nothing else is there."""
    mdat = movie.boxes[-1]
    spans = sorted(
        (first, first + size)
        for track in movie.tracks
        for first, size in zip(track.sample_offsets, track.sample_sizes, strict=True)
    )
    at = mdat.start
    for first, end in spans:
        _expect(path, "samples", "where a sample begins", first, at)
        at = end
    _expect(path, "samples", "end of the last sample", at, mdat.end)


def _check_slices(path: Path, video: TrackTables, data: memoryview, keyframes: frozenset[int]) -> None:
    """The units of every picture fill it exactly, and are of the kind its place asks for."""
    for index, (first, size) in enumerate(zip(video.sample_offsets, video.sample_sizes, strict=True)):
        at, end = first, first + size
        wanted = _KEY_SLICE if index in keyframes else _SLICE
        while at < end:
            length = int.from_bytes(data[at : at + 4])
            kind = data[at + 4] & 0x1F if length and at + 4 < end else 0
            _expect(path, "pictures", f"kind of unit in picture {index}", kind, wanted)
            at += 4 + length
        _expect(path, "pictures", f"bytes of picture {index}", at - first, max(size, 1))


def _check_sound(path: Path, movie: MovieTables, sound: TrackTables, audio_samples: int) -> None:
    _expect(path, "audio", "sample rate", (sound.sample_rate, sound.timescale), (48_000, 48_000))
    _expect(path, "audio", "edits of the sound", len(sound.edits), 1)
    length, priming = sound.edits[0]
    _expect(path, "audio", "samples of sound", sum(sound.sample_durations) - priming, audio_samples)
    _expect(path, "audio", "length in the header", sound.duration, sum(sound.sample_durations))
    heard = Fraction(length, movie.timescale) * 48_000
    if abs(heard - audio_samples) >= 1:
        raise FileCheckError(
            f"{path.name}: samples heard: found {float(heard):.1f}, expected {audio_samples}.", rule="audio"
        )


def _check_movie_duration(
    path: Path, movie: MovieTables, pictures_s: Fraction, audio_samples: int | None
) -> None:
    wanted = max(pictures_s, Fraction(audio_samples or 0, 48_000))
    found = Fraction(movie.duration, max(movie.timescale, 1))
    if abs(found - wanted) > Fraction(1, max(movie.timescale, 1)):
        raise FileCheckError(
            f"{path.name}: length: found {float(found):.6f} s, expected {float(wanted):.6f} s.",
            rule="duration",
        )


def _sample(video: TrackTables, data: memoryview, index: int) -> bytes:
    first = video.sample_offsets[index]
    return bytes(data[first : first + video.sample_sizes[index]])


def _decode_alone(path: Path, video: TrackTables, index: int, sample: bytes) -> av.VideoFrame:
    context = av.VideoCodecContext.create("h264", "r")
    context.thread_count = 1
    context.extradata = video.decoder_config
    context.options = {"err_detect": "explode"}
    try:
        frames = [*context.decode(av.Packet(sample)), *context.decode(None)]
    except av.FFmpegError as exc:
        raise FileCheckError(f"{path.name}: frame {index} cannot be decoded: {exc}", rule="pictures") from exc
    if len(frames) != 1:
        raise FileCheckError(f"{path.name}: frame {index} gives {len(frames)} pictures.", rule="pictures")
    frame = frames[0]
    wanted = (video.width, video.height)
    _expect(path, "size", f"decoded size of frame {index}", (frame.width, frame.height), wanted)
    return frame


def _compare(path: Path, index: int, found: FrameSummary, wanted: FrameSummary) -> None:
    if found.std < _STD_SHARE * wanted.std - _STD_TOLERANCE:
        raise FileCheckError(
            f"{path.name}: frame {index} is blank or nearly so (luma {found.mean:.0f}, spread "
            f"{found.std:.1f}); what went in was not (luma {wanted.mean:.0f}, spread {wanted.std:.1f}).",
            rule="blank",
        )
    if abs(found.mean - wanted.mean) > _MEAN_TOLERANCE:
        raise FileCheckError(
            f"{path.name}: frame {index} has luma {found.mean:.0f}; what went in had {wanted.mean:.0f}.",
            rule="brightness",
        )
