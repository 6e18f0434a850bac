"""One clip as it was asked for: its format, its values, its poster, and what workers are told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from framepress import variants
from framepress.browser import BrowserOptions
from framepress.cache_options import CacheOptions
from framepress.composition import Composition
from framepress.declarations import FORMAT_NAME
from framepress.output_formats import parse_format
from framepress.provenance import Demands
from framepress.remote_files import RemoteFiles, RemoteOptions
from framepress.settings import RenderSettings, RunLimits
from framepress.store import ANY_WILL_DO
from framepress.tasks import WorkerConfig
from framepress.wanted_poster import WantedPoster


@dataclass(frozen=True)
class SingleRequest:
    """One clip as it was asked for.

    Attributes:
        values: variable to value, as typed.
        out: the file; None: nothing is published (`still`, or a clip that is streamed).
        workers: processes at most.
        force: render although the clip is there; overwrite a file that is not ours.
        again: render although the clip is there.
        cache, demands, refresh_environment: see `BatchRequest`.
    """

    composition: Path
    values: Mapping[str, object]
    out: Path
    settings: RenderSettings
    limits: RunLimits
    browser: BrowserOptions
    workers: int = 1
    force: bool = False
    again: bool = False
    cache: CacheOptions | None = None
    demands: Demands = ANY_WILL_DO
    refresh_environment: bool = False
    poster_s: Fraction | None = None
    poster_button: bool = False
    place: str = "--vars"
    column_map: Mapping[str, str] = field(default_factory=dict)
    remote: RemoteOptions | None = None

    def wanted_poster(self, row_key: str) -> WantedPoster | None:
        """The poster that belongs to the clip; None: none was asked for."""
        if self.poster_s is None:
            return None
        return WantedPoster(row_key, self.poster_s, self.poster_button)


def in_format(request: SingleRequest, name: str) -> SingleRequest:
    """The same clip in a format, in a file whose name says so: at ``{@format}``, else at its end."""
    slug = parse_format(name).slug
    file = request.out.name
    if "{@format}" in file:
        file = file.replace("{@format}", slug)
    else:
        stem, dot, ending = file.rpartition(".")
        file = f"{stem}-{slug}{dot}{ending}" if dot and stem else f"{file}-{slug}"
    return replace(request, values={**request.values, FORMAT_NAME: name}, out=request.out.with_name(file))


def bind_values(
    request: SingleRequest, composition: Composition, on_note: Callable[[str], None]
) -> variants.Variant:
    """The variant that is asked for; files of other hosts are fetched.

    Args:
        on_note: called with what a person should know and what stops nothing.

    Raises:
        InputError: a value, column or format does not fit the composition.
    """
    binder = variants.Binder(
        composition,
        columns=tuple(request.values),
        column_map=request.column_map,
        use_default=(),
        batch=False,
    )
    binder.check_columns()
    if FORMAT_NAME in request.values:
        composition.in_format(str(request.values[FORMAT_NAME]))
    with ExitStack() as stack:
        if request.remote is not None:
            binder.remote = stack.enter_context(closing(RemoteFiles(request.remote)))
        variant = binder.bind(request.values, place=request.place, row_number=None)
    if binder.fell_back:
        on_note("data-fallback-src stands for a file that could not be fetched.")
    return variant


def worker_config(request: SingleRequest, composition: Composition) -> WorkerConfig:
    """What the workers of the clip are told once."""
    return WorkerConfig(
        number=1,
        composition=composition.path,
        composition_digest=composition.digest,
        settings=request.settings,
        limits=request.limits,
        browser=request.browser,
        out=request.out.parent,
        cache=request.cache,
        remote=request.remote.folder if request.remote is not None else None,
    )
