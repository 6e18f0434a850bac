"""Fetched files of other hosts on the disk, kept by content.

Layout of the folder: ``<first two digits>/<digest>``, a file; ``index/<digest of the address>``, JSON with
what the server said of it (``digest``, ``etag``, ``modified``), so that a later run asks only whether it
changed. What was not used for long is removed first when the folder grows too large.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from framepress.errors import StorageFault
from framepress.keys import digest_bytes
from framepress.partial import replacing

#: Size that the folder is pruned to, and seconds after which a file may be removed: no run still needs it.
FOLDER_BYTES_MAX, KEPT_S = 4 << 30, 7 * 86_400


class RemoteFolder:
    """The files in one folder, which is created when the first comes. May be used by several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._prepared = False

    def adopt(self, path: Path, digest: str) -> None:
        """Keep a file of this disk as if it had been fetched.

        Raises:
            StorageFault: the folder cannot be written.
        """
        try:
            self._store(digest, path.read_bytes())
        except OSError as exc:
            raise self._storage_fault(exc) from exc

    def keep(self, address: str, answer: Mapping[str, str], body: bytes) -> str:
        """Keep what came for an address, and what the server said of it: the digest.

        Args:
            answer: the headers of the answer, by their names in small letters.

        Raises:
            StorageFault: the folder cannot be written.
        """
        digest = digest_bytes(body)
        try:
            self._store(digest, body)
            self._note(address, answer, digest)
        except OSError as exc:
            raise self._storage_fault(exc) from exc
        return digest

    def _storage_fault(self, exc: OSError) -> StorageFault:
        return StorageFault(
            f"{self.folder}: what was fetched cannot be kept: {exc.strerror}. Free some space, "
            "or name another folder with --cache-dir.",
            rule="remote-folder",
        )

    def _store(self, digest: str, body: bytes) -> None:
        with self._lock:
            if not self._prepared:
                self._prepared = True
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _prune(self.folder)
        path = remote_path(self.folder, digest)
        if path.exists():
            self.touch(digest)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as stream:
            stream.write(body)

    def _note(self, address: str, answer: Mapping[str, str], digest: str) -> None:
        note = {"digest": digest, "etag": answer.get("etag"), "modified": answer.get("last-modified")}
        index = self._index(address)
        index.parent.mkdir(parents=True, exist_ok=True)
        with replacing(index) as stream:
            stream.write(json.dumps(note).encode())

    def known(self, address: str) -> dict[str, str]:
        """What the server said of a file that is still here; empty: it is not."""
        try:
            note = json.loads(self._index(address).read_bytes())
            if isinstance(note, dict) and remote_path(self.folder, str(note["digest"])).is_file():
                return {name: value for name, value in note.items() if isinstance(value, str)}
        except (OSError, ValueError, KeyError):
            pass
        return {}

    def _index(self, address: str) -> Path:
        # By digest, so that no address of a person's picture is readable in a name.
        return self.folder / "index" / digest_bytes(address.encode("utf-8", "surrogatepass"))

    def touch(self, digest: str) -> None:
        """Note that the file was used now."""
        with contextlib.suppress(OSError):
            os.utime(remote_path(self.folder, digest))


def remote_path(folder: Path, digest: str) -> Path:
    """Where the file of a digest lies."""
    return folder / digest[:2] / digest


def _prune(folder: Path) -> None:
    """Remove files that were not used for long, the oldest first, until the rest is small enough."""
    found = []
    for path in folder.glob("*/*"):
        with contextlib.suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    size = sum(one[1] for one in found)
    for modified, bytes_, path in sorted(found):
        if size <= FOLDER_BYTES_MAX or modified > time.time() - KEPT_S:
            return
        path.unlink(missing_ok=True)
        size -= bytes_
