"""Finished files in a bucket: found by one HEAD, published by one conditional PUT.

An object's metadata says what it is, with the same facts that its MP4 carries inside: ``framepress`` (the
version), ``row-key``, ``environment``, ``path``, ``plan``, ``reuse`` (see `provenance`), ``sha256``, and
``put``, a random name of the put. A poster has ``framepress``, ``sha256`` and ``put``; the rest stands in its
comment. Copying an object within a bucket keeps them. Azure has underscores in the place of dashes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from framepress.blobs import BucketBlobs, Head, check_bucket_url
from framepress.errors import InputError, StorageFault, StoreUnavailable
from framepress.partial import partial_name
from framepress.provenance import PROVENANCE_VERSION, Demands
from framepress.store import ANY_WILL_DO, Stored, read_provenance

#: How often a put is tried whose object changes between the look and the put.
TRIES = 5

_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".png": "image/png"}

#: What an object says of its clip: name in `provenance` -> name of the metadata.
_FACTS = {
    "row_key": "row-key",
    "environment": "environment",
    "path": "path",
    "plan": "plan",
    "reuse": "reuse",
}


class ObjectStore:
    """Artifacts below a URL, such as ``s3://bucket/run-7``; the same interface as `store.FolderStore`.

    Args:
        force: replace objects that framepress did not make.

    Raises:
        StoreUnavailable: from every method, if the bucket does not answer or refuses.
    """

    def __init__(self, url: str, *, force: bool = False) -> None:
        self.url = check_bucket_url(url)
        self.blobs = BucketBlobs(self.url)
        self._force = force

    def check_writable(self) -> None:
        """Write an object and remove it, to know before the first row."""
        probe = f".framepress/probe/{partial_name('probe')}"
        self.blobs.put(probe, b"probe")
        self.blobs.delete(probe)

    def sweep(self) -> int:
        """Nothing: an object is there whole or not at all."""
        return 0

    def place_of(self, name: str) -> str:
        """The URL of an object."""
        return self.blobs.place_of(name)

    def lookup(self, name: str) -> Stored | None:
        """What is stored under the name; None: nothing. One HEAD."""
        head = self.blobs.head(name)
        return self._stored(name, head) if head is not None else None

    def find(self, name: str, row_key: str, *, way_out: str, demands: Demands = ANY_WILL_DO) -> Stored | None:
        """What is stored under the name if it will do; None: it may be made or replaced.

        Raises:
            InputError: an object that is not ours is in the way; `way_out` ends the message.
        """
        stored = self.lookup(name)
        if stored is not None and stored.foreign and not self._force:
            raise self._in_the_way(name, way_out)
        return stored if stored is not None and stored.satisfies(row_key, demands) else None

    def publish(self, local: Path, name: str, *, stays: Demands | None = ANY_WILL_DO) -> Stored:
        """Put a finished, checked file under its name.

        An object of another row key is replaced. One of the same key that somebody else has put meanwhile is
        as good as ours: it stays, and that is success.

        Args:
            stays: what one of the same key must be to stay; None: it is replaced too.

        Raises:
            InputError: an object that is not ours is in the way.
        """
        try:
            data = local.read_bytes()
        except OSError as exc:
            raise StorageFault(f"{local}: {exc.strerror}.", rule="storage") from exc
        provenance = read_provenance(local)
        facts = {
            "framepress": str(PROVENANCE_VERSION),
            **{theirs: str(provenance.get(ours) or "") for ours, theirs in _FACTS.items()},
        }

        def same(stored: Stored) -> bool:
            return stays is not None and stored.satisfies(facts["row-key"], stays)

        there = self._put(name, data, facts, same=same)
        if there is not None:
            return replace(there, was_there=True)
        key = facts["row-key"] or None
        return Stored(name, self.place_of(name), len(data), key, provenance, whole=True)

    def publish_bytes(self, data: bytes, name: str) -> str:
        """Put a small file, such as a poster, and return its URL; what was there is replaced."""
        self._put(name, data, {"framepress": str(PROVENANCE_VERSION)}, same=lambda _: False)
        return self.place_of(name)

    def read_head(self, name: str, size: int) -> bytes | None:
        """The first bytes of an object; None: there is none."""
        import obstore  # noqa: PLC0415 - a tenth of a second that folders do not need

        if self.blobs.head(name) is None:
            return None
        with self.blobs.faults():
            return bytes(obstore.get_range(self.blobs.client, name, start=0, end=size))

    # ---- inside ---------------------------------------------------------------------------------

    def _put(
        self, name: str, data: bytes, facts: Mapping[str, str], *, same: Callable[[Stored], bool]
    ) -> Stored | None:
        """Put an object; what is there instead, if it is the `same`."""
        suffix = Path(name).suffix.lower()
        attributes = {
            "Content-Type": _TYPES.get(suffix, "application/octet-stream"),
            "sha256": hashlib.sha256(data).hexdigest(),
            "put": secrets.token_hex(8),
            **{key: value for key, value in facts.items() if value},
        }
        # Create first: nearly always there is nothing, and the look before rendering has said so.
        mode: str | Mapping[str, str] = "overwrite" if self._force else "create"
        for _ in range(TRIES):
            if self.blobs.put_with(name, data, attributes, mode):
                return None
            head = self.blobs.head(name)
            if head is None:
                mode = "create"
                continue
            if head.metadata.get("put") == attributes["put"]:
                # The answer to it was lost, and it was sent again.
                return None
            stored = self._stored(name, head)
            if stored.foreign:
                raise self._in_the_way(name, "Move it, or overwrite it with --force.")
            if same(stored):
                return stored
            mode = head.version
        raise StoreUnavailable(
            f"{self.url}: an object changed {TRIES} times while it was to be replaced. Do two runs write "
            "to one place?",
            rule="store-contended",
        )

    def _stored(self, name: str, head: Head) -> Stored:
        facts = {key.lower(): value for key, value in head.metadata.items()}
        provenance: dict[str, Any] = {}
        if facts.get("framepress") == str(PROVENANCE_VERSION):
            provenance = {"framepress": PROVENANCE_VERSION}
            for ours, theirs in _FACTS.items():
                if theirs in facts:
                    provenance[ours] = facts[theirs]
        return Stored(name, self.place_of(name), head.size, provenance.get("row_key"), provenance, whole=True)

    def _in_the_way(self, name: str, way_out: str) -> InputError:
        return InputError(
            f"{self.place_of(name)}: an object that framepress did not make is in the way. {way_out}",
            rule="foreign-file",
        )
