"""A person's word on a proof, kept in `proof.json`, and whether it holds for what is about to be rendered.

An entry of ``approvals``:

- ``by``, ``note``: as typed; ``at``: ISO 8601, UTC; ``scope``: ``template`` or ``rows``;
- ``proof``: SHA-256, in hexadecimal, of the canonical JSON of the document without ``approvals``;
- ``kind``: ``record`` or ``hmac-sha256``; ``mac``: HMAC-SHA256, in hexadecimal, over the canonical JSON of
  the entry without ``mac``, under the bytes of the key.

Canonical JSON: keys sorted, no blanks, ASCII. A record says who was asked, not who answered: whoever can
write the file can write any name. Only the HMAC shows that the writer had the key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from framepress.errors import InputError, StorageFault, UsageError
from framepress.proof.document import FORMAT
from framepress.proof.identity import Identity

Scope = Literal["template", "rows"]
SCOPES: tuple[Scope, ...] = ("template", "rows")

#: Characters of a name and of a note.
WORDS_MAX = 500


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval that holds. `signed`: it carries a valid HMAC under the key that was given."""

    by: str
    at: str
    scope: Scope
    signed: bool


def approve(
    path: Path, *, by: str, scope: Scope, note: str, key: bytes | None, accept_errors: bool
) -> Approval:
    """Add an approval to a proof.

    Args:
        key: None: a record, else an HMAC.

    Raises:
        UsageError: no name. InputError: no proof, or one with errors that were not accepted.
        StorageFault: the file cannot be written; it is as before.
    """
    if not by.strip() or len(by) > WORDS_MAX or len(note) > WORDS_MAX:
        raise UsageError(
            f"--by takes the name of the person who approves, up to {WORDS_MAX} characters.", rule="by"
        )
    document = read_proof(path)
    errors = document["counts"]["error"]
    if errors and not accept_errors:
        raise InputError(
            f"{path}: the proof has {errors} error{'s' if errors != 1 else ''}. Correct the list or the "
            "template and run the proof again, or approve it as it is: --accept-errors.",
            rule="proof-errors",
        )
    entry = {
        "by": by.strip(),
        "note": note,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scope": scope,
        "proof": _digest(document),
        "kind": "hmac-sha256" if key else "record",
    }
    document["approvals"] = [*document["approvals"], entry | ({"mac": _mac(entry, key)} if key else {})]
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as exc:
        raise StorageFault(f"{path} cannot be written: {exc.strerror}.", rule="proof-write") from exc
    return Approval(entry["by"], entry["at"], scope, signed=key is not None)


def check_approval(path: Path, identity: Identity, *, key: bytes | None) -> Approval:
    """The latest approval that holds for what is to be rendered.

    Args:
        identity: of what is to be rendered.
        key: with one, only approvals signed with it count.

    Raises:
        InputError: none does; the message says what is different.
    """
    document = read_proof(path)
    if not document["approvals"]:
        raise InputError(
            f'{path} is not approved. Look at proof.html, then: framepress approve {path} --by "Your Name".',
            rule="not-approved",
        )
    reasons = []
    for entry in reversed(document["approvals"]):
        reason = _why_not(entry, document, identity, key)
        if reason is None:
            return Approval(entry["by"], entry["at"], entry["scope"], signed=key is not None)
        reasons.append(reason)
    raise InputError(
        f"{path}: the approval does not hold: {reasons[0]}. Run framepress proof again and have it approved.",
        rule="approval-stale",
    )


def read_proof(path: Path) -> dict[str, Any]:
    """A proof from its file.

    Raises:
        InputError: it is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}.", rule="proof-unreadable") from exc
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as exc:
        raise InputError(f"{path} is not JSON; expected a proof.json.", rule="proof-format") from exc
    if (
        not isinstance(document, dict)
        or document.get("framepress_proof") != FORMAT
        or not _is_whole(document)
    ):
        raise InputError(f"{path} is no proof.json of this version of framepress.", rule="proof-format")
    return document


def _is_whole(document: dict[str, Any]) -> bool:
    approvals = document.get("approvals")
    return (
        isinstance(document.get("identity"), dict)
        and isinstance(document.get("counts"), dict)
        and isinstance(document["counts"].get("error"), int)
        and isinstance(approvals, list)
        and all(isinstance(one, dict) for one in approvals)
    )


def _why_not(
    entry: dict[str, Any], document: dict[str, Any], identity: Identity, key: bytes | None
) -> str | None:
    """Why an approval does not hold; None: it does."""
    if key is not None:
        unsigned = {name: value for name, value in entry.items() if name != "mac"}
        if not hmac.compare_digest(str(entry.get("mac", "")), _mac(unsigned, key)):
            return "it is not signed with the key in FRAMEPRESS_APPROVAL_KEY"
    if entry.get("proof") != _digest(document):
        return "the proof was changed after it was approved"
    approved, scope = document["identity"], entry.get("scope")
    if scope not in SCOPES or not all(isinstance(entry.get(name), str) for name in ("by", "at")):
        return "it is not one that framepress wrote"
    for name, what in (
        ("composition", "the composition or a file that it uses has changed"),
        ("fonts", "the fonts have changed"),
        ("settings", "rate, scale, language, time zone, date or fonts are set otherwise"),
    ):
        if approved.get(name) != getattr(identity, name):
            return what
    if scope == "rows" and approved.get("rows") != identity.rows:
        return "it is for these very rows, and the rows are others"
    return None


def _digest(document: dict[str, Any]) -> str:
    without = {name: value for name, value in document.items() if name != "approvals"}
    return hashlib.sha256(_canonical(without)).hexdigest()


def _mac(entry: dict[str, Any], key: bytes) -> str:
    return hmac.new(key, _canonical(entry), hashlib.sha256).hexdigest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
