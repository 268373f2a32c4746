"""`/v1/jobs`: post a job, follow it, fetch its result."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from api.deps import Reader, TheServices, Writer
from api.forms import BODIES, read_spec
from api.wire import JobOut
from service.submit import submit
from service.track import Tracked, describe, output_url, track

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

POLL_S = 1
"""Seconds that a client should wait before it asks again."""


@router.post("", status_code=202, summary="Post a job", openapi_extra=BODIES)
async def create_job(request: Request, response: Response, caller: Writer, services: TheServices) -> JobOut:
    """Accept a job: a JSON spec, or its images as files with the rest of the spec beside them."""
    spec = await read_spec(request)
    job = await run_in_threadpool(submit, spec, tenant=caller.tenant, services=services)
    tracked = await run_in_threadpool(describe, job, services=services)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    response.headers["Retry-After"] = str(POLL_S)
    return JobOut.of(tracked)


@router.get("/{job_id}", summary="Get a job", responses={304: {"description": "Unchanged."}})
def get_job(job_id: str, request: Request, response: Response, caller: Reader, services: TheServices) -> Any:
    """Say how a job stands."""
    tracked = track(caller.tenant, job_id, services=services)
    etag = _etag(tracked, window_s=services.settings.presign_ttl_s)
    headers = {"ETag": etag} | ({} if tracked.job.state.terminal else {"Retry-After": str(POLL_S)})
    if request.headers.get("If-None-Match") == etag:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return JobOut.of(tracked)


@router.get("/{job_id}/result", status_code=302, summary="Fetch the result", response_class=RedirectResponse)
def get_result(job_id: str, caller: Reader, services: TheServices) -> str:
    """Redirect to a short-lived URL of the picture."""
    return output_url(caller.tenant, job_id, "result", services=services)


@router.get("/{job_id}/timelapse", status_code=302, summary="Fetch the timelapse", response_class=RedirectResponse)
def get_timelapse(job_id: str, caller: Reader, services: TheServices) -> str:
    """Redirect to a short-lived URL of the film, where the job was asked for one."""
    return output_url(caller.tenant, job_id, "timelapse", services=services)


def _etag(tracked: Tracked, *, window_s: int) -> str:
    """Tell one answer from the next: the record's version, the place in the queue, the URLs' window."""
    position = tracked.wait.position if tracked.wait else 0
    return f'"{tracked.job.version}-{position}-{int(time.time() // window_s)}"'
