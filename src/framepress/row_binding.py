"""A list on its way into the ledger: rows read, then bound to variables, keys and file names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

from framepress import variants
from framepress.composition import Composition
from framepress.errors import RowsError, RowValueError, UsageError
from framepress.ledger import Ledger
from framepress.ledger_rows import BoundRow, LedgerRow
from framepress.names import check_out_name, format_out_name, names_format, safe_name, with_format
from framepress.output_formats import parse_format
from framepress.remote_source import RemoteSource
from framepress.rows import BadRow, Row, RowSource
from framepress.rows.select import Only, RowRanges
from framepress.settings import RenderSettings

#: File name of a row that has neither an `out` column nor a pattern.
OUT_NAME_DEFAULT = "{@key}.mp4"

#: The column that names a row's file.
OUT_COLUMN = "out"

#: Rows whose files are fetched side by side.
FETCH_ROWS = 256

#: Rows that are bound in one transaction.
BIND_ROWS = 1_000


@dataclass(frozen=True)
class BindingOptions:
    """How columns become values, names and ids, and which rows are meant.

    Attributes:
        column_map: variable to column.
        use_default: variables whose default may stand in for a column that the list lacks.
        locale_column: says the row's locale; None, or an empty cell: that of the settings.
        id_column: names the row in results; None: its number.
        out_name: pattern for rows without `out`; None: `OUT_NAME_DEFAULT`.
        skip_bad_rows: go on without rows that break a rule.
        row_ranges, only: which rows; None: all.
        poster_s: moment of the poster in seconds; None: no posters.
        formats: in which every row is rendered, as `parse_formats` names them; empty: as composed.
    """

    column_map: Mapping[str, str] = field(default_factory=dict)
    use_default: Collection[str] = ()
    id_column: str | None = None
    locale_column: str | None = None
    out_name: str | None = None
    skip_bad_rows: bool = False
    row_ranges: RowRanges | None = None
    only: Only | None = None
    poster_s: Fraction | None = None
    poster_button: bool = False
    formats: tuple[str, ...] = ()


def read_rows(
    ledger: Ledger,
    source: RowSource,
    options: BindingOptions,
    *,
    on_row: Callable[[], None],
) -> None:
    """Read the list into the ledger, in constant memory; only rows that are meant. `source` is closed.

    Raises:
        RowsError: the list cannot be read, or no row of it is meant.
    """
    last = 0
    seen: dict[str, None] = {}

    def meant(row: Row | BadRow) -> bool:
        nonlocal last
        on_row()
        last = number = row.number
        if options.only is not None and isinstance(row, Row):
            seen.update(dict.fromkeys(row.values))
        if options.row_ranges is not None and not options.row_ranges(number):
            return False
        return options.only is None or isinstance(row, BadRow) or options.only(row.values)

    with source, ledger.batch():
        ledger.reset_rows()
        count = ledger.add_rows(row for row in source if meant(row))
    if options.row_ranges is not None and options.row_ranges.last > last:
        raise UsageError(
            f"--rows asks for row {options.row_ranges.last}; {source.name} has {last} rows.", rule="rows"
        )
    if options.only is not None:
        options.only.check_column(source.columns or seen or (options.only.column,))
    if count == 0:
        raise RowsError(f"{source.name}: no row fits --rows and --only.", rule="no-rows")
    if options.formats:
        ledger.repeat_rows(options.formats)


def bind_rows(
    ledger: Ledger,
    composition: Composition,
    options: BindingOptions,
    settings: RenderSettings,
    *,
    place: Callable[[int], str],
    on_row: Callable[[], None],
    remote: RemoteSource | None = None,
    on_note: Callable[[str], None] = lambda _: None,
) -> None:
    """Bind every row of the ledger, or reject it with its finding.

    Args:
        place: where the row that begins in a line stands, for messages.
        remote: gets files of other hosts; None: no host is allowed.

    Raises:
        RowsError: a variable has no column. UsageError: a name in an option does not exist.
    """
    if not ledger.counts()["read"]:
        # No row could be read, so the columns are not known: what is wrong with the rows is the news.
        return
    columns = ledger.columns()
    binder = _RowBinder(place, composition, columns, options, settings)
    rows = _fetched(ledger.iter_raw(), binder, remote)
    # One transaction for all would grow with the list, in memory and on the disk.
    while window := list(islice(rows, BIND_ROWS)):
        with ledger.batch():
            bound: list[BoundRow] = []
            for row, raw in window:
                on_row()
                try:
                    bound.append(binder.bind(row, raw))
                except RowValueError as error:
                    ledger.reject(row.number, error.record(), id=binder.id_of(row, raw))
            ledger.bind_all(bound)
    binder.tell_fallbacks(on_note)


_Raw = tuple[LedgerRow, dict[str, object]]


def _fetched(rows: Iterator[_Raw], binder: _RowBinder, remote: RemoteSource | None) -> Iterator[_Raw]:
    """The rows, each once what it needs from other hosts is here; a window of them is fetched side by
    side."""
    if remote is None:
        yield from rows
        return
    binder.remote = remote
    while window := list(islice(rows, FETCH_ROWS)):
        remote.fetch_all(address for _, raw in window for address in binder.wanted(raw))
        yield from window


class _RowBinder:
    """Binds rows of one list."""

    def __init__(
        self,
        place: Callable[[int], str],
        composition: Composition,
        columns: tuple[str, ...],
        options: BindingOptions,
        settings: RenderSettings,
    ) -> None:
        self._place = place
        self._composition = composition
        self._columns = columns
        self._options = options
        self._settings = settings
        self._binder = variants.Binder(
            composition,
            columns=columns,
            column_map=options.column_map,
            use_default=options.use_default,
            batch=True,
            locale_column=options.locale_column,
        )
        self._binder.check_columns()
        if options.id_column is not None and options.id_column not in columns:
            raise UsageError(
                f'--id: the list has no column "{options.id_column}"; it has {", ".join(columns)}.',
                rule="id-column",
            )
        if options.out_name is not None:
            check_out_name(options.out_name, columns, formats=bool(options.formats))

    @property
    def remote(self) -> RemoteSource | None:
        return self._binder.remote

    @remote.setter
    def remote(self, source: RemoteSource) -> None:
        self._binder.remote = source

    def wanted(self, raw: Mapping[str, object]) -> list[str]:
        """Addresses of other hosts that a row asks for."""
        return self._binder.wanted(raw)

    def tell_fallbacks(self, on_note: Callable[[str], None]) -> None:
        """Say in which rows a fallback stands for a file that could not be fetched."""
        count = self._binder.fell_back
        if count:
            numbers = ", ".join(map(str, self._binder.fell_back_rows))
            more = " and so on" if count > len(self._binder.fell_back_rows) else ""
            on_note(
                f"In {count} rows data-fallback-src stands for a file that could not be fetched: "
                f"{numbers}{more}. "
                "Run the command again later to fetch them."
            )

    def id_of(self, row: LedgerRow, raw: Mapping[str, object]) -> str:
        """What the `--id` column says of the row, else its number."""
        column = self._options.id_column
        return (_text(raw.get(column)) if column is not None else "") or str(row.row)

    def bind(self, row: LedgerRow, raw: Mapping[str, object]) -> BoundRow:
        place = self._place(row.line)
        variant = self._binder.bind(raw, place=place, row_number=row.row, format_=row.format)
        key = variants.row_key_of(self._composition, variant, self._settings)
        out = self._out(row, place, raw, key)
        return BoundRow(row.number, key, self.id_of(row, raw), out, variant.values, variant.files)

    def _out(self, row: LedgerRow, place: str, raw: Mapping[str, object], key: str) -> str:
        number = row.row
        slug = parse_format(row.format).slug if row.format is not None else ""
        named = _text(raw.get(OUT_COLUMN))
        says_format = False
        if not named:
            texts = {column: _text(raw.get(column)) for column in self._columns}
            pattern = self._options.out_name or OUT_NAME_DEFAULT
            named = format_out_name(pattern, texts, number, key, slug)
            says_format = names_format(pattern)
        try:
            return safe_name(named) if says_format or not slug else with_format(safe_name(named), slug)
        except RowValueError as error:
            raise RowValueError(
                f'{place}: column "{OUT_COLUMN}": {error.message}',
                rule=error.rule,
                place=place,
                row=number,
                field=OUT_COLUMN,
                length=error.length,
            ) from error


def _text(value: object) -> str:
    """Canonical text of a value that only names something; a list or an object names nothing."""
    try:
        return variants.canonical_text(value)
    except ValueError:
        return ""
