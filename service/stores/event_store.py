"""What happens to jobs, as it happens: a stream of events for each, and one channel that says whose has grown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.errors import JobStoreUnavailable
from service.log import log
from service.stores.connection import RedisClient, translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event as Flag

LISTEN_S = 0.2
"""Seconds between two looks at whether to stop listening."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job.

    Attributes:
        id: grows with time, and sorts events.
        kind: `state`, `progress`, `preview`, or `log`: why an attempt ended that is followed by another.
        data: what has changed.
    """

    id: str
    kind: str
    data: dict[str, Any]


class EventStore:
    """Keys: `events:<tenant>:<id>` stream, about 256 events; TTL a day after the last, an hour after the job's end."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix

    @translated
    def since(self, tenant: str, job_id: str, last: str | None) -> list[Event]:
        """List what has happened to a job after an event, or all that is still known.

        Raises:
            JobStoreUnavailable: Redis is out of reach.
        """
        entries = self._redis.xrange(f"{self._prefix}events:{tenant}:{job_id}", f"({last}" if last else "-", "+")
        return [Event(entry, fields["kind"], json.loads(fields["data"])) for entry, fields in entries]

    def listen(self, wake: Callable[[str | None], None], stop: Flag) -> None:
        """Call `wake` with `tenant:id` whenever something happens to a job, until told to stop.

        After an interruption it is called with None: something may have happened to any job.
        """
        while not stop.is_set():
            try:
                self._hear(wake, stop)
            except JobStoreUnavailable as error:
                log().warning("listening_interrupted", detail=str(error))
                stop.wait(LISTEN_S)
            wake(None)

    @translated
    def _hear(self, wake: Callable[[str | None], None], stop: Flag) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(f"{self._prefix}changed")
            wake(None)
            while not stop.is_set():
                message = channel.get_message(timeout=LISTEN_S)
                if message is not None:
                    wake(message["data"])
