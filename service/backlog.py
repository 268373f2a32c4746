"""What is true of the whole service, read from Redis when Prometheus asks; every keeper says the same.

As each of them says it, whoever adds up takes `max`, not `sum`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.errors import JobStoreUnavailable, RenderError
from service.job import MOVES, JobState
from service.metrics import codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from service.stores.backlog_store import Backlog
    from service.wiring import Services

UNKNOWN = "unknown"
"""The device of a worker that has not yet said what it paints on."""


class BacklogCollector(Collector):
    """Collects it from open services. While Redis is away there is `impasto_redis_up` alone, and it is 0."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        """Name nothing beforehand, so that being registered does not need Redis."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read everything."""
        try:
            found = list(self._read())
        except JobStoreUnavailable:
            found = []
        yield _gauge("redis_up", "Whether Redis answers.", float(bool(found)))
        yield from found

    def _read(self) -> Iterator[Metric]:
        services = self._services
        backlog, memory = services.backlog.read(), services.backlog.memory()
        devices = Counter(worker.device.name if worker.device else UNKNOWN for worker in services.paces.workers())
        jobs = GaugeMetricFamily("impasto_jobs", "Jobs that have not ended.", labels=["state"])
        jobs.add_metric([JobState.QUEUED], backlog.queued)
        jobs.add_metric([JobState.RUNNING], backlog.running)
        workers = GaugeMetricFamily("impasto_workers", "Workers that are there.", labels=["device"])
        for device, count in sorted(devices.items()):
            workers.add_metric([device], count)
        yield jobs
        yield workers
        yield _gauge("keepers", "Keepers that are there.", len(services.presence.alive("keeper")))
        yield _gauge("workers_wanted", "Workers that could be busy now.", backlog.wanted)
        yield _gauge("queue_oldest_seconds", "For which the longest of the next jobs has waited.", backlog.waited_s)
        yield _gauge("webhooks_overdue", "Deliveries whose time has come.", backlog.overdue)
        yield _gauge("webhooks_overdue_seconds", "For which the longest of them has.", backlog.overdue_s)
        yield _gauge("redis_memory_bytes", "That Redis takes.", memory.used)
        if memory.limit is not None:
            yield _gauge("redis_memory_max_bytes", "That Redis may take.", memory.limit)
        yield from _counts(backlog)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"impasto_{name}", what, value=value)


def _counts(backlog: Backlog) -> Iterator[Metric]:
    moves = CounterMetricFamily(
        "impasto_job_transitions", "Changes of jobs' states; from is empty for a new one.", labels=["from", "to"]
    )
    failed = CounterMetricFamily("impasto_jobs_failed", "Jobs that failed, by their error's code.", labels=["code"])
    possible = {f"failed:{code}": 0 for code in codes(RenderError)}  # or the first would show no increase
    possible |= {f"{before}>{after}": 0 for before, afters in MOVES.items() for after in afters}
    possible |= {f">{JobState.QUEUED}": 0, f"{JobState.QUEUED}>{JobState.SUCCEEDED}": 0}  # new, and done before
    for what, times in sorted({**possible, **backlog.counts}.items()):
        before, arrow, after = what.partition(">")
        if arrow:
            moves.add_metric([before, after], times)
        else:
            failed.add_metric([what.removeprefix("failed:")], times)
    yield moves
    yield failed
