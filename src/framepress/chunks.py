"""A list split into shards, for whoever routes them to machines by other means than a queue.

A shard is JSON Lines: the rows as they were read, numbers as they were written, in the order of the list. By
*content-hash* a row goes where its values say (the digest of their canonical bytes, modulo the number of
shards), so that the same row is always in the same shard, whatever else is in the list; by *row*, in turn.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from framepress.errors import RowsError
from framepress.keys import canonical_json, digest_bytes
from framepress.lexeme import dumps
from framepress.partial import replacing
from framepress.rows import BadRow, RowSource


def shard_of(values: Mapping[str, object], shards: int) -> int:
    """The shard of a row by its values, from 0."""
    # As text, so that a number means the same in CSV and JSON.
    text = {name: value if isinstance(value, str) else dumps(value) for name, value in values.items()}
    return int(digest_bytes(canonical_json(text))[:16], 16) % shards


def split_rows(source: RowSource, folder: Path, stem: str, shards: int, *, by_content: bool) -> list[int]:
    """Write the shards; they appear whole, or none does. Returns how many rows each has. Closes `source`.

    Raises:
        RowsError: a row cannot be read. OSError: as the file system says.
    """
    counts = [0] * shards
    with source, ExitStack() as stack:
        files = [
            io.TextIOWrapper(
                stack.enter_context(replacing(folder / f"{stem}-{n + 1}-of-{shards}.jsonl")), encoding="utf-8"
            )
            for n in range(shards)
        ]
        for row in source:
            if isinstance(row, BadRow):
                raise RowsError(row.error.message, rule=row.error.rule)
            shard = shard_of(row.values, shards) if by_content else (row.number - 1) % shards
            files[shard].write(dumps(dict(row.values)) + "\n")
            counts[shard] += 1
        for file in files:
            file.detach()
    return counts
