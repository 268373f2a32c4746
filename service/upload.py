"""Taking in an image: check and normalise it, store its bytes, remember it as an upload."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from uuid_utils import uuid7

from service.ingest import ImageLimits, ingest
from service.pictures import encode_stored
from service.stores.upload_store import Upload

if TYPE_CHECKING:
    from service.wiring import Services


def upload(data: bytes, *, tenant: str, services: Services) -> Upload:
    """Take in one image file of a tenant.

    The normalised pixels lie under their own digest, so that the same picture is stored once a tenant.

    Raises:
        InvalidImage: it is no picture that we take.
        Unavailable: a store is out of reach; nothing is remembered.
    """
    settings = services.settings
    limits = ImageLimits(settings.image_max_pixels, settings.image_max_side, settings.image_max_aspect)
    picture = ingest(data, limits)
    stored = encode_stored(picture.pixels)
    digest = hashlib.sha256(stored).hexdigest()
    height, width, _ = picture.pixels.shape
    record = Upload(
        tenant=tenant,
        id=str(uuid7()),
        sha256=picture.sha256,
        key=f"{tenant}/inputs/{digest}.png",
        stored_sha256=digest,
        bytes=picture.bytes,
        content_type=picture.content_type,
        width=width,
        height=height,
        expires_ms=round(time.time() * 1000) + settings.upload_ttl_s * 1000,
    )
    services.blobs.put(record.key, stored, content_type="image/png")
    services.uploads.save(record)
    return record
