"""The scripts in a real Redis against the model, in random interleavings of several workers, clients and keepers."""

from __future__ import annotations

import uuid
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from service.job import Job, JobState
from service.settings import Settings
from service.wiring import open_services
from tests.jobs import BROKEN, LOST, RESULT, submitted
from tests.protocol_model import HELD, OPEN, Model

pytestmark = pytest.mark.servers

TENANTS, CAP = ("ada", "ben", "cleo"), 2
FINAL = {True: BROKEN, False: BROKEN.__class__("diverged", "", "", retryable=False, attempt=1)}


class Protocol(RuleBasedStateMachine):
    """Jobs are submitted, and claims are used as long as anybody remembers them, which is longer than they are good."""

    posted: Bundle[Job] = Bundle("posted")
    claims: Bundle[Job] = Bundle("claims")

    def __init__(self, base: Settings) -> None:
        super().__init__()
        own = {"redis_prefix": f"m{uuid.uuid4().hex[:8]}:", "tenant_running_max": CAP}
        self.services = open_services(base.model_copy(update=own))
        self.model = Model(cap=CAP)
        self.redis: Any = self.services._redis
        self.prefix = self.services.settings.redis_prefix

    def teardown(self) -> None:
        for key in self.redis.scan_iter(self.prefix + "*"):
            self.redis.delete(key)
        self.services.close()

    @rule(
        target=posted,
        tenant=st.sampled_from(TENANTS),
        priority=st.sampled_from(["high", "normal", "low"]),
        attempts_max=st.integers(1, 3),
    )
    def submit(self, tenant: str, priority: str, attempts_max: int) -> Job:
        job = submitted(self.services, tenant, priority=priority, attempts_max=attempts_max)
        self.model.submit(tenant, job.id, priority, attempts_max, job.created_ms)
        return job

    @rule(target=claims, worker=st.sampled_from(["w1", "w2", "w3"]))
    def claim(self, worker: str) -> Any:
        job, expected = self.services.claims.claim(worker), self.model.claim()
        assert (job and job.id) == (expected and expected.id)
        if job is None or expected is None:
            return multiple()
        assert (job.attempt, job.fence, job.checkpoint) == (expected.attempt, expected.fence, expected.checkpoint)
        return job

    @rule(mine=claims)
    def renew(self, mine: Job) -> None:
        assert self.services.claims.renew(mine) == self.model.renew(mine.id, mine.fence)

    @rule(mine=claims)
    def commit(self, mine: Job) -> None:
        assert self.services.claims.commit(mine, [RESULT], {}) == self.model.commit(mine.id, mine.fence)

    @rule(mine=claims, retryable=st.booleans())
    def give_back(self, mine: Job, *, retryable: bool) -> None:
        how = "again" if retryable else "final"
        after = self.services.claims.give_back(mine, FINAL[retryable])
        assert after == self.model.end(mine.id, mine.fence, how=how)

    @rule(mine=consumes(claims))
    def hand_over(self, mine: Job) -> None:
        place = f"at/{mine.fence}"
        after = self.services.claims.hand_over(mine, BROKEN, checkpoint=place)
        assert after == self.model.end(mine.id, mine.fence, how="uncharged", checkpoint=place)

    @rule(job=posted)
    def cancel(self, job: Job) -> None:
        assert self.services.jobs.cancel(job.tenant, job.id) == self.model.cancel(job.id)

    @rule(job=posted)
    def lease_runs_out(self, job: Job) -> None:
        if self.model.let_lease_run_out(job.id):
            self.redis.hset(f"{self.prefix}job:{job.tenant}:{job.id}", "lease_until_ms", 1)
            self.redis.zadd(f"{self.prefix}leases", {f"{job.tenant}:{job.id}": 1})

    @rule()
    def keep(self) -> None:
        due = self.services.upkeep.expired_leases()
        assert sorted(due) == sorted((job.tenant, job.id) for job in self.model.overdue())
        for tenant, job_id in due:
            attempt = self.model.jobs[job_id].attempt
            ended = self.services.upkeep.give_back_expired(tenant, job_id, LOST)
            assert ended == (self.model.end(job_id, None, how="again"), attempt)
            assert self.services.upkeep.give_back_expired(tenant, job_id, LOST) is None

    @invariant()
    def every_record_is_as_the_model_says(self) -> None:
        for expected in self.model.jobs.values():
            job = self.services.jobs.get(expected.tenant, expected.id)
            assert (job.state, job.attempt, job.fence) == (expected.state, expected.attempt, expected.fence)
            assert bool(job.outputs) == (job.state is JobState.SUCCEEDED) == (len(expected.published) == 1)
            lasting = self.redis.ttl(f"{self.prefix}job:{job.tenant}:{job.id}") == -1
            assert lasting == (job.state in OPEN)

    @invariant()
    def the_sets_say_the_same_as_the_records(self) -> None:
        running = {f"{job.tenant}:{job.id}" for job in self.model.jobs.values() if job.state in HELD}
        assert set(self.redis.zrange(f"{self.prefix}leases", 0, -1)) == running
        for tenant in TENANTS:
            ready = {job.id for job in self.model.jobs.values() if (job.tenant, job.state) == (tenant, JobState.QUEUED)}
            active = {name.partition(":")[2] for name in running if name.startswith(f"{tenant}:")}
            assert set(self.redis.zrange(f"{self.prefix}ready:{tenant}", 0, -1)) == ready
            assert set(self.redis.smembers(f"{self.prefix}active:{tenant}")) == active


def test_the_scripts_do_what_the_model_does(settings: Settings) -> None:
    class OnThisRedis(Protocol):
        def __init__(self) -> None:
            super().__init__(settings)

    run_state_machine_as_test(
        OnThisRedis,
        settings=hypothesis.settings(
            max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
