"""Render one card with framepress, HyperFrames and Remotion, and print what each clip cost and how it looks.

    python benchmarks/peers/run.py --clips 4 --rounds 3
    python benchmarks/peers/run.py --only framepress --clips 2 --rounds 1
    python benchmarks/peers/run.py --tune

The peers are installed from npm into the work folder (about 0.6 GB). Prose goes to standard error, the page
to standard output. Exit status: 0 all measured, 1 a program failed, 3 something is missing here.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from av import FFmpegError
from peerbench import meter, pictures
from peerbench.card import FRAME_COUNT, HEIGHT, SOURCES, WIDTH, make_rows
from peerbench.hyperframes import HyperFrames
from peerbench.programs import Batch, Framepress, Program
from peerbench.remotion import Remotion
from peerbench.report import Result, write_page
from peerbench.workshop import BenchmarkError, Workshop, describe_machine, open_workshop

#: What is measured, each with its best parallelism on two cores (found with --tune).
PROGRAMS: dict[str, Callable[[Workshop], Program]] = {
    "framepress": lambda shop: Framepress(shop, workers=2),
    "hyperframes": lambda shop: HyperFrames(shop, workers=2, rows_at_once=1),
    "hyperframes-crf18": lambda shop: HyperFrames(
        shop, workers=2, rows_at_once=1, crf=18, name="HyperFrames, CRF 18"
    ),
    "remotion": lambda shop: Remotion(shop, concurrency=2, clips_at_once=2),
}

#: HyperFrames now and then gets no picture for its first frame and fails that row.
WARM_UP_ATTEMPTS = 3

#: What --tune tries: (pages or workers of a clip, clips at once).
TUNED = ((1, 1), (2, 1), (1, 2), (2, 2))


def main() -> int:
    """Run as the command line says; returns the exit status."""
    options = _parse()
    work = options.work.resolve()
    try:
        meter.adopt_orphans()
        shop = open_workshop(work, options.browser)
        machine = describe_machine(shop)
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    extra = tuple(shlex.split(options.framepress_options))
    results = [Result(program) for program in _choose(shop, options.only, options.tune, extra)]
    output = work / "output"
    shutil.rmtree(output, ignore_errors=True)
    _measure(results, output, options.clips, options.rounds)
    if not (options.no_pictures or options.tune):
        _compare(results, output)
    page = write_page(results, machine, shlex.join(["python", "benchmarks/peers/run.py", *sys.argv[1:]]))
    print(page)
    if options.write:
        (SOURCES / "results.md").write_text(f"# framepress and its peers\n\n{page}", encoding="utf-8")
    return 1 if any(result.error for result in results) else 0


def _measure(results: list[Result], output: Path, clips: int, rounds: int) -> None:
    """One clip each to warm up, then `rounds` batches of each in turn, so that drift hits all alike."""
    for place, result in enumerate(results):
        _warm_up(result, output / f"{place}-0")
    for number in range(1, rounds + 1):
        rows = make_rows(clips, 1 + (number - 1) * clips)
        for place, result in enumerate(results):
            if result.error is not None:
                continue
            try:
                batch = result.program.render(rows, output / f"{place}-{number}")
                result.facts.extend(map(_checked_facts, batch.files))
                result.batches.append(batch)
            except BenchmarkError as error:
                result.error = str(error)
                _say(f"round {number} of {rounds}: {result.program.name}: {error}")
                continue
            _say(f"round {number} of {rounds}: {_line(result.program, batch)}")


def _warm_up(result: Result, folder: Path) -> None:
    """Render the clip whose pictures are compared later; not part of the numbers."""
    for attempt in range(1, WARM_UP_ATTEMPTS + 1):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            result.program.prepare()
            batch = result.program.render(make_rows(1, 0), folder)
            _checked_facts(batch.files[0])
        except BenchmarkError as error:
            _say(f"warm-up {attempt}: {result.program.name}: {error}")
            result.error = str(error)
            continue
        result.error = None
        _say(f"warm-up: {_line(result.program, batch)}")
        return


def _line(program: Program, batch: Batch) -> str:
    seconds = batch.usage.wall_s / len(batch.files)
    cpu_s = batch.usage.cpu_s / len(batch.files)
    failed = f", {batch.failed_count} FAILED" if batch.failed_count else ""
    return f"{program.name}: {seconds:.2f} s per clip, {cpu_s:.2f} CPU s{failed}"


def _compare(results: list[Result], output: Path) -> None:
    """Pictures of the warm-up's clip against the program's own lossless frames of that row."""
    row = make_rows(1, 0)[0]
    for place, result in enumerate(results):
        if not result.batches:
            continue
        try:
            result.references = result.program.references(row, output / f"{place}-references")
            clip = output / f"{place}-0" / f"{row.file_stem}.mp4"
            result.closeness = pictures.compare_clip(clip, result.references)
        except (BenchmarkError, OSError, ValueError) as error:
            result.error = f"pictures not compared: {error}"
            _say(f"{result.program.name}: {result.error}")


def _checked_facts(file: Path) -> pictures.ClipFacts:
    """The facts of a clip; a speed counts only if the clip is whole."""
    try:
        facts = pictures.read_facts(file)
    except FFmpegError as exc:
        raise BenchmarkError(f"{file} cannot be decoded: {exc}") from exc
    found = (facts.frame_count, facts.width, facts.height)
    if found != (FRAME_COUNT, WIDTH, HEIGHT):
        raise BenchmarkError(
            f"{file}: frames, width, height are {found}; expected {FRAME_COUNT, WIDTH, HEIGHT}"
        )
    return facts


def _choose(shop: Workshop, only: list[str], tune: bool, extra: tuple[str, ...]) -> list[Program]:
    programs: list[Program] = []
    if not tune:
        programs = [make(shop) for name, make in PROGRAMS.items() if name in only]
    elif "hyperframes" in only:
        programs += [HyperFrames(shop, a, b, name=f"HyperFrames {a}x{b}") for a, b in TUNED]
    if tune and "remotion" in only:
        programs += [Remotion(shop, a, b, name=f"Remotion {a}x{b}") for a, b in TUNED]
    if tune and "framepress" in only:
        programs += [Framepress(shop, a, name=f"framepress {a}") for a in (1, 2, 3)]
    for program in programs:
        if isinstance(program, Framepress):
            program.extra = extra
    return programs


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default_work = Path(tempfile.gettempdir()) / "framepress-peers"
    parser.add_argument("--clips", type=_positive, default=4, metavar="N", help="clips in a batch (4)")
    parser.add_argument(
        "--rounds", type=_positive, default=3, metavar="N", help="batches of each program (3)"
    )
    parser.add_argument("--work", type=Path, default=default_work, metavar="DIR", help=f"({default_work})")
    parser.add_argument("--only", nargs="+", choices=tuple(PROGRAMS), default=list(PROGRAMS), metavar="NAME")
    parser.add_argument("--browser", metavar="PATH", help="Chromium for all programs (a headless shell)")
    parser.add_argument("--framepress-options", default="", metavar="TEXT", help='such as "--no-cache"')
    parser.add_argument("--tune", action="store_true", help="try several parallelisms of each, no pictures")
    parser.add_argument("--no-pictures", action="store_true", help="leave out PSNR and SSIM")
    parser.add_argument(
        "--write", action="store_true", help="also write the page to benchmarks/peers/results.md"
    )
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
