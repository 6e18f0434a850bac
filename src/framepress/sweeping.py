"""When a worker removes from a store what killed workers left half-written there."""

from __future__ import annotations

import math
import time

from framepress.store import Store

#: Seconds between two looks: in a store with very many files one takes a while.
SWEEP_S = 30.0


class Sweeping:
    """With the first job; after one that comes again, because its worker may have been killed; and at the
    end, if such a one has come since the last look.

    Once at the start is not enough: of workers that are killed later nobody would remove anything.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._due = True
        self._next_at = -math.inf

    def on_job(self, *, again: bool) -> None:
        """A job has come. `again`: it was delivered before.

        Raises:
            StorageFault: the store cannot be read.
        """
        self._due |= again
        if time.monotonic() >= self._next_at:
            self.sweep()

    def sweep(self) -> None:
        """Remove what is there, if there may be something.

        Raises:
            StorageFault: the store cannot be read.
        """
        if self._due:
            self._store.sweep()
            self._due = False
            self._next_at = time.monotonic() + SWEEP_S
