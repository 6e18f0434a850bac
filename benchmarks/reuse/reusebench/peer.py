"""HyperFrames on the picture of a case: few clips, before and after framepress, kept for a later run."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerbench.card import HEIGHT, WIDTH
from peerbench.hyperframes import batch_arguments, measure_batch
from peerbench.pictures import read_facts
from peerbench.programs import package_version
from peerbench.workshop import BenchmarkError, Workshop

from reusebench.compositions import frame_count
from reusebench.port import write_project

#: The parallelism that the peers' benchmark found best on two cores (`peers/run.py --tune`).
WORKERS, ROWS_AT_ONCE = 2, 1

#: HyperFrames now and then gets no picture for its first frame and fails that row.
WARM_UP_ATTEMPTS = 3

COMMAND = "hyperframes " + " ".join(batch_arguments("rows.json", "'out/{index}.mp4'", WORKERS, ROWS_AT_ONCE))


@dataclass
class PeerResult:
    """What HyperFrames needed for one picture.

    Attributes:
        seconds_per_clip: one number a batch: wall seconds by clips delivered.
        cpu_s_per_clip: likewise, of all its processes.
        measured_at: when, if that was in an earlier run of the benchmark; None: in this one.
    """

    seconds_per_clip: list[float] = field(default_factory=list)
    cpu_s_per_clip: list[float] = field(default_factory=list)
    clips: int = 0
    failed: int = 0
    measured_at: str | None = None

    @property
    def clips_per_hour(self) -> float:
        return 3600 / statistics.median(self.seconds_per_clip)


class Peer:
    """HyperFrames with one composition, ported into the work folder."""

    def __init__(self, workshop: Workshop, name: str, composition: Path) -> None:
        self.result = PeerResult()
        self.project = workshop.folder / "reuse" / "projects" / name
        self.variables = write_project(composition, self.project)
        self._frame_count = frame_count(composition)
        self._workshop = workshop
        self._output = workshop.folder / "reuse" / "hyperframes" / name
        self._stored = workshop.folder / "reuse" / "measured" / f"{name}.json"

    def warm_up(self, rows: Sequence[dict[str, Any]]) -> None:
        """Render one clip outside of the numbers.

        Raises:
            BenchmarkError: no attempt gave a whole clip.
        """
        shutil.rmtree(self._output, ignore_errors=True)
        for attempt in range(1, WARM_UP_ATTEMPTS + 1):
            try:
                self._render(rows[:1], f"warm-up-{attempt}")
            except BenchmarkError:
                if attempt == WARM_UP_ATTEMPTS:
                    raise
            else:
                return

    def measure(self, rows: Sequence[dict[str, Any]]) -> None:
        """One batch."""
        wall_s, cpu_s, delivered = self._render(rows, f"batch-{len(self.result.seconds_per_clip) + 1}")
        self.result.seconds_per_clip.append(wall_s / delivered)
        self.result.cpu_s_per_clip.append(cpu_s / delivered)
        self.result.clips += delivered
        self.result.failed += len(rows) - delivered

    def keep(self) -> None:
        """Store the measurement for `recall`."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
        record = {"of": self._what_was_measured(), "result": {**vars(self.result), "measured_at": now}}
        self._stored.parent.mkdir(parents=True, exist_ok=True)
        self._stored.write_text(json.dumps(record, indent=1), encoding="utf-8")

    def recall(self) -> bool:
        """Take the measurement of an earlier run of the same project, version and browser, if any."""
        if not self._stored.exists():
            return False
        record = json.loads(self._stored.read_text(encoding="utf-8"))
        if record["of"] != self._what_was_measured():
            return False
        self.result = PeerResult(**record["result"])
        return True

    def variables_of(self, row: dict[str, Any]) -> dict[str, Any]:
        """The values of a row that the project declares."""
        return {name: row[name] for name in self.variables}

    def _render(self, rows: Sequence[dict[str, Any]], name: str) -> tuple[float, float, int]:
        values = [self.variables_of(row) for row in rows]
        folder = self._output / name
        usage, files = measure_batch(
            self._workshop, self.project, values, folder, workers=WORKERS, rows_at_once=ROWS_AT_ONCE
        )
        delivered = [file for file in files if file.exists()]
        if not delivered:
            raise BenchmarkError(f"{folder}: no clip was written; see the log in it")
        for file in delivered:
            check_clip(file, self._frame_count, WIDTH, HEIGHT)
        return usage.wall_s, usage.cpu_s, len(delivered)

    def _what_was_measured(self) -> dict[str, str]:
        digest = hashlib.sha256()
        for file in sorted(self.project.rglob("*")):
            if file.is_file():
                digest.update(f"{file.relative_to(self.project)}\n".encode())
                digest.update(file.read_bytes())
        return {
            "project": digest.hexdigest(),
            "version": package_version(self._workshop, "hyperframes"),
            "browser": str(self._workshop.browser.resolve()),
            "command": COMMAND,
        }


def check_clip(file: Path, frame_count: int, width: int, height: int) -> None:
    """A speed counts only if the clip is whole.

    Raises:
        BenchmarkError: it has other frames than it should.
    """
    facts = read_facts(file)
    found = (facts.frame_count, facts.width, facts.height)
    if found != (frame_count, width, height):
        raise BenchmarkError(
            f"{file}: frames, width, height are {found}; expected {frame_count, width, height}"
        )
