"""The options of a render, once and frozen. Deeper functions take only the fields they use."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]

#: `--quality` in terms of CRF and preset. "standard" is the profile every measurement refers to.
QUALITIES: dict[str, tuple[int, Preset]] = {
    "draft": (28, "veryfast"),
    "standard": (18, "veryfast"),
    "high": (14, "medium"),
}


class RenderSettings(BaseModel):
    """What changes pixels or sound; every field is part of the row key (see `keys.row_key`).

    Attributes:
        crf: x264's constant rate factor, 1 (finest) to 51. High has no lossless 0.
        preset: x264's preset.
        fps: frames per second that override `data-fps`; None: the composition's, else 30.
        scale: ``"0.5"`` (a factor) or ``"720p"`` (pixels of the short side); None: as composed.
        locale: BCP 47 tag that `Intl` and `navigator.language` report.
        timezone: IANA name that `Date` uses.
        now: what `Date` reads at frame 0, ISO 8601 in UTC.
        system_fonts: fonts of this machine may be used as fallbacks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    crf: int = Field(default=18, ge=1, le=51)
    preset: Preset = "veryfast"
    fps: Fraction | None = None
    scale: str | None = None
    locale: str = "en-US"
    timezone: str = "UTC"
    now: str = "2000-01-01T00:00:00Z"
    system_fonts: bool = False


class RunLimits(BaseModel):
    """What bounds a render without changing its pixels; never part of a key.

    Attributes:
        frame_timeout_s: seconds one frame, or one step of loading, may take before the browser is replaced.
        ready_timeout_s: seconds of page time a page may take to get ready.
        attempts_max: how often a row is tried when trying again can help.
        rows_per_browser: a browser is replaced after so many rows, because renderers grow.
        silence_grace_s: seconds beyond the longest allowed step after which a silent worker is taken for
            hung. The worker itself gives up a frame; this is for the case that the worker hangs.
        browser_memory_mb: anonymous memory of a browser above which it is replaced after the row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_timeout_s: float = Field(default=30.0, gt=0)
    ready_timeout_s: float = Field(default=30.0, gt=0)
    silence_grace_s: float = Field(default=30.0, gt=0)
    attempts_max: int = Field(default=3, ge=1)
    rows_per_browser: int = Field(default=200, ge=1)
    browser_memory_mb: int = Field(default=1200, ge=100)
