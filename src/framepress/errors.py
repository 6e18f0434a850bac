"""Every error framepress raises on purpose.

    FramepressError
    ├── UsageError            exit 2   the command line or the API call is wrong
    ├── InputError            exit 2   what the user gave us is wrong; the same input fails again
    │   ├── CompositionError           the HTML, its declarations or its size, rate, duration
    │   ├── RowsError                  the list cannot be read
    │   ├── RowValueError              one value of one row breaks a rule
    │   └── AssetError                 a file that the composition or a row refers to
    ├── EnvironmentFault      exit 3   the machine lacks something
    │   ├── BrowserMissing             no usable Chromium
    │   ├── StorageFault               folder not writable, disk full
    │   │   └── CacheFault             the cache cannot keep a piece; work goes on without
    │   ├── StoreUnavailable  retry    the bucket does not answer, or refuses
    │   └── QueueUnavailable  retry    the queue does not answer, or refuses
    ├── RowFailure            exit 1   one row could not be rendered
    │   ├── PageError                  the page threw, never got ready, or asked for what it may not have
    │   ├── BrowserCrash      retry    Chromium died or broke the protocol
    │   ├── FrameTimeout      retry    a frame took longer than allowed
    │   ├── WorkerLost        retry    the worker process died
    │   ├── EncodeError                libx264 or the AAC encoder refused
    │   ├── FileCheckError    retry    the finished file is not what was asked for
    │   ├── PlanMisfit                 a row is not as its plan says; it is rendered on the plain path
    │   └── PlanWrong                  a row shows that its plan is wrong for all; the plan is given up
    ├── Interrupted           exit 130 Ctrl-C or SIGTERM
    └── InternalError         exit 1   a broken assumption of ours; asks for a bug report

A class answers two questions: whose fault it is (`exit_code`), and whether trying again can help
(`retryable`). A message says place, found, expected, and the way out. No message, and no attribute of an
error, holds a value of a row: `field`, `rule` and `length` describe it instead.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FramepressError(Exception):
    """Base of the tree.

    Args:
        message: one or two sentences for the person who has to act, without row values.
        rule: short stable name of what was broken, such as ``"max-length"``; programs match on it.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, rule: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule or type(self).__name__

    def record(self) -> dict[str, Any]:
        """The error as the ``error`` object of a result: type, rule, message, retryable."""
        return {
            "type": type(self).__name__,
            "rule": self.rule,
            "message": self.message,
            "retryable": self.retryable,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process borders; keyword-only arguments would be lost by the default.
        return (_rebuild, (type(self), dict(self.__dict__), self.message))


def _rebuild(cls: type[FramepressError], state: dict[str, Any], message: str) -> FramepressError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class UsageError(FramepressError):
    """The command line or an API call cannot be understood."""

    exit_code = 2


class InputError(FramepressError):
    """Something the user gave us is wrong; trying again gives the same answer."""

    exit_code = 2


class CompositionError(InputError):
    """The composition itself: not HTML, no root, bad size, bad declaration, bad token."""


class RowsError(InputError):
    """The list of rows cannot be read: format, encoding, header, structure."""


class RowValueError(InputError):
    """One value of one row breaks a rule.

    Args:
        place: ``file:line`` where the row begins, or ``--vars``.
        field: the variable or column.
        length: characters in the value, so that it can be found without being shown; ``None``: no value.
    """

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        place: str = "",
        row: int | None = None,
        field: str | None = None,
        length: int | None = None,
    ) -> None:
        super().__init__(message, rule=rule)
        self.place = place
        self.row = row
        self.field = field
        self.length = length

    def record(self) -> dict[str, Any]:
        return super().record() | {
            "place": self.place,
            "row": self.row,
            "field": self.field,
            "length": self.length,
        }


class AssetError(InputError):
    """A file that the composition or a row refers to is missing, unreadable or of the wrong kind."""


class EnvironmentFault(FramepressError):
    """The machine lacks something; `framepress doctor` says what."""

    exit_code = 3


class BrowserMissing(EnvironmentFault):
    """No usable Chromium was found, or it does not start."""


class StorageFault(EnvironmentFault):
    """A folder cannot be written, or the disk is full."""


class StoreUnavailable(EnvironmentFault):
    """The bucket does not answer, or refuses. Whether something was stored is not known."""

    retryable = True


class QueueUnavailable(EnvironmentFault):
    """The queue does not answer, or refuses. Whether it did what it was asked is not known."""

    retryable = True


class CacheFault(StorageFault):
    """The cache cannot keep a piece, or its folder cannot be used. Whoever made the piece still has it, so a
    render goes on; only a folder that the user named is worth stopping for."""


class RowFailure(FramepressError):
    """One row could not be rendered; the others go on."""


class PageError(RowFailure):
    """The page threw, never got ready, or asked for what it may not have."""


class BrowserCrash(RowFailure):
    """Chromium died or answered what the protocol does not allow. A fresh browser may do."""

    retryable = True


class FrameTimeout(RowFailure):
    """A frame took longer than `--frame-timeout`; its browser was killed."""

    retryable = True


class WorkerLost(RowFailure):
    """The worker process died with the row in its hands."""

    retryable = True


class EncodeError(RowFailure):
    """An encoder refused its settings or a frame. Trying again gives the same answer.

    Args:
        frame_index: the frame within its GOP, from 0; None: it was not about one frame.
    """

    def __init__(self, message: str, *, rule: str = "", frame_index: int | None = None) -> None:
        super().__init__(message, rule=rule)
        self.frame_index = frame_index


class FileCheckError(RowFailure):
    """A finished file failed its check; it was not published."""

    retryable = True


class PlanMisfit(RowFailure):
    """A row that its plan does not fit: it is longer, say, or paints where the plan cannot follow.

    Never the end of a row: whoever asked renders it on the plain path, and the result says why (`message`).
    """


class PlanWrong(RowFailure):
    """What the plan says of all rows is not true for this one, so it may not have been for others.

    Args:
        message: what was found, without row values.
        plan: digest of the plan.
    """

    def __init__(self, message: str, *, plan: str, rule: str = "") -> None:
        super().__init__(message, rule=rule)
        self.plan = plan


class Interrupted(FramepressError):
    """The run was asked to stop. What is finished is kept; the same command goes on from there."""

    exit_code = 130


class InternalError(FramepressError):
    """An assumption of ours is broken. Please report it."""
