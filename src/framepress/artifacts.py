"""Finished clips in the cache: a row done before, in whatever folder and under whatever name, is a copy.

An artifact lies under its row key, which says what was asked for; how it was made stands in the file itself
(`provenance`), and whether that will do is decided when it is fetched.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from framepress.cache import Cache
from framepress.errors import CacheFault
from framepress.provenance import Demands
from framepress.store import Store, Stored, inspect_file

#: The kind of finished clips.
ARTIFACT = "artifact"


class Artifacts:
    """Finished clips by row key. May be used from several threads.

    Args:
        cache: where they lie; None: nowhere, nothing is found and nothing kept.
        demands: what a clip must be to be fetched.
    """

    def __init__(self, cache: Cache | None, demands: Demands) -> None:
        self._cache = cache
        self._demands = demands

    def fetch(self, store: Store, name: str, row_key: str) -> Stored | None:
        """Publish the row's clip from the cache under this name; None: it is not there, or will not do.

        Raises:
            StorageFault, StoreUnavailable: the store cannot be written; nothing was published.
        """
        cache = self._cache
        if cache is None:
            return None
        with cache.hold(ARTIFACT, row_key):
            path = cache.get(ARTIFACT, row_key)
            if path is None:
                return None
            found = inspect_file(path)
            if found is None or not found.satisfies(row_key, self._demands):
                return None
            return store.publish(path, name, stays=self._demands)

    def refuse(self, plan: str) -> None:
        """From now on what was made by this plan will not do."""
        self._demands = replace(self._demands, voided=self._demands.voided | {plan})

    def share(self, row_key: str) -> None:
        """Send a clip that a worker has kept to the second level of the cache."""
        if self._cache is not None:
            self._cache.offer(ARTIFACT, row_key)

    def close(self) -> None:
        """Let go of the cache; waits for what is on its way to a second level, for seconds."""
        if self._cache is not None:
            self._cache.close()

    def keep(self, path: Path, row_key: str) -> None:
        """Store a clip that was made just now, in place of an older one of its row.

        A cache that cannot take it (a full disk) costs a later run time and this one nothing.
        """
        if self._cache is None:
            return
        with suppress(CacheFault):
            # An older one is there only if it would not do, or was not to be looked at.
            self._cache.remove(ARTIFACT, row_key)
            self._cache.put_file(ARTIFACT, row_key, path)
