"""Which elements of a composition belong to a format, by their `data-format`, and its text in one format.

    <div data-width="1920" data-height="1080" data-format="16:9"> ... </div>     a root for each format,
    <div data-width="1080" data-height="1920" data-format="9:16"> ... </div>     beside each other

    <div data-width="1920" data-height="1080" data-format="16:9 9:16 1:1">       one whose CSS answers to size
    <p data-format="16:9"> ... </p>                                              a part that only 16:9 has

`any` stands for every format. A root without `data-format` has the format of its size. In the text of a
format the other roots and parts are gone, and the root says which format it is in (`data-format`) and how
large it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from framepress.errors import CompositionError
from framepress.html_parts import Scan, StartTag
from framepress.output_formats import OutputFormat, parse_format
from framepress.timing import SIZE_MAX, parse_size
from framepress.tokens import edited

ATTRIBUTE = "data-format"

#: In place of every format.
_ANY = "any"
_NEVER = frozenset(("html", "head", "body"))


@dataclass(frozen=True)
class Marked:
    """An element with `data-format`, or the first root.

    Attributes:
        index: among all start tags. formats: that it names; `any_`: it is in all.
        size: of a root; None: it is part of one.
    """

    index: int
    formats: tuple[OutputFormat, ...]
    any_: bool
    size: tuple[int, int] | None

    def has(self, width: int, height: int) -> bool:
        """Whether a picture of this size has the element."""
        return self.any_ or any(one.fits(width, height) for one in self.formats)


@dataclass(frozen=True)
class Formatted:
    """The text of a composition in one format.

    Attributes:
        outs, ins: map from its offsets to those of the whole text, see `tokens.edited`.
        size: of the picture. own_size: whether it is what the root says in the file.
    """

    text: str
    outs: list[int]
    ins: list[int]
    size: tuple[int, int]
    own_size: bool


class FormatRoots:
    """The elements with `data-format` of a page, and its first root.

    Args:
        text, page: of the composition, with everything in it.

    Raises:
        CompositionError: `data-format` says no format, or stands where it cannot; a size with a token in it.
    """

    def __init__(self, text: str, page: Scan, name: str, place: Callable[[int], str]) -> None:
        self._text, self._page, self._name, self._place = text, page, name, place
        first = next((index for index in range(len(page.tags)) if self._is_root(index)), None)
        self.found = [
            self._marked(index, tag)
            for index, tag in enumerate(page.tags)
            if index == first or tag.attribute(ATTRIBUTE) is not None
        ]

    @property
    def roots(self) -> list[Marked]:
        return [one for one in self.found if one.size is not None]

    def formatted(self, wanted: OutputFormat | None) -> Formatted:
        """The text in one format; None: that of the first root's size.

        Raises:
            CompositionError: the composition does not have the format.
        """
        if not self.roots:
            raise self._fault(wanted)
        root = self.roots[0]
        size = root.size
        if wanted is not None:
            root, size = self._chosen(wanted)
        assert size is not None
        if not root.has(*size):
            tag = self._page.tags[root.index]
            raise CompositionError(
                f"{self._place(tag.start)}: the root is {size[0]}x{size[1]} and its {ATTRIBUTE} names other "
                f"formats; expected that of its size among them, such as {ATTRIBUTE}="
                f'"{size[0]}x{size[1]} {" ".join(one.name for one in root.formats)}".',
                rule="format",
            )
        edits = sorted((*self._gone(root, size), *self._root_edits(root, size, wanted)))
        text, outs, ins = edited(self._text, edits)
        return Formatted(text, outs, ins, size, size == root.size)

    def _chosen(self, wanted: OutputFormat) -> tuple[Marked, tuple[int, int]]:
        """The root for a format: one of its size, else one that says that it answers to size."""
        for one in self.roots:
            assert one.size is not None
            if wanted.fits(*one.size) and one.has(*one.size):
                return one, one.size
        for one in self.roots:
            assert one.size is not None
            size = wanted.size_for(*one.size)
            if one.has(*size):
                if max(size) > SIZE_MAX:
                    raise CompositionError(
                        f"{self._name}: {wanted.name} would be {size[0]}x{size[1]}; expected at most "
                        f"{SIZE_MAX} pixels. Ask for less: a size such as --formats 1080x1920.",
                        rule="format",
                    )
                return one, size
        raise self._fault(wanted)

    def _fault(self, wanted: OutputFormat | None) -> CompositionError:
        asked = wanted.name if wanted is not None else "another format"
        names = [name for root in self.roots for name in _names(root)]
        has = f"it has {', '.join(dict.fromkeys(names))}" if names else "it names none"
        return CompositionError(
            f"{self._name} cannot be rendered in {asked}: {has}. Give it a root for that format (an element "
            f'with data-width, data-height and {ATTRIBUTE}="{asked}"), or, if the CSS of its root answers to '
            f'size, name all its formats there: {ATTRIBUTE}="{" ".join(dict.fromkeys((*names, asked)))}".',
            rule="format",
        )

    def _gone(self, root: Marked, size: tuple[int, int]) -> Iterator[tuple[int, int, str]]:
        """Elements that the format does not have, each with all that is in it; those inside them left out."""
        start = self._page.tags[root.index].start
        reached = -1
        for one in self.found:
            tag = self._page.tags[one.index]
            if one is root or tag.start < reached or (one.size is None and one.has(*size)):
                continue
            end = self._page.ends.get(one.index)
            if end is None:
                raise CompositionError(
                    f"{self._place(tag.start)}: <{tag.name} {ATTRIBUTE}> is not closed; add </{tag.name}>, "
                    "so that it is known what belongs to it.",
                    rule="format-unclosed",
                )
            if tag.start < start < end:
                raise CompositionError(
                    f"{self._place(start)}: this root is inside another element with {ATTRIBUTE}, which is "
                    "not there in its format; put the roots beside each other.",
                    rule="format",
                )
            reached = end
            yield tag.start, end, "<!---->"

    def _root_edits(
        self, root: Marked, size: tuple[int, int], wanted: OutputFormat | None
    ) -> Iterator[tuple[int, int, str]]:
        tag = self._page.tags[root.index]
        named = next((one.name for one in root.formats if one.fits(*size)), f"{size[0]}x{size[1]}")
        new = {"data-width": str(size[0]), "data-height": str(size[1])}
        new[ATTRIBUTE] = wanted.name if wanted is not None else named
        for attribute in tag.attributes:
            value = new.pop(attribute.name, None)
            if value is not None and value != attribute.value:
                quote = "" if attribute.quote else '"'
                yield attribute.value_start, attribute.value_end, f"{quote}{value}{quote}"

    def _marked(self, index: int, tag: StartTag) -> Marked:
        attribute = tag.attribute(ATTRIBUTE)
        formats = []
        any_ = False
        for word in re.split(r"[\s,]+", attribute.value.strip()) if attribute is not None else ():
            if word == _ANY:
                any_ = True
                continue
            try:
                formats.append(parse_format(word))
            except ValueError as error:
                assert attribute is not None
                raise CompositionError(
                    f'{self._place(attribute.start)}: {ATTRIBUTE} holds "{word[:40]}"; expected {error}, '
                    f'several with spaces between them, or "{_ANY}".',
                    rule="format",
                ) from error
        if tag.name in _NEVER:
            raise CompositionError(
                f"{self._place(tag.start)}: <{tag.name}> cannot have {ATTRIBUTE}; give it to the root, or to "
                "an element inside it.",
                rule="format",
            )
        size = self._size(tag) if self._is_root(index) else None
        if attribute is None and size is not None:
            formats = [parse_format(f"{size[0]}x{size[1]}")]
        return Marked(index, tuple(formats), any_, size)

    def _is_root(self, index: int) -> bool:
        """Whether an element has a size, and none around it has: those inside are its parts."""
        tags = self._page.tags
        if not _has_size(tags[index]):
            return False
        while (index := tags[index].parent) >= 0:
            if _has_size(tags[index]):
                return False
        return True

    def _size(self, tag: StartTag) -> tuple[int, int]:
        sides = [parse_size(tag.get(name) or "") for name in ("data-width", "data-height")]
        if sides[0] is None or sides[1] is None:
            raise CompositionError(
                f"{self._place(tag.start)}: in a composition with {ATTRIBUTE}, data-width and data-height of "
                f"a root are written out; expected even numbers of pixels from 2 to {SIZE_MAX}.",
                rule="format-size",
            )
        return sides[0], sides[1]


def _has_size(tag: StartTag) -> bool:
    return tag.attribute("data-width") is not None and tag.attribute("data-height") is not None


def _names(root: Marked) -> list[str]:
    return [_ANY] if root.any_ else [one.name for one in root.formats]
