"""What an MP4 says about itself: top-level boxes and the sample tables of its tracks. Reads, never judges.

Source of every layout: ISO/IEC 14496-12 (boxes) and 14496-15 (avcC). Big-endian throughout.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

#: Samples that a table may claim; an hour at 240 frames per second has fewer. Keeps a damaged count from
#: filling the memory.
SAMPLES_MAX = 1_000_000


class BadTables(Exception):
    """The bytes are not the boxes they claim to be. The message says which and why."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four-letter name and where its bytes are, without the header.

    Attributes:
        start, end: byte offsets of the payload.
    """

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TrackTables:
    """One track.

    Attributes:
        kind: handler, "vide" or "soun".
        timescale: units per second of `duration` and `sample_durations`.
        duration: the media's length as its header says it.
        codec: four letters of the sample description, such as "avc1".
        width, height: from the sample description; 0 for sound.
        sample_rate: from the sample description; 0 for pictures.
        decoder_config: payload of avcC; empty for other codecs.
        sample_durations, sample_sizes, sample_offsets: one per sample; offsets are bytes in the file.
        key_samples: indices from 0 in the sync table; all of them where there is none, as the standard says.
        has_composition_offsets: whether presentation order differs from decoding order.
        edits: (duration in movie units, media time) of each edit.
    """

    kind: str
    timescale: int
    duration: int
    codec: str
    width: int
    height: int
    sample_rate: int
    decoder_config: bytes
    sample_durations: tuple[int, ...]
    sample_sizes: tuple[int, ...]
    sample_offsets: tuple[int, ...]
    key_samples: tuple[int, ...]
    has_composition_offsets: bool
    edits: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class MovieTables:
    """A whole file.

    Attributes:
        boxes: the top level, in order; their ends meet the next one's start and the end of the file.
        timescale, duration: of the movie header.
    """

    boxes: tuple[Box, ...]
    timescale: int
    duration: int
    tracks: tuple[TrackTables, ...]


def read_movie(data: memoryview) -> MovieTables:
    """Read the tables of a file that lies in memory (or is mapped).

    Raises:
        BadTables: a box is cut off, missing or does not add up.
    """
    top = tuple(_boxes(data, 0, len(data)))
    try:
        moov = _only(top, "moov", "the file")
        inside = list(_boxes(data, moov.start, moov.end))
        timescale, duration = _scale_and_duration(data, _only(inside, "mvhd", "moov"))
        tracks = tuple(_track(data, box) for box in inside if box.name == "trak")
    except (struct.error, IndexError) as exc:
        raise BadTables("a table inside moov is shorter than it says") from exc
    return MovieTables(top, timescale, duration, tracks)


def _boxes(data: memoryview, start: int, end: int) -> Iterator[Box]:
    while start < end:
        if end - start < 8:
            raise BadTables(f"{end - start} stray bytes at offset {start}")
        size, raw = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1:
            if end - start < 16:
                raise BadTables(f"the box at offset {start} is cut off")
            (size,) = struct.unpack_from(">Q", data, start + 8)
            header = 16
        name = raw.decode("latin-1")
        if size < header or start + size > end:
            raise BadTables(
                f'the box "{name}" at offset {start} has {size} bytes; only {end - start} are there'
            )
        yield Box(name, start + header, start + size)
        start += size


def _only(boxes: Iterator[Box] | list[Box] | tuple[Box, ...], name: str, where: str) -> Box:
    found = [box for box in boxes if box.name == name]
    if len(found) != 1:
        raise BadTables(f'{where} has {len(found)} boxes "{name}"; expected one')
    return found[0]


def _scale_and_duration(data: memoryview, header: Box) -> tuple[int, int]:
    """Of mvhd and mdhd, which begin alike in both versions."""
    layout, offset = (">IQ", 20) if data[header.start] == 1 else (">II", 12)
    timescale, duration = struct.unpack_from(layout, data, header.start + offset)
    return timescale, duration


def _track(data: memoryview, trak: Box) -> TrackTables:
    inside = {box.name: box for box in _boxes(data, trak.start, trak.end)}
    media = {box.name: box for box in _children(data, inside, "mdia")}
    info = {box.name: box for box in _children(data, media, "minf")}
    table = {box.name: box for box in _children(data, info, "stbl")}
    for name, where in (
        ("mdhd", media),
        ("hdlr", media),
        *((n, table) for n in ("stsd", "stts", "stsc", "stsz")),
    ):
        if name not in where:
            raise BadTables(f'a track lacks the box "{name}"')
    timescale, duration = _scale_and_duration(data, media["mdhd"])
    kind = bytes(data[media["hdlr"].start + 8 : media["hdlr"].start + 12]).decode("latin-1")
    sizes = _sizes(data, table["stsz"])
    codec, width, height, rate, config = _description(data, table["stsd"], kind)
    return TrackTables(
        kind=kind,
        timescale=timescale,
        duration=duration,
        codec=codec,
        width=width,
        height=height,
        sample_rate=rate,
        decoder_config=config,
        sample_durations=_durations(data, table["stts"]),
        sample_sizes=sizes,
        sample_offsets=_offsets(data, table, sizes),
        key_samples=_key_samples(data, table.get("stss"), len(sizes)),
        has_composition_offsets="ctts" in table,
        edits=_edits(data, inside.get("edts")),
    )


def _children(data: memoryview, boxes: dict[str, Box], name: str) -> list[Box]:
    if name not in boxes:
        raise BadTables(f'a track lacks the box "{name}"')
    return list(_boxes(data, boxes[name].start, boxes[name].end))


def _description(data: memoryview, stsd: Box, kind: str) -> tuple[str, int, int, int, bytes]:
    """Codec, width, height, sample rate, decoder configuration of the one sample entry."""
    entry = _only(list(_boxes(data, stsd.start + 8, stsd.end))[:1], _entry_name(data, stsd), "stsd")
    if kind == "vide":
        width, height = struct.unpack_from(">HH", data, entry.start + 24)
        inner = {box.name: box for box in _boxes(data, entry.start + 78, entry.end)}
        config = inner.get("avcC")
        return entry.name, width, height, 0, bytes(data[config.start : config.end]) if config else b""
    if kind == "soun":
        (rate,) = struct.unpack_from(">I", data, entry.start + 24)
        return entry.name, 0, 0, rate >> 16, b""
    return entry.name, 0, 0, 0, b""


def _entry_name(data: memoryview, stsd: Box) -> str:
    return bytes(data[stsd.start + 12 : stsd.start + 16]).decode("latin-1")


def _words(data: memoryview, box: Box, columns: int, offset: int = 4) -> list[tuple[int, ...]]:
    """A table of 32-bit words: a count, then rows of so many columns."""
    (count,) = struct.unpack_from(">I", data, box.start + offset)
    first = box.start + offset + 4
    if count > SAMPLES_MAX or first + count * columns * 4 > box.end:
        raise BadTables(f'the table "{box.name}" has {count} rows, more than its box holds')
    return list(struct.iter_unpack(f">{columns}I", data[first : first + count * columns * 4]))


def _durations(data: memoryview, stts: Box) -> tuple[int, ...]:
    durations: list[int] = []
    for count, duration in _words(data, stts, 2):
        if len(durations) + count > SAMPLES_MAX:
            raise BadTables('the table "stts" has too many samples')
        durations.extend([duration] * count)
    return tuple(durations)


def _sizes(data: memoryview, stsz: Box) -> tuple[int, ...]:
    common, count = struct.unpack_from(">II", data, stsz.start + 4)
    if common:
        if count > SAMPLES_MAX:
            raise BadTables('the table "stsz" has too many samples')
        return (common,) * int(count)
    return tuple(size for (size,) in _words(data, stsz, 1, offset=8))


def _offsets(data: memoryview, table: dict[str, Box], sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Chunks begin at stco or co64; stsc says how many samples each has; within one they lie end to end."""
    chunks = _chunk_offsets(data, table)
    runs = _words(data, table["stsc"], 3)
    starts = [first - 1 for first, _, _ in runs] + [len(chunks)]
    per_chunk = [
        run[1]
        for run, (a, b) in zip(runs, pairwise(starts), strict=True)
        for _ in range(a, min(b, len(chunks)))
    ]
    if sum(per_chunk) != len(sizes) or len(per_chunk) != len(chunks):
        raise BadTables(f"chunks hold {sum(per_chunk)} samples; sizes are given for {len(sizes)}")
    offsets: list[int] = []
    remaining = iter(sizes)
    for offset, count in zip(chunks, per_chunk, strict=True):
        at = offset
        for _ in range(count):
            offsets.append(at)
            at += next(remaining)
    return tuple(offsets)


def _chunk_offsets(data: memoryview, table: dict[str, Box]) -> list[int]:
    if "stco" in table:
        return [offset for (offset,) in _words(data, table["stco"], 1)]
    if "co64" in table:
        return [high << 32 | low for high, low in _words(data, table["co64"], 2)]
    raise BadTables("a track has no chunk offsets")


def _key_samples(data: memoryview, stss: Box | None, sample_count: int) -> tuple[int, ...]:
    if stss is None:
        return tuple(range(sample_count))
    return tuple(number - 1 for (number,) in _words(data, stss, 1))


def _edits(data: memoryview, edts: Box | None) -> tuple[tuple[int, int], ...]:
    if edts is None:
        return ()
    elst = _only(list(_boxes(data, edts.start, edts.end)), "elst", "edts")
    layout, size = (">Qq", 20) if data[elst.start] == 1 else (">Ii", 12)
    (count,) = struct.unpack_from(">I", data, elst.start + 4)
    if elst.start + 8 + count * size > elst.end:
        raise BadTables('the table "elst" is cut off')
    first = elst.start + 8
    return tuple(struct.unpack_from(layout, data, first + n * size) for n in range(count))
