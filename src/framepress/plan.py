"""The document that says how the rows of a group are rendered; immutable, named by its digest.

As JSON (`Plan.to_json`): the fields of `Plan` by their names, rectangles as ``[x, y, width, height]``, the
rate as ``"30/1"``, pictures as base64. It holds no value of any row: groups are known by a digest.

    plan key      piece key "plan" of environment, composition, settings, personal variables, and the digest
                  of the values of all others
    plan digest   digest of the plan's bytes; it stands in the provenance of every clip made by it
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from framepress import keys
from framepress.band_layout import Band, Layout, from_lists
from framepress.rects import Rect

#: Raised when plans of before must not be used any more. 1: the first. 2: with bands.
#: 3: with ranges. 4: looks have the style as a number of its own. 5: what is enlarged or blurred paints
#: further. 6: a look is its contents, then its box. 7: what a script turns is looked at as in a clip.
#: 8: with vectors. 9: with what was seen to meet.
PLAN_VERSION = 9

#: How far reuse may go, least first: not at all; overlays on plates; finished segments too; parts of pictures
#: as well.
LEVELS = ("off", "frames", "segments", "bands")

#: Rows below which a plan costs more than it saves: it takes about as long as three clips on the plain path.
GROUP_ROWS_MIN = 4

#: Rows up to which a group does with the plan of a larger one, that was made for another list. More than they
#: need is captured for its rows then, so a longer list is worth a survey of its own.
WIDER_ROWS_MAX = 100


class Touch(NamedTuple):
    """Something personal and something that is not, which paint in one place.

    Attributes:
        personal, other: their places.
        depth, area: of the rectangle in which they do: its shorter side in CSS pixels, and its area, rounded
            up.
    """

    personal: str
    other: str
    depth: int
    area: int


@dataclass(frozen=True)
class Check:
    """A moment at which the rest of every row's picture is compared.

    Attributes:
        picture: PNG of everything that is not personal, at a quarter of the size.
        look: of the same as one number, styles included.
    """

    frame: int
    picture: bytes
    look: int


@dataclass(frozen=True)
class Plan:
    """See the head of the module.

    Attributes:
        environment, composition: digests.
        width, height: of the picture, pixels. css_width: of the composition.
        group: digest of what the rows of the group share (`group_digest`). variables: those that differ.
        personal: places of the personal elements. names: what people call them.
        areas: where each of them has painted in the survey, at any time.
        above: places of elements that are painted over personal ones, and are the same for all.
        plate: key of the piece with the frames that all rows share. slots: which of its pictures each frame
            shows.
        overlay: key of the piece with the pictures of `above`; None: there is none.
        rest: per frame, how everything else looks, as one number.
        personal_frames: first and last frame of each personal element, [first, last]; empty: never seen.
        stateful: why the page cannot be entered in the middle.
        samples: rows that were surveyed.
        met: what is not personal and painted where something personal did, in the rows of which every frame
            was checked, and in the order of the plan: places of the personal element and the other.
        touched: what did so in another order, and pictures agreed all the same.
        bands: per GOP, the bands into which its pictures are cut. whole_because: why they are not, if not.
        ranges: per GOP, the first frame that is encoded for each row and the first that is not any more; what
            is before and behind is encoded once for all rows. Empty: GOPs are not cut.
        full_pel: per GOP, whether its bands have vectors to whole samples only. Empty: none has.
    """

    environment: str
    composition: str
    width: int
    height: int
    css_width: int
    fps: Fraction
    frame_count: int
    group: str
    variables: tuple[str, ...]
    personal: tuple[str, ...]
    names: tuple[str, ...]
    areas: tuple[Rect | None, ...]
    above: tuple[str, ...]
    plate: str
    slots: tuple[int, ...]
    overlay: str | None
    rest: tuple[int, ...]
    checks: tuple[Check, ...]
    personal_frames: tuple[tuple[int, ...], ...]
    stateful: tuple[str, ...]
    samples: int
    met: tuple[tuple[str, str], ...] = ()
    touched: tuple[Touch, ...] = ()
    bands: tuple[Layout, ...] = ()
    whole_because: str = ""
    ranges: tuple[tuple[int, ...], ...] = ()
    full_pel: tuple[bool, ...] = ()

    @property
    def scale(self) -> float:
        """Pixels of the picture per CSS pixel."""
        return self.width / self.css_width

    @cached_property
    def digest(self) -> str:
        return keys.digest_bytes(self.to_json())

    def to_json(self) -> bytes:
        """The plan's bytes; equal plans have equal ones."""
        document = {one.name: _plain(getattr(self, one.name)) for one in fields(self)}
        return keys.canonical_json({**document, "format": PLAN_VERSION})

    @classmethod
    def from_json(cls, data: bytes) -> Plan:
        """Read `to_json`.

        Raises:
            ValueError: it is not a plan of this version.
        """
        try:
            facts: dict[str, Any] = json.loads(data)
            if not isinstance(facts, dict) or facts.pop("format") != PLAN_VERSION:
                raise ValueError("a plan of another version")
            return cls(**{one.name: _READERS.get(one.name, _same)(facts[one.name]) for one in fields(cls)})
        except (KeyError, TypeError) as exc:
            raise ValueError("not a plan") from exc


