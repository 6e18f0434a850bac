"""What is said about each row, and at the end about all: the objects that `--json` prints.

The schema is part of the interface (`docs/output.md`): fields are added, never renamed or removed. No field
holds a value of a row; `id` and `out` are names that the user chose.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

Status = Literal["done", "failed"]
Capture = Literal["begin-frame", "screenshot"]
Path_ = Literal["plain", "reuse", "stored"]
ReuseLevel = Literal["off", "frames", "segments", "bands"]

#: `FramepressError.record` of the error that ended a row.
ErrorRecord = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "type": {"type": "string"},
                "rule": {"type": "string"},
                "message": {"type": "string"},
                "retryable": {"type": "boolean"},
                "place": {"type": "string"},
                "row": {"type": ["integer", "null"]},
                "field": {"type": ["string", "null"]},
                "length": {"type": ["integer", "null"]},
            },
            "required": ["type", "rule", "message", "retryable"],
        }
    ),
]

# Every field is always printed, so the schema says so.
_CONFIG = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Seconds(BaseModel):
    """Wall seconds per step of the attempt that succeeded. Steps overlap, so they may add up to more.

    Attributes:
        load: until the page was ready.
        check: comparing the page with its plan.
        capture: seeking, drawing and reading pictures.
        encode: decoding screenshots, conversion to YUV, x264.
        audio: sound, 0 if it was there already.
        write: muxing, checking, publishing.
        total: from start to published file.
    """

    model_config = _CONFIG

    load: float = 0.0
    check: float = 0.0
    capture: float = 0.0
    encode: float = 0.0
    audio: float = 0.0
    write: float = 0.0
    total: float = 0.0


class RowResult(BaseModel):
    """How one row ended.

    Attributes:
        row: number of the row in its list, from 1; None for a single render.
        format: in which it was rendered, such as "9:16"; None: no format was asked for.
        id: the `--id` column, else the row number.
        status: "done" or "failed".
        out: where the clip is; None if there is none.
        row_key: what was asked for, the digest that the article calls the input hash; None if the row's
            values are not valid.
        path: "plain": every frame captured whole; "reuse": what the row shares with others was not captured
            again; "stored": the file was there from an earlier run, is that of another row of this run, or
            another worker has published it meanwhile.
        reuse: how far reuse went: "off", "frames" (only what is personal was captured), "segments" (encoded
            pictures that rows share were not encoded again either), "bands" (nor parts of pictures). None:
            nothing was rendered.
        reason: why the row was rendered plain although reuse was allowed; None: it was not, or was not.
        plan: digest of the plan by which it was made, in this run or before.
        frames: pictures in the clip.
        captured_frames: those of which anything had to be captured, because they differ from the one before.
        stored_segments: key-frame intervals whose encoded pictures were there already.
        capture: "begin-frame": the browser drew each frame on request; "screenshot": it cannot, so pictures
            were taken of what it drew by its own clock, which is slower. None if nothing was rendered.
        stateful: why the page cannot be entered in the middle; empty: it is seekable.
        seconds: see `Seconds`.
        bytes: size of the clip.
        poster: where its poster is, if one was asked for.
        attempt: which attempt this was, from 1; 0: nothing was rendered.
        worker: number of the worker process.
        environment: digest of browser, encoder and fonts.
        error: type, rule, message and, for a bad value, place, field and length; None if done.
    """

    model_config = _CONFIG

    type: Literal["row"] = "row"
    row: int | None = None
    format: str | None = None
    id: str = ""
    status: Status
    out: str | None = None
    row_key: str | None = None
    path: Path_ | None = None
    reuse: ReuseLevel | None = None
    reason: str | None = None
    plan: str | None = None
    frames: int = 0
    captured_frames: int = 0
    stored_segments: int = 0
    capture: Capture | None = None
    stateful: tuple[str, ...] = ()
    seconds: Seconds = Field(default_factory=Seconds)
    bytes: int = 0
    poster: str | None = None
    attempt: int = 0
    worker: int | None = None
    environment: str | None = None
    error: ErrorRecord | None = None


class Summary(BaseModel):
    """The last object of a run over a list.

    Attributes:
        rows: rows that the run was about.
        done: rows with a clip, including `stored`.
        stored: rows whose clip was there from an earlier run.
        failed: rows without a clip.
        seconds: wall time of the run.
        clips_per_hour: rendered clips (not stored ones) per hour.
        out_dir: where the clips are.
        results: the results file, if one was asked for.
        exit_code: what the program ends with.
    """

    model_config = _CONFIG

    type: Literal["summary"] = "summary"
    rows: int
    done: int
    stored: int
    failed: int
    seconds: float
    clips_per_hour: float
    out_dir: str
    results: str | None = None
    exit_code: int
