"""The folder of a cache: where things lie, who holds them, what a killed process left.

The layout is specified in `cache`. Everything here may be done by any number of processes at once.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from framepress.errors import CacheFault, InternalError
from framepress.partial import is_left_behind, partial_name, replacing

#: Raised when the layout changes. A folder of another version is refused, never guessed at.
CACHE_VERSION = 1

_VERSION_TEXT = f"framepress cache {CACHE_VERSION}\n"

#: Source: https://bford.info/cachedir/ - programs that make backups leave such a folder out.
_TAG_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is a cache of framepress. `framepress cache clear` empties it; nothing is lost but time.\n"
)

#: What may lie in the folder; a folder with anything else in it and no version is somebody else's.
_OURS = frozenset({"version", "CACHEDIR.TAG", "entries", "tmp", "held", "usage"})

_KIND = re.compile(r"[a-z]{1,32}")
_KEY = re.compile(r"[0-9a-f]{64}")
_SUM = re.compile(rb"sha256 ([0-9a-f]{64})\nsize ([0-9]{1,20})\n")

#: Bytes of a `sum` file at most.
_SUM_BYTES_MAX = 200

#: Bytes read at once when an entry is checked.
_CHUNK_BYTES = 1 << 20

#: How a file system says that it knows no locks; entries are then not held, and pruning may meet one in use.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as a walk over the folder finds it.

    Attributes:
        size_bytes: of its data.
        used_ns: when it was last used, nanoseconds since 1970.
    """

    kind: str
    key: str
    size_bytes: int
    used_ns: int


