"""What went wrong inside a page, told in the words of its author and without the row's values."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from framepress.errors import PageError
from framepress.site import Site

#: Characters of a script's own message that are repeated.
MESSAGE_LENGTH_MAX = 200

#: Troubles told in one message; the rest are counted.
TOLD_MAX = 5

#: Kinds of request whose failure leaves a hole in the picture. Others (fetch, XHR, pings) are the page's
#: own business: it sees the refusal and may have an answer to it.
VISIBLE_KINDS = {
    "image": "image",
    "font": "font",
    "script": "script",
    "stylesheet": "style sheet",
    "media": "media file",
    "document": "frame document",
}


@dataclass(frozen=True)
class Trouble:
    """One thing that went wrong.

    Attributes:
        kind: script, rejection, font, image, frame, navigation, or ``missing:KIND`` / ``blocked:KIND`` /
            ``animated:KIND`` / ``broken:KIND`` / ``oversized:KIND`` with a kind of request.
        message: the browser's or the script's own words.
        url: the file concerned, if there is one.
    """

    kind: str
    message: str
    url: str
    line: int
    column: int


def redact(text: str, values: Mapping[str, str]) -> str:
    """`text` with every value of the row replaced by its variable's name in angle brackets.

    `text` is a script's own words or an address, never a sentence of ours. Found are a value as it stands,
    in other case, with other blanks, as part of an address, of HTML or of JSON, and each of its words: a
    page that greets by first name would tell half of it. What a script computes from a value is not.
    """
    lowered = text.lower()
    # Values can be a megabyte of words, so only what occurs becomes part of the pattern.
    names = {
        form: name
        for name, value in values.items()
        for form in _forms(value)
        if form.isdigit() or form.lower() in lowered
    }
    for form in sorted(names, key=len, reverse=True):
        text = re.sub(_pattern(form), f"<{names[form]}>", text, flags=re.IGNORECASE)
    return text


def _forms(value: str) -> Iterator[str]:
    parts = [value, " ".join(value.split()), *re.findall(r"[\w.@-]{2,}", value)]
    for part in filter(None, dict.fromkeys(parts)):
        yield part
        yield from (quote(part), quote(part, safe=""), quote_plus(part), html.escape(part))
        yield from (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])


def _pattern(form: str) -> str:
    if form.isdigit() and len(form) > 1:
        # As `toLocaleString` writes it.
        return r"[,.'’\s]?".join(form)
    # A short form is replaced only where it stands alone; else every "a" of a message would go.
    return re.escape(form) if len(form) > 2 else rf"(?<!\w){re.escape(form)}(?!\w)"


def raise_troubles(troubles: Sequence[Trouble], site: Site, values: Mapping[str, str]) -> None:
    """Raise one `PageError` that tells all troubles; nothing if there are none."""
    if not troubles:
        return
    told = list(dict.fromkeys(_tell(trouble, site, values) for trouble in troubles))
    text = " ".join(told[:TOLD_MAX])
    if len(told) > TOLD_MAX:
        text += f" And {len(told) - TOLD_MAX} more."
    raise PageError(text, rule=_rule(troubles[0]))


def _rule(trouble: Trouble) -> str:
    kind, _, request = trouble.kind.partition(":")
    if request:
        return f"{kind}-{request}"
    return {
        "script": "script-threw",
        "rejection": "script-threw",
        "font": "broken-font",
        "image": "broken-image",
        "navigation": "page-navigated",
        "frame": "sealed-frame",
        "video": "video-unbound",
    }.get(kind, kind)


def shorten(text: str, values: Mapping[str, str]) -> str:
    """Somebody else's words in one line, without the row's values, as much of them as is repeated."""
    # Cut last: half a value is still part of one, and would not be found any more.
    return redact(" ".join(text.split()), values)[:MESSAGE_LENGTH_MAX]


def _tell(trouble: Trouble, site: Site, values: Mapping[str, str]) -> str:
    kind, _, request = trouble.kind.partition(":")
    path = site.path_of(trouble.url)
    file = shorten(path, values) if path else site.entry
    # A place in a script with an invented address leads nowhere.
    placed = trouble.line and (path or not trouble.url)
    sentence = _SENTENCES.get(kind, "{entry}: {kind} {message}")
    return sentence.format(
        kind=kind,
        place=f"{file}:{trouble.line}:{trouble.column}" if placed else file,
        entry=site.entry,
        folder=site.folder.name,
        name=f'"{shorten(trouble.url if path is None else path, values)}"',
        what=VISIBLE_KINDS.get(request, request),
        message=shorten(trouble.message, values).rstrip("."),
    )


_SENTENCES = {
    "script": "{place}: a script threw: {message}.",
    "rejection": "{entry}: a promise was rejected and nobody handled it: {message}.",
    "font": "{entry}: the font {message} could not be read; is it a font file?",
    "image": "{entry}: the image {name} could not be read; is it an image file?",
    "broken": "{entry}: the image {name} could not be read; is it an image file?",
    "video": (
        "{entry}: a video plays by its own clock: it was made by a script, or stands in a frame. Write "
        "<video src> into the composition itself, so that its frames can follow the clip."
    ),
    "frame": (
        "{entry}: a frame is sealed off from its page (no allow-same-origin, or a data: address) "
        "and cannot be moved in time with it. Unseal it, or take a file of the composition's folder."
    ),
    "missing": "{entry}: {what} {name} is not in the folder {folder}/; put it there or mend the reference.",
    "blocked": (
        "{entry}: {what} {name} lies outside the composition; a page loads nothing from other hosts or "
        "folders. Copy the file into the composition's folder."
    ),
    "oversized": (
        "{entry}: the image {name} has more than 100 million pixels; a clip shows 33 million at most. "
        "Scale it down."
    ),
    "animated": (
        "{entry}: {what} {name} is animated by its own clock, which is followed frame by frame only in the "
        "src of an <img> of the markup (GIF, WebP, APNG, SVG with SMIL). Put it there, or use a still "
        "picture, CSS or a script."
    ),
    "navigation": "{entry}: the page navigated away while it was rendered; a composition stays.",
}
