"""What a person sees while and after a run. Everything here goes to standard error."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from framepress import batch_request, single
    from framepress.results import RowResult, Summary

#: Seconds between two plain lines where there is no terminal.
PLAIN_LINE_S = 10.0

#: Rows listed one by one after a run; of a longer list only those that failed are shown.
ROWS_LISTED_MAX = 40

#: Failed rows listed after a run; results.csv and --json have all.
FAILED_LISTED_MAX = 20


def console() -> Console:
    """Standard error as rich sees it now; made each time, so that tests may replace the stream."""
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that --version does not need

    return Console(stderr=True, highlight=False, soft_wrap=True)


def tell_error(message: str) -> None:
    """One error for the person at the terminal."""
    console().print("Error:", style="bold red", end=" ")
    console().print(message, markup=False)


def tell_note(message: str) -> None:
    """Something that a person should know and that stops nothing."""
    console().print("Note:", style="bold", end=" ")
    console().print(message, markup=False)


class Reporter:
    """Progress of a run: a bar on a terminal, a plain line every 10 s elsewhere, nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = console()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._line_at = time.monotonic()

    def __enter__(self) -> Reporter:
        if not self._quiet and self._console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[told]}"),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("starting", total=None, told="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def batch(self, progress: batch_request.Progress) -> None:
        """Show where a run over a list stands."""
        done = progress.done + progress.failed
        if progress.phase == "rendering":
            self._show("rendering", done, progress.total, _told(progress))
        elif progress.phase == "planning":
            told = f"{progress.step or 'opening'}, {_part(progress.step_done, progress.step_total)}"
            if done:
                told += f"; {done:,}/{progress.total:,} rows"
            self._show("planning", progress.step_done, progress.step_total or None, told)
        else:
            self._show(progress.phase, 0, None, f"{progress.read:,} rows")

    def step(self, what: str, done: int, total: int) -> None:
        """Show a step of something that is no run; `total` 0: nobody knows how long it is."""
        self._show(what, done, total or None, _part(done, total) if total else f"{done:,}" if done else "")

    def note(self, text: str) -> None:
        """Tell a person what stops nothing; above the bar, if there is one."""
        if self._quiet:
            return
        self._console.print("Note:", style="bold", end=" ")
        self._console.print(text, markup=False)

    def single(self, progress: single.SingleRender) -> None:
        """Show where one clip stands."""
        total = progress.frames_total or None
        told = f"{progress.frames_shown}/{total} frames" if total else "opening"
        self._show("rendering", progress.frames_shown, total, told)

    def _show(self, phase: str, done: int, total: int | None, told: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=phase, completed=done, total=total, told=told)
        elif not self._quiet and time.monotonic() - self._line_at >= PLAIN_LINE_S:
            self._line_at = time.monotonic()
            self._console.print(f"{phase}: {told}" if told else phase, markup=False)


def _part(done: int, total: int) -> str:
    return f"{min(100, done * 100 // total)} %" if total else "0 %"


def _told(progress: batch_request.Progress) -> str:
    parts = [f"{progress.done + progress.failed:,}/{progress.total:,} rows"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.rendered:
        parts.append(f"{progress.clips_per_minute():.1f} clips/min")
    left = progress.seconds_left()
    if left is not None:
        parts.append(f"{_clock(left)} left")
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def tell_single(result: RowResult) -> None:
    """One finished clip, for a person."""
    if result.path == "stored":
        console().print(
            f"{result.out}: stored already, nothing to do (--no-cache renders it again).", markup=False
        )
        return
    seconds = result.seconds
    console().print(
        f"{result.out}: {result.frames} frames, {_size(result.bytes)}, {seconds.total:.1f} s", markup=False
    )


def tell_run(results: list[RowResult], summary: Summary) -> None:
    """The table at the end of a run.

    Args:
        results: the first `ROWS_LISTED_MAX` rows, and further ones that failed.
    """
    shown = results if summary.rows <= ROWS_LISTED_MAX else [row for row in results if row.error]
    if shown:
        console().print(_table(sorted(shown, key=lambda row: row.row or 0)))
    if summary.failed > sum(row.error is not None for row in shown):
        console().print(f"… and more; all {summary.failed} failed rows are in --results and --json.")
    parts = [f"{summary.done:,} of {summary.rows:,} clips in {summary.out_dir}"]
    if summary.stored:
        parts.append(f"{summary.stored:,} were stored already")
    if summary.failed:
        parts.append(f"{summary.failed:,} failed (again with --retry-failed)")
    parts.append(f"{_clock(summary.seconds)} min")
    if summary.clips_per_hour:
        parts.append(f"{summary.clips_per_hour:,.0f} clips per hour")
    console().print("; ".join(parts), markup=False)
    if summary.results:
        console().print(f"Results: {summary.results}", markup=False)


def tell_failed(results: list[RowResult], failed: int) -> None:
    """Failed rows, and nothing else, for who asked for quiet or reads JSON."""
    shown = [row for row in results if row.error is not None]
    for row in shown:
        assert row.error is not None
        tell_error(f"row {row.id}: {row.error.get('message', '')}")
    if failed > len(shown):
        tell_error(f"{failed - len(shown)} more rows failed; --results and --json have them all.")


def _table(rows: list[RowResult]) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("row", justify="right")
    table.add_column("status")
    table.add_column("file", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("seconds", justify="right")
    for row in rows:
        name = row.id if row.id and row.id != str(row.row) else str(row.row)
        if row.error is not None:
            table.add_row(name, "failed", str(row.error.get("message", "")), "", "")
            continue
        seconds = "" if row.path == "stored" else f"{row.seconds.total:.1f}"
        table.add_row(name, row.path or "done", _short(row.out), _size(row.bytes), seconds)
    return table


def _short(out: str | None) -> str:
    if out is not None and "://" in out:
        return out
    path = Path(out or "")
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1000:,.0f} kB" if size_bytes < 10_000_000 else f"{size_bytes / 1e6:,.1f} MB"


def print_json(line: str) -> None:
    """One object on standard output, at once, for whoever reads along."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
