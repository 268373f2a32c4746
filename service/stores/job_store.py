"""Jobs in Redis, as clients see them: submitted, looked up, waited for, canceled. The record is the truth.

Every change is one atomic script; the scripts' headers list the keys. What workers do with jobs is in `claim_store`,
what the keeper does in `upkeep_store`. Redis Cluster is not supported: one script touches the keys of several tenants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.errors import Gone, NotFound
from service.job import JobState
from service.stores.connection import RedisClient, translated
from service.stores.records import job_of
from service.stores.scripts import Scripts
from service.stores.submission import IN_MEMORY, Submission, write

if TYPE_CHECKING:
    from service.job import Job
    from service.stores.submission import Durability


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job as its record says; `made` is False when it was there already."""

    job: Job
    made: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """What a queued job waits for: its place in the queue, from 1, and the seconds until its start, if known."""

    position: int
    estimated_start_s: float | None


class JobStore:
    """The records of all tenants.

    Args:
        client: a connection that decodes to str.
        prefix: stands before every key.
        queue_max: jobs that may wait, over all tenants.

    Every method raises JobStoreUnavailable when Redis is out of reach.
    """

    def __init__(self, client: RedisClient, *, prefix: str, queue_max: int) -> None:
        self._redis = client
        self._queue_max = queue_max
        self._prefix = prefix
        self._scripts = Scripts(client, prefix, "submit", "cancel", "forget")

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    @translated
    def ping(self) -> None:
        """Return when Redis answers."""
        self._redis.ping()

    @translated
    def submit(self, submission: Submission, durability: Durability = IN_MEMORY) -> Submitted:
        """Write a new job and make it ready, in one step; or find that it is there already.

        Raises:
            IdTaken: the tenant has used the id for another job.
            InvalidSpec: an image expired just now.
            QueueFull: too many jobs wait already.
        """
        made, record = write(
            self._redis,
            self._scripts,
            [submission],
            batch=None,
            queue_max=self._queue_max,
            durability=durability,
        )
        return Submitted(job_of(submission.job.tenant, submission.job.id, record), made)

    @translated
    def get(self, tenant: str, job_id: str) -> Job:
        """Read a job.

        Raises:
            NotFound: the tenant has no such job.
            Gone: it had one, whose retention is over.
            RecordUnreadable: it was written by another version, or is damaged.
        """
        record = self._redis.hgetall(self._key("job", tenant, job_id))
        if not record and self._redis.exists(self._key("gone", tenant, job_id)):
            raise Gone("job", job_id)
        if not record:
            raise NotFound("job", job_id)
        return job_of(tenant, job_id, record)

    @translated
    def cancel(self, tenant: str, job_id: str) -> JobState | None:
        """End a queued job, ask the worker of a running one to stop; return its state, None when there is no job."""
        state = self._scripts.run("cancel", tenant, job_id)
        return JobState(state) if state else None

    @translated
    def forget(self, tenant: str, job_id: str) -> JobState | None:
        """Let a job be purged as soon as it has ended, and end it if need be; return its state as `cancel` does."""
        state = self._scripts.run("forget", tenant, job_id)
        return JobState(state) if state else None

    @translated
    def wait(self, job: Job) -> Wait | None:
        """Say what a queued job waits for; None when it no longer does.

        As tenants take turns, of each other tenant's ready jobs as many go first as go first of this tenant's own.
        """
        rank = self._redis.zrank(self._key("ready", job.tenant), job.id)
        if rank is None:
            return None
        others = [t for t in self._redis.zrange(self._key("turns"), 0, -1) if t != job.tenant]
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(self._key("pace"))
            pipe.zcard(self._key("leases"))
            for tenant in others:
                pipe.zcard(self._key("ready", tenant))
            pace, running, *ready = pipe.execute()
        position = rank + 1 + sum(min(count, rank) for count in ready)
        seconds = None if pace is None else round(position * int(pace) / 1000 / max(1, running), 1)
        return Wait(position, seconds)
