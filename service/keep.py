"""Keeping: what no worker can do for itself. Any number of keepers may run; every step is one atomic script."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from service.deliver import deliver
from service.errors import JobStoreUnavailable, Unavailable, WorkerLost
from service.job import Failure, JobState
from service.log import log
from service.stores.presence import BEAT_S
from service.sweep import purge, sweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from service.wiring import Services

SILENT_S, SILENT_BESIDE_S = 60.0, 600.0
"""Without a sign of a round over the jobs, and of what goes on beside it, after which a keeper counts as dead: longer
than every timeout of its calls together."""

RINGS_MAX = 64
"""Unheard rings there are at most so many of, as far as keepers ring: more would only wake workers for nothing. Whoever
hears one passes it on, see `service.render`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one round did.

    Attributes:
        requeued, failed, canceled: jobs of silent workers, by what became of them.
        expired: jobs that had not started in time.
        rung: rings.
    """

    requeued: int = 0
    failed: int = 0
    canceled: int = 0
    expired: int = 0
    rung: int = 0


class Pulse:
    """When something last went on, whether or not a store was away.

    Args:
        silent_max_s: the longest that it may be without a sign.
    """

    def __init__(self, silent_max_s: float) -> None:
        self._silent_max_s = silent_max_s
        self._last = time.monotonic()

    def beat(self) -> None:
        """Note that a round has ended, or a part of a long one."""
        self._last = time.monotonic()

    def beating(self) -> str | None:
        """Say what is wrong, if anything is: a round takes a moment, and a store that is away some seconds."""
        silent_s = time.monotonic() - self._last
        return None if silent_s < self._silent_max_s else f"nothing has ended for {silent_s:.0f} s"


@dataclass(frozen=True, slots=True)
class Pulses:
    """Of the three things that a keeper does at once: look after jobs, tidy up, and deliver webhooks."""

    jobs: Pulse = field(default_factory=lambda: Pulse(SILENT_S))
    tidy: Pulse = field(default_factory=lambda: Pulse(SILENT_BESIDE_S))
    deliver: Pulse = field(default_factory=lambda: Pulse(SILENT_BESIDE_S))

    def checks(self) -> dict[str, Callable[[], str | None]]:
        """Give what must hold of a keeper that lives, by name."""
        return {"jobs": self.jobs.beating, "tidy": self.tidy.beating, "deliver": self.deliver.beating}


def keep(services: Services, stop: Event, pulses: Pulses | None = None) -> None:
    """Keep, round after round, until `stop` is set. A store that is away is waited for.

    What waits for others runs beside, so that jobs do not wait for it.

    Args:
        services: the open parts.
        stop: ends it.
        pulses: told what goes on, for whoever asks whether it does.
    """
    pulses = pulses or Pulses()
    name = f"{socket.gethostname()}:{os.getpid()}"
    log().info("keeper_started", keeper=name)
    rounds = services.metrics.rounds

    def look_after_jobs() -> None:
        services.presence.beat("keeper", name)
        with rounds.labels("jobs").time():
            keep_once(services)

    bucket_is_there = False

    def tidy() -> None:
        nonlocal bucket_is_there
        if not bucket_is_there:
            services.blobs.ensure_bucket()
            bucket_is_there = True
        with rounds.labels("tidy").time():
            purge(services, stop, pulses.tidy.beat)
            sweep(services, name=name)

    def send() -> None:
        deliver(services, stop=stop, ended=pulses.deliver.beat)

    # What others keep waiting goes on beside: the object storage, and the receivers of webhooks.
    beside = [
        Thread(target=_repeat, args=(tidy, services, stop, pulses.tidy), name="tidy"),
        Thread(target=_repeat, args=(send, services, stop, pulses.deliver), name="deliver"),
    ]
    for thread in beside:
        thread.start()
    _repeat(look_after_jobs, services, stop, pulses.jobs)
    for thread in beside:
        thread.join()
    try:
        services.presence.leave("keeper", name)
    except Unavailable:
        return  # then it is forgotten a few seconds later


def _repeat(once: Callable[[], object], services: Services, stop: Event, pulse: Pulse) -> None:
    interval = min(services.settings.keeper_interval_s, BEAT_S)
    while not stop.is_set():
        try:
            once()
        except Unavailable as error:
            log().warning("keeper_waits", code=error.code, detail=str(error))
        except Exception:  # noqa: BLE001 - a keeper that dies of one bad record leaves all others alone
            log().exception("keeper_stumbled")
            services.metrics.stumbles.inc()
        pulse.beat()
        stop.wait(interval)


def keep_once(services: Services) -> Kept:
    """Take back the jobs of silent workers, end what should have started, ring for jobs that nobody was told of."""
    ended = [_take_back(tenant, job_id, services) for tenant, job_id in services.upkeep.expired_leases()]
    expired = services.upkeep.expire_starts()
    for tenant, job_id in expired:
        log().info("start_deadline_passed", tenant=tenant, job_id=job_id)
        services.metrics.starts_expired.inc()
    return Kept(
        requeued=ended.count(JobState.QUEUED),
        failed=ended.count(JobState.FAILED),
        canceled=ended.count(JobState.CANCELED),
        expired=len(expired),
        rung=_ring(services),
    )


def _take_back(tenant: str, job_id: str, services: Services) -> JobState | None:
    lost = Failure.of(WorkerLost("The worker fell silent, at the last attempt too."), attempt=0)
    try:
        after = services.upkeep.give_back_expired(tenant, job_id, lost)
    except JobStoreUnavailable as error:
        services.jobs.ping()  # is it the store, or this record alone? One bad record must not stop the round
        log().error("take_back_failed", tenant=tenant, job_id=job_id, detail=str(error))
        return None
    if after is None:
        return None
    log().warning("lease_expired", tenant=tenant, job_id=job_id, attempt=after.attempt, state=after.state)
    services.metrics.leases_expired.labels(after.state).inc()
    return after.state


def _ring(services: Services) -> int:
    ready = services.upkeep.ready_count()
    rings = min(ready, RINGS_MAX) - services.queue.unheard() if ready else 0
    if rings <= 0:
        return 0
    for _ in range(rings):
        services.queue.ring()
    services.metrics.rings.inc(rings)
    return rings
