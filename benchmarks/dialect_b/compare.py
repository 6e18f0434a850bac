"""Render compositions of HyperFrames with framepress and with HyperFrames itself, and print how they agree.

    python benchmarks/dialect_b/compare.py                           # what the npm package brings along
    python benchmarks/dialect_b/compare.py my-project/ examples/story/

A project is a folder with index.html. It is copied first; addresses of GSAP on other hosts become a file from
npm, other remote addresses go, and the placeholders of templates get a generated video, so that both programs
render the same files without a network. Prose goes to standard error, the table to standard output.
Exit status: 0 all compared, 1 some could not be, 3 something is missing here.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))

from peerbench.hyperframes import run_hyperframes
from peerbench.markdown import table
from peerbench.pictures import psnr, rgb_frames
from peerbench.workshop import BenchmarkError, Workshop, describe_machine, open_workshop

#: Moments that are compared, spread over the clip.
CHECKPOINTS = 100

#: What their own harness asks of every checkpoint.
PSNR_WANTED_DB = 30.0

GSAP = "gsap@3.14.2"
#: Seconds that a template with a placeholder lasts, and the video it gets.
TEMPLATE_S = 6
CLIP_TIMEOUT_S = 900

#: What stands in templates for the files of whoever begins with them.
_PLACEHOLDERS = {
    "__VIDEO_SRC__": "video.mp4",
    "__AUDIO_SRC__": "sound.wav",
    "__VIDEO_DURATION__": str(TEMPLATE_S),
}

_GSAP_ADDRESS = re.compile(r"""https?://[^"'\s]*/gsap(?:@[^"'/\s]*)?/(?:dist/)?gsap\.min\.js""")
_REMOTE_URL = re.compile(r"""url\(\s*["']?https?://[^"')]*["']?\s*\)""")
_REMOTE_LINK = re.compile(r"""<link\b[^>]*href=["']https?://[^>]*>""", re.IGNORECASE)


@dataclass(frozen=True)
class Compared:
    """One line of the table; decibels, seconds."""

    name: str
    db_min: float
    db_mean: float
    below: int
    ours_s: float
    theirs_s: float
    length_ours: float
    length_theirs: float
    correlation: float | None

    def cells(self) -> list[str]:
        sound = "no sound" if self.correlation is None else f"{self.correlation:.4f}"
        return [
            self.name, f"{self.db_min:.1f}", f"{self.db_mean:.1f}", str(self.below),
            f"{self.length_ours:.3f} / {self.length_theirs:.3f}", sound, f"{self.ours_s:.1f}",
            f"{self.theirs_s:.1f}",
        ]  # fmt: skip


HEADER = (
    "composition", "lowest PSNR, dB", "mean PSNR, dB", f"checkpoints below {PSNR_WANTED_DB:g} dB",
    "duration, s (framepress / HyperFrames)", "correlation of sound", "framepress, s", "HyperFrames, s",
)  # fmt: skip


