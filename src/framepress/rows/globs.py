"""A list in several files, ``part-*.csv``: the rows of all of them, in the order of their names."""

from __future__ import annotations

import glob
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path

from framepress.errors import RowsError
from framepress.rows.base import BadRow, Row, RowSource, no_stream, quoted

#: Files of one list.
FILES_MAX = 100_000


def is_glob(spec: str) -> bool:
    """Whether a list is named by a pattern, and not by a file that has such a name."""
    return glob.has_magic(spec) and not Path(spec).exists()


def matching(spec: str) -> list[str]:
    """The files that a pattern means, ``part-2`` before ``part-10``.

    Raises:
        RowsError: there is none, or there are too many.
    """
    # pathlib's glob begins in a folder; here the pattern may be absolute or relative.
    paths = glob.glob(spec, recursive=True)  # noqa: PTH207
    found = sorted((path for path in paths if Path(path).is_file()), key=_natural)
    if not found:
        raise RowsError(
            f"{spec}: no file has a name like that. Put the pattern into quotes, and look from which folder "
            "it counts.",
            rule="no-files",
        )
    if len(found) > FILES_MAX:
        raise RowsError(f"{spec}: more than {FILES_MAX:,} files have such a name.", rule="files")
    return found


def _natural(path: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path)]


class GlobRows(RowSource):
    """The rows of several files as one list.

    Lines are counted through all files; `place` tells file and line. A file is opened when its turn comes, so
    that any number of them costs one file handle; that headers agree is checked at once.

    Args:
        open_one: opens one of the files.

    Raises:
        RowsError: a file cannot be opened, or its columns are not those of the first.
    """

    def __init__(self, name: str, files: list[str], open_one: Callable[[str], RowSource]) -> None:
        super().__init__(name, no_stream())
        self._files = files
        self._open_one = open_one
        self._starts = [0]
        for file in files:
            with open_one(file) as source:
                self._check(file, source.columns)

    def _check(self, file: str, columns: tuple[str, ...] | None) -> None:
        if file == self._files[0]:
            self.columns = columns
            return
        if columns == self.columns:
            return
        first, these = self.columns or (), columns or ()
        lacks = [quoted(name) for name in first if name not in these][:3]
        more = [quoted(name) for name in these if name not in first][:3]
        parts = [f"it lacks {', '.join(lacks)}"] if lacks else []
        parts += [f"it has {', '.join(more)} besides"] if more else []
        raise RowsError(
            f"{file}: its columns are not those of {self._files[0]}: "
            f"{' and '.join(parts) or 'they stand in another order'}. Files of one list have the same "
            "header.",
            rule="headers-differ",
        )

    def place(self, line: int) -> str:
        index = bisect_right(self._starts, line - 1) - 1
        return f"{self._files[index]}:{line - self._starts[index]}"

    def _rows(self) -> Iterator[Row | BadRow]:
        number = 0
        for index, file in enumerate(self._files):
            start = last = self._starts[index]
            with self._open_one(file) as source:
                for row in source.any_rows():
                    number += 1
                    last = start + row.line
                    if isinstance(row, Row):
                        yield Row(number, last, row.values)
                    else:
                        row.error.row = number
                        yield BadRow(number, last, row.error)
            # One more than the last row's first line, so that lines of two files never meet.
            self._starts.append(last + 1)
