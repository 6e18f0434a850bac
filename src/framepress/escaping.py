"""How a value is written at the place where it stands, so that it stays a value.

A place has a *language* (what the characters mean there) and a *layer* (how that text is embedded in the
HTML). Encoding goes through both, the language first. The encoders escape more than their grammar asks for:
in JavaScript and CSS strings everything but letters, digits and a few harmless signs becomes a hexadecimal
escape. So no ``<``, ``&``, quote, bracket or semicolon of a value ever appears in code, even where we
misjudged which place it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Language(Enum):
    """What the characters of a value mean at its place."""

    PLAIN = "text"
    URL = "an address"
    URL_LIST = "a list of addresses"
    JS_STRING = "a JavaScript string"
    JS_BARE = "JavaScript"
    CSS_STRING = "a CSS string"
    CSS_URL = "a CSS address"
    CSS_BARE = "CSS"
    REFUSED = "a place where no value may stand"


class Layer(Enum):
    """How the text is embedded: `RAW` is the content of script and style elements."""

    TEXT = "text"
    RCDATA = "rcdata"  # title and textarea: escaped like text, but markup is never let through
    ATTRIBUTE = "attribute"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Spot:
    """The judgement of a scanner on one placeholder. `reason`: why it is refused, and the way out.
    `hashed`: in CSS, directly behind a ``#``."""

    language: Language
    reason: str = ""
    hashed: bool = False


def refused(reason: str) -> Spot:
    return Spot(Language.REFUSED, reason)


class NotFitting(ValueError):
    """A value cannot stand at a place. `rule` and `expected` say why, never the value itself."""

    def __init__(self, rule: str, expected: str) -> None:
        super().__init__(expected)
        self.rule = rule
        self.expected = expected


_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_HTML_SPECIAL = re.compile("[&<>\"']")
#: Text after which the first character of a value could complete a character reference.
_OPEN_REFERENCE = re.compile(r"&[#0-9A-Za-z]*$")
#: Text in a script or style element after which it could complete an end tag or a comment mark.
_OPEN_MARK = re.compile(r"<[/!]?[A-Za-z-]*$")
_OPEN_CSS_ESCAPE = re.compile(r"\\[0-9A-Fa-f]{1,6}$")
#: Characters of output that have to be looked at for the three above (``</noframes`` is the longest mark).
TAIL_LENGTH = 40

_JS_UNSAFE = re.compile("[^A-Za-z0-9 _.,\u0080-\u2027\u202a-\U0010ffff]")
_CSS_UNSAFE = re.compile("[^A-Za-z0-9 _.,\u0080-\U0010ffff]")
_CSS_URL_UNSAFE = re.compile("[^A-Za-z0-9_./\u0080-\U0010ffff]")


def html_text(value: str) -> str:
    """For text, RCDATA and quoted attributes alike."""
    return _HTML_SPECIAL.sub(lambda match: _HTML[match.group()], value)


def js_string(value: str) -> str:
    """For the inside of a JavaScript string or template literal, or of a JSON string."""
    return _JS_UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", value)


_JSON_NUMBER = re.compile(r"(-?)0*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


def js_literal(value: str, type_: str) -> str:
    """A JSON literal by declared type; an empty number or boolean is ``null``.

    A negative number begins with a space, so that ``a-{{$N}}`` does not become a decrement.
    """
    if type_ in ("number", "boolean") and not value:
        return "null"
    if type_ == "boolean" and value in ("true", "false"):
        return value
    if type_ == "number" and (match := _JSON_NUMBER.fullmatch(value)):
        return f" -{match[2]}" if match[1] else match[2]
    if type_ in ("number", "boolean"):
        raise NotFitting("type", f"a {type_}")
    return f'"{js_string(value)}"'


_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_IDENTIFIER = re.compile("-?(?:[A-Za-z_]|[^\x00-\x9f])(?:[A-Za-z0-9_-]|[^\x00-\x9f])*|--(?:[A-Za-z0-9_-])+")
_CSS_NUMBER = re.compile(rf"{_NUMBER}(?:%|[A-Za-z]{{1,8}})?")
_HEX_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]{1,8}")
_ARGUMENT = rf"(?:{_NUMBER}(?:%|deg|rad|grad|turn)?|none|[a-z][a-z0-9-]{{2,20}})"
_COLOR_FUNCTION = re.compile(
    rf"(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\(\s*{_ARGUMENT}(?:\s*[,/]\s*{_ARGUMENT}|\s+{_ARGUMENT}){{2,5}}\s*\)",
    re.IGNORECASE,
)
#: Longest value that bare CSS takes; a colour or a length is far shorter.
_CSS_BARE_LENGTH_MAX = 100


