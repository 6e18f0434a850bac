"""JSON numbers by their spelling, and JSON text that keeps it.

A row's number must reach the page and the row key as it was written: ``1.50`` is not ``1.5`` on a price
tag, and a 20-digit customer number has no float. So readers turn a number into a `Lexeme`, a string that
knows it was a number, and nobody does arithmetic on it.
"""

from __future__ import annotations

import json
from typing import Any

# Made once: json.dumps and loads with options make one per call, which is most of its time.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
#: Types that the encoder writes as we do. A `Lexeme` is not among them: it would get quotes.
_PLAIN = {str, bool, type(None)}


class Lexeme(str):
    """A JSON number as spelled in its source. Equal to the plain string of the same characters."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Lexeme({str.__repr__(self)})"


def dumps(value: object) -> str:
    """JSON text of str, `Lexeme`, bool, None, lists and dicts of them; `loads` gives back the same.

    Raises:
        TypeError: something else is in it, floats and ints among them: their spelling is already lost.
    """
    if isinstance(value, Lexeme):
        return str(value)
    if value is None or isinstance(value, (str, bool)):
        return _ENCODER.encode(value)
    if isinstance(value, dict):
        if set(map(type, value.values())) <= _PLAIN and set(map(type, value)) <= {str}:
            return _ENCODER.encode(value)
        return "{" + ",".join(f"{_name(name)}:{dumps(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    raise TypeError(f"rows hold no {type(value).__name__}")


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a column's name is text, not {type(name).__name__}")
    return _ENCODER.encode(name)


def loads(text: str) -> Any:
    """What `dumps` wrote; every number becomes a `Lexeme`."""
    return _DECODER.decode(text)


_DECODER = json.JSONDecoder(parse_int=Lexeme, parse_float=Lexeme)
