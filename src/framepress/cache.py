"""A cache: one folder for any number of processes, with pieces by kind and key. This text specifies it.

**Layout**, below the cache folder:

    version                               "framepress cache 1" and a newline; a folder without it is not used
    CACHEDIR.TAG                          so that backups leave the folder out
    entries/<kind>/<kk>/<key>/data        the piece; <kk> are the first two digits of the key
    entries/<kind>/<kk>/<key>/sum         "sha256 <64 hex digits>", "size <bytes>", each with a newline
    tmp/.<key>.….partial/                 an entry in the making, or one on its way out, see `partial`
    held                                  locks, one byte per entry, see below
    making                                locks, one byte per plan that is being made, see `ordered_rows`
    usage                                 bytes in all entries when somebody last counted

Folders are 0700 and files 0600: artifacts, overlays and sound hold people's data. A kind is a lower-case word
("artifact", "plate", "segment", "plan", "sound"), a key 64 hexadecimal digits (`keys`).

**An entry is a folder**, because renaming a folder onto one that is not empty fails: of two processes that
store one key, the first wins, in one step that also brings the digest along. It is written in `tmp`, read
back for its digest, and renamed. Nothing is synced to the disk: after a power cut an entry may hold anything,
and its digest shows that.

**Integrity.** An entry is read whole and compared with its SHA-256 when a process first asks for it, and once
only (until it is replaced). Not in chunks as they are read: whoever maps a plate into memory would have to go
through this module for every frame, and reading it once is what brings it into the page cache. SHA-256 takes
0.7-1.5 GB/s where the processor has instructions for it, half a second for a plate of 500 MB that took a
minute to make. A damaged entry is dropped, and whoever asked makes it again.

**Use.** The modification time of `data` is when the entry was last used, to within `cache_entries.TOUCH_S`.
Pruning takes artifacts first (they were published elsewhere too), then other kinds, from the least recently
used on. Held entries stay: a holder has a shared lock on the byte of `held` that stands for its entry, which
goes with its process however that ends. A file that is open or mapped stays readable after its entry is gone.

**A second level** may lie behind the folder (`SharedLevel`, `shared_cache`): what is not here and of one of
`SHARED_KINDS` is fetched from there and stored here, and what is stored here is sent there.

**Faults.** An entry that cannot be read is not there. One that cannot be stored raises `CacheFault`, which a
caller that has the piece in its hands swallows: a full disk costs the next run time, this one nothing.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from framepress.cache_entries import CheckedEntries, Verified, verify
from framepress.cache_folder import CacheFolder, Sum, read_sum
from framepress.cache_limit import CacheInfo, Freed, Quota, default_limit, prune, summed
from framepress.errors import CacheFault
from framepress.file_copy import copy_file

__all__ = ["SHARED_KINDS", "Cache", "CacheInfo", "Counters", "Freed", "SharedLevel"]

#: The kinds that go to the second level: plates are raw pictures, larger than what they save elsewhere.
SHARED_KINDS = frozenset({"artifact", "plan", "segment"})


@dataclass
class Counters:
    """What one `Cache` did so far. `damaged` entries were dropped; `unkept` pieces could not be stored."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    damaged: int = 0
    unkept: int = 0


class SharedLevel(Protocol):
    """What a cache needs of its second level, which is never at fault for anything here."""

    def fetch(self, kind: str, key: str, target: BinaryIO) -> bool:
        """Write the piece into `target`; False: it is not there, and what was written means nothing."""

    def offer(self, kind: str, key: str, data: Path, known: Sum) -> None:
        """Take a piece, now or later or never."""

    def close(self) -> None:
        """Take what was offered, within seconds."""


class _NotThereEither(Exception):
    """The second level does not have it."""


