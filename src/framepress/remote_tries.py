"""One try at a file of another host: asked for, followed where it leads on, judged, kept in the folder.

Where the file is there already, the server is asked only whether it changed. Hosts are asked by a name that
says who asks, and no redirect leads to one that is not allowed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from framepress import __version__, picture_files
from framepress.media_kinds import kind_of
from framepress.remote_addresses import HostRule, NotAllowed, allowed_rule, canonical_address, look_up
from framepress.remote_folder import RemoteFolder

#: Bytes of one file. A photo is a hundredth of that.
FILE_BYTES_MAX = 32 << 20

#: Seconds to connect, between two reads, and for one try in all.
CONNECT_S, READ_S, TRY_S = 10.0, 15.0, 60.0

#: Redirects of one request.
REDIRECTS_MAX = 5

#: Answers that another try may change.
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))


class Transient(Exception):
    """A try that failed and may succeed later. `after_s`: what the server asks to wait; 0: it does not
    say."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Final(Exception):
    """A failure that another try does not change."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


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


class RemoteTries:
    """Connections to hosts, and the tries over them. May be used by several threads; close it.

    Args:
        rules: which hosts may be asked; of the address that is tried the caller has made sure.
        connections: at a time.
    """

    def __init__(self, rules: tuple[HostRule, ...], folder: RemoteFolder, connections: int) -> None:
        self._rules = rules
        self._folder = folder
        self._pool = httpcore.ConnectionPool(
            network_backend=_Guarded(rules), max_connections=connections, keepalive_expiry=15.0
        )

    def close(self) -> None:
        """End connections."""
        self._pool.close()

    def once(self, address: str) -> str:
        """One try: the digest of the file, which is in the folder then.

        Raises:
            Transient, Final: there is none. NotAllowed: the address, or one that it leads to, is not allowed.
            StorageFault: the folder cannot be written.
        """
        known = self._folder.known(address)
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
                raise Transient(_told(exc)) from exc
            except NotAllowed:
                raise
            except OSError as exc:
                raise Transient("its host is not known now") from exc
            if status == 304 and known:
                self._folder.touch(known["digest"])
                return known["digest"]
            if status in (301, 302, 303, 307, 308) and answer.get("location"):
                moved = canonical_address(urljoin(target, answer["location"]))
                if moved is None:
                    raise Final("remote-address", "leads to what is no address of a web server")
                allowed_rule(moved, self._rules)
                target, headers = moved, {**headers, "Host": urlsplit(moved).netloc}
                continue
            return self._taken(address, status, answer, body)
        raise Final("remote-redirects", f"leads on more than {REDIRECTS_MAX} times")

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
                    raise Final("remote-size", f"is larger than {FILE_BYTES_MAX >> 20} MB")
                if time.monotonic() > deadline:
                    raise Transient(f"it did not arrive in {TRY_S:.0f} s")
            return response.status, answer, b"".join(pieces)

    def _taken(self, address: str, status: int, answer: Mapping[str, str], body: bytes) -> str:
        if status in _TRANSIENT:
            after = answer.get("retry-after", "")
            raise Transient(f"HTTP {status}", min(float(after), 60.0) if after.isdecimal() else 0.0)
        if status != 200:
            raise Final("remote-failed", f"could not be fetched: HTTP {status}")
        if answer.get("content-encoding", "identity").lower() != "identity":
            raise Final("remote-type", "came packed, although it was asked for plain")
        kind = kind_of(body)
        if kind is None:
            raise Final("remote-type", "is neither a picture nor a font, a sound or a video")
        if kind.startswith("image/") and picture_files.is_broken(body, kind):
            raise Transient("the picture is damaged or cut short")
        if picture_files.is_oversized(body):
            raise Final("remote-size", f"has more than {picture_files.PIXELS_MAX:,} pixels")
        return self._folder.keep(address, answer, body)


def _told(exc: Exception) -> str:
    """What went wrong in words without the host."""
    if isinstance(exc, httpcore.TimeoutException):
        return "the server did not answer in time"
    if isinstance(exc, httpcore.ConnectError):
        return "no connection to the server"
    return "the connection broke"
