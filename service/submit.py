"""Submitting a job: prepare it, save the record, ring. Saved before rung."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from service.log import log
from service.prepare import Posted, check_each_affordable, fingerprint, prepare, prepared_again
from service.stores.submission import Durability

if TYPE_CHECKING:
    from service.settings import Settings
    from service.spec import RenderSpec
    from service.stores.job_store import Submitted
    from service.stores.key_store import KeyRecord
    from service.stores.submission import Submission
    from service.wiring import Services


def submit(
    spec: RenderSpec,
    *,
    tenant: str,
    services: Services,
    job_id: str | None = None,
    by: KeyRecord | None = None,
) -> Submitted:
    """Accept a job, or say by field why not.

    When this returns, the job is in the store and will be painted, whatever happens to this process. Exactly the same
    work, painted before, is not painted again: the job has succeeded at once.

    Args:
        spec: as posted.
        tenant: whose job it is.
        services: the open parts.
        job_id: the client's own; the same id with the same spec is the same job, whose images are not looked at anew.
        by: the key whose job it is, which may have so many open.

    Raises:
        InvalidSpec: fields that can't be painted, images that are unknown or no pictures; more time or memory than
            there is.
        IdTaken: the id belongs to a job with another spec.
        TooManyJobs: too many jobs of the key are open.
        Unavailable: a store is out of reach; nothing was accepted, unless Redis took the job but could not say in
            time that it is on its disk.
    """
    durable = durability(services.settings)
    if job_id is not None and (found := services.jobs.find(tenant, job_id, fingerprint(spec), durable)):
        return _accepted(found, services=services)
    posted = [Posted(spec)]
    [submission] = prepare(posted, tenant=tenant, services=services)
    check_each_affordable(posted, [submission], workers=services.paces.workers())
    return _saved(submission, job_id=job_id, by=by, services=services)


def retry(
    tenant: str, job_id: str, *, services: Services, new_id: str | None = None, by: KeyRecord | None = None
) -> Submitted:
    """Submit a job's spec and pictures again, as a new job that is painted whatever was painted before.

    Args:
        tenant: whose job it is.
        job_id: which job.
        services: the open parts.
        new_id: of the new job; the same id again is the same new job.
        by: the key whose job it is.

    Raises:
        NotFound, Gone: the tenant has no such job, or no longer.
        TooManyJobs: too many jobs of the key are open.
    """
    again = prepared_again(services.jobs.get(tenant, job_id))
    return _saved(again, job_id=new_id, by=by, services=services)


def posted_by(by: KeyRecord | None, submission: Submission, *, settings: Settings) -> Submission:
    """Note whose job it is, and how many of that key may be open."""
    if by is None:
        return submission
    limit = by.limits.jobs_in_flight or settings.key_jobs_in_flight
    return replace(submission, job=replace(submission.job, key=by.id), in_flight_max=limit)


def durability(settings: Settings) -> Durability:
    """Say when a job counts as accepted here."""
    return Durability(on_disk=settings.durable_submit == "fsync", replicas=settings.durable_replicas)


def _saved(submission: Submission, *, job_id: str | None, by: KeyRecord | None, services: Services) -> Submitted:
    if job_id is not None:
        submission = replace(submission, job=replace(submission.job, id=job_id))
    submission = posted_by(by, submission, settings=services.settings)
    return _accepted(services.jobs.submit(submission, durability(services.settings)), services=services)


def _accepted(submitted: Submitted, *, services: Services) -> Submitted:
    """Ring for what is saved."""
    job = submitted.job
    log().info(
        "job_accepted", tenant=job.tenant, job_id=job.id, kind=job.spec.kind, state=job.state, new=submitted.made
    )
    if not job.state.terminal:
        services.queue.try_ring()
    return submitted
