"""Remotion as a program under test: `renderMedia` in one Node process, bundle and browser warm."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from peerbench.card import COMPARED_FRAMES, CardRow, stage
from peerbench.meter import Stopwatch, Usage, end_leftovers
from peerbench.programs import CLIP_TIMEOUT_S, Batch, batch_of, package_version
from peerbench.workshop import BenchmarkError, Workshop

#: Seconds for the bundle (webpack), the start of the browser and a second of film before the clock starts.
_WARM_UP_TIMEOUT_S = 180.0


@dataclass
class Remotion:
    """Remotion by a script of a few lines around `renderMedia`, as it has no batch command.

    `clips_at_once` clips are under way together, each with `concurrency` pages of the one browser.
    """

    workshop: Workshop
    concurrency: int
    clips_at_once: int
    crf: int = 18
    name: str = "Remotion"
    _folder: Path = field(init=False)

    def prepare(self) -> None:
        self._folder = stage(self.workshop.folder, "remotion")

    @property
    def version(self) -> str:
        return package_version(self.workshop, "@remotion/renderer")

    @property
    def command(self) -> str:
        return (
            f"node render.mjs job.json  (renderMedia, codec h264, crf {self.crf}, concurrency "
            f"{self.concurrency}, {self.clips_at_once} clips at once)"
        )

    @property
    def notes(self) -> str:
        return f"CRF {self.crf}; bundle made, browser open and one second rendered before the clock starts"

    def render(self, rows: Sequence[CardRow], folder: Path) -> Batch:
        folder.mkdir(parents=True)
        usage = self._run_job(rows, folder, None)
        return batch_of(usage, rows, folder)

    def references(self, row: CardRow, folder: Path) -> dict[int, Path]:
        folder.mkdir(parents=True)
        self._run_job([row], folder, {"frames": COMPARED_FRAMES, "folder": str(folder)})
        return {frame: folder / f"{frame}.png" for frame in COMPARED_FRAMES}

    def _run_job(self, rows: Sequence[CardRow], folder: Path, stills: dict[str, object] | None) -> Usage:
        job = folder / "job.json"
        outputs = [
            {"name": row.name, "points": row.points, "out": str(folder / f"{row.file_stem}.mp4")}
            for row in rows
        ]
        fields = {
            "entry": str(self._folder / "index.jsx"),
            "bundle": str(self._folder / "bundle"),
            "browser": str(self.workshop.browser),
            "rows": outputs,
            "crf": self.crf,
            "concurrency": self.concurrency,
            "parallel": self.clips_at_once,
            "stills": stills,
        }
        job.write_text(json.dumps(fields), encoding="utf-8")
        with (folder / "remotion.log").open("w", encoding="utf-8") as log:
            return self._talk(job, log, CLIP_TIMEOUT_S * len(rows))

    def _talk(self, job: Path, log: IO[str], timeout_s: float) -> Usage:
        """Start the script, wait until it is warm, and measure from the go to its word that all is done."""
        process = subprocess.Popen(
            [str(self.workshop.node), str(self._folder / "render.mjs"), str(job)],
            env=self.workshop.environment(),
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _expect("READY", process, _WARM_UP_TIMEOUT_S, log.name)
            watch = Stopwatch()
            process.stdin.write("go\n")
            process.stdin.flush()
            _expect("DONE", process, timeout_s, log.name)
            usage = watch.stop()
            with contextlib.suppress(subprocess.TimeoutExpired):  # what does not end is ended below
                process.wait(timeout=30)
            return usage
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
            end_leftovers()


def _expect(word: str, process: subprocess.Popen[str], timeout_s: float, log: str) -> None:
    """Read lines until one is `word`; the process is killed when it takes too long."""
    assert process.stdout is not None
    alarm = threading.Timer(timeout_s, process.kill)
    alarm.start()
    try:
        for line in process.stdout:
            if line.strip() == word:
                return
    finally:
        alarm.cancel()
    raise BenchmarkError(f"Remotion ended or took over {timeout_s:.0f} s before it said {word}; see {log}")
