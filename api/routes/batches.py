"""`/v1/batches`: many jobs at once."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import pages
from api.deps import Reader, TheIntake, TheServices, Writer
from api.forms import read_json
from api.idempotency import IdempotencyKey, answered_once
from api.wire.batch import BatchesOut, BatchItemOut, BatchItemsOut, BatchOut
from service.batch import batch_items, cancel_batch, submit_batch
from service.batch_spec import MAX_JOBS, parse_batch
from service.prepare import fingerprint

router = APIRouter(prefix="/v1/batches", tags=["batches"])

POLL_S = 5
"""Seconds that a client should wait before it asks again."""

BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BatchSpec"}}},
    }
}

VALUES_MAX = 200_000
"""Of the JSON: two hundred for each of the jobs."""

Start = Annotated[int, Query(ge=0, le=MAX_JOBS, description="`next_cursor` of the page before.")]


@router.post("", status_code=202, response_model=BatchOut, summary="Post a batch", openapi_extra=BODY)
async def create_batch(
    request: Request,
    caller: Writer,
    services: TheServices,
    intake: TheIntake,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Accept up to 1000 jobs, all or none: a list, or each of several photographs in each of several styles."""
    spec = parse_batch(await read_json(request, values_max=VALUES_MAX))

    def post(batch_id: str | None) -> str:
        batch = submit_batch(spec, tenant=caller.tenant, services=services, batch_id=batch_id, by=caller)
        return BatchOut.of(batch).model_dump_json()

    answer = await intake.run(
        caller.tenant, answered_once, idempotency_key, fingerprint(spec), post, tenant=caller.tenant, services=services
    )
    batch = json.loads(answer.body)
    headers = {"Location": batch["links"]["self"]} | ({} if batch["terminal"] else {"Retry-After": str(POLL_S)})
    return Response(answer.body, status_code=202, media_type="application/json", headers={**headers, **answer.headers})


@router.get("", summary="List batches")
def list_batches(  # noqa: PLR0913, PLR0917 - what a request brings
    request: Request,
    response: Response,
    caller: Reader,
    services: TheServices,
    cursor: pages.Cursor = None,
    limit: pages.Limit = 20,
) -> BatchesOut:
    """List your batches, newest first, a page at a time."""
    found, mark = services.batches.page(caller.tenant, after=pages.mark_of(cursor), limit=limit)
    following = pages.lead_on(request, response, pages.cursor_of(mark))
    return BatchesOut(items=[BatchOut.of(batch) for batch in found], next_cursor=following)


@router.get("/{batch_id}", summary="Get a batch")
def get_batch(batch_id: str, response: Response, caller: Reader, services: TheServices) -> BatchOut:
    """Say how many of its jobs are in which status."""
    return _answer(BatchOut.of(services.batches.get(caller.tenant, batch_id)), response)


@router.get("/{batch_id}/items", summary="List a batch's jobs")
def list_items(  # noqa: PLR0913, PLR0917 - what a request brings
    batch_id: str,
    request: Request,
    response: Response,
    caller: Reader,
    services: TheServices,
    cursor: Start = 0,
    limit: pages.Limit = 20,
) -> BatchItemsOut:
    """List its jobs in their order with what became of each, a page at a time."""
    found, following = batch_items(caller.tenant, batch_id, start=cursor, limit=limit, services=services)
    cursor_after = pages.lead_on(request, response, None if following is None else str(following))
    return BatchItemsOut(items=[BatchItemOut.of(item) for item in found], next_cursor=cursor_after)


@router.post(
    "/{batch_id}/cancel",
    status_code=202,
    summary="Cancel a batch",
    responses={200: {"model": BatchOut, "description": "All of its jobs have ended."}},
)
def cancel(batch_id: str, response: Response, caller: Writer, services: TheServices) -> BatchOut:
    """Stop all of its jobs. Those that have ended stay as they are."""
    batch = BatchOut.of(cancel_batch(caller.tenant, batch_id, services=services))
    if batch.terminal:
        response.status_code = 200
    return _answer(batch, response)


def _answer(batch: BatchOut, response: Response) -> BatchOut:
    if not batch.terminal:
        response.headers["Retry-After"] = str(POLL_S)
    return batch
