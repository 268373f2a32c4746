"""Taking in an image: check and normalise it, store its bytes, remember it as an upload; or take it from a job."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from uuid_utils import uuid7

from service.errors import FieldProblem, Gone, InvalidImage, InvalidSpec, NotFound
from service.ingest import ImageLimits
from service.stores.upload_store import Upload

if TYPE_CHECKING:
    from service.settings import Settings
    from service.wiring import Services


def image_limits(settings: Settings) -> ImageLimits:
    """Say what an image may be here."""
    return ImageLimits(settings.image_max_pixels, settings.image_max_side, settings.image_max_aspect)


def upload(
    data: bytes, *, tenant: str, services: Services, ttl_s: int | None = None, expected: str | None = None
) -> Upload:
    """Take in one image file of a tenant.

    The normalised pixels are known by their digest, so that the same picture lies in the storage once a tenant, for
    as long as an upload, a job or a style needs it.

    Args:
        data: the file.
        tenant: whose it is.
        services: the open parts.
        ttl_s: how long the upload is kept; None: as the settings say.
        expected: the id of the upload that it was announced as.

    Raises:
        InvalidImage: it is no picture that we take.
        NotFound: what was announced has been forgotten meanwhile.
        Unavailable: a store is out of reach; the caller learns no id, and what is stored is purged in time.
    """
    try:
        taken = services.sandbox.ingest(data, image_limits(services.settings))
    except InvalidImage as error:
        services.metrics.ingest_refused.labels(error.reason).inc()
        raise
    digest = hashlib.sha256(taken.png).hexdigest()
    record = Upload(
        tenant=tenant,
        id=expected or str(uuid7()),
        sha256=taken.sha256,
        key="",
        stored_sha256=digest,
        bytes=taken.bytes,
        content_type=taken.content_type,
        width=taken.width,
        height=taken.height,
        expires_ms=0,
    )
    return _stored(record, taken.png, ttl_s=ttl_s, expected=expected is not None, services=services)


def upload_again(job_id: str, pointer: str, *, tenant: str, services: Services) -> Upload:
    """Make an upload of a picture that a job was posted with, for as long as the job is kept.

    Args:
        job_id: which job.
        pointer: where the job's spec names the picture, such as `/styles/0/image`.
        tenant: whose it is.
        services: the open parts.

    Raises:
        InvalidSpec: the tenant has no such job, or no longer, or the job has no picture there.
        Unavailable: a store is out of reach.
    """
    try:
        inputs = {image.pointer: image for image in services.jobs.get(tenant, job_id).inputs}
        if pointer not in inputs:
            raise InvalidSpec(FieldProblem("/pointer", f"the job has pictures at {', '.join(inputs)}"))
        image = inputs[pointer]
        png = services.blobs.get(image.key)
    except (NotFound, Gone) as error:  # the picture, too, if the job is deleted meanwhile
        raise InvalidSpec(FieldProblem("/job_id", f"there is no job {job_id!r}, or no longer")) from error
    record = Upload(
        tenant=tenant,
        id=str(uuid7()),
        sha256=image.sha256,
        key="",
        stored_sha256=image.sha256,
        bytes=len(png),
        content_type="image/png",
        width=image.width,
        height=image.height,
        expires_ms=0,
    )
    return _stored(record, png, services=services, lies_at=image.key)


def _stored(  # noqa: PLR0913 - what the two ways differ in
    record: Upload,
    png: bytes,
    *,
    services: Services,
    ttl_s: int | None = None,
    expected: bool = False,
    lies_at: str | None = None,
) -> Upload:
    """Remember an upload, and store its pixels unless they lie there already, at a key that was just read."""
    record = services.uploads.save(record, ttl_s=ttl_s or services.settings.upload_ttl_s, expected=expected)
    if record.key != lies_at:
        services.blobs.put(record.key, png, content_type="image/png")
    return record
