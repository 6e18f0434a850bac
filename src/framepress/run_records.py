"""What became of the rows of a run, beside its clips. This text is the format's specification.

    .framepress/runs/<run>/run.json              what was sent, see `RunFacts`
    .framepress/runs/<run>/records/<writer>-<n>.jsonl    one JSON object per row that ended

A *writer* is one worker process (or a command that settles dead rows), with a random name; only it writes its
files, each time whole, until one has `RECORDS_PER_FILE` records. A row is told by its file name and row key,
and may have several records, because delivery is at least once. Which counts: ``done`` before all others,
else the latest by ``at``. So counts are of rows, not of records.

Fields of a record: ``status`` (done, dead, retried), ``out`` (name in the store), ``row_key``, ``id``,
``row``, ``at`` (seconds since the epoch), and for done ``path`` (stored: its clip was there already),
``reuse``, ``reason`` (why it was rendered plain), ``plan`` (digest, if it was made by one), ``url``,
``poster``, ``bytes``, ``frames``, ``seconds``, ``environment``; for dead ``error``; and ``attempts``,
``job``. No record holds a value of a row. A record is there before the queue is told that its row is done.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from framepress.blobs import Blobs
from framepress.errors import InputError, UsageError

#: Records in one file: some 200 kB, which a worker writes anew once a second at most.
RECORDS_PER_FILE = 500

#: Bytes of a file of records.
_FILE_BYTES_MAX = 64 << 20

#: Run of plain messages that name none.
PLAIN_RUN = "plain"


class RunFacts(BaseModel):
    """What was sent.

    Attributes:
        rows: rows of the list that have a clip of their own; twins, and rows that were refused, not counted.
        template: address of the bundle. queue: URL without credentials.
        sent_at: seconds since the epoch. retain_s: how long queue data and ledger are kept.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    framepress: int = 1
    run: str
    rows: int
    template: str
    store: str
    queue: str
    sent_at: float
    retain_s: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of a run by what became of them.

    Attributes:
        twice: rendered and published more than once, but for those whose plan had been given up.
        again: their clip was made by a plan that has been given up since; they are not `done`.
    """

    done: int
    dead: int
    twice: int
    again: int = 0


def run_prefix(run: str) -> str:
    """Where a run's own objects lie."""
    return f".framepress/runs/{run}"


def write_facts(blobs: Blobs, facts: RunFacts) -> None:
    """Say what a run is about."""
    data = facts.model_dump_json(indent=1).encode()
    blobs.put(f"{run_prefix(facts.run)}/run.json", data, content_type="application/json")


def read_facts(blobs: Blobs, run: str) -> RunFacts:
    """What a run is about.

    Raises:
        UsageError: there is no such run. InputError: it was written by something else.
    """
    data = blobs.get(f"{run_prefix(run)}/run.json", bytes_max=1 << 20)
    if data is None:
        raise UsageError(f"There is no run {run} in that store. Check --run and --out-dir.", rule="no-run")
    try:
        return RunFacts.model_validate_json(data)
    except ValidationError as exc:
        raise InputError(f"The records of run {run} are damaged.", rule="run-damaged") from exc


class RecordWriter:
    """Writes records of one run. Not for several threads."""

    def __init__(self, blobs: Blobs, run: str) -> None:
        self._blobs = blobs
        self._prefix = f"{run_prefix(run)}/records/{secrets.token_hex(8)}"
        self._number = 1
        self._lines: list[bytes] = []
        self._unwritten = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a record; it is kept once `flush` has returned."""
        self._lines.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        self._unwritten += 1

    def flush(self) -> None:
        """Write what is new. If it raises, the next call writes it."""
        if not self._unwritten:
            return
        name = f"{self._prefix}-{self._number}.jsonl"
        self._blobs.put(name, b"".join(self._lines), content_type="application/x-ndjson")
        self._unwritten = 0
        if len(self._lines) >= RECORDS_PER_FILE:
            self._lines.clear()
            self._number += 1


@dataclass
class RunRecords:
    """Reads records of one run; files that have not changed are read once."""

    blobs: Blobs
    run: str
    _files: dict[str, tuple[str, list[dict[str, Any]]]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Look for what is new."""
        seen: set[str] = set()
        for facts in list(self.blobs.list(f"{run_prefix(self.run)}/records")):
            seen.add(facts.name)
            known = self._files.get(facts.name)
            if known is not None and known[0] == facts.version:
                continue
            data = self.blobs.get(facts.name, bytes_max=_FILE_BYTES_MAX)
            if data is not None:
                self._files[facts.name] = (facts.version, list(_parsed(data)))
        for name in set(self._files) - seen:
            del self._files[name]

    def each(self) -> Iterator[dict[str, Any]]:
        """Every record as it was written."""
        for _, records in self._files.values():
            yield from records

    def rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(out, row key) -> the record that counts."""
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for record in self.each():
            key = (str(record.get("out")), str(record.get("row_key")))
            if key not in rows or _rank(record) > _rank(rows[key]):
                rows[key] = record
        return rows

    def tally(self, voided: Container[str] = ()) -> Tally:
        """How many rows ended how, and how many were published twice.

        Args:
            voided: digests of plans that have been given up.
        """
        rows = self.rows()
        published: dict[tuple[str, str], int] = {}
        for record in self.each():
            if record.get("status") != "done" or record.get("path") == "stored":
                continue
            if record.get("plan") not in voided:
                key = (str(record.get("out")), str(record.get("row_key")))
                published[key] = published.get(key, 0) + 1
        done = [record for record in rows.values() if record["status"] == "done"]
        again = sum(record.get("plan") is not None and record["plan"] in voided for record in done)
        return Tally(
            done=len(done) - again,
            dead=sum(record["status"] == "dead" for record in rows.values()),
            twice=sum(count > 1 for count in published.values()),
            again=again,
        )

    def remove(self, outs: set[str]) -> int:
        """Remove the records of these files; returns how many. The run should be at rest."""
        removed = 0
        for name, (_, records) in list(self._files.items()):
            kept = [record for record in records if record.get("out") not in outs]
            if len(kept) == len(records):
                continue
            removed += len(records) - len(kept)
            if kept:
                lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in kept)
                self.blobs.put(name, "".join(f"{line}\n" for line in lines).encode())
            else:
                self.blobs.delete(name)
        self.refresh()
        return removed


def _rank(record: Mapping[str, Any]) -> tuple[bool, float]:
    return record.get("status") == "done", float(record.get("at") or 0)


def _parsed(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("status") in ("done", "dead", "retried"):
            yield record
