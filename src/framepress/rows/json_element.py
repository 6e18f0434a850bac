"""One JSON value of a list of rows: numbers become `Lexeme`, and what JSON forbids is found.

Python's parser lets through ``NaN`` and ``Infinity``, a name twice in one object, and half of a surrogate
pair. The first and last have no text a page could show; with the second nobody knows which value was meant.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from framepress.lexeme import Lexeme
from framepress.rows.base import COLUMNS_MAX, VALUE_BYTES_MAX, oversize, quoted, tidy_name

#: Levels of lists and objects inside a row. They only pass through; deeper ones would exhaust the stack.
DEPTH_MAX = 32

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, without its values."""

    rule: str
    problem: str
    field: str | None = None
    length: int | None = None


class ElementParser:
    """Parses one value at a time; `fault` then judges the value parsed last."""

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_int=Lexeme,
            parse_float=Lexeme,
            parse_constant=self._constant,
        )
        self._noted: Fault | None = None

    def _pairs(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        values = {tidy_name(name): value for name, value in pairs}
        if len(values) < len(pairs):
            names = Counter(tidy_name(name) for name, _ in pairs)
            twice = names.most_common(1)[0][0]
            self._noted = Fault("duplicate-name", f"{quoted(twice)} stands twice in one object.", twice)
        return values

    def _constant(self, name: str) -> None:
        # Raising here would lose where the value ends, and with it the rows after it.
        self._noted = Fault("number", f"{name} is not JSON; write a number, a text or null.")

    def parse(self, text: str, start: int) -> tuple[object, int]:
        """Value and index after it.

        Raises:
            json.JSONDecodeError: there is no whole value at `start`.
            RecursionError: it is nested deeper than the parser goes.
        """
        self._noted = None
        return self._decoder.raw_decode(text, start)

    def fault(self, value: object, source: str) -> Fault | None:
        """What forbids `value`, parsed from `source`, as a row; None: nothing."""
        if not isinstance(value, dict):
            return Fault(
                "not-an-object", "the row is not an object; expected {...} with a name for every value."
            )
        return self._noted or _names_fault(value) or _values_fault(value, source)


def _names_fault(values: dict[str, object]) -> Fault | None:
    if len(values) > COLUMNS_MAX:
        return Fault("columns", f"the row has {len(values):,} names; at most {COLUMNS_MAX:,} are read.")
    if "" in values:
        return Fault("header", "a value has the empty text for a name. Name or remove it.")
    return None


def _values_fault(values: dict[str, object], source: str) -> Fault | None:
    for name, value in values.items():
        if isinstance(value, (dict, list)) and _is_deep(value):
            return Fault("nesting", f"{quoted(name)} is nested deeper than {DEPTH_MAX} levels.", name)
    if len(source) > VALUE_BYTES_MAX // 4 and (big := oversize(values.items())):
        problem = f"{quoted(big[0])} holds {big[1]:,} characters; a value has at most 1 MB."
        return Fault("value-size", problem, *big)
    return _escape_fault(values, source) if "\\u" in source else None


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            item
            for outer in level
            for item in (
                outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
            )
        ]
    return bool(level)


def _escape_fault(values: dict[str, object], source: str) -> Fault | None:
    """NUL and half surrogate pairs; in valid UTF-8 they can only come from escapes."""
    halves = _HALF_PAIR.search(source) is not None
    for name, value in values.items():
        if "\0" in name or (halves and _is_broken(name)):
            return Fault("header", "a name holds a NUL or half of a surrogate pair; text has neither.")
        for text in _texts(value):
            if "\0" in text:
                return Fault("nul", f"{quoted(name)} holds a NUL character; text has none.", name, len(text))
            if halves and _is_broken(text):
                problem = f"{quoted(name)} holds half of a surrogate pair (\\ud800 to \\udfff), no character."
                return Fault("surrogate", problem, name, len(text))
    return None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _is_broken(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)
