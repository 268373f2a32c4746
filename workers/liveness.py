"""Whether a worker is at work: what its parent answers to `/livez` and `/readyz`.

A worker may look alive and paint nothing: its child may stand still, or hang in a driver's call while its heart beats,
or its parent may have lost the queue in a way that no error tells (a half-open connection, a consumer that was not
started again). So it counts as alive while the job in hand beats and goes on, and the queue has answered not long ago.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from queue import Empty
from typing import TYPE_CHECKING, Any

from celery import bootsteps

from service.errors import WeightsMissing
from workers.painter.weights import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.watch import Checks
    from workers.condition import Condition

DEAF_S = 60.0
"""Without an answer of the queue, though there is no job in hand and Redis is there: it answers every second or so."""

SILENT_S = 120.0
"""Without a heartbeat of the child, though a job is in hand: its process stands still as a whole."""

STANDING_S = 900.0
"""Without a step of the job in hand, though its heart beats: painting hangs in a call of the device. An iteration over
the largest picture, in tiles on two cores, takes five minutes."""


@dataclass(slots=True)
class LastSeen:
    """What the parent notices, in seconds of the monotonic clock.

    Attributes:
        poll: when the queue last answered, with a ring or with nothing.
        redis: when Redis last took the worker's presence; None before the first time.
    """

    poll: float = field(default_factory=time.monotonic)
    redis: float | None = None


def poll_step(last_seen: LastSeen) -> type[bootsteps.StartStopStep]:
    """Make the step of Celery's consumer that notes each answer of the queue; it starts anew with each connection."""

    class PollStep(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, parent: Any) -> None:
            handlers = parent.task_consumer.channel.handlers
            handlers["BRPOP"] = _noting(handlers["BRPOP"], last_seen)

    return PollStep


def _noting(read: Callable[..., bool], last_seen: LastSeen) -> Callable[..., bool]:
    def noted(**options: object) -> bool:
        try:
            ring = read(**options)
        except Empty:  # an answer, too: there was no ring within a second
            last_seen.poll = time.monotonic()
            raise
        last_seen.poll = time.monotonic()
        return ring

    return noted


def live(condition: Condition, last_seen: LastSeen) -> Checks:
    """Give what must hold, or the worker is started anew."""

    def job() -> str | None:
        silent_s, standing_s = condition.silent_s or 0.0, condition.standing_s or 0.0
        if silent_s > SILENT_S:
            return f"the job in hand has shown no sign of life for {silent_s:.0f} s"
        return f"the job in hand has not gone on for {standing_s:.0f} s" if standing_s > STANDING_S else None

    def queue() -> str | None:
        now = time.monotonic()
        deaf_s = now - max(last_seen.poll, condition.idle_since)
        redis_is_there = last_seen.redis is not None and now - last_seen.redis < DEAF_S / 2
        if condition.busy or deaf_s < DEAF_S or not redis_is_there:  # with Redis away, a new start would not help
            return None
        return f"the queue has not answered for {deaf_s:.0f} s, though Redis is there"

    return {"job": job, "queue": queue}


def ready(condition: Condition, last_seen: LastSeen) -> Checks:
    """Give what must hold besides, that jobs may come."""

    def device() -> str | None:
        if condition.unfit:
            return "its device has failed again and again"
        return None if condition.device else "the painter is not loaded yet"

    def weights() -> str | None:
        try:
            require("vgg16")
        except WeightsMissing as error:
            return str(error)
        return None

    return {
        "device": device,
        "weights": weights,
        "draining": lambda: "it is to stop" if condition.draining else None,
        "redis": lambda: None if last_seen.redis is not None else "it has not reached Redis yet",
    }
