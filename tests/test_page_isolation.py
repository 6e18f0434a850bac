"""One browser, many rows: nothing of a row is seen in the next, and no browser outlives its renderer.

Rows are told apart by a colour that fills the picture; processes are counted in /proc.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framepress import temporary_folders, variants
from framepress.browser import Browser
from framepress.errors import BrowserCrash, BrowserMissing, FrameTimeout
from framepress.page import Page
from framepress.poster import decode_rgb
from framepress.tab import Tab
from framepress.temporary_folders import sweep_temporary_folders
from hostile import FPS, bare_page, content, ended, members, play, walled, write_files
from stage import Stage, root

pytestmark = pytest.mark.browser

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}


def picture(page: Page, index: int) -> np.ndarray:
    page.seek(index, FPS)
    png = page.draw(index, force=True)
    assert png is not None
    return decode_rgb(png)


def fills(pixels: np.ndarray, colour: str) -> bool:
    return bool((pixels.reshape(-1, 3) == COLOURS[colour]).all())


@pytest.mark.parametrize("loads", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_a_row_never_shows_the_picture_of_the_row_before(
    browser_path: Path, tmp_path: Path, loads: int
) -> None:
    (tmp_path / "red.svg").write_text(_FILLED.format("red"))
    (tmp_path / "blue.svg").write_text(_FILLED.format("blue"))
    with walled(browser_path) as browser:
        page = bare_page(browser)
        for load in range(loads):
            colour = ("red", "blue")[load % 2]
            html = f"<style>body {{ background: url({colour}.svg) }}</style>"
            page.open(content(tmp_path, html))
            # Not forced: a first frame that Chromium calls undamaged must be drawn all the same.
            page.seek(0, FPS)
            png = page.draw(0)
            assert png is not None, load
            assert fills(decode_rgb(png), colour), load
            assert fills(picture(page, 1), colour), load


_FILLED = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48">'
    '<rect width="64" height="48" fill="{}"/></svg>'
)

_STORES = """<script>
const store = (when) => {
  localStorage[when] = "x"; sessionStorage[when] = "x";
  document.cookie = `${when}=x; max-age=9999`;
  document.cookie = `${when}wide=x; max-age=9999; domain=framepress.invalid`;
  document.cookie = `${when}deep=x; path=/sub; max-age=9999`;
  window.name = "x";
  history.pushState({ when }, "", `#${when}`);
};
store("load");
addEventListener("pagehide", () => store("late"));
addEventListener("unload", () => store("later"));
const channel = new BroadcastChannel("c");
channel.onmessage = () => channel.postMessage("from the row before");
addEventListener("pagehide", () => channel.postMessage("from the row before"));
navigator.locks.request("lock", () => new Promise(() => 0));
window.stored = Promise.all([
  caches.open("c").then((cache) => cache.put("/kept", new Response("x"))),
  new Promise((done) => { indexedDB.open("kept").onsuccess = done; }),
  navigator.storage.getDirectory().then((folder) => folder.getFileHandle("kept", { create: true })),
]).then(() => 1);
</script>"""

_LOOKS = """<script>
window.heard = [];
const channel = new BroadcastChannel("c");
channel.onmessage = (event) => heard.push(event.data);
channel.postMessage("who is there?");
const names = async (list) => { const all = []; for await (const name of list) all.push(name); return all; };
window.found = {
  local: Object.keys(localStorage), session: Object.keys(sessionStorage), cookies: document.cookie,
  name: window.name, length: history.length, state: history.state, hash: location.hash,
  referrer: document.referrer, opener: String(window.opener),
};
window.later = Promise.all([
  caches.keys(), indexedDB.databases(), navigator.storage.getDirectory().then((f) => names(f.keys())),
  navigator.locks.query().then((query) => query.held),
  caches.match("/kept").then((answer) => answer ? "kept" : "gone"),
]).then(([cache, databases, files, locks, kept]) => (
  { ...found, cache, databases, files, locks, kept, heard }
));
</script>"""

_NOTHING = {
    "local": [], "session": [], "cookies": "", "name": "", "length": 1, "state": None, "hash": "",
    "referrer": "", "opener": "null", "cache": [], "databases": [], "files": [], "locks": [], "kept": "gone",
    "heard": [],
}  # fmt: skip


def test_nothing_that_a_row_stores_reaches_the_next(browser_path: Path, tmp_path: Path) -> None:
    with walled(browser_path) as browser:
        page = bare_page(browser)
        for _ in range(3):
            assert play(page, content(tmp_path, _STORES)) is None
            assert page.evaluate("stored") == 1
            assert page.evaluate("[localStorage.load, document.cookie.length > 0, history.length > 1]") == [
                "x", True, True,
            ]  # fmt: skip
            assert play(page, content(tmp_path, _LOOKS)) is None
            assert page.evaluate("later") == _NOTHING


def test_a_file_of_a_row_that_changes_under_its_name_is_seen_anew(browser_path: Path, tmp_path: Path) -> None:
    ways = {
        "image": "<img src=own.svg style='display: block'>",
        "background": "<style>body { background: url(own.svg) }</style>",
        "script": "<script src=own.js></script>",
        "style sheet": "<link rel=stylesheet href=own.css>",
    }
    with walled(browser_path) as browser:
        page = bare_page(browser)
        for way, html in ways.items():
            for colour in ("red", "blue", "red"):
                write_files(
                    tmp_path,
                    {
                        "own.svg": _FILLED.format(colour),
                        "own.js": f"document.body.style.background = '{colour}';",
                        "own.css": f"body {{ background: {colour} }}",
                    },
                )
                page.open(content(tmp_path, html))
                assert fills(picture(page, 0), colour), (way, colour)


# ---- crashes ------------------------------------------------------------------------------------


def _renderers(browser: Browser) -> list[int]:
    texts = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in members(browser.pid)}
    return [pid for pid, text in texts.items() if b"--type=renderer" in text]


def _kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


DEATHS: dict[str, Callable[[Browser], None]] = {
    "all renderers": lambda browser: _kill(_renderers(browser)),
    "the browser process": lambda browser: _kill([browser.pid]),
    "the whole group": lambda browser: os.killpg(browser.pid, signal.SIGKILL),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_death_in_mid_play_is_a_crash_and_the_next_row_has_a_fresh_browser(
    stage: Stage, death: str
) -> None:
    renderer = stage.renderer(root("<script>addEventListener('hf-seek', () => 0);</script>"))
    clip = renderer.open(stage.variant(renderer))
    page = renderer.warm.page()
    page.seek(0, clip.fps)
    page.draw(0)
    browser = page.browser
    with pytest.raises(BrowserCrash) as caught, renderer.warm.guard():
        DEATHS[death](browser)
        for index in range(1, 2000):
            page.seek(index % 20, clip.fps)
            page.draw(index % 20)
    assert caught.value.retryable
    assert ended(browser.pid)
    assert not browser.folder.exists()
    renderer.open(stage.variant(renderer))
    assert renderer.warm.page().browser.pid != browser.pid


def test_a_page_that_crashes_its_renderer_is_a_crash(browser_path: Path, tmp_path: Path) -> None:
    with walled(browser_path) as browser:
        page = bare_page(browser)
        assert play(page, content(tmp_path, "<p>x")) is None
        with pytest.raises(BrowserCrash):
            browser.connection.call("Page.navigate", {"url": "chrome://crash"}, session=page.tab.session)
            for index in range(2000):
                page.seek(index, FPS)


def test_a_tab_that_is_cut_off_from_its_pictures_is_given_up_before_the_frame_s_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Chromium does so on a very busy machine, and no request brings a picture any more.
    call = Tab.call

    def without_picture(tab: Tab, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return {name: part for name, part in call(tab, method, params).items() if name != "screenshotData"}

    monkeypatch.setattr(Tab, "call", without_picture)
    monkeypatch.setattr("framepress.tab.LOST_AFTER_S", 0.5)
    stage.timeout_s = 60
    began = time.monotonic()
    with pytest.raises(BrowserCrash, match="no picture of frame 0") as caught:
        next(stage.stills(root("<p>x"), [0]))
    assert caught.value.retryable
    assert time.monotonic() - began < 40


def test_a_page_that_never_ends_costs_its_browser(stage: Stage) -> None:
    stage.timeout_s = 1.5
    renderer = stage.renderer(root("<script>if ({{$SPIN}}) for (;;);</script>"))
    variant = stage.variant(renderer, {"SPIN": variants.canonical_text(True)})
    began = time.monotonic()
    with pytest.raises(FrameTimeout) as caught:
        renderer.open(variant)
    assert caught.value.retryable
    # The browser's start is in it.
    assert time.monotonic() - began < 30
    assert renderer.warm._browser is None


# ---- ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [Browser.close, Browser.kill])
def test_an_ended_browser_leaves_no_process_and_no_folder(
    browser_path: Path, tmp_path: Path, way: Callable[[Browser], None]
) -> None:
    browser = walled(browser_path)
    assert play(bare_page(browser), content(tmp_path, "<p>x")) is None
    assert len(members(browser.pid)) >= 3
    assert browser.folder.is_dir()
    way(browser)
    assert ended(browser.pid)
    assert not browser.folder.exists()
    way(browser)


def test_a_browser_that_cannot_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    false = tmp_path / "false"
    false.write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n")
    false.chmod(0o755)
    for path in (false, tmp_path / "missing"):
        with pytest.raises(BrowserMissing):
            walled(path)
        assert list(tmp_path.glob("framepress-*")) == []


_VICTIM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from hostile import FPS, bare_page, content, walled
browser = walled(Path(sys.argv[1]))
page = bare_page(browser, timeout_s=60)
html = "<script>addEventListener('hf-seek', () => { while (BUSY); });</script>".replace("BUSY", sys.argv[4])
page.open(content(Path(sys.argv[2]), html))
print(browser.pid, browser.folder, flush=True)
page.seek(0, FPS)
sys.stdin.read()
"""


