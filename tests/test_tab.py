"""When a page is given a frame although nobody draws it: it may wait for one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from framepress.errors import FrameTimeout
from framepress.tab import BUSY_MAX, Tab


def tab_over(moves: list[int]) -> tuple[Tab, list[str]]:
    """A tab whose answer comes after these waits; each number is how often the pipe moved in one."""
    log: list[str] = []
    connection = SimpleNamespace(moved=0)

    def wait(_: int, __: float) -> dict[str, Any]:
        if not moves:
            return {"answer": True}
        connection.moved += moves.pop(0)
        log.append("waited")
        raise FrameTimeout("no answer", rule="frame-timeout")

    connection.wait = wait
    tab = Tab.__new__(Tab)
    tab.connection = connection  # type: ignore[assignment]
    tab.frame_timeout_s = 30
    tab.pump_frame = lambda: log.append("frame")  # type: ignore[method-assign]
    return tab, log


def test_a_page_gets_a_frame_when_nothing_moves() -> None:
    tab, log = tab_over([0, 0])
    assert tab.wait_pumping(1) == {"answer": True}
    assert log == ["waited", "frame"] * 2


def test_a_page_that_is_being_served_gets_none() -> None:
    tab, log = tab_over([3, 1, 2])
    tab.wait_pumping(1)
    assert log == ["waited"] * 3


def test_a_page_that_never_falls_silent_gets_one_all_the_same() -> None:
    tab, log = tab_over([1] * BUSY_MAX * 2)
    tab.wait_pumping(1)
    assert log == [*["waited"] * BUSY_MAX, "frame"] * 2


def test_waiting_has_an_end() -> None:
    tab, _ = tab_over([1] * 9)
    tab.frame_timeout_s = -1
    with pytest.raises(FrameTimeout, match="did not come to rest"):
        tab.wait_pumping(1)
