"""The job protocol as plain Python: what the scripts in Redis must do, for comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from service.job import MOVES, PRIORITY_HEAD_START_MS, JobState

OPEN = {JobState.QUEUED, JobState.RUNNING, JobState.CANCELING}
HELD = {JobState.RUNNING, JobState.CANCELING}


@dataclass
class ModelJob:
    tenant: str
    id: str
    attempts_max: int
    rank: tuple[int, str]
    state: JobState = JobState.QUEUED
    attempt: int = 0
    fence: int = 0
    overdue: bool = False
    published: list[int] = field(default_factory=list)
    checkpoint: str | None = None

    def move(self, after: JobState) -> JobState:
        assert after in MOVES.get(self.state, ()), f"{self.state} -> {after}"
        self.state = after
        self.overdue = self.overdue and after in HELD
        if after not in OPEN:
            self.checkpoint = None
        return after


@dataclass
class Model:
    """One Redis, as it should be. `cap` is how many jobs of a tenant may run at once."""

    cap: int
    jobs: dict[str, ModelJob] = field(default_factory=dict)
    turns: list[str] = field(default_factory=list)
    ready: dict[str, set[str]] = field(default_factory=dict)

    def submit(self, tenant: str, job_id: str, priority: str, attempts_max: int, created_ms: int) -> None:
        rank = (created_ms - PRIORITY_HEAD_START_MS[priority], job_id)
        self.jobs[job_id] = ModelJob(tenant, job_id, attempts_max, rank)
        self._make_ready(self.jobs[job_id])

    def claim(self) -> ModelJob | None:
        for tenant in list(self.turns):
            if sum(job.state in HELD for job in self._of(tenant)) >= self.cap:
                continue
            self.turns.remove(tenant)
            waiting = self.ready.get(tenant) or set()
            if waiting:
                job = self.jobs[min(waiting, key=lambda job_id: self.jobs[job_id].rank)]
                waiting.remove(job.id)
                if waiting:
                    self.turns.append(tenant)
                job.move(JobState.RUNNING)
                job.attempt, job.fence = job.attempt + 1, job.fence + 1
                return job
        return None

    def owns(self, job_id: str, fence: int) -> bool:
        job = self.jobs[job_id]
        return job.state in HELD and job.fence == fence

    def renew(self, job_id: str, fence: int) -> JobState | None:
        if not self.owns(job_id, fence):
            return None
        self.jobs[job_id].overdue = False
        return self.jobs[job_id].state

    def commit(self, job_id: str, fence: int) -> bool:
        job = self.jobs[job_id]
        if job.published == [fence]:
            return True
        if not self.owns(job_id, fence) or job.state is JobState.CANCELING:
            return False
        job.published.append(fence)
        job.move(JobState.SUCCEEDED)
        return True

    def end(self, job_id: str, fence: int | None, *, how: str, checkpoint: str | None = None) -> JobState | None:
        """End an attempt; `fence` is None for the keeper, which may do it when the lease is over."""
        job = self.jobs[job_id]
        mine = job.overdue and job.state in HELD if fence is None else self.owns(job_id, fence)
        if not mine:
            return None
        if job.state is JobState.CANCELING:
            return job.move(JobState.CANCELED)
        if how == "final" or (how == "again" and job.attempt >= job.attempts_max):
            return job.move(JobState.FAILED)
        job.attempt -= how == "uncharged"
        job.checkpoint = checkpoint or job.checkpoint
        self._make_ready(job)
        return job.move(JobState.QUEUED)

    def cancel(self, job_id: str) -> JobState:
        job = self.jobs[job_id]
        if job.state is JobState.QUEUED:
            self.ready[job.tenant].discard(job_id)
            return job.move(JobState.CANCELED)
        return job.move(JobState.CANCELING) if job.state is JobState.RUNNING else job.state

    def let_lease_run_out(self, job_id: str) -> bool:
        job = self.jobs[job_id]
        job.overdue = job.state in HELD
        return job.overdue

    def overdue(self) -> list[ModelJob]:
        return [job for job in self.jobs.values() if job.overdue]

    def _make_ready(self, job: ModelJob) -> None:
        self.ready.setdefault(job.tenant, set()).add(job.id)
        if job.tenant not in self.turns:
            self.turns.append(job.tenant)

    def _of(self, tenant: str) -> Iterator[ModelJob]:
        return (job for job in self.jobs.values() if job.tenant == tenant)
