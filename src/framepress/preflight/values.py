"""Whether a value is what somebody meant, from the value and its column alone. Pure."""

from __future__ import annotations

import datetime
import html
import math
import re
from collections.abc import Callable, Iterator, Mapping

from framepress.declarations import NUMBER, Declaration
from framepress.preflight.rules import Finding, Severity, finding
from framepress.preflight.table import Column, Table

#: Share of a column's values above which a spelling is the column's own way and no slip.
OWN_WAY = 0.2

#: Far out: so many interquartile ranges beyond the quartiles, on a logarithmic scale for numbers. Three is
#: Tukey's "far out"; lists of points and prices have long tails, so more is asked for.
FAR_OUT = 5.0

#: The least range that counts as one interquartile range, on the logarithmic scale: 28 %.
LEAST_RANGE = 0.25

_PLACEHOLDER = re.compile(
    r"\{\{|\}\}|\$\{|%%\w+%%|\{[A-Za-z_]+\}|<<\w+>>|\*\|\w+\|\*|\[(?:first|last|full)?[ _]?name\]",
    re.IGNORECASE,
)
#: What only programs write.
_NOTHING = frozenset(
    ("undefined", "nan", "[object object]", "(null)", "<null>", "#n/a", "#ref!", "#value!", "#name?",
     "#div/0!", "#null!", "n/a", "n.a.", "(blank)", "(none)", "nullnull", "null null")
)  # fmt: skip
#: Names that people have; in capitals or small letters they are a program's.
_NOTHING_OR_NAME = frozenset(("null", "none", "nil", "na", "nul"))
_TEST = re.compile(
    r"(?:(?:test|testing|tester|test ?user|dummy|sample|example|foo ?bar|asdf\w*|qwerty|lorem ipsum.*|xxx+"
    r"|tbd|todo|delete ?me|fixme|john doe|max mustermann)[ _-]?\d*)(?: (?:test|tester|user|name|\d+))*",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});|</?(?:b|i|p|br|span|div|strong|em)\b[^>]*>", re.I
)
#: What bytes of UTF-8 look like in Windows-1252: a lead byte, then bytes that only follow.
_DOUBLE = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]+"
)
#: Invisible, and without a meaning of their own in any script: zero width space, word joiner, BOM, soft
#: hyphen, overrides and isolates. Joiners and the marks LRM and RLM are left alone: scripts and emoji need
#: them.
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_NAME_COLUMN = re.compile(
    r"(?:^|[_ .-])(?:first|last|full|given|family|sur|fore|nick)?[_ -]?name$"
    r"|^(?:name|vorname|nachname|city|town|ort|stadt)$",
    re.I,
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?: .*)?")
#: What spreadsheets and databases write for no date, and years that nobody means.
_NO_DATES = frozenset(
    ((0, 0, 0), (1, 1, 1), (1899, 12, 30), (1899, 12, 31), (1900, 1, 0), (1900, 1, 1), (9999, 12, 31))
)
_EPOCH = (1970, 1, 1)

Check = Callable[[str, str, Column | None], tuple[str, str] | tuple[str, str, Severity] | None]


def check_value(name: str, text: str, column: Column | None) -> Iterator[Finding]:
    """What is wrong with one value.

    Args:
        name: of the variable, for the findings and to tell names of people.
        text: as it stands in the list; "" finds nothing.
        column: statistics of all its values; None: unknown, and what compares with others is left out.
    """
    if text == "":
        return
    if not text.strip():
        yield finding("value-blank", f"{len(text)} blanks", field=name)
        return
    no_name = False
    for check in _CHECKS:
        found = check(name, text, column)
        if found is not None:
            if no_name and found[0] == "value-case":
                continue
            no_name |= check in (_placeholder, _nothing, _test)
            rule, detail, *milder = found
            yield finding(rule, detail, field=name, severity=milder[0] if milder else None)


def _placeholder(_: str, text: str, __: Column | None) -> tuple[str, str] | None:
    match = _PLACEHOLDER.search(text)
    return ("value-placeholder", f"at character {match.start() + 1}") if match else None


def _nothing(_: str, text: str, __: Column | None) -> tuple[str, str] | None:
    word = text.strip()
    if word.casefold() in _NOTHING:
        return "value-null", "exactly that word"
    if word.casefold() in _NOTHING_OR_NAME:
        # "Null", "Nil" and "Na" are surnames; nobody writes theirs in small letters or capitals only, and
        # "NA" is Namibia as well.
        if word.istitle() or len(word) == 2:
            return "value-null-name", "exactly that word"
        return "value-null", "exactly that word"
    return None


def _test(_: str, text: str, __: Column | None) -> tuple[str, str] | None:
    return ("value-test", "a word for trying out") if _TEST.fullmatch(text.strip()) else None


def _spaces(_: str, text: str, __: Column | None) -> tuple[str, str] | None:
    if text != text.strip():
        return "value-spaces", "at the beginning" if text != text.lstrip() else "at the end"
    match = re.search(r"[^\S\n]{2,}", text)
    return ("value-spaces", f"doubled at character {match.start() + 1}") if match else None


def _case(name: str, text: str, column: Column | None) -> tuple[str, str] | None:
    if not _NAME_COLUMN.search(name):
        return None
    # Most scripts know no capitals; an initial in Latin behind them says nothing about the rest.
    letters = sum(character.upper() != character.lower() for character in text)
    if text.isupper() and letters >= 4:
        usual = column.upper if column else 0
    elif text.islower() and letters >= 2:
        usual = column.lower if column else 0
    else:
        return None
    if column is not None and column.count > 5 and usual > OWN_WAY * column.count:
        return None
    return "value-case", "all capitals" if text.isupper() else "all lower case"


