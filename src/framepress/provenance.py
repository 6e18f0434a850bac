"""What a finished file says of how it was made, and whether that will do for what is asked for now.

Provenance is a JSON object in the file's ``comment``:

    {"framepress": 1,                      PROVENANCE_VERSION
     "row_key":     <row key>,             what was asked for
     "path":        "plain" or "reuse",    every frame captured whole, or put together by a plan
     "environment": <environment digest>,  what made the pixels
     "plan":        <plan digest>,         only of "reuse"
     "reuse":       "frames", "segments" or "bands"}  only of "reuse": how far it went
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: The version of provenance we write and understand.
PROVENANCE_VERSION = 1

#: How far reuse between rows may go, from nothing to encoded pictures.
Reuse = Literal["off", "frames", "segments", "bands"]
REUSE_LEVELS: tuple[Reuse, ...] = ("off", "frames", "segments", "bands")


@dataclass(frozen=True)
class Demands:
    """What a stored file must be, beyond having the row key that is asked for.

    Attributes:
        max_reuse: what was made with more reuse than this will not do.
        voided: digests of plans that have shown themselves wrong; what was made by one of them will not do.
        environment: what another environment made will not do; None: any will.
    """

    max_reuse: Reuse = "bands"
    voided: frozenset[str] = frozenset()
    environment: str | None = None


def satisfies(provenance: Mapping[str, Any], demands: Demands) -> bool:
    """Whether a file of ours with this provenance will do. In doubt it will not: it is rendered again."""
    if demands.environment is not None and provenance.get("environment") != demands.environment:
        return False
    if provenance.get("path") == "plain":
        return True
    if provenance.get("plan") in demands.voided or provenance.get("path") in demands.voided:
        return False
    # A level that we do not know is one that a later version added: more than any that we know.
    level = provenance.get("reuse")
    return level in REUSE_LEVELS[: REUSE_LEVELS.index(demands.max_reuse) + 1]


def parse_provenance(comment: str | None) -> dict[str, Any]:
    """The facts in a comment; empty if it is not ours, or of a version that we do not know."""
    if comment is None:
        return {}
    try:
        facts = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(facts, dict) or facts.get("framepress") != PROVENANCE_VERSION:
        return {}
    return facts
