"""The command line: arguments, exit codes, what is shown. The only place that reads the environment.

Exit codes: 0 all done, 1 some rows failed, 2 wrong usage or input, 3 the environment lacks something, 130
interrupted.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, ParamSpec

import typer

from framepress import __version__
from framepress.cli import cache, capacity, demo, doctor, explain, fleet, init, lint, preview, proof, render
from framepress.cli.arguments import expand_lists
from framepress.cli.show import tell_error
from framepress.errors import FramepressError, Interrupted

P = ParamSpec("P")

app = typer.Typer(
    name="framepress",
    help=(
        "Mail merge for video: one HTML composition and a table of rows become one finished MP4 per row."
        "\n\n"
        "Exit codes: 0 all done, 1 some rows failed, 2 wrong usage or input, 3 environment, 130 interrupted."
    ),
    epilog="Start with:\n\n\b\n"
    "  framepress init hello\n  cd hello\n  framepress render card.html --variants rows.csv",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help keeps examples as they are written, and comes at once.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _interruptible(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with Ctrl-C as an error of ours; the option parser would turn it into exit code 1."""

    @functools.wraps(command)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt as exc:
            raise Interrupted("Interrupted.") from exc

    return call


app.command("render", epilog=render.EXAMPLES)(_interruptible(render.render))
app.command("explain", epilog=explain.EXAMPLES)(_interruptible(explain.explain))
app.command("proof", epilog=proof.EXAMPLES)(_interruptible(proof.proof))
app.command("approve", epilog=proof.APPROVE_EXAMPLES)(_interruptible(proof.approve))
app.command("lint", epilog=lint.EXAMPLES)(_interruptible(lint.lint))
app.command("preview", epilog=preview.EXAMPLES)(_interruptible(preview.preview))
app.command("init", epilog=init.EXAMPLES)(_interruptible(init.init))
app.command("enqueue", epilog=fleet.ENQUEUE_EXAMPLES)(_interruptible(fleet.enqueue))
app.command("worker", epilog=fleet.WORKER_EXAMPLES)(_interruptible(fleet.worker))
app.command("status", epilog=fleet.RUN_EXAMPLES)(_interruptible(fleet.status))
app.command("wait", epilog=fleet.RUN_EXAMPLES)(_interruptible(fleet.wait))
app.command("pause")(_interruptible(fleet.pause))
app.command("resume")(_interruptible(fleet.resume))
app.command("cancel")(_interruptible(fleet.cancel))
app.command("forget")(_interruptible(fleet.forget))
app.add_typer(fleet.dead, name="dead")
app.command("capacity", epilog=capacity.CAPACITY_EXAMPLES)(_interruptible(capacity.capacity))
app.command("chunk", epilog=capacity.CHUNK_EXAMPLES)(_interruptible(capacity.chunk))
app.command("demo", epilog=demo.EXAMPLES)(_interruptible(demo.demo))
app.command("doctor", epilog=doctor.EXAMPLES)(_interruptible(doctor.doctor))
app.add_typer(cache.commands(_interruptible))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"framepress {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    pass


def _terminated(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code; messages go to standard error."""
    try:
        return _command(arguments)
    except (KeyboardInterrupt, Interrupted):
        tell_error("Interrupted. What is finished is kept; the same command goes on from there.")
        return 130
    except FramepressError as error:
        tell_error(error.message)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
        # No traceback and not the error's own text: either may hold a row's value.
        tell_error(f"Unexpected {type(error).__name__} at {where}. This is a bug; please report it.")
        return 1


def _command(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        command.main(args=expand_lists(arguments), prog_name="framepress")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    return 0


def main() -> None:
    """Entry point of `framepress` and `hyperframes`."""
    signal.signal(signal.SIGTERM, _terminated)
    # The terminal is closed; under nohup it stays ignored.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _terminated)
    raise SystemExit(run(sys.argv[1:]))
