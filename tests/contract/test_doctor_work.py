"""What the doctor says of those who work and of what waits, on a real Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event

import pytest

from service.checks.finding import Finding
from service.checks.work import look_at_work
from service.wiring import Services
from tests.findings import amiss, named
from tests.jobs import claimed, submitted
from tests.staff import at_work, staff

pytestmark = pytest.mark.servers


def look(services: Services) -> list[Finding]:
    return list(look_at_work(services.settings, watch_s=1))


@pytest.fixture
def staffed(services: Services) -> Iterator[Services]:
    """A worker that is present, and a keeper that keeps."""
    with staff(services):
        yield services


def test_where_somebody_is_there_for_everything_all_is_well(staffed: Services) -> None:
    found = look(staffed)
    assert amiss(found) == {}
    assert [finding.name for finding in found] == ["broker", "keeper", "workers", "queue", "leases"]
    assert "1 worker at work: w; 1 idle." in named(found, "workers").fact


def test_without_a_worker_or_a_keeper_that_is_what_is_said(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    found = look(services)
    assert amiss(found) == {"keeper": "wrong", "workers": "wrong"}
    assert "1 job waits" in named(found, "workers").fact
    assert "impasto worker" in named(found, "workers").advice
    assert "impasto keeper" in named(found, "keeper").advice


def test_two_keepers_are_fine(staffed: Services) -> None:
    staffed.presence.beat("keeper", "another")
    assert amiss(look(staffed)) == {}


def test_an_idle_worker_that_hears_no_doorbell_is_wrong(staffed: Services, tenant: str) -> None:
    submitted(staffed, tenant)
    staffed.queue.ring()
    found = look(staffed)
    assert amiss(found) == {"workers": "wrong"}
    assert "nobody hears the doorbell" in named(found, "workers").fact
    assert "Restart the workers" in named(found, "workers").advice


def test_a_worker_that_paints_may_leave_the_doorbell_alone(staffed: Services, tenant: str) -> None:
    for _ in range(2):
        submitted(staffed, tenant)
    staffed.queue.ring()
    claimed(staffed)
    found = look(staffed)
    assert amiss(found) == {}
    assert named(found, "queue").fact == "Jobs that wait: 1; being painted: 1."


def test_a_queue_that_grows_faster_than_it_is_worked_off_is_a_warning(staffed: Services, tenant: str) -> None:
    def pour(stop: Event) -> None:
        while not stop.wait(0.05):
            submitted(staffed, tenant)

    submitted(staffed, tenant)
    claimed(staffed)  # the worker is busy meanwhile
    with at_work(pour):
        found = look(staffed)
    assert amiss(found) == {"queue": "warning"}


def lapse(services: Services, tenant: str, *, since_s: float) -> str:
    """Claim a job and let its lease have run out a while ago; give its id."""
    submitted(services, tenant)
    running = claimed(services)
    ended_ms = round((time.time() - since_s) * 1000)
    services._redis.zadd(f"{services.settings.redis_prefix}leases", {f"{tenant}:{running.id}": ended_ms})
    return running.id


def test_a_job_that_nobody_takes_back_is_named_and_a_keeper_asked_for(services: Services, tenant: str) -> None:
    services.presence.beat("worker", "w")
    left = lapse(services, tenant, since_s=60)
    found = look(services)
    assert amiss(found) == {"keeper": "wrong", "leases": "wrong"}
    assert f"{tenant}:{left} for 6" in named(found, "leases").fact
    assert "Start a keeper" in named(found, "leases").advice


def test_a_keeper_that_is_there_and_does_not_take_back_is_to_be_restarted(services: Services, tenant: str) -> None:
    services.presence.beat("worker", "w")
    services.presence.beat("keeper", "stuck")
    lapse(services, tenant, since_s=60)
    found = look(services)
    assert amiss(found) == {"leases": "wrong"}
    assert "Restart the keeper" in named(found, "leases").advice


def test_a_lease_that_ran_out_a_moment_ago_is_the_keepers_next_work(services: Services, tenant: str) -> None:
    services.presence.beat("worker", "w")
    services.presence.beat("keeper", "k")
    lapse(services, tenant, since_s=0.5)
    assert amiss(look(services)) == {}


def test_a_broker_whose_key_is_something_else_is_wrong_and_the_rest_is_still_looked_at(services: Services) -> None:
    doorbell = f"{services.settings.redis_prefix}impasto.doorbell"
    services._redis.set(doorbell, "no list")
    found = look(services)
    assert amiss(found) == {"broker": "wrong", "keeper": "wrong", "workers": "wrong"}
    services._redis.delete(doorbell)
