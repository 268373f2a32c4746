"""Submitting a job: resolve the spec, take its images in, save the record, ring. Saved before rung."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from uuid_utils import uuid7

from service.errors import FieldProblem, InvalidImage, InvalidSpec, NotFound
from service.job import Input, Job, JobState
from service.log import log
from service.pictures import decode_stored
from service.plan import check_masks, check_sizes, is_mask
from service.resolve import resolve
from service.spec import ImageRef, RenderSpec
from service.upload import upload

if TYPE_CHECKING:
    from service.stores.upload_store import Upload
    from service.wiring import Services


def submit(spec: RenderSpec, *, tenant: str, services: Services) -> Job:
    """Accept a job, or say by field why not.

    When this returns, the job is in the store and will be painted, whatever happens to this process.

    Raises:
        InvalidSpec: fields that can't be painted, images that are unknown or no pictures.
        Unavailable: a store is out of reach; nothing was accepted, unless Redis took the job but could not say in
            time that it is on its disk.
    """
    resolved = resolve(spec)
    found = _taken_in(resolved, tenant=tenant, services=services)
    check_sizes(resolved, found, size_max=services.settings.size_max)
    check_masks({p: decode_stored(services.blobs.get(up.key)) for p, up in found.items() if is_mask(p)})
    spec = resolved.with_images({pointer: ImageRef(upload_id=up.id) for pointer, up in found.items()})
    inputs = tuple(Input(pointer, up.key, up.stored_sha256, up.width, up.height) for pointer, up in found.items())
    job = Job(
        tenant=tenant,
        id=str(uuid7()),
        state=JobState.QUEUED,
        spec=spec,
        inputs=inputs,
        attempt=0,
        attempts_max=spec.attempts_max,
        fence=0,
        version=1,
        created_ms=0,
    )
    job = services.jobs.submit(job, on_disk=services.settings.durable_submit == "fsync")
    log().info("job_queued", tenant=tenant, job_id=job.id, kind=spec.kind, priority=spec.priority)
    services.queue.try_ring()
    return job


def _taken_in(spec: RenderSpec, *, tenant: str, services: Services) -> dict[str, Upload]:
    """Find the upload of every image that the spec names, by its pointer; images within the spec become uploads."""
    found: dict[str, Upload] = {}
    problems: list[FieldProblem] = []
    for pointer, ref in spec.image_refs().items():
        try:
            found[pointer] = _uploaded(ref, tenant=tenant, services=services)
        except NotFound as error:
            problems.append(FieldProblem(f"{pointer}/upload_id", str(error)))
        except InvalidImage as error:
            problems.append(FieldProblem(f"{pointer}/data", str(error)))
    if problems:
        raise InvalidSpec(*problems)
    return found


def _uploaded(ref: ImageRef, *, tenant: str, services: Services) -> Upload:
    if ref.upload_id is not None:
        return services.uploads.get(tenant, ref.upload_id)
    try:
        data = base64.b64decode(ref.data or "", validate=True)
    except ValueError:
        raise InvalidImage("This is not base64.") from None
    return upload(data, tenant=tenant, services=services)
