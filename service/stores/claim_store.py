"""Jobs in Redis, as a worker sees them: claimed, renewed, committed, given back. The fence proves whose a job is."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from service.errors import RecordUnreadable, RunTimeout
from service.job import Failure, JobState
from service.places import result_hold
from service.stores.connection import RedisClient, translated
from service.stores.records import FORMAT, job_of, painted, pairs
from service.stores.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.job import Job, OutputFile
    from service.pace import Run


class ClaimStore:
    """Ready jobs and running ones.

    Args:
        client: a connection that decodes to str.
        prefix: stands before every key.
        lease_ttl_s: seconds after which a silent worker has lost its job.
        tenant_running_max: jobs of one tenant that may run at the same time.

    Every method raises JobStoreUnavailable when Redis is out of reach.
    """

    def __init__(self, client: RedisClient, *, prefix: str, lease_ttl_s: float, tenant_running_max: int) -> None:
        self._scripts = Scripts(client, prefix, "claim", "renew", "commit", "end_attempt")
        self._ttl_ms = round(lease_ttl_s * 1000)
        self._cap = tenant_running_max

    @translated
    def claim(self, owner: str) -> Job | None:
        """Take the next ready job, with one attempt charged and a new fence; None when nothing is ready.

        A job whose record this version can't read is given back, and the one after it taken.
        """
        while answer := self._scripts.run("claim", uuid.uuid4().hex, owner, self._ttl_ms, self._cap, FORMAT):
            tenant, job_id, values = answer
            record = pairs(values)
            try:
                return job_of(tenant, job_id, record)
            except RecordUnreadable as error:
                unreadable = Failure.of(error, attempt=0)
                end_attempt(self._scripts, tenant, job_id, unreadable, fence=record["fence"], how="again")
        return None

    @translated
    def renew(
        self,
        job: Job,
        progress: Mapping[str, Any] | None = None,
        *,
        checkpoint: str | None = None,
        preview: str | None = None,
    ) -> JobState | None:
        """Prolong the lease, note the progress and where a checkpoint lies; say that there is a new preview.

        Returns:
            RUNNING, or CANCELING when the worker is to stop; None when the job is no longer this claim's.
        """
        noted = json.dumps(progress) if progress else ""
        objects = (checkpoint or "", preview or "")
        state = self._scripts.run("renew", job.tenant, job.id, job.fence, self._ttl_ms, noted, *objects)
        return JobState(state) if state else None

    @translated
    def commit(
        self, job: Job, outputs: Sequence[OutputFile], report: Mapping[str, Any], *, taught: Run | None = None
    ) -> bool:
        """Publish an attempt's outputs, and learn from it; False when the job isn't this claim's, or to be canceled."""
        held = result_hold(job.id, job.fence)
        run = json.dumps({"device": taught.device, **asdict(taught.load), "paint_s": taught.paint_s}) if taught else ""
        fields = painted(job, outputs, report)
        return bool(self._scripts.run("commit", job.tenant, job.id, job.fence, held, job.attempt_prefix, run, *fields))

    @translated
    def give_back(self, job: Job, failure: Failure, *, frugal: bool = False) -> JobState | None:
        """End this claim's attempt without a result; None when the job is no longer this claim's.

        Args:
            job: as claimed.
            failure: why; whether another attempt may help is its `retryable`.
            frugal: the next attempt shall save memory.

        Returns:
            QUEUED when another attempt follows, FAILED when not, CANCELED when that was asked for.
        """
        how = "again" if failure.retryable else "final"
        return self._end(job, failure, how=how, frugal=frugal)

    @translated
    def hand_over(self, job: Job, failure: Failure, *, checkpoint: str | None) -> JobState | None:
        """Let another worker go on from a checkpoint, with no attempt charged; as `give_back` otherwise."""
        return self._end(job, failure, how="uncharged", checkpoint=checkpoint)

    def _end(self, job: Job, failure: Failure, **how: Any) -> JobState | None:
        ended = end_attempt(self._scripts, job.tenant, job.id, failure, fence=str(job.fence), **how)
        return ended.state if ended else None


class EndedAttempt(NamedTuple):
    """The state of a job after an attempt has ended without a result, and which attempt that was."""

    state: JobState
    attempt: int


def end_attempt(  # noqa: PLR0913 - the script's own arguments
    scripts: Scripts,
    tenant: str,
    job_id: str,
    failure: Failure,
    *,
    fence: str,
    how: str,
    checkpoint: str | None = None,
    frugal: bool = False,
) -> EndedAttempt | None:
    """Run `end_attempt.lua`, whose header says what is what."""
    too_long = Failure.of(RunTimeout("The job ran for longer than its run_timeout_s."), attempt=0)
    errors = (json.dumps(asdict(error)) for error in (failure, too_long))
    ended = scripts.run("end_attempt", tenant, job_id, fence, how, *errors, checkpoint or "", "1" if frugal else "")
    return EndedAttempt(JobState(ended[0]), int(ended[1])) if ended else None
