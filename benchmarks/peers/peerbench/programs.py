"""What the benchmark asks of a program; framepress as such (others: `hyperframes.py`, `remotion.py`)."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from peerbench.card import COMPARED_FRAMES, CardRow, seconds_text, stage
from peerbench.meter import Stopwatch, Usage
from peerbench.workshop import BenchmarkError, Workshop, run_command

#: Seconds a clip may take: several times what the slowest program needs on two cores.
CLIP_TIMEOUT_S = 180.0


@dataclass(frozen=True)
class Batch:
    """One batch: what it cost, the clips it delivered in the order of its rows, and how many it did not."""

    usage: Usage
    files: tuple[Path, ...]
    failed_count: int


class Program(Protocol):
    """A program under test. One instance lasts for a whole run of the benchmark."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def command(self) -> str:
        """The batch command as one would type it."""
        ...

    @property
    def notes(self) -> str:
        """Quality asked for, what is warm before the clock starts."""
        ...

    def prepare(self) -> None:
        """Stage the card. May be called again; not measured."""
        ...

    def render(self, rows: Sequence[CardRow], folder: Path) -> Batch:
        """Render all rows into `folder`, which is new; measured. Raises BenchmarkError."""
        ...

    def references(self, row: CardRow, folder: Path) -> dict[int, Path]:
        """Lossless PNG frames of the row by the program's own means, by frame index; not measured."""
        ...


def batch_of(usage: Usage, rows: Sequence[CardRow], folder: Path) -> Batch:
    """The batch as its folder shows it. A program that fails some rows is measured by the clips it delivered.

    Raises:
        BenchmarkError: not one clip was delivered.
    """
    files = tuple(file for row in rows if (file := folder / f"{row.file_stem}.mp4").exists())
    if not files:
        raise BenchmarkError(f"{folder}: no clip was written; see the log in it")
    return Batch(usage, files, len(rows) - len(files))


@dataclass
class Framepress:
    """framepress from the Python that runs the benchmark: its whole command is measured, start included."""

    workshop: Workshop
    workers: int
    extra: tuple[str, ...] = ()
    name: str = "framepress"
    _folder: Path = field(init=False)

    def prepare(self) -> None:
        self._folder = stage(self.workshop.folder, "framepress")

    @property
    def version(self) -> str:
        command = [framepress_program(), "--version"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.strip() or "unknown"

    @property
    def command(self) -> str:
        return shlex.join(("framepress", *self._arguments("rows.json", "out")))

    @property
    def notes(self) -> str:
        return "CRF 18 (its default); start of program and browser included"

    def render(self, rows: Sequence[CardRow], folder: Path) -> Batch:
        folder.mkdir(parents=True)
        table = folder / "rows.json"
        columns = [{"NAME": row.name, "POINTS": row.points, "out": f"{row.file_stem}.mp4"} for row in rows]
        table.write_text(json.dumps(columns), encoding="utf-8")
        watch = Stopwatch()
        self._run(self._arguments(str(table), str(folder)), folder / "framepress.log", len(rows))
        usage = watch.stop_after_leftovers()
        return batch_of(usage, rows, folder)

    def references(self, row: CardRow, folder: Path) -> dict[int, Path]:
        folder.mkdir(parents=True)
        frames = {frame: folder / f"{frame}.png" for frame in COMPARED_FRAMES}
        values = ("--vars", f"NAME={row.name}", f"POINTS={row.points}")
        for frame, file in frames.items():
            moment = seconds_text(frame)
            arguments = ("render", "card.html", *values, "--still", moment, "--out", str(file))
            self._run(arguments, folder / f"{frame}.log", 1)
        return frames

    def _arguments(self, table: str, folder: str) -> tuple[str, ...]:
        options = ("--variants", table, "--out-dir", folder, "--workers", str(self.workers), "--json")
        return ("render", "card.html", *options, *self.extra)

    def _run(self, arguments: Sequence[str], log: Path, clips: int) -> None:
        command = [framepress_program(), *arguments]
        run_command(
            command,
            env=os.environ,
            cwd=self._folder,
            log=log,
            timeout_s=60 + clips * CLIP_TIMEOUT_S,
            statuses=(0, 1),
        )


def package_version(workshop: Workshop, package: str) -> str:
    """The installed version of an npm package."""
    manifest = workshop.folder / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])


def framepress_program() -> str:
    """The framepress of the Python that runs the benchmark, else the one on the PATH.

    Raises:
        BenchmarkError: there is none.
    """
    beside = shutil.which("framepress", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("framepress")
    if found is None:
        raise BenchmarkError("framepress is not installed in this Python nor on the PATH.")
    return found
