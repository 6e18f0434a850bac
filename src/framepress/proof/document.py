"""A proof as `proof.json`, which programs read, and as `proof.html`, which people look at.

`proof.json`, format 1: a JSON object with

- ``framepress_proof``: 1;
- ``identity``: what an approval is bound to, see `identity`;
- ``composition``, ``list``, ``made_at``, ``moments`` (seconds), ``counts`` (per severity);
- ``findings``: objects with rule, severity, row, id, field, time, box (x, y, width, height in pixels of the
  composition), element and detail; ``value`` too where values were asked for;
- ``table``: columns; ``proof_set``: rows with reasons; ``left_out``: reasons without room;
- ``approvals``: see `approval`.

No value of a row is in it unless it was asked for.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from framepress.preflight.rules import RULES, SEVERITIES, Finding
from framepress.preflight.table import Column
from framepress.proof.found import Proof
from framepress.proof.identity import Identity
from framepress.rows import list_name

FORMAT = 1

#: Characters of a value that the page shows.
VALUE_MAX = 400


def proof_document(proof: Proof, identity: Identity, *, show_values: bool) -> dict[str, Any]:
    """The content of `proof.json`."""
    gathered = proof.gathered
    return {
        "framepress_proof": FORMAT,
        "identity": identity.as_dict(),
        "composition": {"name": proof.composition_name, "digest": proof.composition_digest},
        "list": {
            "name": list_name(proof.request.listed.rows),
            "rows": gathered.rows,
            "refused": gathered.refused,
        },
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "moments": [round(proof.basis.time_s(frame), 3) for frame in proof.basis.frames],
        "laid_out": {"in_frames": proof.basis.unframed is None, "because": proof.basis.unframed},
        "counts": {severity: proof.count(severity) for severity in SEVERITIES},
        "findings": [
            _finding(proof, one) | ({"value": _value(proof, one)} if show_values else {})
            for one in proof.findings
        ],
        "table": [_column(column) for column in gathered.table.columns.values()],
        "proof_set": [
            {"row": one.row, "id": gathered.ids[one.row], "reasons": list(one.reasons)} for one in proof.shown
        ],
        "left_out": list(proof.proof_set.left_out),
        "approvals": [],
    }


def proof_page(proof: Proof, document: dict[str, Any], proof_path: str) -> str:
    """`proof.html`: one file that needs no other.

    Args:
        proof_path: of `proof.json`, as the person who approves would write it.
    """
    findings = []
    for index, one in enumerate(proof.findings):
        rule, crop = RULES[one.rule], proof.crops.get(index)
        findings.append(
            _finding(proof, one)
            | {
                "title": rule.title,
                "cure": rule.cure,
                "value": _value(proof, one),
                "moment": _moment(proof, one),
                "crop": _data("image/jpeg", crop) if crop else None,
            }
        )
    data = {
        **{name: document[name] for name in ("composition", "list", "made_at", "moments", "counts", "table")},
        "proof_path": proof_path,
        "size": list(proof.basis.size),
        "times": {str(frame): proof.basis.time_s(frame) for frame in proof.basis.frames},
        "findings": findings,
        "kinds": {one.kind: _kind(one) for one in reversed(proof.findings)},
        "left_out": [_reason(reason) for reason in proof.proof_set.left_out],
        "rows": [
            {
                "row": one.row,
                "id": proof.gathered.ids[one.row],
                "reasons": list(one.reasons),
                "values": {name: value[:VALUE_MAX] for name, value in one.values.items()},
                "stills": {
                    str(frame): _data("image/jpeg", one.stills[frame]) for frame in sorted(one.stills)
                },
                "clip": _data("video/mp4", one.clip) if one.clip else None,
            }
            for one in proof.shown
        ],
    }
    # "<" would end the script element in a value that says so; U+2028 is fine in JSON elements.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    page = _text("page.html").replace("/*CSS*/", _text("page.css"))
    head, script = page.split("/*DATA*/")
    return head + text + script.replace("/*JS*/", _text("page.js"))


def _finding(proof: Proof, one: Finding) -> dict[str, Any]:
    box = one.box
    return {
        "severity": one.severity,
        "rule": one.rule,
        "row": one.row,
        "id": proof.gathered.ids.get(one.row, str(one.row)) if one.row is not None else None,
        "field": one.field,
        "time": one.time_s,
        "box": [box.x, box.y, box.width, box.height] if box is not None else None,
        "element": one.element,
        "detail": one.detail,
    }


def _value(proof: Proof, one: Finding) -> str | None:
    if one.row is None or one.field is None:
        return None
    text = proof.texts.get((one.row, one.field))
    return text if text is None or len(text) <= VALUE_MAX else text[:VALUE_MAX] + "…"


def _moment(proof: Proof, one: Finding) -> int | None:
    if one.time_s is None:
        return None
    return min(proof.basis.frames, key=lambda frame: abs(proof.basis.time_s(frame) - (one.time_s or 0)))


def _kind(one: Finding) -> dict[str, str]:
    where = f" ({one.field})" if one.field else ""
    return {"severity": one.severity, "words": RULES[one.rule].title + where}


def _reason(reason: str) -> str:
    if not reason.startswith("finding "):
        return reason
    rule, _, name = reason.removeprefix("finding ").partition(":")
    return f"{RULES[rule].title} ({name})" if name else RULES[rule].title


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "count": column.count,
        "missing": column.missing,
        "distinct": column.distinct.count,
        "distinct_exact": column.distinct.exact,
        "shortest": list(column.shortest if column.shortest[1] else (0, 0)),
        "longest": list(column.longest),
        "least_row": column.least[1] if column.least else None,
        "most_row": column.most[1] if column.most else None,
        "scripts": dict(column.scripts.most_common()),
    }


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
