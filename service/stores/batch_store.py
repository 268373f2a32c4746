"""Batches in Redis: many jobs that were accepted together, counted by their states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from service.errors import Gone, NotFound
from service.job import JobState
from service.stores.connection import RedisClient, translated
from service.stores.job_list import Mark, marks
from service.stores.records import flat
from service.stores.scripts import Scripts
from service.stores.submission import find, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.stores.submission import Durability, Submission


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as its record says. Times are milliseconds of the store's clock since 1970.

    Attributes:
        counts: how many of its jobs are in each state.
        finished_ms: when the last of its jobs ended; None while one is open.
        expires_ms: when it is forgotten.
    """

    tenant: str
    id: str
    total: int
    counts: Mapping[JobState, int]
    created_ms: int
    finished_ms: int | None
    expires_ms: int | None


class BatchItem(NamedTuple):
    """A job of a batch, by its place there, from 0."""

    number: int
    custom_id: str
    job_id: str


class BatchStore:
    """The batches of all tenants. Every method raises JobStoreUnavailable when Redis is out of reach.

    Args:
        client: a connection that decodes to str.
        prefix: stands before every key.
        queue_max: jobs that may wait, over all tenants.
    """

    def __init__(self, client: RedisClient, *, prefix: str, queue_max: int) -> None:
        self._redis = client
        self._prefix = prefix
        self._queue_max = queue_max
        self._scripts = Scripts(client, prefix, "submit")

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    @translated
    def submit(
        self,
        batch_id: str,
        submissions: Sequence[Submission],
        *,
        fingerprint: str,
        durability: Durability,
        webhook_url: str | None = None,
    ) -> tuple[Batch, bool]:
        """Write a batch with all its jobs and make them ready, in one step; or find that it is there already.

        Args:
            batch_id: names it.
            submissions: its jobs, which say of which batch they are.
            fingerprint: digest of what was posted.
            durability: when it is accepted.
            webhook_url: what is told when its last job has ended.

        Returns:
            The batch, and whether it was made now.

        Raises:
            IdTaken: the tenant has used the id for something else.
            InvalidSpec: an image expired just now.
            QueueFull: too many jobs wait already.
        """
        tenant = submissions[0].job.tenant
        retention_ms = max(submission.job.spec.retention_s for submission in submissions) * 1000
        told = {} if webhook_url is None else {"webhook_url": webhook_url}
        made, record = write(
            self._redis,
            self._scripts,
            submissions,
            batch={"id": batch_id, "fingerprint": fingerprint, "fields": flat(retention_ms=retention_ms, **told)},
            queue_max=self._queue_max,
            durability=durability,
        )
        return _batch_of(tenant, batch_id, record), made

    @translated
    def find(self, tenant: str, batch_id: str, *, fingerprint: str, durability: Durability) -> Batch | None:
        """Find a batch that was submitted before under this id.

        Raises:
            IdTaken: the tenant has used the id for something else.
        """
        record = find(
            self._redis, self._scripts, tenant, batch_id, fingerprint=fingerprint, durability=durability, batch=True
        )
        return None if record is None else _batch_of(tenant, batch_id, record)

    @translated
    def get(self, tenant: str, batch_id: str) -> Batch:
        """Read a batch.

        Raises:
            NotFound: the tenant has no such batch.
            Gone: it had one, whose retention is over.
        """
        record = self._redis.hgetall(self._key("batch", tenant, batch_id))
        if not record and self._redis.exists(self._key("gone", tenant, batch_id)):
            raise Gone("batch", batch_id)
        if not record:
            raise NotFound("batch", batch_id)
        return _batch_of(tenant, batch_id, record)

    @translated
    def items(self, tenant: str, batch_id: str, *, start: int = 0, limit: int | None = None) -> list[BatchItem]:
        """List a batch's jobs in their order, from one place on."""
        end = -1 if limit is None else start + limit - 1
        entries = self._redis.lrange(self._key("items", tenant, batch_id), start, end)
        parsed = (json.loads(entry) for entry in entries)
        return [BatchItem(start + n, entry["custom_id"], entry["id"]) for n, entry in enumerate(parsed)]

    @translated
    def page(self, tenant: str, *, after: Mark | None, limit: int) -> tuple[list[Batch], Mark | None]:
        """Give the next batches after a place, newest first, and the place to go on from; None at the end."""
        found: list[Mark] = []
        while len(found) <= limit and (more := self._marks(tenant, found[-1] if found else after)):
            found += more
        with self._redis.pipeline(transaction=False) as pipe:
            for mark in found[:limit]:
                pipe.hgetall(self._key("batch", tenant, mark.id))
            records = pipe.execute()
        pairs = zip(found, records, strict=False)
        batches = [_batch_of(tenant, mark.id, record) for mark, record in pairs if record]
        return batches, found[limit - 1] if len(found) > limit else None

    def _marks(self, tenant: str, after: Mark | None) -> list[Mark]:
        return marks(self._redis, self._key("batches", tenant), after=after)


def _batch_of(tenant: str, batch_id: str, record: Mapping[str, str]) -> Batch:
    def whole(name: str) -> int | None:
        return int(record[name]) if name in record else None

    return Batch(
        tenant=tenant,
        id=batch_id,
        total=int(record["total"]),
        counts={state: int(record.get(state, 0)) for state in JobState},
        created_ms=int(record["created_ms"]),
        finished_ms=whole("finished_ms"),
        expires_ms=whole("expires_ms"),
    )
