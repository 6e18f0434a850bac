"""Numbers of a worker for Prometheus, exported by the parent on loopback. Names: docs/fleet.md.

Labels hold kinds only, never a name or a value of a row.
"""

from __future__ import annotations

import time
from contextlib import suppress

from framepress.errors import EnvironmentFault, QueueUnavailable, StorageFault, UsageError
from framepress.queue.base import JobQueue
from framepress.results import RowResult
from framepress.row_outcomes import Observer

#: Seconds between two looks at the queue's depth.
DEPTH_S = 15.0

#: Seconds of a step, as the upper ends of a histogram.
BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900)


class PrometheusObserver(Observer):
    """Serves ``http://127.0.0.1:PORT/metrics``.

    Raises:
        UsageError: prometheus-client is not installed. EnvironmentFault: the port is taken.
    """

    def __init__(self, port: int) -> None:
        try:
            import prometheus_client as prometheus  # noqa: PLC0415 - optional
        except ModuleNotFoundError as exc:
            raise UsageError(
                "--metrics-port: pip install 'framepress[metrics]' first.", rule="extra-missing"
            ) from exc
        registry = prometheus.CollectorRegistry()
        self._rows = prometheus.Counter(
            "framepress_rows", "Rows by how they ended", ["status"], registry=registry
        )
        self._seconds = prometheus.Histogram(
            "framepress_step_seconds",
            "Seconds of a row by step",
            ["step"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._bytes = prometheus.Counter("framepress_bytes", "Bytes of clips published", registry=registry)
        self._busy = prometheus.Gauge("framepress_busy", "Rows in work", registry=registry)
        self._depth = prometheus.Gauge("framepress_queue", "Jobs in the queue", ["state"], registry=registry)
        self._looked_at = 0.0
        for status in ("done", "stored", "dead", "retry", "given-back", "lost"):
            self._rows.labels(status)
        try:
            self._server, _ = prometheus.start_http_server(port, addr="127.0.0.1", registry=registry)
        except OSError as exc:
            raise EnvironmentFault(
                f"--metrics-port: port {port} cannot be had: {exc.strerror}.", rule="metrics-port"
            ) from exc

    def row_ended(self, status: str, result: RowResult | None) -> None:
        self._rows.labels(status).inc()
        if result is None or status != "done":
            return
        self._bytes.inc(result.bytes)
        for step, seconds in result.seconds.model_dump().items():
            self._seconds.labels(step).observe(seconds)

    def tick(self, busy: int, queue: JobQueue) -> None:
        self._busy.set(busy)
        now = time.monotonic()
        if now - self._looked_at < DEPTH_S and self._looked_at:
            return
        self._looked_at = now
        with suppress(QueueUnavailable, StorageFault):
            counts = queue.counts()
            for state in ("waiting", "delayed", "leased", "dead"):
                self._depth.labels(state).set(getattr(counts, state))
