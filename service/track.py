"""Following a job: its record, its place in the queue, and where its result can be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from service.errors import NoResult
from service.job import Input, Job, JobState, OutputFile
from service.pace import expected_s, start_s

if TYPE_CHECKING:
    from service.stores.job_list import Mark, Query
    from service.wiring import Services


@dataclass(frozen=True, slots=True)
class Wait:
    """What a queued job waits for: its place, from 1; seconds until its start, and of its run, None where unknown."""

    position: int
    start_s: float | None
    run_s: float | None


@dataclass(frozen=True, slots=True)
class Published:
    """An output and the presigned URL that serves it."""

    file: OutputFile
    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that was taken in, and the presigned URL that serves it."""

    image: Input
    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tracked:
    """A job as it stands: what it waits for while it is queued, and its outputs with their URLs."""

    job: Job
    wait: Wait | None
    outputs: tuple[Published, ...]


def track(tenant: str, job_id: str, *, services: Services) -> Tracked:
    """Look a job up.

    Raises:
        NotFound: the tenant has no such job.
    """
    job = services.jobs.get(tenant, job_id)
    return describe(job, services=services)


def listed(
    tenant: str, query: Query, *, after: Mark | None, limit: int, services: Services
) -> tuple[list[Tracked], Mark | None]:
    """List a tenant's jobs, newest first, and say where to go on; their places in the queue are not looked up."""
    jobs, mark = services.lists.page(tenant, query, after=after, limit=limit)
    return [with_outputs(job, None, services=services) for job in jobs], mark


def describe(job: Job, *, services: Services) -> Tracked:
    """Add to a job what its record does not hold."""
    wait = _wait(job, services=services) if job.state is JobState.QUEUED else None
    return with_outputs(job, wait, services=services)


def _wait(job: Job, *, services: Services) -> Wait | None:
    line = services.jobs.wait(job)
    if line is None:
        return None
    workers = services.paces.workers()
    return Wait(line.position, start_s(line, workers), expected_s(job.load, workers) if job.load else None)


def with_outputs(job: Job, wait: Wait | None, *, services: Services) -> Tracked:
    """Add to a job where its outputs can be had, and what it waits for."""
    return Tracked(job, wait, tuple(_published(job, file, services=services) for file in job.outputs))


def output_url(tenant: str, job_id: str, name: str, *, services: Services) -> str:
    """Give a short-lived URL of one of a job's outputs, such as `result`.

    Raises:
        NotFound: the tenant has no such job.
        NoResult: it has none of that name, or not yet.
    """
    job = services.jobs.get(tenant, job_id)
    for file in job.outputs:
        if file.name == name:
            return _published(job, file, services=services).url
    raise NoResult(job_id=job_id, name=name, status=job.state, final=job.state.terminal)


def inputs(tenant: str, job_id: str, *, services: Services) -> list[Shown]:
    """Say where the pictures that a job was posted with can be had, as they were taken in.

    Raises:
        NotFound, Gone: the tenant has no such job, or no longer.
    """
    return [
        Shown(image, *image_url(image.key, f"impasto-{job_id}-input-{n}.png", services=services))
        for n, image in enumerate(services.jobs.get(tenant, job_id).inputs)
    ]


def image_url(key: str, filename: str, *, services: Services) -> tuple[str, datetime]:
    """Sign a short-lived URL of a normalised image, and say until when it serves."""
    return _signed(key, filename, content_type="image/png", services=services)


def preview_url(job: Job, *, services: Services) -> str:
    """Give a short-lived URL of how a job looks so far.

    Raises:
        NoResult: there is nothing to be seen yet, or no longer.
    """
    if job.preview is None:
        raise NoResult(job_id=job.id, name="preview", status=job.state, final=job.state.terminal)
    return services.blobs.presign(
        job.preview,
        filename=f"impasto-{job.id}-preview.webp",
        content_type="image/webp",
        ttl_s=2 * services.settings.presign_ttl_s,
    )


def _published(job: Job, file: OutputFile, *, services: Services) -> Published:
    name = f"impasto-{job.id}-{file.key.rpartition('/')[2]}"
    return Published(file, *_signed(file.key, name, content_type=file.content_type, services=services))


def _signed(key: str, filename: str, *, content_type: str, services: Services) -> tuple[str, datetime]:
    # Twice: an answer may be kept for one window and its URL must still work for another.
    ttl_s = 2 * services.settings.presign_ttl_s
    expires_at = datetime.now(UTC) + timedelta(seconds=ttl_s)
    return services.blobs.presign(key, filename=filename, content_type=content_type, ttl_s=ttl_s), expires_at
