"""From what was measured and looked at to numbers and advice; pure.

The numbers are of one machine at one time: whoever shows them says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from framepress.band_layout import MB, Layout
from framepress.explanation import (
    ExplainedGroup,
    ExplainedVariable,
    Forecast,
    KeyInterval,
    PersonalElement,
    RowCost,
)
from framepress.looks import EVERYWHERE
from framepress.rects import Rect


@dataclass(frozen=True)
class Measured:
    """One row, rendered.

    Attributes:
        seconds, cpu_seconds: of the whole row.
        size_bytes: of the clip.
    """

    seconds: float
    cpu_seconds: float
    size_bytes: int
    captured_frames: int
    stored_segments: int


# ---- what is personal, and when -----------------------------------------------------------------


def elements(
    names: Sequence[str],
    seen: Sequence[Sequence[Rect | None]],
    because: Sequence[Iterable[str]],
    fps: Fraction,
    picture: tuple[int, int],
) -> tuple[PersonalElement, ...]:
    """The personal elements.

    Args:
        names, because: of each element: what people call it, and variables that change it.
        seen: per frame, where each is seen; None: it is not.
        picture: width and height.
    """
    result = []
    for index, name in enumerate(names):
        frames = [frame for frame, rects in enumerate(seen) if rects[index] is not None]
        area = joined(rects[index] for rects in seen)
        result.append(
            PersonalElement(
                number=index + 1,
                element=name,
                because=tuple(because[index]),
                first_frame=frames[0] if frames else None,
                last_frame=frames[-1] if frames else None,
                seen_frames=len(frames),
                seen_seconds=round(float(len(frames) / fps), 3),
                area=round(area.area / (picture[0] * picture[1]), 4) if area else 0.0,
            )
        )
    return tuple(result)


def joined(rects: Iterable[Rect | None]) -> Rect | None:
    """The smallest rectangle around all of them; None: there is none."""
    whole: Rect | None = None
    for rect in rects:
        if rect is not None:
            whole = rect if whole is None else whole.joined(rect)
    return whole


def intervals(
    gops: Sequence[range],
    seen: Sequence[Sequence[Rect | None]],
    layouts: Sequence[Layout] = (),
    height: int = 0,
    ranges: Sequence[tuple[int, ...]] = (),
) -> tuple[KeyInterval, ...]:
    """Which key-frame intervals, and ranges of them, show nothing personal, and which parts of the others do.

    Args:
        layouts: `Plan.bands`. height: of the picture. ranges: `Plan.ranges`.
    """
    found = []
    for number, gop in enumerate(gops):
        personal = any(rect for frame in gop for rect in seen[frame])
        first, stop = ranges[number] if personal and number < len(ranges) else (gop.start, gop.stop)
        layout = layouts[number] if personal and number < len(layouts) else ()
        bands = [(one.first * MB, min(one.stop * MB, height)) for one in layout if one.personal]
        if gop.start < first:
            found.append(KeyInterval(start=gop.start, stop=first, encoded="once", bands=()))
        found.append(
            KeyInterval(
                start=first,
                stop=stop,
                encoded="per row" if personal else "once",
                bands=tuple(bands) if len(layout) > 1 else (),
            )
        )
        if stop < gop.stop:
            found.append(KeyInterval(start=stop, stop=gop.stop, encoded="once", bands=()))
    return tuple(found)


def typical_frame(seen: Sequence[Sequence[Rect | None]]) -> int:
    """A frame at which most personal elements are seen: the middle of the longest such run."""
    counts = [sum(rect is not None for rect in rects) for rects in seen]
    most = max(counts, default=0)
    best, start = range(0), None
    for frame, count in enumerate([*counts, -1]):
        if count == most:
            start = frame if start is None else start
        elif start is not None:
            best = max(best, range(start, frame), key=len)
            start = None
    return best[len(best) // 2] if best else 0


def variables(
    values: Mapping[str, int],
    varying: Iterable[str],
    shared: Iterable[str],
    changes: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
) -> tuple[ExplainedVariable, ...]:
    """What each variable does.

    Args:
        values: variable -> distinct values.
        changes: variable -> places of elements that it changes.
        names: place -> what people call the element.
    """
    result = []
    for name, count in values.items():
        places = changes.get(name, ())
        if name not in set(varying):
            kind = "constant"
        elif name in set(shared):
            kind = "shared"
        else:
            kind = "everything" if any(place in EVERYWHERE for place in places) else "personal"
        result.append(
            ExplainedVariable.model_validate(
                {
                    "variable": name,
                    "values": count,
                    "kind": kind,
                    "changes": [names.get(place, place) for place in places],
                }
            )
        )
    return tuple(result)


# ---- what it costs ------------------------------------------------------------------------------


def row_cost(rows: Sequence[Measured]) -> RowCost | None:
    """What a row costs, from some. The first encodes what its group shares, so it counts only if it is the
    only one.
    """
    if not rows:
        return None
    counted = rows[1:] or rows
    count = len(counted)
    return RowCost(
        measured_rows=count,
        row_seconds=round(sum(row.seconds for row in counted) / count, 4),
        row_cpu_seconds=round(sum(row.cpu_seconds for row in counted) / count, 4),
        captured_frames=round(sum(row.captured_frames for row in counted) / count),
        reused_intervals=min(row.stored_segments for row in counted),
    )


def wall_seconds(rows: int, seconds: float, cpu_seconds: float, workers: int, cpus: float) -> float:
    """How long rows take with some workers: shared among them, but never faster than the processors are."""
    return rows * max(seconds / min(workers, max(rows, 1)), cpu_seconds / cpus)


def forecast(
    groups: Sequence[ExplainedGroup],
    sizes: Sequence[tuple[int, bool]],
    *,
    workers: int,
    cpus: float,
    plans_are_kept: bool,
) -> Forecast | None:
    """What the list will take; groups that were not looked at are taken to be like those that were.

    Args:
        groups: those that were looked at.
        sizes: rows of every group of the list, the same ones first, and whether a plan may be used for it.
        plans_are_kept: the plans that were made are in a cache, so the run finds them.
    """
    plain = [group for group in groups if group.plain_seconds is not None]
    if not plain:
        return None
    plain_s = _mean([group.plain_seconds or 0.0 for group in plain])
    plain_cpu_s = _mean([group.plain_cpu_seconds or 0.0 for group in plain])
    planned = [group for group in groups if group.cost is not None]
    like = planned[-1] if planned else None
    total = plates = 0.0
    rows_planned = clips = 0
    for number, (rows, usable) in enumerate(sizes):
        known = number < len(groups)
        group = groups[number] if known else like
        clips += rows * round(group.clip_bytes if group else _mean([one.clip_bytes for one in groups]))
        if group is None or group.cost is None or not usable:
            total += wall_seconds(rows, plain_s, plain_cpu_s, workers, cpus)
            continue
        rows_planned += rows
        plates += group.plate_bytes
        total += wall_seconds(rows, group.cost.row_seconds, group.cost.row_cpu_seconds, workers, cpus)
        if not known or not plans_are_kept:
            total += group.survey_seconds
    in_all = sum(rows for rows, _ in sizes)
    return Forecast(
        planned_rows=rows_planned,
        workers=workers,
        run_seconds=round(total, 1),
        run_seconds_plain=round(wall_seconds(in_all, plain_s, plain_cpu_s, workers, cpus), 1),
        clips_bytes=clips,
        plates_bytes=round(plates),
    )


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
