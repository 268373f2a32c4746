"""Uploaded images in Redis: what is known of each, until it is forgotten. The bytes are in the blob store."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from service.errors import NotFound
from service.stores.connection import RedisClient, translated


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
    """Keys: `upload:<tenant>:<id>` hash, with the TTL of an upload. Raises JobStoreUnavailable."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix

    def _key(self, tenant: str, upload_id: str) -> str:
        return f"{self._prefix}upload:{tenant}:{upload_id}"

    @translated
    def save(self, upload: Upload) -> None:
        """Remember an upload until its expiry."""
        key = self._key(upload.tenant, upload.id)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping=asdict(upload))
            pipe.pexpireat(key, upload.expires_ms)
            pipe.execute()

    @translated
    def get(self, tenant: str, upload_id: str) -> Upload:
        """Read an upload.

        Raises:
            NotFound: the tenant has no such upload, or no longer.
        """
        fields = self._redis.hgetall(self._key(tenant, upload_id))
        if not fields:
            raise NotFound("upload", upload_id)
        numbers = {name: int(fields[name]) for name in ("bytes", "width", "height", "expires_ms")}
        return Upload(**{**fields, **numbers})
