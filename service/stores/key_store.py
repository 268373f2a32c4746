"""API keys in Redis: only their digests, never the keys; and what each may do and has done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.stores.connection import RedisClient, translated
from service.stores.records import pairs
from service.stores.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.settings import Settings


LIMIT_MAX = 2**53 - 1
"""Up to here the numbers of Lua, in which limits are reckoned, are exact."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may ask for, LIMIT_MAX at most; None: what the settings say.

    Attributes:
        requests_per_minute: how fast its allowance of requests comes back.
        burst: how many requests it may make at once.
        jobs_in_flight: jobs of its own that may be open at the same time.
        bytes_per_day: of the bodies of its requests, together.
    """

    requests_per_minute: int | None = None
    burst: int | None = None
    jobs_in_flight: int | None = None
    bytes_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key. Times are milliseconds since 1970.

    Attributes:
        scopes: what the key may do.
        digest: the SHA-256 of its secret.
        old_until_ms: until when the secret before works too.
        expires_ms: when it ends by itself.
        used_ms: when it was used last, to a minute.
    """

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]
    digest: str = field(repr=False)
    created_ms: int
    limits: Limits = Limits()
    old_until_ms: int | None = None
    expires_ms: int | None = None
    used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request is admitted, and what is left of its key's allowance.

    Attributes:
        key: whose request it is.
        admitted: whether it may be answered.
        left: requests that may follow at once.
        next_ms: milliseconds until one more may.
        full_ms: milliseconds until all may.
        bytes_so_far: brought in the day's window, which ends in `bytes_ms` milliseconds.
    """

    key: KeyRecord
    admitted: bool
    left: int
    next_ms: int
    full_ms: int
    bytes_so_far: int
    bytes_ms: int


class KeyStore:
    """Keys: `key:<id>` hash, with a TTL if it expires, and `keys` set of ids without. Raises JobStoreUnavailable."""

    def __init__(self, client: RedisClient, *, prefix: str, settings: Settings) -> None:
        self._redis = client
        self._prefix = prefix
        self._settings = settings
        self._scripts = Scripts(client, prefix, "admit", "rotate_key")

    @translated
    def save(self, record: KeyRecord) -> None:
        """Add a key."""
        limits = {name: getattr(record.limits, name) for name in Limits.__slots__}
        fields = {
            "tenant": record.tenant,
            "name": record.name,
            "scopes": " ".join(sorted(record.scopes)),
            "digest": record.digest,
            "created_ms": record.created_ms,
            "expires_ms": record.expires_ms,
            **limits,
        }
        key = f"{self._prefix}key:{record.id}"
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={name: value for name, value in fields.items() if value is not None})
            if record.expires_ms is not None:
                pipe.pexpireat(key, record.expires_ms)
            pipe.sadd(f"{self._prefix}keys", record.id)
            pipe.execute()

    @translated
    def admit(self, key_id: str, digest: str, *, brings: int) -> Admission | None:
        """Take one request from a key's allowance, in one round trip.

        Args:
            key_id: the key's.
            digest: of the secret that was presented.
            brings: bytes of the request's body.

        Returns:
            Whether it is admitted, or None when there is no such key with this secret.
        """
        ours = self._settings
        found = self._scripts.run(
            "admit",
            key_id,
            digest,
            ours.key_requests_per_minute,
            ours.key_burst,
            brings,
            ours.key_bytes_per_day,
        )
        if not found:
            return None
        fields, admitted, left, next_ms, full_ms, bytes_so_far, bytes_ms = found
        return Admission(
            _record_of(key_id, pairs(fields)), bool(admitted), left, next_ms, full_ms, bytes_so_far, bytes_ms
        )

    @translated
    def rotate(self, key_id: str, digest: str, *, overlap_ms: int, tenant: str | None = None) -> bool:
        """Give a key a new secret; the old one works for a while. False when there is no such key of the tenant."""
        return bool(self._scripts.run("rotate_key", key_id, digest, overlap_ms, tenant or ""))

    @translated
    def get(self, key_id: str) -> KeyRecord | None:
        """Read a key's record, or None."""
        fields = self._redis.hgetall(f"{self._prefix}key:{key_id}")
        return _record_of(key_id, fields) if fields else None

    @translated
    def all(self) -> list[KeyRecord]:
        """List every key's record, oldest first; one that has expired is forgotten."""
        ids = self._redis.smembers(f"{self._prefix}keys")
        found = {key_id: self.get(key_id) for key_id in ids}
        if expired := [key_id for key_id, record in found.items() if record is None]:
            self._redis.srem(f"{self._prefix}keys", *expired)
        return sorted((record for record in found.values() if record), key=lambda record: record.created_ms)

    @translated
    def delete(self, key_id: str) -> bool:
        """Remove a key; False when there was none."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(f"{self._prefix}key:{key_id}")
            pipe.srem(f"{self._prefix}keys", key_id)
            return bool(pipe.execute()[0])


def _record_of(key_id: str, fields: Mapping[str, str]) -> KeyRecord:
    def whole(name: str) -> int | None:
        return int(fields[name]) if name in fields else None

    return KeyRecord(
        id=key_id,
        tenant=fields["tenant"],
        name=fields["name"],
        scopes=frozenset(fields["scopes"].split()),
        digest=fields["digest"],
        created_ms=int(fields["created_ms"]),
        limits=Limits(*(whole(name) for name in Limits.__slots__)),
        old_until_ms=whole("old_until_ms"),
        expires_ms=whole("expires_ms"),
        used_ms=whole("used_ms"),
    )
