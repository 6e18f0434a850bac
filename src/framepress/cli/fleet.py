"""The commands of a fleet: `enqueue`, `worker`, and those that look at a run or settle it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from framepress.cli import lists
from framepress.cli import render as render_options

ENQUEUE_EXAMPLES = """Examples:

\b
  framepress enqueue card.html --variants people.csv --queue sqlite:///queue.db --out-dir out --run july
  framepress enqueue card.html --variants people.csv --queue redis://127.0.0.1:6379/0 \\
      --out-dir s3://bucket/run-7 --run run-7
  framepress enqueue card.html --variants people.csv --queue sqs://jobs \\
      --out-dir s3://bucket/run-7 --run run-7
"""

WORKER_EXAMPLES = """Examples:

\b
  framepress worker --queue sqlite:///queue.db --until-empty
  framepress worker --queue redis://127.0.0.1:6379/0 --workers 2
  framepress worker --queue sqs://jobs --out-dir s3://bucket --log-format json
"""

RUN_EXAMPLES = """Examples:

\b
  framepress status --run run-7 --watch
  framepress wait --run run-7 --timeout 6h --max-failed 0.5% --results results.csv
  framepress dead list --run run-7
  framepress dead retry --run run-7 --id u-4711
"""

QUEUE_HELP = "sqlite:///PATH, redis://HOST:6379/0 or sqs://NAME."

Queue = Annotated[str, typer.Option("--queue", envvar="FRAMEPRESS_QUEUE", help=QUEUE_HELP)]
QueueMaybe = Annotated[str | None, typer.Option("--queue", envvar="FRAMEPRESS_QUEUE", help=QUEUE_HELP)]
Run = Annotated[str, typer.Option("--run", help="Name of the run.")]
Place = Annotated[
    str | None,
    typer.Option("--out-dir", envvar="FRAMEPRESS_OUT_DIR", help="Where its clips are; a folder or bucket."),
]
NoRedrive = Annotated[
    bool, typer.Option("--no-redrive-check", help="Take an SQS queue without a dead letter queue.")
]
Ids = Annotated[
    list[str] | None, typer.Option("--id", help="Only this row, by its id in results; may be repeated.")
]
JsonLines = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@dataclass(frozen=True)
class EnqueueOptions:
    """The command line of `enqueue`, not yet checked."""

    composition: render_options.Composition
    variants: lists.Variants
    queue: Queue
    run: Run
    out_dir: Annotated[
        str, typer.Option("--out-dir", help="Where the clips go: a folder, s3://, gs://, az://.")
    ]
    encoding: lists.Encoding = None
    query: lists.Query = None
    out_name: render_options.OutName = None
    formats: render_options.Formats = None
    id_column: lists.IdColumn = None
    map_: lists.Map = None
    use_default: lists.UseDefault = None
    bad_rows: lists.BadRows = "stop"
    rows: lists.Rows = None
    only: lists.Only = None
    crf: render_options.Crf = None
    preset: render_options.Preset = None
    quality: render_options.Quality = None
    fps: render_options.Fps = None
    scale: render_options.Scale = None
    poster: render_options.Poster = None
    poster_button: render_options.PosterButton = False
    locale: lists.Locale = "en-US"
    locale_column: lists.LocaleColumn = None
    timezone: render_options.Timezone = "UTC"
    now: render_options.Now = "2000-01-01T00:00:00Z"
    system_fonts: render_options.SystemFonts = False
    allow_host: lists.AllowHost = None
    allow_private_host: lists.AllowPrivateHost = None
    require_approval: render_options.RequireApproval = None
    retain: Annotated[
        str | None,
        typer.Option("--retain", metavar="7d", help="Forget queue data and ledgers of runs older than that."),
    ] = None
    no_redrive_check: NoRedrive = False
    json_: JsonLines = False
    quiet: render_options.Quiet = False


@dataclass(frozen=True)
class WorkerOptions:
    """The command line of `worker`, not yet checked."""

    queue: Queue
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Rows at once.  [default: by processors and memory]")
    ] = None
    lease: Annotated[
        float, typer.Option(metavar="S", help="Seconds after which a silent worker's row goes to another.")
    ] = 60.0
    until_empty: Annotated[bool, typer.Option("--until-empty", help="End when nothing is left.")] = False
    grace: Annotated[float, typer.Option(metavar="S", help="Seconds for rows in work after SIGTERM.")] = 30.0
    serve: Annotated[
        list[Path] | None,
        typer.Option("--serve", metavar="DIR", help="Folder of compositions that plain messages may name."),
    ] = None
    out_dir: Annotated[
        str | None,
        typer.Option(
            "--out-dir",
            envvar="FRAMEPRESS_OUT_DIR",
            help="Write here and below only; plain messages go here.",
        ),
    ] = None
    job_limit: Annotated[float, typer.Option(metavar="S", help="Seconds that one row may take.")] = 1800.0
    failures: Annotated[int, typer.Option(metavar="N", help="Failures after which a row is dead.")] = 5
    frame_timeout: render_options.FrameTimeout = 30.0
    max_jobs: Annotated[int | None, typer.Option(metavar="N", help="Replace a process after N rows.")] = None
    max_memory: Annotated[
        int | None, typer.Option(metavar="MB", help="Replace a process that has grown larger.")
    ] = None
    any_environment: Annotated[
        bool, typer.Option("--any-environment", help="Render rows that were promised another environment.")
    ] = False
    no_redrive_check: NoRedrive = False
    log_format: Annotated[str, typer.Option(metavar="text|json", help="Form of the log.")] = "text"
    metrics_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Numbers for Prometheus on 127.0.0.1:PORT/metrics.")
    ] = None
    browser: render_options.BrowserPath = None


def enqueue(**given: Any) -> None:
    """Send the rows of a list to a queue, for any number of workers."""
    # What it takes is heavy to import; help and wrong usage are answered without it.
    from framepress.cli.fleet_sending import send  # noqa: PLC0415

    raise typer.Exit(send(EnqueueOptions(**given)))


def worker(**given: Any) -> None:
    """Take rows from a queue and render them, until stopped. Any number of workers, anywhere."""
    from framepress.cli.fleet_working import work  # noqa: PLC0415

    raise typer.Exit(work(WorkerOptions(**given)))


# The option parser reads a function's signature; these are the dataclasses'.
enqueue.__signature__ = inspect.signature(EnqueueOptions, eval_str=True)  # type: ignore[attr-defined]
worker.__signature__ = inspect.signature(WorkerOptions, eval_str=True)  # type: ignore[attr-defined]


def status(
    run: Run,
    queue: QueueMaybe = None,
    out_dir: Place = None,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until the run has ended.")] = False,
    results: render_options.Results = None,
    json_: JsonLines = False,
) -> None:
    """Say where a run stands: done, dead, waiting, in work."""
    from framepress.cli.fleet_watching import show_status  # noqa: PLC0415

    raise typer.Exit(show_status(run, queue, out_dir, watch=watch, results=results, as_json=json_))


def wait(
    run: Run,
    queue: QueueMaybe = None,
    out_dir: Place = None,
    timeout: Annotated[str | None, typer.Option(metavar="6h", help="Give up waiting after that.")] = None,
    max_failed: Annotated[str, typer.Option(metavar="0.5%|N", help="Dead rows that are acceptable.")] = "0",
    results: render_options.Results = None,
    json_: JsonLines = False,
) -> None:
    """Wait for a run to end. Exit 0: done; 1: too many dead rows, or the time is over."""
    from framepress.cli.fleet_watching import wait_for  # noqa: PLC0415

    code = wait_for(
        run, queue, out_dir, timeout=timeout, max_failed=max_failed, results=results, as_json=json_
    )
    raise typer.Exit(code)


def pause(run: Run, queue: QueueMaybe = None, out_dir: Place = None) -> None:
    """Give out no more rows of a run; those in work go on."""
    from framepress.cli.fleet_watching import command  # noqa: PLC0415

    command("pause", run, queue, out_dir)


def resume(run: Run, queue: QueueMaybe = None, out_dir: Place = None) -> None:
    """Undo `pause`."""
    from framepress.cli.fleet_watching import command  # noqa: PLC0415

    command("resume", run, queue, out_dir)


def cancel(run: Run, queue: QueueMaybe = None, out_dir: Place = None) -> None:
    """Throw away what is left of a run in the queue; finished clips stay."""
    from framepress.cli.fleet_watching import command  # noqa: PLC0415

    command("cancel", run, queue, out_dir)


def forget(
    run: Run,
    id_: Annotated[str, typer.Option("--id", help="The row, by its id in results.")],
    queue: QueueMaybe = None,
    out_dir: Place = None,
) -> None:
    """Remove what there is of one person: clip, poster, records, job, row in the ledger."""
    from framepress.cli.fleet_watching import forget_row  # noqa: PLC0415

    raise typer.Exit(forget_row(run, id_, queue, out_dir))


dead = typer.Typer(
    help="Rows that were given up.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)


@dead.command("list")
def dead_list(run: Run, queue: QueueMaybe = None, out_dir: Place = None, json_: JsonLines = False) -> None:
    """List dead rows with what was wrong."""
    from framepress.cli.fleet_watching import list_dead  # noqa: PLC0415

    list_dead(run, queue, out_dir, None, as_json=json_)


@dead.command("show")
def dead_show(run: Run, id_: Ids = None, queue: QueueMaybe = None, out_dir: Place = None) -> None:
    """Show the records of dead rows, as JSON."""
    from framepress.cli.fleet_watching import list_dead  # noqa: PLC0415

    list_dead(run, queue, out_dir, id_, as_json=True)


@dead.command("retry")
def dead_retry(run: Run, id_: Ids = None, queue: QueueMaybe = None, out_dir: Place = None) -> None:
    """Send dead rows again, with their failures forgotten."""
    from framepress.cli.fleet_watching import settle_dead  # noqa: PLC0415

    settle_dead("retry", run, queue, out_dir, id_)


@dead.command("drop")
def dead_drop(run: Run, id_: Ids = None, queue: QueueMaybe = None, out_dir: Place = None) -> None:
    """Remove dead rows from the queue for good; their records stay."""
    from framepress.cli.fleet_watching import settle_dead  # noqa: PLC0415

    settle_dead("drop", run, queue, out_dir, id_)
