"""A text put together from parts of several files, which still knows where each part stands in its file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

#: Offset in a text -> ``file:line:column``.
Placer = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters and where they come from.

    Attributes:
        place: of the file. offset: of the first character in the file.
        made: they do not stand in the file; they were put in at `offset`.
    """

    text: str
    place: Placer
    offset: int
    made: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """``[start, end)`` of a file is replaced by these pieces."""

    start: int
    end: int
    pieces: tuple[Piece, ...] = ()


def edited(
    text: str, place: Placer, edits: Iterable[Edit], start: int = 0, end: int | None = None
) -> list[Piece]:
    """``[start, end)`` of a file with edits made; of those that lie outside, or in another one, none."""
    stop = len(text) if end is None else end
    pieces: list[Piece] = []
    position = start
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        if edit.start < position or edit.end > stop:
            continue
        if edit.start > position:
            pieces.append(Piece(text[position : edit.start], place, position))
        pieces.extend(edit.pieces)
        position = edit.end
    if position < stop:
        pieces.append(Piece(text[position:stop], place, position))
    return pieces


def joined(pieces: Sequence[Piece]) -> tuple[str, Placer]:
    """The whole text, and what turns an offset in it into the place in the file that it comes from."""
    starts, length = [], 0
    for piece in pieces:
        starts.append(length)
        length += len(piece.text)

    def place(offset: int) -> str:
        index = max(0, bisect_right(starts, offset) - 1)
        piece = pieces[index]
        return piece.place(piece.offset + (0 if piece.made else offset - starts[index]))

    return "".join(piece.text for piece in pieces), place
