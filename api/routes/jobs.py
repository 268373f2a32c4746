"""`/v1/jobs`: post a job, follow it, fetch its result."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from api import pages
from api.answer_headers import REVALIDATED
from api.deps import Reader, TheHub, TheIntake, TheServices, Writer
from api.forms import BODIES, read_spec
from api.hub import terminal_within
from api.idempotency import IdempotencyKey, answered_once
from api.prefer import Prefer, applied, wait_s
from api.wire.job import InputOut, InputsOut, JobOut, JobsOut
from service.cancel import cancel
from service.forget import forget
from service.prepare import fingerprint
from service.submit import retry, submit
from service.track import Tracked, describe, inputs, listed, output_url, preview_url, track

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

POLL_S = 1
"""Seconds that a client should wait before it asks again."""


@router.post("", status_code=202, response_model=JobOut, summary="Post a job", openapi_extra=BODIES)
async def create_job(  # noqa: PLR0913, PLR0917 - what a request brings
    request: Request,
    caller: Writer,
    services: TheServices,
    hub: TheHub,
    intake: TheIntake,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> Response:
    """Accept a job: a JSON spec, or its images as files with the rest of the spec beside them."""
    spec = await read_spec(request)

    def post(job_id: str | None) -> str:
        job = submit(spec, tenant=caller.tenant, services=services, job_id=job_id, by=caller).job
        return JobOut.of(describe(job, services=services)).model_dump_json()

    answer = await intake.run_for(
        spec,
        caller.tenant,
        answered_once,
        idempotency_key,
        fingerprint(spec),
        post,
        tenant=caller.tenant,
        services=services,
    )
    body = await _held(answer.body, prefer, caller.tenant, services=services, hub=hub)
    return _accepted(body, headers={**applied(wait_s(prefer)), **answer.headers})


@router.put(
    "/{job_id}",
    status_code=202,
    response_model=JobOut,
    summary="Post a job under your own id",
    openapi_extra=BODIES,
    responses={200: {"model": JobOut, "description": "It was posted before."}},
)
async def put_job(  # noqa: PLR0913, PLR0917 - what a request brings
    job_id: UUID,
    request: Request,
    caller: Writer,
    services: TheServices,
    hub: TheHub,
    intake: TheIntake,
    prefer: Prefer = None,
) -> Response:
    """Accept a job as POST does, under an id that the client has chosen. The same id with the same spec is one job."""
    spec = await read_spec(request)
    submitted = await intake.run_for(
        spec, caller.tenant, submit, spec, tenant=caller.tenant, services=services, job_id=str(job_id), by=caller
    )
    tracked = await run_in_threadpool(describe, submitted.job, services=services)
    body = await _held(JobOut.of(tracked).model_dump_json(), prefer, caller.tenant, services=services, hub=hub)
    return _accepted(body, status_code=202 if submitted.made else 200, headers=applied(wait_s(prefer)))


@router.get("", summary="List jobs")
def list_jobs(  # noqa: PLR0913, PLR0917 - a filter each
    request: Request,
    response: Response,
    caller: Reader,
    services: TheServices,
    status: pages.Status = None,
    label: pages.Labels = [],  # noqa: B006 - the framework makes a new one for each request
    batch: pages.BatchId = None,
    created_after: pages.CreatedAfter = None,
    cursor: pages.Cursor = None,
    limit: pages.Limit = 20,
) -> JobsOut:
    """List your jobs, newest first, a page at a time. What is posted meanwhile shifts no page."""
    query, after = pages.query_of(status, label, created_after, batch), pages.mark_of(cursor)
    found, mark = listed(caller.tenant, query, after=after, limit=limit, services=services)
    following = pages.lead_on(request, response, pages.cursor_of(mark))
    return JobsOut(items=[JobOut.of(one) for one in found], next_cursor=following)


@router.get("/{job_id}", response_model=JobOut, summary="Get a job", responses={304: {"description": "Unchanged."}})
async def get_job(  # noqa: PLR0913, PLR0917 - what a request brings
    job_id: str,
    request: Request,
    caller: Reader,
    services: TheServices,
    hub: TheHub,
    prefer: Prefer = None,
) -> Response:
    """Say how a job stands; with `Prefer: wait=N`, when it is terminal or N seconds are over."""
    if seconds := wait_s(prefer):
        await terminal_within(hub, services.jobs, caller.tenant, job_id, seconds=seconds)
    etag, terminal, body = await run_in_threadpool(_seen, caller.tenant, job_id, services=services)
    headers = {"ETag": etag, "Cache-Control": REVALIDATED, **applied(seconds)} | (
        {} if terminal else {"Retry-After": str(POLL_S)}
    )
    if request.headers.get("If-None-Match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _seen(tenant: str, job_id: str, *, services: TheServices) -> tuple[str, bool, str]:
    """Give a job's ETag, whether it is terminal, and its JSON, written on this thread and but once."""
    tracked = track(tenant, job_id, services=services)
    etag = _etag(tracked, window_s=services.settings.presign_ttl_s)
    return etag, tracked.job.state.terminal, JobOut.of(tracked).model_dump_json()


