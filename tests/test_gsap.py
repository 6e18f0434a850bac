"""Pages driven by the real GSAP, from npm (its licence allows no copy in this repository)."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stage import Stage, root

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VERSION = "3.13.0"

STORY = Path(__file__).parents[1] / "examples/story"

PAGE = """
<style>b { position: absolute; width: 24px; height: 24px; background: #06c }</style>
<b id=a></b><b id=b style="top:40px"></b>
<script src="gsap.min.js"></script>
"""

REGISTERED = (
    PAGE
    + """<script>
const timeline = gsap.timeline({ paused: true });
timeline.to("#a", { x: 120, duration: 0.6, ease: "power2.inOut" })
  .to("#a", { x: 20, rotation: 90, duration: 0.4 }, "+=0.1")
  .fromTo("#b", { scale: 0.2, opacity: 0 }, { scale: 1, opacity: 1, x: 90, duration: 0.8 }, 0.1);
window.__timelines = { main: timeline };
</script>"""
)

LOOSE = PAGE + '<script>gsap.to("#a", { x: 120, duration: 1, ease: "none" });</script>'


@pytest.fixture(scope="session")
def gsap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("CI"):
            pytest.fail("npm is needed for GSAP")
        pytest.skip("npm is needed for GSAP")
    folder = tmp_path_factory.mktemp("gsap")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"gsap@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "node_modules/gsap/dist/gsap.min.js"


def test_registered_timelines_are_seekable_in_any_order(stage: Stage, gsap: Path) -> None:
    shutil.copy(gsap, stage.folder)
    natural = list(stage.stills(root(REGISTERED, seconds="1.2"), list(range(36))))
    assert len({pixels.tobytes() for pixels in natural[:33]}) > 30
    dice = random.Random(3)
    order = [dice.randrange(36) for _ in range(30)]
    for index, pixels in zip(order, stage.stills(root(REGISTERED, seconds="1.2"), order), strict=True):
        assert np.array_equal(pixels, natural[index]), index
    _, result = stage.clip(root(REGISTERED, seconds="1.2"))
    assert result.stateful == ()


def test_tweens_outside_of_the_registry_follow_the_frames_too(stage: Stage, gsap: Path) -> None:
    shutil.copy(gsap, stage.folder)
    left = []
    for pixels in stage.stills(root(LOOSE), list(range(30))):
        columns = (pixels[4:20, :, 0] < 128).any(axis=0)
        left.append(int(columns.argmax()))
    assert left == pytest.approx([120 * n / 30 for n in range(30)], abs=1.01)
    _, result = stage.clip(root(LOOSE))
    assert "requestAnimationFrame alive after frame 0" in result.stateful


#: An opaque layer whose edge lies between two pixels; see `half_transparent`. It has a layer because it is
#: painted after what CSS animates.
SLIDING = """
<style>
  i { position: absolute; left: 120px; top: 5px; width: 9px; height: 9px; background: #06c;
    animation: go 2s linear both }
  @keyframes go { to { transform: translateX(20px) } }
</style>
<i></i>
<style>#a { position: absolute; left: 0; top: 40px; margin: 0; width: 121.02px; background: #c30 }</style>
<h1 id=a>title</h1>
<script>addEventListener("hf-seek", ({ detail }) => {
  document.getElementById("a").style.transform = `translate3d(${detail.time * 71.3 - 60}px, 0px, 0px)`;
});</script>"""


def test_an_opaque_title_slides_in_between_pixels(stage: Stage) -> None:
    path, _ = stage.clip(root(SLIDING))
    assert path.stat().st_size > 0


def test_what_is_scaled_is_drawn_the_same_in_every_run(stage: Stage, gsap: Path) -> None:
    """GSAP moves what it scales in three dimensions, which would give it a layer of its own."""
    shutil.copytree(STORY, stage.folder, dirs_exist_ok=True)
    shutil.copy(gsap, stage.folder)
    html = (STORY / "index.html").read_text(encoding="utf-8")
    frames = list(range(20, 36))
    first, *others = (list(stage.stills(html, frames, {"name": "Ada"})) for _ in range(3))
    for run in others:
        assert [
            at for at, one, other in zip(frames, first, run, strict=True) if not np.array_equal(one, other)
        ] == []
