"""Lists of a tenant's jobs in Redis, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from service.errors import RecordUnreadable
from service.stores.connection import RedisClient, translated
from service.stores.records import job_of, listed_under

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from service.job import Job, JobState

BATCH = 100
"""Ids that are read at once."""


class Mark(NamedTuple):
    """A place in a list: the job that stands there. What is made later comes before it, so pages never shift."""

    created_ms: int
    id: str


@dataclass(frozen=True, slots=True)
class Query:
    """Which jobs are wanted: in one state, listed under all of these (`records.listed_under`), made since then."""

    state: JobState | None = None
    listed: tuple[str, ...] = ()
    since_ms: int = 0


class JobList:
    """The jobs of all tenants, listed by labels and by state. Every method raises JobStoreUnavailable."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix

    @translated
    def page(self, tenant: str, query: Query, *, after: Mark | None, limit: int) -> tuple[list[Job], Mark | None]:
        """Give the next jobs after a place, and the place to go on from; None at the end.

        A job that this version can't read is left out.
        """
        found: list[Job] = []
        for job in self._jobs(tenant, query, after):
            if len(found) == limit:
                last = found[-1]
                return found, Mark(last.created_ms, last.id)
            found.append(job)
        return found, None

    @translated
    def jobs(self, tenant: str, job_ids: Sequence[str]) -> list[Job | None]:
        """Read several jobs; None for each that is no longer there, or that this version can't read."""
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(f"{self._prefix}job:{tenant}:{job_id}")
            records = pipe.execute()
        return [_read(tenant, job_id, record) for job_id, record in zip(job_ids, records, strict=True)]

    def _jobs(self, tenant: str, query: Query, after: Mark | None) -> Iterator[Job]:
        while found := self._marks(tenant, query, after):
            jobs = self.jobs(tenant, [mark.id for mark in found])
            yield from (job for job in jobs if job is not None and _matches(job, query))
            after = found[-1]

    def _marks(self, tenant: str, query: Query, after: Mark | None) -> list[Mark]:
        """Read the next ids of the index that leaves the fewest to look at."""
        index = f"{self._prefix}jobs:{tenant}"
        if query.listed:
            index = f"{self._prefix}labeled:{tenant}:{query.listed[0]}"
        elif query.state:
            index = f"{index}:{query.state}"
        return marks(self._redis, index, after=after, since_ms=query.since_ms)


def marks(redis: RedisClient, index: str, *, after: Mark | None, since_ms: int = 0) -> list[Mark]:
    """Read the next ids of a sorted set, newest first; those of one millisecond in the order of their ids."""
    newest, offset = after.created_ms if after else "+inf", 0
    while entries := redis.zrange(
        index, newest, since_ms, byscore=True, desc=True, offset=offset, num=BATCH, withscores=True
    ):
        found = [Mark(int(score), name) for name, score in entries]
        if following := [mark for mark in found if after is None or mark < after]:
            return following
        offset += BATCH
    return []


def _read(tenant: str, job_id: str, record: Mapping[str, str]) -> Job | None:
    try:
        return job_of(tenant, job_id, record)
    except RecordUnreadable:
        return None


def _matches(job: Job, query: Query) -> bool:
    return query.state in {None, job.state} and set(listed_under(job)).issuperset(query.listed)
