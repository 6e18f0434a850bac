"""Statistics of a list's columns, row by row in bounded memory."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from framepress.declarations import NUMBER
from framepress.preflight.scripts import scripts_of

#: Hashes kept per column: up to so many distinct values are counted exactly, more are estimated to within
#: about 3 % (k minimum values: Bar-Yossef and others, 2002).
HASHES = 1024

#: Numbers and lengths kept per column, a uniform sample (Vitter's algorithm R).
SAMPLE = 2000

#: Distinct values of a column that are counted one by one: enough for the options of a choice.
OPTIONS = 24

_HASH_MAX = 1 << 64


class Distinct:
    """Counts distinct values in bounded memory."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._kept: set[int] = set()
        self._over = False

    def add(self, text: str) -> None:
        value = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        if value in self._kept:
            return
        if len(self._heap) < HASHES:
            heapq.heappush(self._heap, -value)
            self._kept.add(value)
        elif value < -self._heap[0]:
            self._over = True
            self._kept.discard(-heapq.heapreplace(self._heap, -value))
            self._kept.add(value)
        else:
            self._over = True

    @property
    def exact(self) -> bool:
        return not self._over

    @property
    def count(self) -> int:
        if self.exact:
            return len(self._heap)
        return round((HASHES - 1) * _HASH_MAX / -self._heap[0])


class Reservoir:
    """A uniform sample of numbers; the same numbers in the same order give the same sample."""

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._seen = 0
        self.values: list[float] = []

    def add(self, value: float) -> None:
        self._seen += 1
        if len(self.values) < SAMPLE:
            self.values.append(value)
        elif (place := self._random.randrange(self._seen)) < SAMPLE:
            self.values[place] = value

    def quartiles(self) -> tuple[float, float, float] | None:
        """First quartile, median, third; None: there are fewer than 20 values."""
        if len(self.values) < 20:
            return None
        ordered = sorted(self.values)
        last = len(ordered) - 1
        return ordered[round(last * 0.25)], ordered[round(last * 0.5)], ordered[round(last * 0.75)]


@dataclass
class Column:
    """What is known of a column.

    Attributes:
        count: rows with a value. missing: rows whose value is empty or only blanks.
        longest, shortest: characters and row of the first such value; row 0: there is none.
        least, most: numeric extremes and their rows; None: no numbers.
        scripts: script -> rows.
        lower, upper: values with letters that are all lower or all upper case.
        options: value -> rows, as long as there are few; None: there are many.
    """

    name: str
    count: int = 0
    missing: int = 0
    longest: tuple[int, int] = (0, 0)
    shortest: tuple[int, int] = (1 << 31, 0)
    numbers: int = 0
    least: tuple[float, int] | None = None
    most: tuple[float, int] | None = None
    scripts: Counter[str] = field(default_factory=Counter)
    lower: int = 0
    upper: int = 0
    distinct: Distinct = field(default_factory=Distinct)
    amounts: Reservoir = field(default_factory=Reservoir)
    lengths: Reservoir = field(default_factory=Reservoir)
    options: Counter[str] | None = field(default_factory=Counter)

    def add(self, row: int, text: str) -> None:
        if not text.strip():
            self.missing += 1
            return
        self.count += 1
        length = len(text)
        if length > self.longest[0]:
            self.longest = (length, row)
        if length < self.shortest[0]:
            self.shortest = (length, row)
        self.distinct.add(text)
        self.lengths.add(length)
        self.scripts.update(scripts_of(text))
        self.lower += text.islower()
        self.upper += text.isupper()
        if NUMBER.fullmatch(text):
            self._add_number(row, float(text))
        if self.options is not None:
            self.options[text] += 1
            if len(self.options) > OPTIONS:
                self.options = None

    def _add_number(self, row: int, number: float) -> None:
        self.numbers += 1
        self.amounts.add(number)
        if self.least is None or number < self.least[0]:
            self.least = (number, row)
        if self.most is None or number > self.most[0]:
            self.most = (number, row)

    @property
    def is_numeric(self) -> bool:
        """Whether nearly all values are numbers."""
        return self.numbers > 0 and self.numbers >= 0.9 * self.count


class Table:
    """All columns of a list.

    Attributes:
        rows: that were added.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.columns: dict[str, Column] = {}

    def add(self, row: int, values: Mapping[str, str]) -> None:
        """Take in a row; columns it lacks count as missing in it."""
        for name in values:
            if name not in self.columns:
                self.columns[name] = Column(name, missing=self.rows)
        self.rows += 1
        for name, column in self.columns.items():
            column.add(row, values.get(name, ""))
