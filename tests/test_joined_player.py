"""Chromium plays a joined file and shows the right picture wherever it is told to go."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from framepress.band_layout import Band
from framepress.encode import parameter_sets
from framepress.join import access_unit
from framepress.mux import write_mp4
from framepress.streams import Segment, VideoTrack
from test_join import FPS, SETTINGS, encode_band, pictures, rising

GOPS, LENGTH = 3, 20

#: Frames that the player is sent to: key frames, those before and after them, the last.
FRAMES = (0, 20, 40, 19, 21, 39, 47, 59, 1)

SIZE = (SETTINGS.width, SETTINGS.height)

PAGE = """<!doctype html><video muted src="data:video/mp4;base64,%(data)s"></video><script>
const video = document.querySelector("video"), canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [%(width)d, %(height)d];
const pen = canvas.getContext("2d", {willReadFrequently: true});
const once = name => new Promise((go, fail) => {
  video.addEventListener(name, go, {once: true}); video.addEventListener("error", fail, {once: true}); });
(async () => {
  const told = {shown: []};
  if (video.readyState < 2) await once("loadeddata");
  for (const time of %(times)s) {
    // On a loaded machine the picture comes after the event; of a frame that is there already none comes.
    const there = once("seeked"), shown = new Promise(go => video.requestVideoFrameCallback(go));
    video.currentTime = time;
    await there;
    await Promise.race([shown, new Promise(go => setTimeout(go, 500))]);
    pen.drawImage(video, 0, 0, canvas.width, canvas.height);
    told.shown.push([...pen.getImageData(0, 0, canvas.width, canvas.height).data]);
  }
  video.currentTime = 0;
  const end = once("ended");
  await video.play();
  await end;
  told.end = video.currentTime;
  await fetch("/told", {method: "POST", body: JSON.stringify(told)});
})();
</script>"""


def test_chromium_plays_a_joined_file_and_seeks_in_it(browser_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "joined.mp4"
    source = pictures(rising, GOPS * LENGTH)
    layout = (Band(0, 6, False, 0, 3), Band(6, 12, True, 3, 3), Band(12, 17, False, 4, 0))
    segments = []
    for first in range(0, GOPS * LENGTH, LENGTH):
        bands = [encode_band(source[first : first + LENGTH], band) for band in layout]
        packets = [access_unit([nal for band in bands for nal in band[n]]) for n in range(LENGTH)]
        segments.append(Segment(tuple(packets), parameter_sets(SETTINGS)))
    write_mp4(path, VideoTrack(tuple(segments), SETTINGS.width, SETTINGS.height, FPS), None, metadata={})

    told = in_chromium(browser_path, path, tmp_path)

    assert told["end"] >= GOPS * LENGTH / FPS - Fraction(1, 10)
    wanted = small_pictures(path)
    for frame, shown in zip(FRAMES, told["shown"], strict=True):
        found = np.array(shown).reshape(SIZE[1], SIZE[0], 4)[..., :3]
        off = [float(np.abs(found - picture).mean()) for picture in wanted]
        assert int(np.argmin(off)) == frame, (frame, off[frame], min(off))


def in_chromium(browser: Path, path: Path, folder: Path) -> dict[str, Any]:
    """What the page tells; it fetches nothing but itself."""
    page = PAGE % {
        "data": base64.b64encode(path.read_bytes()).decode("ascii"),
        "width": SIZE[0],
        "height": SIZE[1],
        "times": json.dumps([float((frame + Fraction(1, 2)) / FPS) for frame in FRAMES]),
    }
    told: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(page.encode("utf-8"))

        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        command = [
            str(browser), "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
            "--autoplay-policy=no-user-gesture-required", f"--user-data-dir={folder / 'profile'}",
            f"http://127.0.0.1:{server.server_port}/",
        ]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                return told.get(timeout=60)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                server.shutdown()


def small_pictures(path: Path) -> list[NDArray[np.float64]]:
    with av.open(str(path)) as container:
        return [
            frame.to_ndarray(format="rgb24", width=SIZE[0], height=SIZE[1]).astype(float)
            for frame in container.decode(video=0)
        ]
