"""What rows of a queue share on a worker: a folder of pieces, the orders of their lists, plans given up.

How far reuse goes is decided here, row by row, or why there is none; nothing is compared or rendered.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

from framepress import variants
from framepress.blobs import open_blobs
from framepress.bundle import parse_bundle
from framepress.cache_options import CacheOptions, cache_options, cache_or_folder
from framepress.composition import Composition
from framepress.errors import InputError
from framepress.local_compositions import LocalCompositions
from framepress.messages import Message
from framepress.orders import SurveyOrder, alone, get_order, voided_plans
from framepress.provenance import Demands
from framepress.workshop import reuse_level

#: Why rows of a queue are rendered plain.
ORDER_GONE = "what says which rows to compare is gone from the store, or of another version"
OTHER_FILES = "a row that it is compared with has another file of the same name"
NO_PIECES = "the worker has no folder for what rows share (FRAMEPRESS_CACHE_DIR, TMPDIR)"

#: Seconds after which a worker looks again which plans others have given up.
VOIDS_S = 30.0

#: Survey orders kept; a run has one per format and locale.
ORDERS_MAX = 32


class FleetReuse:
    """Reuse between rows that come one by one.

    Args:
        compositions: where the files of samples are put.
        stack: removes a folder of pieces that goes with the worker when it is closed.

    Attributes:
        pieces: where plans, plates and segments are; None: reuse is off, or there is no room.

    Raises:
        UsageError: FRAMEPRESS_MAX_REUSE is no level.
    """

    def __init__(self, environ: Mapping[str, str], compositions: LocalCompositions, stack: ExitStack) -> None:
        self._compositions = compositions
        self._stack = stack
        self._demands = Demands(max_reuse=reuse_level(None, environ))
        self.pieces = self._choose_pieces(environ)
        self._orders: dict[tuple[str, str], SurveyOrder | None] = {}
        #: Per store: when it was last looked at, and the plans that its workers have given up.
        self._voids: dict[str, tuple[float, frozenset[str]]] = {}

    def refuse(self, place: str, plan: str) -> None:
        """A plan has been given up: clips that were made by it will not do."""
        _, known = self._voids.get(place, (0.0, frozenset()))
        self._voids[place] = (time.monotonic(), known | {plan})

    def demands_of(self, place: str) -> Demands:
        """What a stored clip must be, as far as the store's workers know."""
        looked_at, known = self._voids.get(place, (-math.inf, frozenset()))
        if time.monotonic() - looked_at >= VOIDS_S:
            known = voided_plans(open_blobs(place))
            self._voids[place] = (time.monotonic(), known)
        return replace(self._demands, voided=known)

    def order(
        self, message: Message, place: str, composition: Composition, variant: variants.Variant
    ) -> tuple[SurveyOrder | None, str | None]:
        """What of the list's order matters to the row, with the files of its samples here; or why there is
        none."""
        if self._demands.max_reuse == "off":
            # There is nothing to explain, as in a run without a queue.
            return None, None
        if self.pieces is None:
            return None, NO_PIECES
        if message.order is None or message.run is None:
            return alone(variant), None
        key = (place, message.order)
        if key not in self._orders:
            while len(self._orders) >= ORDERS_MAX:
                self._orders.pop(next(iter(self._orders)))
            # One that cannot be read is of another version: its rows are plain, not dead.
            self._orders[key] = None
            with contextlib.suppress(InputError):
                self._orders[key] = get_order(open_blobs(place), message.run, message.order)
        order = self._orders[key]
        if order is None:
            return None, ORDER_GONE
        order = order.near(variant.values)
        ref = parse_bundle(message.template)
        for cell in order.cells if ref is not None else ():
            for sample in cell.samples:
                assert ref is not None
                files = sample.variant.files
                if files and self._compositions.unpacked(ref, files).folder != composition.folder:
                    return None, OTHER_FILES
        return order, None

    def _choose_pieces(self, environ: Mapping[str, str]) -> CacheOptions | None:
        """This machine's cache, or a folder that goes with the worker; None: reuse is off, or no room."""
        if self._demands.max_reuse == "off":
            return None
        return cache_or_folder(cache_options(environ), self._stack)
