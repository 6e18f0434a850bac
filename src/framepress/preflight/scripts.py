"""Which scripts a text is written in, and whether it has emoji.

Python's character database has no property "script", but every letter's name begins with it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: First word of a character's name -> what people call the script.
_NAMES = {
    "LATIN": "Latin", "GREEK": "Greek", "CYRILLIC": "Cyrillic", "ARABIC": "Arabic", "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari", "BENGALI": "Bengali", "TAMIL": "Tamil", "TELUGU": "Telugu", "THAI": "Thai",
    "CJK": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana", "HANGUL": "Hangul", "GEORGIAN": "Georgian",
    "ARMENIAN": "Armenian", "ETHIOPIC": "Ethiopic", "FULLWIDTH": "Latin", "MODIFIER": "Latin",
}  # fmt: skip

EMOJI = "Emoji"

_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\U0001f1e6-\U0001f1ff]"
    "|[\u231a\u231b\u23e9-\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd"
    "\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c"
    "\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55]"
    "|.\ufe0f"
)


@lru_cache(maxsize=65_536)
def _script(character: str) -> str | None:
    if not unicodedata.category(character).startswith("L"):
        return None
    word = unicodedata.name(character, "").partition(" ")[0]
    return _NAMES.get(word, word.capitalize() or None)


def has_emoji(text: str) -> bool:
    """Whether a character of the text is drawn as a picture."""
    return not text.isascii() and _EMOJI.search(text) is not None


def scripts_of(text: str) -> frozenset[str]:
    """Names of the scripts of its letters, and `EMOJI`."""
    if text.isascii():
        return frozenset(("Latin",)) if any(map(str.isalpha, text)) else frozenset()
    found = {_script(character) for character in text}
    if has_emoji(text):
        found.add(EMOJI)
    return frozenset(name for name in found if name)
