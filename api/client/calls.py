"""The calls of the API, each as the request that it is and the shape of its answer."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from api.client.answers import BatchItemPage, Job, JobPage, read_as
from api.client.patience import answered
from api.client.steps import Request
from api.wire.batch import BatchOut
from api.wire.capabilities import CapabilitiesOut
from api.wire.estimate import EstimateOut
from api.wire.upload import UploadOut

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from api.client.patience import Patience
    from api.client.steps import Call

Shape = TypeVar("Shape", bound=BaseModel)


def submit(images: Mapping[str, bytes], spec: Mapping[str, Any], key: str | None, patience: Patience) -> Call[Job]:
    """Post a job under an idempotency key, the caller's or a new one."""
    request = Request("POST", "/v1/jobs", headers=_once(key), **_body(images, spec))
    return _get(Job, request, patience)


def put(job_id: str, images: Mapping[str, bytes], spec: Mapping[str, Any], patience: Patience) -> Call[Job]:
    """Post a job under the caller's own id."""
    return _get(Job, Request("PUT", _job(job_id), **_body(images, spec)), patience)


def get(job_id: str, patience: Patience) -> Call[Job]:
    """Ask how a job stands."""
    return _get(Job, Request("GET", _job(job_id)), patience)


def page(wanted: Mapping[str, Any], patience: Patience) -> Call[JobPage]:
    """Ask for a page of jobs."""
    return _get(JobPage, Request("GET", "/v1/jobs", params=_params(wanted)), patience)


def cancel(job_id: str, patience: Patience) -> Call[Job]:
    """Stop a job; what is stopped already stays so."""
    return _get(Job, Request("POST", f"{_job(job_id)}/cancel", idempotent=True), patience)


def retry(job_id: str, patience: Patience) -> Call[Job]:
    """Post a job's spec again; not repeated, for each is a new job."""
    return _get(Job, Request("POST", f"{_job(job_id)}/retry"), patience)


def delete(job_id: str, patience: Patience) -> Call[None]:
    """Delete a job."""
    yield from answered(Request("DELETE", _job(job_id)), patience)


def upload(image: bytes, patience: Patience) -> Call[UploadOut]:
    """Bring an image; not repeated, for each is an upload of its own."""
    return _get(UploadOut, Request("POST", "/v1/uploads", files={"file": image}), patience)


def capabilities(patience: Patience) -> Call[CapabilitiesOut]:
    """Ask what can be asked for."""
    return _get(CapabilitiesOut, Request("GET", "/v1/capabilities"), patience)


def estimate(images: Mapping[str, bytes], spec: Mapping[str, Any], patience: Patience) -> Call[EstimateOut]:
    """Ask what a job would take; it makes nothing, so it may be repeated."""
    return _get(EstimateOut, Request("POST", "/v1/estimates", idempotent=True, **_body(images, spec)), patience)


def submit_batch(batch: Mapping[str, Any], key: str | None, patience: Patience) -> Call[BatchOut]:
    """Post a batch under an idempotency key, the caller's or a new one."""
    return _get(BatchOut, Request("POST", "/v1/batches", headers=_once(key), json=dict(batch)), patience)


def get_batch(batch_id: str, patience: Patience) -> Call[BatchOut]:
    """Ask how a batch stands."""
    return _get(BatchOut, Request("GET", _batch(batch_id)), patience)


def cancel_batch(batch_id: str, patience: Patience) -> Call[BatchOut]:
    """Stop a batch; what is stopped already stays so."""
    return _get(BatchOut, Request("POST", f"{_batch(batch_id)}/cancel", idempotent=True), patience)


def batch_item_page(batch_id: str, wanted: Mapping[str, Any], patience: Patience) -> Call[BatchItemPage]:
    """Ask for a page of a batch's jobs."""
    return _get(BatchItemPage, Request("GET", f"{_batch(batch_id)}/items", params=_params(wanted)), patience)


def held(job_id: str, seconds: int, patience: Patience) -> Call[Job]:
    """Ask how a job stands when it is terminal, or so many seconds are over."""
    request = Request("GET", _job(job_id), headers={"Prefer": f"wait={seconds}"}, silence_s=seconds + 30)
    return _get(Job, request, patience)


def happening(job_id: str, last: str | None, *, silence_s: float) -> Request:
    """Ask for a job's events, from after the last one that was heard."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    return Request("GET", f"{_job(job_id)}/events", headers=headers, silence_s=silence_s)


def filters(
    *, status: str | None, labels: Mapping[str, str] | None, batch: str | None, created_after: datetime | None
) -> dict[str, Any]:
    """Write what a list is asked for as its query."""
    after = created_after.isoformat() if created_after else None
    pairs = [f"{name}={value}" for name, value in (labels or {}).items()]
    return {"status": status, "label": pairs, "batch": batch, "created_after": after}


def _get(shape: type[Shape], request: Request, patience: Patience) -> Call[Shape]:
    reply = yield from answered(request, patience)
    return read_as(shape, reply)


def _job(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _batch(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"


def _once(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def _body(images: Mapping[str, bytes], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Write a spec as a form with its images as files; as JSON where it names all of its images itself."""
    if not images:
        return {"json": {"kind": "transfer", **spec}}
    files = {pointer.removeprefix("/"): data for pointer, data in images.items()}
    return {"files": files, "fields": {"spec": json.dumps(dict(spec))}}


def _params(wanted: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    listed = {name: value if isinstance(value, list) else [value] for name, value in wanted.items()}
    return tuple((name, str(each)) for name, values in listed.items() for each in values if each is not None)
