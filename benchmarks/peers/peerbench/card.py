"""The picture of the benchmark: its size, its rows, the moments at which pictures are compared."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

WIDTH = 1920
HEIGHT = 1080
FPS = 30
FRAME_COUNT = 180

#: Frames whose pictures are compared. Multiples of 3, so that every moment is a short decimal of seconds;
#: dense where the headline moves.
COMPARED_FRAMES = (0, 6, 12, 18, 24, 36, 48, 72, 102, 132, 156, 177)

#: Where the sources of the three cards lie.
SOURCES = Path(__file__).resolve().parent.parent

#: One OFL file for all programs, from the npm package @fontsource-variable/inter.
FONT_IN_PACKAGE = Path("node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2")

#: Short, long, wide, with accents: what rows have.
_FIRST_NAMES = ("Asha", "Bo", "Maximiliana", "Dagný", "Emre", "Li", "Guðrún", "Will", "Imogen", "Zoë")


@dataclass(frozen=True)
class CardRow:
    """The values of one clip. `name` is unique in a run of the benchmark."""

    name: str
    points: str
    file_stem: str


def make_rows(count: int, first: int) -> list[CardRow]:
    """Rows number `first` to `first + count - 1` of an endless table without repetition."""
    rows = []
    for number in range(first, first + count):
        lap, place = divmod(number, len(_FIRST_NAMES))
        name = _FIRST_NAMES[place] if lap == 0 else f"{_FIRST_NAMES[place]} {lap + 1}"
        rows.append(CardRow(name, str(1284 + 37 * number), f"clip-{number:04d}"))
    return rows


def seconds_text(frame: int) -> str:
    """The moment of a compared frame, as programs take it on their command line."""
    if (frame * 10) % FPS:
        raise ValueError(f"frame {frame} is not at a tenth of a second")
    return f"{frame * 10 // FPS / 10:.1f}"


def stage(work: Path, program: str) -> Path:
    """Put a program's card with its style and font into one folder, fresh, as the program wants it."""
    folder = work / program
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCES / program, folder)
    for name in ("card.css", "motion.css"):
        shutil.copy(SOURCES / name, folder / name)
    shutil.copy(work / FONT_IN_PACKAGE, folder / "inter.woff2")
    return folder
