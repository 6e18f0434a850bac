"""Arguments that the option parser cannot take as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from framepress.errors import UsageError
from framepress.lexeme import loads

#: Options that take any number of words, up to the next option. The parser takes one word per option, so
#: ``--vars a=1 b=2`` becomes ``--vars=a=1 --vars=b=2``.
LIST_OPTIONS = ("--vars",)


def expand_lists(arguments: Iterable[str]) -> list[str]:
    """Rewrite list options into repeated ones; an empty list vanishes.

    Raises:
        UsageError: a word of a list has no ``=``; it was perhaps meant for another place.
    """
    expanded: list[str] = []
    option: str | None = None
    literal = False
    for word in arguments:
        if literal:
            expanded.append(word)
        elif word == "--":
            literal, option = True, None
            expanded.append(word)
        elif word in LIST_OPTIONS:
            option = word
        elif word.startswith("-") and word != "-":
            option = None
            expanded.append(word)
        elif option is not None:
            if "=" not in word:
                raise UsageError(
                    f"{option}: a value without =. Write {option} name=Asha points=12; the composition comes "
                    f"before {option}, and a value with blanks stands in quotes.",
                    rule="vars-without-equals",
                )
            expanded.append(f"{option}={word}")
        else:
            expanded.append(word)
    return expanded


def parse_pairs(words: Iterable[str], option: str) -> dict[str, str]:
    """``K=V`` words as a dictionary; the first ``=`` splits, a later word wins nothing.

    Raises:
        UsageError: no ``=``, no name, or a name twice.
    """
    pairs: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"{option} takes NAME=VALUE, such as {option} name=Asha.", rule="pair")
        if name.strip() in pairs:
            raise UsageError(f"{option}: {name.strip()} is given twice.", rule="pair-twice")
        pairs[name.strip()] = value
    return pairs


def read_values(path: Path, option: str) -> dict[str, object]:
    """Values from a JSON object in a file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise UsageError(f"{option}: {path} cannot be read: {reason}.", rule="values-file") from exc
    return parse_values(text, f"{option}: {path}")


def parse_values(text: str, place: str) -> dict[str, object]:
    """Values from JSON text, numbers as they are written."""
    try:
        values: object = loads(text)
    except (json.JSONDecodeError, ValueError, RecursionError) as exc:
        where = f" at line {exc.lineno}, column {exc.colno}" if isinstance(exc, json.JSONDecodeError) else ""
        raise UsageError(f'{place} is not JSON{where}; expected {{"NAME": "value"}}.', rule="values") from exc
    if not isinstance(values, Mapping):
        raise UsageError(f'{place}: expected one JSON object, {{"NAME": "value"}}.', rule="values")
    return dict(values)
