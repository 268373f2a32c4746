"""`/v1/estimates`: what a job would take, without posting it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.deps import TheIntake, TheServices, Writer
from api.forms import BODIES, read_spec
from api.wire.estimate import EstimateOut
from service.estimate import estimate

router = APIRouter(prefix="/v1/estimates", tags=["service"])


@router.post("", summary="Estimate a job", openapi_extra=BODIES)
async def create_estimate(request: Request, caller: Writer, services: TheServices, intake: TheIntake) -> EstimateOut:
    """Say what a job would take here: seconds, memory, scales, and when it would start. The body is that of a job.

    No job is made. Images within the request are taken in as uploads are, and forgotten like them.
    """
    spec = await read_spec(request)
    estimated = await intake.run_for(spec, caller.tenant, estimate, spec, tenant=caller.tenant, services=services)
    return EstimateOut.of(estimated)
