"""What `framepress explain` does, once it is known what was asked for."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from framepress.cli import show
from framepress.cli.explain import Options
from framepress.cli.listing import binding_of, list_request, note_of, open_cache, settings_of, skips_bad_rows
from framepress.cli.show_explanation import tell_explanation
from framepress.composition_loading import load_composition
from framepress.errors import StorageFault, UsageError
from framepress.explainer import Explainer, ExplainRequest
from framepress.explanation import Explanation
from framepress.temporary_folders import remove_folders_of, sweep_temporary_folders
from framepress.workshop import Workshop, reuse_level, run_limits, worker_count

#: Groups that one call looks at.
GROUPS_MAX = 100


def run(options: Options) -> int:
    """Explain what was asked for and return the exit code.

    Raises:
        FramepressError: the list cannot be looked at.
    """
    try:
        return _run(options)
    finally:
        # A signal may have come between the making of a folder and the note of its name.
        remove_folders_of(os.getpid())


def _run(options: Options) -> int:
    settings = settings_of(options)
    limits = run_limits(frame_timeout_s=options.frame_timeout)
    workers = worker_count(options.workers)
    binding = replace(binding_of(options, options.formats), skip_bad_rows=skips_bad_rows(options.bad_rows))
    if not 1 <= options.groups <= GROUPS_MAX:
        raise UsageError(f"--groups is {options.groups}; expected 1 to {GROUPS_MAX}.", rule="groups")
    if options.out is not None:
        _check_out(options.out)
    load_composition(options.composition)
    level = reuse_level(None, os.environ)
    note = note_of(quiet=options.quiet)
    cache = None
    if not options.no_cache:
        cache = open_cache(options.cache_dir, options.cache_limit, options.shared_cache, note)
    if level == "off":
        note("FRAMEPRESS_MAX_REUSE is off here: this tells what reuse would do where it is allowed.")
    sweep_temporary_folders()
    workshop = Workshop(
        options.composition,
        browser=options.browser,
        environ=os.environ,
        system_fonts=options.system_fonts,
    )
    with workshop as browser:
        listed = list_request(
            options,
            options.composition,
            options.variants,
            binding=binding,
            settings=settings,
            limits=limits,
            browser=browser,
            workers=workers,
            cache=cache,
        )
        request = ExplainRequest(
            listed, groups_max=options.groups, cache=cache, reuse="bands" if level == "off" else level
        )
        with (
            show.Reporter(quiet=options.quiet) as reporter,
            Explainer(request, on_progress=reporter.step, on_note=reporter.note) as explainer,
        ):
            found = explainer.run()
            if options.out is not None:
                found = _draw(explainer, found, options.out)
    if options.json_:
        show.print_json(found.model_dump_json())
    else:
        tell_explanation(found, kept=cache is not None)
    return 0


def _draw(explainer: Explainer, found: Explanation, out: Path) -> Explanation:
    png = explainer.picture()
    if png is None:
        return found
    try:
        out.write_bytes(png)
    except OSError as exc:
        raise StorageFault(f"--out: {out} cannot be written: {exc.strerror}.", rule="out") from exc
    return found.model_copy(update={"picture": str(out)})


def _check_out(out: Path) -> None:
    """Before anything is done: the picture's name and place."""
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out is {out}; expected the name of a PNG file, such as explain.png.", rule="out")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out: there is no folder {out.absolute().parent}.", rule="out")
