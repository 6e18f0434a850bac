"""A bucket of Google Cloud Storage on loopback, as far as its XML API is used: `python gcs_server.py PORT`.

Emulators that could be had did not do: gcp-storage-emulator 2026.7 gives no entity tag, which clients of the
XML API expect, and knows no HEAD there; fake-gcs-server refuses its PUT. So this one is ours, and knows only
what Google's reference says of objects.

Source: https://cloud.google.com/storage/docs/xml-api/reference-headers (x-goog-generation,
x-goog-if-generation-match: 0 means "only if there is none", x-goog-meta-*) and
https://cloud.google.com/storage/docs/xml-api/get-bucket-list (the list).
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Stored:
    """An object of a bucket."""

    body: bytes
    content_type: str
    metadata: dict[str, str]
    generation: int

    @property
    def e_tag(self) -> str:
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


class Bucket(ThreadingHTTPServer):
    """All buckets: objects by the path of their URL."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.objects: dict[str, Stored] = {}
        self.generations = count(1_700_000_000_000_001)
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        wanted = self.headers.get("x-goog-if-generation-match")
        prefix = "x-goog-meta-"
        metadata = {
            name.lower().removeprefix(prefix): value
            for name, value in self.headers.items()
            if name.lower().startswith(prefix)
        }
        with self.server.lock:
            known = self.server.objects.get(self._key)
            if wanted is not None and int(wanted) != (known.generation if known else 0):
                self._answer(412)
                return
            kind = self.headers.get("Content-Type", "application/octet-stream")
            stored = Stored(body, kind, metadata, next(self.server.generations))
            self.server.objects[self._key] = stored
        self._answer(200, {"ETag": stored.e_tag, "x-goog-generation": str(stored.generation)})

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if "list-type" in parse_qs(parts.query):
            self._list(parts.path.strip("/"), parse_qs(parts.query).get("prefix", [""])[0])
            return
        stored = self.server.objects.get(self._key)
        if stored is None:
            self._answer(404)
            return
        body, status, more = stored.body, 200, {}
        asked = self.headers.get("Range")
        if asked is not None:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last or len(body)) + 1, len(body))
            more = {"Content-Range": f"bytes {first}-{end - 1}/{len(body)}"}
            body, status = body[int(first) : end], 206
        self._answer(
            status,
            {
                "ETag": stored.e_tag,
                "x-goog-generation": str(stored.generation),
                "Content-Type": stored.content_type,
                "Last-Modified": formatdate(usegmt=True),
                **{f"x-goog-meta-{name}": value for name, value in stored.metadata.items()},
                **more,
            },
            body,
        )

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        with self.server.lock:
            known = self.server.objects.pop(self._key, None)
        self._answer(204 if known is not None else 404)

    def _list(self, bucket: str, prefix: str) -> None:
        found = "".join(
            f"<Contents><Key>{escape(path.removeprefix(f'/{bucket}/'))}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{escape(stored.e_tag)}</ETag><Size>{len(stored.body)}</Size></Contents>"
            for path, stored in sorted(self.server.objects.items())
            if path.startswith(f"/{bucket}/{prefix}")
        )
        text = f"<?xml version='1.0'?><ListBucketResult><Name>{bucket}</Name>{found}</ListBucketResult>"
        self._answer(200, {"Content-Type": "application/xml"}, text.encode())

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def account(url: str, folder: Path) -> Path:
    """A service account that sends clients to a server here, and needs no token."""
    path = folder / "account.json"
    facts = {"gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": ""}
    path.write_text(json.dumps(facts | {"private_key_id": ""}), "utf-8")
    return path


if __name__ == "__main__":
    Bucket(int(sys.argv[1])).serve_forever()
