"""HyperFrames as a program under test: its batch command, and its PNG sequence as lossless frames."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerbench.card import COMPARED_FRAMES, CardRow, stage
from peerbench.meter import Stopwatch, Usage
from peerbench.programs import CLIP_TIMEOUT_S, Batch, batch_of, package_version
from peerbench.workshop import BenchmarkError, Workshop, run_command


def batch_arguments(table: str, output: str, workers: int, rows_at_once: int) -> tuple[str, ...]:
    """Arguments of `hyperframes` for a batch; `output` holds `{index}`."""
    parallel = ("--workers", str(workers), "--batch-concurrency", str(rows_at_once))
    return ("render", ".", "--batch", table, "--output", output, *parallel, "--json")


def run_hyperframes(
    workshop: Workshop, project: Path, arguments: Sequence[str], log: Path, clips: int
) -> None:
    """Run its command line in the folder of a project. Some failed rows are no error.

    Raises:
        BenchmarkError: it failed as a whole, or took longer than `clips` clips may.
    """
    script = workshop.folder / "node_modules" / "hyperframes" / "bin" / "hyperframes.mjs"
    run_command(
        [workshop.node, script, *arguments],
        env=workshop.environment(),
        cwd=project,
        log=log,
        timeout_s=60 + clips * CLIP_TIMEOUT_S,
        statuses=(0, 1),
    )


def measure_batch(
    workshop: Workshop,
    project: Path,
    rows: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    workers: int,
    rows_at_once: int,
    options: Sequence[str] = (),
) -> tuple[Usage, list[Path]]:
    """Render rows of variables into `folder`, which is new.

    Returns:
        What it cost, start of the program and its browsers included, and the file that each row has or
        would have.
    """
    folder.mkdir(parents=True)
    table = folder / "rows.json"
    table.write_text(json.dumps(list(rows)), encoding="utf-8")
    arguments = batch_arguments(str(table), str(folder / "row-{index}.mp4"), workers, rows_at_once)
    watch = Stopwatch()
    run_hyperframes(workshop, project, (*arguments, *options), folder / "hyperframes.log", len(rows))
    usage = watch.stop_after_leftovers()
    return usage, [folder / f"row-{index}.mp4" for index in range(len(rows))]


def lossless_frames(
    workshop: Workshop,
    project: Path,
    values: Mapping[str, Any],
    folder: Path,
    wanted: Collection[int],
    options: Sequence[str] = (),
) -> dict[int, Path]:
    """PNG files of one row, by frame index (at the rate of the composition, or of `--fps` in `options`).

    Raises:
        BenchmarkError: a wanted frame was not written.
    """
    sequence = ("--variables", json.dumps(values), "--format", "png-sequence", "--output", str(folder))
    run_hyperframes(workshop, project, ("render", ".", *sequence, *options), folder.with_suffix(".log"), 1)
    # Its files are numbered from 1.
    numbered = {int(re.sub(r"\D", "", file.stem)) - 1: file for file in folder.glob("*.png")}
    if missing := set(wanted) - set(numbered):
        raise BenchmarkError(f"{folder}: frames {sorted(missing)} are missing")
    return {frame: numbered[frame] for frame in wanted}


@dataclass
class HyperFrames:
    """HyperFrames by its own batch command, which starts browsers for every row: all of it is measured.

    `crf` None leaves the default quality ("looks", CRF 16).
    """

    workshop: Workshop
    workers: int
    rows_at_once: int
    crf: int | None = None
    name: str = "HyperFrames"
    _folder: Path = field(init=False)

    def prepare(self) -> None:
        self._folder = stage(self.workshop.folder, "hyperframes")

    @property
    def version(self) -> str:
        return package_version(self.workshop, "hyperframes")

    @property
    def command(self) -> str:
        arguments = batch_arguments("rows.json", "out/{index}.mp4", self.workers, self.rows_at_once)
        return shlex.join(("hyperframes", *arguments, *self._options()))

    @property
    def notes(self) -> str:
        quality = "its default quality, looks (CRF 16)" if self.crf is None else f"CRF {self.crf}"
        return f"{quality}; start of program and browsers included"

    def render(self, rows: Sequence[CardRow], folder: Path) -> Batch:
        usage, written = measure_batch(
            self.workshop,
            self._folder,
            [_values(row) for row in rows],
            folder,
            workers=self.workers,
            rows_at_once=self.rows_at_once,
            options=self._options(),
        )
        for file, row in zip(written, rows, strict=True):
            if file.exists():
                file.rename(folder / f"{row.file_stem}.mp4")
        return batch_of(usage, rows, folder)

    def references(self, row: CardRow, folder: Path) -> dict[int, Path]:
        return lossless_frames(self.workshop, self._folder, _values(row), folder, COMPARED_FRAMES)

    def _options(self) -> tuple[str, ...]:
        return () if self.crf is None else ("--crf", str(self.crf))


def _values(row: CardRow) -> dict[str, str]:
    return {"name": row.name, "points": row.points}
