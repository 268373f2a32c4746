"""The work: who is there to do it, and whether it moves while one watches for a few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from service.checks.finding import Finding, many, ok, warning, wrong
from service.errors import QueueUnavailable
from service.stores.presence import BEAT_S, SILENT_S
from service.stores.server_facts import Server, open_server
from service.wiring import Services, open_services

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from service.settings import Settings

GLANCE_S = 0.25
"""Between two glimpses."""

LAPSED_S = 2 * BEAT_S
"""A keeper makes a round at least every BEAT_S: what two rounds left lying is nobody's."""

OTHERS = "If one runs, it has another IMPASTO_REDIS_URL or IMPASTO_REDIS_PREFIX than you."


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The work at one moment.

    Attributes:
        ready: jobs that wait.
        unheard: doorbells that wait; None: the broker doesn't say.
        leases: `tenant:id` of each running job, with the seconds that its lease still lasts; < 0: run out.
        workers, keepers: who is at work.
    """

    ready: int
    unheard: int | None
    leases: Mapping[str, float]
    workers: Sequence[str]
    keepers: Sequence[str]

    @property
    def running(self) -> int:
        """Jobs that a worker holds."""
        return sum(left_s >= 0 for left_s in self.leases.values())

    @property
    def idle(self) -> int:
        """Workers that hold no job."""
        return max(0, len(self.workers) - self.running)

    @property
    def lapsed(self) -> dict[str, float]:
        """Jobs whose worker fell silent and that nobody took back, with the seconds since."""
        return {job: -left_s for job, left_s in self.leases.items() if left_s < -LAPSED_S}


def look_at_work(settings: Settings, *, watch_s: float) -> Iterator[Finding]:
    """Watch for `watch_s` seconds, then say who works and what waits."""
    with open_services(settings) as services, open_server(settings) as server:
        yield _broker(services)
        seen = list(_watch(services, server, watch_s))
    yield from judge(seen, watch_s=watch_s)


def judge(seen: Sequence[Glimpse], *, watch_s: float) -> Iterator[Finding]:
    """Judge what was seen, from the first glimpse to the last."""
    yield _keeper(seen[-1])
    yield _workers(seen, watch_s=watch_s)
    yield _queue(seen, watch_s=watch_s)
    yield _leases(seen[-1])


def _watch(services: Services, server: Server, seconds: float) -> Iterator[Glimpse]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield _glimpse(services, server)
        time.sleep(GLANCE_S)
    yield _glimpse(services, server)


def _glimpse(services: Services, server: Server) -> Glimpse:
    return Glimpse(
        ready=services.upkeep.ready_count(),
        unheard=_unheard(services),
        leases=server.leases(),
        workers=services.presence.alive("worker"),
        keepers=services.presence.alive("keeper"),
    )


def _unheard(services: Services) -> int | None:
    try:
        return services.queue.unheard()
    except QueueUnavailable:
        return None


def _broker(services: Services) -> Finding:
    try:
        unheard = services.queue.unheard()
    except QueueUnavailable as error:
        return wrong("broker", f"Redis answers, but Celery's way to it fails ({error}).", "See the log of Redis.")
    return ok("broker", f"Celery reaches it; {many(unheard, 'doorbell')} unheard.")


def _keeper(last: Glimpse) -> Finding:
    if last.keepers:
        return ok("keeper", f"{many(len(last.keepers), 'keeper')} at work: {_names(last.keepers)}.")
    fact = f"No keeper has been heard of for {SILENT_S:.0f} s: nobody takes jobs back from workers that died."
    return wrong("keeper", fact, f"Start one: impasto keeper. {OTHERS}")


def _workers(seen: Sequence[Glimpse], *, watch_s: float) -> Finding:
    name, last = "workers", seen[-1]
    waits = f"{many(last.ready, 'job')} {'waits' if last.ready == 1 else 'wait'}"
    if not last.workers:
        fact = f"No worker has been heard of for {SILENT_S:.0f} s; {waits}."
        return wrong(name, fact, f"Start one: impasto worker. {OTHERS}")
    here = f"{many(len(last.workers), 'worker')} at work: {_names(last.workers)}"
    if not _nothing_is_claimed(seen):
        return ok(name, f"{here}; {last.idle or 'none'} idle.")
    fact = f"{here}; {last.idle} idle. Yet {waits}, and none was taken within {watch_s:g} s"
    if _nobody_listens(seen):
        advice = (
            "Restart the workers: they are alive but no longer hear the broker. One that just started needs a minute."
        )
        return wrong(name, f"{fact}: nobody hears the doorbell.", advice)
    advice = "Perhaps those tenants are at IMPASTO_TENANT_RUNNING_MAX. If not, the workers' logs say what stops them."
    return warning(name, f"{fact}.", advice)


def _nothing_is_claimed(seen: Sequence[Glimpse]) -> bool:
    moved = any(
        after.leases.keys() - before.leases.keys() or after.ready < before.ready for before, after in pairwise(seen)
    )
    return not moved and all(one.ready and one.idle for one in seen)


def _nobody_listens(seen: Sequence[Glimpse]) -> bool:
    heard = any((after.unheard or 0) < (before.unheard or 0) for before, after in pairwise(seen))
    return not heard and all(one.unheard for one in seen)


def _queue(seen: Sequence[Glimpse], *, watch_s: float) -> Finding:
    first, last = seen[0], seen[-1]
    if last.ready <= max(first.ready, len(last.workers)):
        return ok("queue", f"Jobs that wait: {last.ready}; being painted: {last.running}.")
    fact = f"It grows: {first.ready} jobs waited, {watch_s:g} s later {last.ready}."
    return warning("queue", fact, "Look again in a minute. If it still grows, start more workers.")


def _leases(last: Glimpse) -> Finding:
    if not last.lapsed:
        return ok("leases", "No job is left lying by a worker that died.")
    job, age_s = max(last.lapsed.items(), key=lambda item: item[1])
    jobs = many(len(last.lapsed), "job")
    fact = f"{jobs} left lying by workers that died, {job} for {age_s:.0f} s: nobody takes them back."
    if last.keepers:
        return wrong("leases", fact, "Restart the keeper, and look for take_back_failed in its log.")
    return wrong("leases", fact, "Start a keeper: impasto keeper. It takes them back within seconds.")


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
