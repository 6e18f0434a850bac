"""Conditions as they are written: ``TIER == 'vip' && POINTS >= 100`` becomes a tree. No JavaScript.

    condition   = and { ("||" | "or") and }
    and         = not { ("&&" | "and") not }
    not         = ("!" | "not") not | comparison
    comparison  = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand ]
    operand     = name | `name with blanks` | 'text' | "text" | number | true | false | "(" condition ")"

What a tree means for a row is said in `conditions`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

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

#: What compares two operands, by its sign.
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
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
        sign = self._take(*COMPARE)
        if sign is None:
            return left
        right = self._operand()
        if not isinstance(left, Name | Literal) or not isinstance(right, Name | Literal):
            raise ConditionError("a bracket cannot be compared; compare names, texts and numbers", at)
        if self._rest[-1].kind == "sign" and self._rest[-1].text in COMPARE:
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
