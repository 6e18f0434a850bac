"""Sound files into samples: decoded, trimmed to the sample, at 48 kHz.

Only files, only formats named here: a "music.mp3" that is in truth a playlist would make libav open other
files. Encoder delays that the file itself declares (LAME's, AAC's, Opus') are dropped by libav; an MP3
without such a header starts 23 ms late, in browsers too.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from framepress.errors import AssetError
from framepress.resampling import SAMPLE_RATE, Samples, as_float, resample

#: libav's demuxers that may be opened; none of them refers to other files.
_FORMATS = "wav,w64,aiff,mp3,mov,ogg,flac,matroska,aac,caf"

#: Seconds by which timestamps may disagree with counting samples before they are believed. MP4 counts in
#: samples. Matroska rounds to milliseconds, and libav times Vorbis packets wrong by half a block (10 ms,
#: at most 40) wherever the block size changes; believing them cuts holes into the sound.
_JITTER_S = {"mov": Fraction(2, 1000)}
_JITTER_OTHERS_S = Fraction(50, 1000)

#: Seconds of declared sound that may be missing at the end before the file counts as cut short.
_SHORT_S = Fraction(1, 10)

#: Seconds of a file that a loop may hold; a clip is no longer either.
_LOOP_MAX_S = Fraction(3600)

#: Seconds decoded beyond the wanted end, so that the resampler's filter sees real samples there.
_MARGIN_S = Fraction(1, 10)

#: Sizes in a WAV that mean "unknown": written to a pipe.
_WAV_UNKNOWN = (0, 0xFFFFFFFF, 0x7FFFFFFF)


def read_sound(path: Path, *, place: str, trim_start: Fraction, length_s: Fraction | None) -> Samples:
    """The sound of a file in stereo at 48 kHz.

    Args:
        path: a sound file, or a video with sound.
        place: what messages call it, such as ``card.html:12``; paths may be a row's value.
        trim_start: seconds of the file to skip.
        length_s: seconds that are wanted, None: all, up to an hour. The file may be shorter.

    Returns:
        Shape (2, samples). Mono is the same on both sides at full level, as in a browser; more than two
        channels are mixed down by the Web Audio rules. Empty if `trim_start` is behind the end.

    Raises:
        AssetError: not a sound file of a known format, no sound in it, damaged, or cut short (a file that is
            read to its end must hold what its header says).
    """
    stop = trim_start + (_LOOP_MAX_S if length_s is None else length_s) + _MARGIN_S
    source = _decode(path, place, stop)
    first = round(trim_start * source.rate)
    samples = resample(source.samples[:, first:], source.rate)
    if length_s is not None:
        samples = samples[:, : round(length_s * SAMPLE_RATE)]
    return np.repeat(samples, 2, axis=0) if len(samples) == 1 else samples


@dataclass(frozen=True, slots=True)
class _Source:
    samples: Samples
    rate: int


def _decode(path: Path, place: str, stop: Fraction) -> _Source:
    """All samples from time 0 of the file to `stop` seconds or its end, at the file's own rate."""
    if not path.is_file():
        raise AssetError(f"{place}: the sound file is missing.", rule="sound-missing")
    try:
        # "file:" keeps a name with a colon from being taken for a protocol.
        with av.open(
            f"file:{path.resolve()}",
            container_options={"protocol_whitelist": "file", "format_whitelist": _FORMATS},
        ) as container:
            if not container.streams.audio:
                raise AssetError(
                    f"{place}: the file holds no sound. Remove the element, or mute it.", rule="sound-none"
                )
            return _decode_stream(path, place, container, stop)
    except (av.FFmpegError, OSError, ValueError) as exc:
        raise AssetError(
            f"{place}: the sound cannot be read ({_reason(exc)}). Accepted are WAV, AIFF, MP3, M4A, AAC, "
            "OGG, Opus, FLAC, and the sound of MP4, MOV, MKV and WebM.",
            rule="sound-format",
        ) from exc


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or type(exc).__name__


