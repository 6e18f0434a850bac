"""What the machine that has the whole list tells those that have one row at a time: which rows to survey.

    .framepress/runs/<run>/orders/<digest>.json      an order; messages of its rows name the digest
    .framepress/void/<plan digest>                   a plan that has shown itself wrong, and why

An order is ``{"personal": [variable, ...], "by": [variable, ...], "cells": [{"rows": N, "values": {...},
"samples": [{"row_key", "values", "files"}, ...]}, ...]}``; see `SurveyOrder`. It holds values
of rows, as messages do, so it lies among the objects of its run, which `forget` goes through.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from framepress import keys
from framepress.blobs import Blobs
from framepress.declarations import OWN_NAMES
from framepress.errors import InputError
from framepress.samples import Sample, SampleChooser
from framepress.variants import Variant

#: Bytes of an order: a few rows, each at most as large as a message.
ORDER_BYTES_MAX = 16 << 20

#: Bytes of the reason that a plan was given up.
_REASON_BYTES_MAX = 1 << 16

_VOID = ".framepress/void"


@dataclass(frozen=True)
class OrderedCell:
    """Rows that agree in all of `SurveyOrder.by` (see `division`).

    Attributes:
        rows: how many there are.
        values: in which they agree, names of ours among them.
        samples: some of them.
    """

    rows: int
    values: Mapping[str, str]
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class SurveyOrder:
    """Which rows of a list to compare, whatever variables may turn out to change most of the picture.

    Attributes:
        personal: variables that differ between rows.
        by: of these, those by which the list can be divided.
        cells: of the list; those of a row, in what `near` gives.
    """

    personal: tuple[str, ...]
    by: tuple[str, ...]
    cells: tuple[OrderedCell, ...]

    def to_json(self) -> bytes:
        """Canonical, so that equal orders have one digest."""
        cells = [
            {
                "rows": str(cell.rows),
                "samples": [_sample_json(sample) for sample in cell.samples],
                "values": dict(cell.values),
            }
            for cell in self.cells
        ]
        return keys.canonical_json({"by": list(self.by), "cells": cells, "personal": list(self.personal)})

    @property
    def row_keys(self) -> frozenset[str]:
        """Of all samples."""
        return frozenset(sample.row_key for cell in self.cells for sample in cell.samples)

    def part(self, values: Mapping[str, str], shared: Collection[str] = ()) -> Part | None:
        """The rows that agree with one in its own names and in `shared`; None: the list is not divided so.

        Args:
            values: of the row.
            shared: variables that change most of the picture.
        """
        names = (*OWN_NAMES, *shared)
        cells = [cell for cell in self.cells if _agree(cell.values, values, names)]
        if not cells or not set(shared) <= set(self.by):
            return None
        personal = tuple(name for name in self.personal if name not in shared)
        chooser = SampleChooser(personal)
        for cell in cells:
            for sample in cell.samples:
                chooser.look_at(sample)
        samples = tuple(sample.variant for sample in chooser.samples())
        return Part(samples, personal, sum(cell.rows for cell in cells))

    def near(self, values: Mapping[str, str]) -> SurveyOrder:
        """The order without the samples that cannot matter to a row: its `part` is the same, whatever
        variables it is asked for.
        """
        whole = self.part(values)
        chosen = {id(variant) for variant in whole.samples} if whole is not None else set()
        cells = []
        for cell in self.cells:
            # A part by some variables has cells that agree with the row in all of these, so at least in one.
            near = any(cell.values[name] == values.get(name) for name in self.by)
            samples = tuple(one for one in cell.samples if near or id(one.variant) in chosen)
            cells.append(replace(cell, samples=samples))
        return replace(self, cells=tuple(cells))


def alone(row: Variant) -> SurveyOrder:
    """The order of a row whose message names none: of a short list, or sent by another program."""
    return SurveyOrder((), (), (OrderedCell(1, row.values, (Sample("", row),)),))


@dataclass(frozen=True)
class Part:
    """Rows that may share a plan.

    Attributes:
        samples: to be compared, the two most different first.
        personal: variables that differ between them.
        rows: how many there are.
    """

    samples: tuple[Variant, ...]
    personal: tuple[str, ...]
    rows: int


def _agree(one: Mapping[str, str], other: Mapping[str, str], names: Iterable[str]) -> bool:
    return all(one.get(name) == other.get(name) for name in names)


def _sample_json(sample: Sample) -> dict[str, object]:
    variant = sample.variant
    return {"files": dict(variant.files), "row_key": sample.row_key, "values": dict(variant.values)}


def parse_order(data: bytes) -> SurveyOrder:
    """Read `SurveyOrder.to_json`.

    Raises:
        InputError: it is none.
    """
    try:
        return _read_order(json.loads(data))
    except (ValueError, TypeError, KeyError) as exc:
        raise InputError(
            "What says which rows to compare is damaged. Run `framepress enqueue` again.",
            rule="order-damaged",
        ) from exc


def _read_order(found: Mapping[str, Any]) -> SurveyOrder:
    by = tuple(map(str, found["by"]))
    cells = tuple(
        OrderedCell(int(cell["rows"]), dict(cell["values"]), tuple(map(_read_sample, cell["samples"])))
        for cell in found["cells"]
    )
    if not all(set(by) <= set(cell.values) for cell in cells):
        raise ValueError("a cell that does not say in what its rows agree")
    return SurveyOrder(tuple(map(str, found["personal"])), by, cells)


def _read_sample(found: Mapping[str, Any]) -> Sample:
    return Sample(str(found["row_key"]), Variant(dict(found["values"]), dict(found["files"])))


def order_name(run: str, digest: str) -> str:
    """Where an order lies in the store."""
    return f".framepress/runs/{run}/orders/{digest}.json"


def put_order(blobs: Blobs, run: str, order: SurveyOrder) -> str:
    """Store an order; returns its digest."""
    data = order.to_json()
    digest = keys.digest_bytes(data)
    if not blobs.exists(order_name(run, digest)):
        blobs.put(order_name(run, digest), data, content_type="application/json")
    return digest


def get_order(blobs: Blobs, run: str, digest: str) -> SurveyOrder | None:
    """An order; None: it is gone, or is not what its name says.

    Raises:
        InputError: it is damaged.
    """
    data = blobs.get(order_name(run, digest), bytes_max=ORDER_BYTES_MAX)
    if data is None or keys.digest_bytes(data) != digest:
        return None
    return parse_order(data)


def remove_orders(blobs: Blobs, run: str, row_keys: Sequence[str]) -> int:
    """Remove the orders that hold values of these rows; returns how many.

    Their groups are rendered plain from then on.
    """
    removed = 0
    for facts in list(blobs.list(f".framepress/runs/{run}/orders")):
        data = blobs.get(facts.name, bytes_max=ORDER_BYTES_MAX)
        if data is None:
            continue
        try:
            known = parse_order(data).row_keys
        except InputError:
            known = frozenset(row_keys)
        if known & set(row_keys):
            blobs.delete(facts.name)
            removed += 1
    return removed


# ---- plans that were wrong ----------------------------------------------------------------------


def put_void(blobs: Blobs, plan: str, reason: str) -> None:
    """Say to all workers of this store that a plan is wrong."""
    blobs.put(f"{_VOID}/{plan}", reason.encode("utf-8")[:_REASON_BYTES_MAX], content_type="text/plain")


def voided_plans(blobs: Blobs) -> frozenset[str]:
    """Digests of plans that workers of this store have given up."""
    return frozenset(facts.name.rpartition("/")[2] for facts in blobs.list(_VOID))
