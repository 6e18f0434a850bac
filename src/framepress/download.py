"""Fetches one file whose digest is known beforehand, through a network that may break at any byte.

What has arrived lies in ``<target>.part`` and is gone on with after a break, in this run or the next.
`target` appears only when every byte is there and the SHA-256 is right.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from framepress.errors import EnvironmentFault, StorageFault

#: Seconds without a byte after which a connection counts as broken.
STALL_S = 30.0

#: Connections per call. Bytes are kept between them, so each one only has to get further.
ATTEMPTS_MAX = 6

#: Seconds for everything. A browser is 120 MB: 70 kB/s is enough.
DEADLINE_S = 1800.0

CHUNK_BYTES = 1 << 18

#: Answers that another try may change. 403 and 404 are not among them.
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Wanted:
    """One file: where it is and how it is known to be the right one.

    Attributes:
        size_bytes: exact length; None: unknown, anything up to `size_bytes_max` is accepted.
        sha256: hex digest of the whole file.
    """

    url: str
    sha256: str
    size_bytes: int | None = None
    size_bytes_max: int = 400_000_000


class _Broken(Exception):
    """A connection ended too early; what has arrived is kept."""


def fetch(
    wanted: Wanted,
    target: Path,
    *,
    environ: Mapping[str, str],
    on_progress: Progress | None = None,
    stall_s: float = STALL_S,
    attempts_max: int = ATTEMPTS_MAX,
    deadline_s: float = DEADLINE_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Bring `wanted` to `target`.

    Args:
        environ: ``HTTPS_PROXY`` and its kin are taken from here.
        on_progress: called with (bytes so far, bytes in all or None) after every chunk.

    Raises:
        EnvironmentFault: not reachable, refused, too long, or not the file that was wanted. `target`
            does not exist then; ``<target>.part`` is kept unless its bytes are known to be wrong.
        StorageFault: the disk.
    """
    part = target.with_name(target.name + ".part")
    end = clock() + deadline_s
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(_proxies(environ)))
    transfer = _Transfer(wanted, part, opener, on_progress, stall_s, lambda: clock() > end)
    reason = ""
    for attempt in range(attempts_max):
        if attempt:
            sleep(min(2.0**attempt, 20.0))
        if clock() > end:
            break
        try:
            transfer.run()
            part.replace(target)
        except _Broken as exc:
            reason = str(exc)
        except OSError as exc:
            raise StorageFault(f"{part} cannot be written: {exc.strerror or exc}.", rule="disk") from exc
        else:
            return
    raise EnvironmentFault(
        f"{wanted.url} could not be downloaded: {reason}. The same command goes on from where it stopped.",
        rule="download-broken",
    )


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for scheme in ("http", "https"):
        value = environ.get(f"{scheme}_proxy") or environ.get(f"{scheme.upper()}_PROXY")
        if value:
            found[scheme] = value
    return found


@dataclass(frozen=True)
class _Transfer:
    """One connection after the other, all adding to `part`."""

    wanted: Wanted
    part: Path
    opener: urllib.request.OpenerDirector
    on_progress: Progress | None
    stall_s: float
    too_late: Callable[[], bool]

    def run(self) -> None:
        """Connect once, receive what is missing, check the whole; `_Broken` if another try may help."""
        have = self.part.stat().st_size if self.part.exists() else 0
        if have != self.wanted.size_bytes:
            self._receive(have)
        with self.part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if digest == self.wanted.sha256.lower():
            return
        self.part.unlink()
        if have:
            # The bytes of an earlier run may have been another file's: once more, from the start.
            raise _Broken("the parts did not fit together")
        raise EnvironmentFault(
            f"{self.wanted.url} has the SHA-256 {digest}, expected {self.wanted.sha256}. Nothing was kept.",
            rule="download-digest",
        )

    def _receive(self, have: int) -> None:
        with contextlib.closing(self._open(have)) as answer:
            if answer.status != 206:
                have = 0  # The server does not do ranges: from the start.
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self.part.unlink()
                raise _Broken("the server answered with another range")
            total = self._total(answer, have)
            with self.part.open("ab" if have else "wb") as file:
                have = self._copy(answer, file, have, total)
        if total is not None and have < total:
            raise _Broken(f"the connection ended after {have} of {total} bytes")

    def _open(self, have: int) -> http.client.HTTPResponse:
        request = urllib.request.Request(
            self.wanted.url, headers={"User-Agent": "framepress", "Accept-Encoding": "identity"}
        )
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            answer = self.opener.open(request, timeout=self.stall_s)
        except urllib.error.HTTPError as exc:
            exc.close()
            if exc.code == 416:
                self.part.unlink(missing_ok=True)
                raise _Broken("the server has fewer bytes than were here already") from exc
            if exc.code in _TRANSIENT:
                raise _Broken(f"the server answered {exc.code}") from exc
            raise EnvironmentFault(
                f"{self.wanted.url}: the server answered {exc.code}.", rule="download-refused"
            ) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise _Broken(f"no connection ({getattr(exc, 'reason', None) or exc})") from exc
        assert isinstance(answer, http.client.HTTPResponse)
        return answer

    def _total(self, answer: http.client.HTTPResponse, have: int) -> int | None:
        """Bytes of the whole file; refuses a wrong size before a byte of it is stored."""
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        exact, limit = self.wanted.size_bytes, self.wanted.size_bytes_max
        if total is not None and (total > limit or exact not in (None, total)):
            raise EnvironmentFault(
                f"{self.wanted.url} has {total} bytes, expected {exact or f'at most {limit}'}."
                " Nothing was kept.",
                rule="download-size",
            )
        return exact if total is None else total

    def _copy(self, answer: http.client.HTTPResponse, file: BinaryIO, have: int, total: int | None) -> int:
        """Write the body behind `have` bytes; returns how many there are now."""
        limit = total if total is not None else self.wanted.size_bytes_max
        while True:
            try:
                # read1, not read: what a slow server has sent is kept when it stops.
                chunk = answer.read1(CHUNK_BYTES)
            except (OSError, http.client.HTTPException) as exc:
                raise _Broken(
                    f"the connection broke after {have} bytes ({exc or type(exc).__name__})"
                ) from exc
            if not chunk:
                return have
            have += len(chunk)
            if have > limit:
                file.truncate(0)
                raise EnvironmentFault(
                    f"{self.wanted.url} is longer than {limit} bytes. Nothing was kept.",
                    rule="download-size",
                )
            file.write(chunk)
            if self.on_progress is not None:
                self.on_progress(have, total)
            if self.too_late():
                raise _Broken(f"it is too slow: {have} bytes before the deadline")
