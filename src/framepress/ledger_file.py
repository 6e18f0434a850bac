"""The file below a ledger: where it lies, who holds it, how it is written, SQLite's errors in our words."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from framepress.errors import EnvironmentFault, StorageFault, UsageError

#: Raised when the tables change. A ledger of another version is refused, never guessed at.
SCHEMA_VERSION = 1

#: Seconds to wait for a reader from outside (a copy, a query) that holds the file.
BUSY_S = 30.0

_RUN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def run_path(folder: Path, run_id: str) -> Path:
    """The run's file; its folder exists afterwards, private.

    Raises:
        UsageError: `run_id` is not a plain file name.
        StorageFault: the folder cannot be made.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(
            "A run's name has up to 100 letters, digits, dots, dashes and underscores, and no dot in front.",
            rule="run-id",
        )
    runs = folder / ".framepress" / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        for private in (runs.parent, runs):
            if private.stat().st_mode & 0o077:
                private.chmod(0o700)
    except OSError as exc:
        raise StorageFault(
            f"{runs} cannot be made: {exc.strerror}. Choose a folder that can be written with --out-dir.",
            rule="not-writable",
        ) from exc
    return runs / f"{run_id}.sqlite3"


def connect(path: Path, schema: str, *, fresh: bool, any_thread: bool = False) -> sqlite3.Connection:
    """Open the database, made on first use; `fresh`: made anew. The caller holds the run's lock.

    Args:
        any_thread: the connection is passed between threads, by a caller that lets in one at a time.

    Raises:
        StorageFault: it cannot be opened, is damaged, or has another version.
    """
    try:
        if fresh:
            for suffix in ("", "-wal", "-shm", "-journal"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        # Made by us and not by SQLite: it would take the process's umask. -wal and -shm copy this mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError as exc:
        raise StorageFault(f"{path} cannot be written: {exc.strerror}.", rule="not-writable") from exc
    db: sqlite3.Connection | None = None
    try:
        with faults(path):
            db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=not any_thread)
            _prepare(db, path, schema)
            return db
    except BaseException:
        if db is not None:
            db.close()
        raise


def _prepare(db: sqlite3.Connection, path: Path, schema: str) -> None:
    # A network file system may have no shared memory for the WAL; SQLite then answers with the mode it kept,
    # or fails at the first use.
    try:
        mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except sqlite3.OperationalError:
        mode = ""
    if mode != "wal":
        db.execute("PRAGMA journal_mode=DELETE")
    # A power cut may take back the last commits, never more; a row taken back is found in the store.
    db.execute("PRAGMA synchronous=NORMAL")
    # Values must not land in a world-readable temporary folder.
    db.execute("PRAGMA temp_store=MEMORY")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        db.executescript(f"BEGIN IMMEDIATE;{schema}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
    elif version != SCHEMA_VERSION:
        raise StorageFault(
            f"{path} was written by another version of framepress (its format is {version}, expected "
            f"{SCHEMA_VERSION}). Finish the run with that version, or begin it anew with --fresh.",
            rule="ledger-version",
        )


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into `StorageFault`; the rest are mistakes of ours and pass."""
    try:
        yield
    except sqlite3.DatabaseError as exc:
        what = _FAULTS.get(getattr(exc, "sqlite_errorcode", 0) & 0xFF)
        if what is None:
            raise
        rule, problem = what
        raise StorageFault(f"{path}: {problem}", rule=rule) from exc


_FAULTS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("disk-full", "the disk is full. Make room; the same command then goes on."),
    sqlite3.SQLITE_IOERR: ("disk-io", "the disk did not take or give the data. Check it; is it full?"),
    sqlite3.SQLITE_READONLY: ("not-writable", "the file cannot be written. Check its permissions."),
    sqlite3.SQLITE_CANTOPEN: ("not-writable", "the file cannot be opened. Check its permissions."),
    sqlite3.SQLITE_PERM: ("not-writable", "the file cannot be opened. Check its permissions."),
    sqlite3.SQLITE_BUSY: (
        "busy",
        f"another program has held the file for {BUSY_S:.0f} s. Close it, try again.",
    ),
    sqlite3.SQLITE_CORRUPT: ("damaged", "the file is damaged. Begin the run anew with --fresh."),
    sqlite3.SQLITE_NOTADB: ("damaged", "this is no ledger. Begin the run anew with --fresh."),
}


class RunLock:
    """One process per run. The lock goes with the process, however it ends; the file stays, with its pid.

    Attributes:
        held: False where the file system knows no locks (some FUSE mounts); the run goes on without.
    """

    def __init__(self, path: Path, run_id: str) -> None:
        self.held = True
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as exc:
            raise StorageFault(f"{path} cannot be written: {exc.strerror}.", rule="not-writable") from exc
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            self.release()
            raise EnvironmentFault(
                f"Run {run_id} is being rendered by process {pid}. Wait for it, or stop it and repeat the "
                "command: what is finished is kept.",
                rule="run-locked",
            ) from exc
        except OSError as exc:
            if exc.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL):
                self.release()
                raise StorageFault(f"{path} cannot be locked: {exc.strerror}.", rule="not-writable") from exc
            self.held = False
        with contextlib.suppress(OSError):  # the pid is for a message only; a full disk is found elsewhere
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        # flock belongs to the open file, which a forked child shares: it would hold the run after our death.
        os.register_at_fork(after_in_child=partial(_release, weakref.ref(self)))

    def release(self) -> None:
        """Let go; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _release(lock: weakref.ref[RunLock]) -> None:
    if (held := lock()) is not None:
        held.release()


class RunDatabase:
    """The database of one run, held by one process and used from one thread.

    Every method raises `StorageFault` if the disk is full or the file cannot be read or written; what was
    recorded before stays.
    """

    def __init__(self, connection: sqlite3.Connection, lock: RunLock, path: Path) -> None:
        self.path = path
        self._db = connection
        self._lock = lock
        self._in_batch = False

    def close(self) -> None:
        try:
            self._db.close()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Many writes as one: all are kept, or none if the block raises. In a nested use the outer counts."""
        if self._in_batch:
            yield
            return
        self._execute("BEGIN IMMEDIATE")
        self._in_batch = True
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                with faults(self.path):
                    self._db.execute("ROLLBACK")
            raise
        finally:
            self._in_batch = False

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        with faults(self.path):
            return self._db.execute(statement, values)
