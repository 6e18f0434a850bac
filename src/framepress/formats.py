"""Declared formats: how a number or a date reads in the language of a row. By Babel, so by CLDR's rules.

    number, number:2        1,284.5      two digits behind the point
    percent, percent:1      0.256 is 26%, 25.6%
    currency:EUR            €1,284.50    code of ISO 4217; currency:EUR:0 without cents
    compact                 1.3K
    date, date:long         Jan 31, 2024; short, medium (the default), long, full

A value stays what it is in the row key, in conditions and wherever a program reads it; only where people read
it (text, and attributes such as `alt`) does its format stand.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from copy import copy
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_compact_decimal, is_currency

from framepress.declarations import LOCALE_NAME, Declaration

_DIGITS = re.compile(r"(?:[0-9]|1[0-2])")
_DATE_STYLES = ("short", "medium", "long", "full")


@lru_cache(maxsize=256)
def parsed_locale(tag: str) -> Locale:
    """A locale by its BCP 47 tag.

    Raises:
        ValueError: CLDR does not have it.
    """
    try:
        found = Locale.parse(tag.strip().replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise ValueError("no such locale") from error
    if found.language == "root":
        raise ValueError("no such locale")
    return found


def canonical_locale(text: str) -> str:
    """A locale's tag as Chromium takes it, such as ``de-DE``.

    Raises:
        ValueError: there is no such locale.
    """
    return str(parsed_locale(text)).replace("_", "-")


def format_problem(format_: str) -> str | None:
    """What is wrong with a declared format; None: nothing."""
    kind, *rest = format_.split(":")
    if kind in ("number", "percent") and len(rest) <= 1 and all(_DIGITS.fullmatch(one) for one in rest):
        return None
    if kind == "compact" and not rest:
        return None
    if kind == "currency":
        if not rest or len(rest) > 2 or not all(_DIGITS.fullmatch(one) for one in rest[1:]):
            return 'write the currency, such as "currency:EUR" or "currency:EUR:0"'
        return (
            None
            if is_currency(rest[0])
            else f'there is no currency "{rest[0][:20]}"; write its code, such as EUR'
        )
    if kind == "date" and len(rest) <= 1 and all(one in _DATE_STYLES for one in rest):
        return None
    return (
        'expected "number", "number:2", "percent", "currency:EUR", "compact", "date", or "date:short", '
        '":medium", '
        '":long", ":full"'
    )


def shown_values(
    declarations: Mapping[str, Declaration], values: Mapping[str, str], locale: str
) -> dict[str, str]:
    """What people read of the values that have a format; those that are empty, or no number or date, stay.

    Args:
        values: canonical texts, checked. locale: where the row does not say its own.
    """
    formatted = [one for one in declarations.values() if one.format is not None and values.get(one.name)]
    if not formatted:
        return {}
    language = parsed_locale(values.get(LOCALE_NAME) or locale)
    return {one.name: shown(one.format or "", values[one.name], language) for one in formatted}


def shown(format_: str, text: str, locale: Locale) -> str:
    """A checked text in its format."""
    kind, *rest = format_.split(":")
    if kind == "date":
        style = rest[0] if rest else "medium"
        return str(format_date(datetime.date.fromisoformat(text), style, locale=locale))
    number = Decimal(text)
    with localcontext(prec=60, rounding=ROUND_HALF_UP):
        if kind == "compact":
            return str(format_compact_decimal(number, locale=locale, fraction_digits=1))  # type: ignore[arg-type]
        currency, digits = None, rest[0] if rest else None
        if kind == "currency":
            currency, digits = rest[0], rest[1] if len(rest) > 1 else None
            pattern = copy(locale.currency_formats["standard"])
        else:
            formats = locale.percent_formats if kind == "percent" else locale.decimal_formats
            pattern = copy(formats[None])
        if digits is not None:
            pattern.frac_prec = (int(digits), int(digits))
        return str(
            pattern.apply(
                number,
                locale,
                currency=currency,
                currency_digits=digits is None,
                numbering_system="default",
            )
        )
