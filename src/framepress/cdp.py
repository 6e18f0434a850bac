"""The Chrome DevTools Protocol over a pair of pipes: requests, replies, events. No process, no page.

Messages are CBOR (see `cbor`); binary data, such as a screenshot, is bytes. One thread owns a connection;
while it waits for a reply it also delivers events, so a handler runs inside `Connection.call` of its own
thread. A handler may `send` but never `call`: a reply that waits for another reply would nest without end.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from framepress import cbor
from framepress.errors import BrowserCrash, FrameTimeout

Params = dict[str, Any]
EventHandler = Callable[[Params], None]
ReplyHandler = Callable[[Params], None]

#: Bytes asked of the pipe at a time. A 1080p screenshot is 1 to 3 MB; small reads would cost
#: a system call each 64 KB.
READ_BYTES = 1 << 20

#: Longest message accepted. A 7680x4320 screenshot of noise is about 130 MB.
MESSAGE_BYTES_MAX = 512 << 20


class ProtocolError(BrowserCrash):
    """Chromium answered a command with an error.

    Attributes:
        method: the command.
        code: the JSON-RPC error code, 0 if there was none.
    """

    retryable = True

    def __init__(self, method: str, error: Params) -> None:
        super().__init__(f"Chromium refused {method}: {error.get('message', 'no reason given')}")
        self.method = method
        self.code = int(error.get("code", 0))


class Connection:
    """One pair of pipes to a browser.

    Args:
        read_fd: we read replies and events from it. Owned: closed by `close`.
        write_fd: we write commands to it. Owned as well.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self._outgoing: deque[memoryview] = deque()
        self._incoming: list[bytes] = []
        self._incoming_bytes = 0
        self._wanted_bytes = cbor.ENVELOPE_BYTES
        self._next_id = 1
        self._waiting: dict[int, tuple[str, ReplyHandler | None]] = {}
        self._replies: dict[int, Params] = {}
        self._handlers: dict[tuple[str | None, str], EventHandler] = {}
        self.closed = False
        #: How often anything went either way.
        self.moved = 0

    def on(self, event: str, handler: EventHandler, *, session: str | None = None) -> None:
        """Call `handler` with the parameters of every `event`; one handler per event and session."""
        self._handlers[(session, event)] = handler

    def forget_session(self, session: str) -> None:
        """Drop the handlers of a target that is gone."""
        for key in [key for key in self._handlers if key[0] == session]:
            del self._handlers[key]

    def send(
        self,
        method: str,
        params: Params | None = None,
        *,
        session: str | None = None,
        on_reply: ReplyHandler | None = None,
    ) -> int:
        """Queue a command and return its id at once.

        Args:
            on_reply: called with the result when it comes; without it the reply is kept for `wait`.
                An error reply of a command with a handler is dropped: its target was closed meanwhile.
        """
        message_id = self._next_id
        self._next_id += 1
        message: Params = {"id": message_id, "method": method}
        if params:
            message["params"] = params
        if session is not None:
            message["sessionId"] = session
        self._waiting[message_id] = (method, on_reply)
        self._outgoing.append(memoryview(cbor.dumps(message)))
        self._write()
        return message_id

    def wait(self, message_id: int, timeout_s: float) -> Params:
        """The result of a command that was sent.

        Raises:
            FrameTimeout: no answer in time; the browser is to be killed.
            ProtocolError: Chromium refused the command.
            BrowserCrash: the pipe closed.
        """
        deadline = time.monotonic() + timeout_s
        method = self._waiting.get(message_id, ("?", None))[0]
        while message_id not in self._replies:
            left = deadline - time.monotonic()
            if left <= 0:
                raise FrameTimeout(
                    f"Chromium did not answer {method} within {timeout_s:g} s; its process is replaced.",
                    rule="frame-timeout",
                )
            self.pump(left)
        reply = self._replies.pop(message_id)
        if "error" in reply:
            raise ProtocolError(method, reply["error"])
        result: Params = reply.get("result", {})
        return result

    def call(
        self,
        method: str,
        params: Params | None = None,
        *,
        session: str | None = None,
        timeout_s: float = 30.0,
    ) -> Params:
        """`send`, then `wait`."""
        return self.wait(self.send(method, params, session=session), timeout_s)

    def pump(self, timeout_s: float) -> None:
        """Move bytes both ways once, waiting at most `timeout_s`, and deliver what is complete."""
        self._check_open()
        writers = [self._write_fd] if self._outgoing else []
        readable, writable, _ = select.select([self._read_fd], writers, [], max(0.0, timeout_s))
        if writable:
            self._write()
        if readable:
            self._read()
        self.moved += bool(readable) + bool(writable)

    def close(self) -> None:
        """Close both pipes; Chromium ends when its end of them closes."""
        if not self.closed:
            self.closed = True
            os.close(self._read_fd)
            os.close(self._write_fd)

    def _check_open(self) -> None:
        if self.closed:
            raise BrowserCrash("The browser of this worker has gone.", rule="browser-gone")

    def _write(self) -> None:
        self._check_open()
        try:
            while self._outgoing:
                chunk = self._outgoing[0]
                sent = os.write(self._write_fd, chunk)
                if sent < len(chunk):
                    self._outgoing[0] = chunk[sent:]
                else:
                    self._outgoing.popleft()
        except BlockingIOError:
            return
        except OSError as exc:
            raise BrowserCrash("Chromium closed its pipe: it has crashed or was killed.") from exc

    def _read(self) -> None:
        try:
            chunk = os.read(self._read_fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as exc:
            raise BrowserCrash("Chromium's pipe broke: it has crashed or was killed.") from exc
        if not chunk:
            raise BrowserCrash("Chromium closed its pipe: it has crashed or was killed.")
        self._incoming.append(chunk)
        self._incoming_bytes += len(chunk)
        # Chunks are joined once their message is whole, so one of many chunks costs linear time.
        while self._incoming_bytes >= self._wanted_bytes:
            data = b"".join(self._incoming)
            if len(data) < cbor.ENVELOPE_BYTES:
                self._incoming = [data]
                return
            self._wanted_bytes = self._message_bytes(data)
            if len(data) < self._wanted_bytes:
                self._incoming = [data]
                return
            message, rest = data[: self._wanted_bytes], data[self._wanted_bytes :]
            self._incoming, self._incoming_bytes = [rest], len(rest)
            self._wanted_bytes = cbor.ENVELOPE_BYTES
            self._deliver(self._parsed(message))

    def _message_bytes(self, data: bytes) -> int:
        try:
            size = cbor.message_bytes(data)
        except ValueError as exc:
            raise BrowserCrash("Chromium wrote something on its pipe that is no message.") from exc
        if size > MESSAGE_BYTES_MAX:
            raise BrowserCrash("Chromium sent a message without end.")
        return size

    def _parsed(self, message: bytes) -> Params:
        try:
            parsed: Params = cbor.loads(message)
        except ValueError as exc:
            raise BrowserCrash("Chromium sent a message that cannot be read.") from exc
        return parsed

    def _deliver(self, message: Params) -> None:
        message_id = message.get("id")
        if message_id is None:
            handler = self._handlers.get((message.get("sessionId"), message["method"]))
            if handler is not None:
                handler(message.get("params", {}))
            return
        _, on_reply = self._waiting.pop(message_id, ("?", None))
        if on_reply is None:
            self._replies[message_id] = message
        elif "error" not in message:
            on_reply(message.get("result", {}))
