"""What `framepress chunk` does."""

from __future__ import annotations

import sys
from pathlib import Path

from framepress.chunks import split_rows
from framepress.cli import show
from framepress.errors import StorageFault
from framepress.rows import open_rows
from framepress.workshop import choice


def split(rows: str, chunks: int, by: str, folder: Path, *, encoding: str | None, query: str | None) -> None:
    """Split a list and say what came of it."""
    by_content = choice(by, ("content-hash", "row"), "--by") == "content-hash"
    stem = Path(rows).stem if Path(rows).is_file() else "rows"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        source = open_rows(
            rows, stdin=sys.stdin.buffer, encoding=encoding, query=query, on_note=show.tell_note
        )
        counts = split_rows(source, folder, stem, chunks, by_content=by_content)
    except OSError as exc:
        raise StorageFault(f"{folder} cannot be written: {exc.strerror}.", rule="not-writable") from exc
    show.console().print(
        f"{sum(counts):,} rows in {chunks} shards of {min(counts):,} to {max(counts):,}: "
        f"{folder / stem}-1-of-{chunks}.jsonl and so on.",
        markup=False,
    )
