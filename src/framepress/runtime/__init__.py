"""The scripts that run inside a page and its workers, put together from the files of this folder.

Order matters: each file uses what the ones before it define, all inside one function, so that a page sees
nothing but `__framepress` and the standard names that were replaced.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

PAGE_FILES = (
    "clock.js",
    "touched.js",
    "timed.js",
    "variables.js",
    "videos.js",
    "moving.js",
    "adapters.js",
    "fit.js",
    "styles.js",
    "looks.js",
    "ink.js",
    "wipes.js",
    "stills.js",
    "moments.js",
    "met.js",
    "layers.js",
    "explain.js",
    "grounds.js",
    "preflight.js",
    "page.js",
)
#: Of a page in a frame of ours, see `preview`.
PREVIEW_FILES = (*PAGE_FILES, "preview.js")
#: Of a row in a frame of ours, see `framed`.
FRAMED_FILES = (*PAGE_FILES, "framed.js")
WORKER_FILES = ("clock.js", "worker.js")


@cache
def text(name: str) -> str:
    """A file of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def script(
    names: tuple[str, ...], *, epoch_ms: int, seed: str, preview: bool = False, framed: bool = False
) -> str:
    """JavaScript that installs the runtime.

    Args:
        names: `PAGE_FILES` or `WORKER_FILES`.
        epoch_ms: what `Date.now()` reads at frame 0, milliseconds since 1970.
        seed: any text; pages with equal seeds draw equal random numbers.
        preview: the page is in a frame of ours, in a browser of somebody's.
        framed: the page is in a frame of ours, in our browser.
    """
    modes = {"preview": preview, "framed": framed}
    config = json.dumps(
        {"epochMs": epoch_ms, "seed": seed} | {name: True for name, on in modes.items() if on}
    )
    body = "\n".join(text(name) for name in names)
    return f'(() => {{ "use strict";\nconst config = {config};\n{body}\n}})();'
