"""Writes the background videos of the examples: lights out of focus, drifting; the end fits the beginning.

    python examples/make_bokeh.py lower-third      # examples/lower-third/evening.mp4
    python examples/make_bokeh.py story            # examples/story/lights.mp4

Everything is drawn here, so the videos are free of anybody's rights. Needs PyAV and NumPy.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

FPS = 30


@dataclass(frozen=True)
class Scene:
    """One video. Colours are linear red, green, blue; `top` to `bottom` is the sky."""

    path: str
    width: int
    height: int
    seconds: int
    top: tuple[float, float, float]
    bottom: tuple[float, float, float]
    lights: tuple[tuple[float, float, float], ...]
    count: int
    radius: tuple[float, float]
    horizon: tuple[float, float]
    seed: int


SCENES = {
    "lower-third": Scene(
        "lower-third/evening.mp4", 1280, 720, 8, (0.003, 0.008, 0.026), (0.020, 0.009, 0.014),
        ((1.0, 0.52, 0.16), (1.0, 0.72, 0.36), (0.95, 0.22, 0.14), (0.12, 0.42, 0.85), (1.0, 0.62, 0.30)),
        76, (9, 60), (0.26, 0.72), 11,
    ),
    "story": Scene(
        "story/lights.mp4", 720, 1280, 6, (0.012, 0.006, 0.040), (0.002, 0.007, 0.018),
        ((0.45, 0.28, 1.0), (0.20, 0.55, 1.0), (1.0, 0.32, 0.55), (0.16, 0.8, 0.78), (1.0, 0.62, 0.35)),
        40, (26, 120), (0.05, 0.95), 5,
    ),
}  # fmt: skip


class Light:
    """A disc with a soft rim that sways, and glows now stronger, now weaker."""

    def __init__(self, scene: Scene, dice: np.random.Generator) -> None:
        depth = dice.random()
        self.radius = scene.radius[0] + (scene.radius[1] - scene.radius[0]) * depth**1.6
        self.x = dice.uniform(-0.05, 1.05) * scene.width
        self.y = dice.uniform(*scene.horizon) * scene.height
        self.sway = (dice.uniform(8, 34) * (0.4 + depth), dice.uniform(2, 12) * (0.4 + depth))
        self.phase = dice.uniform(0, 2 * np.pi, 3)
        self.turns = int(dice.integers(1, 3))
        self.colour = np.array(scene.lights[int(dice.integers(len(scene.lights)))], np.float32)
        self.strength = dice.uniform(0.06, 0.42) * (1.5 - 1.1 * depth)

    def add_to(self, picture: NDArray[np.float32], turn: float) -> None:
        """Add its light. `turn`: 0 to 1 over the whole video."""
        angle = 2 * np.pi * turn
        x = self.x + self.sway[0] * np.sin(angle + self.phase[0])
        y = self.y + self.sway[1] * np.sin(angle * self.turns + self.phase[1])
        strength = self.strength * (0.8 + 0.2 * np.sin(angle * self.turns + self.phase[2]))
        reach = int(self.radius * 1.2) + 2
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        area = picture[top : int(y) + reach, left : int(x) + reach]
        if area.size == 0:
            return
        rows = np.arange(top, top + area.shape[0], dtype=np.float32)[:, None] - y
        columns = np.arange(left, left + area.shape[1], dtype=np.float32)[None] - x
        distance = np.sqrt(rows**2 + columns**2) / self.radius
        # Like a lens: even inside, a little brighter at the rim, soft at the edge.
        disc = np.clip((1.06 - distance) / 0.14, 0, 1) * (0.78 + 0.3 * np.clip(distance, 0, 1) ** 4)
        area += (strength * disc)[..., None] * self.colour


def frame(scene: Scene, lights: list[Light], turn: float, noise: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Red, green, blue; shape (height, width, 3)."""
    fall = np.linspace(0, 1, scene.height, dtype=np.float32)[:, None, None]
    sky = np.array(scene.top, np.float32) * (1 - fall) + np.array(scene.bottom, np.float32) * fall
    picture = np.ascontiguousarray(np.broadcast_to(sky, (scene.height, scene.width, 3)))
    for light in lights:
        light.add_to(picture, turn)
    picture = picture / (1 + 0.35 * picture)
    return np.clip(picture ** (1 / 2.2) * 255 + noise, 0, 255).astype(np.uint8)


def write(scene: Scene, path: Path) -> None:
    """Draw and encode one video."""
    dice = np.random.default_rng(scene.seed)
    lights = [Light(scene, dice) for _ in range(scene.count)]
    # Still noise hides the steps of dark gradients, and costs nothing after the first frame.
    noise = dice.uniform(0, 1, (scene.height, scene.width, 1)).astype(np.float32)
    count = scene.seconds * FPS
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "25", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        stream.codec_context.gop_size = FPS * 2
        for number in range(count):
            drawn = av.VideoFrame.from_ndarray(frame(scene, lights, number / count, noise), "rgb24")
            drawn = drawn.reformat(format="yuv420p", dst_colorspace="ITU709")
            drawn.colorspace, drawn.pts, drawn.time_base = 1, number, Fraction(1, FPS)
            container.mux(stream.encode(drawn))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    wanted = SCENES[sys.argv[1]] if len(sys.argv) == 2 and sys.argv[1] in SCENES else None
    if wanted is None:
        sys.exit(f"usage: make_bokeh.py {'|'.join(SCENES)}")
    write(wanted, Path(__file__).parent / wanted.path)
