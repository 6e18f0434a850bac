"""The fonts Chromium sees: the composition's own, then ours, and the machine's only when asked for.

A clip may not depend on what happens to be installed, so Chromium runs with FONTCONFIG_FILE set to a file
that is written here. The bundled fonts (`fonts/`, made by `scripts/subset_fonts.py`, SIL Open Font License)
cover Latin, Greek, Cyrillic, Arabic, Hebrew, Devanagari, Thai, Chinese, Japanese, Korean and all emoji. A
character that none of the fonts has is drawn as an empty box, the same on every machine.

Headless Chromium 156 turns the CSS generics into names (seen with FC_DEBUG=1): `sans-serif` into Arial,
`serif` into Times New Roman, `monospace` into Courier New, `fantasy` into Impact, `cursive` into Script,
`math` into Latin Modern Math; only where such a name is not found does it ask for the generic. It takes
fontconfig's answer only if the family that comes first after all rules is the family that was found. So these
names are mapped too, as if the author had written the bundled name: they are also what authors write most.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from framepress.errors import StorageFault

#: Where the bundled fonts lie.
FONT_FOLDER = Path(__file__).parent / "fonts"

#: What fontconfig reads by default; included for the machine's fonts, its own rules with them.
MACHINE_CONFIG = "/etc/fonts/fonts.conf"

#: Bundled family, the CSS generics it stands for, and the names Chromium or authors use for the same.
#: With machine fonts allowed, a real font of such a name comes before ours.
FAMILIES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Noto Sans",
        ("sans-serif", "sans", "system-ui", "ui-sans-serif", "ui-rounded", "cursive", "fantasy", "math"),
        ("Arial", "Helvetica", "Helvetica Neue", "Impact", "Script", "Comic Sans MS", "Latin Modern Math"),
    ),
    ("Noto Serif", ("serif", "ui-serif"), ("Times New Roman", "Times", "Georgia")),
    ("Noto Sans Mono", ("monospace", "ui-monospace"), ("Courier New", "Courier", "Menlo", "Consolas")),
    ("Noto Color Emoji", ("emoji",), ("Apple Color Emoji", "Segoe UI Emoji")),
)

#: The order in which a character that the wanted font lacks is looked for. Emoji come last: that font also
#: has digits and a few letters, which must never win over a text font's.
FALLBACK_ORDER = (
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Sans CJK SC",
    "Noto Color Emoji",
)

_HEAD = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<!-- Written by framepress at each start; changes are lost. -->
<fontconfig>
"""

#: Outlines as designed, greyscale edges: what the browser's switches ask for as well.
_DRAWING = """  <match target="font">
    <edit name="antialias" mode="assign"><bool>true</bool></edit>
    <edit name="hinting" mode="assign"><bool>false</bool></edit>
    <edit name="autohint" mode="assign"><bool>false</bool></edit>
    <edit name="hintstyle" mode="assign"><const>hintnone</const></edit>
    <edit name="rgba" mode="assign"><const>none</const></edit>
    <edit name="lcdfilter" mode="assign"><const>lcdnone</const></edit>
  </match>
"""


def write_fontconfig(folder: Path, *, font_folders: Sequence[Path], system_fonts: bool) -> Path:
    """Write `fonts.conf` for FONTCONFIG_FILE.

    Args:
        folder: made if missing. It also holds fontconfig's cache (a scan of the bundled fonts takes a moment,
            so browsers that start one after the other do well to share the folder). Several processes may
            write the same folder at once: the file appears whole.
        font_folders: folders with the composition's fonts, searched with all below them; their families are
            found by name in CSS. A folder that does not exist adds nothing.
        system_fonts: fonts of this machine are found by name too, and fill in for what the bundled ones lack.

    Returns:
        The absolute path of the file.

    Raises:
        StorageFault: it cannot be written there.
    """
    folder = folder.absolute()
    cache = folder / "fontconfig-cache"
    target = folder / "fonts.conf"
    partial = folder / f".fonts.conf.{os.getpid()}.partial"
    folders = [*(Path(path).absolute() for path in font_folders), FONT_FOLDER]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_document(folders, cache, system_fonts).encode())
        partial.replace(target)
    except UnicodeEncodeError as exc:
        raise StorageFault(
            "A font folder has a name that is not UTF-8; fontconfig cannot be told of it. Rename the folder.",
            rule="font-folder-name",
        ) from exc
    except OSError as exc:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise StorageFault(
            f"{folder}: the font configuration cannot be written ({exc.strerror}). "
            "Free space there, or set TMPDIR to a folder that can be written.",
            rule="fontconfig-write",
        ) from exc
    return target


@functools.cache
def fallback_font_digest() -> str:
    """SHA-256, in hexadecimal, of what changes glyphs: names and bytes of the bundled fonts, and the rules.

    Part of the environment digest. Covers the rules without machine fonts; what those add is not known to us.
    """
    digest = hashlib.sha256(_rules(system_fonts=False).encode())
    for path in sorted(FONT_FOLDER.iterdir()):
        if path.suffix in {".ttf", ".otf"}:
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _document(folders: Sequence[Path], cache: Path, system_fonts: bool) -> str:
    lines = [f"  <dir>{escape(str(folder))}</dir>\n" for folder in folders]
    # The first cache folder that can be written is used, so ours stands before those of the machine.
    lines.append(f"  <cachedir>{escape(str(cache))}</cachedir>\n")
    if system_fonts:
        lines.append(f'  <include ignore_missing="yes">{MACHINE_CONFIG}</include>\n')
    return _HEAD + "".join(lines) + _rules(system_fonts) + "</fontconfig>\n"


def _rules(system_fonts: bool) -> str:
    """Which family answers to which name, what a missing character falls back to, how glyphs are drawn."""
    parts = []
    for family, generics, names in FAMILIES:
        parts += [_alias(generic, family, "prefer") for generic in generics]
        parts += [_alias(name, family, "accept" if system_fonts else "prefer") for name in names]
    fallbacks = "".join(f"<string>{family}</string>" for family in FALLBACK_ORDER)
    parts.append(
        '  <match target="pattern">\n'
        f'    <edit name="family" mode="append_last" binding="weak">{fallbacks}</edit>\n'
        "  </match>\n"
    )
    return "".join(parts) + _DRAWING


def _alias(name: str, family: str, how: str) -> str:
    return (
        f'  <alias binding="same"><family>{name}</family><{how}><family>{family}</family></{how}></alias>\n'
    )
