"""Where elements begin and end in the clip: starts that refer to other elements, or count from a composition
that is nested, as plain seconds.

    data-start="2.5"          seconds, from the start of the composition that the element is in
    data-start="intro"        where the element with this id (or data-composition-id) ends
    data-start="intro + 0.5"  so much later; "intro - 0.5": so much earlier

Source: HyperFrames 0.8, data attributes. Ends of elements that are known only once the page is loaded (a
timeline, a sound) cannot be referred to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from framepress.elements import Element, page_elements
from framepress.errors import CompositionError
from framepress.html_scan import scan
from framepress.timing import DURATION_S_MAX, parse_length, parse_seconds

_REFERENCE = re.compile(r"\s*(?P<name>[A-Za-z_][\w.\-]*?)\s*(?:(?P<sign>[+-])\s*(?P<by>[0-9]*\.?[0-9]+)\s*)?")
#: Something in a page makes it worth while to look closer.
_RELATIVE = re.compile(r"data-start\s*=\s*[\"']?\s*[A-Za-z_]")
_TIMED = ("data-start", "data-end", "data-duration")
_MEDIA = ("audio", "video")


class Times:
    """Starts and ends of the elements of a page.

    Args:
        elements: in document order; a value of theirs may be unknown, then so is what depends on it.
        root: its own start is the clip's.
    """

    def __init__(self, elements: Sequence[Element], root: Element) -> None:
        self._elements = elements
        self._by_index = {element.index: element for element in elements}
        self._root = root
        self._starts: dict[int, Fraction | None] = {}
        self._under_way: list[Element] = []

    def start(self, element: Element) -> Fraction | None:
        """Seconds of the clip; None: it has no start, or it is not known yet.

        Raises:
            CompositionError: no time, a reference to nothing, to something without end, or in a circle.
        """
        if element.index not in self._starts:
            if element in self._under_way:
                circle = [*self._under_way[self._under_way.index(element) :], element]
                raise CompositionError(
                    f"{element.place}: data-start goes round in a circle: "
                    f"{' -> '.join(_name(one) for one in circle)}. Give one of them seconds.",
                    rule="start-circle",
                )
            self._under_way.append(element)
            try:
                self._starts[element.index] = self._start(element)
            finally:
                self._under_way.pop()
        return self._starts[element.index]

    def end(self, element: Element) -> Fraction | None:
        """Seconds of the clip; None: its attributes do not say. Same errors as `start`."""
        end = self._seconds(element, "data-end", parse_seconds, "seconds, such as 4.5")
        if end is not None:
            base = self.base(element)
            return None if base is None else base + end
        length = self._seconds(
            element, "data-duration", parse_length, f"seconds above 0, up to {DURATION_S_MAX}"
        )
        start = self.start(element)
        return None if length is None or start is None else start + length

    def base(self, element: Element) -> Fraction | None:
        """Where the composition that an element is in begins."""
        host = self._by_index.get(element.host)
        if host is None or host is self._root:
            return Fraction(0)
        start = self.start(host)
        if start is None and "data-start" not in host.unknown:
            return self.base(host)
        return start

    def _start(self, element: Element) -> Fraction | None:
        text = element.attributes.get("data-start")
        if "data-start" in element.unknown:
            return None
        if text is None:
            base = self.base(element)
            return base if base else None
        if parse_seconds(text) is None and _REFERENCE.fullmatch(text):
            return self._referred(element, text)
        seconds = self._seconds(element, "data-start", parse_seconds, "seconds, 0 or more, such as 1.5")
        base = self.base(element)
        return None if seconds is None or base is None else base + seconds

    def _referred(self, element: Element, text: str) -> Fraction | None:
        found = _REFERENCE.fullmatch(text)
        assert found is not None
        target = self._target(element, found["name"])
        end = self.end(target)
        if end is None:
            if self._unknown():
                return None
            raise CompositionError(
                f'{element.place}: data-start refers to "{found["name"]}", which does not say when it ends; '
                f"give that element ({target.place}) a data-duration.",
                rule="start-reference",
            )
        by = Fraction(found["by"] or "0")
        start = end - by if found["sign"] == "-" else end + by
        if start < 0:
            raise CompositionError(
                f"{element.place}: data-start comes to {float(start):g} s, before the clip begins.",
                rule="start",
            )
        return start

    def _unknown(self) -> bool:
        """Whether any time hangs on a value that is not known yet."""
        return any(element.unknown & set(_TIMED) for element in self._elements)

    def _target(self, element: Element, name: str) -> Element:
        """The element that a name means: in the same composition, else anywhere."""
        alike = [
            other
            for key in ("id", "data-composition-id")
            for other in self._elements
            if other.attributes.get(key) == name and "data-framepress-inner" not in other.attributes
        ]
        for other in alike:
            if other.host == element.host:
                return other
        if alike:
            return alike[0]
        known = [other.attributes["id"] for other in self._elements if "id" in other.attributes]
        raise CompositionError(
            f'{element.place}: data-start refers to "{name[:60]}", and no timed element has that id; '
            f"there are {', '.join(known[:12]) or 'none'}.",
            rule="start-reference",
        )

    def _seconds(
        self, element: Element, name: str, parse: Callable[[str], Fraction | None], expected: str
    ) -> Fraction | None:
        text = element.attributes.get(name)
        if text is None or name in element.unknown:
            return None
        value = parse(text)
        if value is None:
            found = f"a value of {len(text)} characters" if name in element.from_row else f'"{text[:60]}"'
            raise CompositionError(
                f"{element.place}: {name} is {found}; expected {expected}.", rule=name.removeprefix("data-")
            )
        return value


def _name(element: Element) -> str:
    return element.attributes.get("id") or element.attributes.get("data-composition-id") or element.tag


def with_plain_starts(html: str, place: Callable[[int], str]) -> str:
    """A finished page in which every time is in seconds of the clip. Its times are known to be right."""
    if _RELATIVE.search(html) is None and html.count("data-composition-id") < 2:
        return html
    page = scan(html)
    elements = page_elements(page, None, None, place)
    root = next(
        (one for one in elements if "data-width" in one.attributes and "data-height" in one.attributes), None
    )
    if root is None:
        return html
    times = Times(elements, root)
    edits: list[tuple[int, int, str]] = []
    for element in elements:
        if element is root or not (
            element.tag in _MEDIA or any(name in element.attributes for name in _TIMED)
        ):
            continue
        tag = page.tags[element.index]
        known = {"data-start": times.start(element)}
        if "data-end" in element.attributes:
            known["data-end"] = times.end(element)
        for name, seconds in known.items():
            attribute = tag.attribute(name)
            if seconds is None or (attribute is not None and parse_seconds(attribute.value) == seconds):
                continue
            text = f'{name}="{_decimal(seconds)}"'
            if attribute is None:
                behind = tag.start + 1 + len(tag.name)
                edits.append((behind, behind, " " + text))
            else:
                edits.append((attribute.start, attribute.value_end + len(attribute.quote), text))
    return _applied(html, edits)


def _applied(html: str, edits: list[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    position = 0
    for start, end, text in sorted(edits):
        parts += (html[position:start], text)
        position = end
    return "".join((*parts, html[position:]))


def _decimal(seconds: Fraction) -> str:
    """Sums of decimal numbers are decimal numbers."""
    return f"{float(seconds):.9f}".rstrip("0").rstrip(".")
