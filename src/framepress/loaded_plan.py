"""A plan with its pieces open, and frames put together by it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from framepress.above_pieces import unpack_above
from framepress.band_canvas import StillLines
from framepress.cache import Cache
from framepress.composite import Canvas, Overlay, blend
from framepress.frames_to_segments import EncodedFrames
from framepress.keys import SeenKeys
from framepress.layer_captures import OverlayPng
from framepress.layered import LayerFrame
from framepress.overlay_reader import OverlayReader
from framepress.plan import Plan
from framepress.plate import Plate
from framepress.stills import Pixels


class InkOutside(Exception):
    """Something is painted on the edge of a captured part, so there may be more outside."""


@dataclass
class PlannedFrames:
    """What became of a row.

    Attributes:
        captures: parts that were captured. captured_count: frames of which at least one part was.
        stored_segments: GOPs that were there already. stored_bands: bands of others that were.
        level: how far reuse went, one of `plan.LEVELS`.
    """

    encoded: EncodedFrames = field(default_factory=EncodedFrames)
    captures: int = 0
    stored_segments: int = 0
    stored_bands: int = 0
    level: str = "frames"


class LoadedPlan:
    """A plan with its pieces open. Not shared between processes; the plate's pages are."""

    def __init__(self, plan: Plan, plate: Path, above: Sequence[Sequence[OverlayPng]] | None) -> None:
        self.plan = plan
        self.plate = Plate(plate, plan.slots, plan.width, plan.height)
        self._above = above
        self._overlays = OverlayReader(plan.width, plan.height)
        self.still_lines = StillLines(self.plate, plan.height)
        self.seen_bands = SeenKeys()
        self.seen_layers = SeenKeys()
        #: Pairs that met in other rows, and in the order in which the plan has them.
        self.met = set(plan.met)

    @classmethod
    def load(cls, plan: Plan, cache: Cache) -> LoadedPlan | None:
        """Open the pieces of a plan; None: they are not (all) in the cache."""
        plate = cache.get("plate", plan.plate)
        above = cache.get_bytes("overlay", plan.overlay) if plan.overlay is not None else None
        if plate is None or (plan.overlay is not None and above is None):
            return None
        with suppress(OSError, ValueError, KeyError, TypeError):
            return cls(plan, plate, unpack_above(above) if above is not None else None)
        return None

    def above(self, index: int) -> list[Overlay]:
        """What is painted over everything personal at a frame."""
        return self._overlays.read(self._above[index]) if self._above is not None else []


class Compositor:
    """Puts overlays on the frames of a plate. Used by one thread."""

    def __init__(self, loaded: LoadedPlan) -> None:
        plan = loaded.plan
        self._loaded = loaded
        self._overlays = OverlayReader(plan.width, plan.height)
        self.canvas = Canvas(plan.width, plan.height)

    def overlays(self, frame: LayerFrame) -> list[Overlay]:
        """The overlays of a frame that show anything.

        Raises:
            InkOutside: one may go on outside of what was captured.
        """
        found = self._overlays.read(frame.overlays)
        for overlay in found:
            if overlay.touches_edge:
                rect = overlay.rect
                raise InkOutside(f"frame {frame.index}, {rect.width}x{rect.height} at {rect.x}, {rect.y}")
        return found

    def pixels(self, overlay: OverlayPng) -> Pixels:
        """See `OverlayReader.pixels`."""
        return self._overlays.pixels(overlay)

    def draw(self, index: int, overlays: Sequence[Overlay]) -> None:
        """Fill the canvas with a frame."""
        self.canvas.fill(self._loaded.plate.frame(index))
        for overlay in (*overlays, *self._loaded.above(index)):
            blend(self.canvas.planes, overlay)
