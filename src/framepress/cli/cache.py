"""`framepress cache`: what the cache holds, and how to make room in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

#: After ``\\b`` lines stay as they are: a wrapped command cannot be pasted.
EXAMPLES = """Examples:

\b
  framepress cache info
  framepress cache prune --limit 5GB
  framepress cache prune --older-than 30d
  framepress cache verify
  framepress cache clear
"""

Folder = Annotated[
    str | None,
    typer.Option(
        "--cache-dir",
        metavar="FOLDER",
        envvar="FRAMEPRESS_CACHE_DIR",
        show_envvar=False,
        help="Which cache.  [default: ~/.cache/framepress]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Limit = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Size to prune to, such as 5GB.  [default: the cache's limit]"),
]
OlderThan = Annotated[
    str | None,
    typer.Option("--older-than", metavar="AGE", help="Also what was not used for so long: 12h, 30d."),
]


def info(folder: Folder = None, json_: Json = False) -> None:
    """Say what the cache holds, by kind."""
    from framepress.cli import cache_work  # noqa: PLC0415 - help is answered without it

    cache_work.info(folder, as_json=json_)


def prune(
    folder: Folder = None, limit: Limit = None, older_than: OlderThan = None, json_: Json = False
) -> None:
    """Take out what was not used for longest, until the cache is within its limit. What is in use stays."""
    from framepress.cli import cache_work  # noqa: PLC0415

    cache_work.prune(folder, limit=limit, older_than=older_than, as_json=json_)


def clear(folder: Folder = None, json_: Json = False) -> None:
    """Take out everything that is not in use at the moment."""
    from framepress.cli import cache_work  # noqa: PLC0415

    cache_work.clear(folder, as_json=json_)


def verify(folder: Folder = None, json_: Json = False) -> None:
    """Read everything, and take out what is damaged. Exit 1 if something was."""
    from framepress.cli import cache_work  # noqa: PLC0415

    raise typer.Exit(cache_work.verify(folder, as_json=json_))


def commands(interruptible: Callable[[Callable[..., None]], Callable[..., None]]) -> typer.Typer:
    """The group of commands; `interruptible` wraps each."""
    app = typer.Typer(
        name="cache",
        help="What the cache holds, and how to make room in it.",
        epilog=EXAMPLES,
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for command in (info, prune, clear, verify):
        app.command(command.__name__)(interruptible(command))
    return app
