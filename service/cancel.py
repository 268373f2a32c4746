"""Canceling: a queued job ends at once, a running one when its worker has stopped. Asking again changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import NotFound
from service.log import log

if TYPE_CHECKING:
    from service.job import Job
    from service.wiring import Services


def cancel(tenant: str, job_id: str, *, services: Services) -> Job:
    """Ask that a job be painted no further, and give it as it then stands: terminal, or CANCELING.

    It is CANCELED only when its device is free again.

    Raises:
        NotFound: the tenant has no such job.
        Gone: its retention is over.
    """
    state = services.jobs.cancel(tenant, job_id)
    job = services.jobs.get(tenant, job_id)
    if state is None:
        raise NotFound("job", job_id)
    log().info("job_cancel", tenant=tenant, job_id=job_id, state=state)
    return job
