"""Backing up and restoring, step by step as the runbook has it."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from service.errors import NotFound
from service.job import JobState
from service.keep import keep_once
from service.settings import Settings
from service.sweep import sweep
from service.upload import upload
from service.wiring import open_services
from tests.clients import publish
from tests.images import photograph_bytes
from tests.jobs import claimed, submitted
from tests.redis_process import answering, redis_of_our_own

pytestmark = pytest.mark.servers

RUNBOOK = (Path(__file__).parents[2] / "deploy/runbook.md").read_text()


def test_what_was_copied_while_it_ran_is_there_again_and_what_came_later_is_tidied_away(
    settings: Settings, tmp_path: Path, tenant: str
) -> None:
    with redis_of_our_own(tmp_path / "data") as (redis, of_redis):
        own = settings.model_copy(update={"redis_url": of_redis.redis_url, "lease_ttl_s": 1.0})
        with open_services(own) as services:
            answering(services.jobs)
            submitted(services, tenant)
            ended = claimed(services)
            publish(services, ended, b"a picture")
            submitted(services, tenant)
            running = claimed(services)
            queued = submitted(services, tenant)

            # Redis first, then S3, which the copy here shares with the original.
            console = services._redis
            assert "config set auto-aof-rewrite-percentage 0" in RUNBOOK
            console.config_set("auto-aof-rewrite-percentage", 0)
            assert console.info("persistence")["aof_rewrite_in_progress"] == 0
            [log] = (tmp_path / "data").rglob("appendonlydir")
            shutil.copytree(log, tmp_path / "copy")
            console.config_set("auto-aof-rewrite-percentage", 100)

            lost = submitted(services, tenant)
            publish(services, running, b"a picture of later")
            later = upload(photograph_bytes(32, 32), tenant=tenant, services=services)
            redis.signal(signal.SIGTERM)
            redis.wait()
            shutil.rmtree(log)
            shutil.copytree(tmp_path / "copy", log)
            redis.start()
            answering(services.jobs)

            states = [services.jobs.get(tenant, job.id).state for job in (ended, running, queued)]
            assert states == [JobState.SUCCEEDED, JobState.RUNNING, JobState.QUEUED]
            with pytest.raises(NotFound):
                services.jobs.get(tenant, lost.id)
            [output] = services.jobs.get(tenant, ended.id).outputs
            assert services.blobs.get(output.key) == b"a picture"
            time.sleep(1)
            assert keep_once(services).requeued == 1, "what ran then is taken up again"
            assert "redis-cli set impasto:sweep restoring ex 2592000" in RUNBOOK
            console.set(f"{own.redis_prefix}sweep", "restoring", ex=2592000)
            assert sweep(services, name="k") == 0
            assert services.blobs.get(later.key), "nothing is deleted before somebody has looked"
            console.delete(f"{own.redis_prefix}sweep")
            while sweep(services, name="k"):
                pass
            with pytest.raises(NotFound):
                services.blobs.get(later.key)
            assert services.blobs.get(output.key) == b"a picture"
