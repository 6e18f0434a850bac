"""What `framepress explain` found: the object that `--json` prints. Fields are added, never renamed or
removed.

No field holds a value of a row. Elements are named by tag, id and class, variables by their names.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

# Every field is always printed, so the schema says so.
_CONFIG = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class ExplainedVariable(BaseModel):
    """One variable of the list.

    Attributes:
        variable: its name.
        values: distinct values in the list, counted up to 1,000.
        kind: "constant": one value in all rows; "personal": confined to some elements; "shared": it changes
            so much that rows are grouped by its value, each with a plate and a survey of its own;
            "everything": it changes the whole picture, and rows are not grouped by it.
        changes: names of the elements that look different when only this value is another, in the first
            group; empty: none was seen to, or it was not tried.
    """

    model_config = _CONFIG

    variable: str
    values: int
    kind: Literal["constant", "personal", "shared", "everything"]
    changes: tuple[str, ...] = ()


class PersonalElement(BaseModel):
    """One element that looks different from row to row.

    Attributes:
        number: in the picture and its strip, from 1.
        element: tag, id and class.
        because: variables that change it, as far as was tried.
        first_frame, last_frame: at which it is seen; None: never.
        seen_frames: how many frames it is seen in. seen_seconds: the same in seconds.
        area: share of the picture that it paints on, over all its frames, 0 to 1.
    """

    model_config = _CONFIG

    number: int
    element: str
    because: tuple[str, ...]
    first_frame: int | None
    last_frame: int | None
    seen_frames: int
    seen_seconds: float
    area: float


class KeyInterval(BaseModel):
    """Frames from one key frame to the next, or a range of them that is encoded by itself.

    Attributes:
        start, stop: first frame, and the first that is no longer in it.
        encoded: "once" for all rows of the group, or "per row".
        bands: of one "per row": first line of each part of the picture that is encoded per row, and the first
            line below it; what is beside them is encoded once. Empty: pictures are encoded whole.
    """

    model_config = _CONFIG

    start: int
    stop: int
    encoded: Literal["once", "per row"]
    bands: tuple[tuple[int, int], ...] = ()


class RowCost(BaseModel):
    """What a row costs by its plan, measured on rows of the survey.

    Attributes:
        measured_rows: how many.
        row_seconds: one worker's, from values to the finished file. row_cpu_seconds: of all processes.
        captured_frames: frames of which at least one part had to be captured.
        reused_intervals: key-frame intervals that were encoded already.
    """

    model_config = _CONFIG

    measured_rows: int
    row_seconds: float
    row_cpu_seconds: float
    captured_frames: int
    reused_intervals: int


class ExplainedGroup(BaseModel):
    """Rows that share the values of all shared variables.

    Attributes:
        group: number, from 1; the largest first.
        format: in which its rows are rendered; None: as composed. rows_in_group: rows of the list.
        plan: digest of its plan; None: there is none.
        found: the plan was in the cache before.
        rule, reason: why there is none, short and stable, and for a person; None: there is one.
        stateful: why the page cannot be entered in the middle; empty: it is seekable.
        surveyed_rows: rows that were compared. survey_seconds: that it took, 0 if it was found.
        personal: see `PersonalElement`. above: elements that are painted over those, the same for all rows.
        intervals: see `KeyInterval`; empty without a plan.
        whole_because: why no interval has bands; None: some have, or they were not looked for.
        plate_bytes: size of what all rows share.
        cost: None: the rows have no plan.
        clip_bytes: size of a clip.
        plain_seconds, plain_cpu_seconds: one row without reuse, measured on `plain_frames` of its frames.
    """

    model_config = _CONFIG

    group: int
    format: str | None = None
    rows_in_group: int
    plan: str | None
    found: bool
    rule: str | None
    reason: str | None
    stateful: tuple[str, ...]
    surveyed_rows: int
    survey_seconds: float
    personal: tuple[PersonalElement, ...]
    above: tuple[str, ...]
    intervals: tuple[KeyInterval, ...]
    whole_because: str | None = None
    plate_bytes: int
    cost: RowCost | None
    clip_bytes: int
    plain_seconds: float | None
    plain_cpu_seconds: float | None
    plain_frames: int


class Forecast(BaseModel):
    """What the whole list will take, from what was measured on this machine now.

    Attributes:
        planned_rows: rows that have a plan, or are taken to get one like the groups that were looked at.
        workers: that the forecast is for.
        run_seconds: rows, and plans that are still to be made. run_seconds_plain: without reuse.
        clips_bytes: all clips. plates_bytes: plates of all groups.
    """

    model_config = _CONFIG

    planned_rows: int
    workers: int
    run_seconds: float
    run_seconds_plain: float
    clips_bytes: int
    plates_bytes: int


class Advice(BaseModel):
    """One thing that defeats or slows reuse.

    Attributes:
        about: short and stable, for programs. where: the element, variable or group.
        why: what it costs. change: what to do.
    """

    model_config = _CONFIG

    about: str
    where: str
    why: str
    change: str


class Explanation(BaseModel):
    """All of it.

    Attributes:
        composition: name of the file. rows: of the list.
        width, height: pixels of the clip. fps: such as "30" or "30000/1001". frames: pictures per clip.
        variables, groups: see there; `groups` are those that were looked at.
        groups_in_all: groups of the list.
        forecast: None: nothing could be measured.
        advice: most important first.
        picture: file of the picture, if one was wanted and could be drawn.
    """

    model_config = _CONFIG

    type: Literal["explanation"] = "explanation"
    composition: str
    rows: int
    width: int
    height: int
    fps: str
    frames: int
    variables: tuple[ExplainedVariable, ...]
    groups: tuple[ExplainedGroup, ...]
    groups_in_all: int
    forecast: Forecast | None
    advice: tuple[Advice, ...]
    picture: str | None = None
