"""What the machine that has the whole list tells those that have one row at a time: which rows to survey.

    .framepress/runs/<run>/orders/<digest>.json      an order; messages of its rows name the digest
    .framepress/void/<plan digest>                   a plan that has shown itself wrong, and why

An order is ``{"personal": [variable, ...], "rows": N, "samples": [{"row_key", "values", "files"}, ...]}``. It
holds values of rows, as messages do, so it lies among the objects of its run, which `forget` goes through.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from framepress import keys
from framepress.blobs import Blobs
from framepress.errors import InputError
from framepress.variants import Variant

#: Bytes of an order: a few rows, each at most as large as a message.
ORDER_BYTES_MAX = 16 << 20

#: Bytes of the reason that a plan was given up.
_REASON_BYTES_MAX = 1 << 16

_VOID = ".framepress/void"


@dataclass(frozen=True)
class SurveyOrder:
    """A group of rows that may share a plan.

    Attributes:
        personal: variables that differ between them.
        samples: rows to be compared, the two most different first. row_keys: theirs.
        rows: how many the group has.
    """

    personal: tuple[str, ...]
    samples: tuple[Variant, ...]
    row_keys: tuple[str, ...]
    rows: int

    def to_json(self) -> bytes:
        """Canonical, so that equal orders have one digest."""
        samples = [
            {"row_key": key, "values": dict(sample.values), "files": dict(sample.files)}
            for key, sample in zip(self.row_keys, self.samples, strict=True)
        ]
        return keys.canonical_json(
            {"personal": list(self.personal), "rows": str(self.rows), "samples": samples}
        )


def parse_order(data: bytes) -> SurveyOrder:
    """Read `SurveyOrder.to_json`.

    Raises:
        InputError: it is none.
    """
    try:
        found = json.loads(data)
        samples = found["samples"]
        return SurveyOrder(
            tuple(map(str, found["personal"])),
            tuple(Variant(values=dict(one["values"]), files=dict(one["files"])) for one in samples),
            tuple(str(one["row_key"]) for one in samples),
            int(found["rows"]),
        )
    except (ValueError, TypeError, KeyError) as exc:
        raise InputError(
            "What says which rows to compare is damaged. Run `framepress enqueue` again.",
            rule="order-damaged",
        ) from exc


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
            known = tuple(row_keys)
        if set(known) & set(row_keys):
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
