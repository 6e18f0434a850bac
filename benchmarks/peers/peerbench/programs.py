"""What the benchmark asks of a program; framepress and HyperFrames as such (Remotion: `remotion.py`)."""

from __future__ import annotations

import json
import os
import re
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
        command = [*self._program(), "--version"]
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
        command = [*self._program(), *arguments]
        run_command(
            command,
            env=os.environ,
            cwd=self._folder,
            log=log,
            timeout_s=60 + clips * CLIP_TIMEOUT_S,
            statuses=(0, 1),
        )

    def _program(self) -> tuple[str, ...]:
        beside = shutil.which("framepress", path=str(Path(sys.executable).parent))
        found = beside or shutil.which("framepress")
        if found is None:
            raise BenchmarkError("framepress is not installed in this Python nor on the PATH.")
        return (found,)


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
        return shlex.join(("hyperframes", *self._arguments("rows.json", "out/{index}.mp4")))

    @property
    def notes(self) -> str:
        quality = "its default quality, looks (CRF 16)" if self.crf is None else f"CRF {self.crf}"
        return f"{quality}; start of program and browsers included"

    def render(self, rows: Sequence[CardRow], folder: Path) -> Batch:
        folder.mkdir(parents=True)
        table = folder / "rows.json"
        columns = [{"name": row.name, "points": row.points} for row in rows]
        table.write_text(json.dumps(columns), encoding="utf-8")
        watch = Stopwatch()
        arguments = self._arguments(str(table), str(folder / "row-{index}.mp4"))
        self._run(arguments, folder / "hyperframes.log", len(rows))
        usage = watch.stop_after_leftovers()
        for index, row in enumerate(rows):
            written = folder / f"row-{index}.mp4"
            if written.exists():
                written.rename(folder / f"{row.file_stem}.mp4")
        return batch_of(usage, rows, folder)

    def references(self, row: CardRow, folder: Path) -> dict[int, Path]:
        values = json.dumps({"name": row.name, "points": row.points})
        sequence = ("render", ".", "--variables", values, "--format", "png-sequence", "--output", str(folder))
        self._run(sequence, folder.with_suffix(".log"), 1)
        # Its files are numbered from 1.
        numbered = {int(re.sub(r"\D", "", file.stem)) - 1: file for file in folder.glob("*.png")}
        missing = set(COMPARED_FRAMES) - set(numbered)
        if missing:
            raise BenchmarkError(f"{folder}: frames {sorted(missing)} are missing")
        return {frame: numbered[frame] for frame in COMPARED_FRAMES}

    def _arguments(self, table: str, output: str) -> tuple[str, ...]:
        crf = () if self.crf is None else ("--crf", str(self.crf))
        parallel = ("--workers", str(self.workers), "--batch-concurrency", str(self.rows_at_once))
        return ("render", ".", "--batch", table, "--output", output, *parallel, *crf, "--json")

    def _run(self, arguments: Sequence[str], log: Path, clips: int) -> None:
        script = self.workshop.folder / "node_modules" / "hyperframes" / "bin" / "hyperframes.mjs"
        command: list[str | Path] = [self.workshop.node, script, *arguments]
        env = self.workshop.environment()
        run_command(
            command,
            env=env,
            cwd=self._folder,
            log=log,
            timeout_s=60 + clips * CLIP_TIMEOUT_S,
            statuses=(0, 1),
        )


def package_version(workshop: Workshop, package: str) -> str:
    """The installed version of an npm package."""
    manifest = workshop.folder / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])
