"""What passes between a run and its worker processes. Data only; everything here is pickled."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framepress.browser import BrowserOptions
from framepress.cache_options import CacheOptions
from framepress.clip import Clip
from framepress.errors import FramepressError
from framepress.frames_to_segments import EncodedFrames
from framepress.preflight.tasks import PreflightReply, PreflightTask
from framepress.results import RowResult
from framepress.row_task import RowTask
from framepress.settings import RenderSettings, RunLimits
from framepress.survey_bench import NoPlan
from framepress.variants import Variant


@dataclass(frozen=True)
class WorkerConfig:
    """Everything a worker needs to know once.

    Attributes:
        number: of the worker, from 1; a replacement keeps the number.
        composition: path of the HTML file.
        composition_digest: what it must have; a composition that changes during a run would give rows of
            one run different templates.
        out: folder or URL of the store.
        force: the store may replace what framepress did not make.
        cache: where finished clips are kept; None: nowhere.
        pieces: where plans, plates and segments are kept; None: nowhere, every row is rendered plain.
        remote: where files of other hosts are; None: rows have none.
    """

    number: int
    composition: Path
    composition_digest: str
    settings: RenderSettings
    limits: RunLimits
    browser: BrowserOptions
    out: Path | str
    force: bool = False
    cache: CacheOptions | None = None
    pieces: CacheOptions | None = None
    remote: Path | None = None


@dataclass(frozen=True)
class OpenTask:
    """Open a variant's page and say what the clip is."""

    variant: Variant


@dataclass(frozen=True)
class SegmentTask:
    """Capture and encode consecutive GOPs of a seekable clip.

    Attributes:
        gops: as start and stop of each.
    """

    variant: Variant
    gops: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class StillTask:
    """One picture as PNG."""

    variant: Variant
    time_s: Fraction


@dataclass(frozen=True)
class SurveyTask:
    """Find or make the plan of a group.

    Attributes:
        samples: rows of the group, the two most different first.
        personal: variables that differ between its rows.
        fresh: what is known of the group does not count.
        find: only look whether it is known. wider: the plan of a larger group will do then.
        helped: another worker makes the plain frames of the samples (`PlainFramesTask`).
        bands: whether pictures may be joined from parts that were encoded by themselves.
    """

    samples: tuple[Variant, ...]
    personal: tuple[str, ...]
    fresh: bool = False
    find: bool = False
    wider: bool = False
    helped: bool = False
    bands: bool = False


@dataclass(frozen=True)
class PlainFramesTask:
    """Keep every frame of some samples as the plain path makes it, for the survey that compares with them.

    Attributes:
        group: plan key of the group that is surveyed; None: not known.
    """

    samples: tuple[Variant, ...]
    group: str | None


Task = RowTask | OpenTask | SegmentTask | StillTask | SurveyTask | PlainFramesTask | PreflightTask


@dataclass(frozen=True)
class Surveyed:
    """What is known of a group now.

    Attributes:
        key: the plan key. found: the digest of its plan, or why it has none; None: nothing is known yet.
        stored: it was known before.
        seconds: that it took.
    """

    key: str
    found: str | NoPlan | None
    stored: bool
    seconds: float


@dataclass(frozen=True)
class Kept:
    """The frames that a `PlainFramesTask` asked for are in the cache, or nobody wants them any more."""


@dataclass(frozen=True)
class Opened:
    clip: Clip
    environment: str


@dataclass(frozen=True)
class SegmentsDone:
    encoded: EncodedFrames
    stateful: tuple[str, ...]
    capture_s: float


@dataclass(frozen=True)
class PlanGivenUp:
    """A row has shown that the plan of its group is wrong; it was rendered plain.

    Attributes:
        plan: digest of the plan. reason: what did not fit.
    """

    result: RowResult
    plan: str
    reason: str


@dataclass(frozen=True)
class Failed:
    error: FramepressError


@dataclass(frozen=True)
class Beat:
    """A sign of life: frames of the current task that are done, and how many it has.

    Attributes:
        step: of a survey: what is being done to these frames; "": the task is no survey.
    """

    frames: int
    total: int
    step: str = ""


Reply = RowResult | PlanGivenUp | Opened | SegmentsDone | Surveyed | Kept | PreflightReply | bytes | Failed
