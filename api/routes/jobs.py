"""`/v1/jobs`: post a job, follow it, fetch its result."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from api.deps import Reader, TheServices, Writer
from api.forms import BODIES, read_spec
from api.idempotency import IdempotencyKey, answered_once
from api.wire import JobOut
from service.cancel import cancel
from service.submit import submit
from service.track import Tracked, describe, output_url, track

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

POLL_S = 1
"""Seconds that a client should wait before it asks again."""


@router.post("", status_code=202, response_model=JobOut, summary="Post a job", openapi_extra=BODIES)
async def create_job(
    request: Request, caller: Writer, services: TheServices, idempotency_key: IdempotencyKey = None
) -> Response:
    """Accept a job: a JSON spec, or its images as files with the rest of the spec beside them."""
    spec = await read_spec(request)

    def post(job_id: str | None = None) -> str:
        job = submit(spec, tenant=caller.tenant, services=services, job_id=job_id).job
        return JobOut.of(describe(job, services=services)).model_dump_json()

    if idempotency_key is None:
        return _accepted(await run_in_threadpool(post))
    answer = await run_in_threadpool(
        answered_once, idempotency_key, spec, post, tenant=caller.tenant, services=services
    )
    return _accepted(answer.body, replayed=answer.replayed)


@router.put(
    "/{job_id}",
    status_code=202,
    response_model=JobOut,
    summary="Post a job under your own id",
    openapi_extra=BODIES,
    responses={200: {"model": JobOut, "description": "It was posted before."}},
)
async def put_job(job_id: UUID, request: Request, caller: Writer, services: TheServices) -> Response:
    """Accept a job as POST does, under an id that the client has chosen. The same id with the same spec is one job."""
    spec = await read_spec(request)
    submitted = await run_in_threadpool(submit, spec, tenant=caller.tenant, services=services, job_id=str(job_id))
    tracked = await run_in_threadpool(describe, submitted.job, services=services)
    return _accepted(JobOut.of(tracked).model_dump_json(), status_code=202 if submitted.made else 200)


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


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    summary="Cancel a job",
    responses={200: {"model": JobOut, "description": "It has ended."}},
)
def cancel_job(job_id: str, response: Response, caller: Writer, services: TheServices) -> JobOut:
    """Stop a job. A queued one ends at once, a running one within its next steps; one that has ended stays as it is."""
    job = cancel(caller.tenant, job_id, services=services)
    if job.state.terminal:
        response.status_code = 200
    else:
        response.headers["Retry-After"] = str(POLL_S)
    return JobOut.of(describe(job, services=services))


def _accepted(body: str, *, status_code: int = 202, replayed: bool = False) -> Response:
    job = json.loads(body)
    headers = {"Location": job["links"]["self"]}
    if not job["terminal"]:
        headers["Retry-After"] = str(POLL_S)
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(body, status_code=status_code, media_type="application/json", headers=headers)


def _etag(tracked: Tracked, *, window_s: int) -> str:
    """Tell one answer from the next: the record's version, the place in the queue, the URLs' window."""
    position = tracked.wait.position if tracked.wait else 0
    return f'"{tracked.job.version}-{position}-{int(time.time() // window_s)}"'
