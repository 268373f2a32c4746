"""Direct uploads: a client announces a file, puts it into the storage itself, and says when it is there.

What it has put is read once, by `complete`, and deleted: like every other image it is kept as normalised pixels alone.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uuid_utils import uuid7

from service.errors import BlobStoreUnavailable, FieldProblem, InvalidImage, InvalidSpec, NotFound
from service.log import log
from service.stores.upload_store import Expected, Upload
from service.upload import upload

if TYPE_CHECKING:
    from service.stores.blob_store import PresignedPut
    from service.wiring import Services


@dataclass(frozen=True, slots=True)
class Announced:
    """An upload whose bytes are awaited, where to put them, and until when that is possible."""

    upload: Expected
    put: PresignedPut
    until_ms: int


def announce(*, sha256: str, size: int, content_type: str, tenant: str, services: Services) -> Announced:
    """Await a file of a tenant, known by its digest in hexadecimal and its size in bytes.

    Raises:
        InvalidSpec: it is larger than what is taken.
    """
    settings = services.settings
    if size > settings.direct_upload_max_bytes:
        raise InvalidSpec(FieldProblem("/bytes", f"at most {settings.direct_upload_max_bytes} bytes are accepted"))
    until_ms = round((time.time() + settings.presign_ttl_s) * 1000)
    expected = services.uploads.expect(
        Expected(tenant, str(uuid7()), sha256, size, content_type, 0), ttl_s=settings.upload_ttl_s
    )
    put = services.blobs.presign_put(
        expected.key, sha256=sha256, size=size, content_type=content_type, ttl_s=settings.presign_ttl_s
    )
    return Announced(expected, put, until_ms)


def complete(tenant: str, upload_id: str, *, services: Services) -> Upload:
    """Take in what a client has put into the storage; what is complete already is given as it is.

    Whatever happens to this process meanwhile, the call can be made again.

    Raises:
        NotFound: the tenant has no such upload, or no longer.
        UploadWaiting: nothing has arrived.
        InvalidImage: it is not what was announced, or no picture that we take.
        Unavailable: a store is out of reach.
    """
    expected = services.uploads.find(tenant, upload_id)
    if isinstance(expected, Upload):
        return expected
    data = _arrived(expected, services)
    if data is None:
        return services.uploads.get(tenant, upload_id)  # another call may have just completed it
    taken = upload(data, tenant=tenant, services=services, expected=upload_id)
    if raw := services.uploads.settle(tenant, upload_id):
        _discard(raw, services)
    return taken


def _discard(raw: str, services: Services) -> None:
    try:
        services.blobs.delete([raw])
    except BlobStoreUnavailable as error:  # then the keeper's sweep finds it
        log().warning("raw_upload_kept", key=raw, detail=str(error))


def _arrived(expected: Expected, services: Services) -> bytes | None:
    try:
        data = services.blobs.get(expected.key, at_most=expected.bytes + 1)
    except NotFound:
        return None
    if len(data) != expected.bytes or hashlib.sha256(data).hexdigest() != expected.sha256:
        services.metrics.ingest_refused.labels("other_file").inc()
        raise InvalidImage(
            "What has arrived is not the file that was announced: another size or SHA-256.", reason="other_file"
        )
    return data
