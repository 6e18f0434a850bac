"""The preview's server: loopback only, and only for pages that it served itself.

A page of another site could send requests to a port of this machine, or have its name resolve to it. So a
request must name the loopback host, and one that changes or reveals something must come from our own page.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import unquote, urlsplit

from framepress.errors import FramepressError, UsageError
from framepress.preview.model import PreviewModel, message_of

#: Bytes of a request.
BODY_BYTES_MAX = 8 << 20

#: What the composition may load: its folder, and pictures of hosts that were allowed. What is ours asks for
#: nothing else either.
POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; connect-src 'self' data: blob:; "
    "img-src 'self' data: blob: {hosts}; frame-ancestors 'self'; form-action 'none'"
)


class PreviewServer:
    """Serves a model on 127.0.0.1 until `close`.

    Args:
        port: 0: any that is free.

    Raises:
        UsageError: the port is taken.
    """

    def __init__(self, model: PreviewModel, port: int) -> None:
        lock = threading.Lock()

        class Handler(_Handler):
            pass

        Handler.model, Handler.lock = model, lock
        try:
            self._server = _Server(("127.0.0.1", port), Handler)
        except OSError as exc:
            raise UsageError(
                f"--port {port} cannot be used: {exc.strerror}. Take another, or --port 0 for any.",
                rule="port",
            ) from exc
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def serve(self) -> None:
        """Answer requests until `close` is called from another thread, or the user interrupts."""
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away in the middle is no news; anything else is a bug of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    model: PreviewModel
    lock: threading.Lock
    protocol_version = "HTTP/1.1"
    server_version = "framepress"
    sys_version = ""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses hold no value, but a terminal is not the place for them."""

    def do_GET(self) -> None:
        """A page, or a file of one."""
        if not self._is_ours():
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/":
            self._send(_shell(), "text/html; charset=utf-8")
        elif path == "/api/version":
            self._answer(lambda: {"version": self.model.version()})
        elif path == "/api/state":
            self._answer(self.model.state)
        elif path.startswith("/c/"):
            name, _, rest = path.removeprefix("/c/").partition("/")
            self._file(name, rest)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """A question of our page."""
        if not self._is_ours() or self.headers.get("Origin") != f"http://{self.headers.get('Host')}":
            self._refuse(HTTPStatus.FORBIDDEN)
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            told = json.loads(self.rfile.read(int(length)))
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        questions: Mapping[str, Callable[[], object]] = {
            "/api/row": lambda: self.model.row(int(told["index"])),
            "/api/page": lambda: self.model.page({str(k): str(v) for k, v in told["values"].items()}),
            "/api/judge": lambda: {"findings": self.model.judge(told)},
        }
        question = questions.get(self.path)
        if question is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            self._answer(question)

    def _is_ours(self) -> bool:
        host = (self.headers.get("Host") or "").partition(":")[0]
        if host in ("127.0.0.1", "localhost"):
            return True
        self._refuse(HTTPStatus.FORBIDDEN)
        return False

    def _answer(self, question: Callable[[], object]) -> None:
        try:
            with self.lock:
                found: object = question()
        except FramepressError as error:
            found = message_of(error)
        except (KeyError, IndexError, TypeError, ValueError):
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._send(json.dumps(found).encode(), "application/json")

    def _file(self, name: str, path: str) -> None:
        try:
            with self.lock:
                served = self.model.file(name, path)
        except FramepressError:
            served = None
        if served is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            self._send(served.body, served.content_type)

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        headers: dict[str, Any] = {
            "Content-Type": kind,
            "Content-Length": len(body),
            "Cache-Control": "no-store",
            "Content-Security-Policy": POLICY.format(hosts=_hosts(self.model)),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for header, value in headers.items():
            self.send_header(header, str(value))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True


def _hosts(model: PreviewModel) -> str:
    """The hosts that may be asked for pictures, as a policy names them."""
    if model.remote is None:
        return ""
    sources = []
    for rule in model.remote.options.rules:
        host = f"[{rule.host}]" if ":" in rule.host else rule.host
        place = f"{'*.' if rule.below else ''}{host}{f':{rule.port}' if rule.port else ''}"
        sources += [f"https://{place}", *([f"http://{place}"] if rule.private else [])]
    return " ".join(sources)


def _shell() -> bytes:
    folder = files(__package__)
    page = folder.joinpath("shell.html").read_text("utf-8")
    for mark, name in (("/*CSS*/", "shell.css"), ("/*JS*/", "shell.js")):
        page = page.replace(mark, folder.joinpath(name).read_text("utf-8"))
    return page.encode("utf-8")
