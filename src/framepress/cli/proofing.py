"""What `framepress proof` does, once it is known what was asked for."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from framepress.cache_options import cache_options
from framepress.cli import show
from framepress.cli.listing import binding_of, list_request
from framepress.cli.proof import Options
from framepress.composition_loading import load_composition
from framepress.errors import StorageFault, UsageError
from framepress.output_formats import parse_formats
from framepress.preflight.rules import RULES, SEVERITIES
from framepress.proof.document import proof_document, proof_page
from framepress.proof.found import ProofRequest
from framepress.proof.identity import identity_of
from framepress.proof.run import Proofer
from framepress.temporary_folders import remove_folders_of, sweep_temporary_folders
from framepress.workshop import Workshop, render_settings, run_limits, seconds_option, worker_count

#: Rows of a proof set: a person looks at them.
COUNT_MAX = 200


def run(options: Options) -> int:
    """Proof what was asked for and return the exit code.

    Raises:
        FramepressError: the list cannot be looked at.
    """
    try:
        return _run(options)
    finally:
        # A signal may have come between the making of a folder and the note of its name.
        remove_folders_of(os.getpid())


def _run(options: Options) -> int:
    settings = render_settings(
        fps=options.fps,
        scale=options.scale,
        locale=options.locale,
        timezone=options.timezone,
        now=options.now,
        system_fonts=options.system_fonts,
    )
    limits = run_limits(frame_timeout_s=options.frame_timeout)
    workers = worker_count(options.workers)
    _check_counts(options)
    # A row that breaks a rule is a finding like others.
    binding = replace(binding_of(options, _one_format(options.formats)), skip_bad_rows=True)
    at = tuple(filter(None, (seconds_option(one, "--at") for one in options.at or ())))
    composition = load_composition(options.composition)
    out_dir = _out_dir(options.out_dir)
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
            cache=cache_options(os.environ),
        )
        request = ProofRequest(
            listed,
            count=options.count,
            clips=options.clips,
            random_count=options.random,
            seed=options.seed,
            at=at,
        )
        with (
            show.Reporter(quiet=options.quiet) as reporter,
            Proofer(request, on_progress=reporter.step, on_note=reporter.note) as proofer,
        ):
            proof = proofer.run()
    identity = identity_of(composition, settings, proof.gathered.digest)
    document = proof_document(proof, identity, show_values=options.show_values)
    path = out_dir / "proof.json"
    _write(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    _write(out_dir / "proof.html", proof_page(proof, document, shlex.quote(str(path))))
    if options.json_:
        show.print_json(json.dumps(document, ensure_ascii=False))
    elif not options.quiet:
        _tell(document, out_dir)
    return 1 if document["counts"]["error"] else 0


def _tell(document: dict[str, Any], out_dir: Path) -> None:
    """What was found, in a few lines."""
    console = show.console()
    counts = document["counts"]
    kinds = Counter((one["severity"], one["rule"], one["field"]) for one in document["findings"])
    for severity in SEVERITIES[:2]:
        for (of, rule, name), count in kinds.items():
            if of == severity:
                where = f" ({name})" if name else ""
                console.print(f"{severity:>8} {count:>6,}  {RULES[rule].title}{where}", markup=False)
    rows = document["list"]["rows"] + document["list"]["refused"]
    summary = ", ".join(f"{counts[one]:,} {one}{'s' if counts[one] != 1 else ''}" for one in SEVERITIES)
    console.print(f"{rows:,} rows looked at: {summary}.", style="bold")
    console.print(f"Look at {out_dir / 'proof.html'}; then:", markup=False)
    accept = " --accept-errors" if counts["error"] else ""
    command = f'framepress approve {shlex.quote(str(out_dir / "proof.json"))} --by "Your Name"{accept}'
    console.print(f"  {command}", markup=False)


def _check_counts(options: Options) -> None:
    for name, value, most in (
        ("--count", options.count, COUNT_MAX),
        ("--clips", options.clips, COUNT_MAX),
        ("--random", options.random, COUNT_MAX),
    ):
        least = 1 if name == "--count" else 0
        if not least <= value <= most:
            raise UsageError(f"{name} is {value}; expected {least} to {most}.", rule=name.removeprefix("--"))


def _one_format(given: Sequence[str] | None) -> Sequence[str] | None:
    formats = parse_formats(given)
    if len(formats) > 1:
        raise UsageError(
            f"--formats names {len(formats)}; a proof is of one. Proof each by itself, such as --formats "
            f"{formats[0]} --out-dir proof-{formats[0].replace(':', 'x')}.",
            rule="proof-formats",
        )
    return given


def _out_dir(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageFault(f"--out-dir: {folder} cannot be made: {exc.strerror}.", rule="out-dir") from exc
    return folder


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as exc:
        raise StorageFault(f"{path} cannot be written: {exc.strerror}.", rule="out-dir") from exc
