"""A file into a template: each token is judged by where it stands, and refused where no value may be.

To judge the places, each token is replaced by one NUL character and the result is scanned: the file itself
cannot contain NUL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from framepress.conditional_parts import find_conditions
from framepress.css_scan import scan_css
from framepress.errors import CompositionError
from framepress.escaping import Language, Layer, NotFitting, Spot, check_address, refused
from framepress.html_parts import WHITE_SPACE, Attribute, Kind, Region, Scan, StartTag, placer
from framepress.html_scan import scan
from framepress.js_scan import PLACEHOLDER, js_spots, json_spots
from framepress.references import loaded_attributes
from framepress.template import Address, Slot, Template
from framepress.tokens import Token, replace_tokens

_JS_TYPES = frozenset(
    """
    application/ecmascript application/javascript application/x-ecmascript application/x-javascript
    text/ecmascript text/javascript text/javascript1.0 text/javascript1.1 text/javascript1.2
    text/javascript1.3 text/javascript1.4 text/javascript1.5 text/jscript text/livescript
    text/x-ecmascript text/x-javascript
    """.split()  # noqa: SIM905
)
_URL_ATTRIBUTES = frozenset(
    """
    href src action formaction poster data cite background xlink:href manifest ping longdesc codebase
    data-fallback-src
    """.split()  # noqa: SIM905
)
_URL_LIST_ATTRIBUTES = frozenset(("srcset", "imagesrcset"))
#: Attributes whose text people read.
_READ_ATTRIBUTES = frozenset(("alt", "title", "label", "placeholder", "aria-label"))
#: Parents in which text is not allowed, so that a parser would move it elsewhere.
_NO_TEXT = frozenset(("table", "tbody", "thead", "tfoot", "tr", "colgroup", "frameset"))
#: Elements that are documents or scripts of their own.
_SCRIPTED = frozenset(("script", "iframe", "frame", "embed", "object", "link", "base"))
#: A parser drops a line break directly behind these start tags.
_DROPS_NEWLINE = frozenset(("pre", "textarea", "listing"))


class _Compiler:
    """Goes through the placeholders of a scanned text region by region."""

    def __init__(self, text: str, page: Scan, tokens: list[Token], place: Callable[[int], str]) -> None:
        self.text = text
        self.page = page
        self.tokens = tokens
        self.place = place
        self.slots: list[Slot] = []
        self.addresses: list[Address] = []

    def run(self) -> Template:
        offset = self.text.find(PLACEHOLDER)
        while offset >= 0:
            region = self.page.region_at(offset)
            self.region(region)
            offset = self.text.find(PLACEHOLDER, region.end)
        conditions = find_conditions(self.text, self.page, self.place)
        return Template(
            self.text, self.page, tuple(self.slots), tuple(self.addresses), self.place, conditions
        )

    def add(
        self,
        spots: Iterable[Spot],
        layer: Layer,
        start: int,
        end: int,
        *,
        pre: bool = False,
        shown: bool = False,
    ) -> None:
        """Slots for all placeholders in ``[start, end)``."""
        offset = start - 1
        for spot in spots:
            offset = self.text.find(PLACEHOLDER, offset + 1, end)
            assert offset >= 0
            token = self.tokens[len(self.slots)]
            if spot.language is Language.REFUSED:
                raise CompositionError(
                    f"{self.place(offset)}: {self.text_of(token)} stands {spot.reason}.", rule="token-place"
                )
            first = pre and not self.text[start:offset].strip(PLACEHOLDER)
            self.slots.append(Slot(token.name, offset, spot, layer, self.place(offset), first, shown))

    def text_of(self, token: Token) -> str:
        return f"{{{{${token.name}}}}}" if token.name.isupper() else f"{{{{{token.name}}}}}"

    def refuse(self, region: Region, reason: str) -> None:
        self.add([refused(reason)], Layer.RAW, region.start, region.end)

    def region(self, region: Region) -> None:
        kind, tag = region.kind, region.tag
        content = self.text[region.start : region.end]
        if kind is Kind.START_TAG and tag is not None:
            self.start_tag(region, tag)
        elif kind in (Kind.TEXT, Kind.RCDATA):
            self.characters(region, content)
        elif kind is Kind.SCRIPT and tag is not None:
            self.add(_script_spots(tag, content), Layer.RAW, region.start, region.end)
        elif kind is Kind.STYLE and tag is not None:
            if (tag.get("type") or "text/css").strip().lower() != "text/css":
                self.refuse(region, "in a style element of an unknown type; remove its type")
            self.css(content, Layer.RAW, region.start, region.end, "url() in CSS")
        else:
            self.refuse(region, _REFUSED_KINDS.get(kind, "in a tag; put it into a quoted attribute"))

    def characters(self, region: Region, content: str) -> None:
        tag = region.tag
        if region.kind is Kind.TEXT and tag is not None and tag.name in _NO_TEXT:
            self.refuse(region, f"directly in <{tag.name}>, where no text may be; put it into a cell")
        if region.kind is Kind.TEXT and not region.in_body and not _has_text(content):
            self.refuse(region, "before the body of the page begins; put it into an element of the body")
        spots = []
        for match in re.finditer(PLACEHOLDER, content):
            before = content[max(0, match.start() - 2) : match.start()]
            as_tag = before.endswith("<") or (region.kind is Kind.RCDATA and before.endswith("</"))
            spots.append(refused('directly behind "<"; write &lt; there') if as_tag else Spot(Language.PLAIN))
        pre = tag is not None and tag.name in _DROPS_NEWLINE and region.start == tag.end
        layer = Layer.TEXT if region.kind is Kind.TEXT else Layer.RCDATA
        self.add(spots, layer, region.start, region.end, pre=pre, shown=True)

    def css(self, content: str, layer: Layer, start: int, end: int, label: str) -> None:
        found = scan_css(content)
        first = len(self.slots)
        self.add(found.spots, layer, start, end)
        for reference in found.references:
            if PLACEHOLDER in reference.address:
                index = first + reference.spot_index
                count = reference.address.count(PLACEHOLDER)
                self.address(reference.address, self.slots[index : index + count], label, loaded=True)

    def address(
        self,
        address: str,
        slots: list[Slot],
        label: str,
        *,
        loaded: bool,
        scripted: bool = False,
        is_list: bool = False,
    ) -> None:
        literals = tuple(address.split(PLACEHOLDER))
        self.addresses.append(
            Address(
                literals,
                tuple(slot.name for slot in slots),
                slots[0].place,
                label,
                loaded,
                scripted,
                is_list,
                slots[0].offset,
            )
        )

    def start_tag(self, region: Region, tag: StartTag) -> None:
        position = region.start
        for attribute in tag.attributes:
            if PLACEHOLDER in self.text[position : attribute.value_start]:
                break
            if attribute.quote:
                self.attribute(tag, attribute)
            elif PLACEHOLDER in attribute.value:
                self.refuse(
                    region, f'in the unquoted value of {attribute.name}; write {attribute.name}="..."'
                )
            position = attribute.value_end
        if PLACEHOLDER in self.text[position : region.end]:
            self.refuse(region, "in the name of a tag or an attribute; tokens go into text and quoted values")

    def attribute(self, tag: StartTag, attribute: Attribute) -> None:
        name, value = attribute.name, attribute.value
        count = value.count(PLACEHOLDER)
        start, end = attribute.value_start, attribute.value_end
        if not count:
            return
        if name.startswith("on"):
            self.add(js_spots(value), Layer.ATTRIBUTE, start, end)
            return
        if name == "style":
            self.css(value, Layer.ATTRIBUTE, start, end, "url() in a style attribute")
            return
        spot = _attribute_spot(tag, name, value)
        first = len(self.slots)
        self.add([spot] * count, Layer.ATTRIBUTE, start, end, shown=name in _READ_ATTRIBUTES)
        if spot.language in (Language.URL, Language.URL_LIST):
            loaded = any(name == other for other, _ in loaded_attributes(tag))
            self.address(
                value,
                self.slots[first:],
                f"{name} of <{tag.name}>",
                loaded=loaded,
                scripted=tag.name in _SCRIPTED,
                is_list=spot.language is Language.URL_LIST,
            )


_REFUSED_KINDS = {
    Kind.COMMENT: "in a comment; remove it there",
    Kind.DOCTYPE: "in the doctype; remove it there",
    Kind.CDATA: "in a CDATA section; write it as ordinary text",
    Kind.END_TAG: "in an end tag; remove it there",
    Kind.RAW: "in an element whose content is not shown or not parsed; put it into an ordinary element",
    Kind.FOREIGN_CODE: "in a script or style element inside SVG; move that element out of the <svg>",
}


def _has_text(content: str) -> bool:
    """Whether there is something other than white space before the first placeholder."""
    return bool(content.split(PLACEHOLDER, maxsplit=1)[0].strip(WHITE_SPACE))


def _attribute_spot(tag: StartTag, name: str, value: str) -> Spot:
    reason = ""
    if name == "srcdoc":
        reason = "in srcdoc; put that document into a file of its own"
    elif name == "content" and tag.get("http-equiv") is not None:
        reason = "in a <meta http-equiv>; remove it there"
    elif tag.name == "base":
        reason = "in <base>; write the address out"
    if reason:
        return refused(reason)
    if name in _URL_LIST_ATTRIBUTES:
        return Spot(Language.URL_LIST)
    if name in _URL_ATTRIBUTES:
        try:
            check_address(value)
        except NotFitting as error:
            return refused(f"in an address that is refused anyway; expected {error.expected}")
        return Spot(Language.URL)
    return Spot(Language.PLAIN)


def _script_spots(tag: StartTag, content: str) -> list[Spot]:
    type_ = (tag.get("type") or "").strip().lower().split(";")[0].strip()
    if type_ == "module":
        return js_spots(content, module=True)
    if not type_ or type_ in _JS_TYPES:
        return js_spots(content)
    if type_ == "application/json" or type_.endswith("+json"):
        return json_spots(content)
    reason = "in a script of an unknown type; use JavaScript or application/json"
    return [refused(reason)] * content.count(PLACEHOLDER)


def compile_template(
    source: str,
    file_name: str,
    *,
    cut: Iterable[tuple[int, int]] = (),
    resolve: Callable[[str], str | None] = lambda name: None,
    source_place: Callable[[int], str] | None = None,
) -> Template:
    """Find and judge all tokens of a file.

    Args:
        source: the HTML; no NUL in it.
        file_name: for messages.
        cut: ``(start, end)`` of what is left out, in order.
        resolve: the variable that a bare ``{{name}}`` means, or None if it is literal text.
        source_place: turns an offset in the source into ``file:line:column``; None: it is the file itself.

    Raises:
        CompositionError: a token is malformed or stands where no value may.
    """
    source_place = source_place or placer(file_name, source)
    text, tokens, place = replace_tokens(source, source_place, cut=cut, resolve=resolve)
    return _Compiler(text, scan(text), tokens, place).run()
