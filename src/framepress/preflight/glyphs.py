"""Whether the fonts of the composition have the characters of a text. Asked of Chromium, once per character.

Which font a cluster of characters is drawn in: `CSS.getPlatformFontsForNode`. Whether it is drawn at all:
Chromium counts the box for "no glyph" as a glyph of some font, so the cluster is drawn on a canvas and
compared with a code point that never is a character.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from framepress.preflight.scripts import has_emoji
from framepress.preflight.view import RowView

#: Clusters that are asked about in one go.
BATCH = 200

#: Joiners, variation selectors, skin tones, flags: what makes several characters one.
_JOINING = frozenset("\u200d\ufe0e\ufe0f\u20e3")

GlyphState = Literal["own", "fallback", "missing"]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What was found in one text.

    Attributes:
        missing, fallback: clusters, in order.
        author_chose: the text's first font is one that the composition names; else anything is a fallback.
    """

    missing: tuple[str, ...]
    fallback: tuple[str, ...]
    author_chose: bool


class GlyphBook:
    """What is known of clusters, by font. Lives as long as its browser sees the same fonts."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], GlyphState] = {}
        self._characters: dict[str, set[str]] = {}
        #: Font -> family that draws its letters, and whether the author named it.
        self._primary: dict[str, tuple[str, bool]] = {}

    def look_up(self, view: RowView, font: str, text: str) -> Glyphs:
        """The state of all clusters of a text in a font.

        Args:
            view: shows the text in that font, so that the fonts it needs are loaded.
            font: CSS shorthand.
        """
        clusters = self._clusters(view, font, text)
        new = [cluster for cluster in clusters if (font, cluster) not in self._states]
        for start in range(0, len(new), BATCH):
            self._ask(view, font, new[start : start + BATCH])
        by_state = {
            state: tuple(one for one in clusters if self._states.get((font, one)) == state)
            for state in ("missing", "fallback")
        }
        return Glyphs(by_state["missing"], by_state["fallback"], self._primary.get(font, ("", False))[1])

    def _clusters(self, view: RowView, font: str, text: str) -> list[str]:
        """Clusters of a text that have ink. Splitting is the page's work, and rarely needed."""
        clusters: Iterable[str] = text
        if _is_joined(text):
            clusters = view.evaluate(f"clustersOf({json.dumps(text)})")
        return [cluster for cluster in dict.fromkeys(clusters) if _has_ink(cluster)]

    def _ask(self, view: RowView, font: str, clusters: list[str]) -> None:
        shown = ["A", *clusters]
        families = _families_of(view, font, shown)
        primary, custom = families[0]
        named = _stack(font)
        chose = custom or primary.casefold() in named
        self._primary[font] = (primary, chose)
        missing = set(view.evaluate(f"missingGlyphs({json.dumps(font)}, {json.dumps(clusters)})"))
        for cluster, (family, is_custom) in zip(clusters, families[1:], strict=True):
            own = is_custom or family == primary or family.casefold() in named
            state: GlyphState = "missing" if cluster in missing else "own" if own else "fallback"
            self._states[font, cluster] = state


def _is_joined(text: str) -> bool:
    """Whether several characters of a text may be one to its reader.

    A vowel sign by itself is drawn with a dotted circle that no font of the composition may have; not all of
    them are `combining`, those of Devanagari are not.
    """
    return has_emoji(text) or any(one in _JOINING or unicodedata.category(one)[0] == "M" for one in text)


def _has_ink(cluster: str) -> bool:
    return any(
        unicodedata.category(one)[0] not in "ZC" or unicodedata.category(one) == "Co" for one in cluster
    )


def _stack(font: str) -> frozenset[str]:
    """Families of a shorthand, in small letters, without generic ones."""
    families = font.partition("px ")[2].split(",")
    return frozenset(family.strip().strip("\"'").casefold() for family in families)


def _families_of(view: RowView, font: str, clusters: list[str]) -> list[tuple[str, bool]]:
    """For each cluster the family that it is mainly drawn in, and whether a style sheet brought it along."""
    tab = view.tab
    view.evaluate(f"showClusters({json.dumps(font)}, {json.dumps(clusters)})")
    tab.call("DOM.enable")
    tab.call("CSS.enable")
    try:
        tab.call("DOM.getDocument", {"depth": 0})
        shown = tab.call("Runtime.evaluate", {"expression": view.document})["result"]["objectId"]
        root = tab.call("DOM.requestNode", {"objectId": shown})["nodeId"]
        selector = {"nodeId": root, "selector": "#framepress-clusters > span"}
        nodes = tab.call("DOM.querySelectorAll", selector)["nodeIds"]
        return [_main_family(tab.call("CSS.getPlatformFontsForNode", {"nodeId": node})) for node in nodes]
    finally:
        tab.tell("CSS.disable")
        tab.tell("DOM.disable")
        view.evaluate("hideClusters()")


def _main_family(told: dict[str, list[dict[str, object]]]) -> tuple[str, bool]:
    fonts = told["fonts"]
    if not fonts:
        return "", False
    main = max(fonts, key=lambda font: float(str(font["glyphCount"])))
    return str(main["familyName"]), bool(main["isCustomFont"])


def code_points(clusters: tuple[str, ...]) -> Iterator[str]:
    """Clusters by number: what a font lacks is no secret, and a number is no value."""
    for cluster in clusters:
        yield "+".join(f"U+{ord(character):04X}" for character in cluster)
