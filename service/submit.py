"""Submitting a job: resolve the spec, take its images in, save the record, ring. Saved before rung."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from uuid_utils import uuid7

import service
from service.affordable import check_affordable
from service.errors import FieldProblem, Gone, InvalidImage, InvalidSpec, NotFound
from service.job import Input, Job, JobState
from service.log import log
from service.pictures import decode_stored
from service.plan import check_masks, check_sizes, is_mask, with_fitting_pyramid
from service.resolve import resolve
from service.spec import ImageRef, RenderSpec
from service.upload import upload
from service.work import by_pointer, load_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.stores.job_store import Submitted
    from service.stores.upload_store import Upload
    from service.wiring import Services

NOT_PAINTED = {
    "preset",  # it has become options
    "priority",
    "labels",
    "cache",
    "start_deadline_s",
    "run_timeout_s",
    "attempts_max",
    "retention_s",
}
"""What of a resolved spec has no influence on the pictures."""


def submit(spec: RenderSpec, *, tenant: str, services: Services, job_id: str | None = None) -> Submitted:
    """Accept a job, or say by field why not.

    When this returns, the job is in the store and will be painted, whatever happens to this process. Exactly the same
    work, painted before, is not painted again: the job has succeeded at once.

    Args:
        spec: as posted.
        tenant: whose job it is.
        services: the open parts.
        job_id: the client's own; the same id with the same spec is the same job.

    Raises:
        InvalidSpec: fields that can't be painted, images that are unknown or no pictures; more time or memory than
            there is.
        IdTaken: the id belongs to a job with another spec.
        Unavailable: a store is out of reach; nothing was accepted, unless Redis took the job but could not say in
            time that it is on its disk.
    """
    stored, inputs = prepared(spec, tenant=tenant, services=services)
    job = _new(tenant, stored, inputs, job_id=job_id)
    try:
        check_affordable(stored, inputs, workers=services.paces.workers())
    except InvalidSpec:
        if job_id is None or not _known(tenant, job_id, services=services):  # what was accepted stays so
            raise
    return _accepted(job, said=fingerprint(spec), work=_work(stored, inputs) if spec.cache else None, services=services)


def prepared(spec: RenderSpec, *, tenant: str, services: Services) -> tuple[RenderSpec, tuple[Input, ...]]:
    """Resolve a spec, take its images in and check all that their sizes tell; return it as stored, with its inputs.

    Raises:
        InvalidSpec, Unavailable: as `submit` does.
    """
    resolved = _timed(resolve(spec), run_max_s=services.settings.run_max_s)
    found = _taken_in(resolved, tenant=tenant, services=services)
    resolved = with_fitting_pyramid(spec, resolved, found)
    check_sizes(resolved, found, size_max=services.settings.size_max)
    check_masks({p: decode_stored(services.blobs.get(up.key)) for p, up in found.items() if is_mask(p)})
    stored = resolved.with_images({pointer: ImageRef(upload_id=up.id) for pointer, up in found.items()})
    return stored, tuple(Input(pointer, up.key, up.stored_sha256, up.width, up.height) for pointer, up in found.items())


def retry(tenant: str, job_id: str, *, services: Services) -> Submitted:
    """Submit a job's spec and pictures again, as a new job that is painted whatever was painted before.

    Raises:
        NotFound, Gone: the tenant has no such job, or no longer.
    """
    old = services.jobs.get(tenant, job_id)
    job = _new(tenant, old.spec, old.inputs)
    return _accepted(job, said=fingerprint(old.spec), work=None, services=services)


def _new(tenant: str, spec: RenderSpec, inputs: tuple[Input, ...], *, job_id: str | None = None) -> Job:
    return Job(
        tenant=tenant,
        id=job_id or str(uuid7()),
        state=JobState.QUEUED,
        spec=spec,
        inputs=inputs,
        attempt=0,
        attempts_max=spec.attempts_max,
        fence=0,
        version=1,
        created_ms=0,
        load=load_of(spec, by_pointer(inputs)),
    )


def _accepted(job: Job, *, said: str, work: str | None, services: Services) -> Submitted:
    """Save, then ring."""
    submitted = services.jobs.submit(
        job,
        fingerprint=said,
        work=work,
        on_disk=services.settings.durable_submit == "fsync",
        replicas=services.settings.durable_replicas,
    )
    job = submitted.job
    log().info(
        "job_accepted", tenant=job.tenant, job_id=job.id, kind=job.spec.kind, state=job.state, new=submitted.made
    )
    if not job.state.terminal:
        services.queue.try_ring()
    return submitted


def _known(tenant: str, job_id: str, *, services: Services) -> bool:
    """Say whether the id belongs to a job already, so that the store decides."""
    try:
        services.jobs.get(tenant, job_id)
    except (NotFound, Gone):
        return False
    return True


def fingerprint(spec: RenderSpec) -> str:
    """Give the digest of what was posted: who sends the same again means the same job."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()


def _work(spec: RenderSpec, inputs: Sequence[Input]) -> str:
    """Give the digest of all that decides on the pictures."""
    pixels = spec.with_images({image.pointer: ImageRef(upload_id=image.sha256) for image in inputs})
    said = {"spec": pixels.model_dump(mode="json", exclude=NOT_PAINTED), "version": service.__version__}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _timed(spec: RenderSpec, *, run_max_s: int) -> RenderSpec:
    if spec.run_timeout_s is not None and spec.run_timeout_s > run_max_s:
        raise InvalidSpec(FieldProblem("/run_timeout_s", f"no job may run for more than {run_max_s} s here"))
    return spec.model_copy(update={"run_timeout_s": spec.run_timeout_s or float(run_max_s)})


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
