"""Tokens in the text of a file, and the text with each of them replaced by one placeholder.

``{{$NAME}}`` is always a token, ``{{name}}`` only if `name` is known, ``{{{{`` is a literal ``{{``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from framepress.errors import CompositionError
from framepress.js_scan import PLACEHOLDER

_OPEN = re.compile(r"\{\{\{\{|\{\{\s*+\$|\{\{\s*+([^{}\x00-\x1f]{1,120})\}\}")
_NAMED = re.compile(r"\{\{\s*+\$([A-Z][A-Z0-9_]*+)\s*+\}\}")
#: Characters behind ``{{$`` in which its ``}}`` is looked for, to tell a bad name from an unclosed token.
_CLOSE_WITHIN = 200


@dataclass(frozen=True, slots=True)
class Token:
    """A token in the source. `name` is the variable's."""

    name: str
    start: int
    end: int


def find_tokens(
    source: str, resolve: Callable[[str], str | None], place: Callable[[int], str]
) -> Iterator[Token | tuple[int, int]]:
    """Tokens and, as ``(start, end)``, escapes of a text, in order.

    Args:
        resolve: the variable that a bare name means, or None if it is literal text.

    Raises:
        CompositionError: ``{{$`` that is not closed or holds no name.
    """
    position = 0
    while match := _OPEN.search(source, position):
        position = match.end()
        if match.group() == "{{{{":
            yield match.span()
        elif match[1] is not None:
            name = resolve(match[1].rstrip())
            if name is not None:
                yield Token(name, *match.span())
        else:
            named = _NAMED.match(source, match.start())
            if named is None:
                raise _malformed(source, match.start(), match.end(), place)
            position = named.end()
            yield Token(named[1], *named.span())


def _malformed(source: str, start: int, name: int, place: Callable[[int], str]) -> CompositionError:
    close = source.find("}}", name, name + _CLOSE_WITHIN)
    if close < 0:
        return CompositionError(
            f'{place(start)}: "{{{{$" is not closed; write {{{{$NAME}}}}, '
            'or "{{{{" for a literal "{{".',
            rule="token-unclosed",
        )
    return CompositionError(
        f'{place(start)}: "{source[name:close].strip()[:60]}" is no name for a variable; expected '
        'capitals, digits and "_", beginning with a letter, such as {{$FIRST_NAME}}; '
        'or "{{{{" for a literal "{{".',
        rule="token-name",
    )


def replace_tokens(
    source: str,
    source_place: Callable[[int], str],
    *,
    cut: Iterable[tuple[int, int]],
    resolve: Callable[[str], str | None],
) -> tuple[str, list[Token], Callable[[int], str]]:
    """Each token replaced by a placeholder, each escape by what it means.

    Args:
        source_place: turns an offset in the source into ``file:line:column``.
        cut: ``(start, end)`` of what is left out, in order.
        resolve: as for `find_tokens`.

    Returns:
        The text, the tokens of its placeholders in order, and what turns an offset in the text into the
        ``file:line:column`` of the source.

    Raises:
        CompositionError: a token is malformed.
    """
    edits: list[tuple[int, int, str]] = [(start, end, "") for start, end in cut]
    cuts = list(edits)
    tokens: list[Token] = []
    blank = source
    for start, end, _ in cuts:
        # Same length, so that offsets stay: what is cut out is no place for tokens.
        blank = blank[:start] + " " * (end - start) + blank[end:]
    for found in find_tokens(blank, resolve, source_place):
        if isinstance(found, Token):
            tokens.append(found)
            edits.append((found.start, found.end, PLACEHOLDER))
        else:
            edits.append((*found, "{{"))
    text, outs, ins = edited(source, sorted(edits))

    def place(offset: int) -> str:
        index = bisect_right(outs, offset) - 1
        return source_place(ins[index] + offset - outs[index])

    return text, tokens, place


def edited(source: str, edits: list[tuple[int, int, str]]) -> tuple[str, list[int], list[int]]:
    """A text with ``(start, end, new text)`` put in, in order, and the pieces of the map from its offsets
    back to those of the source."""
    parts: list[str] = []
    outs, ins = [0], [0]
    position = length = 0
    for start, end, replacement in edits:
        parts += (source[position:start], replacement)
        length += start - position
        outs.append(length)
        ins.append(start)
        length += len(replacement)
        outs.append(length)
        ins.append(end)
        position = end
    parts.append(source[position:])
    return "".join(parts), outs, ins
