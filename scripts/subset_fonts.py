#!/usr/bin/env python3
"""Make the font files that the repository carries, from the fonts of a Debian machine.

Two sets come out of it:

    src/framepress/fonts/        plain TTF/OTF: the fallbacks that Chromium finds through fontconfig
    examples/card/fonts/         WOFF2: the web fonts of the example, loaded by `@font-face`

Run it only to change what the sets contain; the results are committed. It needs

    apt-get install fonts-inter fonts-noto-core fonts-noto-cjk
    pip install 'fonttools[woff]'
    npm pack @fontsource/noto-color-emoji@5.3.2     # then unpack: ./package/

    python scripts/subset_fonts.py --emoji package/files/noto-color-emoji-emoji-400-normal.woff2

Colour emoji come from that package because Debian's file holds bitmaps of 136 pixels (11 MB); this one
holds COLRv1 outlines: sharp at any size, and all of them in 5 MB once the SVG table, which Chromium does not
read, is gone. Everything is under the SIL Open Font License 1.1; none of the sources we use reserves a name
that we keep. The same sources give the same bytes: no time stamp is written.

What is kept was chosen by where names and texts come from, not by frequency alone: GB 2312 whole (level 2
holds many characters of given names), level 1 of Big5 and of JIS X 0208, KS X 1001's 2350 syllables. The
encodings that Python ships are those tables, so there is no list to maintain here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fontTools import subset  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = ROOT / "src" / "framepress" / "fonts"
CARD = ROOT / "examples" / "card" / "fonts"

NOTO = Path("/usr/share/fonts/truetype/noto")
CJK = Path("/usr/share/fonts/opentype/noto")
INTER = Path("/usr/share/fonts/opentype/inter")

#: Faces inside the CJK collections. They share their glyphs and differ in which shape a Han character gets.
JP, KR, SC = 0, 1, 2

#: Emoji of the example: what people put into names and short greetings.
CARD_EMOJI = (
    "😀😁😂😃😄😅😆😇😉😊😋😌😍😎😏🙂🙃🙄🤔🤗🤩🤪🤓🥰🥳🥲😘😜😝😢😭😱😴😺😸😻"
    "👋👍👏🙌🙏💪🤝✌🤘👀🧠👑💎💫✨⭐🌟🔥💥⚡🎉🎊🎈🎁🎂🏆🥇🥈🥉🏅🎯🎮🎧🎵🎶🎸🎨📷📚💼💻📱🚀✈🚲⚽🏀🏃🧗"
    "❤🧡💛💚💙💜🖤🤍🤎💔💕💖🌈☀🌙🌍🌱🌿🍀🌵🌴🌸🌺🌻🌹🍎🍊🍋🍓🍒🍑🥑🍕🍣🍩☕🍵🍷"
    "🐶🐱🐭🐰🦊🐻🐼🐨🐯🦁🐮🐸🐵🐔🐧🐦🦉🦄🐝🦋🐢🐙🐳🐬🦈🦜🌊⛄🎄🕊"
)


def characters(*ranges: tuple[int, int]) -> set[int]:
    """Code points of inclusive ranges."""
    return {point for first, last in ranges for point in range(first, last + 1)}


def encoded(encoding: str, ranges: tuple[int, int], lead_max: int = 0xFF) -> set[int]:
    """Code points of a range that an encoding holds, up to a lead byte (how the tables mark levels)."""
    found = set()
    for point in range(ranges[0], ranges[1] + 1):
        try:
            code = chr(point).encode(encoding)
        except UnicodeEncodeError:
            continue
        if len(code) == 2 and code[0] <= lead_max:
            found.add(point)
    return found


HAN = (0x4E00, 0x9FFF)
LATIN = characters(
    (0x20, 0x7E), (0xA0, 0x24F), (0x2B0, 0x36F), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x20A0, 0x20C0)
) | characters((0x2113, 0x2122), (0x2190, 0x2199), (0x2212, 0x2212), (0x2248, 0x2265), (0xFFFD, 0xFFFD))
GREEK_CYRILLIC = characters((0x370, 0x3FF), (0x1F00, 0x1FFF), (0x400, 0x52F))
SPACES = characters((0x20, 0x20), (0xA0, 0xA0), (0x200C, 0x200F), (0x25CC, 0x25CC))
ARABIC = SPACES | characters((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0x2067, 0x2069))
HEBREW = SPACES | characters((0x591, 0x5F4), (0xFB1D, 0xFB4F), (0x20AA, 0x20AA))
DEVANAGARI = SPACES | characters((0x900, 0x97F), (0x1CD0, 0x1CFA), (0xA8E0, 0xA8FF), (0x20B9, 0x20B9))
THAI = SPACES | characters((0xE01, 0xE5B))
CJK_MARKS = SPACES | characters((0x3000, 0x303F), (0xFF00, 0xFFEF), (0xB7, 0xB7), (0x2010, 0x2027))
KANA = characters((0x3041, 0x30FF))
HANGUL = encoded("euc_kr", (0xAC00, 0xD7A3))
GB_LEVEL_1 = encoded("gb2312", HAN, 0xD7)
JIS_LEVEL_1 = encoded("euc_jp", HAN, 0xCF)
BIG5_LEVEL_1 = encoded("big5", HAN, 0xC6)

#: OpenType features of the CJK fonts. Regional shapes (`locl`) and vertical setting would double their size.
CJK_FEATURES = ("ccmp", "liga")
DEFAULT_FEATURES = ("*default*", "tnum", "case")


@dataclass(frozen=True)
class Job:
    """One file to make: `points` None keeps every character of the source."""

    source: Path
    target: Path
    points: frozenset[int] | None
    face: int = 0
    features: tuple[str, ...] = DEFAULT_FEATURES


def jobs(emoji: Path) -> list[Job]:
    """Every file of both sets."""

    def bundled(source: Path, name: str, points: Iterable[int] | None, **more: object) -> Job:
        return Job(source, BUNDLED / name, None if points is None else frozenset(points), **more)  # type: ignore[arg-type]

    def card(source: Path, name: str, points: Iterable[int], **more: object) -> Job:
        return Job(source, CARD / f"{name}.woff2", frozenset(points), **more)  # type: ignore[arg-type]

    made = []
    for weight in ("Regular", "Bold"):
        for family, points in (
            ("NotoSans", LATIN | GREEK_CYRILLIC),
            ("NotoSansArabic", ARABIC),
            ("NotoSansHebrew", HEBREW),
            ("NotoSansDevanagari", DEVANAGARI),
            ("NotoSansThai", THAI),
            ("NotoSerif", LATIN | GREEK_CYRILLIC),
            ("NotoSansMono", LATIN | GREEK_CYRILLIC),
        ):
            made.append(bundled(NOTO / f"{family}-{weight}.ttf", f"{family}-{weight}.ttf", points))
        east = CJK_MARKS | KANA | HANGUL | encoded("gb2312", HAN) | BIG5_LEVEL_1 | JIS_LEVEL_1
        collection = CJK / f"NotoSansCJK-{weight}.ttc"
        made.append(bundled(collection, f"NotoSansCJKsc-{weight}.otf", east, face=SC, features=CJK_FEATURES))
    made.append(bundled(emoji, "NotoColorEmoji.ttf", None))
    inter = LATIN | characters((0x370, 0x3FF), (0x400, 0x4FF))
    made += [card(INTER / f"{name}.otf", name, inter) for name in ("Inter-Medium", "InterDisplay-Bold")]
    bold = CJK / "NotoSansCJK-Bold.ttc"
    kanji = CJK_MARKS | KANA | JIS_LEVEL_1
    made += [
        card(NOTO / "NotoSansArabic-Bold.ttf", "NotoSansArabic-Bold", ARABIC),
        card(NOTO / "NotoSansHebrew-Bold.ttf", "NotoSansHebrew-Bold", HEBREW),
        card(NOTO / "NotoSansDevanagari-Bold.ttf", "NotoSansDevanagari-Bold", DEVANAGARI),
        card(bold, "NotoSansSC-Bold", CJK_MARKS | GB_LEVEL_1, face=SC, features=CJK_FEATURES),
        card(bold, "NotoSansJP-Bold", kanji, face=JP, features=CJK_FEATURES),
        card(bold, "NotoSansKR-Bold", SPACES | HANGUL, face=KR, features=CJK_FEATURES),
        card(emoji, "NotoColorEmoji", {ord(c) for c in CARD_EMOJI} | {0x200D, 0xFE0F}),
    ]
    return made


def make(job: Job) -> None:
    """Write one file: unhinted (the renderer turns hinting off), no SVG table, old time stamp kept."""
    options = subset.Options()
    options.hinting = False
    options.recalc_timestamp = False
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.drop_tables += ["VORG", "vhea", "vmtx", "DSIG"]
    extra = [feature for feature in job.features if feature != "*default*"]
    options.layout_features = extra if len(extra) == len(job.features) else options.layout_features + extra
    if job.target.suffix == ".woff2":
        options.flavor = "woff2"
        options.desubroutinize = True  # WOFF2 compresses plain outlines better than subroutines
    else:
        options.name_languages = [0x409]
    font = TTFont(job.source, fontNumber=job.face, recalcTimestamp=False)
    if "SVG " in font:
        del font["SVG "]
    if job.points is not None:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=job.points)
        subsetter.subset(font)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    font.flavor = options.flavor
    font.save(job.target)
    size_bytes = job.target.stat().st_size
    print(f"{job.target.relative_to(ROOT)}: {len(font.getBestCmap())} characters, {size_bytes} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the font files that the repository carries.")
    parser.add_argument("--emoji", type=Path, required=True, help="the unpacked WOFF2 file with all emoji")
    parser.add_argument("--only", default="", help="make only files whose path contains this")
    arguments = parser.parse_args()
    for job in jobs(arguments.emoji):
        if arguments.only in str(job.target.relative_to(ROOT)):
            make(job)


if __name__ == "__main__":
    main()
