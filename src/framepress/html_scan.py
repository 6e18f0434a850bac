"""HTML into start tags and regions with exact offsets, in linear time and without recursion.

The states follow the tokenizer of the WHATWG HTML standard (section 13.2.5) as far as they decide where
markup begins and ends: data, tags, attributes, comments, doctype, CDATA, RCDATA, raw text, and script data
with its escaped and double escaped states. Of tree construction we keep what the tokenizer depends on:
whether we are in SVG or MathML, where `<style>` and `<script>` are not raw text and CDATA sections exist.
Scripting counts as enabled, so `<noscript>` is raw text, as it is in the browser.
"""

from __future__ import annotations

import re
from collections import Counter

from framepress.html_attributes import lower, read_attributes
from framepress.html_parts import WHITE_SPACE, Attribute, Kind, Region, Scan, StartTag

_VOID = frozenset(
    """
    area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr
    """.split()  # noqa: SIM905
)
_RCDATA = frozenset(("title", "textarea"))
_RAW = frozenset(("xmp", "iframe", "noembed", "noframes", "noscript"))
_HEAD_ONLY = frozenset(
    """
    html head title meta link script style base template noscript basefont bgsound noframes
    """.split()  # noqa: SIM905
)
#: Start tags that leave SVG and MathML (13.2.6.5).
_BREAKOUT = frozenset(
    """
    b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li
    listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var
    """.split()  # noqa: SIM905
)
#: Elements of SVG and MathML whose content is HTML again.
_INTEGRATION = frozenset(("foreignobject", "desc", "title", "mi", "mo", "mn", "ms", "mtext"))

_TAG_NAME = re.compile(rf"[^{WHITE_SPACE}/>]*+")
_COMMENT_END = re.compile(r"--!?>")
_SCRIPT_MARK = re.compile(rf"<!--|-->|<(/?)script(?=[{WHITE_SPACE}/>])", re.IGNORECASE | re.ASCII)


def script_end(text: str, start: int) -> int:
    """Where the content of a script from `start` on ends: at its end tag, or with the text."""
    escaped = double = False
    position = start
    while mark := _SCRIPT_MARK.search(text, position):
        position = mark.end()
        found = mark.group()
        if found == "<!--":
            if not escaped:
                escaped = True
                position = mark.start() + 2  # the dashes of "<!-->" open and close
        elif found == "-->":
            escaped = double = False
        elif mark.group(1):
            if not double:
                return mark.start()
            double = False
        elif escaped:
            double = True
    return len(text)


