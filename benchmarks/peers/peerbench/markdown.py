"""Pieces of a Markdown page: tables, lists, numbers with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A table whose first `left` columns are text and the others numbers."""
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def bullets(title: str, pairs: Sequence[tuple[str, str | None]]) -> str:
    """A titled list of labels with their values; nothing if there are none."""
    if not pairs:
        return ""
    return f"**{title}**\n\n" + "\n".join(f"- {label}: {value}" for label, value in pairs)


def spread(values: Sequence[float]) -> str:
    """Median, and the lowest and highest in parentheses."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
