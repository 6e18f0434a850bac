"""What a composition says about one variable, and whether a text keeps to it."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from framepress.escaping import is_color

VariableType = Literal["string", "number", "color", "boolean", "enum", "image", "font", "url", "html", "date"]

#: Characters of a value above which `pattern` refuses it unseen, so that a slow expression stays bounded.
PATTERN_LENGTH_MAX = 1_000

#: What a row's values hold besides variables, whose names never begin so: its own locale, which elements
#: with `data-if` it lacks, and the format that it is rendered in, where one was asked for. All change the
#: picture, so they are in the row key; rows are grouped by them.
LOCALE_NAME = "@locale"
LEFT_OUT_NAME = "@left-out"
FORMAT_NAME = "@format"
OWN_NAMES = (LOCALE_NAME, LEFT_OUT_NAME, FORMAT_NAME)

#: Formatted numbers stay below; more digits are a mistake, not a number that anybody reads.
FORMATTED_BELOW = Decimal(10) ** 30

NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared variable. Texts are canonical; `default` and `fallback` are None where there is none."""

    name: str
    type: str = "string"
    default: str | None = None
    required: bool = True
    fallback: str | None = None
    max_length: int | None = None
    min: Decimal | None = None
    max: Decimal | None = None
    pattern: str | None = None
    options: tuple[str, ...] = ()
    label: str = ""
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a text: a stable rule, and what was expected instead."""

    rule: str
    expected: str


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_type(declaration: Declaration, text: str) -> Finding | None:
    kind = declaration.type
    if kind == "number" and not NUMBER.fullmatch(text):
        return Finding("type", "a number such as 1284 or -0.5 (a point, no thousands separators)")
    if kind == "boolean" and text not in ("true", "false"):
        return Finding("type", "true or false")
    if kind == "color" and not is_color(text):
        return Finding("type", "a colour such as #1a2b3c, rebeccapurple or rgb(10 20 30)")
    if kind == "date" and not _is_date(text):
        return Finding("type", "a date such as 2025-01-31")
    if kind == "enum" and text not in declaration.options:
        return Finding("options", " or ".join(f'"{option}"' for option in declaration.options))
    return None


def is_own_name(name: str) -> bool:
    """Whether a name in a row's values is one of ours and no variable."""
    return name in OWN_NAMES


def _check_format(declaration: Declaration, text: str) -> Finding | None:
    """Whether a text can be shown in its format."""
    format_ = declaration.format
    if format_ is None:
        return None
    if format_.split(":")[0] == "date":
        expected = f'a date such as 2025-01-31, because its format is "{format_}"'
        return None if _is_date(text) else Finding("format", expected)
    number = NUMBER.fullmatch(text)
    if number is not None and abs(Decimal(text)) < FORMATTED_BELOW:
        return None
    return Finding("format", f'a number such as 1284 or -0.5, because its format is "{format_}"')


def check_text(declaration: Declaration, text: str) -> list[Finding]:
    """Everything a non-empty canonical text breaks, as far as it can be told without files."""
    findings = []
    length_max = declaration.max_length
    if length_max is not None and len(text) > length_max:
        findings.append(Finding("max-length", f"at most {length_max} characters"))
    wrong_type = _check_type(declaration, text)
    if wrong_type:
        findings.append(wrong_type)
    elif NUMBER.fullmatch(text):
        if declaration.min is not None and Decimal(text) < declaration.min:
            findings.append(Finding("min", f"{declaration.min} or more"))
        if declaration.max is not None and Decimal(text) > declaration.max:
            findings.append(Finding("max", f"{declaration.max} or less"))
    elif declaration.min is not None or declaration.max is not None:
        findings.append(Finding("type", 'a number, because "min" or "max" is declared'))
    wrong_format = _check_format(declaration, text)
    if wrong_format and not wrong_type:
        findings.append(wrong_format)
    if declaration.pattern is not None:
        if len(text) > PATTERN_LENGTH_MAX:
            findings.append(
                Finding("pattern", f"at most {PATTERN_LENGTH_MAX} characters, to match a pattern")
            )
        elif not re.fullmatch(declaration.pattern, text):
            findings.append(Finding("pattern", f"a match of {declaration.pattern}"))
    return findings
