"""Batches: many jobs accepted together or not at all, and followed, listed and canceled as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from uuid_utils import uuid7

from service.batch_spec import posted_jobs
from service.log import log
from service.prepare import check_each_affordable, fingerprint, prepare
from service.submit import durability, posted_by
from service.track import with_outputs
from service.webhooks import check_url

if TYPE_CHECKING:
    from service.batch_spec import BatchSpec
    from service.stores.batch_store import Batch, BatchItem
    from service.stores.key_store import KeyRecord
    from service.track import Tracked
    from service.wiring import Services


class TrackedItem(NamedTuple):
    """A job of a batch, as it stands; None when it is no longer kept."""

    item: BatchItem
    tracked: Tracked | None


def submit_batch(
    spec: BatchSpec,
    *,
    tenant: str,
    services: Services,
    batch_id: str | None = None,
    by: KeyRecord | None = None,
) -> Batch:
    """Accept a batch, or say of every job by field why not. When this returns, all of its jobs are in the store.

    Args:
        spec: as posted.
        tenant: whose batch it is.
        services: the open parts.
        batch_id: the same id with the same spec is the same batch.
        by: the key whose jobs they are, which may have so many open.

    Raises:
        InvalidSpec: fields of any of its jobs that can't be painted, images that are unknown or no pictures.
        IdTaken: the id belongs to something else.
        TooManyJobs: too many jobs of the key would be open.
        Unavailable: a store is out of reach; nothing was accepted, unless Redis took the batch but could not say in
            time that it is on its disk.
    """
    durable = durability(services.settings)
    if batch_id is not None and (
        found := services.batches.find(tenant, batch_id, fingerprint=fingerprint(spec), durability=durable)
    ):
        return _accepted(found, made=False, services=services)
    batch_id = batch_id or str(uuid7())
    if spec.webhook is not None:
        check_url(spec.webhook.url, "/webhook/url", services=services)
    posted = posted_jobs(spec)
    prepared = prepare(posted, tenant=tenant, services=services)
    check_each_affordable(posted, prepared, workers=services.paces.workers())
    batch, made = services.batches.submit(
        batch_id,
        [
            posted_by(by, replace(one, job=replace(one.job, batch=batch_id)), settings=services.settings)
            for one in prepared
        ],
        fingerprint=fingerprint(spec),
        webhook_url=None if spec.webhook is None else spec.webhook.url,
        durability=durable,
    )
    return _accepted(batch, made=made, services=services)


def _accepted(batch: Batch, *, made: bool, services: Services) -> Batch:
    """Ring for what is saved."""
    log().info("batch_accepted", tenant=batch.tenant, batch_id=batch.id, jobs=batch.total, new=made)
    if batch.finished_ms is None:
        services.queue.try_ring()
    return batch


def batch_items(
    tenant: str, batch_id: str, *, start: int, limit: int, services: Services
) -> tuple[list[TrackedItem], int | None]:
    """List a batch's jobs in their order, each as it stands, and say where to go on; None at the end.

    Raises:
        NotFound, Gone: the tenant has no such batch, or no longer.
    """
    batch = services.batches.get(tenant, batch_id)
    items = services.batches.items(tenant, batch_id, start=start, limit=limit)
    jobs = services.lists.jobs(tenant, [item.job_id for item in items])
    found = [
        TrackedItem(item, None if job is None else with_outputs(job, None, services=services))
        for item, job in zip(items, jobs, strict=True)
    ]
    return found, start + limit if start + limit < batch.total else None


def cancel_batch(tenant: str, batch_id: str, *, services: Services) -> Batch:
    """Ask that none of a batch's jobs be painted any further, and give it as it then stands.

    Raises:
        NotFound, Gone: the tenant has no such batch, or no longer.
    """
    if services.batches.get(tenant, batch_id).finished_ms is None:
        for item in services.batches.items(tenant, batch_id):
            services.jobs.cancel(tenant, item.job_id)
        log().info("batch_cancel", tenant=tenant, batch_id=batch_id)
    return services.batches.get(tenant, batch_id)
