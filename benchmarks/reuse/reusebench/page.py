"""Results as one Markdown page."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from peerbench.markdown import bullets, table
from peerbench.press import PressRun

from reusebench.cases import Outcome
from reusebench.pictures import Agreement

#: A worker with its browser, anonymous megabytes at 1080p.
WORKER_MB_MAX = 700

#: How much slower than the plain path framepress may be where reuse has nothing to give.
SLOWER_MAX = 0.05


def write_page(
    outcomes: Sequence[Outcome],
    agreements: Sequence[Agreement],
    failures: Sequence[tuple[str, str | None]],
    facts: Iterable[tuple[str, str]],
    *,
    knows_reuse: bool,
) -> str:
    """The whole page; `facts` are those of programs and machine."""
    plain = (
        ""
        if knows_reuse
        else "**This framepress has no `--reuse`: its numbers are those of its plain path.**"
    )
    parts = [
        plain,
        "6 s, 1920x1080, 30 frames/s; every row different; cold cache; unless the case says otherwise.",
        peer_table([outcome for outcome in outcomes if outcome.peer is not None]),
        self_table([outcome for outcome in outcomes if outcome.peer is None and outcome.flatness is None]),
        flat_table([outcome for outcome in outcomes if outcome.flatness is not None]),
        cost_table(outcomes),
        steps_table(outcomes),
        picture_table(agreements),
        bullets("Programs and machine", list(facts)),
        bullets("Failures", failures),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def peer_table(outcomes: Sequence[Outcome]) -> str:
    """Clips per hour of both programs."""
    if not outcomes:
        return ""
    header = ("case", "rows", "clips per hour", "HyperFrames", "on clips", "times", "target", "")
    rows = []
    for outcome in outcomes:
        assert outcome.peer is not None
        theirs = outcome.peer.result
        times = outcome.clips_per_hour / theirs.clips_per_hour
        failed = f" ({theirs.failed} failed)" if theirs.failed else ""
        target, verdict = "", ""
        if outcome.target is not None:
            target, verdict = f"{outcome.target:,.0f}", _verdict(times >= outcome.target)
        mark = "" if theirs.measured_at is None else " (earlier)"
        rows.append(
            (
                f"{outcome.name}: {outcome.title}",
                f"{outcome.rows:,}",
                f"{outcome.clips_per_hour:,.0f}",
                f"{theirs.clips_per_hour:,.0f}{mark}",
                f"{theirs.clips}{failed}",
                f"{times:,.1f}",
                target,
                verdict,
            )
        )
    explanation = (
        "Whole commands, start of programs and browsers, survey and plate included. HyperFrames is slow, so "
        "it renders few clips: one to warm up, then batches before and after framepress's run, of which the "
        "median counts. `again` and `global` stand beside its clips per hour on `card`."
    )
    earlier = sorted(
        {f"{o.peer.result.measured_at}" for o in outcomes if o.peer and o.peer.result.measured_at}
    )
    if earlier:
        explanation += f' "Earlier": HyperFrames was not measured beside, but on {", ".join(earlier)}.'
    return f"{table(header, rows)}\n\n{explanation}"


def self_table(outcomes: Sequence[Outcome]) -> str:
    """framepress beside itself with `--reuse off`."""
    if not outcomes:
        return ""
    header = ("case", "rows", "runs", "clips per hour", "with `--reuse off`", "slower by", "limit", "")
    rows = []
    for outcome in outcomes:
        cells = (f"{outcome.name}: {outcome.title}", str(outcome.rows), str(len(outcome.runs)))
        mine = f"{outcome.clips_per_hour:,.0f}"
        if (plain := outcome.plain_clips_per_hour) is None:
            rows.append((*cells, mine, "-", "-", f"{SLOWER_MAX:.0%}", ""))
            continue
        slower = plain / outcome.clips_per_hour - 1
        verdict = _verdict(slower <= SLOWER_MAX)
        rows.append((*cells, mine, f"{plain:,.0f}", f"{slower:+.1%}", f"{SLOWER_MAX:.0%}", verdict))
    return table(header, rows)


def flat_table(outcomes: Sequence[Outcome]) -> str:
    """Early rows beside late ones."""
    header = ("rows, as they ended", "clips per minute", "worker and browser, MB", "parent, MB")
    tables = []
    for outcome in outcomes:
        assert outcome.flatness is not None
        rows = [
            (
                f"{stretch.first:,} to {stretch.last:,}",
                f"{stretch.clips_per_minute:,.1f}",
                f"{stretch.worker_mb:,.0f}",
                f"{stretch.parent_mb:,.0f}",
            )
            for stretch in (outcome.flatness.early, outcome.flatness.late)
        ]
        tables.append(f"{outcome.name}: {outcome.title}, {outcome.rows:,} rows.\n\n{table(header, rows)}")
    return "\n\n".join(tables)


def cost_table(outcomes: Sequence[Outcome]) -> str:
    """What framepress needed besides time."""
    header = ("case", "s per clip", "CPU s per clip", "first row, s", "peak MB of a worker", "paths")
    rows = []
    for outcome in outcomes:
        for label, runs in ((outcome.name, outcome.runs), (f"{outcome.name}, `--reuse off`", outcome.plain)):
            if not runs:
                continue
            wall_s = statistics.median(run.usage.wall_s / len(run.arrivals) for run in runs)
            cpu_s = statistics.median(run.usage.cpu_s / len(run.arrivals) for run in runs)
            first_s = statistics.median(run.arrivals[0].at_s for run in runs)
            peak = _peak(runs)
            rows.append((label, f"{wall_s:.3f}", f"{cpu_s:.3f}", f"{first_s:.1f}", peak, _paths(runs)))
        if outcome.peer is not None and outcome.peer.result.cpu_s_per_clip:
            theirs = outcome.peer.result
            wall_s, cpu_s = map(statistics.median, (theirs.seconds_per_clip, theirs.cpu_s_per_clip))
            rows.append((f"{outcome.name}, HyperFrames", f"{wall_s:.3f}", f"{cpu_s:.3f}", "", "", ""))
    explanation = (
        "Peak: anonymous memory (RssAnon) of the largest worker with all processes of its browser, looked at "
        f"four times a second; at 1080p it should stay under {WORKER_MB_MAX} MB."
    )
    return f"{table(header, rows)}\n\n{explanation}" if rows else ""


def steps_table(outcomes: Sequence[Outcome]) -> str:
    """Seconds of a rendered row by step, as `--json` tells them; whatever steps there are."""
    measured = [(outcome, _steps(outcome.runs)) for outcome in outcomes]
    names = list(dict.fromkeys(name for _, steps in measured for name in steps))
    rows = [
        (outcome.name, *(f"{steps[name]:.3f}" if name in steps else "" for name in names))
        for outcome, steps in measured
        if steps
    ]
    if not rows:
        return ""
    explanation = "Seconds of a row by step, medians over the rows that were rendered. Steps overlap."
    return f"{table(('case', *names), rows)}\n\n{explanation}"


def picture_table(agreements: Sequence[Agreement]) -> str:
    """Whether both programs draw one picture."""
    if not agreements:
        return ""
    moments = [f"{moment:g} s" for moment in agreements[0].psnr_db]
    rows = []
    for agreement in agreements:
        verdict = "one picture" if agreement.is_one_picture else "**NOT one picture**"
        values = (f"{value:.1f}" for value in agreement.psnr_db.values())
        rows.append((agreement.name, *values, f"{agreement.largest:.0f}", verdict))
    header = ("case", *moments, "largest difference, of 255", "")
    explanation = (
        "Lossless frames of HyperFrames against those of framepress, PSNR of RGB in dB; 100 stands for equal."
    )
    return f"{table(header, rows)}\n\n{explanation}"


def _steps(runs: Sequence[PressRun]) -> dict[str, float]:
    rendered = [
        arrival.line["seconds"]
        for run in runs
        for arrival in run.arrivals
        if arrival.line.get("attempt", 0) > 0
    ]
    names = list(dict.fromkeys(name for seconds in rendered for name in seconds))
    return {name: statistics.median(seconds.get(name, 0.0) for seconds in rendered) for name in names}


def _paths(runs: Sequence[PressRun]) -> str:
    counts = Counter(str(arrival.line.get("path")) for run in runs for arrival in run.arrivals)
    return ", ".join(f"{count} {path}" for path, count in counts.most_common())


def _peak(runs: Sequence[PressRun]) -> str:
    peaks = [look.worker_mb for run in runs for look in run.looks]
    return f"{max(peaks):,.0f}" if peaks else "-"


def _verdict(met: bool) -> str:
    return "met" if met else "**not met**"