def _decode_stream(path: Path, place: str, container: Any, stop: Fraction) -> _Source:
    stream = container.streams.audio[0]
    rate = stream.rate
    # Time 0 is where the first of all streams starts; sound may begin later than the picture.
    origin = None if container.start_time is None else Fraction(container.start_time, av.time_base)
    jitter = _JITTER_S.get(container.format.name.split(",")[0], _JITTER_OTHERS_S)
    blocks: list[Samples] = []
    count = 0
    errors: list[Fraction] = []
    for frame, error in _frames(container, stream):
        if error is not None:
            errors.append(Fraction(count, rate))
            continue
        block = as_float(frame)
        if frame.pts is not None:
            at = frame.pts * frame.time_base
            origin = at if origin is None else origin
            late = at - origin - Fraction(count, rate)
            block, gap = _line_up(block, late, rate) if abs(late) > jitter or not count else (block, 0)
            # Damaged timestamps must not make us allocate years of silence.
            gap = min(gap, max(0, round(stop * rate) - count))
            if gap:
                blocks.append(np.zeros((len(block), gap), np.float32))
                count += gap
        blocks.append(block)
        count += block.shape[1]
        if count >= stop * rate:
            break
    else:
        _check_complete(path, place, container, errors, Fraction(count, rate))
    if not blocks:
        raise AssetError(f"{place}: the sound file holds not one sample.", rule="sound-short")
    return _Source(np.concatenate(blocks, axis=1), rate)


def _frames(container: Any, stream: Any) -> Iterator[tuple[Any, Exception | None]]:
    """Decoded frames of one layout; a packet that cannot be decoded comes as its error."""
    layout = "mono" if stream.channels == 1 else "stereo"
    to_float = av.AudioResampler(format="fltp", layout=layout, rate=stream.rate)
    for packet in container.demux(stream):
        try:
            decoded = packet.decode()
        except av.InvalidDataError as exc:
            yield None, exc
            continue
        for frame in decoded:
            for converted in to_float.resample(frame):
                # Same rate, so the conversion holds nothing back, and the time is the frame's.
                converted.pts, converted.time_base = frame.pts, frame.time_base
                yield converted, None


def _line_up(block: Samples, late_s: Fraction, rate: int) -> tuple[Samples, int]:
    """Where a frame starts later than the samples before it end: that silence; earlier: the rest of it."""
    late = round(late_s * rate)
    return (block, late) if late >= 0 else (block[:, -late:], 0)


def _check_complete(
    path: Path, place: str, container: Any, errors: list[Fraction], decoded_s: Fraction
) -> None:
    """A file that was read to its end must hold what its header promises."""
    stream = container.streams.audio[0]
    declared = _declared_s(container, stream)
    is_short = declared is not None and decoded_s < declared - _SHORT_S
    if is_short or _wav_is_short(path) or _ogg_is_short(path):
        promised = f" of {float(declared):.3f} s" if is_short and declared is not None else ""
        raise AssetError(
            f"{place}: the sound file is cut short: it ends at {float(decoded_s):.3f} s{promised}. "
            "Export or copy it again.",
            rule="sound-short",
        )
    # Tags at the end of an MP3 are not sound and not damage.
    if errors and (container.format.name != "mp3" or errors[0] < decoded_s - _SHORT_S):
        raise AssetError(
            f"{place}: the sound file is damaged at {float(errors[0]):.3f} s. Export or copy it again.",
            rule="sound-damaged",
        )


def _declared_s(container: Any, stream: Any) -> Fraction | None:
    """The length in the file's header; None where libav only estimates one."""
    name = container.format.name
    if name == "aac" or (name == "mp3" and not stream.start_time):
        return None
    if stream.duration is not None and stream.time_base is not None:
        return Fraction(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return Fraction(container.duration, av.time_base)
    return None


def _wav_is_short(path: Path) -> bool:
    """Whether a WAV's data chunk says more than the file holds; libav would not mention it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return False
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            if name == b"data":
                return length not in _WAV_UNKNOWN and file.tell() + length > size
            file.seek(length + length % 2, 1)
    return False


def _ogg_is_short(path: Path) -> bool:
    """Whether the last Ogg page is incomplete (RFC 3533, section 6: a page's lengths stand in its header)."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        size = file.seek(0, 2)
        # A page is at most 65,307 bytes.
        file.seek(max(0, size - 2 * 65_307))
        tail = file.read()
    pages = [match.start() for match in re.finditer(rb"OggS\x00", tail)]
    if not pages:
        return True
    last = tail[pages[-1] :]
    if len(last) < 27 or len(last) < 27 + last[26]:
        return True
    return len(last) < 27 + last[26] + sum(last[27 : 27 + last[26]])
