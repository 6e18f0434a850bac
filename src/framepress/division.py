"""A list gone through once, so that the rows of a queue can be told which rows to compare.

Nobody knows yet which variables change most of the picture: a survey finds that out, on a machine that has
one row at a time. So the list is divided as finely as it may ever have to be, by all variables of which few
values recur. Rows that agree in these are a *cell*. Whatever variables a survey names, the rows that agree in
them are the rows of some cells, and what to compare of them is chosen from the samples of these
(`orders.SurveyOrder.part`).

Memory: the samples of `CELLS_MAX` cells, and eight bytes per row if there is more than one cell.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from framepress.declarations import OWN_NAMES, is_own_name
from framepress.ledger_rows import BoundRow
from framepress.orders import ORDER_BYTES_MAX, OrderedCell, SurveyOrder
from framepress.plan import GROUP_ROWS_MIN
from framepress.samples import Sample, SampleChooser
from framepress.variants import Variant

#: Values of a variable, and characters of one, up to which a list is divided by it.
VALUES_MAX, CHARACTERS_MAX = 64, 200

#: Bytes of an order above which the list is divided by fewer variables.
ORDER_BYTES_WANTED = 4 << 20

#: Cells in all. If there are more, the list is not divided by the variable of most values.
CELLS_MAX = 256


@dataclass
class Cell:
    """Rows that agree in all of `Division.by`, and in the names of ours that values have.

    Attributes:
        values: of one of them.
        chooser: of their samples.
        numbers: theirs in the list, ascending.
    """

    values: Mapping[str, str]
    chooser: SampleChooser
    numbers: array[int] = field(default_factory=lambda: array("Q"))

    @property
    def count(self) -> int:
        return len(self.numbers)

    def absorb(self, other: Cell) -> None:
        """Take in the rows of another one."""
        self.numbers = array("Q", sorted((*self.numbers, *other.numbers)))
        self.chooser.absorb(other.chooser)


class Division:
    """The cells of a list.

    Args:
        rows: of the list, gone through once.

    Attributes:
        rows: how many there are.
        by: variables by which the list is divided, and which have several values in it.
        crowded: rows that are in no cell, for there are too many without them.
    """

    def __init__(self, rows: Iterable[BoundRow]) -> None:
        self.rows = 0
        self.by: tuple[str, ...] = ()
        self.crowded = array("Q")
        self._names: tuple[str, ...] = ()
        self._first: Mapping[str, str] = {}
        self._varying: set[str] = set()
        self._values: dict[str, Counter[str]] = {}
        self._cells: dict[tuple[str | None, ...], Cell] = {}
        for row in rows:
            self._look_at(row)
        self._divide_by(list(filter(self._can_group, self.by)))

    @property
    def varying(self) -> tuple[str, ...]:
        """Variables that do not have one value in all rows."""
        return tuple(sorted(self._varying))

    @property
    def cells(self) -> list[Cell]:
        """The cells, in the order of their first rows."""
        return sorted(self._cells.values(), key=lambda cell: cell.numbers[0])

    def coarsen(self) -> bool:
        """Divide by one variable less, the one of most values; False: there is none."""
        if not self.by:
            return False
        most = max(self.by, key=lambda name: (len(self._values[name]), name))
        self._divide_by([name for name in self.by if name != most])
        return True

    def numbers(self) -> Iterator[int]:
        """The rows in an order that suits a queue: the first of every cell, so that workers compare the rows
        of several groups side by side; then cell after cell, so that they stay with one plan.
        """
        cells = self.cells
        if len(cells) == 1:
            yield from cells[0].numbers
        else:
            yield from (cell.numbers[0] for cell in cells)
            for cell in cells:
                yield from cell.numbers[1:]
        yield from self.crowded

    # ---- inside ---------------------------------------------------------------------------------

    def _look_at(self, row: BoundRow) -> None:
        values = row.values
        if not self.rows:
            self._first = values
            self._names = self.by = tuple(sorted(name for name in values if not is_own_name(name)))
            self._values = {name: Counter() for name in self._names}
        self.rows += 1
        for name in self._names:
            if name not in self._varying and values[name] != self._first[name]:
                self._varying.add(name)
        too_many: set[str] = set()
        for name in self.by:
            counts = self._values[name]
            counts[values[name]] += 1
            if len(counts) > VALUES_MAX or len(values[name]) > CHARACTERS_MAX:
                too_many.add(name)
        if too_many:
            self._divide_by([name for name in self.by if name not in too_many])
        cell = self._cell(row)
        if cell is None:
            self.crowded.append(row.number)
        else:
            cell.numbers.append(row.number)
            cell.chooser.look_at(Sample(row.key, Variant(values, row.files)))

    def _cell(self, row: BoundRow) -> Cell | None:
        """The row's cell, perhaps a new one; None: there are too many."""
        while (key := self._key(row.values)) not in self._cells:
            if len(self._cells) < CELLS_MAX:
                self._cells[key] = Cell(row.values, SampleChooser(self._names))
            elif not self.coarsen():
                return None
        return self._cells[key]

    def _key(self, values: Mapping[str, str]) -> tuple[str | None, ...]:
        return (*map(values.get, OWN_NAMES), *map(values.get, self.by))

    def _divide_by(self, names: Iterable[str]) -> None:
        self.by = tuple(names)
        cells, self._cells = self._cells, {}
        for cell in cells.values():
            known = self._cells.setdefault(self._key(cell.values), cell)
            if known is not cell:
                known.absorb(cell)

    def _can_group(self, name: str) -> bool:
        """Whether some rows that agree in a variable are enough for a plan, and not all rows do."""
        counts = self._values[name]
        return len(counts) > 1 and max(counts.values()) >= GROUP_ROWS_MIN


def order_of(division: Division) -> SurveyOrder | None:
    """Which rows of a list are to be compared; None: it has too few, or none that fit into an order.

    No page is opened here: the first worker of each machine makes the plans, whatever machine sends the list.
    The division may become coarser, until the order has a bearable size.
    """
    if division.rows < GROUP_ROWS_MIN:
        return None
    while True:
        order = SurveyOrder(
            division.varying, division.by, tuple(_ordered(cell, division.by) for cell in division.cells)
        )
        if len(order.to_json()) <= ORDER_BYTES_WANTED:
            return order
        if not division.coarsen():
            return order if len(order.to_json()) <= ORDER_BYTES_MAX else None


def _ordered(cell: Cell, by: Sequence[str]) -> OrderedCell:
    agreed = {name: cell.values[name] for name in (*OWN_NAMES, *by) if name in cell.values}
    return OrderedCell(cell.count, agreed, tuple(cell.chooser.samples()))
