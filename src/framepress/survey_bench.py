"""What a survey works with: its answers, what it needs of a renderer, and frames that other workers make."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from framepress import keys
from framepress.cache import Cache
from framepress.capture import capture_frames
from framepress.clip import Clip
from framepress.composite import packed
from framepress.errors import CacheFault, FramepressError
from framepress.page import Page
from framepress.pictures import PictureReader
from framepress.plate import Plate, PlateWriter
from framepress.variants import Variant


@dataclass(frozen=True)
class NoPlan:
    """Why the rows of a group are rendered on the plain path.

    Attributes:
        rule: short and stable. reason: for a person; it names elements, never values.
        shared: variables whose effect is not confined to some elements: rows may be grouped by them.
    """

    rule: str
    reason: str
    shared: tuple[str, ...] = ()


class Refused(Exception):
    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.answer = NoPlan(rule, reason)


class Disagrees(Refused):
    """Composites are not the plain path's pictures.

    Attributes:
        frames: of each run of such frames, the one that is off most.
    """

    def __init__(self, reason: str, frames: Sequence[int]) -> None:
        super().__init__("disagrees", reason)
        self.frames = tuple(frames)


class Unwanted(Exception):
    """Frames were being made that nobody is going to compare with any more."""


@dataclass(frozen=True)
class Workbench:
    """What a survey needs of its renderer.

    Attributes:
        open: loads a variant and says what its clip is; the page is then at no frame yet.
        page: the page that `open` loads into.
        environment: digest, known once there is a browser. composition: digest. settings: as in plan keys.
        beat: called with what is done, and how far it is.
    """

    open: Callable[[Variant], Clip]
    page: Callable[[], Page]
    environment: Callable[[], str]
    composition: str
    settings: Mapping[str, object]
    beat: Callable[[str, int, int], None]


#: Bytes in front of the pictures of a piece "plain": which picture each frame shows, as JSON, padded.
_SLOTS_BYTES = 1 << 16


def plain_key(bench: Workbench, sample: Variant) -> str:
    """The key of a sample's frames as the plain path makes them."""
    return keys.piece_key(
        "plain",
        environment=bench.environment(),
        composition=bench.composition,
        settings=bench.settings,
        values=dict(sample.values),
        files=dict(sample.files),
    )


def keep_plain_frames(
    bench: Workbench,
    sample: Variant,
    cache: Cache,
    *,
    clip: Clip | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> Path:
    """Capture every frame of a sample on the plain path and keep them all, for a survey to compare with.

    Args:
        clip: of the page, if it is open.
        wanted: is asked before each frame.

    Raises:
        RowFailure: the sample cannot be rendered. CacheFault: there is no room. Unwanted: they are not.
    """
    opened = clip or bench.open(sample)
    reader = PictureReader(opened.encoder.width, opened.encoder.height)

    def write(stream: BinaryIO) -> None:
        stream.seek(_SLOTS_BYTES)
        writer = PlateWriter(stream)
        for frame in capture_frames(bench.page(), range(opened.frame_count), opened.fps):
            if not wanted():
                raise Unwanted
            writer.add(packed(reader.read(frame.png)) if frame.png is not None else None)
            bench.beat("drawing samples", frame.index, opened.frame_count)
        stream.seek(0)
        stream.write(json.dumps(writer.slots).encode("ascii").ljust(_SLOTS_BYTES))

    key = plain_key(bench, sample)
    try:
        cache.remove("noplain", key)
        return cache.put("plain", key, write)
    except FramepressError:
        # Whoever waits for it need not wait longer.
        with suppress(CacheFault):
            cache.put_bytes("noplain", key, b"failed")
        raise


def read_plain_frames(path: Path, width: int, height: int) -> Plate:
    """Open what `keep_plain_frames` kept."""
    with path.open("rb") as stream:
        slots = json.loads(stream.read(_SLOTS_BYTES))
    return Plate(path, tuple(slots), width, height, offset=_SLOTS_BYTES)
