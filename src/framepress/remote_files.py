"""Files of other hosts that rows name: fetched politely before their rows render, kept by content.

Layout of the folder: ``<first two digits>/<digest>``, a file; ``index/<digest of the address>``, JSON with
what the server said of it (``digest``, ``etag``, ``modified``), so that a later run asks only whether it
changed. What was not used for long is removed first when the folder grows too large.

Polite: a few requests per host at a time, one per address and run, a pause for the host when it asks for
one, tries ever further apart, and a name that says who asks.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from framepress import __version__, picture_files
from framepress.errors import StorageFault
from framepress.keys import digest_bytes
from framepress.partial import replacing
from framepress.remote_addresses import (
    HostRule,
    NotAllowed,
    allowed_rule,
    canonical_address,
    look_up,
    parse_hosts,
)
from framepress.remote_source import Failed, Fetched, Outcome

#: Bytes of one file. A photo is a hundredth of that.
FILE_BYTES_MAX = 32 << 20

#: Seconds to connect, between two reads, and for one try in all.
CONNECT_S, READ_S, TRY_S = 10.0, 15.0, 60.0

#: Tries of one address, and the pauses between them: doubled each time, of which a random part is waited.
TRIES_MAX, PAUSE_S, PAUSE_S_MAX = 4, 0.5, 20.0

#: Redirects of one request.
REDIRECTS_MAX = 5

#: Requests at a time, in all and of one host.
THREADS, PER_HOST = 16, 4

#: Outcomes that are remembered during a run; pictures that many rows share are asked for once.
OUTCOMES_MAX = 50_000

#: Size that the folder is pruned to, and seconds after which a file may be removed: no run still needs it.
FOLDER_BYTES_MAX, KEPT_S = 4 << 30, 7 * 86_400

#: Answers that another try may change.
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OTTO", "font/otf"),
    (b"\0\1\0\0", "font/ttf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)

#: Files of the family of MP4 that are pictures; None: such as Chromium does not show.
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": None,
    b"heix": None,
    b"mif1": None,
    b"msf1": None,
}


@dataclass(frozen=True)
class RemoteOptions:
    """Which hosts rows may name, and where their files are kept.

    Attributes:
        folder: created when it is first needed.
        pause_s: the first pause between two tries; tests shorten it.
    """

    folder: Path
    rules: tuple[HostRule, ...]
    pause_s: float = PAUSE_S


def remote_options(
    allowed: Iterable[str], private: Iterable[str], folder: Callable[[], Path]
) -> RemoteOptions | None:
    """What a command line allows; None: nothing.

    Args:
        folder: where files are kept; asked only if something is allowed.

    Raises:
        UsageError: a host is none.
    """
    rules = parse_hosts(allowed, private)
    return RemoteOptions(folder(), rules) if rules else None


class _Transient(Exception):
    """A try that failed and may succeed later. `after_s`: what the server asks to wait; 0: it does not
    say."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class _Final(Exception):
    """A failure that another try does not change."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


@dataclass
class _Host:
    """Politeness towards one host."""

    slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(PER_HOST))
    not_before: float = 0.0


class _Guarded(httpcore.SyncBackend):
    """Connects only to addresses that were looked up and judged, so that no second look-up gives another."""

    def __init__(self, rules: tuple[HostRule, ...]) -> None:
        super().__init__()
        self._rules = rules

    def connect_tcp(self, host: str, port: int, *args: Any, **named: Any) -> httpcore.NetworkStream:
        private = any(
            rule.private and (rule.fits("https", host, port) or rule.fits("http", host, port))
            for rule in self._rules
        )
        error: Exception | None = None
        for ip in look_up(host, port, private=private):
            try:
                return super().connect_tcp(ip, port, *args, **named)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                error = exc
        raise error or httpcore.ConnectError("no address")


class RemoteFiles:
    """Fetches what rows name. May be used by several threads; close it."""

    def __init__(self, options: RemoteOptions, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.options = options
        self._sleep = sleep
        self._pool = httpcore.ConnectionPool(
            network_backend=_Guarded(options.rules), max_connections=THREADS, keepalive_expiry=15.0
        )
        self._hosts: dict[str, _Host] = {}
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()
        self._lock = threading.Lock()
        self._random = random.Random()
        self._prepared = False

    def close(self) -> None:
        """End connections. What was fetched stays."""
        self._pool.close()

    def fetch_all(self, addresses: Iterable[str]) -> None:
        """Fetch several side by side; `get` answers afterwards.

        Raises:
            StorageFault: the folder cannot be written.
        """
        wanted = [one for one in dict.fromkeys(addresses) if not self._is_known(one)]
        if len(wanted) == 1:
            self.get(wanted[0])
        elif wanted:
            with ThreadPoolExecutor(min(THREADS, len(wanted)), "fetch") as threads:
                list(threads.map(self.get, wanted))

    def get(self, address: str) -> Outcome:
        """The file of an address, fetched if this run has not asked for it yet.

        Raises:
            StorageFault: the folder cannot be written.
        """
        canonical = canonical_address(address)
        if self._is_known(address):
            with self._lock:
                return self._outcomes[address]
        if canonical is None:
            outcome: Outcome = Failed("remote-address", "is no address of a web server", allowed=False)
        else:
            try:
                allowed_rule(canonical, self.options.rules)
                outcome = self._tried(canonical)
            except NotAllowed as exc:
                outcome = Failed("remote-host", str(exc), allowed=False)
        with self._lock:
            self._outcomes[address] = outcome
            if len(self._outcomes) > OUTCOMES_MAX:
                self._outcomes.popitem(last=False)
        return outcome

    def _is_known(self, address: str) -> bool:
        """Whether this run has asked for it. What many rows share is asked for once: it is seen all the time,
        and only what was not seen for long is forgotten."""
        with self._lock:
            if address not in self._outcomes:
                return False
            self._outcomes.move_to_end(address)
            return True

    def _tried(self, address: str) -> Outcome:
        host = self._host(address)
        reason = ""
        for attempt in range(TRIES_MAX):
            if attempt:
                pause = min(self.options.pause_s * 2 ** (attempt - 1), PAUSE_S_MAX)
                # A random part of it, so that many who failed together do not come back together.
                self._sleep(self._random.uniform(pause / 2, pause))
            with host.slots:
                wait = host.not_before - time.monotonic()
                if wait > 0:
                    self._sleep(wait)
                try:
                    return Fetched(self._once(address))
                except _Transient as exc:
                    reason = str(exc)
                    if exc.after_s:
                        host.not_before = max(host.not_before, time.monotonic() + exc.after_s)
                except _Final as exc:
                    return Failed(exc.rule, str(exc))
                except NotAllowed as exc:
                    return Failed("remote-host", str(exc), allowed=False)
        return Failed("remote-failed", f"could not be fetched in {TRIES_MAX} tries: {reason}")

    def _host(self, address: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(urlsplit(address).netloc, _Host())

    def _once(self, address: str) -> str:
        """One try: the digest of the file, which is in the folder then."""
        known = self._known(address)
        headers = {
            "Host": urlsplit(address).netloc,
            "User-Agent": f"framepress/{__version__}",
            "Accept": "image/*,font/*;q=0.9,audio/*;q=0.9,video/*;q=0.9,*/*;q=0.1",
            "Accept-Encoding": "identity",
        }
        if known.get("etag"):
            headers["If-None-Match"] = known["etag"]
        elif known.get("modified"):
            headers["If-Modified-Since"] = known["modified"]
        deadline = time.monotonic() + TRY_S
        target = address
        for _ in range(REDIRECTS_MAX + 1):
            try:
                status, answer, body = self._request(target, headers, deadline)
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as exc:
                raise _Transient(_told(exc)) from exc
            except NotAllowed:
                raise
            except OSError as exc:
                raise _Transient("its host is not known now") from exc
            if status == 304 and known:
                self._touch(known["digest"])
                return known["digest"]
            if status in (301, 302, 303, 307, 308) and answer.get("location"):
                moved = canonical_address(urljoin(target, answer["location"]))
                if moved is None:
                    raise _Final("remote-address", "leads to what is no address of a web server")
                allowed_rule(moved, self.options.rules)
                target, headers = moved, {**headers, "Host": urlsplit(moved).netloc}
                continue
            return self._taken(address, status, answer, body)
        raise _Final("remote-redirects", f"leads on more than {REDIRECTS_MAX} times")

    def _request(
        self, target: str, headers: Mapping[str, str], deadline: float
    ) -> tuple[int, dict[str, str], bytes]:
        timeout = {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": TRY_S}
        with self._pool.stream(
            "GET", target, headers=list(headers.items()), extensions={"timeout": timeout}
        ) as response:
            answer = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
            }
            if response.status != 200:
                return response.status, answer, b""
            pieces, size = [], 0
            for piece in response.iter_stream():
                size += len(piece)
                pieces.append(piece)
                if size > FILE_BYTES_MAX:
                    raise _Final("remote-size", f"is larger than {FILE_BYTES_MAX >> 20} MB")
                if time.monotonic() > deadline:
                    raise _Transient(f"it did not arrive in {TRY_S:.0f} s")
            return response.status, answer, b"".join(pieces)

    def _taken(self, address: str, status: int, answer: Mapping[str, str], body: bytes) -> str:
        if status in _TRANSIENT:
            after = answer.get("retry-after", "")
            raise _Transient(f"HTTP {status}", min(float(after), 60.0) if after.isdecimal() else 0.0)
        if status != 200:
            raise _Final("remote-failed", f"could not be fetched: HTTP {status}")
        if answer.get("content-encoding", "identity").lower() != "identity":
            raise _Final("remote-type", "came packed, although it was asked for plain")
        kind = kind_of(body)
        if kind is None:
            raise _Final("remote-type", "is neither a picture nor a font, a sound or a video")
        if kind.startswith("image/") and picture_files.is_broken(body, kind):
            raise _Transient("the picture is damaged or cut short")
        if picture_files.is_oversized(body):
            raise _Final("remote-size", f"has more than {picture_files.PIXELS_MAX:,} pixels")
        return self._keep(address, answer, body)

    # ---- the folder -----------------------------------------------------------------------------

    def adopt(self, path: Path, digest: str) -> None:
        """Keep a file of this disk as if it had been fetched.

        Raises:
            StorageFault: the folder cannot be written.
        """
        try:
            self._store(digest, path.read_bytes())
        except OSError as exc:
            raise self._storage_fault(exc) from exc

    def _keep(self, address: str, answer: Mapping[str, str], body: bytes) -> str:
        digest = digest_bytes(body)
        try:
            self._store(digest, body)
            self._note(address, answer, digest)
        except OSError as exc:
            raise self._storage_fault(exc) from exc
        return digest

    def _storage_fault(self, exc: OSError) -> StorageFault:
        return StorageFault(
            f"{self.options.folder}: what was fetched cannot be kept: {exc.strerror}. Free some space, "
            "or name "
            "another folder with --cache-dir.",
            rule="remote-folder",
        )

    def _store(self, digest: str, body: bytes) -> None:
        with self._lock:
            if not self._prepared:
                self._prepared = True
                self.options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _prune(self.options.folder)
        path = remote_path(self.options.folder, digest)
        if path.exists():
            self._touch(digest)
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

    def _known(self, address: str) -> dict[str, str]:
        """What the server said of a file that is still here; empty: it is not."""
        try:
            note = json.loads(self._index(address).read_bytes())
            if isinstance(note, dict) and remote_path(self.options.folder, str(note["digest"])).is_file():
                return {name: value for name, value in note.items() if isinstance(value, str)}
        except (OSError, ValueError, KeyError):
            pass
        return {}

    def _index(self, address: str) -> Path:
        # By digest, so that no address of a person's picture is readable in a name.
        return self.options.folder / "index" / digest_bytes(address.encode("utf-8", "surrogatepass"))

    def _touch(self, digest: str) -> None:
        with contextlib.suppress(OSError):
            os.utime(remote_path(self.options.folder, digest))


def remote_path(folder: Path, digest: str) -> Path:
    """Where the file of a digest lies."""
    return folder / digest[:2] / digest


def kind_of(body: bytes) -> str | None:
    """The media type of a picture, font, sound or video by its first bytes; None: it is none of them."""
    kind = next((kind for magic, kind in _MAGIC if body.startswith(magic)), None)
    if kind is not None:
        return kind
    if body[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(body[8:12])
    if body[4:8] == b"ftyp":
        return _BRANDS.get(body[8:12], "video/mp4")
    if body[:1] == b"\xff" and body[1:2] >= b"\xe0":
        return "audio/mpeg"  # frames of MP3 or AAC without a header before them
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_svg = head.startswith((b"<svg", b"<?xml", b"<!--")) and b"<svg" in body[:4096].lower()
    return "image/svg+xml" if is_svg else None


def _told(exc: Exception) -> str:
    """What went wrong in words without the host."""
    if isinstance(exc, httpcore.TimeoutException):
        return "the server did not answer in time"
    if isinstance(exc, httpcore.ConnectError):
        return "no connection to the server"
    return "the connection broke"


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
