"""A worker's hold on its job: the heartbeat that renews the lease, and what makes an attempt stop."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.errors import CancelRequested, DrainRequested, JobStoreUnavailable, LeaseLost, RunTimeout
from service.job import JobState
from service.log import log
from service.noop import noop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from service.job import Job
    from service.stores.claim_store import ClaimStore

MARGIN = 0.2
"""Share of the TTL that is left to stop in: a worker that could not renew for 80 % of it takes the job for lost."""

STUCK = 70
"""Exit code of a child that had to be ended: EX_SOFTWARE of sysexits.h."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Who is told of a job in hand: each heartbeat, each that did not reach the store, each step of the painting."""

    beat: Callable[[], object] = noop
    missed: Callable[[], object] = noop
    step: Callable[[], object] = noop


SILENT = Signs()


class HeldLease:
    """Renews one job's lease from a thread of its own, so that no long iteration delays it.

    An attempt that is to stop, and doesn't within a lease's time, takes its process with it: the device must be free.

    Args:
        job: the job as claimed; its fence proves that it is ours.
        claims: where to renew.
        ttl_s: the lease's time to live.
        asked: when the claim was asked for, in seconds of the monotonic clock; the lease can't be older.
        draining: whether this worker is to stop.
        signs: where signs of life are shown.
    """

    def __init__(  # noqa: PLR0913 - whom it serves
        self,
        job: Job,
        claims: ClaimStore,
        *,
        ttl_s: float,
        asked: float,
        draining: Callable[[], bool],
        signs: Signs = SILENT,
    ) -> None:
        assert job.spec.run_timeout_s is not None, "the spec is not resolved"
        self.checkpoint: str | None = None
        self.preview: str | None = None
        self._job, self._claims, self._draining, self._signs = job, claims, draining, signs
        self._silence_s, self._grace_s = ttl_s * (1 - MARGIN), ttl_s
        self._interval_s = min(ttl_s / 3, 1.0)  # a second, so that clients see the progress move
        self._renewed = asked
        self._overrun = asked + job.spec.run_timeout_s - job.run_ms / 1000
        self._state: JobState | None = JobState.RUNNING
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
        self._signs.step()
        self._progress = progress

    def check(self) -> None:
        """Return while the attempt is to go on.

        Raises:
            LeaseLost: a renewal was refused, or none got through for too long.
            CancelRequested: the client wants the job no longer.
            RunTimeout: all its attempts together have run for longer than they may.
            DrainRequested: this worker is to stop.
        """
        now = time.monotonic()
        if self._state is None:
            raise LeaseLost("the job was given to another worker")
        if now - self._renewed > self._silence_s:
            raise LeaseLost("the job store could not be reached to renew the lease")
        if self._state is JobState.CANCELING:
            raise CancelRequested("its client canceled it")
        if now > self._overrun:
            raise RunTimeout(f"It was not done within the {self._job.spec.run_timeout_s:g} s of its run_timeout_s.")
        if self._draining():
            raise DrainRequested("the worker was told to stop")

    def _beat(self) -> None:
        must_stop_since: float | None = None
        while not self._released.wait(self._interval_s):
            self._signs.beat()
            self._renew()
            if must_stop_since is None and self._must_stop():
                must_stop_since = time.monotonic()
            if must_stop_since is not None and time.monotonic() - must_stop_since > self._grace_s:
                self._abandon()

    def _renew(self) -> None:
        if self._state is None:
            return
        asked = time.monotonic()
        try:
            preview, self.preview = self.preview, None
            self._state = self._claims.renew(self._job, self._progress, checkpoint=self.checkpoint, preview=preview)
        except JobStoreUnavailable as error:
            log().warning("renewal_failed", job_id=self._job.id, detail=str(error))
            self._signs.missed()
        else:
            self._renewed = asked

    def _must_stop(self) -> bool:
        """Say whether the attempt has to stop at once; who leaves of his own accord may finish a long step first."""
        try:
            self.check()
        except DrainRequested:
            return False
        except (LeaseLost, CancelRequested, RunTimeout):
            return True
        return False

    def _abandon(self) -> None:
        """End this process: the job has been lost for long, and the painting did not stop by itself."""
        log().error("worker_stuck", job_id=self._job.id)
        os._exit(STUCK)


def never() -> bool:
    """Never leave: for who isn't told to stop by others."""
    return False


@contextmanager
def hold(  # noqa: PLR0913 - as above
    job: Job,
    *,
    claims: ClaimStore,
    ttl_s: float,
    asked: float,
    draining: Callable[[], bool] = never,
    signs: Signs = SILENT,
) -> Iterator[HeldLease]:
    """Keep a job's lease alive while the context is open."""
    lease = HeldLease(job, claims, ttl_s=ttl_s, asked=asked, draining=draining, signs=signs)
    lease.start()
    try:
        yield lease
    finally:
        lease.release()
