"""From groups that were looked at to the report on a list, and to what its picture shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from framepress import explain
from framepress.cache import Cache
from framepress.clip import Clip
from framepress.declarations import FORMAT_NAME, is_own_name
from framepress.explain import Measured
from framepress.explain_advice import Layout, advise
from framepress.explain_picture import PictureFacts, plate_png
from framepress.explain_probe import Probe
from framepress.explanation import ExplainedGroup, Explanation
from framepress.group import Group
from framepress.groups import Groups
from framepress.ledger_rows import LedgerRow
from framepress.loaded_plan import LoadedPlan
from framepress.machine import read_machine
from framepress.plan import Plan
from framepress.survey_bench import NoPlan

#: Distinct values of a variable that are counted.
VALUES_COUNTED = 1_000


@dataclass
class Looked:
    """A group that was looked at."""

    report: ExplainedGroup
    probe: Probe | None
    plan: Plan | None


def group_report(
    number: int, group: Group, found: Plan | NoPlan, probe: Probe | None, rows: Sequence[Measured]
) -> ExplainedGroup:
    """What is told of a group, before it was timed without reuse.

    Args:
        number: from 1, the largest group first.
        probe: None: its rows cannot be rendered.
        rows: of it that were timed by its plan.
    """
    report = bare_report(number, group, found)
    if probe is None:
        return report
    names = [probe.names.get(place, place) for place in probe.personal]
    because = [
        sorted(name for name, places in probe.changes.items() if place in places) for place in probe.personal
    ]
    size = (probe.clip.encoder.width, probe.clip.encoder.height)
    update: dict[str, object] = {
        "personal": explain.elements(names, probe.seen, because, probe.clip.fps, size),
        "above": tuple(probe.names.get(place, place) for place in probe.above),
        "stateful": probe.stateful,
    }
    if isinstance(found, Plan):
        update |= {
            "intervals": explain.intervals(
                probe.clip.gops, probe.seen, found.bands, probe.clip.encoder.height, found.ranges
            ),
            "whole_because": found.whole_because or None,
            "plate_bytes": (max(found.slots) + 1) * found.width * found.height * 3 // 2,
            "cost": explain.row_cost(rows),
            "clip_bytes": round(sum(row.size_bytes for row in rows) / len(rows)) if rows else 0,
        }
    return report.model_copy(update=update)


def explanation(
    name: str,
    looked: Sequence[Looked],
    groups: Groups,
    values: dict[str, int],
    *,
    workers: int,
    plans_are_kept: bool,
) -> Explanation:
    """The report on a list.

    Args:
        name: of the composition.
        looked: at least one of them with a probe.
        values: variable -> how many different ones there are.
    """
    probe = next(one.probe for one in looked if one.probe is not None)
    clip = probe.clip
    ordered = sorted(groups, key=lambda group: -group.count)
    reports = [one.report for one in looked]
    rows = sum(group.count for group in ordered)
    variables = explain.variables(values, groups.varying, groups.shared, probe.changes, probe.names)
    usable = [(group.count, group.reason is None) for group in ordered]
    return Explanation(
        composition=name,
        rows=rows,
        width=clip.encoder.width,
        height=clip.encoder.height,
        fps=str(clip.fps),
        frames=clip.frame_count,
        variables=variables,
        groups=tuple(reports),
        groups_in_all=len(ordered),
        forecast=explain.forecast(
            reports, usable, workers=workers, cpus=read_machine().cpus, plans_are_kept=plans_are_kept
        ),
        advice=advise(
            reports,
            [_layout(one.probe) for one in looked],
            variables,
            rows=rows,
            groups_in_all=len(ordered),
            frame_count=clip.frame_count,
        ),
    )


def count_values(rows: Iterable[LedgerRow]) -> dict[str, int]:
    """Variable -> how many different values it has, at most `VALUES_COUNTED`."""
    values: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.values.items():
            if is_own_name(name):
                continue
            known = values.setdefault(name, set())
            if len(known) < VALUES_COUNTED:
                known.add(value)
    return {name: len(known) for name, known in sorted(values.items())}


def picture_facts(name: str, looked: Looked, probe: Probe, cache: Cache) -> PictureFacts:
    """What the picture of a group shows. `name`: of the composition. `cache`: where its plate is."""
    frame = explain.typical_frame(probe.seen)
    report, clip = looked.report, probe.clip
    grey = None
    if looked.plan is not None:
        loaded = LoadedPlan.load(looked.plan, cache)
        if loaded is not None:
            grey = plate_png(loaded.plate.frame(frame), clip.encoder.width, clip.encoder.height)
    rows = f"{report.rows_in_group:,} row{'s' if report.rows_in_group != 1 else ''}"
    return PictureFacts(
        title=name,
        subtitle=f"{rows} · {clip.encoder.width}×{clip.encoder.height} · {_length(clip)}",
        reason=report.reason,
        width=clip.encoder.width,
        height=clip.encoder.height,
        fps=clip.fps,
        frame=frame,
        grey=grey,
        elements=report.personal,
        seen=probe.seen,
        above=tuple(zip(report.above, probe.above_seen[frame], strict=True)),
        intervals=report.intervals,
    )


def _length(clip: Clip) -> str:
    return f"{float(clip.frame_count / clip.fps):g} s at {float(clip.fps):.5g} fps"


def bare_report(number: int, group: Group, found: Plan | NoPlan) -> ExplainedGroup:
    """What is told of a group before anything of it was looked at or timed."""
    refused = found if isinstance(found, NoPlan) else None
    small = group.reason if refused is None else None
    return ExplainedGroup(
        group=number,
        format=next((sample.values.get(FORMAT_NAME) for sample in group.samples), None),
        rows_in_group=group.count,
        plan=None if isinstance(found, NoPlan) else found.digest,
        found=False,
        rule=refused.rule if refused else "group-small" if small else None,
        reason=refused.reason if refused else small,
        stateful=(),
        surveyed_rows=len(group.samples),
        survey_seconds=0.0,
        personal=(),
        above=(),
        intervals=(),
        plate_bytes=0,
        cost=None,
        clip_bytes=0,
        plain_seconds=None,
        plain_cpu_seconds=None,
        plain_frames=0,
    )


def _layout(probe: Probe | None) -> Layout | None:
    if probe is None:
        return None
    return Layout(
        personal=probe.personal,
        causes={place: probe.causes(place) for place in probe.personal},
        names=probe.names,
        differences=probe.differences,
        effects=probe.effects,
        size=(probe.clip.document.width, probe.clip.document.height),
    )
