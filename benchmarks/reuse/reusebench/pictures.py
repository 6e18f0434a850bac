"""Whether HyperFrames and framepress draw one picture: lossless frames of a row at some moments."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from peerbench.hyperframes import lossless_frames
from peerbench.pictures import psnr, read_png
from peerbench.programs import framepress_program
from peerbench.workshop import Workshop, run_command

from reusebench.peer import Peer

#: Seconds. Halves, because HyperFrames is asked for two frames per second: a sequence of all frames takes it
#: minutes. 2.5 is the first frame of `window`'s personal part, 4.5 the first after it.
MOMENTS_S = (0.5, 1.5, 2.5, 3.0, 4.0, 4.5, 5.5)
FRAMES_PER_S = 2

#: Below this the two do not show one picture and their times are not to be compared.
SAME_PICTURE_DB = 45.0

#: The same where a video is in the picture: each program has another library make RGB of it, and they are off
#: by 2 of 255 on average, smoothly.
SAME_VIDEO_DB = 42.0
WITH_VIDEO = frozenset({"lower-third"})


@dataclass(frozen=True)
class Agreement:
    """PSNR of RGB by moment, and the largest difference of a channel; pictures lie in `folder`."""

    name: str
    psnr_db: Mapping[float, float]
    largest: float
    folder: Path

    @property
    def is_one_picture(self) -> bool:
        """Whether the programs' times may be compared."""
        least = SAME_VIDEO_DB if self.name in WITH_VIDEO else SAME_PICTURE_DB
        return min(self.psnr_db.values()) >= least


def compare_pictures(
    workshop: Workshop, name: str, composition: Path, peer: Peer, row: dict[str, Any]
) -> Agreement:
    """Draw one row with both programs.

    Raises:
        BenchmarkError: one of them failed.
    """
    folder = workshop.folder / "reuse" / "pictures" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    frames = [round(moment * FRAMES_PER_S) for moment in MOMENTS_S]
    rate = ("--fps", str(FRAMES_PER_S), "--workers", "1")
    values = peer.variables_of(row)
    theirs = lossless_frames(workshop, peer.project, values, folder / "hyperframes", frames, rate)
    psnr_db, largest = {}, 0.0
    for moment, frame in zip(MOMENTS_S, frames, strict=True):
        ours = folder / f"framepress-{moment:g}.png"
        _still(composition, values, moment, ours)
        a, b = read_png(ours), read_png(theirs[frame])
        psnr_db[moment] = psnr(a, b)
        largest = max(largest, float(np.abs(a - b).max()))
    return Agreement(name, psnr_db, largest, folder)


def _still(composition: Path, values: Mapping[str, Any], moment_s: float, file: Path) -> None:
    pairs = [f"{name}={value}" for name, value in values.items()]
    command = (
        framepress_program(),
        "render",
        str(composition),
        "--still",
        f"{moment_s:g}",
        "--out",
        str(file),
    )
    run_command(
        (*command, "--vars", *pairs),
        env=os.environ,
        cwd=file.parent,
        log=file.with_suffix(".log"),
        timeout_s=120,
    )