class Cache:
    """One folder for any number of processes; content-addressed pieces by kind and key.

    May be used from several threads. Every method raises `InternalError` for a kind that is no lower-case
    word or a key that is no digest.

    Attributes:
        folder: as given.
        limit_bytes: the cache is pruned to below this when it grows beyond.
        counters: of this object.
    """

    def __init__(
        self, folder: Path, *, limit_bytes: int | None = None, shared: SharedLevel | None = None
    ) -> None:
        """Open the cache, made if it is not there, and sweep what killed processes left in it.

        Args:
            limit_bytes: None: 10 GB, or a tenth of the disk, whichever is less.
            shared: a second level, closed by `close`.

        Raises:
            CacheFault: the folder cannot be used, is not a cache, or one of another version.
        """
        self.folder = folder
        self.counters = Counters()
        self._shared = shared
        self._files = CacheFolder(folder)
        self._files.prepare()
        self._files.sweep()
        self._entries = CheckedEntries(self._files, self._damaged)
        self.limit_bytes = limit_bytes if limit_bytes is not None else default_limit(folder)
        self._quota = Quota(self._files, self.limit_bytes)

    def close(self) -> None:
        """Wait for what goes to the second level; nothing to do without one. May be called more than once."""
        if self._shared is not None:
            self._shared.close()

    # ---- pieces ---------------------------------------------------------------------------------

    def get(self, kind: str, key: str) -> Path | None:
        """The file of a whole, checked entry, marked as used; None: it is not there.

        Between this call and its opening the file may be pruned away, unless the entry is held
        (`hold`): then open it and take FileNotFoundError for None. Never write to it.
        """
        path = self._entries.whole(kind, key) or self._from_shared(kind, key)
        if path is None:
            self.counters.misses += 1
            return None
        self.counters.hits += 1
        return path

    def get_bytes(self, kind: str, key: str) -> bytes | None:
        """What a whole, checked entry holds, marked as used; None: it is not there."""
        path = self.get(kind, key)
        if path is None:
            return None
        try:
            return path.read_bytes()
        except OSError:
            return None

    def put(self, kind: str, key: str, write: Callable[[BinaryIO], object]) -> Path:
        """Store what `write` writes. If somebody else has stored the key meanwhile, theirs is kept.

        Args:
            write: gets a new file, a real one, to write, seek and map as it likes; not to close.

        Returns:
            Path of the entry that is there now, as from `get`.

        Raises:
            CacheFault: the disk is full, or the folder cannot be written; nothing was stored. OSError from
                `write` counts as that. Whatever else `write` raises passes through, and nothing was stored.
        """
        try:
            if not self._files.is_prepared():
                # Somebody has removed the whole folder under us.
                self._files.prepare()
            return self._put(kind, key, write)
        except OSError as exc:
            self.counters.unkept += 1
            full = exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise CacheFault(
                f"{self.folder}: a {kind} could not be kept in the cache: {exc.strerror or exc}.",
                rule="disk-full" if full else "cache-put",
            ) from exc

    def put_bytes(self, kind: str, key: str, data: bytes) -> Path:
        """`put` of some bytes."""
        return self.put(kind, key, lambda stream: stream.write(data))

    def put_file(self, kind: str, key: str, source: Path) -> Path:
        """`put` of a file's content as a reflink or a copy, never as a hard link. `source` stays as it is."""

        def write(target: BinaryIO) -> None:
            with source.open("rb") as stream:
                copy_file(stream, target)

        return self.put(kind, key, write)

    def offer(self, kind: str, key: str) -> None:
        """Send an entry that another process put here to the second level; `put` does so by itself."""
        place = self._files.path_of(kind, key)
        known = read_sum(place)
        if self._shared is not None and known is not None and kind in SHARED_KINDS:
            self._shared.offer(kind, key, place / "data", known)

    def remove(self, kind: str, key: str) -> None:
        """Take an entry out, held or not; fine if it is not there."""
        self._files.drop(kind, key)

    def keys(self, kind: str) -> list[str]:
        """The keys of all entries of a kind, in no order; others may come and go meanwhile."""
        return [entry.key for entry in self._files.entries() if entry.kind == kind]

    def hold(self, kind: str, key: str) -> AbstractContextManager[None]:
        """The entry is in use: it is not pruned while the block runs or until this process has ended.

        The entry need not be there: hold first, then `get`, and `put` what is missing. Costs a descriptor.
        """
        self._files.path_of(kind, key)
        return self._files.held(kind, key)

    # ---- the whole ------------------------------------------------------------------------------

    def info(self) -> CacheInfo:
        """What the cache holds."""
        return summed(self.folder, self.limit_bytes, self._files.entries())

    def prune(self, limit_bytes: int | None = None, older_than_s: float | None = None) -> Freed:
        """Take out what was not used for `older_than_s`, then what is over the limit; held entries stay.

        Args:
            limit_bytes: None: the cache's own limit.
        """
        used_before_ns = None if older_than_s is None else time.time_ns() - int(older_than_s * 1e9)
        self._files.sweep()
        limit = self.limit_bytes if limit_bytes is None else limit_bytes
        freed, _ = prune(self._files, limit_bytes=limit, used_before_ns=used_before_ns)
        return freed

    def clear(self) -> Freed:
        """Take out everything that is not held."""
        return self.prune(limit_bytes=-1)

    def verify(self, progress: Callable[[int, int], None] = lambda _, __: None) -> Verified:
        """Read every entry, and drop those that are damaged. Marks nothing as used.

        Args:
            progress: called with the bytes that are read and the bytes in all.
        """
        return verify(self._files, progress)

    # ---- inside ---------------------------------------------------------------------------------

    def _from_shared(self, kind: str, key: str) -> Path | None:
        shared = self._shared
        if shared is None or kind not in SHARED_KINDS:
            return None

        def write(target: BinaryIO) -> None:
            if not shared.fetch(kind, key, target):
                raise _NotThereEither

        try:
            return self._put(kind, key, write, offer=False)
        except _NotThereEither:
            return None
        except OSError:
            self.counters.unkept += 1
            return None

    def _damaged(self, kind: str, key: str) -> None:
        self.counters.damaged += self._files.drop(kind, key)

    def _put(self, kind: str, key: str, write: Callable[[BinaryIO], object], *, offer: bool = True) -> Path:
        place = self._files.path_of(kind, key)
        known = self._entries.put(kind, key, write)
        if known is None:
            return place / "data"
        self.counters.stored += 1
        if offer and self._shared is not None and kind in SHARED_KINDS:
            self._shared.offer(kind, key, place / "data", known)
        self._quota.added(known.size_bytes, keep=(kind, key))
        return place / "data"
