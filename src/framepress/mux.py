"""Segments and sound into the MP4 file, without encoding anything.

`moov` comes first. Nothing in the file tells when, where or by which version it was made, except the metadata
the caller passes; the same tracks give the same bytes. Times are exact: the video track counts in a multiple
of the frame rate's numerator, the sound in samples, the movie in a unit that holds both.
"""

from __future__ import annotations

import errno
import heapq
import io
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from framepress.errors import InternalError, StorageFault
from framepress.streams import AudioTrack, VideoTrack

#: Samples per AAC access unit (ISO/IEC 14496-3, frameLengthFlag 0).
AAC_FRAME_SAMPLES = 1024

#: Bits per second of the sound, see `audio`; here it only fills a field of the file's header.
_AAC_BIT_RATE = 192_000

#: Units per second above which the movie header is not made to fit both tracks exactly; a one-hour clip
#: then still fits into 32 bits.
_MOVIE_TIMESCALE_MAX = 1_000_000


def write_mp4(
    path: Path, video: VideoTrack, audio: AudioTrack | None, *, metadata: Mapping[str, str]
) -> None:
    """Write a finished MP4, replacing what is at `path`.

    Args:
        path: a local temporary file; on an error it may be left half-written.
        video: at least one frame. Frame n is shown at exactly n / fps.
        audio: sample 0 after the priming sounds at exactly 0; an edit list hides the priming.
        metadata: `comment` (the provenance, JSON) and the other names that MP4 has a place for: `title`,
            `artist`, `description`, `copyright`. A name it has no place for is not written.

    Raises:
        InternalError: the segments cannot be joined: none, an empty one, or different parameter sets.
        StorageFault: the disk is full, or the folder cannot be written.
    """
    _check_joinable(video)
    try:
        with av.open(
            str(path), "w", format="mp4", container_options=_container_options(video, audio)
        ) as container:
            container.metadata.update(metadata)
            picture_stream = _add_video(container, video)
            sound_stream = _add_audio(container, audio) if audio else None
            packets = heapq.merge(
                _video_packets(video, picture_stream),
                _audio_packets(audio, sound_stream) if audio else iter(()),
                key=lambda timed: timed[0],
            )
            # In order of time: libavformat holds back at most ten seconds of one stream for the other.
            for _, packet in packets:
                container.mux_one(packet)
    except (OSError, av.FFmpegError) as exc:
        if exc.errno in _STORAGE_ERRNOS:
            raise StorageFault(f"{path}: cannot be written: {exc.strerror}.", rule="write") from exc
        raise InternalError(f"{path.name}: the MP4 muxer failed: {exc.strerror}.", rule="mux") from exc


#: What a disk or a folder answers; any other number is about the packets.
_STORAGE_ERRNOS = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM,
        errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE,
        errno.ESTALE, errno.ESPIPE, errno.ELOOP,
    }
)  # fmt: skip


def _check_joinable(video: VideoTrack) -> None:
    if not video.segments or not all(segment.packets for segment in video.segments):
        raise InternalError("A track without segments, or with an empty one, cannot be written.", rule="join")
    if len({segment.parameter_sets for segment in video.segments}) != 1:
        raise InternalError(
            f"{len(video.segments)} segments have different parameter sets; they do not join.", rule="join"
        )


def _container_options(video: VideoTrack, audio: AudioTrack | None) -> dict[str, str]:
    movie_timescale = video.fps.numerator
    if audio is not None:
        both = math.lcm(audio.sample_rate, movie_timescale)
        movie_timescale = both if both <= _MOVIE_TIMESCALE_MAX else audio.sample_rate
    return {
        "movflags": "+faststart",
        # No "encoder" tag, no version anywhere.
        "fflags": "+bitexact",
        "movie_timescale": str(movie_timescale),
    }


def _add_video(container: Any, video: VideoTrack) -> Any:
    """A stream that has its size and colours from the parameter sets themselves.

    PyAV offers no way to fill in codec parameters by hand. So libav reads the first access unit as if it were
    a file, which also keeps the header from saying anything the pictures do not.
    """
    first = video.segments[0]
    with av.open(io.BytesIO(first.parameter_sets + first.packets[0]), format="h264") as template:
        stream = container.add_stream_from_template(template.streams.video[0], opaque=True)
    size = (stream.codec_context.width, stream.codec_context.height)
    if size != (video.width, video.height):
        raise InternalError(
            f"Parameter sets say {size}, the track {(video.width, video.height)}.", rule="join"
        )
    stream.codec_context.extradata = first.parameter_sets
    stream.time_base = 1 / video.fps
    return stream


def _add_audio(container: Any, audio: AudioTrack) -> Any:
    stream = container.add_stream("aac", rate=audio.sample_rate, bit_rate=_AAC_BIT_RATE, layout="stereo")
    stream.codec_context.open()
    if stream.codec_context.extradata != audio.config:
        raise InternalError("The sound was encoded with another configuration than the file has.", rule="mux")
    stream.time_base = Fraction(1, audio.sample_rate)
    return stream


def _video_packets(video: VideoTrack, stream: Any) -> Iterator[tuple[Fraction, av.Packet[Any]]]:
    index = 0
    for segment in video.segments:
        for place, data in enumerate(segment.packets):
            is_key = place == 0
            yield (
                index / video.fps,
                _packet(stream, data, index, duration=1, time_base=1 / video.fps, is_key=is_key),
            )
            index += 1


def _audio_packets(audio: AudioTrack, stream: Any) -> Iterator[tuple[Fraction, av.Packet[Any]]]:
    """Packets from minus the priming on; the last is cut so that the track ends with the sound."""
    end = audio.sample_count
    for index, data in enumerate(audio.packets):
        pts = index * AAC_FRAME_SAMPLES - audio.priming_samples
        if pts >= end:
            return
        duration = min(AAC_FRAME_SAMPLES, end - pts)
        time_base = Fraction(1, audio.sample_rate)
        yield pts * time_base, _packet(stream, data, pts, duration=duration, time_base=time_base, is_key=True)


def _packet(
    stream: Any, data: bytes, pts: int, *, duration: int, time_base: Fraction, is_key: bool
) -> av.Packet[Any]:
    packet: av.Packet[Any] = av.Packet(data)
    packet.stream = stream
    packet.pts = packet.dts = pts
    packet.duration = duration
    packet.time_base = time_base
    packet.is_keyframe = is_key
    return packet
