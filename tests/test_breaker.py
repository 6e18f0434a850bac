"""The breaker: when it opens, what it lets through, when it closes. By a clock of ours."""

from __future__ import annotations

from framepress.breaker import PAUSE_S, PAUSE_S_MAX, TRIES_MAX, WINDOW_MIN, Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock)
    found = [breaker.ended(infrastructure=True) for _ in range(WINDOW_MIN)]
    assert found == [False] * (WINDOW_MIN - 1) + [True]
    return breaker, clock


def test_it_opens_when_enough_ends_are_the_infrastructures() -> None:
    breaker, _ = opened()
    assert breaker.is_open
    assert not breaker.take()
    assert breaker.pause_s == PAUSE_S


def test_it_stays_closed_when_most_rows_end_well() -> None:
    breaker = Breaker(Clock())
    for n in range(100):
        breaker.ended(infrastructure=n % 3 == 0)
        assert not breaker.is_open
        assert breaker.take()


def test_after_its_pause_one_row_is_tried_and_closes_it() -> None:
    breaker, clock = opened()
    clock.now += PAUSE_S
    assert breaker.take()
    assert not breaker.take()
    assert not breaker.ended(infrastructure=False)
    assert not breaker.is_open
    # What was before is forgotten: one error does not open it again.
    assert not breaker.ended(infrastructure=True)
    assert breaker.take()


def test_pauses_double_up_to_a_limit_while_tries_fail_and_then_it_gives_up() -> None:
    breaker, clock = opened()
    pauses = []
    for _ in range(TRIES_MAX - 1):
        assert not breaker.given_up
        pauses.append(breaker.pause_s)
        clock.now += breaker.pause_s
        assert breaker.take()
        breaker.ended(infrastructure=True)
    assert pauses[:4] == [PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S, 8 * PAUSE_S]
    assert max(pauses) == PAUSE_S_MAX
    assert breaker.given_up


def test_rows_that_were_taken_before_say_nothing_new() -> None:
    breaker, clock = opened()
    clock.now += PAUSE_S - 1
    breaker.ended(infrastructure=True)
    assert breaker.pause_s == 1


def test_a_try_that_came_to_nothing_is_made_again() -> None:
    breaker, clock = opened()
    clock.now += PAUSE_S
    assert breaker.take()
    breaker.untaken()
    assert breaker.take()
