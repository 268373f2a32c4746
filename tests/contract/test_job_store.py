"""The scripts against a real Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.errors import JobStoreUnavailable, NotFound, RecordUnreadable
from service.job import JobState
from service.settings import Settings
from service.stores.submission import Durability, Submission
from service.wiring import Services, open_services
from tests.jobs import BROKEN, LOST, RESULT, claimed, job, submitted, uploaded

pytestmark = pytest.mark.servers


@pytest.fixture
def hasty(settings: Settings) -> Iterator[Services]:
    """Services whose leases run out at once."""
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.001})) as services:
        yield services


def test_a_submitted_job_is_read_back_as_it_was_with_the_servers_time(services: Services, tenant: str) -> None:
    posted = submitted(services, tenant)
    assert posted.created_ms > 1_700_000_000_000
    assert services.jobs.get(tenant, posted.id) == posted


def test_a_job_that_must_be_on_disk_is_accepted_when_it_is(services: Services, tenant: str) -> None:
    uploaded(services, tenant)
    posted = services.jobs.submit(Submission(job(tenant), "f"), Durability(on_disk=True)).job
    assert services.jobs.get(tenant, posted.id) == posted


def test_submitting_the_same_id_again_changes_nothing(services: Services, tenant: str) -> None:
    first = submitted(services, tenant)
    again = services.jobs.submit(Submission(replace(first, created_ms=0), "f"))
    assert (again.job, again.made) == (first, False)
    assert services.upkeep.ready_count() == 1


def test_a_job_of_another_tenant_is_not_found(services: Services, tenant: str) -> None:
    posted = submitted(services, tenant)
    with pytest.raises(NotFound):
        services.jobs.get("somebody-else", posted.id)


def test_nothing_ready_gives_nothing(services: Services) -> None:
    assert services.claims.claim("w") is None


def test_a_claim_charges_an_attempt_and_a_fence_before_any_work(services: Services, tenant: str) -> None:
    posted = submitted(services, tenant)
    mine = claimed(services)
    assert (mine.id, mine.state, mine.attempt, mine.fence) == (posted.id, JobState.RUNNING, 1, 1)
    assert mine.lease_owner == "w"
    assert mine.lease_until_ms is not None
    assert mine.started_ms is not None
    assert mine.lease_until_ms - mine.started_ms == 15_000
    assert services.claims.claim("w") is None


def test_within_a_tenant_priority_goes_before_age(services: Services, tenant: str) -> None:
    low, first, second, high = (
        submitted(services, tenant, priority=priority) for priority in ("low", "normal", "normal", "high")
    )
    assert [claimed(services).id for _ in range(4)] == [high.id, first.id, second.id, low.id]


def test_a_batch_of_a_thousand_delays_another_tenants_job_by_one_at_most(services: Services, tenant: str) -> None:
    uploaded(services, tenant)
    for _ in range(1000):
        services.jobs.submit(Submission(job(tenant), "f"))
    for _ in range(3):  # some of them are being painted already
        claimed(services)
    submitted(services, "other")
    assert [claimed(services).tenant for _ in range(2)].count("other") == 1


def test_a_tenant_at_its_cap_of_running_jobs_waits(settings: Settings, tenant: str) -> None:
    with open_services(settings.model_copy(update={"tenant_running_max": 1})) as services:
        submitted(services, tenant)
        submitted(services, tenant)
        first = claimed(services)
        assert services.claims.claim("w") is None
        services.claims.commit(first, [RESULT], {})
        assert claimed(services).id != first.id


def test_a_renewal_prolongs_the_lease_and_notes_the_progress(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    assert services.claims.renew(mine, {"fraction": 0.5})
    seen = services.jobs.get(tenant, mine.id)
    assert seen.progress == {"fraction": 0.5}
    assert seen.version == mine.version + 1
    assert seen.lease_until_ms is not None
    assert mine.lease_until_ms is not None
    assert seen.lease_until_ms >= mine.lease_until_ms


def test_a_commit_publishes_the_outputs_and_ends_the_lease(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    assert services.claims.commit(mine, [RESULT], {"device": "cpu"})
    done = services.jobs.get(tenant, mine.id)
    assert (done.state, done.outputs, done.report) == (JobState.SUCCEEDED, (RESULT,), {"device": "cpu"})
    assert done.lease_owner is None
    assert done.finished_ms is not None
    assert done.expires_ms == done.finished_ms + 604_800_000


def test_a_commit_sent_twice_is_a_success_both_times(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    assert [services.claims.commit(mine, [RESULT], {}) for _ in range(2)] == [True, True]


def test_an_expired_lease_is_taken_back_and_the_late_worker_can_do_nothing(
    hasty: Services, services: Services, tenant: str
) -> None:
    submitted(hasty, tenant)
    late = claimed(hasty)
    while not hasty.upkeep.expired_leases():
        pass
    assert hasty.upkeep.expired_leases() == [(tenant, late.id)]
    assert hasty.upkeep.give_back_expired(tenant, late.id, LOST) == (JobState.QUEUED, 1)
    assert hasty.upkeep.give_back_expired(tenant, late.id, LOST) is None
    new = claimed(services)
    assert (new.id, new.attempt, new.fence) == (late.id, 2, 2)
    assert not services.claims.renew(late)
    assert not services.claims.commit(late, [RESULT], {})
    assert services.claims.give_back(late, BROKEN) is None
    assert services.claims.commit(new, [RESULT], {})


def test_a_living_lease_is_not_taken_back(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    assert services.upkeep.expired_leases() == []
    assert services.upkeep.give_back_expired(tenant, mine.id, LOST) is None
    assert services.jobs.get(tenant, mine.id).state is JobState.RUNNING


def test_the_last_attempts_lost_worker_fails_the_job(hasty: Services, tenant: str) -> None:
    submitted(hasty, tenant, attempts_max=2)
    ended = []
    for _ in range(2):
        mine = claimed(hasty)
        while not hasty.upkeep.expired_leases():
            pass
        ended.append(hasty.upkeep.give_back_expired(tenant, mine.id, LOST))
    assert ended == [(JobState.QUEUED, 1), (JobState.FAILED, 2)]
    failed = hasty.jobs.get(tenant, mine.id)
    assert failed.error == replace(LOST, attempt=2)
    assert failed.expires_ms is not None


def test_a_failure_that_another_attempt_may_mend_makes_the_job_ready_in_its_old_place(
    services: Services, tenant: str
) -> None:
    first, second = submitted(services, tenant), submitted(services, tenant)
    assert services.claims.give_back(claimed(services), BROKEN) is JobState.QUEUED
    assert [claimed(services).id for _ in range(2)] == [first.id, second.id]


def test_a_failure_that_no_attempt_can_mend_ends_the_job_at_once(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    final = replace(BROKEN, retryable=False)
    assert services.claims.give_back(mine, final) is JobState.FAILED
    assert services.jobs.get(tenant, mine.id).error == final


def test_a_queued_job_knows_its_place_among_the_turns(services: Services, tenant: str) -> None:
    mine = [submitted(services, tenant) for _ in range(3)]
    for _ in range(5):
        submitted(services, "other")
    waits = [services.jobs.wait(one) for one in mine]
    assert [wait.position for wait in waits if wait] == [1, 3, 5]
    assert [len(wait.ahead) for wait in waits if wait] == [0, 2, 4]


def test_a_running_job_waits_for_nothing(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    assert services.jobs.wait(claimed(services)) is None


def test_a_record_that_can_not_be_read_fails_in_the_end_and_stops_nobody(
    settings: Settings, services: Services, tenant: str
) -> None:
    strange, plain = submitted(services, tenant), submitted(services, tenant)
    services._redis.hset(f"{settings.redis_prefix}job:{tenant}:{strange.id}", "spec", '{"kind": "of tomorrow"}')
    with pytest.raises(RecordUnreadable):
        services.jobs.get(tenant, strange.id)
    assert claimed(services).id == plain.id
    record = services._redis.hgetall(f"{settings.redis_prefix}job:{tenant}:{strange.id}")
    assert (record["state"], record["attempt"]) == (JobState.FAILED, "3")
    assert json.loads(record["error"])["code"] == "record_unreadable"


def test_redis_out_of_reach_is_said_in_our_own_words() -> None:
    with (
        open_services(Settings(redis_url="redis://127.0.0.1:1/0")) as services,
        pytest.raises(JobStoreUnavailable),
    ):
        services.jobs.get("t", "x")