class _Scanner:
    """The state of one pass. `stack` holds the open elements; `modes` has an entry for each of them that
    enters foreign content (True) or returns to HTML inside it (False)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tags: list[StartTag] = []
        self.regions: list[Region] = []
        self.stack: list[tuple[str, int, bool]] = []
        self.modes: list[bool] = []
        self.open: Counter[str] = Counter()
        self.in_body = False
        self.ends: dict[int, int] = {}
        #: Where the end tag of an element without markup inside is looked for, and its index.
        self.closing: tuple[int, str, int] = (-1, "", -1)

    @property
    def foreign(self) -> bool:
        return bool(self.modes) and self.modes[-1]

    def run(self) -> Scan:
        text, position, text_start = self.text, 0, 0
        while (less := text.find("<", position)) >= 0:
            following = text[less + 1 : less + 2]
            if not ((following and following in "/!?") or (following.isascii() and following.isalpha())):
                position = less + 1
                continue
            if following == "/" and less + 2 >= len(text):
                break
            self.add_text(text_start, less)
            position = text_start = self.markup(less, following)
        self.add_text(text_start, len(text))
        return Scan(self.tags, self.regions, self.ends)

    def add(self, kind: Kind, start: int, end: int, tag: StartTag | None = None) -> int:
        self.regions.append(Region(kind, start, end, tag, self.in_body))
        return end

    def add_text(self, start: int, end: int) -> None:
        if start < end:
            parent = self.tags[self.stack[-1][1]] if self.stack else None
            code = parent is not None and parent.foreign and parent.name in ("script", "style")
            self.add(Kind.FOREIGN_CODE if code else Kind.TEXT, start, end, parent)

    def markup(self, less: int, following: str) -> int:
        """Consume what begins with the ``<`` at `less`; the offset behind it."""
        text = self.text
        if following == "!":
            return self.declaration(less)
        if following == "?":
            return self.add(Kind.COMMENT, less, self.after(">", less + 2))
        if following == "/":
            letter = text[less + 2]
            if not (letter.isascii() and letter.isalpha()):
                return self.add(Kind.COMMENT, less, self.after(">", less + 2))
            return self.end_tag(less)
        return self.start_tag(less)

    def after(self, mark: str, start: int) -> int:
        found = self.text.find(mark, start)
        return len(self.text) if found < 0 else found + len(mark)

    def declaration(self, less: int) -> int:
        text = self.text
        if text.startswith("<!--", less):
            for abrupt in (">", "->"):
                if text.startswith(abrupt, less + 4):
                    return self.add(Kind.COMMENT, less, less + 4 + len(abrupt))
            end = _COMMENT_END.search(text, less + 4)
            return self.add(Kind.COMMENT, less, end.end() if end else len(text))
        if text[less + 2 : less + 9].lower() == "doctype":
            return self.add(Kind.DOCTYPE, less, self.after(">", less + 2))
        if self.foreign and text.startswith("<![CDATA[", less):
            return self.add(Kind.CDATA, less, self.after("]]>", less + 9))
        return self.add(Kind.COMMENT, less, self.after(">", less + 2))

    def start_tag(self, less: int) -> int:
        match = _TAG_NAME.match(self.text, less + 1)
        assert match is not None
        name = lower(match.group())
        attributes, end, self_closing = read_attributes(self.text, match.end())
        if end < 0:
            return self.add(Kind.START_TAG, less, len(self.text))
        if self.foreign and _leaves_foreign(name, attributes):
            while self.foreign:
                self.pop()
        inside_foreign = self.foreign
        if not inside_foreign and name not in _HEAD_ONLY:
            self.in_body = True
        enters = name in ("svg", "math")
        parent = self.stack[-1][1] if self.stack else -1
        tag = StartTag(name, less, end, tuple(attributes), parent, len(self.stack), inside_foreign or enters)
        self.tags.append(tag)
        self.add(Kind.START_TAG, less, end, tag)
        if not inside_foreign and not enters:
            return self.html_content(tag, end)
        if not self_closing:
            self.push(tag, enters, inside_foreign and _is_integration_point(tag))
        else:
            self.ends[len(self.tags) - 1] = end
        return end

    def html_content(self, tag: StartTag, end: int) -> int:
        """Push an HTML element, or consume the content of one whose content is not markup."""
        name = tag.name
        if name in _VOID:
            self.ends[len(self.tags) - 1] = end
            return end
        if name == "plaintext":
            return self.add(Kind.RAW, end, len(self.text), tag) if end < len(self.text) else end
        if name == "script":
            kind, content_end = Kind.SCRIPT, script_end(self.text, end)
        elif name in _RCDATA or name in _RAW or name == "style":
            kind = Kind.STYLE if name == "style" else Kind.RCDATA if name in _RCDATA else Kind.RAW
            close = _raw_end(name).search(self.text, end)
            content_end = close.start() if close else len(self.text)
        else:
            self.push(tag, False, False)
            return end
        if end < content_end:
            self.add(kind, end, content_end, tag)
        self.closing = (content_end, name, len(self.tags) - 1)
        return content_end

    def push(self, tag: StartTag, enters: bool, returns: bool) -> None:
        self.stack.append((tag.name, len(self.tags) - 1, enters or returns))
        self.open[tag.name] += 1
        if enters or returns:
            self.modes.append(enters)

    def pop(self) -> str:
        name, _, moded = self.stack.pop()
        self.open[name] -= 1
        if moded:
            self.modes.pop()
        return name

    def end_tag(self, less: int) -> int:
        match = _TAG_NAME.match(self.text, less + 2)
        assert match is not None
        name = lower(match.group())
        _, end, _ = read_attributes(self.text, match.end())
        if end < 0:
            return self.add(Kind.END_TAG, less, len(self.text))
        if self.foreign and name in ("p", "br"):
            while self.foreign:
                self.pop()
        # The count keeps end tags that match nothing from walking the stack each time.
        if self.closing[:2] == (less, name):
            self.ends[self.closing[2]] = end
        elif self.open[name]:
            index = self.stack[-1][1]
            while self.pop() != name:
                index = self.stack[-1][1]
            self.ends[index] = end
        return self.add(Kind.END_TAG, less, end)


def _raw_end(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{name}(?=[{WHITE_SPACE}/>])", re.IGNORECASE | re.ASCII)


def _leaves_foreign(name: str, attributes: list[Attribute]) -> bool:
    if name == "font":
        return any(attribute.name in ("color", "face", "size") for attribute in attributes)
    return name in _BREAKOUT


def _is_integration_point(tag: StartTag) -> bool:
    if tag.name == "annotation-xml":
        return (tag.get("encoding") or "").lower() in ("text/html", "application/xhtml+xml")
    return tag.name in _INTEGRATION


def scan(text: str) -> Scan:
    """Scan a whole file. Never fails: like a browser, it makes something of everything."""
    return _Scanner(text).run()
