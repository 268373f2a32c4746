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
    from service.settings import Settings
    from service.wiring import Services


def image_limits(settings: Settings) -> ImageLimits:
    """Say what an image may be here."""
    return ImageLimits(settings.image_max_pixels, settings.image_max_side, settings.image_max_aspect)


def upload(data: bytes, *, tenant: str, services: Services) -> Upload:
    """Take in one image file of a tenant.

    The normalised pixels lie under their own digest, so that the same picture is stored once a tenant.

    Raises:
        InvalidImage: it is no picture that we take.
        Unavailable: a store is out of reach; nothing is remembered.
    """
    settings = services.settings
    taken = ingest(data, image_limits(settings))
    stored = encode_stored(taken.picture)
    digest = hashlib.sha256(stored).hexdigest()
    record = Upload(
        tenant=tenant,
        id=str(uuid7()),
        sha256=taken.sha256,
        key=f"{tenant}/inputs/{digest}.png",
        stored_sha256=digest,
        bytes=taken.bytes,
        content_type=taken.content_type,
        width=taken.picture.width,
        height=taken.picture.height,
        expires_ms=round(time.time() * 1000) + settings.upload_ttl_s * 1000,
    )
    services.blobs.put(record.key, stored, content_type="image/png")
    services.uploads.save(record)
    return record
