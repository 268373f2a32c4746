"""What is to be told to whom, in Redis: deliveries that are due, and the log of those that were made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.errors import NotFound
from service.stores.connection import RedisClient, translated
from service.stores.job_list import Mark, marks
from service.stores.records import flat, pairs
from service.stores.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TAKEN_MS = 20_000
"""After so long another keeper sends what one has taken and not ended: longer than a try can take."""
TENANT_AT_ONCE = 4
"""Deliveries of one tenant that are on their way at the same time, over all keepers."""
FAILING_MS = 5 * 24 * 3600 * 1000
"""An endpoint to which nothing could be delivered for so long is disabled."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one receiver. Times are milliseconds of the store's clock since 1970.

    Attributes:
        id: the message's; the same at every try.
        type: of the event.
        about: what the event says.
        at_ms: when it happened.
        endpoint_id: whom it is for; None when it is for a job's or a batch's own `url`.
        attempt: tries so far.
        ended: `delivered`, `failed` or `dropped`, when there is to be no further try.
        next_ms: when it is tried next.
        tried_ms: when it was tried last, with its outcome: `status` of the answer, None when there was none; `took_ms`;
            `answer`, the beginning of its body.
    """

    tenant: str
    id: str
    type: str
    about: Mapping[str, Any]
    at_ms: int
    endpoint_id: str | None
    url: str | None = field(repr=False)
    attempt: int
    ended: str | None
    next_ms: int | None
    tried_ms: int | None
    status: int | None
    took_ms: int | None
    answer: str | None

    @property
    def said_status(self) -> str:
        """Say how it stands: `pending` until it has ended."""
        return self.ended or "pending"


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery to be made now, where to, and the secrets that sign it."""

    delivery: Delivery
    url: str = field(repr=False)
    secret: str | None = field(repr=False)
    old_secret: str | None = field(repr=False)
    old_until_ms: int


class DeliveryStore:
    """The deliveries of all tenants. Every method raises JobStoreUnavailable when Redis is out of reach."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix
        self._scripts = Scripts(client, prefix, "take_delivery", "end_delivery", "replay_delivery")

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    @translated
    def take(self) -> Taken | None:
        """Take the next delivery that is due, if there is one; nobody else has it for TAKEN_MS."""
        found = self._scripts.run("take_delivery", TAKEN_MS, TENANT_AT_ONCE)
        if not found:
            return None
        tenant, name, record, to = found
        receiver = pairs(to)
        delivery = _delivery_of(tenant, name, pairs(record))
        return Taken(
            delivery,
            url=delivery.url or receiver["url"],
            secret=receiver.get("secret"),
            old_secret=receiver.get("old_secret"),
            old_until_ms=int(receiver.get("old_until_ms", 0)),
        )

    @translated
    def end(self, taken: Delivery, *, how: str | int, disable: str = "", **outcome: object) -> str | None:
        """Note how a try went.

        Args:
            taken: which try of which delivery.
            how: `delivered`, `failed`, or the milliseconds until the next try.
            disable: why its endpoint is to be disabled, if it is.
            outcome: status, took_ms and answer.

        Returns:
            Why the endpoint was disabled, or None.
        """
        fields = flat(**{name: "" if value is None else value for name, value in outcome.items()})
        why: str | None = self._scripts.run(
            "end_delivery", taken.tenant, taken.id, taken.attempt, how, disable, FAILING_MS, *fields
        )
        return why

    @translated
    def get(self, tenant: str, delivery_id: str) -> Delivery:
        """Read a delivery.

        Raises:
            NotFound: the tenant has no such delivery, or no longer.
        """
        record = self._redis.hgetall(self._key("delivery", tenant, delivery_id))
        if not record:
            raise NotFound("delivery", delivery_id)
        return _delivery_of(tenant, delivery_id, record)

    @translated
    def replay(self, tenant: str, delivery_id: str) -> Delivery:
        """Make a delivery once more, from its first try on.

        Raises:
            NotFound: the tenant has no such delivery, or no longer.
        """
        self._scripts.run("replay_delivery", tenant, delivery_id)
        return self.get(tenant, delivery_id)

    @translated
    def page(
        self, tenant: str, *, endpoint_id: str | None, after: Mark | None, limit: int, status: str | None = None
    ) -> tuple[list[Delivery], Mark | None]:
        """Give the next deliveries after a place, newest first, and the place to go on from; None at the end."""
        found: list[Delivery] = []
        for delivery in self._all(tenant, after):
            if endpoint_id in {None, delivery.endpoint_id} and status in {None, delivery.said_status}:
                if len(found) == limit:
                    return found, Mark(found[-1].at_ms, found[-1].id)
                found.append(delivery)
        return found, None

    def _all(self, tenant: str, after: Mark | None) -> Iterator[Delivery]:
        while found := marks(self._redis, self._key("deliveries", tenant), after=after):
            with self._redis.pipeline(transaction=False) as pipe:
                for mark in found:
                    pipe.hgetall(self._key("delivery", tenant, mark.id))
                records = pipe.execute()
            read = zip(found, records, strict=True)
            yield from (_delivery_of(tenant, mark.id, record) for mark, record in read if record)
            after = found[-1]


def _delivery_of(tenant: str, name: str, record: Mapping[str, str]) -> Delivery:
    def whole(field: str) -> int | None:
        return int(record[field]) if record.get(field) else None

    return Delivery(
        tenant=tenant,
        id=name,
        type=record["type"],
        about=json.loads(record["about"]),
        at_ms=int(record["at_ms"]),
        endpoint_id=record["hook"] or None,
        url=record["url"] or None,
        attempt=int(record["attempt"]),
        ended=record.get("ended"),
        next_ms=whole("next_ms"),
        tried_ms=whole("tried_ms"),
        status=whole("status"),
        took_ms=whole("took_ms"),
        answer=record.get("answer") or None,
    )
