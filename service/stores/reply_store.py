"""Answers to requests with an idempotency key, in Redis, for two days."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from uuid_utils import uuid7

from service.stores.connection import RedisClient, translated
from service.stores.scripts import Scripts

KEPT_S = 48 * 3600


@dataclass(frozen=True, slots=True)
class Reply:
    """What a key stands for: the id of what is made, the digest of what was posted, and the answer, if there is one."""

    new_id: str
    fingerprint: str
    answer: str | None


class ReplyStore:
    """The keys of all tenants, known by their digests. Every method raises JobStoreUnavailable."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix
        self._scripts = Scripts(client, prefix, "reply")

    @translated
    def begin(self, tenant: str, key: str, *, fingerprint: str) -> Reply:
        """Say what a key stands for: this request, unless another one came before."""
        return Reply(*self._scripts.run("reply", tenant, _digest(key), fingerprint, str(uuid7())))

    @translated
    def remember(self, tenant: str, key: str, answer: str) -> str:
        """Keep the answer, and return the one that was kept first."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hsetnx(self._name(tenant, key), "answer", answer)
            pipe.expire(self._name(tenant, key), KEPT_S)
            pipe.hget(self._name(tenant, key), "answer")
            first: str = pipe.execute()[-1]
        return first

    @translated
    def refused(self, tenant: str, key: str) -> None:
        """Let the next request under the key begin anew."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._name(tenant, key), "refused", "1")
            pipe.expire(self._name(tenant, key), KEPT_S)
            pipe.execute()

    def _name(self, tenant: str, key: str) -> str:
        return f"{self._prefix}reply:{tenant}:{_digest(key)}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
