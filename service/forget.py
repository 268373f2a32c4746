"""Forgetting: a job or an upload that its client wants gone, with its result and whatever nobody else needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import BlobStoreUnavailable, NotFound
from service.log import log
from service.stores.upkeep_store import Expiring
from service.sweep import purge_one

if TYPE_CHECKING:
    from service.wiring import Services


def forget(tenant: str, job_id: str, *, services: Services) -> None:
    """Delete a job. One that has ended is gone when this returns; a running one is, once its worker has stopped.

    Raises:
        NotFound: the tenant has no such job.
        Gone: it has been deleted before.
    """
    state = services.jobs.forget(tenant, job_id)
    if state is None:
        services.jobs.get(tenant, job_id)
        raise NotFound("job", job_id)
    log().info("job_forgotten", tenant=tenant, job_id=job_id, state=state)
    if state.terminal:
        _purge(Expiring("job", tenant, job_id), services)


def forget_upload(tenant: str, upload_id: str, *, services: Services) -> None:
    """Delete an upload; jobs that name it keep its image for themselves.

    Raises:
        NotFound: the tenant has no such upload, or no longer.
    """
    services.uploads.forget(tenant, upload_id)
    _purge(Expiring("upload", tenant, upload_id), services)


def _purge(what: Expiring, services: Services) -> None:
    try:
        purge_one(what, services)
    except BlobStoreUnavailable as error:  # the record is gone; the sweep finds the objects
        log().warning("purge_incomplete", kind=what.kind, id=what.id, detail=str(error))
