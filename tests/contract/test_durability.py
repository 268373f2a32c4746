"""What Redis keeps when it is killed, by what our configuration says: with kill -9, and its log read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import JobStoreUnavailable
from service.job import JobState
from service.stores.submission import Durability, Submission
from service.wiring import Services, open_services
from tests.chaos.parts import Program
from tests.jobs import RESULT, claimed, job, submitted, uploaded
from tests.redis_process import answering, redis_of_our_own

pytestmark = pytest.mark.servers


def killed_and_started_again(redis: Program, services: Services) -> None:
    redis.kill()
    redis.start()
    answering(services.jobs)


def test_jobs_of_every_state_outlive_a_killed_redis(tmp_path: Path, tenant: str) -> None:
    with redis_of_our_own(tmp_path / "data") as (redis, settings), open_services(settings) as services:
        answering(services.jobs)
        ended = submitted(services, tenant)
        services.claims.commit(claimed(services), [RESULT], {})
        running = submitted(services, tenant)
        mine = claimed(services)
        queued = submitted(services, tenant)
        services.queue.ring()
        killed_and_started_again(redis, services)
        states = [services.jobs.get(tenant, one.id).state for one in (ended, running, queued)]
        assert states == [JobState.SUCCEEDED, JobState.RUNNING, JobState.QUEUED]
        assert services.claims.renew(mine) is JobState.RUNNING
        assert services.queue.unheard() == 1
        assert services.claims.commit(mine, [RESULT], {})
        assert claimed(services).id == queued.id


def test_a_job_that_must_be_on_disk_is_there_after_a_kill_at_once(tmp_path: Path, tenant: str) -> None:
    with redis_of_our_own(tmp_path / "data") as (redis, settings), open_services(settings) as services:
        answering(services.jobs)
        uploaded(services, tenant)
        for _ in range(5):
            posted = services.jobs.submit(Submission(job(tenant), "f"), Durability(on_disk=True)).job
            killed_and_started_again(redis, services)
            assert services.jobs.get(tenant, posted.id) == posted


def test_a_job_that_no_replica_has_is_not_accepted_where_one_must(
    tmp_path: Path, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.stores.submission.DISK_WAIT_MS", 100)
    with redis_of_our_own(tmp_path / "data") as (_, settings), open_services(settings) as services:
        answering(services.jobs)
        uploaded(services, tenant)
        with pytest.raises(JobStoreUnavailable, match="1 replicas"):
            services.jobs.submit(Submission(job(tenant), "f"), Durability(on_disk=True, replicas=1))


def test_the_embedded_redis_evicts_nothing_and_writes_its_log(tmp_path: Path) -> None:
    with redis_of_our_own(tmp_path / "data") as (_, settings), open_services(settings) as services:
        answering(services.jobs)
        says = {
            name: services._redis.config_get(name)[name] for name in ("appendonly", "appendfsync", "maxmemory-policy")
        }
        assert says == {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