class CacheFolder:
    """The files of a cache.

    Args:
        root: made by `prepare` if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, private and marked as a cache, or see that it is one.

        Raises:
            CacheFault: it cannot be made, holds other things, or is of another version.
        """
        try:
            self._prepare()
        except OSError as exc:
            raise CacheFault(
                f"{self.root}: the cache folder cannot be used: {exc.strerror}. Choose another with "
                "--cache-dir or FRAMEPRESS_CACHE_DIR, or go without: --no-cache.",
                rule="cache-folder",
            ) from exc

    def _prepare(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.version()
        if found is None:
            names = {path.name for path in self.root.iterdir() if not path.name.endswith(".partial")}
            # Another process may have made it since.
            if names - _OURS and self.version() is None:
                raise CacheFault(
                    f"{self.root} holds files that are not a cache of framepress and is left alone. Choose "
                    "an empty or a new folder with --cache-dir.",
                    rule="cache-foreign",
                )
            self.root.chmod(0o700)
            self._write("version", _VERSION_TEXT)
            self._write("CACHEDIR.TAG", _TAG_TEXT)
        elif found != _VERSION_TEXT:
            raise CacheFault(
                f"{self.root} is a cache of another version of framepress. Empty it with `framepress cache "
                "clear`, or choose another with --cache-dir.",
                rule="cache-version",
            )
        for name in ("entries", "tmp"):
            (self.root / name).mkdir(mode=0o700, exist_ok=True)

    def is_prepared(self) -> bool:
        """Whether `prepare` was called and nobody has removed the folder since."""
        return (self.root / "tmp").is_dir() and (self.root / "version").is_file()

    def version(self) -> str | None:
        """What the version file says; None: there is none."""
        try:
            return (self.root / "version").read_text("utf-8", "replace")
        except FileNotFoundError:
            return None

    def empty_other_version(self) -> bool:
        """Empty a cache of another version, which is nobody's at the moment; False: it is none.

        Raises:
            CacheFault: files in it cannot be removed.
        """
        found = self.version()
        if found in (None, _VERSION_TEXT) or not f"{found}".startswith("framepress cache "):
            return False
        try:
            for name in _OURS - {"version", "CACHEDIR.TAG"}:
                path = self.root / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            self._write("version", _VERSION_TEXT)
        except OSError as exc:
            raise CacheFault(f"{self.root} cannot be emptied: {exc.strerror}.", rule="cache-folder") from exc
        return True

    def _write(self, name: str, text: str) -> None:
        with replacing(self.root / name) as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(text.encode())

    # ---- entries --------------------------------------------------------------------------------

    def path_of(self, kind: str, key: str) -> Path:
        """The folder of an entry.

        Raises:
            InternalError: the kind is no word or the key no digest.
        """
        if not _KIND.fullmatch(kind) or not _KEY.fullmatch(key):
            raise InternalError(
                "The cache was given a kind that is not a lower-case word or a key that is no digest."
            )
        return self.root / "entries" / kind / key[:2] / key

    def entries(self) -> Iterator[Entry]:
        """Every entry there is, in no order; others may come and go meanwhile."""
        for kind in _names(f"{self.root}/entries", _KIND):
            for fan in _names(f"{self.root}/entries/{kind}"):
                folder = f"{self.root}/entries/{kind}/{fan}"
                for key in _names(folder, _KEY):
                    try:
                        facts = os.stat(f"{folder}/{key}/data")  # noqa: PTH116 - three times as fast
                    except OSError:
                        continue
                    yield Entry(kind, key, facts.st_size, facts.st_mtime_ns)

    def new(self, name: str) -> Path:
        """A new folder for an entry in the making."""
        path = self.root / "tmp" / partial_name(name)
        path.mkdir(mode=0o700)
        return path

    def make_place(self, kind: str, key: str) -> Path:
        """The folder in which an entry's folder belongs, made if need be."""
        fan = self.path_of(kind, key).parent
        if not fan.is_dir():
            # One by one: with `parents`, only the last would be private.
            for folder in (fan.parent.parent, fan.parent, fan):
                folder.mkdir(mode=0o700, exist_ok=True)
        return fan

    def drop(self, kind: str, key: str) -> bool:
        """Take an entry out and delete it; False: it is not there. Files that are open stay readable."""
        aside = self.root / "tmp" / partial_name(key)
        try:
            self.path_of(kind, key).rename(aside)
        except OSError:
            return False
        shutil.rmtree(aside, ignore_errors=True)
        return True

    def sweep(self) -> int:
        """Remove what killed processes left in the making; return how many. Living ones keep theirs."""
        removed = 0
        for name in _names(f"{self.root}/tmp"):
            path = self.root / "tmp" / name
            if is_left_behind(path):
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
        return removed

    # ---- who holds what -------------------------------------------------------------------------

    @contextmanager
    def held(self, kind: str, key: str) -> Iterator[None]:
        """Keep an entry from being pruned, also one that is yet to be stored; any number may."""
        with self._locked(kind, key, fcntl.F_RDLCK, wait=True):
            yield

    @contextmanager
    def unheld(self, kind: str, key: str) -> Iterator[bool]:
        """Whether nobody holds the entry; while the block runs nobody can begin to."""
        with self._locked(kind, key, fcntl.F_WRLCK, wait=False) as locked:
            yield locked

    @contextmanager
    def _locked(self, kind: str, key: str, type_: int, *, wait: bool) -> Iterator[bool]:
        """A lock on one byte of the file `held`; it goes with the process, however that ends.

        Locks of open file descriptions belong to this descriptor alone, not to the process: a thread that
        lets go of its entry lets go of no other's, and a process that holds does not get past itself.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self.root / "held", flags, 0o600)
        except OSError:
            # A folder that cannot be written cannot be pruned either.
            yield True
            return
        try:
            yield _lock(descriptor, _byte_of(kind, key), type_, wait=wait)
        finally:
            os.close(descriptor)


def _byte_of(kind: str, key: str) -> int:
    """Which byte stands for an entry: 62 bits, so that two entries do not share one in practice."""
    return int.from_bytes(hashlib.sha256(f"{kind}/{key}".encode()).digest()[:8], "big") >> 2


def _lock(descriptor: int, byte: int, type_: int, *, wait: bool) -> bool:
    if not hasattr(fcntl, "F_OFD_SETLK"):
        # Not Linux. Locks of the process: it gets past itself, other processes do not.
        command = fcntl.LOCK_SH if type_ == fcntl.F_RDLCK else fcntl.LOCK_EX
        try:
            fcntl.lockf(descriptor, command | (0 if wait else fcntl.LOCK_NB), 1, byte)
        except OSError as exc:
            return exc.errno in _NO_LOCKS
        return True
    # struct flock: l_type, l_whence, l_start, l_len, l_pid (0 for these locks).
    asked = struct.pack("hhqqi4x", type_, os.SEEK_SET, byte, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, asked)
    except OSError as exc:
        return exc.errno in _NO_LOCKS
    return True


def _names(folder: str, pattern: re.Pattern[str] | None = None) -> list[str]:
    """Names in a folder; none if it is not there."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are all that is needed, of a million perhaps
    except OSError:
        return []
    return [name for name in names if pattern is None or pattern.fullmatch(name)]


# ---- an entry's own digest ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sum:
    """What an entry must be."""

    sha256: str
    size_bytes: int


def read_sum(entry: Path) -> Sum | None:
    """The sum stored with an entry; None: there is none, or it is damaged."""
    try:
        with (entry / "sum").open("rb") as stream:
            return parse_sum(stream.read(_SUM_BYTES_MAX))
    except OSError:
        return None


def parse_sum(text: bytes) -> Sum | None:
    """The sum in the text of a `sum` file; None: it is none."""
    match = _SUM.fullmatch(text)
    return Sum(match[1].decode(), int(match[2])) if match else None


def sum_text(known: Sum) -> bytes:
    """A sum as it is stored."""
    return f"sha256 {known.sha256}\nsize {known.size_bytes}\n".encode()


def write_sum(entry: Path, known: Sum) -> None:
    """Store the sum with an entry in the making."""
    descriptor = os.open(entry / "sum", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(sum_text(known))


def sum_of(data: Path) -> Sum:
    """The sum of what a file holds now. Raises OSError as `open` and `read` do."""
    digest = hashlib.sha256()
    size = 0
    buffer = bytearray(_CHUNK_BYTES)
    view = memoryview(buffer)
    with data.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            digest.update(view[:count])
            size += count
    return Sum(digest.hexdigest(), size)


def make_private_file(path: Path) -> int:
    """Descriptor of a new file that only this user may read."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def remove_tree(path: Path) -> None:
    """Remove a folder of ours; one that is gone already is fine."""
    with suppress(OSError):
        shutil.rmtree(path)
