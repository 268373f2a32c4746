"""Taking in an image: check and normalise it, store its bytes, remember it as an upload."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from uuid_utils import uuid7

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
    settings = services.settings
    taken = services.sandbox.ingest(data, image_limits(settings))
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
    record = services.uploads.save(record, ttl_s=ttl_s or settings.upload_ttl_s, expected=expected is not None)
    services.blobs.put(record.key, taken.png, content_type="image/png")
    return record
