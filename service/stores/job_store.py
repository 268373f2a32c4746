"""Jobs in Redis, as clients see them: submitted, looked up, waited for, canceled. The record is the truth.

Every change is one atomic script; the scripts' headers list the keys. What workers do with jobs is in `claim_store`,
what the keeper does in `upkeep_store`. Redis Cluster is not supported: one script touches the keys of several tenants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.errors import Gone, NotFound
from service.job import PRIORITY_HEAD_START_MS, JobState
from service.pace import Line, Running
from service.stores.connection import RedisClient, translated
from service.stores.records import job_of, load_in
from service.stores.scripts import Scripts
from service.stores.submission import IN_MEMORY, Submission, find, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.job import Job
    from service.stores.submission import Durability


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job as its record says; `made` is False when it was there already."""

    job: Job
    made: bool


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
        self._scripts = Scripts(client, prefix, "submit", "cancel", "forget", "wait")

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
    def find(self, tenant: str, job_id: str, fingerprint: str, durability: Durability = IN_MEMORY) -> Submitted | None:
        """Find a job that was submitted before under an id of the client's own.

        Raises:
            IdTaken: the tenant has used the id for another job.
        """
        record = find(self._redis, self._scripts, tenant, job_id, fingerprint=fingerprint, durability=durability)
        return None if record is None else Submitted(job_of(tenant, job_id, record), made=False)

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
    def wait(self, job: Job) -> Line | None:
        """Say what stands before a queued job; None when it no longer waits. `wait.lua` says what is read."""
        found = self._scripts.run("wait", job.tenant, job.id, 0)
        return _line(found) if found else None

    @translated
    def would_wait(self, tenant: str, priority: str) -> Line:
        """Say what would stand before a job if it were submitted now."""
        return _line(self._scripts.run("wait", tenant, "", PRIORITY_HEAD_START_MS[priority]))


def _line(found: Sequence[Any]) -> Line:
    position, loads, running, running_count = found
    ahead = tuple(load_in(*fields) for fields in _groups(loads, 2))
    jobs = tuple(Running(fields[0], load_in(*fields[1:3]), float(fields[3])) for fields in _groups(running, 4))
    return Line(position, ahead, jobs, running_count)


def _groups(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (values[n : n + size] for n in range(0, len(values), size))
