"""Uploaded images in Redis: what is known of each, until it is forgotten. The bytes are in the blob store."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from service.errors import NotFound
from service.places import image_hold, new_image_key
from service.stores.connection import RedisClient, translated
from service.stores.records import flat
from service.stores.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Upload:
    """One image that a tenant brought.

    Attributes:
        sha256: of the file as it came.
        key: where the normalised image lies in the blob store.
        stored_sha256: of the bytes that lie there.
        bytes: of the file as it came.
        content_type: what the file turned out to be.
    """

    tenant: str
    id: str
    sha256: str
    key: str
    stored_sha256: str
    bytes: int
    content_type: str
    width: int
    height: int
    expires_ms: int


class UploadStore:
    """The uploads of all tenants. Every method raises JobStoreUnavailable when Redis is out of reach."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix
        self._scripts = Scripts(client, prefix, "save_upload")

    @translated
    def save(self, upload: Upload, *, ttl_s: int) -> Upload:
        """Remember an upload, and hold its pixels, before their bytes are stored.

        Returns:
            The upload with its expiry, and with the key to store its bytes under.
        """
        known = asdict(upload)
        facts = {name: known[name] for name in known if name not in {"tenant", "id", "key", "expires_ms"}}
        place = (image_hold(upload.stored_sha256), new_image_key(upload.tenant, upload.stored_sha256))
        key, expires_ms = self._scripts.run(
            "save_upload", upload.tenant, upload.id, *place, ttl_s * 1000, *flat(**facts)
        )
        return replace(upload, key=key, expires_ms=int(expires_ms))

    @translated
    def get(self, tenant: str, upload_id: str) -> Upload:
        """Read an upload.

        Raises:
            NotFound: the tenant has no such upload, or no longer.
        """
        fields = self._redis.hgetall(f"{self._prefix}upload:{tenant}:{upload_id}")
        if not fields:
            raise NotFound("upload", upload_id)
        del fields["holds"]
        numbers = {name: int(fields[name]) for name in ("bytes", "width", "height", "expires_ms")}
        return Upload(tenant=tenant, id=upload_id, **{**fields, **numbers})
