"""Jobs in Redis: the record is the truth. Every change is one atomic script; the scripts' headers list the keys.

Keys without a TTL: `turns`, `turn`, `leases`, `ready:<tenant>`, `active:<tenant>`, and the records of jobs that are
not terminal. Redis Cluster is not supported: one script touches the keys of several tenants.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from service.errors import JobStoreUnavailable, NotFound, RecordUnreadable
from service.job import PRIORITY_HEAD_START_MS, Failure, Input, Job, JobState, Move, OutputFile
from service.spec import RenderSpec
from service.stores.connection import RedisClient, script, translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


DISK_WAIT_MS = 2_000
"""A disk that needs longer for one sync is no durable disk."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What a queued job waits for: its place in the queue, from 1, and the seconds until its start, if known."""

    position: int
    estimated_start_s: float | None


class JobStore:
    """The records and queues of all tenants.

    Args:
        client: a connection that decodes to str.
        prefix: stands before every key.
        lease_ttl_s: seconds after which a silent worker has lost its job.
        tenant_running_max: jobs of one tenant that may run at the same time.

    Every method raises JobStoreUnavailable when Redis is out of reach.
    """

    def __init__(self, client: RedisClient, *, prefix: str, lease_ttl_s: float, tenant_running_max: int) -> None:
        self._redis = client
        self._prefix = prefix
        self._ttl_ms = round(lease_ttl_s * 1000)
        self._cap = tenant_running_max
        self._submit, self._claim, self._renew, self._commit, self._give_back = (
            script(client, name) for name in ("submit", "claim", "renew", "commit", "give_back")
        )

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    @translated
    def ping(self) -> None:
        """Return when Redis answers."""
        self._redis.ping()

    @translated
    def submit(self, job: Job, *, on_disk: bool = False) -> Job:
        """Write a new job and make it ready, in one step.

        Args:
            job: a queued job.
            on_disk: return only when Redis has it on its disk (WAITAOF; the server needs `appendonly yes`).

        Returns:
            The job with the store's time of creation.
        """
        fields = _flat(
            state=job.state,
            spec=job.spec.model_dump_json(exclude_none=True),
            inputs=json.dumps([asdict(i) for i in job.inputs]),
            attempts_max=job.attempts_max,
            retention_ms=job.spec.retention_s * 1000,
        )
        with self._redis.pipeline(transaction=False) as pipe:  # one connection, for WAITAOF counts its writes
            self._submit(
                keys=[
                    self._key("job", job.tenant, job.id),
                    self._key("ready", job.tenant),
                    self._key("turns"),
                    self._key("turn"),
                ],
                args=[job.tenant, job.id, PRIORITY_HEAD_START_MS[job.spec.priority], *fields],
                client=pipe,
            )
            if on_disk:
                pipe.execute_command("WAITAOF", 1, 0, DISK_WAIT_MS)
            created, *synced = pipe.execute()
        if synced and synced[0][0] == 0:
            raise JobStoreUnavailable(f"the job was not on the disk within {DISK_WAIT_MS} ms")
        return replace(job, created_ms=int(created))

    @translated
    def get(self, tenant: str, job_id: str) -> Job:
        """Read a job.

        Raises:
            NotFound: the tenant has no such job.
            RecordUnreadable: it was written by another version, or is damaged.
        """
        record = self._redis.hgetall(self._key("job", tenant, job_id))
        if not record:
            raise NotFound("job", job_id)
        return _job(tenant, job_id, record)

    @translated
    def claim(self, owner: str) -> Job | None:
        """Take the next ready job, with one attempt charged and a new fence; None when nothing is ready.

        A job whose record this version can't read is given back, and the one after it taken.
        """
        while answer := self._claim(
            keys=[
                self._key("turns"),
                self._key("turn"),
                self._key("leases"),
                self._key("claim", uuid.uuid4().hex),
            ],
            args=[self._prefix, owner, self._ttl_ms, self._cap, Move.CLAIM.before, Move.CLAIM.after],
        ):
            tenant, job_id, flat = answer
            record = dict(zip(flat[::2], flat[1::2], strict=True))
            try:
                return _job(tenant, job_id, record)
            except RecordUnreadable as error:
                self._end_attempt(tenant, job_id, Failure.of(error, attempt=0), fence=record["fence"])
        return None

    @translated
    def renew(self, job: Job, progress: Mapping[str, Any] | None = None) -> bool:
        """Prolong the lease and note the progress; False when the job is no longer this claim's."""
        return bool(
            self._renew(
                keys=[self._key("job", job.tenant, job.id), self._key("leases")],
                args=[
                    f"{job.tenant}:{job.id}",
                    job.fence,
                    self._ttl_ms,
                    Move.COMMIT.before,
                    json.dumps(progress) if progress else "",
                ],
            )
        )

    @translated
    def commit(self, job: Job, outputs: Sequence[OutputFile], report: Mapping[str, Any]) -> bool:
        """Publish an attempt's outputs; False when the job is no longer this claim's."""
        fields = _flat(outputs=json.dumps([asdict(o) for o in outputs]), report=json.dumps(report))
        return bool(
            self._commit(
                keys=[
                    self._key("job", job.tenant, job.id),
                    self._key("leases"),
                    self._key("active", job.tenant),
                    self._key("pace"),
                ],
                args=[
                    f"{job.tenant}:{job.id}",
                    job.id,
                    job.fence,
                    Move.COMMIT.before,
                    Move.COMMIT.after,
                    *fields,
                ],
            )
        )

    @translated
    def give_back(self, job: Job, failure: Failure) -> JobState | None:
        """End this claim's attempt without a result; None when the job is no longer this claim's.

        Returns:
            QUEUED when another attempt follows, FAILED when not.
        """
        return self._end_attempt(job.tenant, job.id, failure, fence=str(job.fence))

    @translated
    def give_back_expired(self, tenant: str, job_id: str, failure: Failure) -> JobState | None:
        """End the attempt of a worker whose lease has run out; None when somebody else did, or it lives."""
        return self._end_attempt(tenant, job_id, failure, fence="")

    def _end_attempt(self, tenant: str, job_id: str, failure: Failure, *, fence: str) -> JobState | None:
        again = failure.retryable or not fence
        after = self._give_back(
            keys=[
                self._key("job", tenant, job_id),
                self._key("ready", tenant),
                self._key("turns"),
                self._key("turn"),
                self._key("leases"),
                self._key("active", tenant),
            ],
            args=[
                tenant,
                job_id,
                fence,
                int(again),
                Move.GIVE_BACK.before,
                Move.GIVE_BACK.after,
                Move.FAIL.after,
                json.dumps(asdict(failure)),
            ],
        )
        return JobState(after) if after else None

    @translated
    def expired_leases(self, *, limit: int = 100) -> list[tuple[str, str]]:
        """List (tenant, id) of jobs whose lease has run out by the server's clock, oldest first."""
        seconds, microseconds = self._redis.time()
        now = seconds * 1000 + microseconds // 1000
        members = self._redis.zrangebyscore(self._key("leases"), "-inf", now, start=0, num=limit)
        return [tuple(member.split(":", 1)) for member in members]

    @translated
    def ready_count(self) -> int:
        """Count the jobs that wait, over all tenants."""
        with self._redis.pipeline(transaction=False) as pipe:
            for tenant in self._redis.zrange(self._key("turns"), 0, -1):
                pipe.zcard(self._key("ready", tenant))
            return sum(pipe.execute())

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


