"""Rows on their way into a ledger and out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from framepress.errors import RowValueError
from framepress.lexeme import dumps

#: A list that is rendered in several formats is kept once for each, one after the other; the rows of the
#: second have their number in the list plus this, and so on. In a list of one format, positions are numbers.
FORMAT_STRIDE = 1 << 40

#: States of the rows that a run is about: all but those that were never bound, and those that were refused.
BOUND = frozenset(("bound", "done", "failed"))

# Made once: json.dumps with options makes one per call, which is most of its time.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
# Without looking for white space around it, as `json.loads` does.
_decoded = json.JSONDecoder().raw_decode


class ReadRow(Protocol):
    """A row as a reader gives it; `rows.Row` is one."""

    @property
    def number(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def values(self) -> Mapping[str, object]: ...


class UnreadRow(Protocol):
    """A row that its reader refused; `rows.BadRow` is one."""

    @property
    def number(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def error(self) -> RowValueError: ...


@dataclass(frozen=True, slots=True)
class BoundRow:
    """What a row asks for; the fields are those of `LedgerRow`."""

    number: int
    key: str
    id: str
    out: str
    values: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def row(self) -> int:
        """Its number in the list, from 1."""
        return self.number % FORMAT_STRIDE


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row as it stands.

    Attributes:
        number: its position in the ledger. format: in which it is rendered; None: none was asked for.
        state: ``read``, ``bound``, ``rejected``, ``done`` or ``failed``.
        key, id, out, values, files: as bound; None and empty before.
        attempts: begun since the last outcome, or that led to it.
        result: what `finish` or `fail` recorded.
        error: of rejected and failed rows.
    """

    number: int
    line: int
    state: str
    key: str | None
    id: str | None
    out: str | None
    values: Mapping[str, str]
    files: Mapping[str, str]
    attempts: int
    result: Mapping[str, Any]
    error: Mapping[str, Any] | None
    format: str | None = None

    @property
    def row(self) -> int:
        """Its number in the list, from 1."""
        return self.number % FORMAT_STRIDE


def inserted(row: ReadRow | UnreadRow) -> tuple[object, ...]:
    """The row as the columns of table ``rows``."""
    error: RowValueError | None = getattr(row, "error", None)
    if error is not None:
        return (row.number, row.line, None, "rejected", to_json(error.record()), None, None, None, None, None)
    values: Mapping[str, object] = row.values  # type: ignore[union-attr]
    return (row.number, row.line, dumps(dict(values)), "read", None, None, None, None, None, None)


def ledger_row(found: tuple[Any, ...], formats: Sequence[str]) -> LedgerRow:
    """A `LedgerRow` from its fields in order, JSON still as text.

    Args:
        formats: of the run.
    """
    number, line, state, key, id_, out, values, files, attempts, result, error = found
    return LedgerRow(
        number=number,
        line=line,
        state=state,
        key=key,
        id=id_,
        out=out,
        values=members(values),
        files=members(files),
        attempts=attempts or 0,
        result=members(result),
        error=json.loads(error) if error else None,
        format=formats[number // FORMAT_STRIDE] if formats else None,
    )


def members(text: str | None) -> dict[str, Any]:
    """What `to_json` wrote; nothing for None."""
    found: dict[str, Any] = _decoded(text)[0] if text and text != "{}" else {}
    return found


def bound_row(found: tuple[Any, ...]) -> BoundRow:
    """A `BoundRow` from its fields in order, JSON still as text."""
    number, key, id_, out, values, files = found
    return BoundRow(number, key, id_, out, members(values), members(files))


def to_json(value: Mapping[str, Any]) -> str:
    """The form in which results and errors are kept."""
    return _ENCODER.encode(dict(value))
