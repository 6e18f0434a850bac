"""Rows through worker processes, for a pre-flight: laid out, then some of them drawn and rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from framepress.errors import FramepressError, RowFailure
from framepress.pool import Answer, WorkerPool
from framepress.preflight.basis import Basis, BasisRequest
from framepress.preflight.rules import RowReport, finding
from framepress.preflight.tasks import BasisTask, Inspected, InspectTask, Shots, ShotTask
from framepress.results import RowResult
from framepress.row_task import RowTask
from framepress.tasks import Failed, Task
from framepress.variants import Variant

#: Rows of one task: few enough that workers end together, many enough that asking costs nothing.
CHUNK = 12

#: Seconds between two looks at the workers.
WAIT_S = 0.5


#: Gives the rows that are to be looked at, as often as it is called.
Rows = Callable[[], Iterable[tuple[int, Variant]]]


class _Disagreement(Exception):
    """A row looked otherwise in a frame; the text says which and how."""


@dataclass(frozen=True)
class Inspection:
    """What is wrong with the rows of a list, and the basis by which that was found in the end."""

    reports: list[RowReport]
    basis: Basis


class Crew:
    """The workers of one pre-flight."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._request: tuple[BasisRequest, Variant] | None = None

    def basis(self, request: BasisRequest, first: Variant) -> Basis:
        """The basis; from the first row where the defaults themselves cannot be laid out.

        Raises:
            FramepressError: neither can.
        """
        self._request = request, first
        for default in (request.default, first):
            task = BasisTask(replace(request, default=default))
            (answer,) = self._answers([task])
            if isinstance(answer.reply, Basis):
                return answer.reply
            error = _error_of(answer)
            if not isinstance(error, RowFailure) or default is first:
                raise error
        raise AssertionError("the second try returns or raises")

    def inspect(self, basis: Basis, rows: Rows, on_done: Callable[[int], None]) -> Inspection:
        """A report for every row.

        Args:
            rows: the rows; called again where they have to be looked at in another way.
            on_done: called with how many are done.
        """
        try:
            return Inspection(list(self._inspected(basis, rows(), on_done)), basis)
        except _Disagreement as error:
            # Whatever was laid out in a frame is in doubt now, what variables change too.
            if self._request is not None:
                request, first = self._request
                basis = self.basis(replace(request, framed=False), first)
            basis = replace(basis, unframed=str(error))
            return Inspection(list(self._inspected(basis, rows(), on_done)), basis)

    def _inspected(
        self, basis: Basis, rows: Iterable[tuple[int, Variant]], on_done: Callable[[int], None]
    ) -> Iterator[RowReport]:
        done = 0
        again: list[tuple[int, Variant]] = []
        tasks = (InspectTask(basis, chunk) for chunk in _chunks(rows, CHUNK))
        for answer in self._answers(tasks):
            task = answer.task
            assert isinstance(task, InspectTask)
            if isinstance(answer.reply, Inspected):
                if answer.reply.disagreement is not None and basis.unframed is None:
                    self._finish()
                    raise _Disagreement(answer.reply.disagreement)
                done += len(answer.reply.reports)
                on_done(done)
                yield from answer.reply.reports
            elif isinstance(_error_of(answer), RowFailure):
                again += task.rows
            else:
                raise _error_of(answer)
        # A worker died: of one of these rows, perhaps, so each has its own task now.
        for answer in self._answers(InspectTask(basis, (row,)) for row in again):
            task = answer.task
            assert isinstance(task, InspectTask)
            done += 1
            on_done(done)
            if isinstance(answer.reply, Inspected):
                yield from answer.reply.reports
            else:
                error = _error_of(answer)
                if not isinstance(error, RowFailure):
                    raise error
                number = task.rows[0][0]
                yield RowReport(number, (finding("row-broken", error.message, row=number),), failed=True)

    def _finish(self) -> None:
        """Let workers end what they are at; nobody wants it."""
        for _ in self._answers(()):
            pass

    def shoot(self, tasks: Iterable[ShotTask]) -> Iterator[Shots]:
        """Pictures, as they come; rows that fail now have none."""
        for answer in self._answers(tasks):
            if isinstance(answer.reply, Shots):
                yield answer.reply

    def render(self, tasks: Iterable[RowTask]) -> Iterator[RowResult]:
        """Finished clips, as they come; rows that fail have none."""
        for answer in self._answers(tasks):
            if isinstance(answer.reply, RowResult):
                yield answer.reply

    def _answers(self, tasks: Iterable[Task]) -> Iterator[Answer]:
        """Feeds idle workers until nothing is left to do."""
        waiting = iter(tasks)
        done = False
        while True:
            while not done and self._pool.idle_count:
                task = next(waiting, None)
                if task is None:
                    done = True
                else:
                    self._pool.start(task)
            if done and not self._pool.busy_count:
                return
            yield from self._pool.answers(WAIT_S)


def _chunks(rows: Iterable[tuple[int, Variant]], size: int) -> Iterator[tuple[tuple[int, Variant], ...]]:
    remaining = iter(rows)
    while chunk := tuple(islice(remaining, size)):
        yield chunk


def _error_of(answer: Answer) -> FramepressError:
    assert isinstance(answer.reply, Failed)
    return answer.reply.error
