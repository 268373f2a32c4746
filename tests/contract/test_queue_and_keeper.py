"""The doorbell and the keeper, against a real broker."""

from __future__ import annotations

import threading

import pytest

from service.errors import QueueUnavailable
from service.job import JobState
from service.keep import Kept, keep, keep_once
from service.settings import Settings
from service.wiring import Services, open_services
from tests.contract.test_job_store import claimed, job

pytestmark = pytest.mark.servers


def test_a_ring_is_heard_by_nobody_until_a_worker_takes_it(services: Services) -> None:
    assert services.queue.unheard() == 0
    services.queue.ring()
    services.queue.ring()
    assert services.queue.unheard() == 2


def test_a_broker_out_of_reach_is_said_in_our_own_words(settings: Settings) -> None:
    away = Settings(**{**settings.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    with open_services(away) as services:
        with pytest.raises(QueueUnavailable):
            services.queue.ring()
        with pytest.raises(QueueUnavailable):
            services.queue.unheard()
        assert not services.queue.try_ring()


def test_with_nothing_to_do_the_keeper_does_nothing(services: Services) -> None:
    assert keep_once(services) == Kept(requeued=0, failed=0, rung=0)


def test_the_keeper_rings_for_ready_jobs_that_nobody_was_told_of(services: Services, tenant: str) -> None:
    for _ in range(3):
        services.jobs.submit(job(tenant))
    assert keep_once(services) == Kept(requeued=0, failed=0, rung=3)
    assert services.queue.unheard() == 3
    assert keep_once(services) == Kept(requeued=0, failed=0, rung=0)


def test_the_keeper_takes_jobs_back_from_silent_workers_and_fails_them_at_the_cap(
    settings: Settings, tenant: str
) -> None:
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.001})) as services:
        submitted = services.jobs.submit(job(tenant, attempts_max=2))
        outcomes = []
        for _ in range(2):
            claimed(services.jobs)
            while not services.jobs.expired_leases():
                pass
            kept = keep_once(services)
            outcomes.append((kept.requeued, kept.failed))
        ended = services.jobs.get(tenant, submitted.id)
    assert outcomes == [(1, 0), (0, 1)]
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.attempt, ended.attempt) == ("worker_lost", 2, 2)


def test_one_bad_record_does_not_stop_the_keeper(settings: Settings, tenant: str) -> None:
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.001})) as services:
        for _ in range(2):
            services.jobs.submit(job(tenant))
        bad, good = claimed(services.jobs), claimed(services.jobs)
        while len(services.jobs.expired_leases()) < 2:
            pass
        services.jobs._redis.hdel(f"{settings.redis_prefix}job:{tenant}:{bad.id}", "lease_until_ms")
        assert keep_once(services).requeued == 1
        assert services.jobs.get(tenant, good.id).state is JobState.QUEUED


def test_the_keeper_says_that_it_is_there_and_leaves_when_told(services: Services, tenant: str) -> None:
    stop = threading.Event()
    keeper = threading.Thread(target=keep, args=(services, stop))
    keeper.start()
    try:
        services.jobs.submit(job(tenant))
        while not (services.presence.alive("keeper") and services.queue.unheard()):
            pass
    finally:
        stop.set()
        keeper.join()
    assert services.presence.alive("keeper") == []
