"""A run whose workers are killed all the time, and a count of what came of it.

Every row draws its number into its clip as black and white cells. So afterwards each clip can be read and
compared with the row it belongs to: *right*, *lost* (no clip, or not this row's), *twice* (published twice,
by the records). The same is used by the fault tests and by ``benchmarks/recovery.py``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from framepress.blobs import open_blobs
from framepress.errors import FramepressError, RowFailure
from framepress.run_records import RunRecords

#: Cells of 8 x 90 pixels, most significant bit first; 160 pixels have room for 20, 16 are used.
BITS, CELL = 16, 8

#: A page that shows its number and moves a little, so that frames differ.
PAGE = """<!doctype html>
<meta charset="utf-8">
<script type="application/hyperframes-vars">{"NUMBER": {"type": "number"}}</script>
<style>
  body { margin: 0; background: #fff }
  b { position: absolute; width: 8px; height: 90px; background: #000 }
  i { position: absolute; left: 140px; top: 0; width: 20px; height: 20px; background: #06c; animation: go 1s }
  @keyframes go { to { transform: translateY(60px) } }
</style>
<div data-width="160" data-height="90" data-fps="10" data-duration="0.5"><div id="cells"></div><i></i></div>
<script>
  const number = Number({{$NUMBER}});
  for (let bit = 0; bit < 16; bit += 1) {
    if (!(number >> (15 - bit) & 1)) continue;
    const cell = document.createElement("b");
    cell.style.left = `${bit * 8}px`;
    document.getElementById("cells").append(cell);
  }
</script>
"""

#: Seconds after which a run that does not end has failed.
RUN_S = 1800.0


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    right: int
    lost: int
    twice: int
    kills: int
    seconds: float

    def line(self) -> str:
        """The last line of the demonstration."""
        return f"{self.right} right, {self.lost} lost, {self.twice} twice"


@dataclass
class Chaos:
    """A run of `rows` rows by `workers` processes, one of which is killed every `every_s` seconds.

    Attributes:
        folder: for the page and the list; the processes work in it.
        queue, store: as on the command line.
        environ: of the processes.
        more: further words for every worker.
        blow: what is done to a worker process; killing it is the default.
    """

    folder: Path
    queue: str
    store: str
    environ: Mapping[str, str]
    rows: int = 300
    workers: int = 4
    every_s: float = 2.0
    lease_s: float = 10.0
    run: str = "chaos"
    browser: str | None = None
    more: tuple[str, ...] = ()
    blow: Callable[[subprocess.Popen[bytes]], None] | None = None
    on_tick: Callable[[float], None] = lambda _: None
    on_look: Callable[[int, int], None] = lambda _, __: None
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def go(self) -> Outcome:
        """Send the list, work on it under blows, and count."""
        began = time.monotonic()
        self.send()
        kills = 0
        try:
            self._processes = [self.start_worker() for _ in range(self.workers)]
            kills = self._struggle(began)
        finally:
            self.end()
        return self.count(kills, time.monotonic() - began)

    def send(self) -> None:
        """Write page and list, and send it."""
        (self.folder / "page.html").write_text(PAGE, "utf-8")
        rows = [{"number": number, "out": f"{number}.mp4"} for number in range(1, self.rows + 1)]
        (self.folder / "rows.json").write_text(json.dumps(rows), "utf-8")
        words = ["enqueue", "page.html", "--variants", "rows.json", "--queue", self.queue]
        words += ["--out-dir", self.store, "--run", self.run, "--quiet"]
        ended = subprocess.run(self._command(*words), cwd=self.folder, env=dict(self.environ), check=False)
        if ended.returncode:
            raise RowFailure(f"The list could not be sent: exit code {ended.returncode}.", rule="demo")

    def start_worker(self, *more: str) -> subprocess.Popen[bytes]:
        """A worker process of its own. It renders plain: nobody lives long enough here to make a plan."""
        words = ["worker", "--queue", self.queue, "--workers", "1", "--lease", f"{self.lease_s:g}"]
        words += ["--log-format", "json", *self.more, *more]
        if self.browser is not None:
            words += ["--browser", self.browser]
        log = (self.folder / "workers.log").open("ab")
        with log:
            return subprocess.Popen(
                self._command(*words),
                cwd=self.folder,
                env={**self.environ, "FRAMEPRESS_MAX_REUSE": "off"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                process_group=0,
            )

    def _struggle(self, began: float) -> int:
        kills, victim, done_before = 0, 0, -1
        blow_at = time.monotonic() + self.every_s
        records = RunRecords(open_blobs(self._place()), self.run)
        while True:
            time.sleep(0.2)
            now = time.monotonic()
            self.on_tick(now - began)
            with suppress(FramepressError):
                records.refresh()
            done = records.tally().done
            self.on_look(done, kills)
            if done >= self.rows:
                return kills
            if now - began > RUN_S:
                return kills
            # A machine that ends no row between two blows would never end: there the next blow waits.
            if now >= blow_at and done > done_before:
                blow_at, done_before = now + self.every_s, done
                (self.blow or kill)(self._processes[victim % self.workers])
                kills, victim = kills + 1, victim + 1
            for index, process in enumerate(self._processes):
                if process.poll() is not None:
                    self._processes[index] = self.start_worker()

    def end(self) -> None:
        """End all workers, the stopped ones too."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def count(self, kills: int, seconds: float) -> Outcome:
        """Read every clip and the records."""
        blobs = open_blobs(self._place())
        right = 0
        for number in range(1, self.rows + 1):
            data = blobs.get(f"{number}.mp4", bytes_max=1 << 24)
            right += data is not None and read_number(data) == number
        records = RunRecords(blobs, self.run)
        records.refresh()
        return Outcome(right, self.rows - right, records.tally().twice, kills, round(seconds, 1))

    def said(self, event: str) -> list[dict[str, object]]:
        """What workers logged under that name, in the order in which they did."""
        found = []
        with suppress(FileNotFoundError):
            for line in (self.folder / "workers.log").read_text("utf-8", "replace").splitlines():
                with suppress(ValueError):
                    facts = json.loads(line)
                    if isinstance(facts, dict) and facts.get("event") == event:
                        found.append(facts)
        return found

    def _place(self) -> str:
        return self.store if "://" in self.store else str(self.folder / self.store)

    @staticmethod
    def _command(*words: str) -> Sequence[str]:
        return [sys.executable, "-P", "-m", "framepress", *words]


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL; whatever it started has to end by itself."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def read_number(clip: bytes) -> int | None:
    """The number in the last frame of a clip; None if a cell is neither black nor white, or there is none."""
    try:
        with av.open(BytesIO(clip)) as container:
            frame = None
            assert isinstance(container, av.container.InputContainer)
            for frame in container.decode(video=0):  # noqa: B007 - the last one is wanted
                pass
    except av.error.FFmpegError:
        return None
    if frame is None:
        return None
    grey = np.asarray(frame.to_ndarray(format="gray"))
    number = 0
    for bit in range(BITS):
        level = float(grey[70:88, bit * CELL + 2 : bit * CELL + 6].mean())
        if 64 < level < 192:
            return None
        number = number << 1 | (level <= 64)
    return number
