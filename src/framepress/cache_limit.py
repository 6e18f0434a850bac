"""How much a cache may hold, and what goes first when it holds more."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from framepress.cache_folder import CacheFolder, Entry
from framepress.partial import replacing

#: Bytes that a cache holds at most if nobody says otherwise, on a disk of ten times that or more.
LIMIT_BYTES_DEFAULT = 10_000_000_000

#: On smaller disks: this part of the disk.
DISK_PART = 10

#: Of the limit: what one process adds before it counts again, and what is pruned beyond it.
RECOUNT_PART = 20
ROOM_PART = 10

#: Seconds for which a count by another process is believed.
USAGE_AGE_S = 600.0

#: The kinds that go first, in this order: layers only save captures, and what artifacts hold was published
#: elsewhere too.
EXPENDABLE = ("layer", "artifact")


@dataclass(frozen=True, slots=True)
class KindInfo:
    """How many entries of a kind there are, and their bytes."""

    count: int
    size_bytes: int


@dataclass(frozen=True)
class CacheInfo:
    """What a cache holds. Bytes are those of the data; reflinked data takes less room.

    Attributes:
        oldest_ns: when the entry that was not used for longest was used, nanoseconds since 1970; None: empty.
    """

    folder: Path
    limit_bytes: int
    kinds: dict[str, KindInfo]
    oldest_ns: int | None

    @property
    def count(self) -> int:
        return sum(kind.count for kind in self.kinds.values())

    @property
    def size_bytes(self) -> int:
        return sum(kind.size_bytes for kind in self.kinds.values())


@dataclass(frozen=True)
class Freed:
    """What was taken out of a cache, and what had to stay because it is in use."""

    count: int = 0
    size_bytes: int = 0
    held_count: int = 0


def default_limit(folder: Path) -> int:
    """The default limit for a folder that exists: 10 GB, or a tenth of its disk if that is less."""
    return min(LIMIT_BYTES_DEFAULT, shutil.disk_usage(folder).total // DISK_PART)


def summed(folder: Path, limit_bytes: int, entries: Iterable[Entry]) -> CacheInfo:
    """Entries counted by kind."""
    kinds: dict[str, KindInfo] = {}
    oldest: int | None = None
    for entry in entries:
        before = kinds.get(entry.kind, KindInfo(0, 0))
        kinds[entry.kind] = KindInfo(before.count + 1, before.size_bytes + entry.size_bytes)
        oldest = entry.used_ns if oldest is None else min(oldest, entry.used_ns)
    return CacheInfo(folder, limit_bytes, dict(sorted(kinds.items())), oldest)


def prune(
    folder: CacheFolder,
    *,
    limit_bytes: int | None,
    used_before_ns: int | None = None,
    keep: tuple[str, str] | None = None,
) -> tuple[Freed, int]:
    """Take out what is too old or too much; entries that are held stay.

    First goes all that was not used since `used_before_ns` (None: no such bound). Then, as long as more than
    `limit_bytes` would be left (None: no limit), expendable kinds and after them the others, each from the
    least recently used on.

    Args:
        keep: kind and key of an entry that stays in any case.

    Returns:
        What went, and the bytes that are left.
    """
    entries = list(folder.entries())
    total = sum(entry.size_bytes for entry in entries)
    entries.sort(key=lambda entry: (_rank(entry.kind), entry.used_ns))
    freed, held = Freed(), 0
    for aged in (True, False):
        for entry in entries:
            old = used_before_ns is not None and entry.used_ns < used_before_ns
            over = limit_bytes is not None and total > limit_bytes
            if old != aged or not (old or over) or (entry.kind, entry.key) == keep:
                continue
            with folder.unheld(entry.kind, entry.key) as free:
                if not free:
                    held += 1
                elif folder.drop(entry.kind, entry.key):
                    freed = Freed(freed.count + 1, freed.size_bytes + entry.size_bytes)
                    total -= entry.size_bytes
    return replace(freed, held_count=held), total


class Quota:
    """Sees that a cache stays near its limit without counting the folder at every put.

    A count is shared by all processes in the file `usage`; each adds what it puts itself and counts again
    before it believes that the limit is reached, and after a twentieth of the limit: so many processes are
    over it together by at most so many twentieths.
    """

    def __init__(self, folder: CacheFolder, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._folder = folder
        self._counted: int | None = None
        self._added = 0

    def added(self, size_bytes: int, keep: tuple[str, str]) -> None:
        """An entry was stored: make room if there is too much now, but never by taking out that entry."""
        self._added += size_bytes
        if self._counted is None:
            self._counted = self._recorded()
        if self._counted is None or self._added > self.limit_bytes // RECOUNT_PART or self._is_over():
            self._count()
        if self._is_over():
            # Some room beyond the limit, or the next put would count and prune again.
            aim = self.limit_bytes - self.limit_bytes // ROOM_PART
            _, left = prune(self._folder, limit_bytes=aim, keep=keep)
            self._note(left)

    def _is_over(self) -> bool:
        return (self._counted or 0) + self._added > self.limit_bytes

    def _count(self) -> None:
        self._note(sum(entry.size_bytes for entry in self._folder.entries()))

    def _note(self, size_bytes: int) -> None:
        self._counted, self._added = size_bytes, 0
        with suppress(OSError), replacing(self._folder.root / "usage") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(b"%d\n" % size_bytes)

    def _recorded(self) -> int | None:
        """What another process counted not long ago; None: nobody did."""
        path = self._folder.root / "usage"
        try:
            if abs(time.time() - path.stat().st_mtime) > USAGE_AGE_S:
                return None
            return int(path.read_bytes())
        except (OSError, ValueError):
            return None


def _rank(kind: str) -> int:
    return EXPENDABLE.index(kind) if kind in EXPENDABLE else len(EXPENDABLE)
