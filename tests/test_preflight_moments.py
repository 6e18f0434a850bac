"""Moments follow from when things are at rest, contrast from pixels; examples of the help are understood."""

from __future__ import annotations

import re

import numpy as np
import pytest
import typer.main

from framepress.cli import app
from framepress.preflight.backdrop import low_contrast
from framepress.preflight.moments import Rest, key_frames, looked_at, rests


def stands(*parts: tuple[int, int | None]) -> list[int | None]:
    """States frame by frame from (count, state); None: not seen; -1: another one in every frame."""
    found: list[int | None] = []
    for count, state in parts:
        found += [1000 + len(found) + n if state == -1 else state for n in range(count)]
    return found


def moments(*elements: list[int | None], extra: tuple[int, ...] = ()) -> list[int]:
    count = len(elements[0])
    standing = [
        {f"0/{n}": state for n, one in enumerate(elements) if (state := one[frame]) is not None}
        for frame in range(count)
    ]
    return key_frames(rests(list(range(count)), standing), extra, count)


def test_an_entrance_is_over_before_the_first_look_and_an_exit_begins_after_the_last() -> None:
    title = stands((10, None), (10, -1), (60, 1), (10, -1), (10, None))
    assert moments(title) == [20, 79]


def test_every_scene_is_looked_at() -> None:
    one = stands((40, 1), (60, None))
    two = stands((50, None), (5, -1), (45, 2))
    assert moments(one, two) == [0, 39, 55, 99]


def test_elements_that_rest_together_share_their_moments() -> None:
    first, second = stands((5, -1), (95, 1)), stands((30, -1), (70, 1))
    assert moments(first, second) == [30, 99]


def test_what_never_rests_is_looked_at_in_the_middle_of_its_time() -> None:
    assert moments(stands((20, None), (40, -1), (40, None))) == [40]


def test_a_slow_movement_that_pauses_for_a_frame_is_no_rest() -> None:
    creeping = [1, 1, 2, 2, 3, 3, *[4] * 50]
    assert moments(list(creeping)) == [6, 55]


def test_moments_that_were_asked_for_are_added_and_an_empty_picture_has_one() -> None:
    assert moments(stands((50, 1)), extra=(25, 400)) == [0, 25, 49]
    assert key_frames([], (), 30) == [29]
    assert key_frames([Rest(3, 3)], (), 30) == [3]


def test_long_clips_are_looked_at_evenly_with_their_last_frame() -> None:
    frames = looked_at(1800)
    assert len(frames) == 120 and frames[0] == 0 and frames[-1] == 1799
    assert looked_at(10) == list(range(10))


WHITE, GREY = (255, 255, 255, 255), (119, 119, 119, 255)


def test_contrast_is_that_of_most_of_the_ground() -> None:
    dark = np.full((40, 200, 3), 20, np.uint8)
    light = np.full((40, 200, 3), 240, np.uint8)
    assert low_contrast(dark, WHITE, 1.0) is None
    ratio = low_contrast(light, WHITE, 1.0)
    assert ratio is not None and 1 < ratio < 1.3
    # 4.5:1 on white, as WCAG's own example.
    assert low_contrast(np.full((9, 9, 3), 255, np.uint8), GREY, 1.0) is None
    assert low_contrast(np.full((9, 9, 3), 255, np.uint8), GREY, 0.5) is not None
    edge = dark.copy()
    edge[:, :40] = 250
    assert low_contrast(edge, WHITE, 1.0) is None, "a fifth of the ground may be light"
    assert low_contrast(np.empty((0, 5, 3), np.uint8), WHITE, 1.0) is None


@pytest.mark.parametrize("name", ["proof", "approve", "lint", "preview"])
def test_examples_of_the_help_name_options_that_there_are(name: str) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    examples = re.findall(rf"^  framepress {name} (.*)$", commands[name].epilog or "", re.MULTILINE)
    assert examples
    known = {option for parameter in commands[name].params for option in parameter.opts}
    for example in examples:
        assert set(re.findall(r"(?<!\S)--[\w-]+", example)) <= known, example
