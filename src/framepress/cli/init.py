"""`framepress init`: a working composition with a list, to be changed."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from framepress.cli.show import console
from framepress.errors import StorageFault, UsageError

#: After ``\\b`` lines stay as they are: a wrapped command cannot be pasted.
EXAMPLES = """Example:

\b
  framepress init hello && cd hello && framepress render card.html --variants rows.csv
"""


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it may exist if nothing is in the way.")],
) -> None:
    """Write a small working composition and a list of rows into a folder."""
    with as_file(files("framepress").joinpath("init_template")) as template:
        sources = sorted(path for path in template.rglob("*") if path.is_file() and path.suffix != ".pyc")
        targets = [folder / path.relative_to(template) for path in sources]
        in_the_way = [str(target) for target in targets if target.exists()]
        if in_the_way:
            raise UsageError(
                f"{', '.join(in_the_way)} exists already and is left alone. Choose another folder.",
                rule="in-the-way",
            )
        try:
            for source, target in zip(sources, targets, strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
        except OSError as exc:
            raise StorageFault(f"{folder} cannot be written: {exc.strerror}.", rule="init") from exc
    console().print(f"Written: {', '.join(str(target) for target in targets)}", markup=False)
    console().print(f"Next:    cd {folder} && framepress render card.html --variants rows.csv", markup=False)
