"""The calls about jobs and batches, each as the request that it is and the shape of its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from api.client.answers import BatchItem, Job, JobPage, Page
from api.client.asking import asked, once, path, query
from api.client.patience import answered
from api.client.steps import Request
from api.wire.batch import BatchOut
from api.wire.capabilities import CapabilitiesOut
from api.wire.estimate import EstimateOut
from api.wire.job import InputsOut

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from api.client.patience import Patience
    from api.client.steps import Call


def submit(images: Mapping[str, bytes], spec: Mapping[str, Any], key: str | None, patience: Patience) -> Call[Job]:
    """Post a job under an idempotency key, the caller's or a new one."""
    return asked(Job, Request("POST", path("jobs"), headers=once(key), **_body(images, spec)), patience)


def put(job_id: str, images: Mapping[str, bytes], spec: Mapping[str, Any], patience: Patience) -> Call[Job]:
    """Post a job under the caller's own id."""
    return asked(Job, Request("PUT", path("jobs", job_id), **_body(images, spec)), patience)


def get(job_id: str, patience: Patience) -> Call[Job]:
    """Ask how a job stands."""
    return asked(Job, Request("GET", path("jobs", job_id)), patience)


def page(wanted: Mapping[str, Any], patience: Patience) -> Call[JobPage]:
    """Ask for a page of jobs."""
    return asked(JobPage, Request("GET", path("jobs"), params=query(wanted)), patience)


def cancel(job_id: str, patience: Patience) -> Call[Job]:
    """Stop a job; what is stopped already stays so."""
    return asked(Job, Request("POST", path("jobs", job_id, "cancel"), idempotent=True), patience)


def inputs(job_id: str, patience: Patience) -> Call[InputsOut]:
    """Ask for a job's pictures."""
    return asked(InputsOut, Request("GET", path("jobs", job_id, "inputs")), patience)


def retry(job_id: str, key: str | None, patience: Patience) -> Call[Job]:
    """Post a job's spec again under an idempotency key, the caller's or a new one."""
    return asked(Job, Request("POST", path("jobs", job_id, "retry"), headers=once(key)), patience)


def delete(job_id: str, patience: Patience) -> Call[None]:
    """Delete a job."""
    yield from answered(Request("DELETE", path("jobs", job_id)), patience)


def capabilities(patience: Patience) -> Call[CapabilitiesOut]:
    """Ask what can be asked for."""
    return asked(CapabilitiesOut, Request("GET", path("capabilities")), patience)


def estimate(images: Mapping[str, bytes], spec: Mapping[str, Any], patience: Patience) -> Call[EstimateOut]:
    """Ask what a job would take; it makes nothing, so it may be repeated."""
    return asked(EstimateOut, Request("POST", path("estimates"), idempotent=True, **_body(images, spec)), patience)


def submit_batch(batch: Mapping[str, Any], key: str | None, patience: Patience) -> Call[BatchOut]:
    """Post a batch under an idempotency key, the caller's or a new one."""
    return asked(BatchOut, Request("POST", path("batches"), headers=once(key), json=dict(batch)), patience)


def get_batch(batch_id: str, patience: Patience) -> Call[BatchOut]:
    """Ask how a batch stands."""
    return asked(BatchOut, Request("GET", path("batches", batch_id)), patience)


def cancel_batch(batch_id: str, patience: Patience) -> Call[BatchOut]:
    """Stop a batch; what is stopped already stays so."""
    return asked(BatchOut, Request("POST", path("batches", batch_id, "cancel"), idempotent=True), patience)


def batch_page(wanted: Mapping[str, Any], patience: Patience) -> Call[Page[BatchOut]]:
    """Ask for a page of batches."""
    return asked(Page[BatchOut], Request("GET", path("batches"), params=query(wanted)), patience)


def batch_item_page(batch_id: str, wanted: Mapping[str, Any], patience: Patience) -> Call[Page[BatchItem]]:
    """Ask for a page of a batch's jobs."""
    request = Request("GET", path("batches", batch_id, "items"), params=query(wanted))
    return asked(Page[BatchItem], request, patience)


def held(job_id: str, seconds: int, patience: Patience) -> Call[Job]:
    """Ask how a job stands when it is terminal, or so many seconds are over."""
    headers = {"Prefer": f"wait={seconds}"}
    return asked(Job, Request("GET", path("jobs", job_id), headers=headers, silence_s=seconds + 30), patience)


def happening(job_id: str, last: str | None, *, silence_s: float) -> Request:
    """Ask for a job's events, from after the last one that was heard."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    return Request("GET", path("jobs", job_id, "events"), headers=headers, silence_s=silence_s)


def filters(
    *, status: str | None, labels: Mapping[str, str] | None, batch: str | None, created_after: datetime | None
) -> dict[str, Any]:
    """Write what a list is asked for as its query."""
    after = created_after.isoformat() if created_after else None
    pairs = [f"{name}={value}" for name, value in (labels or {}).items()]
    return {"status": status, "label": pairs, "batch": batch, "created_after": after}


def _body(images: Mapping[str, bytes], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Write a spec as a form with its images as files; as JSON where it names all of its images itself."""
    if not images:
        return {"json": {"kind": "transfer", **spec}}
    files = {pointer.removeprefix("/"): data for pointer, data in images.items()}
    return {"files": files, "fields": {"spec": json.dumps(dict(spec))}}
