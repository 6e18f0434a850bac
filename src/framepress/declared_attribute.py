"""Variables that are declared in an attribute: ``data-composition-variables`` of dialect B.

Its value is a JSON array of ``{"id", "type", "label", "default", ...}``. They become the declarations of the
other dialect, so that everything behind this module knows one kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from framepress.declarations import Declaration
from framepress.declarations_block import declaration_of
from framepress.errors import CompositionError
from framepress.html_parts import StartTag
from framepress.lexeme import loads
from framepress.pieces import Placer

ATTRIBUTE = "data-composition-variables"

#: What is taken over as it stands. Others (placeholder, step, group) are for editors.
_MEMBERS = ("default", "required", "fallback", "min", "max", "maxLength", "pattern", "label", "description")
#: A font is a family there and a file here; a family is a text.
_TYPES = {"font": "string", "text": "string", "select": "enum", "asset": "image"}
#: Members of a default that is an object: the family of a font, the address of a picture.
_NAMING_MEMBERS = ("name", "url")


def declared_in(tag: StartTag, place: Placer) -> dict[str, Declaration]:
    """The variables that a tag declares.

    Raises:
        CompositionError: not such an array, a name twice, or a member that breaks a rule; with place.
    """
    attribute = tag.attribute(ATTRIBUTE)
    if attribute is None:
        return {}
    where = place(tag.start)
    declarations: dict[str, Declaration] = {}
    for entry in _entries(attribute.value, where):
        name = entry.get("id")
        if not isinstance(name, str) or not name:
            raise CompositionError(f'{where}: a declaration without "id".', rule="declaration")
        if name in declarations:
            raise CompositionError(f'{where}: "{name[:100]}" is declared twice.', rule="declaration-twice")
        declarations[name] = declaration_of(name, _as_members(entry), where)
    return declarations


def _entries(text: str, where: str) -> list[Mapping[str, object]]:
    try:
        entries: object = loads(text)
    except (json.JSONDecodeError, ValueError, RecursionError) as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else "it is not JSON"
        at = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        raise CompositionError(
            f"{where}: {ATTRIBUTE} is not JSON ({detail}{at}). JSON stands in single quotes: "
            f'{ATTRIBUTE}=\'[{{"id": "name", "type": "string", "default": "Ada"}}]\'.',
            rule="declarations-json",
        ) from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CompositionError(
            f'{where}: {ATTRIBUTE} is no array of objects; expected [{{"id": "name", "type": "string"}}].',
            rule="declarations-json",
        )
    return entries


def _as_members(entry: Mapping[str, object]) -> dict[str, object]:
    members = {name: entry[name] for name in _MEMBERS if name in entry}
    default = entry.get("default")
    if isinstance(default, dict):
        named = [default[name] for name in _NAMING_MEMBERS if isinstance(default.get(name), str)]
        members["default"] = named[0] if named else default
    kind = entry.get("type")
    if kind is not None:
        members["type"] = _TYPES.get(kind, kind) if isinstance(kind, str) else kind
    options = entry.get("options")
    if isinstance(options, list):
        members["options"] = [
            option.get("value", option.get("id")) if isinstance(option, dict) else option
            for option in options
        ]
    return members
