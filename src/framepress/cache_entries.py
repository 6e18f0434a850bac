"""Entries of a cache: put in their place whole, and read for their digest before they are believed.

Why so is said in `cache`, which specifies it.
"""

from __future__ import annotations

import errno
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from framepress.cache_folder import (
    CacheFolder,
    Sum,
    make_private_file,
    read_sum,
    remove_tree,
    sum_of,
    write_sum,
)

#: Seconds within which a second use of an entry is not noted: notes are writes.
TOUCH_S = 60.0

#: Entries of which a process remembers that it has checked them.
CHECKED_MAX = 50_000

#: How often an entry that others store and drop at the same moment is tried.
_TRIES = 3


@dataclass(frozen=True)
class Verified:
    """The outcome of `Cache.verify`; the damaged entries were dropped."""

    count: int
    size_bytes: int
    damaged_count: int


class CheckedEntries:
    """The entries of a folder, of which this process has checked those that it has asked for.

    Args:
        on_damage: called with kind and key of an entry that is not what its sum says, to drop it.
    """

    def __init__(self, files: CacheFolder, on_damage: Callable[[str, str], None]) -> None:
        self._files = files
        self._on_damage = on_damage
        #: Kind and key of checked entries -> inode and size of the data.
        self._checked: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def whole(self, kind: str, key: str) -> Path | None:
        """The file of a whole, checked entry, marked as used; None: it is not there."""
        place = self._files.path_of(kind, key)
        data = place / "data"
        known = read_sum(place)
        try:
            facts = data.stat()
        except OSError:
            facts = None
        if known is None and facts is None and not place.exists():
            return None
        if known is None or facts is None or facts.st_size != known.size_bytes:
            self._on_damage(kind, key)
            return None
        version = (facts.st_ino, facts.st_size)
        if self._checked.get((kind, key)) != version:
            if not _holds(data, known):
                self._on_damage(kind, key)
                return None
            self._remember(kind, key, version)
        if abs(time.time() - facts.st_mtime) > TOUCH_S:
            with suppress(OSError):
                os.utime(data)
        return data

    def put(self, kind: str, key: str, write: Callable[[BinaryIO], object]) -> Sum | None:
        """Store what `write` writes into a new file; None: a whole entry stands there, and is kept.

        Raises:
            OSError: nothing was stored. Whatever else `write` raises passes through, and nothing was stored.
        """
        place = self._files.path_of(kind, key)
        making = self._files.new(key)
        try:
            data = making / "data"
            with os.fdopen(make_private_file(data), "w+b") as stream:
                write(stream)
                stream.flush()
                inode = os.fstat(stream.fileno()).st_ino
            known = sum_of(data)
            write_sum(making, known)
            if not self._adopt(making, kind, key, place):
                # The one that is there was checked by `_adopt`.
                return None
        except BaseException:
            remove_tree(making)
            raise
        self._remember(kind, key, (inode, known.size_bytes))
        return known

    def _remember(self, kind: str, key: str, version: tuple[int, int]) -> None:
        self._checked[kind, key] = version
        if len(self._checked) > CHECKED_MAX:
            self._checked.popitem(last=False)

    def _adopt(self, making: Path, kind: str, key: str, place: Path) -> bool:
        """Give a finished entry its place; False: a whole one stands there, and the new one is gone."""
        for _ in range(_TRIES):
            self._files.make_place(kind, key)
            try:
                making.rename(place)
            except OSError as exc:
                if exc.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                if self.whole(kind, key) is not None:
                    remove_tree(making)
                    return False
            else:
                return True
        raise OSError(errno.EAGAIN, "others store and drop it all the time")


def verify(folder: CacheFolder, progress: Callable[[int, int], None]) -> Verified:
    """Read every entry, and drop those that are damaged; see `Cache.verify`."""
    entries = list(folder.entries())
    total = sum(entry.size_bytes for entry in entries)
    done = damaged = 0
    for entry in entries:
        place = folder.path_of(entry.kind, entry.key)
        if not _is_whole(place):
            # It may also have been pruned since.
            damaged += folder.drop(entry.kind, entry.key)
        done += entry.size_bytes
        progress(done, total)
    return Verified(len(entries), total, damaged)


def _holds(data: Path, known: Sum) -> bool:
    try:
        return sum_of(data) == known
    except OSError:
        return False


def _is_whole(place: Path) -> bool:
    known = read_sum(place)
    return known is not None and _holds(place / "data", known)
