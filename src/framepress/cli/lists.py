"""The options of a list of rows: declared once, for every command that reads one.

A list that `render` takes can be proofed, explained, previewed and enqueued by the same words.
"""

from __future__ import annotations

from typing import Annotated, Protocol

import typer

#: What `--variants` takes.
LIST_HELP = (
    "List of rows: CSV, JSON, JSON Lines or Parquet, also .gz and 'part-*.csv'; - is standard input; "
    "'select ...' over files; postgresql://, mysql:// or sqlite:///FILE with --query."
)

Variants = Annotated[
    str, typer.Option("--variants", "--batch", metavar="FILE", help=LIST_HELP, show_default=False)
]
VariantsMaybe = Annotated[str | None, typer.Option("--variants", "--batch", metavar="FILE", help=LIST_HELP)]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding", metavar="NAME", help="Of a text list, such as windows-1252.  [default: found out]"
    ),
]
Query = Annotated[
    str | None,
    typer.Option(
        "--query", metavar="SELECT", help="What is read, where --variants is the URL of a database."
    ),
]
IdColumn = Annotated[
    str | None, typer.Option("--id", metavar="COLUMN", help="Column that names a row in results.")
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=COLUMN", help="Take a variable from another column."),
]
UseDefault = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Take the default of a variable that the list has no column for."),
]
BadRows = Annotated[str, typer.Option(metavar="stop|skip", help="What rows that break a rule do to the run.")]
Rows = Annotated[str | None, typer.Option("--rows", metavar="5,17-20", help="Only these rows.")]
Only = Annotated[
    str | None, typer.Option("--only", metavar="COLUMN=VALUE", help="Only rows with this value.")
]
Locale = Annotated[str, typer.Option(help="Language of dates and numbers in the page.")]
LocaleColumn = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column that says each row's language, such as de-DE.")
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST", help="Host of files that rows name by https:, such as cdn.example.com."),
]
AllowPrivateHost = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST", help="The same in your own network, also by http:, such as 10.0.0.7:8000."),
]


class ListOptions(Protocol):
    """What the command line of every command that reads a list has, not yet checked."""

    @property
    def encoding(self) -> str | None: ...
    @property
    def query(self) -> str | None: ...
    @property
    def id_column(self) -> str | None: ...
    @property
    def map_(self) -> list[str] | None: ...
    @property
    def use_default(self) -> list[str] | None: ...
    @property
    def rows(self) -> str | None: ...
    @property
    def only(self) -> str | None: ...
    @property
    def locale(self) -> str: ...
    @property
    def locale_column(self) -> str | None: ...
    @property
    def allow_host(self) -> list[str] | None: ...
    @property
    def allow_private_host(self) -> list[str] | None: ...