@pytest.mark.parametrize("busy", ["false", "true"])
def test_chromium_ends_by_itself_when_we_are_killed(browser_path: Path, tmp_path: Path, busy: str) -> None:
    arguments = [str(browser_path), str(tmp_path), str(Path(__file__).parent), busy]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", _VICTIM, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
    ) as victim:  # fmt: skip
        assert victim.stdout is not None
        pid, folder = victim.stdout.readline().split()
        assert len(members(int(pid))) >= 3
        victim.kill()
    assert ended(int(pid), within_s=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        assert sweep_temporary_folders() >= 1
    assert not Path(folder).exists()


_INTERRUPTED = """
import os, subprocess, sys
from pathlib import Path
from framepress import browser, temporary_folders
class Popen(subprocess.Popen):
    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        print(self.pid, flush=True)
        raise SystemExit(143)  # as the handler of a signal that comes just now
browser.subprocess.Popen = Popen
try:
    browser.Browser(browser.BrowserOptions(Path(sys.argv[1]), sandbox=browser.default_sandbox()))
finally:
    temporary_folders.remove_folders_of(os.getpid())
"""


def test_a_browser_that_nobody_knows_of_yet_does_not_outlive_its_folder(
    browser_path: Path, tmp_path: Path
) -> None:
    ended_process = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(browser_path)], check=False,
        stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(tmp_path)}, text=True,
    )  # fmt: skip
    assert ended_process.returncode == 143
    assert ended(int(ended_process.stdout), within_s=0.1)
    # What dies late makes its folder anew.
    time.sleep(0.5)
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_is_just_starting_is_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a process becomes another program its command line is empty for a moment."""
    arguments = [sys.executable, "-c", "import time; time.sleep(60)", f"--user-data-dir={tmp_path}/profile"]
    with subprocess.Popen(arguments, start_new_session=True) as process:
        looks = []
        read = temporary_folders._command_line

        def command_line(pid: int) -> bytes | None:
            looks.append(pid == process.pid)
            return b"" if sum(looks) == 1 and looks[-1] else read(pid)

        monkeypatch.setattr(temporary_folders, "_command_line", command_line)
        temporary_folders.end_browsers_of(tmp_path)
        left = process.poll()
        process.kill()
    assert sum(looks) >= 2 and left == -signal.SIGKILL


def test_folders_of_the_living_are_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in (f"framepress-{os.getpid()}-a", "framepress-x-a", "other-1-a", "framepress-1-a"):
        (tmp_path / name).mkdir()
    assert sweep_temporary_folders() == 0
    assert len(list(tmp_path.iterdir())) == 4


# ---- growth -------------------------------------------------------------------------------------


def test_memory_does_not_grow_from_row_to_row(browser_path: Path, tmp_path: Path) -> None:
    # 16 MB of canvas and 16 MB of numbers per row: what stays of 20 rows would be 640 MB.
    html = (
        "<script>window.kept = new Float64Array(2e6).fill(1);"
        "const c = document.createElement('canvas'); c.width = c.height = 2000; document.body.append(c);"
        "c.getContext('2d').fillRect(0, 0, 2000, 2000);</script>"
    )
    with walled(browser_path) as browser:
        page = bare_page(browser)
        sizes = []
        for _ in range(30):
            assert play(page, content(tmp_path, html), frames=2) is None
            sizes.append(browser.memory_bytes())
    assert max(sizes[20:]) < max(sizes[:10]) + (160 << 20)
    assert min(sizes) > 20 << 20
