"""Keeping: what no worker can do for itself. Any number of keepers may run; every step is one atomic script."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.errors import JobStoreUnavailable, Unavailable, WorkerLost
from service.job import Failure, JobState
from service.log import log
from service.stores.presence import BEAT_S

if TYPE_CHECKING:
    from threading import Event

    from service.wiring import Services

RINGS_MAX = 64
"""More unheard rings than this at once would only wake workers for nothing."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one round did: jobs ready again, jobs that failed for good, rings."""

    requeued: int
    failed: int
    rung: int


def keep(services: Services, stop: Event) -> None:
    """Keep, round after round, until `stop` is set. A store that is away is waited for."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    interval = min(services.settings.keeper_interval_s, BEAT_S)
    log().info("keeper_started", keeper=name)
    while not stop.is_set():
        try:
            services.presence.beat("keeper", name)
            keep_once(services)
        except Unavailable as error:
            log().warning("keeper_waits", code=error.code, detail=str(error))
        stop.wait(interval)
    try:
        services.presence.leave("keeper", name)
    except Unavailable:
        return  # then it is forgotten a few seconds later


def keep_once(services: Services) -> Kept:
    """Take back the jobs of silent workers, and ring for ready jobs that nobody was told of."""
    ended = [_take_back(tenant, job_id, services) for tenant, job_id in services.jobs.expired_leases()]
    return Kept(
        requeued=ended.count(JobState.QUEUED),
        failed=ended.count(JobState.FAILED),
        rung=_ring(services),
    )


def _take_back(tenant: str, job_id: str, services: Services) -> JobState | None:
    lost = Failure.of(WorkerLost("The worker fell silent, at the last attempt too."), attempt=0)
    try:
        after = services.jobs.give_back_expired(tenant, job_id, lost)
    except JobStoreUnavailable as error:
        services.jobs.ping()  # is it the store, or this record alone? One bad record must not stop the round
        log().error("take_back_failed", tenant=tenant, job_id=job_id, detail=str(error))
        return None
    if after is not None:
        log().warning("lease_expired", tenant=tenant, job_id=job_id, state=after)
    return after


def _ring(services: Services) -> int:
    ready = services.jobs.ready_count()
    if not ready or services.queue.unheard():
        return 0
    rings = min(ready, RINGS_MAX)
    for _ in range(rings):
        services.queue.ring()
    return rings
