"""The doorbell and the keeper, against a real broker."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import structlog

from service.errors import BucketMissing, QueueUnavailable
from service.job import JobState
from service.keep import Kept, keep, keep_once
from service.render import render_next
from service.settings import Settings
from service.stores.queue import DOORBELL
from service.wiring import Services, open_services
from tests.jobs import claimed, submitted
from tests.receiver import receiving
from workers.lease import hold

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
    assert keep_once(services) == Kept()


def test_the_keeper_rings_for_ready_jobs_that_nobody_was_told_of(services: Services, tenant: str) -> None:
    for _ in range(3):
        submitted(services, tenant)
    assert keep_once(services) == Kept(rung=3)
    assert services.queue.unheard() == 3
    assert keep_once(services) == Kept()


def test_the_keeper_takes_jobs_back_from_silent_workers_and_fails_them_at_the_cap(
    settings: Settings, tenant: str
) -> None:
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.001})) as services:
        job = submitted(services, tenant, attempts_max=2)
        outcomes = []
        with structlog.testing.capture_logs() as lines:
            for _ in range(2):
                claimed(services)
                while not services.upkeep.expired_leases():
                    pass
                kept = keep_once(services)
                outcomes.append((kept.requeued, kept.failed))
        ended = services.jobs.get(tenant, job.id)
    assert outcomes == [(1, 0), (0, 1)]
    told = [(line["job_id"], line["attempt"], line["state"]) for line in lines if line["event"] == "lease_expired"]
    assert told == [(job.id, 1, "queued"), (job.id, 2, "failed")]
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.attempt, ended.attempt) == ("worker_lost", 2, 2)


def test_many_keepers_at_once_charge_each_lost_attempt_once(settings: Settings, tenant: str) -> None:
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.001})) as services:
        jobs = [submitted(services, tenant) for _ in range(20)]
        for _ in jobs:
            claimed(services)
        while len(services.upkeep.expired_leases()) < len(jobs):
            pass
        with ThreadPoolExecutor(8) as keepers:
            kept = list(keepers.map(lambda _: keep_once(services), range(8)))
        assert sum(one.requeued for one in kept) == len(jobs)
        ended = [services.jobs.get(tenant, job.id) for job in jobs]
        assert {(job.state, job.attempt) for job in ended} == {(JobState.QUEUED, 1)}


def test_one_bad_record_does_not_stop_the_keeper(settings: Settings, tenant: str) -> None:
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.001})) as services:
        for _ in range(2):
            submitted(services, tenant)
        bad, good = claimed(services), claimed(services)
        while len(services.upkeep.expired_leases()) < 2:
            pass
        services._redis.hdel(f"{settings.redis_prefix}job:{tenant}:{bad.id}", "lease_until_ms")
        assert keep_once(services).requeued == 1
        assert services.jobs.get(tenant, good.id).state is JobState.QUEUED


def test_the_keeper_says_that_it_is_there_and_leaves_when_told(services: Services, tenant: str) -> None:
    stop = threading.Event()
    keeper = threading.Thread(target=keep, args=(services, stop))
    keeper.start()
    try:
        submitted(services, tenant)
        while not (services.presence.alive("keeper") and services.queue.unheard()):
            pass
    finally:
        stop.set()
        keeper.join()
    assert services.presence.alive("keeper") == []


def test_jobs_do_not_wait_for_a_keeper_that_waits_for_the_storage(settings: Settings, tenant: str) -> None:
    """The storage takes the keeper's connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        away = {"s3_endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}", "lease_ttl_s": 0.3}
        with open_services(settings.model_copy(update=away)) as services:
            job = submitted(services, tenant, start_deadline_s=1)
            stop = threading.Event()
            keeper = threading.Thread(target=keep, args=(services, stop))
            keeper.start()
            try:
                while services.jobs.get(tenant, job.id).state is not JobState.EXPIRED:
                    pass
            finally:
                stop.set()
                silent.close()
                keeper.join()


def test_jobs_do_not_wait_for_a_receiver_that_does_not_answer(settings: Settings, tenant: str) -> None:
    asked, over, stop = threading.Event(), threading.Event(), threading.Event()

    def silent(*_: object) -> None:
        asked.set()
        over.wait(30)

    opened = settings.model_copy(update={"fetch_allow": ("127.0.0.1",), "keeper_interval_s": 0.1})
    with receiving(silent) as receiver, open_services(opened) as services:
        wish: dict[str, Any] = {"webhook": {"url": receiver.url, "events": ["job.canceled"]}}
        services.jobs.cancel(tenant, submitted(services, tenant, **wish).id)
        keeper = threading.Thread(target=keep, args=(services, stop))
        keeper.start()
        assert asked.wait(30)
        late = submitted(services, tenant, start_deadline_s=1)
        deadline = time.monotonic() + 30
        while services.jobs.get(tenant, late.id).state is not JobState.EXPIRED:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not over.is_set()
        over.set()
        stop.set()
        keeper.join()


def test_a_keeper_makes_the_bucket_that_is_missing(settings: Settings) -> None:
    own = {"s3_bucket": f"b{uuid.uuid4().hex[:8]}"}
    with open_services(settings.model_copy(update=own)) as services:
        stop = threading.Event()
        keeper = threading.Thread(target=keep, args=(services, stop))
        keeper.start()
        try:
            while not there(services):
                pass
        finally:
            stop.set()
            keeper.join()


def there(services: Services) -> bool:
    try:
        services.blobs.ping()
    except BucketMissing:
        return False
    return True


def test_whoever_claims_a_job_rings_for_the_next_unless_somebody_has(services: Services, tenant: str) -> None:
    def render() -> None:
        """Begin a job, whose picture is not in the storage."""
        paint: Any = None  # it never comes to that
        held = partial(hold, claims=services.claims, ttl_s=15.0)
        rendered = render_next(services=services, paint=lambda *_, **__: paint, hold=held, worker="w")
        assert rendered is not None

    for _ in range(3):
        submitted(services, tenant)
    render()
    assert services.queue.unheard() == 1, "two more are ready"
    render()
    assert services.queue.unheard() == 1, "nobody has heard that one yet"
    services._redis.delete(f"{services.settings.redis_prefix}{DOORBELL}")
    render()
    assert services.queue.unheard() == 0, "none is left"


def test_a_job_behind_many_that_are_over_is_found(services: Services, tenant: str) -> None:
    for _ in range(40):
        late = submitted(services, tenant, start_deadline_s=60)
        services._redis.hset(f"{services.settings.redis_prefix}job:{tenant}:{late.id}", "start_by_ms", 1)
    good = submitted(services, tenant)
    assert claimed(services).id == good.id
