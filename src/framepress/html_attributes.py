"""The attributes of a tag: their names, their values with character references decoded, and their offsets."""

from __future__ import annotations

import html
import re
from html.entities import html5 as _NAMED

from framepress.html_parts import WHITE_SPACE, Attribute

_ATTRIBUTE = re.compile(
    rf"""[{WHITE_SPACE}/]*+
    (?P<name>[^{WHITE_SPACE}/>][^{WHITE_SPACE}/>=]*+)
    (?:[{WHITE_SPACE}]*+ (?P<eq>=) [{WHITE_SPACE}]*+
       (?: "(?P<double>[^"]*+)(?P<closed>"?)
         | '(?P<single>[^']*+)(?P<closed_single>'?)
         | (?P<bare>[^{WHITE_SPACE}>"'][^{WHITE_SPACE}>]*+)
         | (?=>) ) )?""",
    re.VERBOSE,
)
_TAG_REST = re.compile(rf"[{WHITE_SPACE}/]*+")
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;?)")


def lower(name: str) -> str:
    """ASCII lower case; other letters stay."""
    return name.lower() if name.isascii() else re.sub("[A-Z]+", lambda match: match.group().lower(), name)


def decode_attribute(raw: str) -> str:
    """An attribute value with its character references decoded, by the rules that hold in attributes.

    Unlike in text, a named reference without its semicolon stays as it is before ``=`` or a letter, so that
    ``?a=1&copy=2`` keeps its meaning.
    """
    if "&" not in raw:
        return raw

    def decode(match: re.Match[str]) -> str:
        found = match.group()
        if found[1] == "#":
            return html.unescape(found)
        if found[1:] not in _NAMED:
            return found
        if not found.endswith(";") and raw[match.end() : match.end() + 1] == "=":
            return found
        return _NAMED[found[1:]]

    return _REFERENCE.sub(decode, raw)


def read_attributes(text: str, position: int) -> tuple[list[Attribute], int, bool]:
    """The attributes of a tag; of two with one name, the first.

    Args:
        position: behind the name of the tag.

    Returns:
        The attributes, the offset behind the tag (-1: it does not end), and whether it closes itself.
    """
    found: list[Attribute] = []
    seen: set[str] = set()
    while match := _ATTRIBUTE.match(text, position):
        position = match.end()
        quote, span = "", (position, position)
        for group, mark, closed in (("double", '"', "closed"), ("single", "'", "closed_single")):
            if match[group] is not None:
                if not match[closed]:
                    return found, -1, False
                quote, span = mark, match.span(group)
        if match["bare"] is not None:
            span = match.span("bare")
        name = lower(match["name"])
        if name not in seen:
            seen.add(name)
            value = decode_attribute(text[span[0] : span[1]])
            found.append(Attribute(name, value, match.start("name"), span[0], span[1], quote))
    rest = _TAG_REST.match(text, position)
    end = rest.end() if rest else position
    if end >= len(text):
        return found, -1, False
    return found, end + 1, end > position and text[end - 1] == "/"
