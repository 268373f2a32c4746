"""Lists of a tenant's jobs in Redis, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from service.errors import RecordUnreadable
from service.stores.connection import RedisClient, translated
from service.stores.records import job_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.job import Job, JobState

BATCH = 100
"""Ids that are read at once: many more than are made in one millisecond, by which they are sorted."""


class Mark(NamedTuple):
    """A place in a list: the job that stands there. What is made later comes before it, so pages never shift."""

    created_ms: int
    id: str


@dataclass(frozen=True, slots=True)
class Query:
    """Which jobs are wanted: in one state, with all of these labels (`name=value`), made since then."""

    state: JobState | None = None
    labels: tuple[str, ...] = ()
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

    def _jobs(self, tenant: str, query: Query, after: Mark | None) -> Iterator[Job]:
        while marks := self._marks(tenant, query, after):
            with self._redis.pipeline(transaction=False) as pipe:
                for mark in marks:
                    pipe.hgetall(f"{self._prefix}job:{tenant}:{mark.id}")
                records = pipe.execute()
            for mark, record in zip(marks, records, strict=True):
                try:
                    job = job_of(tenant, mark.id, record)
                except RecordUnreadable:
                    continue
                if _matches(job, query):
                    yield job
            after = marks[-1]

    def _marks(self, tenant: str, query: Query, after: Mark | None) -> list[Mark]:
        """Read the next ids of the index that leaves the fewest to look at."""
        index = f"{self._prefix}jobs:{tenant}"
        if query.labels:
            index = f"{self._prefix}labeled:{tenant}:{query.labels[0]}"
        elif query.state:
            index = f"{index}:{query.state}"
        newest = after.created_ms if after else "+inf"
        entries = self._redis.zrange(
            index, newest, query.since_ms, byscore=True, desc=True, offset=0, num=2 * BATCH, withscores=True
        )
        marks = [Mark(int(score), job_id) for job_id, score in entries]
        return [mark for mark in marks if after is None or mark < after][:BATCH]


def _matches(job: Job, query: Query) -> bool:
    own = {f"{name}={value}" for name, value in job.spec.labels.items()}
    return query.state in {None, job.state} and own.issuperset(query.labels)
