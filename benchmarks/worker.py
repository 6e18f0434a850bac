"""What one worker needs: peak anonymous memory with its browser, and seconds to the first picture.

    python benchmarks/worker.py [--rows 12] [--composition card.html] [--variants variants.json]

Runs `framepress render` with one worker over the first rows of the list, and adds up every 50 ms the
anonymous memory (RssAnon in /proc) of the worker process and all processes of its browser. Linux only. It
shows the memory of this composition on this machine; large pictures, WebGL or many layers need more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks" / "peers"))

from peerbench.meter import anonymous_mb, descendants  # noqa: E402

#: Seconds between two looks at /proc.
LOOK_S = 0.05


def peak_memory(command: list[str]) -> tuple[float, float, list[dict[str, object]]]:
    """Peak megabytes of the worker with its browser, of the parent, and the rows that it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    worker_peak = parent_peak = 0.0
    assert process.stdout is not None
    while process.poll() is None:
        parent_peak = max(parent_peak, anonymous_mb(process.pid))
        worker_peak = max(worker_peak, sum(anonymous_mb(child.pid) for child in descendants(process.pid)))
        time.sleep(LOOK_S)
    lines = [json.loads(line) for line in process.stdout.read().splitlines()]
    return worker_peak, parent_peak, [line for line in lines if line["type"] == "row"]


def first_picture_s(composition: Path, out: Path) -> float:
    began = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "framepress",
        "render",
        str(composition),
        "--still",
        "0",
        "--out",
        str(out),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--composition", type=Path, default=ROOT / "examples/card/card.html")
    parser.add_argument("--variants", type=Path, default=ROOT / "examples/card/variants.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        starts = [first_picture_s(options.composition, Path(folder, "still.png")) for _ in range(5)]
        command = [sys.executable, "-m", "framepress", "render", str(options.composition)]
        command += ["--variants", str(options.variants), "--rows", f"1-{options.rows}", "--workers", "1"]
        command += ["--out-dir", str(Path(folder, "out")), "--json"]
        worker_mb, parent_mb, rows = peak_memory(command)
    seconds = [float(row["seconds"]["total"]) for row in rows]  # type: ignore[index]
    loads = [float(row["seconds"]["load"]) for row in rows]  # type: ignore[index]
    print("| figure | value |\n|---|---|")
    print(f"| peak anonymous memory, worker and browser | {worker_mb:.0f} MB |")
    print(f"| peak anonymous memory, parent | {parent_mb:.0f} MB |")
    print(f"| start of the program to its first picture, median of 5 | {statistics.median(starts):.2f} s |")
    print(
        f"| load of the next row's page, median of {len(loads)} | {statistics.median(loads) * 1000:.0f} ms |"
    )
    print(
        f"| seconds per clip, one worker, median (min to max) | {statistics.median(seconds):.1f} "
        f"({min(seconds):.1f} to {max(seconds):.1f}) |"
    )


if __name__ == "__main__":
    main()
