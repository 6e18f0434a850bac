"""What comes before a render, whoever asks: options checked, the browser found, a folder to work in."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
import zoneinfo
from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import cast, get_args

from pydantic import ValidationError

from framepress.browser import BrowserOptions, default_sandbox
from framepress.chromium import find_browser
from framepress.errors import UsageError
from framepress.fontconfig import write_fontconfig
from framepress.machine import default_workers, read_machine
from framepress.provenance import REUSE_LEVELS, Reuse
from framepress.settings import QUALITIES, Preset, RenderSettings, RunLimits
from framepress.temporary_folders import TEMP_PREFIX, remove_folder
from framepress.timing import parse_fps, parse_seconds, scaled_size

#: Frame timeouts above this are no timeouts: a day.
FRAME_TIMEOUT_S_MAX = 86_400.0

#: Workers of one run; each is a browser with a gigabyte at its peak.
WORKERS_MAX = 256

#: Seconds of page time in which a composition must be ready; one that takes as long for a frame may take
#: as long to load.
READY_TIMEOUT_S_MIN = 30.0

_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}")


def render_settings(
    *,
    crf: int | None = None,
    preset: str | None = None,
    quality: str | None = None,
    fps: object = None,
    scale: object = None,
    locale: str = "en-US",
    timezone: str = "UTC",
    now: str = "2000-01-01T00:00:00Z",
    system_fonts: bool = False,
) -> RenderSettings:
    """Settings from options as people give them; messages name the options of the command line.

    Args:
        quality: CRF and preset in one word; `crf` and `preset` win over it.
        fps: text, int or Fraction; None: the composition's.
        scale: ``0.5`` or ``"720p"``.

    Raises:
        UsageError: an option has a value that it does not take.
    """
    named = choice(quality, QUALITIES, "--quality") if quality is not None else "standard"
    crf_default, preset_default = QUALITIES[named]
    chosen = choice(preset, get_args(Preset), "--preset") if preset is not None else preset_default
    if _LOCALE.fullmatch(locale) is None:
        raise UsageError(
            f'--locale is "{locale}"; expected a language tag, such as de or pt-BR.', rule="locale"
        )
    _check_zone(timezone)
    _check_moment(now)
    if scale is not None:
        # On a size that most factors and heights suit: this is about the form of the option.
        scaled_size(1920, 1080, str(scale))
    try:
        return RenderSettings(
            crf=crf if crf is not None else crf_default,
            preset=cast(Preset, chosen),
            fps=fps_option(fps),
            scale=str(scale) if scale is not None else None,
            locale=locale,
            timezone=timezone,
            now=now,
            system_fonts=system_fonts,
        )
    except ValidationError as exc:
        raise _refused(exc) from exc


def run_limits(*, frame_timeout_s: float = 30.0) -> RunLimits:
    """Limits from options.

    Raises:
        UsageError: the seconds are none.
    """
    if not 0 < frame_timeout_s <= FRAME_TIMEOUT_S_MAX:
        raise UsageError(
            f"--frame-timeout is {frame_timeout_s:g}; expected seconds, at most {FRAME_TIMEOUT_S_MAX:g}.",
            rule="frame-timeout",
        )
    return RunLimits(
        frame_timeout_s=frame_timeout_s, ready_timeout_s=max(frame_timeout_s, READY_TIMEOUT_S_MIN)
    )


def worker_count(asked: int | None) -> int:
    """How many workers: as asked for, else as processors and memory allow.

    Raises:
        UsageError: fewer than one, or too many.
    """
    if asked is None:
        machine = read_machine()
        return default_workers(machine.cpus, machine.available_bytes)
    if not 1 <= asked <= WORKERS_MAX:
        raise UsageError(f"--workers is {asked}; expected 1 to {WORKERS_MAX}.", rule="workers")
    return asked


def fps_option(value: object) -> Fraction | None:
    """``--fps``: a number or a ratio such as 30000/1001; None stays None."""
    if value is None:
        return None
    fps = parse_fps(str(value))
    if fps is None:
        raise UsageError(f'--fps is "{value}"; expected 1 to 240, or a ratio such as 30000/1001.', rule="fps")
    return fps


def seconds_option(value: object, option: str) -> Fraction | None:
    """Seconds as an exact number; None stays None."""
    if value is None:
        return None
    # A float means the decimal that it prints, not the binary fraction that it is.
    seconds = value if isinstance(value, Fraction) else parse_seconds(str(value))
    if seconds is None or seconds < 0:
        raise UsageError(f'{option} is "{value}"; expected seconds, such as 2.5.', rule="seconds")
    return seconds


def choice(text: str, allowed: Iterable[str], option: str) -> str:
    """One of some words, with a hint for a near miss."""
    names = list(allowed)
    if text in names:
        return text
    near = difflib.get_close_matches(text, names, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(f'{option} is "{text}"; expected {", ".join(names)}.{hint}', rule="choice")


def reuse_level(asked: str | None, environ: Mapping[str, str]) -> Reuse:
    """How far reuse between rows may go: as asked for, but never beyond FRAMEPRESS_MAX_REUSE.

    Raises:
        UsageError: one of them is no level.
    """
    cap = environ.get("FRAMEPRESS_MAX_REUSE") or REUSE_LEVELS[-1]
    choice(cap, REUSE_LEVELS, "FRAMEPRESS_MAX_REUSE")
    wanted = choice(asked, REUSE_LEVELS, "--reuse") if asked is not None else REUSE_LEVELS[-1]
    return min(cast(Reuse, wanted), cast(Reuse, cap), key=REUSE_LEVELS.index)


class Workshop:
    """A temporary folder of this run, with the fonts that Chromium may see, and the browser found.

    A context manager that gives `BrowserOptions`; the folder is removed when it is left.

    Args:
        composition: HTML file or folder; its ``fonts/`` come before all other fonts.
        browser: the one to use; None: the first that `find_browser` finds.
        environ: environment of the process.

    Raises:
        BrowserMissing: there is none.
    """

    def __init__(
        self, composition: Path, *, browser: str | None, environ: Mapping[str, str], system_fonts: bool
    ) -> None:
        facts = find_browser(browser, environ)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-run-"))
        fonts = (composition if composition.is_dir() else composition.parent) / "fonts"
        try:
            self._options = BrowserOptions(
                path=facts.path,
                begin_frame=facts.has_begin_frame is not False and facts.headless_shell,
                sandbox=default_sandbox(),
                fontconfig=write_fontconfig(self._folder, font_folders=[fonts], system_fonts=system_fonts),
            )
        except BaseException:
            remove_folder(self._folder)
            raise

    def __enter__(self) -> BrowserOptions:
        return self._options

    def __exit__(self, *_: object) -> None:
        remove_folder(self._folder)


def _check_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        # A machine without time zones knows none of them, and the browser has its own: it decides then.
        known = zoneinfo.available_timezones()
        if not known:
            return
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(
            f'--timezone is "{name}"; expected a name such as Europe/Berlin.{hint}', rule="timezone"
        ) from exc


def _check_moment(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(
            f'--now is "{text}"; expected a moment in ISO 8601, such as 2026-01-31T09:30Z.', rule="now"
        ) from exc


def _refused(exc: ValidationError) -> UsageError:
    first = exc.errors()[0]
    name = str(first["loc"][0]).replace("_", "-")
    # "Input should be less than or equal to 51"
    expected = first["msg"].removeprefix("Input should be ")
    return UsageError(f"--{name} is {first['input']}; expected one {expected}.", rule="option")
