"""Elements with `data-if`: found in a page, and taken out of its text where their condition does not hold.

An element goes with all that is in it; a comment stays in its place, so that the texts beside it do not
join. Where it has an `id`, and others begin when it ends (`data-start="intro"`), they begin when it would
have begun: the gap closes, through any number of elements that leave.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from framepress.condition_syntax import ConditionError, parse_condition
from framepress.conditions import Condition, holds
from framepress.errors import CompositionError
from framepress.html_parts import Scan, StartTag
from framepress.html_scan import scan
from framepress.js_scan import PLACEHOLDER
from framepress.template import Template
from framepress.timing import parse_seconds
from framepress.tokens import edited

#: What stands where an element was.
GAP = "<!---->"

#: Reduced templates that are kept; a list has few kinds of rows.
KEPT_MAX = 256

_NEVER = frozenset(("html", "head", "body"))
_RELATIVE = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*(?:([+-])\s*([0-9.]+)\s*)?")


def find_conditions(text: str, page: Scan, place: Callable[[int], str]) -> tuple[Condition, ...]:
    """The elements with `data-if`, in document order.

    Raises:
        CompositionError: a condition is malformed; an element cannot leave, or is not closed.
    """
    return tuple(_conditions(text, page, place))


def _conditions(text: str, page: Scan, place: Callable[[int], str]) -> Iterator[Condition]:
    for index, tag in enumerate(page.tags):
        attribute = tag.attribute("data-if")
        if attribute is None:
            continue
        plain = attribute.value == text[attribute.value_start : attribute.value_end]
        start = attribute.value_start

        def where(offset: int, start: int = start, plain: bool = plain) -> str:
            # With character references in it, only where the condition begins is known.
            return place(start + offset if plain else start)

        if PLACEHOLDER in attribute.value:
            raise CompositionError(
                f"{where(0)}: data-if holds a token; write the variable's name alone, such as "
                "data-if=\"TIER == 'vip'\".",
                rule="condition",
            )
        if tag.name in _NEVER or "data-width" in {one.name for one in tag.attributes}:
            raise CompositionError(
                f"{place(tag.start)}: <{tag.name}> cannot have data-if: without it there is no picture. "
                "Give it to an element inside.",
                rule="condition-root",
            )
        try:
            node = parse_condition(attribute.value)
        except ConditionError as error:
            raise CompositionError(
                f"{where(error.offset)}: data-if: {error.problem}.", rule="condition"
            ) from error
        end = page.ends.get(index)
        if end is None:
            raise CompositionError(
                f"{place(tag.start)}: <{tag.name} data-if> is not closed; add </{tag.name}>, so that "
                "it is known what belongs to it.",
                rule="condition-unclosed",
            )
        yield Condition(node, index, tag.start, end, where)


def left_out(template: Template, values: Mapping[str, str], types: Mapping[str, str]) -> tuple[int, ...]:
    """Indices of the conditions that do not hold for a row.

    Args:
        values: canonical texts of all variables. types: declared ones.

    Raises:
        NotComparable: a value cannot be compared.
    """
    found = enumerate(template.conditions)
    return tuple(index for index, condition in found if not holds(condition.node, values, types))


def present(template: Template, values: Mapping[str, str], types: Mapping[str, str]) -> Template:
    """The template without the elements that a row lacks; arguments and errors: `left_out`, `without`."""
    indices = left_out(template, values, types) if template.conditions else ()
    if not indices:
        return template
    found = template.reduced.get(indices)
    if found is None:
        if len(template.reduced) >= KEPT_MAX:
            template.reduced.clear()
        found = template.reduced[indices] = without(template, indices)
    return found


def without(template: Template, indices: tuple[int, ...]) -> Template:
    """The template without the elements of some conditions.

    Raises:
        CompositionError: when an element that leaves began is not known.
    """
    gone: list[tuple[int, int, str]] = []
    for index in indices:
        start, end = template.conditions[index].start, template.conditions[index].end
        if not gone or start >= gone[-1][1]:  # else it leaves with one that it is in
            gone.append((start, end, GAP))
    edits = sorted((*gone, *_closed_gaps(template.page, gone, template.place)))
    text, outs, ins = edited(template.text, edits)
    starts = [edit[0] for edit in edits]
    shifts = [0]
    for start, end, new in edits:
        shifts.append(shifts[-1] + len(new) - (end - start))

    def moved(offset: int) -> int | None:
        """Where an offset of the old text is in the new; None: it left."""
        at = bisect_left(starts, offset + 1)
        return None if at and offset < edits[at - 1][1] else offset + shifts[at]

    def place(offset: int) -> str:
        index = bisect_left(outs, offset + 1) - 1
        return template.place(ins[index] + offset - outs[index])

    slots, addresses = [], []
    for slot in template.slots:
        offset = moved(slot.offset)
        if offset is not None:
            slots.append(replace(slot, offset=offset))
    for address in template.addresses:
        offset = moved(address.offset)
        if offset is not None:
            addresses.append(replace(address, offset=offset))
    return Template(text, scan(text), tuple(slots), tuple(addresses), place)


def _closed_gaps(
    page: Scan, gone: list[tuple[int, int, str]], place: Callable[[int], str]
) -> Iterator[tuple[int, int, str]]:
    """New `data-start` of elements that stay and begin relative to one that leaves."""

    def leaves(tag: StartTag) -> bool:
        return any(start <= tag.start < end for start, end, _ in gone)

    starts: dict[str, tuple[StartTag, str]] = {}
    for tag in page.tags:
        if leaves(tag):
            for name in (tag.get("id"), tag.get("data-composition-id")):
                if name:
                    starts.setdefault(name, (tag, tag.get("data-start") or "0"))
    for tag in page.tags:
        attribute = tag.attribute("data-start")
        if attribute is None or leaves(tag):
            continue
        match = _RELATIVE.fullmatch(attribute.value)
        if match is None or match[1] not in starts:
            continue
        new = _resolved(attribute.value, starts, place, set())
        quote = "" if attribute.quote else '"'
        yield attribute.value_start, attribute.value_end, f"{quote}{new}{quote}"


def _resolved(
    text: str, starts: Mapping[str, tuple[StartTag, str]], place: Callable[[int], str], seen: set[str]
) -> str:
    """A start relative to none of the elements that leave."""
    shift = Fraction(0)
    while True:
        match = _RELATIVE.fullmatch(text)
        if match is None:
            seconds = parse_seconds(text)
            return text if seconds is None else _seconds(max(Fraction(0), seconds + shift))
        shift += (parse_seconds(match[3] or "0") or 0) * (-1 if match[2] == "-" else 1)
        name = match[1]
        if name not in starts:
            sign = "-" if shift < 0 else "+"
            return f"{name} {sign} {_seconds(abs(shift))}" if shift else name
        tag, text = starts[name]
        if PLACEHOLDER in text or name in seen:
            what = "goes round in a circle" if name in seen else "holds a token"
            raise CompositionError(
                f"{place(tag.start)}: others begin when this element ends, and it may leave by data-if; "
                f"its own data-start {what}. Write it out.",
                rule="condition-start",
            )
        seen.add(name)


def _seconds(value: Fraction) -> str:
    # Starts are decimals of at most 12 places, and sums of such are.
    return f"{float(value):.12f}".rstrip("0").rstrip(".")
