"""What went wrong inside a page, told in the words of its author and without the row's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
        kind: script, rejection, font, image, navigation, or ``missing:KIND`` / ``blocked:KIND`` /
            ``animated:KIND`` with a kind of request.
        message: the browser's or the script's own words.
        url: the file concerned, if there is one.
    """

    kind: str
    message: str
    url: str
    line: int
    column: int


def redact(text: str, values: Mapping[str, str]) -> str:
    """`text` with every value of the row replaced by its variable's name in angle brackets."""
    for name, value in sorted(values.items(), key=lambda item: -len(item[1])):
        if len(value) > 1:
            text = text.replace(value, f"<{name}>")
    return text


def raise_troubles(troubles: Sequence[Trouble], site: Site, values: Mapping[str, str]) -> None:
    """Raise one `PageError` that tells all troubles; nothing if there are none."""
    if not troubles:
        return
    told = list(dict.fromkeys(redact(_tell(trouble, site), values) for trouble in troubles))
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
    }.get(kind, kind)


def _place(trouble: Trouble, site: Site) -> str:
    path = (site.path_of(trouble.url) if trouble.url else None) or site.entry
    return f"{path}:{trouble.line}:{trouble.column}" if trouble.line else path


def _tell(trouble: Trouble, site: Site) -> str:
    kind, _, request = trouble.kind.partition(":")
    path = site.path_of(trouble.url)
    sentence = _SENTENCES.get(kind, "{entry}: {kind} {message}")
    return sentence.format(
        kind=kind,
        place=_place(trouble, site),
        entry=site.entry,
        folder=site.folder.name,
        name=f'"{path}"' if path is not None else f'"{trouble.url[:MESSAGE_LENGTH_MAX]}"',
        what=VISIBLE_KINDS.get(request, request),
        message=" ".join(trouble.message.split())[:MESSAGE_LENGTH_MAX],
    )


_SENTENCES = {
    "script": "{place}: a script threw: {message}.",
    "rejection": "{entry}: a promise was rejected and nobody handled it: {message}.",
    "font": "{entry}: the font {message} could not be read; is it a font file?",
    "image": "{entry}: the image {name} could not be read; is it an image file?",
    "missing": "{entry}: {what} {name} is not in the folder {folder}/; put it there or mend the reference.",
    "blocked": (
        "{entry}: {what} {name} lies outside the composition; a page loads nothing from other hosts or "
        "folders. Copy the file into the composition's folder."
    ),
    "animated": (
        "{entry}: {what} {name} is animated by its own clock, which cannot be followed frame by frame yet. "
        "Use a still picture, CSS or a script."
    ),
    "navigation": "{entry}: the page navigated away while it was rendered; a composition stays.",
}