@router.get("/{job_id}/result", status_code=302, summary="Fetch the result", response_class=RedirectResponse)
def get_result(job_id: str, caller: Reader, services: TheServices) -> str:
    """Redirect to a short-lived URL of the picture."""
    return output_url(caller.tenant, job_id, "result", services=services)


@router.get("/{job_id}/preview", status_code=302, summary="See how it looks so far", response_class=RedirectResponse)
def get_preview(job_id: str, caller: Reader, services: TheServices) -> str:
    """Redirect to a short-lived URL of a small WebP of the painting as it stands, every few seconds a new one."""
    return preview_url(services.jobs.get(caller.tenant, job_id), services=services)


@router.get("/{job_id}/timelapse", status_code=302, summary="Fetch the timelapse", response_class=RedirectResponse)
def get_timelapse(job_id: str, caller: Reader, services: TheServices) -> str:
    """Redirect to a short-lived URL of the film, where the job was asked for one."""
    return output_url(caller.tenant, job_id, "timelapse", services=services)


@router.get("/{job_id}/inputs", summary="See what a job was posted with")
def get_inputs(job_id: str, caller: Reader, services: TheServices) -> InputsOut:
    """Name the pictures that a job was posted with, each with a short-lived URL."""
    return InputsOut(items=[InputOut.of(shown) for shown in inputs(caller.tenant, job_id, services=services)])


@router.post("/{job_id}/retry", status_code=202, response_model=JobOut, summary="Paint a job again")
def retry_job(job_id: str, caller: Writer, services: TheServices, idempotency_key: IdempotencyKey = None) -> Response:
    """Post a job's spec and pictures again, as a new job. It is painted, whatever became of the old one."""

    def post(new_id: str | None) -> str:
        job = retry(caller.tenant, job_id, services=services, new_id=new_id, by=caller).job
        return JobOut.of(describe(job, services=services)).model_dump_json()

    answer = answered_once(idempotency_key, f"retry {job_id}", post, tenant=caller.tenant, services=services)
    return _accepted(answer.body, headers=answer.headers)


@router.delete("/{job_id}", status_code=204, summary="Delete a job")
def delete_job(job_id: str, caller: Writer, services: TheServices) -> None:
    """Delete a job with its result, and the pictures that nothing else needs. A running one is stopped first."""
    forget(caller.tenant, job_id, services=services)


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


async def _held(body: str, prefer: str | None, tenant: str, *, services: TheServices, hub: TheHub) -> str:
    """Hold an answer for as long as the client would wait, and give the job as it then stands."""
    posted = json.loads(body)
    if not wait_s(prefer) or posted["terminal"]:
        return body
    job = await terminal_within(hub, services.jobs, tenant, posted["id"], seconds=wait_s(prefer))
    return JobOut.of(await run_in_threadpool(describe, job, services=services)).model_dump_json()


def _accepted(body: str, *, status_code: int = 202, headers: Mapping[str, str] | None = None) -> Response:
    job = json.loads(body)
    said = {"Location": job["links"]["self"], **(headers or {})}
    if not job["terminal"]:
        said["Retry-After"] = str(POLL_S)
    return Response(body, status_code=status_code, media_type="application/json", headers=said)


def _etag(tracked: Tracked, *, window_s: int) -> str:
    """Tell one answer from the next: the record's version, the place in the queue, the URLs' window."""
    position = tracked.wait.position if tracked.wait else 0
    return f'"{tracked.job.version}-{position}-{int(time.time() // window_s)}"'
