"""Conditions over variables, as `data-if` holds them: ``TIER == 'vip' && POINTS >= 100``. No JavaScript.

    condition   = and { ("||" | "or") and }
    and         = not { ("&&" | "and") not }
    not         = ("!" | "not") not | comparison
    comparison  = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand ]
    operand     = name | `name with blanks` | 'text' | "text" | number | true | false | "(" condition ")"

A name alone holds unless its value is empty, ``false`` or ``0``. Two operands are compared as numbers if
one is a number (or a variable declared as one) and none is quoted; else as text, by code points. An empty
value is equal to ``''`` alone, and is neither smaller nor larger than anything.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from framepress.declarations import NUMBER, Declaration
from framepress.errors import CompositionError

#: Characters of a condition, and brackets and negations inside each other.
LENGTH_MAX, DEPTH_MAX = 2_000, 50

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'[^']*'|"[^"]*")
    | (?P<number>-?\d+(?:\.\d+)?)(?![\w.])
    | `(?P<quoted>[^`]*)`
    | \$?(?P<name>[^\W\d][\w.]*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[<>!()])
    )""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS = {"and": "&&", "or": "||", "not": "!"}


class ConditionError(ValueError):
    """What is wrong with a condition, and at which character of it."""

    def __init__(self, problem: str, offset: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset


class NotComparable(ValueError):
    """A row's value that a condition cannot compare. `name`: of the variable. The value is not in it."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(expected)
        self.name = name
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Name:
    """A variable. `offset`: where it stands in the condition."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a quoted text, true or false."""

    text: str
    quoted: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Not:
    of: Node


@dataclass(frozen=True, slots=True)
class Both:
    """`sign` is ``&&`` or ``||``."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Compare:
    sign: str
    left: Name | Literal
    right: Name | Literal


Node = Name | Literal | Not | Both | Compare


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


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            offset = position + len(text[position:]) - len(text[position:].lstrip())
            found = text[offset]
            hint = {"=": "; write ==", "&": "; write &&", "|": "; write ||"}.get(found, "")
            if found in "'\"`":
                hint = "; it is never closed"
            raise ConditionError(f'"{found}" is not understood{hint}', offset)
        kind = match.lastgroup or ""
        word, offset = match[kind], match.start(kind)
        if kind == "name" and word in _WORDS:
            kind, word = "sign", _WORDS[word]
        elif kind == "name" and word in ("true", "false"):
            kind = "bool"
        yield _Token("name" if kind == "quoted" else kind, word, offset)
        position = match.end()
    yield _Token("end", "", len(text))


class _Parser:
    def __init__(self, text: str) -> None:
        self._rest = list(_tokens(text))[::-1]
        self._depth = 0

    def whole(self) -> Node:
        node = self._or()
        if self._rest[-1].kind != "end":
            raise self._unexpected("and, or, a comparison or the end")
        return node

    def _take(self, *signs: str) -> str | None:
        token = self._rest[-1]
        if token.kind == "sign" and token.text in signs:
            return self._rest.pop().text
        return None

    def _unexpected(self, expected: str) -> ConditionError:
        token = self._rest[-1]
        found = "the end" if token.kind == "end" else f'"{token.text[:40]}"'
        return ConditionError(f"found {found}; expected {expected}", token.offset)

    def _or(self) -> Node:
        node = self._and()
        while self._take("||"):
            node = Both("||", node, self._and())
        return node

    def _and(self) -> Node:
        node = self._not()
        while self._take("&&"):
            node = Both("&&", node, self._not())
        return node

    def _not(self) -> Node:
        if not self._take("!"):
            return self._comparison()
        self._deeper()
        node = Not(self._not())
        self._depth -= 1
        return node

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ConditionError(f"more than {DEPTH_MAX} brackets inside each other", self._rest[-1].offset)

    def _comparison(self) -> Node:
        left = self._operand()
        at = self._rest[-1].offset
        sign = self._take(*_COMPARE)
        if sign is None:
            return left
        right = self._operand()
        if not isinstance(left, Name | Literal) or not isinstance(right, Name | Literal):
            raise ConditionError("a bracket cannot be compared; compare names, texts and numbers", at)
        if self._rest[-1].kind == "sign" and self._rest[-1].text in _COMPARE:
            raise ConditionError("comparisons do not chain; join two by &&", self._rest[-1].offset)
        return Compare(sign, left, right)

    def _operand(self) -> Node:
        if self._take("("):
            self._deeper()
            node = self._or()
            if not self._take(")"):
                raise self._unexpected('")"')
            self._depth -= 1
            return node
        token = self._rest[-1]
        if token.kind not in ("name", "text", "number", "bool"):
            raise self._unexpected("a variable, a quoted text or a number")
        self._rest.pop()
        if token.kind == "name":
            return Name(token.text, token.offset)
        if token.kind == "text":
            return Literal(token.text[1:-1], True, token.offset)
        return Literal(token.text, False, token.offset)


def parse_condition(text: str) -> Node:
    """Parse a condition.

    Raises:
        ConditionError: with the offset in `text`.
    """
    if len(text) > LENGTH_MAX:
        raise ConditionError(f"longer than {LENGTH_MAX:,} characters", 0)
    if not text.strip():
        raise ConditionError("it is empty; expected one such as TIER == 'vip'", 0)
    return _Parser(text).whole()


def names_in(node: Node) -> Iterator[Name]:
    """The variables of a condition, in the order in which they stand."""
    if isinstance(node, Name):
        yield node
    elif isinstance(node, Not):
        yield from names_in(node.of)
    elif isinstance(node, Both | Compare):
        yield from names_in(node.left)
        yield from names_in(node.right)


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
        return _COMPARE[node.sign](*texts)
    for side, text in zip(sides, texts, strict=True):
        if not NUMBER.fullmatch(text):
            name = side.name if isinstance(side, Name) else ""
            raise NotComparable(name, "a number, because a condition compares it with one")
    return _COMPARE[node.sign](*map(Decimal, texts))


def _is_number(side: Name | Literal, types: Mapping[str, str]) -> bool:
    if isinstance(side, Name):
        return types.get(side.name) == "number"
    return not side.quoted and side.text not in ("true", "false")
