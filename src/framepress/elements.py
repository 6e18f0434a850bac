"""The start tags of a page that say something about size, time or sound, with a row's values or without."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from framepress.html_parts import Scan, StartTag
from framepress.js_scan import PLACEHOLDER
from framepress.template import Template, filled

_MEDIA_TAGS = frozenset(("audio", "video", "source"))
_RELEVANT = re.compile(r"data-(?:width|height|composition-id|composition-src|start|end|duration)$")

#: Marks the root of a nested file, which is timed by the element that it was put into.
INNER_ROOT = "data-framepress-inner"


@dataclass(frozen=True, slots=True)
class Element:
    """What is looked at of a start tag.

    Attributes:
        attributes: name -> decoded value.
        from_row: attributes that a row had a part in; messages describe them by length only.
        unknown: attributes that cannot be read yet, because tokens stand in them.
        place: ``file:line:column`` of the tag.
        parent: index of the parent among all start tags, or -1.
        index: index among all start tags.
        host: index of the nearest element around it that is a composition of its own, or -1.
    """

    tag: str
    attributes: Mapping[str, str]
    place: str
    line: int
    index: int
    parent: int = -1
    from_row: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    host: int = -1


def page_elements(
    page: Scan, template: Template | None, values: Mapping[str, str] | None, place: Callable[[int], str]
) -> list[Element]:
    """The elements, in document order.

    Args:
        values: None: attributes with tokens are unknown.
    """
    elements = []
    hosts: list[int] = []
    for index, tag in enumerate(page.tags):
        hosts.append(_host(page, hosts, tag.parent))
        if tag.name in _MEDIA_TAGS or any(_RELEVANT.match(attribute.name) for attribute in tag.attributes):
            elements.append(_element(index, tag, template, values, place(tag.start), hosts[index]))
    return elements


def _host(page: Scan, hosts: list[int], parent: int) -> int:
    """The composition that an element with this parent is in."""
    if parent < 0:
        return -1
    tag = page.tags[parent]
    is_host = tag.attribute("data-composition-id") is not None and tag.attribute(INNER_ROOT) is None
    return parent if is_host else hosts[parent]


def _element(
    index: int,
    tag: StartTag,
    template: Template | None,
    values: Mapping[str, str] | None,
    where: str,
    host: int,
) -> Element:
    attributes: dict[str, str] = {}
    touched = []
    for attribute in tag.attributes:
        value = attribute.value
        if PLACEHOLDER in value:
            touched.append(attribute.name)
            if values is not None and template is not None:
                names = template.names_between(attribute.value_start, attribute.value_end)
                value = filled(value.split(PLACEHOLDER), [values[name] for name in names])
        attributes[attribute.name] = value
    names_touched = frozenset(touched)
    return Element(
        tag=tag.name,
        attributes=attributes,
        place=where,
        line=int(where.rsplit(":", 2)[1]),
        index=index,
        parent=tag.parent,
        from_row=names_touched if values is not None else frozenset(),
        unknown=frozenset() if values is not None else names_touched,
        host=host,
    )