def is_color(value: str) -> bool:
    """Whether a value looks like a CSS colour: hexadecimal, a colour function, or a name (any identifier)."""
    if len(value) > _CSS_BARE_LENGTH_MAX:
        return False
    if _HEX_COLOR.fullmatch(value) or _COLOR_FUNCTION.fullmatch(value):
        return True
    return value.isascii() and value.isalpha()


def css_bare(value: str, *, hashed: bool = False) -> str:
    """A value that stands in CSS by itself, unchanged.

    Raises:
        NotFitting: it is not a colour, a number with or without a unit, or an identifier.
    """
    if len(value) <= _CSS_BARE_LENGTH_MAX:
        if hashed and _HEX_DIGITS.fullmatch(value):
            return value
        if _HEX_COLOR.fullmatch(value) or _CSS_NUMBER.fullmatch(value) or _IDENTIFIER.fullmatch(value):
            return value
        if _COLOR_FUNCTION.fullmatch(value):
            return value
    raise NotFitting("css-value", "a colour, a number with or without a unit, or a name, as it stands in CSS")


_STRIPPED_BY_BROWSERS = re.compile(r"[\t\n\r]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
#: Controls and spaces that browsers drop from the front of an address.
_LEADING = "".join(map(chr, range(0x21)))


def scheme_of(address: str) -> str:
    """The scheme as a browser would read it, in lower case; empty for a relative address."""
    match = _SCHEME.match(_STRIPPED_BY_BROWSERS.sub("", address.lstrip(_LEADING)))
    return match[1].lower() if match else ""


def check_address(address: str, *, scripted: bool = False) -> None:
    """Refuse addresses that carry code.

    Args:
        address: the finished value, as the browser gets it.
        scripted: it is loaded as a document or script of its own, where an SVG image may run scripts.

    Raises:
        NotFitting: with rule ``"url-scheme"``.
    """
    scheme = scheme_of(address)
    if scheme in ("javascript", "vbscript"):
        raise NotFitting("url-scheme", f"an address that is not {scheme}:")
    if scheme == "data":
        rest = _STRIPPED_BY_BROWSERS.sub("", address.lstrip(_LEADING))[5:].lstrip().lower()
        if not rest.startswith("image/") or (scripted and rest.startswith("image/svg")):
            raise NotFitting("url-scheme", "a path, or data: of an image")
    if scripted and scheme:
        raise NotFitting("url-scheme", "a path inside the composition's folder")


def encode(value: str, spot: Spot, layer: Layer, *, type_: str, tail: str) -> str:
    """The characters that stand in the file for a value.

    Args:
        type_: the declared type; ``"html"`` leaves text as it is, the others matter in bare JavaScript only.
        tail: the last `TAIL_LENGTH` characters of output before it. Where they could join up with the value
            to something else, the first character is escaped whatever it is.

    Raises:
        NotFitting: the value cannot stand here.
    """
    if spot.language is Language.PLAIN and layer is Layer.TEXT and type_ == "html":
        return value
    text = _encode_language(value, spot, type_, _OPEN_MARK.search(tail) is not None, tail)
    if layer is Layer.RAW or not text:
        return text
    if _OPEN_REFERENCE.search(tail):
        return f"&#{ord(text[0])};{html_text(text[1:])}"
    return html_text(text)


def _encode_language(value: str, spot: Spot, type_: str, open_mark: bool, tail: str) -> str:
    language = spot.language
    if language is Language.JS_BARE:
        return js_literal(value, type_)
    if language is Language.CSS_BARE:
        return css_bare(value, hashed=spot.hashed)
    if language is Language.JS_STRING:
        first = _js_first(value[0]) if open_mark and value else js_string(value[:1])
        return first + js_string(value[1:])
    if language in (Language.CSS_STRING, Language.CSS_URL):
        if value and (open_mark or _OPEN_CSS_ESCAPE.search(tail)):
            return f"\\{ord(value[0]):x} {_css(value[1:], language)}"
        return _css(value, language)
    return value


def _js_first(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _css(value: str, language: Language) -> str:
    unsafe = _CSS_URL_UNSAFE if language is Language.CSS_URL else _CSS_UNSAFE
    return unsafe.sub(lambda match: f"\\{ord(match.group()):x} ", value)
