"""What the list itself says, before any row is laid out: columns, suspicious values, repeated rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from framepress import keys
from framepress.composition import Composition
from framepress.declarations import LEFT_OUT_NAME, is_own_name
from framepress.ledger import Ledger
from framepress.ledger_rows import BOUND, LedgerRow
from framepress.preflight.basis import BasisRequest
from framepress.preflight.choose import Chooser
from framepress.preflight.rules import Finding, finding
from framepress.preflight.table import Table
from framepress.preflight.values import check_row
from framepress.row_binding import OUT_COLUMN
from framepress.variants import Binder, Variant, canonical_text

#: Values of a variable that are tried to see what it changes: the longest, the shortest, and these.
OTHERS = 2


@dataclass
class Gathered:
    """What the list says.

    Attributes:
        ids: row -> what results call it. rows: that can be rendered; refused: that cannot.
        digest: of values and files of all rows that can be rendered, whatever their order.
    """

    table: Table
    findings: list[Finding]
    ids: dict[int, str] = field(default_factory=dict)
    rows: int = 0
    refused: int = 0
    digest: str = ""


class Gatherer:
    """Goes through a ledger whose rows are bound.

    Args:
        list_columns: of the list. binder: that bound them.
        on_row: called for every row and pass.
    """

    def __init__(
        self, ledger: Ledger, composition: Composition, binder: Binder, on_row: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._composition = composition
        self._binder = binder
        self._on_row = on_row
        template = composition.template(tuple(binder.column_of))
        self._conditions = [condition.where(0) for condition in template.conditions]
        #: Variable -> some of its values, each with the files of its row.
        self._others: dict[str, dict[str, Mapping[str, str]]] = {}
        self._extremes: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
        self._seen: dict[bytes, int] = {}
        self._first: LedgerRow | None = None

    def gather(self, chooser: Chooser) -> Gathered:
        """Two passes: the columns, then the values, which are compared with their columns."""
        found = Gathered(Table(), [])
        for row, raw in self._ledger.iter_raw({*BOUND, "rejected"}):
            self._on_row()
            found.table.add(row.number, _texts(raw))
        digests: list[bytes] = []
        for row in self._ledger.iter_rows({*BOUND, "rejected"}):
            self._on_row()
            self._row(row, found, chooser, digests)
        found.findings += self._unused(found.table)
        digests.sort()
        found.digest = hashlib.sha256(b"".join(digests)).hexdigest()
        return found

    def default(self) -> Variant:
        """The defaults, and the first row's values where there is none."""
        assert self._first is not None
        values = _shown_by(self._first)
        for name, declaration in self._composition.declarations.items():
            if declaration.default is not None:
                values[name] = declaration.default
        return Variant(values, self._first.files)

    def first(self) -> Variant:
        """The first row that can be rendered."""
        assert self._first is not None
        return Variant(_shown_by(self._first), self._first.files)

    def request(self, default: Variant) -> BasisRequest:
        """What the basis is made from, with these values as what all others are compared with."""
        others = {}
        files = dict(default.files)
        for name, values in self._others.items():
            tried = dict([*self._extremes[name], *values.items()])
            tried.pop(default.values[name], None)
            others[name] = tuple(tried)[: OTHERS + 2]
            for value in others[name]:
                files |= tried[value]
        return BasisRequest(replace(default, files=files), others)

    def _row(self, row: LedgerRow, found: Gathered, chooser: Chooser, digests: list[bytes]) -> None:
        found.ids[row.number] = row.id or str(row.number)
        if row.state == "rejected":
            found.refused += 1
            found.findings.append(self._refused(row))
            return
        found.rows += 1
        self._first = self._first or row
        texts = _texts(self._ledger.raw(row.number))
        columns = self._binder.column_of
        found.findings += check_row(row.number, texts, columns, self._composition.declarations, found.table)
        for one in found.findings[::-1]:
            if one.row != row.number:
                break
            chooser.add_findings(row.number, [one])
        values = {name: value for name, value in row.values.items() if not is_own_name(name)}
        chooser.add_row(row.number, values, {name: texts.get(column, "") for name, column in columns.items()})
        for branch in self._branches(row):
            chooser.add_branch(row.number, branch)
        self._note_values(values, row.files)
        digest = row_digest(row)
        digests.append(digest)
        earlier = self._seen.setdefault(digest, row.number)
        if earlier != row.number:
            double = finding("row-duplicate", f"the same as row {earlier}", row=row.number)
            found.findings.append(double)
            chooser.add_findings(row.number, [double])

    def _branches(self, row: LedgerRow) -> Iterator[str]:
        """What each `data-if` of the page makes of the row."""
        left = {part for part in row.values.get(LEFT_OUT_NAME, "").split(",") if part}
        for index, where in enumerate(self._conditions):
            yield f"data-if at {where}, {'left out' if str(index) in left else 'there'}"

    def _note_values(self, values: Mapping[str, str], files: Mapping[str, str]) -> None:
        for name, value in values.items():
            others = self._others.setdefault(name, {})
            if len(others) <= OTHERS:
                others[value] = files
            extremes = self._extremes.setdefault(name, [(value, files), (value, files)])
            if len(value) > len(extremes[0][0]):
                extremes[0] = (value, files)
            if len(value) < len(extremes[1][0]):
                extremes[1] = (value, files)

    def _refused(self, row: LedgerRow) -> Finding:
        error = row.error or {}
        known = {"asset-missing": "image-missing", "character": "value-control"}
        variables = {column: name for name, column in self._binder.column_of.items()}
        column = error.get("field")
        return finding(
            known.get(str(error.get("rule", "")), "row-refused"),
            str(error.get("message", "")),
            row=row.number,
            field=variables.get(str(column), column),
            severity="error",
        )

    def _unused(self, table: Table) -> Iterator[Finding]:
        used = {*self._binder.column_of.values(), OUT_COLUMN}
        for name in table.columns:
            if name not in used:
                yield finding("column-unused", "no variable has its name", field=name)


def _shown_by(row: LedgerRow) -> dict[str, str]:
    """The values of a row, without what elements it lacks: that follows from them, also when one changes."""
    return {name: value for name, value in row.values.items() if name != LEFT_OUT_NAME}


def row_digest(row: LedgerRow) -> bytes:
    """Digest of what a row makes seen: its values and the bytes of its files."""
    described = json.dumps([dict(sorted(row.values.items())), dict(sorted(row.files.items()))])
    return bytes.fromhex(keys.digest_bytes(described.encode()))


def _texts(raw: dict[str, object]) -> dict[str, str]:
    texts = {}
    for name, value in raw.items():
        try:
            texts[name] = canonical_text(value)
        except ValueError:
            # A list or an object: nothing that a variable could be.
            texts[name] = ""
    return texts
