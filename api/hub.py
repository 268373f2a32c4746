"""Who waits for a job: one thread of the process hears of every change, and wakes those whom it concerns.

Waiting holds no thread: thousands may wait at once.
"""

from __future__ import annotations

import asyncio
import math
import random
import threading
from collections import defaultdict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.job import Job
    from service.stores.event_store import EventStore
    from service.stores.job_store import JobStore

ANYWAY_S = 60.0
"""Seconds after which one looks even if one was not woken, give or take half, so that thousands don't look at once."""


class Hub:
    """The waiters of one process, between `start` and `stop`, both called on its event loop.

    Attributes:
        leaving: whether the process is to end, so that nobody should wait here any longer.
    """

    def __init__(self, events: EventStore) -> None:
        self._events = events
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.leaving = False

    def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()

        def wake(member: str | None) -> None:
            with suppress(RuntimeError):  # the loop has ended before the listener
                loop.call_soon_threadsafe(self._wake, member)

        self._thread = threading.Thread(target=self._events.listen, args=(wake, self._stop), name="hub", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Wake everybody to go, for the process is to end: who still wants to know asks another one."""
        self.leaving = True
        self._wake(None)

    async def stop(self) -> None:
        """End listening, and return when nobody listens any more."""
        self._stop.set()
        if self._thread is not None:
            await run_in_threadpool(self._thread.join)

    @contextmanager
    def watching(self, tenant: str, job_id: str) -> Iterator[asyncio.Event]:
        """Give a flag that is set whenever something may have happened to a job; who waits clears it before looking."""
        member, changed = f"{tenant}:{job_id}", asyncio.Event()
        self._waiting[member].add(changed)
        try:
            yield changed
        finally:
            self._waiting[member].discard(changed)
            if not self._waiting[member]:
                del self._waiting[member]

    def _wake(self, member: str | None) -> None:
        concerned = self._waiting.values() if member is None else [self._waiting.get(member, set())]
        for waiters in concerned:
            for changed in waiters:
                changed.set()


async def woken(changed: asyncio.Event, *, within_s: float = math.inf) -> None:
    """Return when a flag is set, or it is time to look, or the time is over."""
    with suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), min(within_s, ANYWAY_S * random.uniform(0.5, 1.5)))  # noqa: S311 - no secret


async def terminal_within(hub: Hub, jobs: JobStore, tenant: str, job_id: str, *, seconds: float) -> Job:
    """Wait until a job is terminal, the time is over, or this process is to end; give it as it then stands.

    Raises:
        NotFound, Gone: the tenant has no such job, or no longer.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    with hub.watching(tenant, job_id) as changed:
        while True:
            changed.clear()
            job = await run_in_threadpool(jobs.get, tenant, job_id)
            left = until - loop.time()
            if job.state.terminal or left <= 0 or hub.leaving:
                return job
            await woken(changed, within_s=left)