def _plain(value: object) -> object:
    match value:
        case Rect():
            return value.as_list()
        case Band():
            return value.as_list()
        case Check():
            picture = base64.b64encode(value.picture).decode("ascii")
            return {"frame": value.frame, "look": value.look, "picture": picture}
        case tuple():
            return [_plain(item) for item in value]
    return value


def _same(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_READERS: dict[str, Callable[[Any], Any]] = {
    "fps": Fraction,
    "areas": lambda areas: tuple(Rect(*area) if area is not None else None for area in areas),
    "checks": lambda checks: tuple(
        Check(check["frame"], base64.b64decode(check["picture"]), check["look"]) for check in checks
    ),
    "bands": from_lists,
    "met": lambda met: tuple((personal, other) for personal, other in met),
    "touched": lambda touched: tuple(Touch(*one) for one in touched),
    "ranges": lambda ranges: tuple(tuple(one) for one in ranges),
    "personal_frames": lambda spans: tuple(tuple(span) for span in spans),
}


# ---- groups -------------------------------------------------------------------------------------


def group_digest(values: Mapping[str, str], personal: Sequence[str]) -> str:
    """What rows of one group have in common: the values of all variables that are not personal, as a
    digest.
    """
    shared = {name: value for name, value in values.items() if name not in personal}
    return keys.digest_bytes(keys.canonical_json(shared))


def plan_key(
    environment: str,
    composition: str,
    settings: Mapping[str, object],
    personal: Sequence[str],
    group: str,
    *,
    bands: bool = False,
) -> str:
    """The key under which the plan of a group is kept.

    Args:
        bands: whether bands were looked for. A run that may not join pictures does not do so for a plan.
    """
    return keys.piece_key(
        "plan",
        environment=environment,
        composition=composition,
        settings=settings,
        personal=sorted(personal),
        group=group,
        bands=bands,
        version=PLAN_VERSION,
    )


def spans(frames_of: Mapping[str, set[int]], roots: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """First and last frame at which each of `roots`, or something inside, paints."""
    result = []
    for root in roots:
        seen = [
            f
            for place, frames in frames_of.items()
            if place == root or place.startswith(f"{root}/")
            for f in frames
        ]
        result.append((min(seen), max(seen)) if seen else ())
    return tuple(result)


def check_frames(frame_count: int, count: int = 5) -> tuple[int, ...]:
    """The moments at which every row is compared with its plate: evenly spread, and the last frame."""
    spread = {frame_count * (2 * k + 1) // (2 * count) for k in range(count)}
    return tuple(sorted(spread | {frame_count - 1}))
