"""A second level of the cache in an object store: slower than a disk, faster than a render.

An object is ``<prefix>/1/<kind>/<kk>/<key>``: the text of an entry's ``sum`` (see `cache`), then its data.
Whoever fetches one compares; a damaged object counts as missing and is overwritten when the piece was made
anew.

The store is a help and never a condition. What takes longer than the timeouts below, or is refused, is a
fault; after the first one this process asks the store no more, says so once, and the run goes on as if it had
none. Uploads happen in a thread, from files that are open, so that pruning does not take them away.

Credentials come from where the store's own tools look for them (variables, the machine's role) and never from
options. ``AWS_ENDPOINT_URL`` names another S3.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from framepress.cache_folder import Sum, parse_sum, sum_text
from framepress.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: Version of the objects' layout, part of their path.
OBJECT_VERSION = 1

#: Seconds to connect, and to wait for the next bytes, before a store counts as unreachable.
CONNECT_S = 2
READ_S = 4

#: Seconds for one object at most.
REQUEST_S = 120

#: Uploads that wait at most, each with an open file; and seconds a maker waits for a place among them.
QUEUE_MAX = 64
QUEUE_S = 5.0

#: Seconds that the end of a run waits for the uploads of a store that answers.
FLUSH_S = 30.0

#: Objects up to this size are sent in one piece.
WHOLE_BYTES_MAX = 8 << 20

_CHUNK_BYTES = 1 << 20

_SCHEMES = ("s3", "gs", "az", "azure", "abfs", "abfss", "file", "memory")


@dataclass(frozen=True)
class SharedOptions:
    """Where the store is; data only, for workers too.

    Attributes:
        url: such as ``s3://bucket/folder``.
        allow_http: the endpoint that the environment names is not encrypted.
    """

    url: str
    allow_http: bool = False


@dataclass(frozen=True)
class SharedCounters:
    """`faults` is 0 or 1 per process: after one the store is not asked again."""

    fetched: int = 0
    missing: int = 0
    damaged: int = 0
    sent: int = 0
    unsent: int = 0
    faults: int = 0


def check_url(url: str) -> None:
    """Refuse what is no address of a store.

    Raises:
        UsageError: the scheme is none of ours, or there are credentials in it.
    """
    scheme, sign, rest = url.partition("://")
    if not sign or scheme not in _SCHEMES:
        raise UsageError(
            "--shared-cache takes the address of an object store, such as s3://bucket/folder, gs://bucket, "
            "az://account/container or file:///srv/cache.",
            rule="shared-cache",
        )
    if "@" in rest.partition("/")[0] or "?" in rest:
        raise UsageError(
            "--shared-cache: credentials do not belong into the address; they are taken from the "
            "environment.",
            rule="shared-cache-credentials",
        )


class SharedCache:
    """Pieces by kind and key in an object store, which raises nothing; may be used from several threads.

    Args:
        warn: called once, with a sentence for the person at the terminal, when the store is given up.
    """

    def __init__(self, options: SharedOptions, warn: Callable[[str], None] = lambda _: None) -> None:
        check_url(options.url)
        self._options = options
        self._warn = warn
        self._lock = threading.Lock()
        self._counters = SharedCounters()
        self._store: ObjectStore | None = None
        self._given_up = False
        self._uploads: queue.Queue[tuple[str, BinaryIO, Sum] | None] = queue.Queue(QUEUE_MAX)
        self._thread: threading.Thread | None = None

    @property
    def counters(self) -> SharedCounters:
        return self._counters

    def fetch(self, kind: str, key: str, target: BinaryIO) -> bool:
        """Write a piece into `target`; False: it is not there, and what was written is to be thrown away."""
        import obstore  # noqa: PLC0415

        if self._given_up:
            return False
        try:
            found = obstore.get(self._open(), _path(kind, key))
            whole = _copy(found.stream(min_chunk_size=_CHUNK_BYTES), target)
        except FileNotFoundError:
            self._count(missing=1)
            return False
        except OSError as exc:
            if exc.errno is not None:
                # The target's disk, not the store.
                raise
            self._give_up(exc)
            return False
        except Exception as exc:
            self._give_up(exc)
            return False
        self._count(fetched=int(whole), damaged=int(not whole))
        return whole

    def offer(self, kind: str, key: str, data: Path, known: Sum) -> None:
        """Send a piece to the store, in a thread; nothing is promised."""
        if self._given_up:
            return
        try:
            stream = data.open("rb")
        except OSError:
            # Pruned already.
            self._count(unsent=1)
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_all, name="shared-cache", daemon=True)
                self._thread.start()
        try:
            self._uploads.put((_path(kind, key), stream, known), timeout=QUEUE_S)
        except queue.Full:
            stream.close()
            self._count(unsent=1)
            self._give_up(TimeoutError("it takes pieces more slowly than they are made"))

    def close(self) -> None:
        """Send what waits, for `FLUSH_S` at most, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            self._uploads.put(None, timeout=QUEUE_S)
        except queue.Full:
            return
        thread.join(FLUSH_S)

    # ---- inside ---------------------------------------------------------------------------------

    def _open(self) -> ObjectStore:
        from obstore.store import from_url  # noqa: PLC0415

        with self._lock:
            if self._store is None:
                scheme = self._options.url.partition(":")[0]
                more: dict[str, Any] = {"mkdir": True} if scheme == "file" else {}
                if scheme not in ("file", "memory"):
                    more = {"client_options": self._client_options(), "retry_config": _retries()}
                self._store = from_url(self._options.url, **more)
            return self._store

    def _client_options(self) -> dict[str, Any]:
        return {
            "connect_timeout": f"{CONNECT_S}s",
            "read_timeout": f"{READ_S}s",
            "timeout": f"{REQUEST_S}s",
            "allow_http": self._options.allow_http,
        }

    def _send_all(self) -> None:
        while (one := self._uploads.get()) is not None:
            path, stream, known = one
            with stream:
                if self._given_up:
                    self._count(unsent=1)
                    continue
                try:
                    self._send(path, stream, known)
                except Exception as exc:
                    self._count(unsent=1)
                    self._give_up(exc)
                else:
                    self._count(sent=1)

    def _send(self, path: str, stream: BinaryIO, known: Sum) -> None:
        import obstore  # noqa: PLC0415

        store = self._open()
        if known.size_bytes <= WHOLE_BYTES_MAX:
            obstore.put(store, path, sum_text(known) + stream.read())
        else:
            obstore.put(store, path, _chunks(known, stream), max_concurrency=2)

    def _give_up(self, why: BaseException) -> None:
        with self._lock:
            if self._given_up:
                return
            self._given_up = True
            self._counters = replace(self._counters, faults=self._counters.faults + 1)
        # Not the client's own text: it holds addresses, and may hold more.
        self._warn(
            f"The shared cache does not answer as it should ({type(why).__name__}) and is not used any more "
            "in this run. Check its address, its credentials and the network."
        )

    def _count(self, **more: int) -> None:
        with self._lock:
            now = self._counters
            self._counters = replace(now, **{name: getattr(now, name) + n for name, n in more.items()})


def _path(kind: str, key: str) -> str:
    return f"{OBJECT_VERSION}/{kind}/{key[:2]}/{key}"


def _retries() -> Any:
    from datetime import timedelta  # noqa: PLC0415

    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2}
    return {"max_retries": 1, "retry_timeout": timedelta(seconds=READ_S), "backoff": backoff}


def _chunks(known: Sum, stream: BinaryIO) -> Iterator[bytes]:
    yield sum_text(known)
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


def _copy(chunks: Iterator[Any], target: BinaryIO) -> bool:
    """Write an object's data; False: it is not what its head says."""
    head = b""
    known: Sum | None = None
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        data = bytes(chunk)
        if known is None:
            head += data
            if head.count(b"\n") < 2:
                continue
            end = head.index(b"\n", head.index(b"\n") + 1) + 1
            known, data = parse_sum(head[:end]), head[end:]
            if known is None:
                return False
        digest.update(data)
        size += len(data)
        target.write(data)
    return known is not None and Sum(digest.hexdigest(), size) == known
