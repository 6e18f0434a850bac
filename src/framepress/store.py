"""Finished files in a folder, each with its provenance inside.

An MP4 says in its own ``comment`` what it is (`provenance`). There is no list beside the files: whoever moves
or copies one takes its facts along.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from framepress.errors import InputError, InternalError, StorageFault
from framepress.file_copy import copy_file
from framepress.mp4_metadata import read_comment
from framepress.partial import is_left_behind, partial_name
from framepress.provenance import Demands, parse_provenance, satisfies

#: How file systems that cannot rename say so (mounted buckets).
_NO_RENAME = (errno.ENOSYS, errno.EPERM, errno.EXDEV, errno.ENOTSUP)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the store.

    Attributes:
        path: where it is; the URL of an object in a bucket.
        row_key: what the file satisfies; None: it is not ours, or not whole.
        provenance: what it says of itself; empty: it is not ours.
        size: bytes.
        whole: False if its writer died half-way, which only a store that cannot rename allows.
        was_there: of what `Store.publish` returns: somebody else's stood there already, and stayed.
    """

    name: str
    path: Path | str
    size: int
    row_key: str | None
    provenance: Mapping[str, Any]
    whole: bool
    was_there: bool = False

    @property
    def foreign(self) -> bool:
        """Not made by framepress: never to be overwritten unless the user says so (``--force``)."""
        return not self.provenance

    def satisfies(self, row_key: str, demands: Demands) -> bool:
        """Whether the file will do for a row of this key."""
        return self.row_key == row_key and satisfies(self.provenance, demands)

    @property
    def plan(self) -> str | None:
        """Digest of the plan that it was made by; None: by none."""
        return str(self.provenance.get("plan") or "") or None

    @property
    def environment(self) -> str | None:
        """Digest of the environment that made it, if it says so."""
        return str(self.provenance.get("environment") or "") or None


#: What `Store.find` demands if nobody says otherwise.
ANY_WILL_DO = Demands()


class Store(Protocol):
    """Where finished files go: a folder (`FolderStore`) or a bucket (`object_store.ObjectStore`)."""

    def check_writable(self) -> None: ...
    def sweep(self) -> int: ...
    def place_of(self, name: str) -> str: ...
    def lookup(self, name: str) -> Stored | None: ...
    def find(
        self, name: str, row_key: str, *, way_out: str, demands: Demands = ANY_WILL_DO
    ) -> Stored | None: ...
    def publish(self, local: Path, name: str, *, stays: Demands | None = ANY_WILL_DO) -> Stored: ...
    def publish_bytes(self, data: bytes, name: str) -> Path | str: ...
    def read_head(self, name: str, size: int) -> bytes | None: ...


