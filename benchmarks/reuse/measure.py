"""What a row costs when clips share most of their pictures: framepress beside HyperFrames, case by case.

    python benchmarks/reuse/measure.py --cases card,still --rows 100
    python benchmarks/reuse/measure.py --cases card --rows 4 --peer-rows 2        # a quick look
    python benchmarks/reuse/measure.py --reuse-peer --write

HyperFrames is installed from npm into the work folder, which is that of the peers' benchmark (about 0.6 GB).
Prose goes to standard error, the page to standard output. Exit status: 0 all measured, 1 a program failed, 3
something is missing here.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peers"))

from peerbench import meter  # noqa: E402
from peerbench.programs import package_version  # noqa: E402
from peerbench.workshop import BenchmarkError, describe_machine, open_workshop  # noqa: E402
from reusebench import peer as peers  # noqa: E402
from reusebench.cases import CASES, PEER_BATCHES, Outcome, Session  # noqa: E402
from reusebench.compositions import CompositionError  # noqa: E402
from reusebench.page import write_page  # noqa: E402
from reusebench.pictures import Agreement, compare_pictures  # noqa: E402
from reusebench.port import PortError  # noqa: E402
from reusebench.runs import open_press  # noqa: E402
from rows import make_rows  # noqa: E402

#: Cases whose picture is HyperFrames' as well.
SHARED_PICTURES = ("card", "still", "window", "lower", "lower-third")


def main() -> int:
    """Run as the command line says; returns the exit status."""
    options = _parse()
    try:
        meter.adopt_orphans()
        session = _open_session(options)
        machine = describe_machine(session.workshop)
        programs = _describe_programs(session)
    except (BenchmarkError, OSError) as error:
        _say(f"error: {error}")
        return 3
    if not session.press.knows_reuse:
        _say("This framepress has no --reuse: the plain path is measured.")
    failures: list[tuple[str, str | None]] = []
    outcomes = _measure(session, options.cases, failures)
    agreements = [] if options.no_pictures else _compare(session, outcomes, failures)
    run = shlex.join(["python", "benchmarks/reuse/measure.py", *sys.argv[1:]])
    facts = [*programs, *machine, ("Made by", f"`{run}`")]
    page = write_page(outcomes, agreements, failures, facts, knows_reuse=session.press.knows_reuse)
    print(page)
    if options.write:
        (HERE / "results.md").write_text(f"# What reuse saves\n\n{page}", encoding="utf-8")
    return 1 if failures else 0


def _measure(session: Session, names: list[str], failures: list[tuple[str, str | None]]) -> list[Outcome]:
    outcomes = []
    for name in names:
        try:
            outcome = CASES[name](session)
        except (BenchmarkError, CompositionError, PortError, ValueError) as error:
            failures.append((name, str(error)))
            _say(f"{name}: {error}")
            continue
        outcomes.append(outcome)
        _say(f"{name}: framepress {outcome.clips_per_hour:,.0f} clips per hour")
    return outcomes


def _compare(
    session: Session, outcomes: list[Outcome], failures: list[tuple[str, str | None]]
) -> list[Agreement]:
    agreements = []
    for outcome in outcomes:
        if outcome.name not in SHARED_PICTURES or outcome.peer is None:
            continue
        composition = session.composition(outcome.name)
        row = session.rows(1)[0]
        try:
            agreement = compare_pictures(session.workshop, outcome.name, composition, outcome.peer, row)
        except (BenchmarkError, OSError, ValueError) as error:
            failures.append((f"{outcome.name}, pictures", str(error)))
            _say(f"{outcome.name}: pictures not compared: {error}")
            continue
        agreements.append(agreement)
        _say(f"{outcome.name}: pictures compared, they lie in {agreement.folder}")
    return agreements


def _open_session(options: argparse.Namespace) -> Session:
    workshop = open_workshop(options.work.resolve(), options.browser)
    extra = shlex.split(options.framepress_options)
    return Session(
        workshop,
        open_press(workshop.folder / "reuse", options.workers, extra),
        make_rows,
        options.rows,
        options.peer_rows,
        options.flat_rows,
        options.reuse_peer,
        _say,
    )


def _describe_programs(session: Session) -> list[tuple[str, str]]:
    version = package_version(session.workshop, "hyperframes")
    return [
        ("framepress", f"`framepress {' '.join(_typical_arguments(session))}`, cache cold"),
        ("HyperFrames", f"{version}, its default quality (CRF 16), `{peers.COMMAND}`"),
    ]


def _typical_arguments(session: Session) -> list[str]:
    arguments = ["render", "card.html", "--variants", "rows.json", "--out-dir", "out"]
    return [*arguments, "--workers", str(session.press.workers), "--json", *session.press.extra]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    work = Path(tempfile.gettempdir()) / "framepress-peers"
    parser.add_argument(
        "--cases", type=_cases, default=list(CASES), metavar="A,B", help=f"({','.join(CASES)})"
    )
    parser.add_argument("--rows", type=_positive, default=100, metavar="N", help="rows of framepress (100)")
    parser.add_argument(
        "--peer-rows",
        type=_positive,
        default=2,
        metavar="N",
        help=f"rows in each of HyperFrames' {PEER_BATCHES} batches (2)",
    )
    parser.add_argument("--flat-rows", type=_positive, default=2_000, metavar="N", help="rows of flat (2000)")
    parser.add_argument("--workers", type=_positive, default=2, metavar="N", help="workers of framepress (2)")
    parser.add_argument("--work", type=Path, default=work, metavar="DIR", help=f"({work})")
    parser.add_argument(
        "--reuse-peer",
        action="store_true",
        help="take HyperFrames' numbers of an earlier run in the same work folder",
    )
    parser.add_argument("--browser", metavar="PATH", help="Chromium for both programs (a headless shell)")
    parser.add_argument(
        "--framepress-options", default="", metavar="TEXT", help='for all runs, such as "--reuse frames"'
    )
    parser.add_argument("--no-pictures", action="store_true", help="do not compare the programs' pictures")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/reuse/results.md")
    return parser.parse_args()


def _cases(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(CASES):
        raise argparse.ArgumentTypeError(f"no case {sorted(unknown)}; there are {', '.join(CASES)}")
    return [name for name in CASES if name in names]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
