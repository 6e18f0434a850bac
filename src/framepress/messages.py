"""The message of one row, as a queue carries it. This text is its specification.

A JSON object in UTF-8. A plain producer writes three fields, and any consumer needs no more:

    template  str      address of a bundle (see `bundle`), or path of a composition below a folder that the
                       worker serves
    vars      object   variable -> text, number, boolean or null; "@locale" and "@format" (such as "9:16") say
                       the row's own, see `declarations`
    out       str      name of the clip below the store, such as "asha.mp4"

Ours may have, each of which may be missing or null:

    run       str      name of the run, for its records
    id        str      what results call the row. row: its number in the list
    store     str      folder or URL of the store that the clip goes to
    row_key   str      see `keys`; a worker that finds another refuses the row
    settings  object   fields of `RenderSettings` that differ from their defaults; ``fps`` as text
    files     object   path below the composition's folder -> SHA-256, of files that only this row refers to;
                       they lie in the store
    poster    object   {"time": "5/2", "button": false}: seconds as a ratio
    order     str      digest of what says which rows of the list to compare, see `orders`; null: the row is
                       rendered plain
    environment  str   digest of the environment that the clip has to be made in

Unknown fields are ignored. No field holds credentials.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from framepress.errors import InputError
from framepress.ledger_rows import BoundRow
from framepress.lexeme import loads
from framepress.settings import RenderSettings

#: Names in `vars`, and files of a row.
VARS_MAX, FILES_MAX = 10_000, 1_000


class MessageError(InputError):
    """A message that no attempt can improve."""


class NotHere(InputError):
    """A message that this worker may not do, and another one perhaps may."""

    retryable = True


class Poster(BaseModel):
    """A poster that is wanted. `time`: seconds as a ratio."""

    model_config = ConfigDict(frozen=True)

    time: str = Field(pattern=r"^[0-9]{1,9}(/[1-9][0-9]{0,9})?$")
    button: bool = False


class Message(BaseModel):
    """See the head of the module."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    template: str = Field(min_length=1, max_length=4096)
    vars: dict[str, Any] = Field(default_factory=dict, max_length=VARS_MAX)
    out: str = Field(min_length=1, max_length=1024)
    run: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")
    id: str | None = Field(default=None, max_length=1024)
    row: int | None = None
    store: str | None = Field(default=None, max_length=4096)
    row_key: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    settings: dict[str, Any] | None = None
    files: dict[str, str] = Field(default_factory=dict, max_length=FILES_MAX)
    poster: Poster | None = None
    order: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    environment: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


def encode_message(message: Message) -> bytes:
    """The bytes to send; what is not said is left out."""
    said = message.model_dump(exclude_none=True, exclude_defaults=True)
    return _encoded({"vars": {}} | said).encode()


# Made once: `json.dumps` with options makes one per call.
_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class RowBodies:
    """The messages of many rows, as `encode_message` gives them.

    Args:
        common: what all rows say.
    """

    def __init__(self, common: Message) -> None:
        self._common = {"vars": {}} | common.model_dump(exclude_none=True, exclude_defaults=True)

    def encode(self, row: BoundRow) -> bytes:
        """The bytes of a row's message."""
        said = self._common | {
            "vars": row.values,
            "out": row.out,
            "id": row.id or str(row.row),
            "row": row.row,
            "row_key": row.key,
        }
        if row.files:
            said["files"] = row.files
        return _encoded(said).encode()


def decode_message(body: bytes) -> Message:
    """A message from its bytes; numbers in `vars` keep how they were written.

    Raises:
        MessageError: it is none, with what is wrong and where, and no value of it.
    """
    try:
        found = json.loads(body)
        if isinstance(found, Mapping) and isinstance(found.get("vars"), Mapping):
            found = {**found, "vars": loads(body.decode())["vars"]}
    except (ValueError, RecursionError) as exc:
        raise MessageError(
            'The message is not JSON; expected {"template": ..., "vars": {...}, "out": "name.mp4"}.',
            rule="message-json",
        ) from exc
    try:
        return Message.model_validate(found)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_context=False, include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "message"
        raise MessageError(
            f'The message\'s "{field}" does not fit: {first["type"].replace("_", " ")}; expected '
            '{"template": ..., "vars": {...}, "out": "name.mp4"}.',
            rule="message-field",
        ) from exc


def settings_fields(settings: RenderSettings) -> dict[str, Any] | None:
    """What of the settings a message has to say; None: nothing."""
    fields = settings.model_dump(exclude_defaults=True)
    if fields.get("fps") is not None:
        fields["fps"] = str(fields["fps"])
    return fields or None


def message_settings(message: Message) -> RenderSettings:
    """The settings that a message asks for.

    Raises:
        MessageError: a field or a value that there is not.
    """
    fields = dict(message.settings or {})
    try:
        if fields.get("fps") is not None:
            fields["fps"] = Fraction(str(fields["fps"]))
        return RenderSettings(**fields)
    except (ValidationError, ValueError, TypeError, ZeroDivisionError) as exc:
        raise MessageError(
            "The message's settings hold a field or a value that this version does not know. Update "
            "the workers.",
            rule="message-settings",
        ) from exc
