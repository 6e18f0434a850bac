"""A text with places for values, ready to be filled in for each row."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from framepress.conditions import Condition
from framepress.escaping import TAIL_LENGTH, Language, Layer, NotFitting, Spot, check_address, encode
from framepress.html_parts import Scan
from framepress.references import srcset_addresses


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a value in the finished file. `place` is ``file:line:column``; `first_in_pre`: only tokens
    stand between it and the start tag of an element that drops a leading line break; `is_shown`: people
    read it, so it takes the declared format."""

    name: str
    offset: int
    spot: Spot
    layer: Layer
    place: str
    first_in_pre: bool = False
    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """An address with tokens in it: literal texts, and the variables between them.

    `loaded`: the page loads it by itself, so it must be there. `scripted`: as a document or script.
    `is_list`: a srcset.
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]
    place: str
    label: str
    loaded: bool
    scripted: bool = False
    is_list: bool = False
    offset: int = 0

    def finished(self, values: Mapping[str, str]) -> str:
        return filled(self.literals, [values[name] for name in self.names])


def filled(literals: Sequence[str], texts: Sequence[str]) -> str:
    """The literals, one more than the texts, with a text between each two."""
    return literals[0] + "".join(text + literal for text, literal in zip(texts, literals[1:], strict=True))


@dataclass(frozen=True)
class Template:
    """A composition's text, ready to be filled in.

    Attributes:
        text: the source without declarations, with each token as one placeholder.
        page: the scan of it.
        slots: one per placeholder, in order.
        addresses: addresses with tokens in them.
        conditions: elements that a row may lack.
    """

    text: str
    page: Scan
    slots: tuple[Slot, ...]
    addresses: tuple[Address, ...]
    place: Callable[[int], str] = field(repr=False)
    conditions: tuple[Condition, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Variables that stand in the text, then those that only conditions ask for."""
        asked = (name for condition in self.conditions for name in condition.names)
        return tuple(dict.fromkeys((*self.token_names, *asked)))

    @cached_property
    def token_names(self) -> tuple[str, ...]:
        """Variables in the order of their first use."""
        return tuple(dict.fromkeys(slot.name for slot in self.slots))

    @cached_property
    def reduced(self) -> dict[tuple[int, ...], Template]:
        """The template without the elements of some conditions, as far as that was asked for."""
        return {}

    @cached_property
    def _slot_offsets(self) -> list[int]:
        return [slot.offset for slot in self.slots]

    def names_between(self, start: int, end: int) -> tuple[str, ...]:
        """The variables of the placeholders in ``[start, end)`` of the text."""
        offsets = self._slot_offsets
        return tuple(slot.name for slot in self.slots[_at(offsets, start) : _at(offsets, end)])

    def render(
        self, values: Mapping[str, str], types: Mapping[str, str], shown: Mapping[str, str] | None = None
    ) -> str:
        """The finished text.

        Args:
            values: every name of `names`.
            types: declared types; others count as strings.
            shown: what stands for a value where people read it, where that is something else.

        Raises:
            NotFitting: a value cannot stand at its place; `problems` says more.
        """
        parts: list[str] = []
        tail, position = "", 0
        for slot in self.slots:
            literal = self.text[position : slot.offset]
            tail = (tail + literal[-TAIL_LENGTH:])[-TAIL_LENGTH:]
            value = values[slot.name]
            if slot.is_shown and shown:
                value = shown.get(slot.name, value)
            written = _write(slot, value, types.get(slot.name, "string"), tail)
            parts += (literal, written)
            tail = (tail + written)[-TAIL_LENGTH:]
            position = slot.offset + 1
        parts.append(self.text[position:])
        return "".join(parts)

    def problems(
        self, values: Mapping[str, str], types: Mapping[str, str]
    ) -> Iterator[tuple[str, str, NotFitting]]:
        """``(variable, place, what does not fit)`` for every place that refuses its value."""
        for slot in self.slots:
            if slot.name in values:
                try:
                    _write(slot, values[slot.name], types.get(slot.name, "string"), "")
                except NotFitting as error:
                    yield slot.name, slot.place, error
        for address in self.addresses:
            if all(name in values for name in address.names):
                finished = address.finished(values)
                try:
                    for part in srcset_addresses(finished) if address.is_list else [finished]:
                        check_address(part, scripted=address.scripted)
                except NotFitting as error:
                    yield address.names[0], address.place, error


def _at(offsets: list[int], offset: int) -> int:
    return bisect_right(offsets, offset - 1)


def _write(slot: Slot, value: str, type_: str, tail: str) -> str:
    if slot.spot.language is Language.URL_LIST and re.search(r"[\s,]", value):
        raise NotFitting("url-list", "an address without spaces and commas")
    written = encode(value, slot.spot, slot.layer, type_=type_, tail=tail)
    if slot.first_in_pre and value.startswith("\n") and tail.endswith(">"):
        return "\n" + written
    return written
