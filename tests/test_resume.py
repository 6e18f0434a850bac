"""Runs that are killed, stopped and started again: every row ends with one whole clip, and nothing is left.

Moments are met by what can be seen from outside (a browser lives, a clip is there), never by the clock.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from framepress.api import render_many
from framepress.settings import RunLimits
from program import PAGE, Ended, Program, frames_of, until

ROW_COUNT = 6

#: Sixty frames that take their time: a kill meets the middle of one.
SLOW_PAGE = PAGE.replace('data-fps="10"', 'data-fps="60"').replace("</div>", "</div><script>%s</script>") % (
    'addEventListener("hf-seek", () => { const end = performance.timeOrigin; let x = 0; '
    "for (let n = 0; n < 3e6; n += 1) x += n; window.x = x + end; });"
)


@pytest.fixture
def people(program: Program) -> Program:
    program.write("page.html", SLOW_PAGE)
    program.write(
        "people.json",
        [{"out": f"{n}.mp4", "name": f"Name {n}", "points": n} for n in range(1, ROW_COUNT + 1)],
    )
    return program


def command(*more: str) -> tuple[str, ...]:
    return ("render", "page.html", "--variants", "people.json", "--workers", "2", "--json", *more)


def go_on(people: Program, *more: str) -> Ended:
    """The same command again; afterwards all rows are there, each with whole pictures."""
    ended = people.run(*command(*more))
    assert ended.code == 0, ended.stderr
    assert ended.summary()["done"] == ROW_COUNT
    assert {name: frames_of(people.folder / "out" / name) for name in people.clips()} == {
        f"{n}.mp4": 60 for n in range(1, ROW_COUNT + 1)
    }
    people.assert_nothing_left()
    return ended


def stored(ended: Ended) -> set[str]:
    return {Path(one["out"]).name for one in ended.rows().values() if one["path"] == "stored"}


def at_start(people: Program) -> bool:
    return bool(people.workers())


def at_browser(people: Program) -> bool:
    return bool(people.browsers())


def at_first_clip(people: Program) -> bool:
    return len(people.clips()) >= 1


def kill_parent(people: Program, process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)


def interrupt(people: Program, process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)


def terminate(people: Program, process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)


MOMENTS = [
    (at_start, terminate, 130),
    (at_browser, kill_parent, -9),
    (at_first_clip, kill_parent, -9),
    (at_first_clip, interrupt, 130),
]


@pytest.mark.parametrize(("moment", "blow", "code"), MOMENTS)
def test_a_run_that_ends_early_is_finished_by_the_same_command(
    people: Program,
    moment: Callable[[Program], bool],
    blow: Callable[[Program, subprocess.Popen[bytes]], None],
    code: int,
) -> None:
    process = people.start(*command())
    until(lambda: moment(people), moment.__name__, 60)
    blow(people, process)
    ended = people.wait(process)
    assert ended.code == code
    assert "Traceback" not in ended.stderr
    # Workers and browsers end by themselves, whatever became of the parent.
    until(lambda: not people.processes(), "workers and browsers to end")
    if code == 130:
        assert people.leftovers() == []
    finished = set(people.clips())
    assert all(frames_of(people.folder / "out" / name) == 60 for name in finished)
    again = go_on(people)
    assert stored(again) == finished


@pytest.mark.slow
@pytest.mark.parametrize("delay_ms", range(200, 4200, 400))
def test_a_run_killed_at_any_moment_is_finished_by_the_same_command(people: Program, delay_ms: int) -> None:
    process = people.start(*command())
    try:
        process.wait(delay_ms / 1000)
    except subprocess.TimeoutExpired:
        process.kill()
    people.wait(process)
    until(lambda: not people.processes(), "workers and browsers to end")
    finished = set(people.clips())
    assert stored(go_on(people)) == finished


@pytest.mark.parametrize("victim", ["worker", "browser"])
def test_a_row_whose_worker_or_browser_is_killed_is_rendered_by_another(people: Program, victim: str) -> None:
    process = people.start(*command())
    until(lambda: at_first_clip(people) and len(people.browsers()) == 2, "work in full swing", 60)
    os.kill((people.workers() if victim == "worker" else people.browsers())[0], signal.SIGKILL)
    ended = people.wait(process)
    assert ended.code == 0, ended.stderr
    assert ended.summary()["done"] == ROW_COUNT
    attempts = sorted(one["attempt"] for one in ended.rows().values())
    assert attempts == [1] * (ROW_COUNT - 1) + [2]
    people.assert_nothing_left()


def test_what_is_done_is_not_rendered_again_and_only_what_changed_is(people: Program) -> None:
    """A picture of one row changes that row, a style sheet all of them, --force renders all as they are."""
    html = PAGE.replace('"POINTS"', '"PICTURE": {"type": "image", "default": "a.svg"}, "POINTS"')
    people.write("page.html", html.replace("<i></i>", '<img src="{{$PICTURE}}"><i></i>').replace(
        "<style>", '<link rel="stylesheet" href="look.css"><style>', 1
    ))  # fmt: skip
    people.write("look.css", "p { color: red }")
    for n in (1, 2, 3):
        people.write(f"{n}.svg", svg("blue"))
    people.write("a.svg", svg("gray"))
    people.write(
        "people.json",
        [{"out": f"{n}.mp4", "picture": f"{n}.svg", "name": "A", "points": n} for n in (1, 2, 3)],
    )

    def rendered(*more: str) -> set[int]:
        ended = people.run(*command(*more))
        assert ended.code == 0, ended.stderr
        assert ended.summary()["done"] == 3
        return {n for n, one in ended.rows().items() if one["path"] != "stored"}

    assert rendered() == {1, 2, 3}
    assert rendered() == set()
    people.write("2.svg", svg("green"))
    assert rendered() == {2}
    people.write("look.css", "p { color: blue }")
    assert rendered() == {1, 2, 3}
    assert rendered("--force") == {1, 2, 3}
    assert rendered() == set()


def svg(colour: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
        f'<rect width="9" height="9" fill="{colour}"/></svg>'
    )


@pytest.mark.slow
def test_temporary_folders_and_partials_of_the_dead_are_swept_at_the_next_start(people: Program) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    # Where nobody fetches orphans, the dead keep their pid.
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    for pid, what in ((dead.pid, "work-x"), (dead.pid, "x"), (zombie.pid, "x"), (os.getpid(), "x")):
        name = f"framepress-{pid}-{what}"
        (people.temporary / name).mkdir()
        (people.temporary / name / "file").touch()
    process = people.start(*command())
    until(lambda: at_first_clip(people), "a clip", 60)
    process.kill()
    people.wait(process)
    until(lambda: not people.processes(), "workers and browsers to end")
    assert people.run(*command()).code == 0
    # The folder of a process that lives (this one) is not touched.
    assert people.leftovers() == [f"framepress-{os.getpid()}-x"]
    zombie.wait()


@pytest.mark.slow
def test_a_row_that_always_fails_is_tried_three_times_while_others_go_on(program: Program) -> None:
    loop = '<script>if ("{{$NAME}}" === "Loop") for (;;);</script>'
    program.write("page.html", PAGE + loop)
    program.write(
        "people.json", [{"out": f"{x}.mp4", "name": x, "points": 1} for x in ("Loop", "A", "B", "C")]
    )
    ended = program.run(*command("--frame-timeout", "6"))
    assert ended.code == 1
    told = {n: (one["status"], one["attempt"]) for n, one in ended.rows().items()}
    assert told == {1: ("failed", 3), 2: ("done", 1), 3: ("done", 1), 4: ("done", 1)}
    assert ended.rows()[1]["error"]["type"] == "FrameTimeout"
    assert list(ended.rows())[-1] == 1, "the others did not wait for it"
    program.assert_nothing_left()


@pytest.mark.slow
def test_a_second_start_of_a_run_that_goes_on_says_which_process_has_it(people: Program) -> None:
    # Long enough that the first is still at it when the second has started Python.
    people.write("page.html", SLOW_PAGE.replace('data-duration="1"', 'data-duration="4"'))
    process = people.start(*command())
    until(people.browsers, "a browser", 60)
    second = people.run(*command())
    assert second.code == 3
    assert f"process {process.pid}" in second.stderr
    assert "what is finished is kept" in second.stderr
    # The first one is none the worse for it.
    first = people.wait(process)
    assert (first.code, first.summary()["done"]) == (0, ROW_COUNT)
    people.assert_nothing_left()


@pytest.mark.slow
def test_a_worker_that_hangs_is_found_and_replaced(
    people: Program, browser_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process says nothing: the watchdog kills it, and its row is rendered by another."""
    monkeypatch.setattr("tempfile.tempdir", str(people.temporary))
    limits = RunLimits(frame_timeout_s=10, ready_timeout_s=10, silence_grace_s=0.5)
    stopped: list[int] = []

    def stop_one(_: object) -> None:
        if not stopped and people.clips("out") and people.workers():
            stopped.append(people.workers()[0])
            os.kill(stopped[0], signal.SIGSTOP)

    # Workers inherit the environment of this process; by TMPDIR they are known as this test's.
    monkeypatch.setenv("TMPDIR", str(people.temporary))
    results = list(
        render_many(
            people.folder / "page.html",
            people.folder / "people.json",
            out_dir=people.folder / "out",
            workers=2,
            browser=browser_path,
            limits=limits,
            on_progress=stop_one,
        )
    )
    assert stopped
    assert [result.error for result in results] == [None] * ROW_COUNT
    assert sorted(result.attempt for result in results) == [1] * (ROW_COUNT - 1) + [2]
    people.assert_nothing_left()
