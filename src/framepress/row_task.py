"""What a worker is told about one row."""

from __future__ import annotations

from dataclasses import dataclass

from framepress import variants
from framepress.declarations import FORMAT_NAME
from framepress.orders import SurveyOrder
from framepress.provenance import Demands, Reuse
from framepress.results import RowResult
from framepress.store import ANY_WILL_DO, Stored
from framepress.wanted_poster import WantedPoster


@dataclass(frozen=True)
class RowTask:
    """What a worker is told about one row.

    Attributes:
        variant: its values.
        row_key: see `keys.row_key`.
        out: name in the store.
        poster: None: no poster is wanted.
        stored: the clip, if it is there and only its poster is missing; None: it is not.
        plan: plan key of the row's group, and the digest of its plan; None: it is rendered plain, and
            `plain_because` says why.
        reuse: how far reuse may go.
        stays: what a clip of the same row must be that somebody else has published meanwhile; None: it is
            replaced whatever it is.
        order: the group that the row belongs to, if whoever gives the task does not know of its plan; see
            `ordered_rows`.
        captured_anew: capture its personal layer although it may be known, to see what that costs.
    """

    variant: variants.Variant
    row_key: str
    out: str
    row: int | None = None
    id: str = ""
    attempt: int = 1
    poster: WantedPoster | None = None
    stored: Stored | None = None
    plan: str | None = None
    plan_digest: str | None = None
    plain_because: str | None = None
    reuse: Reuse = "off"
    stays: Demands | None = ANY_WILL_DO
    order: SurveyOrder | None = None
    captured_anew: bool = False

    @property
    def format(self) -> str | None:
        """In which the row is rendered; None: as composed."""
        return self.variant.values.get(FORMAT_NAME)

    def result_of(self, stored: Stored, poster: str | None = None) -> RowResult:
        """How the row ended if its clip was there."""
        return stored_result(stored, self.row_key, self.row, self.format, self.id, poster)


def stored_result(
    stored: Stored, row_key: str, row: int | None, format_: str | None, id_: str, poster: str | None
) -> RowResult:
    """How a row ended whose clip was there: what is said of the clip is what it says of itself."""
    return RowResult(
        row=row,
        format=format_,
        id=id_,
        status="done",
        out=str(stored.path),
        row_key=row_key,
        path="stored",
        # A plan that is given up later takes this clip with it.
        plan=stored.plan,
        bytes=stored.size,
        poster=poster,
        environment=stored.environment,
    )
