"""What an approval is bound to: everything that could change a picture without a new proof.

A template is its composition digest (the HTML and all files that it refers to by itself), every file of the
``fonts/`` folder, which CSS finds by name alone, the bundled fonts, and the settings that change what is
seen. Rate factor and preset of the encoder are not among them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from framepress import keys
from framepress.composition import Composition
from framepress.fontconfig import fallback_font_digest
from framepress.settings import RenderSettings

#: Settings that change what is seen.
SEEN = ("fps", "scale", "locale", "timezone", "now", "system_fonts")


@dataclass(frozen=True, slots=True)
class Identity:
    """Digests, in hexadecimal.

    Attributes:
        composition: see `keys.composition_digest`. fonts: of the fonts that the page may see.
        settings: of what changes pictures. rows: of values and files of all rows, whatever their order.
    """

    composition: str
    fonts: str
    settings: str
    rows: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def identity_of(composition: Composition, settings: RenderSettings, rows: str) -> Identity:
    """The identity of a list with a composition. `rows`: see `gather.Gathered.digest`."""
    seen = {name: str(getattr(settings, name)) for name in SEEN}
    return Identity(
        composition=composition.digest,
        fonts=_fonts_digest(composition.folder / "fonts"),
        settings=keys.digest_bytes(json.dumps(seen, sort_keys=True).encode()),
        rows=rows,
    )


def _fonts_digest(folder: Path) -> str:
    digest = hashlib.sha256(fallback_font_digest().encode())
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name} {keys.digest_file(path)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
