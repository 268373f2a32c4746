"""What is counted and measured, under the names of Prometheus: one place that lists them all.

Each process counts what it does itself, in a registry of its own. What is true of the whole service, such as how many
jobs wait, is read from Redis when it is asked for; see `service.backlog`.

A worker has two processes, a parent that answers and a child that paints. Before either counts anything,
`shared_between_processes` puts the numbers into files of a folder; the parent reads them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

import service
from service.errors import REASONS, BlobStoreUnavailable, RenderError
from service.job import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.errors import ImpastoError

WAITS_S = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600)
RUNS_S = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
ANSWERS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
ROUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class Metrics:
    """The numbers of one process. Labels are few and known: no tenant, no id, no path as it was typed."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"impasto_{name}", what, labels, registry=registry)

        def histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"impasto_{name}", what, labels, buckets=buckets, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"impasto_{name}", what, registry=registry, multiprocess_mode="mostrecent")

        # API
        self.answers = histogram(
            "http_request_seconds", "Until an answer begins.", ANSWERS_S, "method", "route", "status"
        )
        self.ingest_refused = counter("ingest_refused", "Images that were refused.", "reason")
        self.rings_failed = counter("rings_failed", "Rings of the doorbell that the broker did not take.")

        # Worker
        self.queue_seconds = histogram("queue_seconds", "From a job's post to its first attempt.", WAITS_S)
        self.run_seconds = histogram("run_seconds", "Of attempts that gave a picture.", RUNS_S, "size")
        self.attempts = counter("attempts", "Attempts by how they ended: succeeded, or an error's code.", "outcome")
        self.fences_refused = counter("fences_refused", "Commits of workers whose job was no longer theirs.")
        self.renewals_failed = counter("renewals_failed", "Heartbeats that did not reach Redis.")
        self.iterations = counter("iterations", "Iterations painted.")
        self.busy = gauge("busy", "1 while there is a job in hand.")
        self.device_memory = gauge("device_memory_bytes", "Of the device, that painting may take.")
        self.device_memory_peak = gauge("device_memory_peak_bytes", "Of the device, the most that this process took.")

        # Keeper
        self.leases_expired = counter("leases_expired", "Leases of silent workers, by what the job became.", "state")
        self.starts_expired = counter("starts_expired", "Jobs that had not started in time.")
        self.rings = counter("rings", "Rings for jobs that nobody was told of.")
        self.rounds = histogram("keeper_round_seconds", "Of a keeper's rounds.", ROUNDS_S, "what")
        self.stumbles = counter("keeper_stumbles", "Rounds that ended with an error that nobody had foreseen.")
        self.purged = counter("purged", "Jobs and uploads that were forgotten when their time was over.", "kind")
        self.orphans = counter("orphans_deleted", "Objects that nobody needed.")
        self.deliveries = counter(
            "webhook_deliveries", "Tries to deliver: delivered, retried or failed for good.", "outcome"
        )

        # A counter that is born with its first event would show no increase for it.
        for outcome in (JobState.SUCCEEDED, *sorted(codes(RenderError)), *sorted(codes(BlobStoreUnavailable))):
            self.attempts.labels(outcome)
        for reason in REASONS:
            self.ingest_refused.labels(reason)
        for state in (JobState.QUEUED, JobState.FAILED, JobState.CANCELED):
            self.leases_expired.labels(state)
        for outcome in ("delivered", "retried", "failed"):
            self.deliveries.labels(outcome)
        for what in ("jobs", "tidy"):
            self.rounds.labels(what)

        build = Gauge(
            "impasto_build_info", "What runs here.", ["version"], registry=registry, multiprocess_mode="mostrecent"
        )
        build.labels(service.__version__).set(1)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Show that there is a job in hand, for as long as the context is open."""
        self.busy.set(1)  # a gauge that two processes write can't be counted up and down
        try:
            yield
        finally:
            self.busy.set(0)


def codes(error: type[ImpastoError]) -> Iterator[str]:
    """Give the codes of an error's class and of all below it."""
    yield error.code
    for below in error.__subclasses__():
        yield from codes(below)


def shared_between_processes(folder: Path) -> CollectorRegistry:
    """Let what is counted from now on, by this process and those forked from it, be read from one registry.

    Source: prometheus-client's documentation, "Multiprocess Mode (E.g. Gunicorn)".

    Args:
        folder: an empty one of this worker's own.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where the library looks for it
    shared: Any = values  # the library has no annotations here
    shared.ValueClass = shared.MultiProcessValue()
    registry = CollectorRegistry()
    collector: Any = MultiProcessCollector
    collector(registry, path=str(folder))
    return registry
