"""An explanation for a person, as text on standard output: it is what was asked for."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

from framepress.explanation import (
    ExplainedGroup,
    ExplainedVariable,
    Explanation,
    KeyInterval,
    PersonalElement,
)

#: Widest text; longer lines are hard to read.
WIDTH_MAX = 110


def tell_explanation(found: Explanation, *, kept: bool) -> None:
    """Print all of it.

    Args:
        kept: plans were kept for the next run.
    """
    width = min(shutil.get_terminal_size((WIDTH_MAX, 24)).columns, WIDTH_MAX)
    lines = [*_head(found), *_variables(found)]
    for group in found.groups:
        lines += _group(group, found)
    left = found.groups_in_all - len(found.groups)
    if left > 0:
        lines += ["", f"{left:,} smaller groups were not looked at (--groups)."]
    lines += [*_forecast(found, kept), *_advice(found, width)]
    if found.picture:
        lines += ["", f"Picture: {found.picture}"]
    sys.stdout.write("\n".join(line.rstrip() for line in lines) + "\n")


def _head(found: Explanation) -> Iterator[str]:
    seconds = found.frames / _number(found.fps)
    yield (
        f"{found.composition}: {_rows(found.rows)}, {found.width}x{found.height}, {seconds:g} s at "
        f"{_number(found.fps):.5g} fps ({found.frames} frames)"
    )


def _number(fps: str) -> float:
    upper, _, lower = fps.partition("/")
    return float(upper) / float(lower or 1)


def _variables(found: Explanation) -> Iterator[str]:
    if not found.variables:
        return
    yield ""
    yield "Variables"
    rows = [(one.variable, _values(one.values), _meaning(one)) for one in found.variables]
    yield from _columns(rows)


def _values(count: int) -> str:
    return f"{count:,} value{'s' if count != 1 else ''}"


def _meaning(one: ExplainedVariable) -> str:
    where = f" ({', '.join(one.changes)})" if one.changes else ""
    match one.kind:
        case "constant":
            return "the same in all rows"
        case "shared":
            return "shared: rows are grouped by it, and each value costs a plate and a survey"
        case "everything":
            return "changes the whole picture"
    return f"personal{where}"


def _group(group: ExplainedGroup, found: Explanation) -> Iterator[str]:
    yield ""
    of = f" in {group.format}" if group.format is not None else ""
    yield f"Group {group.group}{of}: {_rows(group.rows_in_group)}, {_plan(group)}"
    if group.reason is not None:
        yield f"  rendered without reuse: {group.reason}"
    if group.stateful:
        yield f"  the page is stateful ({', '.join(group.stateful)}): it is stepped through every frame"
    else:
        yield "  the page is seekable: it can be entered at any frame"
    if group.personal:
        yield "  personal"
        yield from _columns([_element(one, found) for one in group.personal], "    ")
    if group.above:
        yield f"  painted over them, the same for all: {', '.join(group.above)}"
    if group.intervals:
        yield f"  key-frame intervals: {_intervals(group.intervals)}"
    if group.whole_because:
        yield f"  pictures are encoded whole: {group.whole_because}"
    if group.cost is not None:
        cost = group.cost
        yield (
            f"  a row: {cost.row_seconds:.1f} s, something captured in {cost.captured_frames} of "
            f"{found.frames} frames, {cost.reused_intervals} of {len(group.intervals)} intervals encoded "
            "before"
        )
    if group.plain_seconds is not None:
        yield f"  a row without reuse: {'about ' if group.cost else ''}{group.plain_seconds:.1f} s"


def _plan(group: ExplainedGroup) -> str:
    if group.plan is None:
        return "no plan"
    made = "found in the cache" if group.found else f"made in {group.survey_seconds:.1f} s"
    return f"plan {group.plan[:12]} ({made} from {group.surveyed_rows} rows)"


def _element(one: PersonalElement, found: Explanation) -> tuple[str, ...]:
    if one.first_frame is None or one.last_frame is None:
        when = "never seen"
    else:
        fps = _number(found.fps)
        when = f"{one.first_frame / fps:.1f}-{(one.last_frame + 1) / fps:.1f} s"
    because = f"because of {', '.join(one.because)}" if one.because else ""
    return (str(one.number), one.element, when, f"{one.seen_frames} frames", f"{one.area:.1%}", because)


def _intervals(intervals: tuple[KeyInterval, ...]) -> str:
    return ", ".join(f"{one.start}-{one.stop - 1} {_encoded(one)}" for one in intervals)


def _encoded(one: KeyInterval) -> str:
    if one.encoded == "once":
        return "encoded once"
    parts = " and ".join(f"{top}-{below - 1}" for top, below in one.bands)
    return f"per row in lines {parts}" if parts else "per row"


def _forecast(found: Explanation, kept: bool) -> Iterator[str]:
    forecast = found.forecast
    if forecast is None:
        return
    workers = f"{forecast.workers} worker{'s' if forecast.workers != 1 else ''}"
    yield ""
    yield f"Forecast for {_rows(found.rows)} with {workers}, by what was measured on this machine just now"
    rest = found.rows - forecast.planned_rows
    plain = f", {_rows(rest)} of them without a plan" if rest and forecast.planned_rows else ""
    yield f"  {_clock(forecast.run_seconds)}{plain}; without reuse {_clock(forecast.run_seconds_plain)}"
    yield f"  clips {_bytes(forecast.clips_bytes)}, plates in the cache {_bytes(forecast.plates_bytes)}"
    if forecast.planned_rows and kept:
        yield "  The plans are in the cache: the next `framepress render` of this list finds them."


def _advice(found: Explanation, width: int) -> Iterator[str]:
    yield ""
    if not found.advice:
        yield "Nothing to advise: what is shared is shared."
        return
    yield "What would make it faster"
    for one in found.advice:
        text = f"{one.where}: {one.why}. To change it: {one.change}."
        yield from textwrap.wrap(text, width, initial_indent="  - ", subsequent_indent="    ")


def _columns(rows: Sequence[tuple[str, ...]], indent: str = "  ") -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield indent + "  ".join(cells)


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"


def _clock(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 100 else f"{minutes} min"


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
