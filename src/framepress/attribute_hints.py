"""Attributes that are nearly ours: ``data-strat`` is a typing error that would be passed over in silence."""

from __future__ import annotations

from collections.abc import Callable

from framepress.errors import CompositionError
from framepress.html_parts import Scan

#: Attributes that mean something, of both dialects.
KNOWN = frozenset(
    """
    data-width data-height data-duration data-fps data-bg data-seed data-no-timeline data-start data-end
    data-fade data-loop data-volume data-mute data-speed data-playback-rate data-trim-start data-media-start
    data-has-audio data-composition-id data-composition-src data-composition-variables data-variable-values
    data-var-text data-var-src data-if data-fit data-truncate data-track data-track-index data-fallback-src
    """.split()  # noqa: SIM905
)

#: Letters from which on a name with one letter off is a typing error and no other word.
_LENGTH_MIN = len("data-end")


def check_attributes(source: str, page: Scan, place: Callable[[int], str]) -> None:
    """Refuse attributes that are one letter away from one of ours, unless the page itself uses them.

    Raises:
        CompositionError: with the place, and the name that was likely meant.
    """
    for tag in page.tags:
        for attribute in tag.attributes:
            name = attribute.name
            if not name.startswith("data-") or name in KNOWN or len(name) < _LENGTH_MIN:
                continue
            meant = next((known for known in sorted(KNOWN) if _one_off(name, known)), None)
            if meant is not None and not _is_used(source, name):
                raise CompositionError(
                    f'{place(attribute.start)}: "{name}" means nothing; did you mean "{meant}"? If it is '
                    "an attribute "
                    "of your own, give it another name.",
                    rule="attribute-name",
                )


def _is_used(source: str, name: str) -> bool:
    """Whether a style or a script asks for the attribute, so that it is the author's own."""
    camel = "".join(part.capitalize() if index else part for index, part in enumerate(name[5:].split("-")))
    return f"[{name}" in source or f"attr({name}" in source or f"dataset.{camel}" in source


def _one_off(one: str, other: str) -> bool:
    """Whether a letter more, less or different, or two changed about, make one word the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, target = one[start:], other[start:]
    return (
        rest[1:] == target
        or rest == target[1:]
        or rest[1:] == target[1:]
        or (rest[:2] == target[:2][::-1] and rest[2:] == target[2:])
    )
