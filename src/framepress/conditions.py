"""Conditions over variables, as `data-if` holds them: what one means for a row.

How one is written is said in `condition_syntax`. A name alone holds unless its value is empty, ``false`` or
``0``. Two operands are compared as numbers if one is a number (or a variable declared as one) and none is
quoted; else as text, by code points. An empty value is equal to ``''`` alone, and is neither smaller nor
larger than anything.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from framepress.condition_syntax import (
    COMPARE,
    Both,
    Compare,
    ConditionError,
    Literal,
    Name,
    Node,
    Not,
    names_in,
)
from framepress.declarations import NUMBER, Declaration
from framepress.errors import CompositionError


class NotComparable(ValueError):
    """A row's value that a condition cannot compare. `name`: of the variable. The value is not in it."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(expected)
        self.name = name
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Condition:
    """An element that may leave. `start`, `end`: its span in the text; `tag`: its index in the scan;
    `where`: the place of a character of the condition."""

    node: Node
    tag: int
    start: int
    end: int
    where: Callable[[int], str]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.name for name in names_in(self.node)))

    def fault(self, error: ConditionError) -> CompositionError:
        """A fault of the condition, at its place."""
        return CompositionError(f"{self.where(error.offset)}: data-if: {error.problem}.", rule="condition")


def check_names(node: Node, known: Mapping[str, Declaration | None]) -> None:
    """Refuse what can be seen to be wrong without a row.

    Args:
        known: every variable, with its declaration if it has one.

    Raises:
        ConditionError: an unknown variable; an option that an enum does not have; a text that is no number
            where a declared number is compared.
    """
    for name in names_in(node):
        if name.name not in known:
            near = difflib.get_close_matches(name.name.casefold(), {one.casefold(): 0 for one in known}, n=1)
            hint = next((one for one in known if near and one.casefold() == near[0]), None)
            raise ConditionError(
                f'there is no variable "{name.name[:60]}"'
                + (f'; did you mean "{hint}"?' if hint else "; declare it"),
                name.offset,
            )
    for compare in _comparisons(node):
        for one, other in ((compare.left, compare.right), (compare.right, compare.left)):
            if isinstance(one, Name) and isinstance(other, Literal):
                _check_literal(known[one.name], other)


def _check_literal(declaration: Declaration | None, literal: Literal) -> None:
    if declaration is None:
        return
    if declaration.type == "enum" and literal.text and literal.text not in declaration.options:
        options = " or ".join(f"'{option}'" for option in declaration.options[:8])
        raise ConditionError(
            f"\"{declaration.name}\" is never '{literal.text[:40]}'; expected {options}", literal.offset
        )
    if declaration.type == "number" and literal.text and not NUMBER.fullmatch(literal.text):
        raise ConditionError(f'"{declaration.name}" is a number; compare it with one', literal.offset)


def _comparisons(node: Node) -> Iterator[Compare]:
    if isinstance(node, Compare):
        yield node
    elif isinstance(node, Not):
        yield from _comparisons(node.of)
    elif isinstance(node, Both):
        yield from _comparisons(node.left)
        yield from _comparisons(node.right)


def holds(node: Node, values: Mapping[str, str], types: Mapping[str, str]) -> bool:
    """Whether a condition holds for a row.

    Args:
        values: canonical texts of all its variables. types: declared ones.

    Raises:
        NotComparable: a number is asked for, and the value is none.
    """
    if isinstance(node, Name):
        return values[node.name] not in ("", "false", "0")
    if isinstance(node, Literal):
        return node.text not in ("", "false", "0")
    if isinstance(node, Not):
        return not holds(node.of, values, types)
    if isinstance(node, Both):
        left = holds(node.left, values, types)
        if left == (node.sign == "||"):
            return left
        return holds(node.right, values, types)
    return _compare(node, values, types)


def _compare(node: Compare, values: Mapping[str, str], types: Mapping[str, str]) -> bool:
    sides = (node.left, node.right)
    texts = [values[side.name] if isinstance(side, Name) else side.text for side in sides]
    quoted = any(isinstance(side, Literal) and side.quoted for side in sides)
    numeric = not quoted and any(_is_number(side, types) for side in sides)
    ordering = node.sign not in ("==", "!=")
    if "" in texts and (ordering or numeric):
        return node.sign == "!=" and texts[0] != texts[1]
    if not numeric:
        return COMPARE[node.sign](*texts)
    for side, text in zip(sides, texts, strict=True):
        if not NUMBER.fullmatch(text):
            name = side.name if isinstance(side, Name) else ""
            raise NotComparable(name, "a number, because a condition compares it with one")
    return COMPARE[node.sign](*map(Decimal, texts))


def _is_number(side: Name | Literal, types: Mapping[str, str]) -> bool:
    if isinstance(side, Name):
        return types.get(side.name) == "number"
    return not side.quoted and side.text not in ("true", "false")
