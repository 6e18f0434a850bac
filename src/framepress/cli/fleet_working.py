"""What `framepress worker` does, once it is known what was asked for."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from framepress.cli.fleet import WorkerOptions as Options
from framepress.errors import UsageError
from framepress.intake import Intake, IntakeOptions
from framepress.queue import check_queue_url, open_queue
from framepress.queue.policy import RetryPolicy
from framepress.row_endings import Log
from framepress.row_outcomes import Observer
from framepress.settings import RunLimits
from framepress.slots import Recycling
from framepress.stores import open_store, place_option
from framepress.temporary_folders import remove_folders_of, sweep_temporary_folders
from framepress.worker import FleetWorker, WorkerOptions
from framepress.workshop import choice, run_limits, worker_count

#: Seconds of the shortest lease: below, a browser that starts on a busy machine looks hung.
LEASE_S_MIN = 3.0

#: Hosts of queues that only this machine reaches.
LOOPBACK = ("127.0.0.1", "localhost", "::1")

#: Parts of the lease after which a frame has taken too long, and after which a silent process is killed. A
#: hung browser is so found before its lease runs out, and its row has failed rather than moved on.
FRAME_PART, SILENCE_PART = 0.5, 0.75


def work(options: Options) -> int:
    """Work until stopped and return the exit code."""
    parts = check_queue_url(options.queue)
    if options.lease < LEASE_S_MIN:
        raise UsageError(
            f"--lease is {options.lease:g}; expected at least {LEASE_S_MIN:g} seconds.", rule="lease"
        )
    if options.failures < 1:
        raise UsageError(f"--failures is {options.failures}; expected at least 1.", rule="failures")
    log = logger(choice(options.log_format, ("text", "json"), "--log-format"))
    count = worker_count(options.workers)
    out = place_option(options.out_dir) if options.out_dir is not None else None
    policy = RetryPolicy(failures_max=options.failures)
    intake = Intake(
        IntakeOptions(
            limits=_limits(options),
            environ=os.environ,
            serve=tuple(_served(folder) for folder in options.serve or ()),
            out=None if out is None else out if isinstance(out, str) else str(out.absolute()),
            local=parts.scheme == "sqlite" or (parts.hostname or "") in LOOPBACK,
            browser=options.browser,
            any_environment=options.any_environment,
        )
    )
    sweep_temporary_folders()
    if out is not None:
        open_store(out).sweep()
    queue = open_queue(
        options.queue,
        os.environ,
        lease_s=options.lease,
        policy=policy,
        redrive_check=not options.no_redrive_check,
    )
    try:
        with queue:
            worker = FleetWorker(
                queue,
                intake,
                WorkerOptions(
                    slots=count,
                    grace_s=options.grace,
                    job_limit_s=options.job_limit,
                    until_empty=options.until_empty,
                    recycling=Recycling(options.max_jobs, options.max_memory),
                ),
                log=log,
                observer=_observer(options.metrics_port),
            )
            _on_signals(worker)
            log("started", workers=count, lease_s=options.lease)
            worker.run()
            log("ended")
    finally:
        remove_folders_of(os.getpid())
    return 0


def logger(form: str) -> Log:
    """Writes events to standard error, a line each."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), renderer],
    )
    pid = os.getpid()

    def write(event: str, **facts: Any) -> None:
        log.info(event, pid=pid, **facts)

    return write


def _limits(options: Options) -> RunLimits:
    limits = run_limits(frame_timeout_s=min(options.frame_timeout, options.lease * FRAME_PART))
    frame_s = limits.frame_timeout_s
    return limits.model_copy(
        update={
            "ready_timeout_s": min(limits.ready_timeout_s, options.lease * FRAME_PART),
            "silence_grace_s": max(1.0, options.lease * SILENCE_PART - frame_s),
        }
    )


def _served(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"--serve: {folder} is not a folder.", rule="serve")
    return folder


def _observer(port: int | None) -> Observer | None:
    if port is None:
        return None
    from framepress.metrics import PrometheusObserver  # noqa: PLC0415 - optional

    return PrometheusObserver(port)


def _on_signals(worker: FleetWorker) -> None:
    def stop(_: int, __: FrameType | None) -> None:
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
