"""Forgetting: a job that its client wants gone, with its result and whatever nobody else needs."""

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
        try:
            purge_one(Expiring("job", tenant, job_id), services)
        except BlobStoreUnavailable as error:  # the record is gone; the sweep finds the objects
            log().warning("purge_incomplete", job_id=job_id, detail=str(error))
