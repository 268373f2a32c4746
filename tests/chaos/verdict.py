"""What must hold after every fault, and what the fault has cost: read from the stores and the workers' logs."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from service.job import Job, JobState
from service.places import place_of
from service.sweep import PAGE, purge, sweep
from tests.chaos.world import Kill, World
from tests.eternal import without_ttl


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    fault: str
    jobs: int
    killed: int
    resumed: int
    recovery_s: float | None
    lost_s: float | None
    duplicates: int
    losses: int

    HEAD = ("fault", "jobs", "killed", "resumed", "longest recovery, s", "work lost, s", "duplicates", "losses")

    def cells(self) -> tuple[str, ...]:
        def seconds(value: float | None) -> str:
            return "" if value is None else f"{value:.1f}"

        counts = (self.jobs, self.killed, self.resumed)
        times = (seconds(self.recovery_s), seconds(self.lost_s))
        return (self.fault, *map(str, counts), *times, str(self.duplicates), str(self.losses))


def judge(world: World, fault: str, jobs: Sequence[Job], *, since: float, failures: Sequence[str] = ()) -> Row:
    """Check that the house is in order again, and say what the fault has cost.

    Args:
        world: in which all faults are over and all jobs terminal.
        fault: its name.
        jobs: all that were submitted meanwhile.
        since: when it began, in seconds since 1970.
        failures: codes of the errors that jobs may have failed of, as many as have.
    """
    done = [world.job(job) for job in jobs]
    failed = sorted(job.error.code for job in done if job.error)
    assert failed == sorted(failures)
    published = [job for job in done if job.state is JobState.SUCCEEDED]
    assert len(published) + len(failed) + sum(job.state is JobState.CANCELED for job in done) == len(done)
    losses = sum(not _result_is_there(world, job) for job in published)
    events = world.events(since)
    commits = Counter(event["job_id"] for event in events if event["event"] == "job_succeeded")
    _in_order(world)
    return Row(
        fault=fault,
        jobs=len(done),
        killed=world.killed,
        resumed=sum(event["event"] == "job_resumed" for event in events),
        recovery_s=max((_recovery_s(world, kill, events) for kill in world.kills), default=None),
        lost_s=max((_lost_s(kill, events) for kill in world.kills), default=None),
        duplicates=sum(count - 1 for count in commits.values()),
        losses=losses,
    )


def _in_order(world: World) -> None:
    """Return when nothing is left over; a worker that was cut off may still be tidying up after itself."""
    deadline = time.monotonic() + 30
    while left := list(_disorder(world)):
        if time.monotonic() > deadline:
            raise AssertionError(f"left over: {left}")
        time.sleep(0.5)


def _result_is_there(world: World, job: Job) -> bool:
    """Say whether a job has its one result: bytes that decode, and are those that were recorded."""
    [output] = job.outputs
    data = world.services.blobs.get(output.key)
    with Image.open(BytesIO(data)) as picture:
        picture.load()
    return hashlib.sha256(data).hexdigest() == output.sha256


def _disorder(world: World) -> Iterator[str]:
    """Name what should not be there when nothing runs any more."""
    redis, prefix = world.services._redis, world.settings.redis_prefix
    for kind in ("leases", "active:*", "ready:*", "deadlines", "due", "due:*"):
        yield from redis.scan_iter(prefix + kind)
    yield from without_ttl(world.settings)
    redis.delete(f"{prefix}sweep", f"{prefix}sweep_at")
    purge(world.services)
    while sweep(world.services, name="chaos") == PAGE:
        pass
    for key in world.services.blobs.keys(""):
        place = place_of(key)
        if place is None or not redis.exists(f"{prefix}held:{place.tenant}:{place.hold}"):
            yield f"object {key}"


def _recovery_s(world: World, kill: Kill, events: Sequence[dict[str, Any]]) -> float:
    """Seconds from the fault until somebody painted the job again, less outages of Redis; 0 if the attempt went on."""
    again = (
        event["at"] - kill.at - _out_of_reach_s(world, kill.at, event["at"])
        for event in events
        if event["event"] == "job_started" and event["job_id"] == kill.job_id and event["fence"] > kill.fence
    )
    return max(0.0, next(again, 0.0))


def _out_of_reach_s(world: World, begin: float, end: float) -> float:
    return sum(max(0.0, min(end, until) - max(begin, since)) for since, until in world.outages)


def _lost_s(kill: Kill, events: Sequence[dict[str, Any]]) -> float:
    """Seconds of painting before the fault that had to be done again; 0 if the attempt went on."""
    mine = [event for event in events if event.get("job_id") == kill.job_id]
    after = [event for event in mine if event["event"] == "job_started" and event["fence"] > kill.fence]
    if not after:
        return 0.0
    fence = after[0]["fence"]
    resumed = [event["iteration"] for event in mine if event["event"] == "job_resumed" and event["fence"] == fence]
    taken = [
        event["at"] - event["age_s"]
        for event in mine
        if event["event"] == "checkpoint_stored" and event["iteration"] in resumed and event["fence"] <= kill.fence
    ]
    begun = [event["at"] for event in mine if event["event"] == "job_started" and event["fence"] == kill.fence]
    return max(0.0, kill.at - max(taken or begun, default=kill.at))
