"""Jobs for tests of the protocol: submitted by the store itself, their pictures held but never stored."""

from __future__ import annotations

from typing import Any

from uuid_utils import uuid7

from service.job import Failure, Input, Job, JobState, OutputFile
from service.stores.submission import Submission
from service.stores.upload_store import Upload
from service.wiring import Services
from service.work import load_of
from tests.specs import resolved

LOST = Failure("worker_lost", "The worker stopped answering", "…", retryable=False, attempt=0)
BROKEN = Failure("device_failed", "The device failed", "…", retryable=True, attempt=1)
RESULT = OutputFile("result", "k/result.png", "ff", 10, "image/png", 3, 2)


def job(tenant: str, *, job_id: str | None = None, sha256: str = "0" * 64, **wish: Any) -> Job:
    """Make a queued job, with a picture of that digest."""
    pictures = (Input("/content", "a/b.png", sha256, 3, 2),)
    wanted = resolved(("/content", "/styles/0/image"), **{"run_timeout_s": 3600, **wish})
    return Job(
        tenant=tenant,
        id=job_id or str(uuid7()),
        state=JobState.QUEUED,
        spec=wanted,
        inputs=pictures,
        attempt=0,
        attempts_max=wanted.attempts_max,
        fence=0,
        version=1,
        created_ms=0,
        load=load_of(wanted, {"/content": pictures[0]}),
    )


def uploaded(services: Services, tenant: str, *, sha256: str = "0" * 64, ttl_s: int = 3600) -> Upload:
    """Hold a picture."""
    upload = Upload(tenant, str(uuid7()), sha256, "", sha256, 9, "image/png", 3, 2, 0)
    return services.uploads.save(upload, ttl_s=ttl_s)


def submitted(services: Services, tenant: str, *, work: str | None = None, **wish: Any) -> Job:
    """Submit a job."""
    uploaded(services, tenant)
    return services.jobs.submit(Submission(job(tenant, **wish), "f", work or "")).job


def claimed(services: Services) -> Job:
    """Claim the next job, which there is."""
    job = services.claims.claim("w")
    assert job is not None
    return job
