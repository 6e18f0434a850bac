"""Values of variables in dialect B: as a script, a text or an attribute has them, before any row is known.

A variable of the page itself is a token there. One of a nested composition has what the element gives it
(`data-variable-values`), which may hold tokens, or else its default.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from framepress.declarations import Declaration
from framepress.declared_attribute import ATTRIBUTE
from framepress.errors import CompositionError
from framepress.html_parts import StartTag
from framepress.lexeme import Lexeme, loads
from framepress.pieces import Placer

_TOKEN = re.compile(r"(\{\{\s*\$?[^{}\x00-\x1f]{1,120}\}\})")


@dataclass(frozen=True, slots=True)
class Value:
    """A variable as it stands in a script, and in a text or attribute; both may hold tokens."""

    script: str
    markup: str


def value_of(name: str, values: Mapping[str, Value], attribute: str, where: str) -> Value:
    """The value of the variable that a binding names.

    Raises:
        CompositionError: there is no such variable.
    """
    value = values.get(name.strip())
    if value is None:
        known = ", ".join(f'"{one}"' for one in values) or "none"
        raise CompositionError(
            f'{where}: {attribute} names "{name[:60]}", which is not declared in {ATTRIBUTE}; '
            f"declared are {known}.",
            rule="binding",
        )
    return value


def given_values(tag: StartTag, place: Placer) -> dict[str, object]:
    """What an element gives the composition that it nests, by the names of its variables.

    Raises:
        CompositionError: it is no JSON, or no object of texts, numbers, true and false.
    """
    attribute = tag.attribute("data-variable-values")
    if attribute is None or not attribute.value.strip():
        return {}
    where = place(attribute.start)
    try:
        given: object = loads(attribute.value)
    except (ValueError, RecursionError) as error:
        raise CompositionError(
            f"{where}: data-variable-values is not JSON; expected an object in single quotes, such as "
            '\'{"title": "Hello"}\'.',
            rule="variable-values",
        ) from error
    if not isinstance(given, dict):
        raise CompositionError(
            f'{where}: data-variable-values is no object; expected {{"title": "Hello"}}.',
            rule="variable-values",
        )
    return {name: _scalar(value, name, where) for name, value in given.items()}


def _scalar(value: object, name: str, where: str) -> object:
    if isinstance(value, dict):
        value = value.get("url", value.get("name"))
    if value is None or isinstance(value, str | bool):
        return value
    raise CompositionError(
        f'{where}: the value of "{name[:60]}" is no text, number, true or false.',
        rule="variable-values",
    )


def scope_of(declared: Mapping[str, Declaration], given: Mapping[str, object]) -> dict[str, Value]:
    """The values of a nested composition: what it is given, else its defaults."""
    scope = {}
    for name, declaration in declared.items():
        if name not in given:
            text = (declaration.default or "").replace("{{", "{{{{")
            typed = declaration.type in ("number", "boolean") and text
            scope[name] = Value(text if typed else js_text(text), html.escape(text))
    for name, value in given.items():
        kind = declared[name].type if name in declared else ""
        scope[name] = _given(value, kind)
    return scope


def _given(value: object, kind: str) -> Value:
    if value is None:
        return Value("null", "")
    if isinstance(value, bool):
        return Value("true" if value else "false", "true" if value else "false")
    text = str(value)
    is_token = _TOKEN.fullmatch(text) is not None
    typed = isinstance(value, Lexeme) or (is_token and kind in ("number", "boolean"))
    parts = _TOKEN.split(text)
    markup = "".join(part if index % 2 else html.escape(part) for index, part in enumerate(parts))
    return Value(text if typed else js_text(text), markup)


def js_object(values: Mapping[str, Value]) -> str:
    """The values as an object of JavaScript."""
    return "{" + ",".join(f"{js_text(name)}:{value.script}" for name, value in values.items()) + "}"


def js_text(text: str) -> str:
    """A text as JavaScript writes it, that does not end the script which it is in."""
    return json.dumps(text, ensure_ascii=False).replace("<", "\\u003c")
