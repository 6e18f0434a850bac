"""From how a page looks at one moment to what is wrong with it. Pure.

What the composition shows with its defaults is the author's own: only what a row makes worse is told of the
row. What is wrong with the defaults already is told once, of the template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from framepress.preflight.facts import Box, Layout, PictureFact, TextFact, overlap
from framepress.preflight.rules import Finding, finding
from framepress.rects import Rect

#: CSS pixels that may be off without anybody seeing it.
TOLERANCE = 1.5

#: Part of the font's size that text may be cut by above and below: boxes of ink are those of the whole text.
TOLERANCE_EM = 0.06

#: Two texts lie over each other if they share more than this part of the smaller font's size, both ways.
OVERLAP_EM = 0.12

#: Part of width and height at each edge that players may cover (EBU R 95: 5 %).
SAFE_AREA = 0.05

UPSCALED_MAX = 1.5
CROPPED_MAX = 0.5


@dataclass(frozen=True)
class Causes:
    """Which variables change what.

    Attributes:
        texts: place -> variables that change the text of the element there.
        looks: place -> variables that change anything of it.
        names: place -> what the author calls the element.
    """

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    looks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def field_of(self, place: str, values: Mapping[str, str]) -> str | None:
        """The variable that most likely made an element what it is: the longest of those that can."""
        able = self.texts.get(place) or self.looks.get(place) or ()
        return max(able, key=lambda name: len(values.get(name, "")), default=None)


@dataclass(frozen=True)
class Judged:
    """What is judged, and against what.

    Attributes:
        layout: of the row. base: with the defaults at the same moment; None: the template itself is judged.
        values: of the row; to tell which variable is to blame.
    """

    layout: Layout
    base: Layout | None
    causes: Causes
    values: Mapping[str, str]
    row: int | None
    time_s: float

    def is_personal(self, fact: TextFact | PictureFact) -> bool:
        """Whether the row has a part in it."""
        if self.base is None or fact.place in self.causes.looks:
            return True
        if isinstance(fact, TextFact):
            before = self.base.text_at(fact.place)
            return before is None or before.text != fact.text
        picture = self.base.picture_at(fact.place)
        return picture is None or picture.source != fact.source


def judge(judged: Judged, known: frozenset[tuple[str, str]] | None = None) -> list[Finding]:
    """All findings at one moment; glyphs and contrast are looked at elsewhere.

    Args:
        known: what `known_of` says of the base, for many rows with one base.
    """
    found: list[Finding] = []
    for text in judged.layout.texts:
        if judged.is_personal(text):
            found += _text_findings(judged, text)
    for picture in judged.layout.pictures:
        if judged.is_personal(picture):
            found += _picture_findings(judged, picture)
    found += _overlaps(judged)
    if judged.base is None:
        return found
    if known is None:
        known = known_of(judged.base, judged.causes)
    return [one for one in found if (one.rule, one.element) not in known]


def known_of(base: Layout, causes: Causes) -> frozenset[tuple[str, str]]:
    """Rule and element of what is wrong with the defaults already."""
    found = judge(Judged(base, None, causes, {}, None, 0.0))
    return frozenset((one.rule, one.element) for one in found)


def about(
    judged: Judged,
    rule: str,
    place: str,
    box: Box,
    detail: str,
    *,
    severity: None = None,
    name: str | None = None,
) -> Finding:
    """A finding at an element. `name`: the variable, if it is known."""
    return finding(
        rule,
        detail,
        row=judged.row,
        field=name or judged.causes.field_of(place, judged.values),
        severity=severity,
        time_s=round(judged.time_s, 3),
        box=seen_box(box, judged.layout.root),
        element=judged.causes.names.get(place, ""),
    )


def seen_box(box: Box, root: Box) -> Rect | None:
    """The part of a box that lies in the picture, with a little around it; None: nothing of it."""
    left, top = int(box[0] - root[0]) - 4, int(box[1] - root[1]) - 4
    rect = Rect(left, top, int(box[2] - box[0]) + 8, int(box[3] - box[1]) + 8)
    return rect.clipped(int(root[2] - root[0]), int(root[3] - root[1]))


# ---- text ---------------------------------------------------------------------------------------


def _text_findings(judged: Judged, text: TextFact) -> Iterator[Finding]:
    cut = _beyond(text, text.clip) if text.clip is not None else None
    if text.ellipsis:
        yield about(judged, "text-ellipsis", text.place, text.box, "the end is left out")
    elif cut:
        yield about(judged, "text-cut", text.place, text.box, f"{cut} of its box")
    if not text.ellipsis and not cut:
        yield from _frame_findings(judged, text)
    before = judged.base.text_at(text.place) if judged.base is not None else None
    lines = len(text.lines)
    if before is not None and not text.turned and lines > max(len(before.lines), text.room or 0):
        room = f"there is room for {text.room}" if text.room else f"the default has {len(before.lines)}"
        yield about(judged, "more-lines", text.place, text.box, f"{lines} lines; {room}")


def _frame_findings(judged: Judged, text: TextFact) -> Iterator[Finding]:
    root = judged.layout.root
    out = _beyond(text, root)
    if out:
        yield about(judged, "out-of-frame", text.place, text.box, f"{out} of the picture")
        return
    margin_x, margin_y = SAFE_AREA * (root[2] - root[0]), SAFE_AREA * (root[3] - root[1])
    safe = (root[0] + margin_x, root[1] + margin_y, root[2] - margin_x, root[3] - margin_y)
    out = _beyond(text, safe)
    if out:
        yield about(judged, "out-of-safe-area", text.place, text.box, f"{out} of the safe area")


def _beyond(text: TextFact, edge: Box) -> str | None:
    """How far, and on which side, a text goes beyond an edge; None: it does not."""
    box = text.box
    upright = TOLERANCE + TOLERANCE_EM * text.size
    over = {
        "to the left": edge[0] - box[0] - TOLERANCE,
        "above the top": edge[1] - box[1] - upright,
        "to the right": box[2] - edge[2] - TOLERANCE,
        "below the bottom": box[3] - edge[3] - upright,
    }
    side = max(over, key=lambda name: over[name])
    return f"{over[side] + TOLERANCE:.0f} px {side}" if over[side] > 0 else None


def _overlaps(judged: Judged) -> Iterator[Finding]:
    texts = [text for text in judged.layout.texts if not text.turned]
    for index, one in enumerate(texts):
        for other in texts[index + 1 :]:
            if one.flow == other.flow or not (judged.is_personal(one) or judged.is_personal(other)):
                continue
            if not _lie_over(one, other):
                continue
            # The one with a variable in it is to blame, or the longer of two.
            blamed, hit = sorted(
                (one, other), key=lambda text: (text.place not in judged.causes.texts, -len(text.text))
            )
            over = judged.causes.names.get(hit.place, "another text")
            yield about(judged, "text-overlap", blamed.place, _shared(blamed, hit), f"over {over}")


def _lie_over(one: TextFact, other: TextFact) -> bool:
    least = OVERLAP_EM * min(one.size, other.size)
    return any(min(overlap(line, against)) > least for line in _visible(one) for against in _visible(other))


def _visible(text: TextFact) -> Iterator[Box]:
    """The lines of a text, without what is clipped away."""
    for line in text.lines:
        if text.clip is None:
            yield line
        else:
            clip = text.clip
            yield max(line[0], clip[0]), max(line[1], clip[1]), min(line[2], clip[2]), min(line[3], clip[3])


def _shared(one: TextFact, other: TextFact) -> Box:
    a, b = one.box, other.box
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


# ---- pictures -----------------------------------------------------------------------------------


def _picture_findings(judged: Judged, picture: PictureFact) -> Iterator[Finding]:
    scale = max(picture.shown[0] / picture.natural[0], picture.shown[1] / picture.natural[1])
    if scale > UPSCALED_MAX and not picture.vector:
        size = f"{picture.natural[0]:.0f}×{picture.natural[1]:.0f} pixels"
        yield about(
            judged, "image-upscaled", picture.place, picture.box, f"{size}, blown up {scale:.1f} times"
        )
    seen = picture.box
    for edge in (picture.clip, judged.layout.root):
        if edge is not None:
            seen = (
                max(seen[0], edge[0]),
                max(seen[1], edge[1]),
                min(seen[2], edge[2]),
                min(seen[3], edge[3]),
            )
    width, height = max(0.0, seen[2] - seen[0]), max(0.0, seen[3] - seen[1])
    if picture.fill:
        # One tile of several may be seen whole, wherever it lies.
        width, height = min(width, picture.shown[0]), min(height, picture.shown[1])
    area = width * height
    whole = max(picture.shown[0], 1.0) * max(picture.shown[1], 1.0)
    if area < (1 - CROPPED_MAX) * whole:
        cropped = 100 * (1 - area / whole)
        yield about(judged, "image-cropped", picture.place, picture.box, f"{cropped:.0f} % are not seen")