def stage(project: Path, folder: Path, gsap: Path) -> Path:
    """A copy of a project that needs no network."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".*", "out", "renders"))
    placeholder = False
    for file in folder.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        placeholder = placeholder or any(name in text for name in _PLACEHOLDERS)
        text = _GSAP_ADDRESS.sub("gsap.min.js", text)
        text = _REMOTE_LINK.sub("", _REMOTE_URL.sub("none", text))
        for name, value in _PLACEHOLDERS.items():
            text = text.replace(name, value)
        file.write_text(text, encoding="utf-8")
    shutil.copy(gsap, folder / "gsap.min.js")
    if placeholder:
        _write_video(folder / "video.mp4")
        _write_sound(folder / "sound.wav")
    return folder


def _tone() -> NDArray[np.float64]:
    """A tone that rises, so that a shift shows in the correlation; 48 kHz."""
    time_s = np.arange(TEMPLATE_S * 48000) / 48000
    tone: NDArray[np.float64] = 0.4 * np.sin(2 * np.pi * (200 + 100 * time_s) * time_s)
    return tone


def _write_video(path: Path) -> None:
    """Colours that change slowly, with a moving square, and a tone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "18", "g": "30"})
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p"
        sound = container.add_stream("aac", rate=48000)
        for number in range(TEMPLATE_S * 30):
            picture = np.zeros((540, 960, 3), np.uint8)
            picture[..., 0] = np.linspace(20, 200, 960).astype(np.uint8)[None]
            picture[..., 1] = number
            picture[200:300, number * 4 : number * 4 + 100] = 230
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        samples = _tone().astype(np.float32)[None]
        for start in range(0, samples.shape[1], 1024):
            block = av.AudioFrame.from_ndarray(samples[:, start : start + 1024].copy(), "fltp", "mono")
            block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def _write_sound(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes((_tone() * 32767).astype("<i2").tobytes())


def fetch_gsap(shop: Workshop) -> Path:
    """GSAP from npm, into the work folder."""
    folder = shop.folder / "gsap"
    file = folder / "node_modules" / "gsap" / "dist" / "gsap.min.js"
    if not file.exists():
        folder.mkdir(exist_ok=True)
        # Without a prefix npm would install into the folder above, which has a package.json of its own.
        command = [
            "npm",
            "install",
            "--prefix",
            str(folder),
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            GSAP,
        ]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return file


def compare(shop: Workshop, project: Path, name: str, gsap: Path) -> Compared:
    """Render one project with both.

    Raises:
        BenchmarkError: one of them gave no clip.
    """
    folder = shop.folder / "dialect-b" / name
    staged = stage(project, folder / "project", gsap)
    ours, theirs = folder / "framepress.mp4", folder / "hyperframes.mp4"
    began = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "framepress",
        "render",
        staged,
        "--output",
        ours,
        "--no-cache",
        "--force",
        "--quiet",
    ]
    environ = {**os.environ, "FRAMEPRESS_BROWSER": str(shop.browser)}
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=CLIP_TIMEOUT_S,
        check=False,
        env=environ,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"{name}: framepress: {done.stderr.strip()}")
    between = time.perf_counter()
    run_hyperframes(shop, staged, ("render", ".", "--output", str(theirs)), folder / "hyperframes.log", 2)
    ended = time.perf_counter()
    if not theirs.exists():
        raise BenchmarkError(f"{name}: HyperFrames wrote no clip; see {folder / 'hyperframes.log'}")
    count = min(_frame_count(ours), _frame_count(theirs))
    wanted = {round(step * (count - 1) / (CHECKPOINTS - 1)) for step in range(CHECKPOINTS)}
    values = _psnrs(ours, theirs, sorted(wanted))
    return Compared(
        name, min(values), sum(values) / len(values), sum(value < PSNR_WANTED_DB for value in values),
        between - began, ended - between, _length(ours), _length(theirs), _correlation(ours, theirs),
    )  # fmt: skip


def _psnrs(ours: Path, theirs: Path, wanted: list[int]) -> list[float]:
    """A few frames at a time, since whole clips do not fit into memory."""
    values = []
    for start in range(0, len(wanted), 10):
        some = wanted[start : start + 10]
        first, second = rgb_frames(ours, some), rgb_frames(theirs, some)
        values += [psnr(first[index], second[index]) for index in some]
    return values


def _frame_count(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def _length(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(Fraction(container.duration or 0, av.time_base))


def _sound(path: Path) -> NDArray[np.float64] | None:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        mono = av.AudioResampler(format="flt", layout="mono", rate=48000)
        blocks = [
            block.to_ndarray()[0] for frame in container.decode(audio=0) for block in mono.resample(frame)
        ]
    return np.concatenate(blocks).astype(np.float64) if blocks else None


def _correlation(ours: Path, theirs: Path) -> float | None:
    """Of the two sound tracks as they lie; None if there is none in either."""
    first, second = _sound(ours), _sound(theirs)
    if first is None and second is None:
        return None
    if first is None or second is None:
        return 0.0
    count = min(len(first), len(second))
    first, second = first[:count], second[:count]
    scale = float(np.sqrt(np.dot(first, first) * np.dot(second, second)))
    return float(np.dot(first, second)) / scale if scale else 1.0


def _projects(shop: Workshop, given: list[Path]) -> dict[str, Path]:
    if given:
        return {folder.resolve().name: folder.resolve() for folder in given}
    templates = shop.folder / "node_modules" / "hyperframes" / "dist" / "templates"
    return {index.parent.name: index.parent for index in sorted(templates.glob("*/index.html"))}


def main() -> int:
    """Run as the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("project", nargs="*", type=Path, help="folders with index.html")
    parser.add_argument(
        "--work", type=Path, default=Path("/tmp/framepress-peers"), help="npm packages and clips"
    )
    parser.add_argument("--browser", help="Chromium for both")
    options = parser.parse_args()
    try:
        shop = open_workshop(options.work.resolve(), options.browser)
        gsap = fetch_gsap(shop)
    except (BenchmarkError, OSError, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    lines, failed = [], 0
    for name, project in _projects(shop, options.project).items():
        print(f"{name} ...", file=sys.stderr)
        try:
            lines.append(compare(shop, project, name, gsap).cells())
        except (BenchmarkError, OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed += 1
    print("\n".join(f"- {label}: {fact}" for label, fact in describe_machine(shop)))
    print()
    print(table(HEADER, lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
