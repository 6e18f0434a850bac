"""A store that gives signs of life while it works: an upload is progress, and silence would count as hanging.

The store bounds its own requests, so a bucket that does not answer ends in `StoreUnavailable`, which says
that the bucket is at fault; a process killed for its silence would say that the row is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from framepress.provenance import Demands
from framepress.store import ANY_WILL_DO, Store, Stored

#: Seconds between two signs of life.
BEAT_S = 1.0

#: Seconds for which they are given. More than a store takes for one file with all its repetitions; what takes
#: longer hangs for another reason.
BEATS_S_MAX = 180.0


class BeatingStore:
    """Wraps a store. `beat` is called from another thread, while the caller's waits for the store."""

    def __init__(self, store: Store, beat: Callable[[], None]) -> None:
        self._store = store
        self._beat = beat

    def check_writable(self) -> None:
        self._store.check_writable()

    def sweep(self) -> int:
        return self._store.sweep()

    def place_of(self, name: str) -> str:
        return self._store.place_of(name)

    def lookup(self, name: str) -> Stored | None:
        with self._beating():
            return self._store.lookup(name)

    def find(self, name: str, row_key: str, *, way_out: str, demands: Demands = ANY_WILL_DO) -> Stored | None:
        with self._beating():
            return self._store.find(name, row_key, way_out=way_out, demands=demands)

    def publish(self, local: Path, name: str, *, stays: Demands | None = ANY_WILL_DO) -> Stored:
        with self._beating():
            return self._store.publish(local, name, stays=stays)

    def publish_bytes(self, data: bytes, name: str) -> Path | str:
        with self._beating():
            return self._store.publish_bytes(data, name)

    def read_head(self, name: str, size: int) -> bytes | None:
        with self._beating():
            return self._store.read_head(name, size)

    @contextmanager
    def _beating(self) -> Iterator[None]:
        ended = threading.Event()

        def beat() -> None:
            for _ in range(int(BEATS_S_MAX / BEAT_S)):
                if ended.wait(BEAT_S):
                    return
                # The parent has gone; the caller finds that out by itself.
                with suppress(OSError):
                    self._beat()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
