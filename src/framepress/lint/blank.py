"""Source text with what is no code blanked out, at unchanged offsets."""

from __future__ import annotations

import re

_JS = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`""", re.DOTALL
)
_CSS = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)


def _blanked(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def js_code(text: str, *, strings: bool = False) -> str:
    """JavaScript without comments and, unless `strings`, without the insides of strings.

    A regular expression with a quote in it may blank too much: something is then not found, never invented.
    """
    return _JS.sub(lambda m: m.group() if strings and m.group()[0] in "\"'`" else _blanked(m), text)


def css_code(text: str) -> str:
    """CSS without comments."""
    return _CSS.sub(_blanked, text)
