"""Jobs written into Redis and made ready, all or none: what a single job and a batch have in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.errors import FieldProblem, IdTaken, InvalidSpec, JobStoreUnavailable, QueueFull, TooManyJobs
from service.job import PRIORITY_HEAD_START_MS
from service.places import image_hold
from service.stores.records import listed_under, pairs, posted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.job import Job
    from service.stores.connection import RedisClient
    from service.stores.scripts import Scripts

DISK_WAIT_MS = 2_000
"""A disk that needs longer for one sync is no durable disk."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that is to be written.

    Attributes:
        job: queued.
        fingerprint: digest of what was posted; the same id with another is refused.
        work: digest of all that decides on the pictures; if a finished job has the same, its result is taken over.
            "": paint in any case.
        in_flight_max: jobs of its key that may be open at the same time; counts only where the job has a key.
    """

    job: Job
    fingerprint: str
    work: str = ""
    in_flight_max: int = 0


@dataclass(frozen=True, slots=True)
class Durability:
    """When a job counts as accepted: when Redis has it (WAITAOF) on its disk, and on those of so many replicas."""

    on_disk: bool = False
    replicas: int = 0


IN_MEMORY = Durability()
"""When Redis has it; what is on its disk, its own settings say."""


def write(  # noqa: PLR0913 - one step
    redis: RedisClient,
    scripts: Scripts,
    submissions: Sequence[Submission],
    *,
    batch: Mapping[str, Any] | None,
    queue_max: int,
    durability: Durability,
) -> tuple[bool, dict[str, str]]:
    """Write jobs, or find that they are there already.

    Args:
        redis: the connection.
        scripts: has `submit`.
        submissions: of one tenant; one, or those of a batch.
        batch: what `submit.lua` takes of a batch; None for a single job.
        queue_max: jobs that may wait, over all tenants.
        durability: when they are accepted.

    Returns:
        Whether they were written now, and the record: the batch's, or the one job's.

    Raises:
        IdTaken: the tenant has used the id for something else.
        InvalidSpec: an image expired just now.
        QueueFull: too many jobs wait already.
        TooManyJobs: too many jobs of their key are open.
        JobStoreUnavailable: Redis could not say in time that they are on its disk.
    """
    tenant, jobs = submissions[0].job.tenant, [_written(submission) for submission in submissions]
    (what, *answers), synced = _run(redis, scripts, tenant, queue_max, batch, *jobs, durability=durability)
    if what == "full":
        raise QueueFull(f"{queue_max} jobs wait already")
    if what == "busy":
        raise TooManyJobs(limit=submissions[0].in_flight_max, open_now=answers[0])
    if what == "other":
        raise IdTaken(submissions[0].job.id if batch is None else batch["id"])
    if what == "missing":
        raise _expired(submissions, number=answers[0] - 1, name=answers[1], batch=batch is not None)
    _check_synced(synced, durability)
    return what == "made", pairs(answers[0])


def find(  # noqa: PLR0913 - one step
    redis: RedisClient,
    scripts: Scripts,
    tenant: str,
    wanted_id: str,
    *,
    fingerprint: str,
    durability: Durability,
    batch: bool = False,
) -> dict[str, str] | None:
    """Give the record of a job or a batch that was posted before, as durable as if it were posted now; or None.

    Raises:
        IdTaken: the tenant has used the id for something else.
        JobStoreUnavailable: Redis could not say in time that it is on its disk.
    """
    wanted = {"id": wanted_id, "fingerprint": fingerprint}
    sought = (wanted,) if batch else (None, wanted)
    (what, *answers), synced = _run(redis, scripts, tenant, 0, *sought, durability=durability)
    if what == "other":
        raise IdTaken(wanted_id)
    if what == "none":
        return None
    _check_synced(synced, durability)
    return pairs(answers[0])


def _run(  # noqa: PLR0913 - what `submit.lua` takes
    redis: RedisClient,
    scripts: Scripts,
    tenant: str,
    queue_max: int,
    batch: Mapping[str, Any] | None,
    *jobs: Mapping[str, Any],
    durability: Durability,
) -> tuple[Sequence[Any], Sequence[int] | None]:
    """Run `submit`; give its answer, and on how many disks, here and of replicas, it is, if that is asked for."""
    with redis.pipeline(transaction=False) as pipe:  # one connection, for WAITAOF counts its writes
        said = "" if batch is None else json.dumps(batch)
        scripts.run("submit", tenant, queue_max, said, *map(json.dumps, jobs), client=pipe)
        if durability.on_disk:
            pipe.execute_command("WAITAOF", 1, durability.replicas, DISK_WAIT_MS)
        answer, *synced = pipe.execute()
    return answer, synced[0] if synced else None


def _check_synced(synced: Sequence[int] | None, durability: Durability) -> None:
    if synced is not None and not (synced[0] >= 1 and synced[1] >= durability.replicas):
        raise JobStoreUnavailable(
            f"the job was not on the disk, and on that of {durability.replicas} replicas, in {DISK_WAIT_MS} ms"
        )


def _written(submission: Submission) -> dict[str, Any]:
    job, deadline = submission.job, submission.job.spec.start_deadline_s
    return {
        "id": job.id,
        "fingerprint": submission.fingerprint,
        "work": submission.work,
        "head_start_ms": PRIORITY_HEAD_START_MS[job.spec.priority],
        "start_within_ms": "" if deadline is None else round(deadline * 1000),
        "holds": [image_hold(image.sha256) for image in job.inputs],
        "listed": listed_under(job),
        "key": job.key or "",
        "in_flight_max": submission.in_flight_max,
        "batch": job.batch or "",
        "custom_id": job.custom_id or "",
        "fields": posted(job),
    }


def _expired(submissions: Sequence[Submission], *, number: int, name: str, batch: bool) -> InvalidSpec:
    job = submissions[number].job
    gone = next(image.pointer for image in job.inputs if image_hold(image.sha256) == name)
    where = f"/jobs/{number}" if batch else ""
    return InvalidSpec(FieldProblem(f"{where}{job.spec.named_at(gone)}", "this has just expired, or was deleted"))
