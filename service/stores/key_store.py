"""API keys in Redis: only their digests, never the keys."""

from __future__ import annotations

from dataclasses import dataclass

from service.stores.connection import RedisClient, translated


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key. `digest` is the SHA-256 of the secret; `scopes` what the key may do."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]
    digest: str
    created_ms: int


class KeyStore:
    """Keys: `key:<id>` hash and `keys` set of ids, both without a TTL. Raises JobStoreUnavailable."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix

    @translated
    def save(self, record: KeyRecord) -> None:
        """Add a key."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(
                f"{self._prefix}key:{record.id}",
                mapping={
                    "tenant": record.tenant,
                    "name": record.name,
                    "scopes": " ".join(sorted(record.scopes)),
                    "digest": record.digest,
                    "created_ms": record.created_ms,
                },
            )
            pipe.sadd(f"{self._prefix}keys", record.id)
            pipe.execute()

    @translated
    def get(self, key_id: str) -> KeyRecord | None:
        """Read a key's record, or None."""
        fields = self._redis.hgetall(f"{self._prefix}key:{key_id}")
        if not fields:
            return None
        return KeyRecord(
            id=key_id,
            tenant=fields["tenant"],
            name=fields["name"],
            scopes=frozenset(fields["scopes"].split()),
            digest=fields["digest"],
            created_ms=int(fields["created_ms"]),
        )

    @translated
    def all(self) -> list[KeyRecord]:
        """List every key's record, oldest first."""
        found = (self.get(key_id) for key_id in self._redis.smembers(f"{self._prefix}keys"))
        return sorted((record for record in found if record), key=lambda record: record.created_ms)

    @translated
    def delete(self, key_id: str) -> bool:
        """Remove a key; False when there was none."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(f"{self._prefix}key:{key_id}")
            pipe.srem(f"{self._prefix}keys", key_id)
            return bool(pipe.execute()[0])
