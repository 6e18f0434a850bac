"""`framepress capacity`, what a machine is good for, and `framepress chunk`, shards of a list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framepress.cli import lists
from framepress.cli import render as render_options

#: After ``\\b`` lines stay as they are: a wrapped command cannot be pasted.
CAPACITY_EXAMPLES = """Examples:

\b
  framepress capacity
  framepress capacity --measure card.html --variants rows.csv --for 10000 --price 0.17
"""

CHUNK_EXAMPLES = """Examples:

\b
  framepress chunk people.csv --chunks 8 --by content-hash
  framepress chunk people.csv --chunks 8 --by row --out-dir shards
"""


def capacity(
    measure: Annotated[
        str | None, typer.Option("--measure", metavar="COMPOSITION", help="Render a sample of --variants.")
    ] = None,
    variants: Annotated[
        str | None, typer.Option("--variants", metavar="FILE", help="Rows of the sample.")
    ] = None,
    sample: Annotated[int, typer.Option("--sample", metavar="N", min=1, help="Rows per measurement.")] = 6,
    rows: Annotated[int, typer.Option("--for", metavar="N", min=1, help="Rows to plan for.")] = 10_000,
    price: Annotated[
        float | None, typer.Option("--price", metavar="P", help="Price of this machine per hour.")
    ] = None,
    browser: render_options.BrowserPath = None,
) -> None:
    """Say how many workers this machine is good for; with --measure, how many clips an hour they make."""
    from framepress.cli.capacity_measuring import show_capacity  # noqa: PLC0415 - heavy

    show_capacity(measure=measure, variants=variants, sample=sample, rows=rows, price=price, browser=browser)


def chunk(
    rows: Annotated[
        str, typer.Argument(metavar="LIST", help="As --variants of render; - is standard input.")
    ],
    chunks: Annotated[int, typer.Option("--chunks", metavar="N", min=1, max=10_000, help="How many shards.")],
    by: Annotated[
        str, typer.Option("--by", metavar="content-hash|row", help="What decides where a row goes.")
    ] = "content-hash",
    out_dir: Annotated[Path, typer.Option("--out-dir", help="Where the shards go.")] = Path(),
    encoding: lists.Encoding = None,
    query: lists.Query = None,
) -> None:
    """Split a list into shards, NAME-1-of-N.jsonl and so on; one row always goes to the same shard."""
    from framepress.cli.chunking import split  # noqa: PLC0415 - only when used

    split(rows, chunks, by, out_dir, encoding=encoding, query=query)
