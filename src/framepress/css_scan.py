"""Which kind of place each placeholder has in CSS, and which addresses the CSS refers to. One pass, linear.

The tokens follow CSS Syntax Level 3: comments, strings, `url()`, functions, escapes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from framepress.escaping import Language, Spot, refused

_ESCAPE = r"\\(?:[0-9A-Fa-f]{1,6}(?:\r\n|[ \t\n\r\f])?|\r\n|[^\x00])"
_TOKEN = re.compile(
    rf"""
    (?P<comment>/\*)
  | (?P<string>["'])
  | (?P<spot>\x00)
  | (?P<name>@?(?:[A-Za-z0-9_\-]|[^\x00-\x7f]|{_ESCAPE})+)
  | (?P<open>[(\[{{])
  | (?P<close>[)\]}}])
  | (?P<end>;)
  | (?P<other>[\s\S])
    """,
    re.VERBOSE,
)
_IN_STRING = {
    quote: re.compile(
        rf"(?P<chars>[^{quote}\\\n\r\f\x00]+)|(?P<escape>{_ESCAPE})|(?P<spot>\x00)"
        rf"|(?P<end>{quote}|[\n\r\f])|(?P<slash>\\)"
    )
    for quote in "\"'"
}
_IN_URL = re.compile(
    rf"(?P<chars>[^)\\\x00]+)|(?P<escape>{_ESCAPE})|(?P<spot>\x00)|(?P<end>\))|(?P<slash>\\)"
)
_ESCAPES = re.compile(_ESCAPE)
_SPACES = re.compile(r"[ \t\n\r\f]*+")
_FUNCTION_AFTER = re.compile(r"(?:[A-Za-z0-9_\-]|[^\x00-\x7f]){0,200}\(")
#: Functions whose strings are addresses.
_ADDRESS_FUNCTIONS = frozenset(("url", "src", "image-set", "-webkit-image-set"))

_COMMENT = refused("in a comment of a style sheet; remove it there")
_BACKSLASH = refused("directly behind a backslash; put a character between them")
_FUNCTION = refused("as the name of a function in CSS; write the name out")
_AT = refused("as the name of an at-rule in CSS; write the name out")


@dataclass(frozen=True, slots=True)
class Reference:
    """An address in CSS, decoded. Placeholders stay in it; `spot_index` is the number, in the whole text, of
    its first one."""

    address: str
    offset: int
    spot_index: int


@dataclass(frozen=True, slots=True)
class CssScan:
    spots: list[Spot]
    references: list[Reference]


def decode_css(text: str) -> str:
    """A piece of a string, address or name with its escapes decoded."""
    if "\\" not in text:
        return text

    def decode(match: re.Match[str]) -> str:
        body = match.group()[1:]
        digits = body.rstrip(" \t\n\r\f")
        if digits and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            point = int(digits, 16)
            return chr(point) if 0 < point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else "\ufffd"
        return "" if body[0] in "\n\r\f" else body

    return _ESCAPES.sub(decode, text)


class _CssScanner:
    """`nest` holds the names of open functions, empty for other brackets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spots: list[Spot] = []
        self.references: list[Reference] = []
        self.nest: list[str] = []
        self.importing = False

    def run(self) -> CssScan:
        text, position, name = self.text, 0, ""
        while match := _TOKEN.match(text, position):
            kind, found = match.lastgroup, match.group()
            position = match.end()
            if kind == "name":
                name = decode_css(found).lower()
                self.importing = self.importing or name == "@import"
                continue
            if kind == "open":
                position = self.open(found, name, position)
            else:
                position = self.token(kind or "", found, position)
            name = ""
        return CssScan(self.spots, self.references)

    def token(self, kind: str, found: str, position: int) -> int:
        text = self.text
        if kind == "comment":
            close = text.find("*/", position)
            end = len(text) if close < 0 else close + 2
            self.spots.extend([_COMMENT] * text.count("\0", position, end))
            return end
        if kind == "string":
            inside = self.nest[-1] if self.nest else ""
            address = inside in _ADDRESS_FUNCTIONS or (self.importing and not self.nest)
            return self.literal(_IN_STRING[found], position, Language.CSS_STRING, address)
        if kind == "spot":
            self.spots.append(self.bare(position - 1))
        elif kind == "close" and self.nest:
            self.nest.pop()
        elif kind == "end":
            self.importing = False
        return position

    def open(self, found: str, name: str, position: int) -> int:
        if found == "{":
            self.importing = False
        if found == "(" and name == "url":
            match = _SPACES.match(self.text, position)
            start = match.end() if match else position
            if self.text[start : start + 1] not in ('"', "'"):
                return self.literal(_IN_URL, start, Language.CSS_URL, True)
        self.nest.append(name if found == "(" else "")
        return position

    def literal(self, pattern: re.Pattern[str], start: int, language: Language, address: bool) -> int:
        text, position, first = self.text, start, len(self.spots)
        end = len(text)
        slash = False
        while match := pattern.match(text, position):
            position = match.end()
            if match.lastgroup == "end":
                end = match.start()
                break
            if match.lastgroup == "spot":
                self.spots.append(_BACKSLASH if slash else Spot(language))
            slash = match.lastgroup == "slash"
        if address:
            value = decode_css(text[start:end])
            if language is Language.CSS_URL:
                value = value.strip(" \t\n\r\f")
            self.references.append(Reference(value, start, first))
        return position

    def bare(self, offset: int) -> Spot:
        before = self.text[max(0, offset - 1) : offset]
        if before == "\\":
            return _BACKSLASH
        if before == "@":
            return _AT
        if _FUNCTION_AFTER.match(self.text, offset + 1):
            return _FUNCTION
        return Spot(Language.CSS_BARE, hashed=before == "#")


def scan_css(text: str) -> CssScan:
    """Scan a style sheet, or the value of a style attribute."""
    return _CssScanner(text).run()
