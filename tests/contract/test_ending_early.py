"""Jobs that end before they are done, or go on elsewhere: canceled, too late, too long, handed over, out of memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.errors import NotFound
from service.job import JobState
from service.settings import Settings
from service.wiring import Services, open_services
from tests.jobs import BROKEN, LOST, RESULT, claimed, submitted

pytestmark = pytest.mark.servers


@pytest.fixture
def hasty(settings: Settings) -> Iterator[Services]:
    """Services whose leases run out at once."""
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.001})) as services:
        yield services


def lease_over(services: Services) -> None:
    while not services.upkeep.expired_leases():
        pass


def rewrite(services: Services, tenant: str, job_id: str, **fields: str | int) -> None:
    """Write into a record what time would bring about."""
    services._redis.hset(f"{services.settings.redis_prefix}job:{tenant}:{job_id}", mapping=fields)


# Cancel


def test_a_queued_job_is_canceled_at_once_and_never_claimed(services: Services, tenant: str) -> None:
    job = submitted(services, tenant)
    assert services.jobs.cancel(tenant, job.id) is JobState.CANCELED
    assert services.claims.claim("w") is None
    canceled = services.jobs.get(tenant, job.id)
    assert canceled.finished_ms is not None
    assert services.upkeep.ready_count() == 0


def test_a_running_job_is_canceled_only_when_its_worker_has_stopped(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    assert services.jobs.cancel(tenant, mine.id) is JobState.CANCELING
    assert services.claims.renew(mine) is JobState.CANCELING
    assert services.jobs.get(tenant, mine.id).state is JobState.CANCELING
    assert services.claims.give_back(mine, BROKEN) is JobState.CANCELED
    assert services.jobs.get(tenant, mine.id).error is None


def test_what_is_to_be_canceled_can_not_be_published_any_more(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    services.jobs.cancel(tenant, mine.id)
    assert not services.claims.commit(mine, [RESULT], {})
    assert services.claims.give_back(mine, BROKEN) is JobState.CANCELED


def test_a_job_to_be_canceled_whose_worker_died_is_canceled_by_the_keeper(hasty: Services, tenant: str) -> None:
    submitted(hasty, tenant)
    mine = claimed(hasty)
    hasty.jobs.cancel(tenant, mine.id)
    lease_over(hasty)
    assert hasty.upkeep.give_back_expired(tenant, mine.id, LOST) == (JobState.CANCELED, 1)


def test_canceling_again_or_too_late_changes_nothing(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    assert [services.jobs.cancel(tenant, mine.id) for _ in range(2)] == [JobState.CANCELING] * 2
    services.claims.give_back(mine, BROKEN)
    assert services.jobs.cancel(tenant, mine.id) is JobState.CANCELED
    submitted(services, tenant)
    done = claimed(services)
    services.claims.commit(done, [RESULT], {})
    assert services.jobs.cancel(tenant, done.id) is JobState.SUCCEEDED


def test_nobody_can_cancel_what_is_not_there_or_not_theirs(services: Services, tenant: str) -> None:
    job = submitted(services, tenant)
    assert services.jobs.cancel("somebody-else", job.id) is None
    assert services.jobs.get(tenant, job.id).state is JobState.QUEUED
    with pytest.raises(NotFound):
        services.jobs.get("somebody-else", job.id)


# Start deadlines


def test_a_job_that_has_not_started_in_time_expires(services: Services, tenant: str) -> None:
    job = submitted(services, tenant, start_deadline_s=30)
    assert services.upkeep.expire_starts() == []
    services._redis.zadd(f"{services.settings.redis_prefix}deadlines", {f"{tenant}:{job.id}": 1})
    assert services.upkeep.expire_starts() == [(tenant, job.id)]
    assert services.jobs.get(tenant, job.id).state is JobState.EXPIRED
    assert services.claims.claim("w") is None


def test_a_worker_passes_by_a_job_whose_start_deadline_is_over(services: Services, tenant: str) -> None:
    late, next_one = submitted(services, tenant, start_deadline_s=30), submitted(services, tenant)
    rewrite(services, tenant, late.id, start_by_ms=1)
    assert claimed(services).id == next_one.id
    assert services.claims.claim("w") is None


def test_a_job_that_has_started_once_does_not_expire(services: Services, tenant: str) -> None:
    job = submitted(services, tenant, start_deadline_s=30)
    assert services.claims.give_back(claimed(services), BROKEN) is JobState.QUEUED
    assert services._redis.zcard(f"{services.settings.redis_prefix}deadlines") == 0
    assert claimed(services).id == job.id


# Run deadlines


def test_all_attempts_together_may_run_for_so_long_and_no_longer(services: Services, tenant: str) -> None:
    submitted(services, tenant, run_timeout_s=60)
    mine = claimed(services)
    rewrite(services, tenant, mine.id, run_ms=59_990, claimed_ms=(mine.started_ms or 0) - 20)
    assert services.claims.give_back(mine, BROKEN) is JobState.FAILED
    error = services.jobs.get(tenant, mine.id).error
    assert error is not None
    assert (error.code, error.attempt, error.retryable) == ("run_timeout", 1, False)


def test_the_time_that_an_attempt_took_is_kept(services: Services, tenant: str) -> None:
    submitted(services, tenant, run_timeout_s=60)
    mine = claimed(services)
    rewrite(services, tenant, mine.id, claimed_ms=(mine.started_ms or 0) - 7_000)
    services.claims.give_back(mine, BROKEN)
    assert 7_000 <= claimed(services).run_ms < 12_000


# Handing over


def test_a_worker_that_leaves_hands_its_job_over_with_its_checkpoint_and_no_attempt_charged(
    services: Services, tenant: str
) -> None:
    submitted(services, tenant, attempts_max=1)
    for fence in (1, 2, 3):
        mine = claimed(services)
        assert (mine.attempt, mine.fence) == (1, fence)
        assert mine.checkpoint == (f"at/{fence - 1}" if fence > 1 else None)
        assert services.claims.hand_over(mine, BROKEN, checkpoint=f"at/{fence}") is JobState.QUEUED


def test_a_heartbeat_records_where_the_checkpoint_lies(hasty: Services, tenant: str) -> None:
    submitted(hasty, tenant)
    mine = claimed(hasty)
    hasty.claims.renew(mine, checkpoint="at/1")
    lease_over(hasty)
    hasty.upkeep.give_back_expired(tenant, mine.id, LOST)
    assert claimed(hasty).checkpoint == "at/1"


def test_a_job_that_has_ended_knows_no_checkpoint(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    services.claims.renew(mine, checkpoint="at/1")
    services.claims.commit(mine, [RESULT], {})
    assert services.jobs.get(tenant, mine.id).checkpoint is None


# Memory


def test_after_a_shortage_of_memory_the_next_attempt_is_frugal(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    assert not mine.frugal
    services.claims.give_back(mine, BROKEN, frugal=True)
    assert claimed(services).frugal
