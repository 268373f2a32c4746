"""`/v1/admin`: for whoever operates the service, over all tenants. Their keys are made on the command line alone."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import Operator, TheServices
from api.wire.autoscale import AutoscaleOut

router = APIRouter(prefix="/v1/admin", tags=["operation"])


@router.get("/autoscale", summary="How many workers are wanted")
def get_autoscale(_: Operator, services: TheServices) -> AutoscaleOut:
    """Say how much there is to do, for an autoscaler.

    Go by `workers_wanted`: it counts running jobs too. The length of the queue alone would let busy workers go.
    """
    return AutoscaleOut.of(services.backlog.read(), workers=len(services.presence.alive("worker")))