class FolderStore:
    """Artifacts below one folder. Names are relative, ``/`` between parts, as `names.safe_name` gives them.

    All methods raise `StorageFault` if the disk is full or the folder cannot be read or written. Nothing is
    then left of what was begun.

    Attributes:
        renames: False once the file system has refused to rename; files are then written under their
            final names, front to back.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.renames = True

    def check_writable(self) -> None:
        """Make the folder if need be, and write and rename a file in it, to know before the first row."""
        probe = self.root / partial_name("probe")
        with _faults(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                probe.write_bytes(b"probe")
                self._rename(probe, self.root / partial_name("probe"), final=False)
            finally:
                with suppress(OSError):
                    probe.unlink()

    def path_of(self, name: str) -> Path:
        """Where the file of that name is or would be."""
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\0" in name:
            raise InternalError("The store was given a name that leaves its folder.")
        return self.root.joinpath(*parts)

    def place_of(self, name: str) -> str:
        """`path_of` as text, for people."""
        return str(self.path_of(name))

    def read_head(self, name: str, size: int) -> bytes | None:
        """The first `size` bytes of a file; None: there is none."""
        path = self.path_of(name)
        with _faults(path):
            try:
                with path.open("rb") as stream:
                    return stream.read(size)
            except FileNotFoundError:
                return None

    def lookup(self, name: str) -> Stored | None:
        """What is stored under the name; None: nothing. Reads a few hundred bytes."""
        path = self.path_of(name)
        with _faults(path):
            return inspect_file(path, name)

    def find(self, name: str, row_key: str, *, way_out: str, demands: Demands = ANY_WILL_DO) -> Stored | None:
        """What is stored under the name if it will do; None: it may be made or replaced.

        Raises:
            InputError: a file that is not ours is in the way; `way_out` ends the message.
        """
        stored = self.lookup(name)
        if stored is not None and stored.foreign:
            raise InputError(
                f"{stored.path}: a file that framepress did not make is in the way. {way_out}",
                rule="foreign-file",
            )
        return stored if stored is not None and stored.satisfies(row_key, demands) else None

    def publish(self, local: Path, name: str, *, stays: Demands | None = ANY_WILL_DO) -> Stored:
        """Copy a finished file into the store, front to back; it appears under its name whole.

        A file of the same row key that somebody else has published meanwhile is as good as ours: it stays,
        and that is success. Another is replaced, and whoever reads it meanwhile keeps the old file. Where the
        file system cannot rename, the final name itself is written, and a process killed meanwhile leaves a
        file that is not `whole`.

        Args:
            stays: what one of the same key must be to stay; None: it is replaced too.
        """

        def write(target: BinaryIO) -> None:
            with local.open("rb") as source:
                copy_file(source, target)

        def same() -> bool:
            ours, there = inspect_file(local), self.lookup(name)
            if stays is None or ours is None or ours.row_key is None:
                return False
            return there is not None and there.satisfies(ours.row_key, stays)

        placed = self._publish(write, self.path_of(name), same)
        stored = self.lookup(name)
        if stored is None:
            raise StorageFault(
                f"{self.path_of(name)} is gone at once. Is another program clearing the folder?"
            )
        return replace(stored, was_there=not placed)

    def publish_bytes(self, data: bytes, name: str) -> Path:
        """Store a small file, such as a poster, and return where it is."""
        path = self.path_of(name)
        self._publish(lambda target: target.write(data), path)
        return path

    def sweep(self) -> int:
        """Remove what killed processes left half-written; return how many files. Living ones keep theirs."""
        removed = 0
        for folder, _, files in os.walk(self.root):
            for file in files:
                path = Path(folder, file)
                if file.endswith(".partial") and is_left_behind(path):
                    with suppress(OSError):
                        path.unlink()
                        removed += 1
        return removed

    def _publish(
        self, write: Callable[[BinaryIO], object], path: Path, same: Callable[[], bool] = lambda: False
    ) -> bool:
        """Write a file; False: what is there is the `same`, and stayed."""
        with _faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if self.renames:
                partial = path.with_name(partial_name(path.name))
                _write_file(partial, write, "xb")
                if _linked(partial, path):
                    return True
                try:
                    stays = same()
                except BaseException:
                    partial.unlink()
                    raise
                if stays:
                    partial.unlink()
                    return False
                if self._rename(partial, path, final=True):
                    return True
            elif same():
                return False
            _write_file(path, write, "wb")
            return True

    def _rename(self, source: Path, target: Path, *, final: bool) -> bool:
        """Rename, or note that this file system cannot. `source` is gone afterwards, and a probe's target."""
        try:
            source.replace(target)
        except OSError as exc:
            with suppress(OSError):
                source.unlink()
            if exc.errno not in _NO_RENAME:
                raise
            self.renames = False
            return False
        if not final:
            target.unlink()
        return True


def _linked(partial: Path, path: Path) -> bool:
    """Give the file its final name if nothing has that; False: something has, or links are not known here."""
    try:
        os.link(partial, path)
    except OSError:
        return False
    partial.unlink()
    return True


def inspect_file(path: Path, name: str = "") -> Stored | None:
    """What a file says of itself; None: there is none. Reads a few hundred bytes.

    Raises:
        StorageFault: it is no file. OSError: it cannot be read.
    """
    try:
        # Asked before it is opened: opening a pipe would wait for its other end.
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise StorageFault(f"{path} is not a file. Remove it or choose another.", rule="kind")
        with path.open("rb", buffering=4096) as stream:
            comment = read_comment(stream, facts.st_size)
    except FileNotFoundError:
        return None
    provenance = parse_provenance(comment.text)
    key = provenance.get("row_key")
    row_key = key if comment.whole and isinstance(key, str) else None
    return Stored(name, path, facts.st_size, row_key, provenance, comment.whole)


def _write_file(path: Path, write: Callable[[BinaryIO], object], mode: str) -> None:
    with path.open(mode) as stream:
        try:
            write(stream)  # type: ignore[arg-type]
            stream.flush()
            os.fsync(stream.fileno())
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise


def read_provenance(path: Path) -> dict[str, Any]:
    """What a finished MP4 says of itself; empty if it says nothing that we know."""
    with _faults(path):
        found = inspect_file(path)
    return dict(found.provenance) if found is not None else {}


_PROBLEMS: dict[int, tuple[str, str]] = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        (
            "disk-full",
            "the disk is full, or a quota or size limit is reached. Make room; the same command goes on.",
        ),
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        (
            "not-writable",
            "it may not be written or read. Check its permissions, or choose another by --out or --out-dir.",
        ),
    ),
    **dict.fromkeys(
        (errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
        ("kind", "a folder stands where a file should be, or the other way round. Choose another name."),
    ),
}


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        rule, problem = _PROBLEMS.get(
            exc.errno or 0, ("storage", f"{exc.strerror}. Choose another folder with --out or --out-dir.")
        )
        raise StorageFault(f"{path}: {problem}", rule=rule) from exc
