"""A worker's hold on its job: the heartbeat that renews the lease, and the fence that stops a worker cut off."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from service.errors import JobStoreUnavailable, LeaseLost
from service.log import log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.job import Job
    from service.stores.job_store import JobStore

MARGIN = 0.2
"""Share of the TTL that is left to stop in: a worker that could not renew for 80 % of it takes the job for lost."""


STUCK = 70
"""Exit code of a child that had to be ended: EX_SOFTWARE of sysexits.h."""


class HeldLease:
    """Renews one job's lease from a thread of its own, so that no long iteration delays it.

    Args:
        job: the job as claimed; its fence proves that it is ours.
        jobs: where to renew.
        ttl_s: the lease's time to live.
        asked: when the claim was asked for, in seconds of the monotonic clock; the lease can't be older.
    """

    def __init__(self, job: Job, jobs: JobStore, *, ttl_s: float, asked: float) -> None:
        self._job = job
        self._jobs = jobs
        self._silence_s = ttl_s * (1 - MARGIN)
        self._grace_s = ttl_s
        self._interval_s = min(ttl_s / 3, 1.0)  # a second, so that clients see the progress move
        self._renewed = asked
        self._refused = False
        self._progress: Mapping[str, Any] | None = None
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease-{job.id}", daemon=True)

    def start(self) -> None:
        """Start the heartbeat."""
        self._thread.start()

    def release(self) -> None:
        """Stop the heartbeat."""
        self._released.set()
        self._thread.join()

    def note(self, progress: Mapping[str, Any]) -> None:
        """Keep the progress for the next heartbeat."""
        self._progress = progress

    def check(self) -> None:
        """Return while the job is ours.

        Raises:
            LeaseLost: a renewal was refused, or none got through for too long.
        """
        if self._refused:
            raise LeaseLost("the job was given to another worker")
        if time.monotonic() - self._renewed > self._silence_s:
            raise LeaseLost("the job store could not be reached to renew the lease")

    def _beat(self) -> None:
        while not self._released.wait(self._interval_s):
            if time.monotonic() - self._renewed > self._silence_s + self._grace_s:
                self._abandon()
            asked, progress = time.monotonic(), self._progress
            try:
                renewed = self._jobs.renew(self._job, progress)
            except JobStoreUnavailable as error:
                log().warning("renewal_failed", job_id=self._job.id, detail=str(error))
                continue
            if not renewed:
                self._refused = True
                if not self._released.wait(self._grace_s):
                    self._abandon()
                return
            self._renewed = asked

    def _abandon(self) -> None:
        """End this process: the job has been lost for long, and the painting did not stop by itself."""
        log().error("worker_stuck", job_id=self._job.id)
        os._exit(STUCK)


@contextmanager
def hold(job: Job, *, jobs: JobStore, ttl_s: float, asked: float) -> Iterator[HeldLease]:
    """Keep a job's lease alive while the context is open."""
    lease = HeldLease(job, jobs, ttl_s=ttl_s, asked=asked)
    lease.start()
    try:
        yield lease
    finally:
        lease.release()
