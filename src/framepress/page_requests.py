"""Every request of a page and its workers, answered by us from the composition's folder or refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from framepress.cdp import Connection
from framepress.moving_pictures import MOVING_FOLDER, MovingPicture
from framepress.page_troubles import VISIBLE_KINDS, Trouble
from framepress.page_videos import FRAME_FOLDER, NO_VIDEOS, PageVideos
from framepress.picture_files import SVG_TYPE
from framepress.remote_addresses import canonical_address
from framepress.site import Served, Site, response_headers

#: Kinds of request that count from the moment the page makes them. Of the others (the script of a worker) not
#: every one has an end that is told.
ASKED_KINDS = frozenset({"image", "font", "stylesheet", "fetch", "xhr"})

#: Seconds to wait for frames of videos, which Chromium asks for at once, before it is given a frame to draw.
VIDEO_WAIT_S = 0.1


class PageRequests:
    """Request interception of one tab.

    Attributes:
        in_flight: request id to its kind, for what was asked and has not arrived. A frame is not drawn
            while anything is in flight.
        news: rises with everything that was asked for or has arrived. With an answer of the page it counts
            all that happened in it before: both come from its main thread, through one channel.
        workers: sessions of the page's live workers.
        navigating: a navigation of ours is under way.
    """

    def __init__(self, connection: Connection, session: str, troubles: list[Trouble]) -> None:
        self._connection = connection
        self._session = session
        self._troubles = troubles
        self._site: Site | None = None
        self._videos = NO_VIDEOS
        self._moving: Mapping[str, MovingPicture] = {}
        self._document = b""
        self._remote: Mapping[str, str] = {}
        self._addresses: dict[str, str] = {}
        self.in_flight: dict[str, str] = {}
        self._ended: set[str] = set()
        self.news = 0
        self.workers: list[str] = []
        self.navigating = False
        self.worker_script = ""
        self._listening = True

    def enable(self) -> None:
        """Start to intercept. Called once, before the first navigation."""
        on, session = self._connection.on, self._session
        on("Fetch.requestPaused", self._paused, session=session)
        on("Network.requestWillBeSent", self._asked, session=session)
        on("Network.loadingFinished", self._arrived, session=session)
        on("Network.loadingFailed", self._arrived, session=session)
        on("Target.attachedToTarget", self._attached, session=session)
        on("Target.detachedFromTarget", self._detached, session=session)
        call = self._connection.call
        call("Fetch.enable", {"patterns": [{"urlPattern": "*"}]}, session=session)
        self._listen()
        call(
            "Target.setAutoAttach",
            {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True},
            session=session,
        )

    def listen(self, on: bool) -> None:
        """Whether Chromium tells of every request and its end, from now on; it does at first.

        Else `in_flight` stays empty, and `news` counts the requests that reach us, a little later than they
        were made. What is told are five messages for each file of each document, most of which come from the
        renderer's own memory.
        """
        if on and not self._listening:
            self._listen()
        elif self._listening and not on:
            self._connection.call("Network.disable", session=self._session)
            self.in_flight.clear()
        self._listening = on

    def _listen(self) -> None:
        # Bodies are not kept: memory would grow with every row.
        nothing = {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}
        self._connection.call("Network.enable", nothing, session=self._session)

    def serve(
        self,
        site: Site,
        html: str,
        remote: Mapping[str, str],
        videos: PageVideos = NO_VIDEOS,
        moving: Mapping[str, MovingPicture] = MappingProxyType({}),
    ) -> None:
        """From now on answer with these files, and `html` for the document itself.

        Args:
            remote: canonical address of another host -> digest of the file that stands for it.
            videos: the frames of the page's videos.
            moving: its pictures that move by themselves, by key.
        """
        self._site = site
        self._remote = remote
        self._videos = videos
        self._moving = moving
        self._document = html.encode("utf-8")
        self.in_flight.clear()
        self._ended.clear()
        self._addresses.clear()
        for session in self.workers:
            self._connection.forget_session(session)
        self.workers.clear()

    def await_videos(self) -> bool:
        """Wait for frames of videos; whether nothing else was under way and all have come.

        They come without a frame of Chromium's, and how many of those are drawn shows in how layers are
        drawn that CSS scales.
        """
        if not self.in_flight:
            return False
        deadline = time.monotonic() + VIDEO_WAIT_S
        while self.in_flight and time.monotonic() < deadline:
            if any(FRAME_FOLDER not in self._addresses.get(key, FRAME_FOLDER) for key in self.in_flight):
                return False
            self._connection.pump(deadline - time.monotonic())
        return not self.in_flight

    # ---- requests -------------------------------------------------------------------------------

    def _asked(self, event: dict[str, Any]) -> None:
        """The page has begun to ask for something that its picture may need."""
        # The request itself reaches us by another road, and on a loaded machine after the picture of the
        # frame that found out that it needs it.
        kind = event.get("type", "Other").lower()
        if kind in ASKED_KINDS:
            self.news += 1
            self.in_flight[event["requestId"]] = VISIBLE_KINDS.get(kind, kind)

    def _paused(self, event: dict[str, Any]) -> None:
        site = self._site
        url: str = event["request"]["url"]
        kind: str = event.get("resourceType", "Other").lower()
        path = site.path_of(url) if site is not None else None
        if kind == "other" and path is not None and path.endswith((".js", ".mjs")):
            # So Chromium calls the script of a worker.
            kind = "script"
        if not self._listening:
            self.news += 1
        # What the page has given up meanwhile may have been told by the other road already.
        elif "networkId" in event and event["networkId"] not in self._ended:
            self.in_flight[event["networkId"]] = VISIBLE_KINDS.get(kind, kind)
            self._addresses[event["networkId"]] = url
        digest = self._remote.get(canonical_address(url) or "") if path is None and self._remote else None
        if site is not None and digest is not None:
            self._answer(event, site.read_remote(digest), kind, url, lasting=False)
        elif site is None or path is None:
            self._refuse(event, kind, url)
        elif kind == "document" and path == site.entry and self.navigating:
            self._fulfil(event, self._document, "text/html; charset=utf-8", lasting=False)
        else:
            self._answer_file(event, site, path, kind, url)

    def _answer_file(self, event: dict[str, Any], site: Site, path: str, kind: str, url: str) -> None:
        if path.startswith(FRAME_FOLDER):
            picture = self._videos.picture(path)
            if picture is not None:
                self._fulfil(event, picture, "image/bmp", lasting=False)
                return
        if path.startswith(MOVING_FOLDER):
            key, _, moment = path.removeprefix(MOVING_FOLDER).partition("/")
            shown = self._moving[key].picture(moment) if key in self._moving else None
            if shown is not None:
                # The key is a digest, so the address stands for these bytes; moments of an SVG are too many.
                self._fulfil(event, *shown, lasting=shown[1] != SVG_TYPE)
                return
        self._answer(event, site.read(path), kind, url, lasting=path in site.lasting)

    def _answer(
        self, event: dict[str, Any], served: Served | None, kind: str, url: str, *, lasting: bool
    ) -> None:
        if served is None:
            self._trouble("missing", kind, url)
            self._fulfil(event, b"", "text/plain", lasting=False, status=404)
            return
        if kind == "image" and served.oversized:
            # Chromium would take gigabytes to find out; it does not get to see it.
            self._trouble("oversized", kind, url)
            self._fulfil(event, b"", "text/plain", lasting=False, status=404)
            return
        if kind == "image" and served.broken:
            self._trouble("broken", kind, url)
        elif kind == "image" and served.animated:
            self._trouble("animated", kind, url)
        self._fulfil(event, served.body, served.content_type, lasting=lasting)

    def _fulfil(
        self, event: dict[str, Any], body: bytes, content: str, *, lasting: bool, status: int = 200
    ) -> None:
        params = {
            "requestId": event["requestId"],
            "responseCode": status,
            "responseHeaders": response_headers(lasting=lasting, content=content),
            "body": body,
        }
        self._connection.send("Fetch.fulfillRequest", params, session=self._session, on_reply=_ignore)

    def _refuse(self, event: dict[str, Any], kind: str, url: str) -> None:
        self._trouble("blocked", kind, url)
        params = {"requestId": event["requestId"], "errorReason": "BlockedByClient"}
        self._connection.send("Fetch.failRequest", params, session=self._session, on_reply=_ignore)

    def _trouble(self, what: str, kind: str, url: str) -> None:
        if kind in VISIBLE_KINDS and not url.endswith("/favicon.ico"):
            self._troubles.append(Trouble(f"{what}:{kind}", "", url, 0, 0))

    def _arrived(self, event: dict[str, Any]) -> None:
        self.news += 1
        self._ended.add(event["requestId"])
        self.in_flight.pop(event["requestId"], None)
        self._addresses.pop(event["requestId"], None)

    # ---- workers --------------------------------------------------------------------------------

    def _attached(self, event: dict[str, Any]) -> None:
        session: str = event["sessionId"]
        if event["targetInfo"]["type"] == "worker":
            self.workers.append(session)
            self._worker_arrived(event["targetInfo"]["url"])
            # While a worker waits for its debugger its global scope is still empty. So it is let run up to
            # the first line of its script, where our clock is put in and then the debugger taken away.
            # Until then it counts as under way: a frame that came before it would find no clock to set.
            self.in_flight[session] = "worker"
            on = self._connection.on
            on("Debugger.paused", lambda _: self._equip(session), session=session)
            # One that cannot be read never gets to a first line.
            on("Debugger.scriptFailedToParse", lambda _: self._equipped(session), session=session)
            self._tell(session, "Debugger.enable")
            self._tell(
                session, "Debugger.setInstrumentationBreakpoint", {"instrumentation": "beforeScriptExecution"}
            )
        self._tell(session, "Runtime.runIfWaitingForDebugger")

    def _equip(self, session: str) -> None:
        self._tell(session, "Runtime.evaluate", {"expression": self.worker_script})
        self._connection.send("Debugger.disable", session=session, on_reply=lambda _: self._equipped(session))

    def _equipped(self, session: str) -> None:
        self.in_flight.pop(session, None)

    def _tell(self, session: str, method: str, params: dict[str, Any] | None = None) -> None:
        self._connection.send(method, params, session=session, on_reply=_ignore)

    def _worker_arrived(self, url: str) -> None:
        # The arrival of a worker's own script is told to nobody; that the worker is there says it.
        for request_id in [key for key, address in self._addresses.items() if address == url]:
            self._arrived({"requestId": request_id})

    def _detached(self, event: dict[str, Any]) -> None:
        session = event["sessionId"]
        if session in self.workers:
            self.workers.remove(session)
            self._equipped(session)
        self._connection.forget_session(session)


def _ignore(_: dict[str, Any]) -> None:
    return None
