# ruff: noqa: E501 (markup is read more easily unbroken)
"""Lottie, anime.js, Three.js and D3, from npm, follow the clip's clock. Nothing of them lies in this repository."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stage import Stage, root

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PACKAGES = ("lottie-web@5.12.2", "animejs@3.2.2", "three@0.170.0", "d3@7.9.0")


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("CI"):
            pytest.fail("npm is needed for the libraries")
        pytest.skip("npm is needed for the libraries")
    folder = tmp_path_factory.mktemp("libraries")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "node_modules"


def bar_left(pixels: np.ndarray) -> int:
    """Left edge of the dark bar in the upper rows."""
    return int((pixels[2:10, :, 0] < 128).all(axis=0).argmax())


def natural_and_shuffled(stage: Stage, html: str, count: int) -> list[np.ndarray]:
    """Frames in order; any other order gives the same ones."""
    natural = list(stage.stills(html, list(range(count))))
    dice = random.Random(5)
    order = [dice.randrange(count) for _ in range(count)]
    for index, pixels in zip(order, stage.stills(html, order), strict=True):
        assert np.array_equal(pixels, natural[index]), index
    return natural


SQUARE = {
    "v": "5.7.0", "fr": 30, "ip": 0, "op": 30, "w": 160, "h": 90, "assets": [],
    "layers": [{
        "ty": 4, "ip": 0, "op": 30, "st": 0, "sr": 1, "ks": {
            "o": {"a": 0, "k": 100}, "r": {"a": 0, "k": 0}, "a": {"a": 0, "k": [0, 0, 0]}, "s": {"a": 0, "k": [100, 100, 100]},
            "p": {"a": 1, "k": [{"t": 0, "s": [10, 10, 0], "i": {"x": 1, "y": 1}, "o": {"x": 0, "y": 0}}, {"t": 30, "s": [130, 10, 0]}]},
        },
        "shapes": [{"ty": "gr", "it": [
            {"ty": "rc", "p": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [20, 20]}, "r": {"a": 0, "k": 0}},
            {"ty": "fl", "c": {"a": 0, "k": [0, 0, 0, 1]}, "o": {"a": 0, "k": 100}},
            {"ty": "tr", "p": {"a": 0, "k": [0, 0]}, "a": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [100, 100]}, "r": {"a": 0, "k": 0}, "o": {"a": 0, "k": 100}},
        ]}],
    }],
}  # fmt: skip


def test_lottie_stands_at_each_frame(stage: Stage, modules: Path) -> None:
    shutil.copy(modules / "lottie-web/build/player/lottie.min.js", stage.folder)
    (stage.folder / "square.json").write_text(json.dumps(SQUARE))
    body = """<div id=a style="width:160px;height:90px"></div><script src="lottie.min.js"></script>
    <script>window.__hfLottie = [lottie.loadAnimation({ container: document.getElementById("a"), path: "square.json",
      renderer: "svg", loop: false, autoplay: true })];</script>"""
    frames = natural_and_shuffled(stage, root(body), 28)
    assert [bar_left(pixels) for pixels in frames] == pytest.approx([4 * n for n in range(28)], abs=1.5)


def test_anime_stands_at_each_frame(stage: Stage, modules: Path) -> None:
    shutil.copy(modules / "animejs/lib/anime.min.js", stage.folder)
    body = """<b id=a style="position:absolute;width:20px;height:20px;background:#000"></b><script src="anime.min.js"></script>
    <script>window.__hfAnime = [anime({ targets: "#a", translateX: 120, duration: 1000, easing: "linear", autoplay: false })];</script>"""
    frames = natural_and_shuffled(stage, root(body), 30)
    assert [bar_left(pixels) for pixels in frames] == pytest.approx([4 * n for n in range(30)], abs=1.5)


def test_three_draws_each_frame_by_software(stage: Stage, modules: Path) -> None:
    shutil.copy(modules / "three/build/three.module.min.js", stage.folder)
    body = """<canvas id=c width=160 height=90 style="display:block"></canvas>
    <script type="importmap">{"imports": {"three": "./three.module.min.js"}}</script>
    <script type="module">
    import * as THREE from "three";
    const renderer = new THREE.WebGLRenderer({ canvas: document.getElementById("c"), antialias: false });
    renderer.setClearColor(0xffffff);
    const scene = new THREE.Scene();
    const camera = new THREE.OrthographicCamera(0, 160, 0, 90, -10, 10);
    const bar = new THREE.Mesh(new THREE.PlaneGeometry(20, 90), new THREE.MeshBasicMaterial({ color: 0, side: THREE.DoubleSide }));
    scene.add(bar);
    window.addEventListener("hf-seek", () => {
      bar.position.set(10 + 120 * window.__hfThreeTime, 45, 0);
      renderer.render(scene, camera);
    });
    </script>"""
    frames = natural_and_shuffled(stage, root(body), 30)
    assert [bar_left(pixels) for pixels in frames] == pytest.approx([4 * n for n in range(30)], abs=1.5)


D3 = """<b id=a style="position:absolute;left:0;width:20px;height:20px;background:#000"></b><script src="d3.min.js"></script>
<script>const moving = d3.select("#a").transition().duration(1000).ease(d3.easeLinear).style("left", "120px");</script>"""


def test_d3_transitions_run_on_the_clock_or_are_waited_for(stage: Stage, modules: Path) -> None:
    shutil.copy(modules / "d3/dist/d3.min.js", stage.folder)
    running = [bar_left(pixels) for pixels in stage.stills(root(D3), list(range(30)))]
    assert running == pytest.approx([4 * n for n in range(30)], abs=4.5)
    registered = root(D3 + "<script>window.__hfD3 = [moving];</script>")
    assert [bar_left(pixels) for pixels in stage.stills(registered, [0, 15])] == [120, 120]
