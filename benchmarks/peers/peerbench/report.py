"""Results of a run as one Markdown page."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peerbench.card import FPS, FRAME_COUNT, HEIGHT, WIDTH
from peerbench.markdown import bullets, spread, table
from peerbench.pictures import ClipFacts, Closeness, compare_references
from peerbench.programs import Batch, Program

#: Programs whose lossless frames are further apart than this do not show the same picture, and their numbers
#: are not to be compared. A moving gradient alone, drawn by different calls, makes about 53 dB.
SAME_PICTURE_DB = 45.0


@dataclass
class Result:
    """What was measured of one program, as it comes in."""

    program: Program
    batches: list[Batch] = field(default_factory=list)
    facts: list[ClipFacts] = field(default_factory=list)
    references: dict[int, Path] = field(default_factory=dict)
    closeness: Closeness | None = None
    error: str | None = None

    def seconds_per_clip(self) -> list[float]:
        """One number a batch: wall seconds by clips delivered."""
        return [batch.usage.wall_s / len(batch.files) for batch in self.batches]

    def cpu_seconds_per_clip(self) -> list[float]:
        """One number a batch: processor seconds of all processes by clips delivered."""
        return [batch.usage.cpu_s / len(batch.files) for batch in self.batches]


def write_page(results: Sequence[Result], machine: Iterable[tuple[str, str]], run: str) -> str:
    """The whole page. `run` is the command that made it."""
    measured = [result for result in results if result.batches]
    failures = [(_label(result), result.error) for result in results if result.error is not None]
    parts = [
        f"One card, {WIDTH}x{HEIGHT}, {FRAME_COUNT // FPS} s, {FPS} frames/s; no two clips alike.",
        _speed_table(measured),
        "Seconds are wall time by the clips of a batch: the median of the batches, and their range. CPU "
        "seconds are user and system time of all processes, browsers included. A clip that failed is not "
        "counted, its time is.",
        _picture_table([result for result in measured if result.closeness is not None]),
        _agreement(measured),
        bullets("Programs", [(_label(result), _describe(result)) for result in measured]),
        bullets("Machine", [*machine, ("Made by", f"`{run}`")]),
        bullets("Failures", failures),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _speed_table(results: Sequence[Result]) -> str:
    header = (
        "program",
        "s per clip",
        "CPU s per clip",
        "frames/s",
        "clips per hour",
        "kB per clip",
        "batches",
        "failed",
    )
    rows = []
    for result in results:
        seconds = result.seconds_per_clip()
        middle = statistics.median(seconds)
        size_kb = statistics.mean(facts.size_bytes for facts in result.facts) / 1000
        failed = sum(batch.failed_count for batch in result.batches)
        size = len(result.batches[0].files) + result.batches[0].failed_count
        batches = f"{len(seconds)} of {size} clips"
        cells = (
            _label(result),
            spread(seconds),
            spread(result.cpu_seconds_per_clip()),
            f"{FRAME_COUNT / middle:.1f}",
            f"{3600 / middle:,.0f}",
            f"{size_kb:,.0f}",
            batches,
            str(failed),
        )
        rows.append(cells)
    return table(header, rows)


def _picture_table(results: Sequence[Result]) -> str:
    if not results:
        return ""
    header = (
        "program",
        "PSNR luma, dB",
        "PSNR RGB, dB",
        "SSIM luma",
        "frames compared",
        "colour of the file",
    )
    rows = []
    for result in results:
        close = result.closeness
        assert close is not None
        cells = (
            _label(result),
            f"{close.luma_db_mean:.1f} ({close.luma_db_min:.1f})",
            f"{close.rgb_db_mean:.1f} ({close.rgb_db_min:.1f})",
            f"{close.ssim_mean:.4f} ({close.ssim_min:.4f})",
            str(close.frame_count),
            result.facts[0].colour,
        )
        rows.append(cells)
    explanation = (
        "Decoded frames of one clip against lossless frames of the same program, on a scale of 0..255: mean, "
        "and lowest frame in parentheses."
    )
    return f"{table(header, rows)}\n\n{explanation}"


def _agreement(results: Sequence[Result]) -> str:
    """A line that says whether the programs' lossless frames show one picture."""
    with_frames = [result for result in results if result.references]
    if len(with_frames) < 2:
        return ""
    first, *others = with_frames
    findings = []
    for other in others:
        lowest_db, largest = compare_references(first.references, other.references)
        verdict = "the same picture" if lowest_db >= SAME_PICTURE_DB else "**NOT the same picture**"
        findings.append(f"{_label(other)} {lowest_db:.1f} dB, at most {largest:.0f}/255 ({verdict})")
    return (
        f"Lossless frames against those of {_label(first)}, lowest frame of {len(first.references)}: "
        + "; ".join(findings)
        + "."
    )


def _describe(result: Result) -> str:
    program = result.program
    return f"version {program.version}; {program.notes}; `{program.command}`"


def _label(result: Result) -> str:
    return result.program.name
