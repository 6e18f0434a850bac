"""The measuring instruments of the benchmark against its peers: clips and processes whose answer is known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

PEERS = Path(__file__).resolve().parent.parent / "benchmarks" / "peers"
sys.path.insert(0, str(PEERS))

from peerbench import card, pictures  # noqa: E402

ORANGE = (230, 120, 40)

#: Kr and Kb: BT.709, BT.470 BG, SMPTE 170M (ITU-T H.273, table 4).
KR_KB = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114)}

BURN_IN_AN_ORPHAN = """
import os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from peerbench import meter
burn = "import time\\nwhile time.process_time() < 0.3: pass"
orphan = f"import os, sys\\nif os.fork() == 0:\\n os.execv(sys.executable, [sys.executable, '-c', {burn!r}])"
meter.adopt_orphans()
watch = meter.Stopwatch()
subprocess.run([sys.executable, "-c", orphan], check=True)
print(watch.stop_after_leftovers().cpu_s)
"""


def _write_flat_clip(path: Path, colour: tuple[int, int, int], *, matrix: int, full: bool) -> None:
    kr, kb = KR_KB[matrix]
    red, green, blue = colour
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = ((blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr)))
    scale, offset = ((1.0, 1.0), 0) if full else ((219 / 255, 224 / 255), 16)
    planes = [round(luma * scale[0] + offset), *(round(part * scale[1] + 128) for part in chroma)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 2 if full else 1
        pixels = np.concatenate(
            [np.full(size, value, np.uint8) for size, value in zip((3072, 768, 768), planes, strict=True)]
        )
        for _ in range(3):
            frame = VideoFrame.from_ndarray(pixels.reshape(72, 64), format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_png(path: Path, colour: tuple[int, int, int]) -> Path:
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        pixels = np.full((48, 64, 3), colour, np.uint8)
        container.mux(stream.encode(VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (5, True), (6, False)])
def test_a_clip_is_decoded_by_its_own_matrix_and_range(tmp_path: Path, matrix: int, full: bool) -> None:
    clip = tmp_path / "clip.mp4"
    _write_flat_clip(clip, ORANGE, matrix=matrix, full=full)
    close = pictures.compare_clip(clip, {1: _write_png(tmp_path / "1.png", ORANGE)})
    # Only the rounding of Y, U and V to integers is left: an error of at most 2 in a channel.
    assert close.rgb_db_min > 42
    assert close.luma_db_min > 50


def test_another_colour_is_not_taken_for_close(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    _write_flat_clip(clip, ORANGE, matrix=1, full=False)
    close = pictures.compare_clip(clip, {1: _write_png(tmp_path / "1.png", (220, 120, 40))})
    assert close.rgb_db_min < 34


def test_a_compared_frame_that_the_clip_lacks_is_an_error(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    _write_flat_clip(clip, ORANGE, matrix=1, full=False)
    with pytest.raises(ValueError, match="0 of 1 compared frames"):
        pictures.compare_clip(clip, {3: _write_png(tmp_path / "1.png", ORANGE)})


def test_facts_count_the_frames_that_decode(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    _write_flat_clip(clip, ORANGE, matrix=5, full=True)
    facts = pictures.read_facts(clip)
    assert (facts.frame_count, facts.width, facts.height) == (3, 64, 48)
    assert facts.colour == "matrix 5, full range"


def test_psnr_of_a_difference_of_one_everywhere_is_48_db() -> None:
    plane = np.zeros((16, 16), np.float32)
    assert pictures.psnr(plane, plane + 1) == pytest.approx(48.1308, abs=1e-3)
    assert pictures.psnr(plane, plane) == pictures.PSNR_MAX_DB


def test_ssim_is_one_for_equal_planes_and_falls_with_noise() -> None:
    random = np.random.default_rng(1)
    plane = random.uniform(0, 255, (64, 64)).astype(np.float32)
    assert pictures.ssim(plane, plane) == pytest.approx(1)
    noisy = plane + random.normal(0, 40, plane.shape).astype(np.float32)
    assert 0.5 < pictures.ssim(plane, noisy) < 0.99


def test_no_two_rows_of_a_run_are_alike() -> None:
    rows = card.make_rows(40, 0) + card.make_rows(5, 40)
    assert len({row.name for row in rows}) == 45
    assert len({row.points for row in rows}) == 45


def test_compared_moments_are_written_as_decimals() -> None:
    assert [card.seconds_text(frame) for frame in (0, 6, 177)] == ["0.0", "0.2", "5.9"]
    with pytest.raises(ValueError, match="tenth"):
        card.seconds_text(7)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts through prctl and /proc")
def test_the_time_of_an_orphaned_process_is_counted() -> None:
    command = [sys.executable, "-c", BURN_IN_AN_ORPHAN, str(PEERS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert float(done.stdout) > 0.3
