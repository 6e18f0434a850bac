"""How fast a list is done whose rows were all done before: from the cache into a new folder, and in place.

    python benchmarks/artifacts.py                      10,000 rows, small clips
    python benchmarks/artifacts.py --clip-kb 600        clips of the size of 6 s at 1080p

One clip of 160x90 is rendered; the clips of the other rows are the same bytes with their own row key in
them. They go into a new cache, and `framepress render` runs as a command: once into an empty folder, then
again into the same one. A clip bigger than the rendered one is padded with an empty box. Everything lies in
one temporary folder (TMPDIR), so that is the disk that is measured. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from framepress import variants
from framepress.api import render
from framepress.artifacts import ARTIFACT
from framepress.cache import Cache
from framepress.composition_loading import load_composition
from framepress.settings import RenderSettings

PAGE = """<!doctype html>
<meta charset="utf-8">
<script type="application/hyperframes-vars">{"NAME": {"default": "Ada"}}</script>
<div data-width="160" data-height="90" data-fps="10" data-duration="1"><p>{{$NAME}}</p></div>
"""


@dataclass(frozen=True)
class Run:
    """One run of the command.

    Attributes:
        memory_bytes: the most that the command's process had resident.
    """

    case: str
    rows: int
    seconds: float
    memory_bytes: int


def name_of(row: int) -> str:
    return f"Name {row}"


def row_keys(page: Path, count: int) -> list[str]:
    """The row key of every row, as the command computes it."""
    composition = load_composition(page)
    binder = variants.Binder(composition, columns=("NAME",), column_map={}, use_default=(), batch=True)
    settings = RenderSettings()
    return [
        variants.row_key_of(
            composition, binder.bind({"NAME": name_of(row)}, place="benchmark", row_number=row), settings
        )
        for row in range(count)
    ]


def padded(clip: bytes, size_bytes: int) -> bytes:
    """The clip with an empty box at its end."""
    missing = size_bytes - len(clip)
    return clip if missing < 8 else clip + missing.to_bytes(4, "big") + b"free" + os.urandom(missing - 8)


def fill(folder: Path, page: Path, count: int, size_bytes: int) -> None:
    """A cache with a clip for every row."""
    keys = row_keys(page, count)
    first = page.with_name("first.mp4")
    result = render(page, first, {"NAME": name_of(0)}, cache_dir="none", workers=1)
    assert result.row_key == keys[0], "keys are not computed as the command computes them"
    clip = padded(first.read_bytes(), size_bytes)
    cache = Cache(folder, limit_bytes=1 << 62)
    for key in keys:
        cache.put_bytes(ARTIFACT, key, clip.replace(keys[0].encode(), key.encode()))


def run(case: str, base: Path, count: int, *more: str) -> Run:
    """The command over the whole list; every row must come from what is stored."""
    command = [sys.executable, "-m", "framepress", "render", "page.html", "--variants", "rows.json"]
    command += ["--out-dir", "out", "--json", "--cache-dir", "cache", "--cache-limit", "1000GB", *more]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=base, stdout=subprocess.PIPE)
    assert process.stdout is not None
    paths: dict[str, int] = {}
    for line in process.stdout:
        one = json.loads(line)
        if one["type"] == "row":
            paths[one["path"]] = paths.get(one["path"], 0) + 1
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    assert os.waitstatus_to_exitcode(status) == 0
    assert paths == {"stored": count}, paths
    return Run(case, count, seconds, usage.ru_maxrss * 1024)


def measured(base: Path, count: int, size_bytes: int, say: Callable[[str], None]) -> list[Run]:
    page = base / "page.html"
    page.write_text(PAGE)
    rows = [{"NAME": name_of(row), "out": f"{row % 100:02}/{row}.mp4"} for row in range(count)]
    (base / "rows.json").write_text(json.dumps(rows))
    say(f"filling a cache with {count:,} clips")
    fill(base / "cache", page, count, size_bytes)
    os.sync()
    runs = []
    for case in ("new folder, from the cache", "the same folder again"):
        say(case)
        runs.append(run(case, base, count))
    return runs


def table(runs: list[Run], clip_bytes: int) -> str:
    lines = [
        f"Clips of {clip_bytes / 1000:,.0f} kB; {os.cpu_count()} processors.",
        "",
        "| case | rows | seconds | rows per second | memory, MB |",
        "|---|---|---|---|---|",
    ]
    for one in runs:
        cells = (one.case, f"{one.rows:,}", f"{one.seconds:.1f}", f"{one.rows / one.seconds:,.0f}")
        lines.append(f"| {' | '.join(cells)} | {one.memory_bytes / 1e6:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--clip-kb", type=int, default=0, help="size of a clip; default: as rendered")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="framepress-benchmark-") as name:
        base = Path(name)
        runs = measured(base, options.rows, options.clip_kb * 1000, lambda text: print(text, file=sys.stderr))
        print(table(runs, next((base / "out").rglob("*.mp4")).stat().st_size))


if __name__ == "__main__":
    main()
