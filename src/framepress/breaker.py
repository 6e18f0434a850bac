"""Stops taking rows while what they need is away, instead of failing good rows one after the other. Pure."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

#: Ends of rows that are looked at, and how many there must be before anything is concluded.
WINDOW, WINDOW_MIN = 20, 5

#: Share of them that were errors of the infrastructure, from which on no row is taken.
RATE = 0.5

#: Seconds until one row is tried again; doubled with each one that fails too, up to the second.
PAUSE_S, PAUSE_S_MAX = 5.0, 120.0

#: Tries in a row that failed, after which a person should look: the run is paused. Over an hour.
TRIES_MAX = 40


class Breaker:
    """Closed: rows are taken. Open: none for a while. Half open: one, and what becomes of it decides.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: deque[bool] = deque(maxlen=WINDOW)
        self._tries = 0
        self._until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether rows are held back, but for single tries."""
        return self._until is not None

    @property
    def given_up(self) -> bool:
        """Whether so many tries have failed that the run should be paused."""
        return self._tries >= TRIES_MAX

    @property
    def pause_s(self) -> float:
        """Seconds until the next try; 0: a row may be taken."""
        if self._until is None:
            return 0.0
        return PAUSE_S if self._trying else max(0.0, self._until - self._clock())

    def take(self) -> bool:
        """Whether a row may be taken now; True while half open is for one row only."""
        if self._until is None:
            return True
        if self._trying or self._clock() < self._until:
            return False
        self._trying = True
        return True

    def untaken(self) -> None:
        """A row that `take` allowed did not come, or ended for a reason that says nothing."""
        self._trying = False

    def ended(self, *, infrastructure: bool) -> bool:
        """A row ended; returns whether this opened the breaker.

        Args:
            infrastructure: it ended with an error of bucket, asset host or queue.
        """
        was_open = self.is_open
        self._ends.append(infrastructure)
        if not infrastructure:
            if was_open:
                self._ends.clear()
            self._until, self._tries, self._trying = None, 0, False
            return False
        if was_open and not self._trying:
            # A row that was taken before; it tells nothing new.
            return False
        enough = len(self._ends) >= WINDOW_MIN and sum(self._ends) >= RATE * len(self._ends)
        if was_open or enough:
            self._until = self._clock() + min(PAUSE_S_MAX, PAUSE_S * 2.0 ** min(self._tries, 20))
            self._tries += 1
            self._trying = False
        return self.is_open and not was_open