def _mojibake(_: str, text: str, __: Column | None) -> tuple[str, str] | None:
    if "\ufffd" in text:
        return "value-mojibake", f"a replacement character at {text.index(chr(0xFFFD)) + 1}"
    for match in () if text.isascii() else _DOUBLE.finditer(text):
        try:
            _as_bytes(match.group()).decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "value-mojibake", f"at character {match.start() + 1}"
    return None


def _as_bytes(text: str) -> bytes:
    """Windows-1252, where its five holes are the C1 controls, as browsers and most converters have it."""
    return b"".join(
        character.encode("cp1252", "ignore") or character.encode("latin-1", "ignore") for character in text
    )


def _entity(_: str, text: str, __: Column | None) -> tuple[str, str] | None:
    match = _ENTITY.search(text)
    if match is None or (match.group().startswith("&") and html.unescape(match.group()) == match.group()):
        return None
    return "value-entity", f"at character {match.start() + 1}"


def _control(_: str, text: str, __: Column | None) -> tuple[str, str] | None:
    match = _INVISIBLE.search(text)
    if match is None:
        return None
    return "value-control", f"U+{ord(match.group()):04X} at character {match.start() + 1}"


def _outlier(_: str, text: str, column: Column | None) -> tuple[str, str] | None:
    if column is None or not column.is_numeric or not NUMBER.fullmatch(text):
        return None
    quartiles = column.amounts.quartiles()
    if quartiles is None:
        return None
    # On both scales: long tails are far out on the plain one, zeros on the logarithmic one.
    number = float(text)
    low, middle, high = (_scaled(value) for value in quartiles)
    sides = (
        _side(number, *quartiles, least=0.0),
        _side(_scaled(number), low, middle, high, least=LEAST_RANGE),
    )
    if 0 in sides:
        return None
    return "value-outlier", "far above the others" if sides[0] > 0 else "far below the others"


def _side(number: float, low: float, _: float, high: float, *, least: float) -> int:
    """1: far above the quartiles, -1: far below, 0: neither."""
    reach = FAR_OUT * max(high - low, least)
    return (number > high + reach) - (number < low - reach)


def _scaled(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value)


def _long(_: str, text: str, column: Column | None) -> tuple[str, str] | None:
    if column is None or column.is_numeric or len(text) < 30:
        return None
    quartiles = column.lengths.quartiles()
    if quartiles is None:
        return None
    low, middle, high = quartiles
    if len(text) <= max(high + 2 * FAR_OUT * max(high - low, 1), 3 * middle):
        return None
    return "value-long", f"{len(text)} characters; half of all have {middle:g} or fewer"


def _date(_: str, text: str, __: Column | None) -> tuple[str, str] | tuple[str, str, Severity] | None:
    parts = _date_parts(text.strip())
    if parts is None:
        return None
    if parts in _NO_DATES:
        return "value-date", "what programs write for no date"
    if not any(_is_day(*one) for one in (parts, (parts[0], parts[2], parts[1]))[: 1 + _either_way(text)]):
        return "value-date", "no such day"
    if parts == _EPOCH:
        return "value-date", "day 0 of computers, which programs write for no date", "warning"
    if not 1850 <= parts[0] <= 2150:
        return "value-date", "a year that is hardly meant", "warning"
    return None


def _date_parts(text: str) -> tuple[int, int, int] | None:
    """Year, month, day; days first where a point stands between them or nothing else is possible."""
    if match := _YEAR_FIRST.fullmatch(text):
        return int(match[1]), int(match[2]), int(match[3])
    if match := _YEAR_LAST.fullmatch(text):
        return int(match[4]), int(match[3]), int(match[1])
    return None


def _either_way(text: str) -> bool:
    """Whether month and day may stand the other way round, as they do in America."""
    match = _YEAR_LAST.fullmatch(text.strip())
    return match is not None and match[2] != "."


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


#: In this order; the first of those that speak of the same is enough.
_CHECKS: tuple[Check, ...] = (
    _placeholder, _nothing, _test, _spaces, _case, _mojibake, _entity, _control, _outlier, _long, _date,
)  # fmt: skip

#: Types whose values are no text for people: no sentence, no name.
_NO_TEXT = frozenset(("color", "image", "font", "url", "boolean"))


def check_row(
    row: int,
    texts: Mapping[str, str],
    columns: Mapping[str, str],
    declarations: Mapping[str, Declaration],
    table: Table,
) -> list[Finding]:
    """What is wrong with the values of one row.

    Args:
        texts: column -> text, as in the list.
        columns: variable -> column, of the variables that have one.
    """
    found: list[Finding] = []
    for name, column in columns.items():
        declaration = declarations.get(name)
        kind = declaration.type if declaration else "string"
        text = texts.get(column, "")
        for one in check_value(name, text, table.columns.get(column)):
            if one.rule in _LEFT_OUT.get(kind, ()) or (one.rule == "value-entity" and kind == "html"):
                continue
            if declaration and text in (declaration.default, declaration.fallback, *declaration.options):
                continue
            found.append(Finding(one.rule, one.severity, row, one.field, one.detail))
    return found


#: Rules that say nothing about a type.
_LEFT_OUT: dict[str, frozenset[str]] = {
    kind: frozenset(("value-test", "value-case", "value-entity", "value-long")) for kind in _NO_TEXT
}