def _flat(**fields: object) -> list[str]:
    return [str(part) for pair in fields.items() for part in pair]


def _job(tenant: str, job_id: str, record: Mapping[str, str]) -> Job:
    try:
        return _parsed(tenant, job_id, record)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordUnreadable(f"The record of job {job_id} can't be read: {type(error).__name__}.") from error


def _parsed(tenant: str, job_id: str, record: Mapping[str, str]) -> Job:
    def whole(name: str) -> int | None:
        return int(record[name]) if name in record else None

    def parsed(name: str) -> Any:
        return json.loads(record[name]) if name in record else None

    return Job(
        tenant=tenant,
        id=job_id,
        state=JobState(record["state"]),
        spec=RenderSpec.model_validate_json(record["spec"]),
        inputs=tuple(Input(**i) for i in parsed("inputs")),
        attempt=int(record["attempt"]),
        attempts_max=int(record["attempts_max"]),
        fence=int(record["fence"]),
        version=int(record["version"]),
        created_ms=int(record["created_ms"]),
        started_ms=whole("started_ms"),
        finished_ms=whole("finished_ms"),
        expires_ms=whole("expires_ms"),
        lease_owner=record.get("lease_owner"),
        lease_until_ms=whole("lease_until_ms"),
        progress=parsed("progress"),
        outputs=tuple(OutputFile(**o) for o in parsed("outputs") or ()),
        report=parsed("report"),
        error=Failure(**parsed("error")) if "error" in record else None,
    )
