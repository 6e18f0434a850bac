"""What binding knows of files on other hosts: their digests, or why they are not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from framepress.remote_addresses import canonical_address


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is here. `digest`: of its bytes."""

    digest: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a file is not here, as the end of a sentence; neither the address nor its host is in it.

    Attributes:
        rule: short and stable.
        allowed: the address may be asked for; then a fallback may stand for the file.
    """

    rule: str
    reason: str
    allowed: bool = True


Outcome = Fetched | Failed


class RemoteSource(Protocol):
    """Gets files of other hosts."""

    def fetch_all(self, addresses: Iterable[str]) -> None:
        """Get several side by side; `get` answers afterwards without waiting.

        Raises:
            StorageFault: they cannot be kept.
        """

    def get(self, address: str) -> Outcome:
        """The file of an address. Errors: `fetch_all`."""

    def adopt(self, path: Path, digest: str) -> None:
        """Keep a file of this disk as if it had been fetched. Errors: `fetch_all`."""


class Wanted:
    """Takes note of what a row asks for, and claims to have it."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def fetch_all(self, addresses: Iterable[str]) -> None:
        self.addresses += addresses

    def get(self, address: str) -> Outcome:
        self.addresses.append(address)
        return Fetched("")

    def adopt(self, path: Path, digest: str) -> None:
        """Nothing: what is only noted needs no file."""


class Known:
    """Files whose digests somebody else has found, such as the sender of a message.

    Args:
        files: of a variant; canonical addresses among its names.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def fetch_all(self, addresses: Iterable[str]) -> None:
        """Nothing: all is known."""

    def get(self, address: str) -> Outcome:
        digest = self._files.get(canonical_address(address) or "")
        if digest is None:
            return Failed("remote-unknown", "is not among the files of its message", allowed=False)
        return Fetched(digest)

    def adopt(self, path: Path, digest: str) -> None:
        """Nothing: the sender has done so."""
