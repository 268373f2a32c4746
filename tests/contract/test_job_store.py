"""The scripts against a real Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from uuid_utils import uuid7

from service.errors import JobStoreUnavailable, NotFound, RecordUnreadable
from service.job import Failure, Input, Job, JobState, OutputFile
from service.settings import Settings
from service.stores.job_store import JobStore
from service.wiring import Services, open_services
from tests.specs import resolved

pytestmark = pytest.mark.servers


def job(tenant: str, **wish: object) -> Job:
    wanted = resolved(("/content", "/styles/0/image"), **wish)
    return Job(
        tenant=tenant,
        id=str(uuid7()),
        state=JobState.QUEUED,
        spec=wanted,
        inputs=(Input("/content", "a/b.png", "00", 3, 2),),
        attempt=0,
        attempts_max=wanted.attempts_max,
        fence=0,
        version=1,
        created_ms=0,
    )


LOST = Failure("worker_lost", "The worker stopped answering", "…", retryable=False, attempt=0)
BROKEN = Failure("device_failed", "The device failed", "…", retryable=True, attempt=1)
RESULT = OutputFile("result", "k/result.png", "ff", 10, "image/png", 3, 2)


@pytest.fixture
def jobs(services: Services) -> JobStore:
    return services.jobs


@pytest.fixture
def hasty(settings: Settings) -> Iterator[JobStore]:
    """A store whose leases run out at once."""
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.001})) as services:
        yield services.jobs


def claimed(jobs: JobStore) -> Job:
    job = jobs.claim("w")
    assert job is not None
    return job


def test_a_submitted_job_is_read_back_as_it_was_with_the_servers_time(jobs: JobStore, tenant: str) -> None:
    submitted = jobs.submit(job(tenant))
    assert submitted.created_ms > 1_700_000_000_000
    assert jobs.get(tenant, submitted.id) == submitted


def test_a_job_that_must_be_on_disk_is_accepted_when_it_is(jobs: JobStore, tenant: str) -> None:
    submitted = jobs.submit(job(tenant), on_disk=True)
    assert jobs.get(tenant, submitted.id) == submitted


def test_submitting_the_same_id_again_changes_nothing(jobs: JobStore, tenant: str) -> None:
    first = jobs.submit(job(tenant))
    again = jobs.submit(replace(first, created_ms=0))
    assert again == first
    assert jobs.ready_count() == 1


def test_a_job_of_another_tenant_is_not_found(jobs: JobStore, tenant: str) -> None:
    submitted = jobs.submit(job(tenant))
    with pytest.raises(NotFound):
        jobs.get("somebody-else", submitted.id)


def test_nothing_ready_gives_nothing(jobs: JobStore) -> None:
    assert jobs.claim("w") is None


def test_a_claim_charges_an_attempt_and_a_fence_before_any_work(jobs: JobStore, tenant: str) -> None:
    submitted = jobs.submit(job(tenant))
    mine = claimed(jobs)
    assert (mine.id, mine.state, mine.attempt, mine.fence) == (submitted.id, JobState.RUNNING, 1, 1)
    assert mine.lease_owner == "w"
    assert mine.lease_until_ms is not None
    assert mine.started_ms is not None
    assert mine.lease_until_ms - mine.started_ms == 15_000
    assert jobs.claim("w") is None


def test_within_a_tenant_priority_goes_before_age(jobs: JobStore, tenant: str) -> None:
    low, first, second, high = (
        jobs.submit(job(tenant, priority=priority)) for priority in ("low", "normal", "normal", "high")
    )
    assert [claimed(jobs).id for _ in range(4)] == [high.id, first.id, second.id, low.id]


def test_tenants_take_turns_however_many_jobs_one_has(jobs: JobStore, tenant: str) -> None:
    for _ in range(4):
        jobs.submit(job(tenant))
    jobs.submit(job("other"))
    assert [claimed(jobs).tenant for _ in range(5)].index("other") <= 1


def test_a_tenant_at_its_cap_of_running_jobs_waits(settings: Settings, tenant: str) -> None:
    with open_services(settings.model_copy(update={"tenant_running_max": 1})) as services:
        services.jobs.submit(job(tenant))
        services.jobs.submit(job(tenant))
        first = claimed(services.jobs)
        assert services.jobs.claim("w") is None
        services.jobs.commit(first, [RESULT], {})
        assert claimed(services.jobs).id != first.id


def test_a_renewal_prolongs_the_lease_and_notes_the_progress(jobs: JobStore, tenant: str) -> None:
    jobs.submit(job(tenant))
    mine = claimed(jobs)
    assert jobs.renew(mine, {"fraction": 0.5})
    seen = jobs.get(tenant, mine.id)
    assert seen.progress == {"fraction": 0.5}
    assert seen.version == mine.version + 1
    assert seen.lease_until_ms is not None
    assert mine.lease_until_ms is not None
    assert seen.lease_until_ms >= mine.lease_until_ms


def test_a_commit_publishes_the_outputs_and_ends_the_lease(jobs: JobStore, tenant: str) -> None:
    jobs.submit(job(tenant))
    mine = claimed(jobs)
    assert jobs.commit(mine, [RESULT], {"device": "cpu"})
    done = jobs.get(tenant, mine.id)
    assert (done.state, done.outputs, done.report) == (JobState.SUCCEEDED, (RESULT,), {"device": "cpu"})
    assert done.lease_owner is None
    assert done.finished_ms is not None
    assert done.expires_ms == done.finished_ms + 604_800_000


def test_a_commit_sent_twice_is_a_success_both_times(jobs: JobStore, tenant: str) -> None:
    jobs.submit(job(tenant))
    mine = claimed(jobs)
    assert [jobs.commit(mine, [RESULT], {}) for _ in range(2)] == [True, True]


def test_an_expired_lease_is_taken_back_and_the_late_worker_can_do_nothing(
    hasty: JobStore, jobs: JobStore, tenant: str
) -> None:
    hasty.submit(job(tenant))
    late = claimed(hasty)
    while not hasty.expired_leases():
        pass
    assert hasty.expired_leases() == [(tenant, late.id)]
    assert hasty.give_back_expired(tenant, late.id, LOST) is JobState.QUEUED
    assert hasty.give_back_expired(tenant, late.id, LOST) is None
    new = claimed(jobs)
    assert (new.id, new.attempt, new.fence) == (late.id, 2, 2)
    assert not jobs.renew(late)
    assert not jobs.commit(late, [RESULT], {})
    assert jobs.give_back(late, BROKEN) is None
    assert jobs.commit(new, [RESULT], {})


def test_a_living_lease_is_not_taken_back(jobs: JobStore, tenant: str) -> None:
    jobs.submit(job(tenant))
    mine = claimed(jobs)
    assert jobs.expired_leases() == []
    assert jobs.give_back_expired(tenant, mine.id, LOST) is None
    assert jobs.get(tenant, mine.id).state is JobState.RUNNING


def test_the_last_attempts_lost_worker_fails_the_job(hasty: JobStore, tenant: str) -> None:
    hasty.submit(job(tenant, attempts_max=2))
    states = []
    for _ in range(2):
        mine = claimed(hasty)
        while not hasty.expired_leases():
            pass
        states.append(hasty.give_back_expired(tenant, mine.id, LOST))
    assert states == [JobState.QUEUED, JobState.FAILED]
    failed = hasty.get(tenant, mine.id)
    assert failed.error == replace(LOST, attempt=2)
    assert failed.expires_ms is not None


def test_a_failure_that_another_attempt_may_mend_makes_the_job_ready_in_its_old_place(
    jobs: JobStore, tenant: str
) -> None:
    first, second = jobs.submit(job(tenant)), jobs.submit(job(tenant))
    assert jobs.give_back(claimed(jobs), BROKEN) is JobState.QUEUED
    assert [claimed(jobs).id for _ in range(2)] == [first.id, second.id]


def test_a_failure_that_no_attempt_can_mend_ends_the_job_at_once(jobs: JobStore, tenant: str) -> None:
    jobs.submit(job(tenant))
    mine = claimed(jobs)
    final = replace(BROKEN, retryable=False)
    assert jobs.give_back(mine, final) is JobState.FAILED
    assert jobs.get(tenant, mine.id).error == final


def test_a_queued_job_knows_its_place_among_the_turns(jobs: JobStore, tenant: str) -> None:
    mine = [jobs.submit(job(tenant)) for _ in range(3)]
    for _ in range(5):
        jobs.submit(job("other"))
    waits = [jobs.wait(one) for one in mine]
    assert [wait.position for wait in waits if wait] == [1, 3, 5]
    assert [wait.estimated_start_s for wait in waits if wait] == [None, None, None]


def test_the_estimated_start_follows_the_pace_of_finished_jobs(jobs: JobStore, tenant: str) -> None:
    for _ in range(2):
        jobs.submit(job(tenant))
    jobs.commit(claimed(jobs), [RESULT], {})
    waiting = jobs.submit(job(tenant))
    wait = jobs.wait(waiting)
    assert wait is not None
    assert wait.estimated_start_s is not None
    assert wait.estimated_start_s >= 0


def test_a_running_job_waits_for_nothing(jobs: JobStore, tenant: str) -> None:
    jobs.submit(job(tenant))
    assert jobs.wait(claimed(jobs)) is None


def test_a_record_that_can_not_be_read_fails_in_the_end_and_stops_nobody(
    settings: Settings, jobs: JobStore, tenant: str
) -> None:
    strange, plain = jobs.submit(job(tenant)), jobs.submit(job(tenant))
    jobs._redis.hset(f"{settings.redis_prefix}job:{tenant}:{strange.id}", "spec", '{"kind": "of tomorrow"}')
    with pytest.raises(RecordUnreadable):
        jobs.get(tenant, strange.id)
    assert claimed(jobs).id == plain.id
    record = jobs._redis.hgetall(f"{settings.redis_prefix}job:{tenant}:{strange.id}")
    assert (record["state"], record["attempt"]) == (JobState.FAILED, "3")
    assert json.loads(record["error"])["code"] == "record_unreadable"


def test_redis_out_of_reach_is_said_in_our_own_words() -> None:
    with (
        open_services(Settings(redis_url="redis://127.0.0.1:1/0")) as services,
        pytest.raises(JobStoreUnavailable),
    ):
        services.jobs.get("t", "x")
