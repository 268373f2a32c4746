"""Uploaded images in Redis: what is known of each, until it is forgotten. The bytes are in the blob store."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from service.errors import NotFound, UploadWaiting
from service.places import direct_hold, direct_key, image_hold, new_image_key
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


@dataclass(frozen=True, slots=True)
class Expected:
    """One image whose bytes a tenant will put into the storage itself; all of it but the expiry is announced.

    Attributes:
        sha256: of the file.
        bytes: of the file.
        content_type: what the file is said to be.
    """

    tenant: str
    id: str
    sha256: str
    bytes: int
    content_type: str
    expires_ms: int

    @property
    def key(self) -> str:
        """Say where the bytes are to lie in the blob store until they are taken in."""
        return direct_key(self.tenant, self.id)


class UploadStore:
    """The uploads of all tenants. Every method raises JobStoreUnavailable when Redis is out of reach."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix
        self._scripts = Scripts(client, prefix, "save_upload", "expect_upload", "settle_upload", "forget_upload")

    @translated
    def save(self, upload: Upload, *, ttl_s: int, expected: bool = False) -> Upload:
        """Remember an upload, and hold its pixels, before their bytes are stored.

        Args:
            upload: as it was taken in.
            ttl_s: until it is forgotten.
            expected: it was announced by `expect`, and stays unfinished until `settle`.

        Returns:
            The upload with its expiry, and with the key to store its bytes under.

        Raises:
            NotFound: it was expected, and has been forgotten meanwhile.
        """
        place = (image_hold(upload.stored_sha256), new_image_key(upload.tenant, upload.stored_sha256))
        known = "known" if expected else "new"
        saved = self._scripts.run("save_upload", upload.tenant, upload.id, *place, ttl_s * 1000, known, *_facts(upload))
        if not saved:
            raise NotFound("upload", upload.id)
        return replace(upload, key=saved[0], expires_ms=int(saved[1]))

    @translated
    def expect(self, upload: Expected, *, ttl_s: int) -> Expected:
        """Remember an image that its client will put into the storage; return it with its expiry."""
        expires_ms = self._scripts.run(
            "expect_upload",
            upload.tenant,
            upload.id,
            direct_hold(upload.id),
            upload.key,
            ttl_s * 1000,
            *_facts(upload),
        )
        return replace(upload, expires_ms=int(expires_ms))

    @translated
    def settle(self, tenant: str, upload_id: str) -> str | None:
        """End the waiting for an image, which was saved and stored; return the key of what may be deleted, if any.

        Raises:
            NotFound: it has been forgotten meanwhile.
        """
        raw: str | None = self._scripts.run("settle_upload", tenant, upload_id)
        if raw is None:
            raise NotFound("upload", upload_id)
        return raw or None

    @translated
    def forget(self, tenant: str, upload_id: str) -> None:
        """Let an upload be purged now.

        Raises:
            NotFound: the tenant has no such upload, or no longer.
        """
        if not self._scripts.run("forget_upload", tenant, upload_id):
            raise NotFound("upload", upload_id)

    @translated
    def find(self, tenant: str, upload_id: str) -> Upload | Expected:
        """Read an upload, finished or not.

        Raises:
            NotFound: the tenant has no such upload, or no longer.
        """
        fields = self._redis.hgetall(f"{self._prefix}upload:{tenant}:{upload_id}")
        if not fields:
            raise NotFound("upload", upload_id)
        kind = Expected if "raw" in fields else Upload
        known: dict[str, Any] = {name: value for name, value in fields.items() if name in kind.__slots__}
        known |= {name: int(known[name]) for name in ("bytes", "width", "height", "expires_ms") if name in known}
        return kind(tenant=tenant, id=upload_id, **known)

    def get(self, tenant: str, upload_id: str) -> Upload:
        """Read an upload that can be used.

        Raises:
            NotFound: the tenant has no such upload, or no longer.
            UploadWaiting: its bytes are awaited still.
        """
        found = self.find(tenant, upload_id)
        if isinstance(found, Expected):
            raise UploadWaiting(upload_id)
        return found


def _facts(upload: Upload | Expected) -> list[str]:
    known = asdict(upload)
    return flat(**{name: known[name] for name in known if name not in {"tenant", "id", "key", "expires_ms"}})
