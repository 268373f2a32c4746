"""Endpoints that are told what happens, and the secrets that sign what they are told, in Redis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.errors import NotFound
from service.stores.connection import RedisClient, translated
from service.stores.records import flat
from service.stores.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OLD_SECRET_MS = 24 * 3600 * 1000
"""For how long a secret that was replaced signs beside the new one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registered endpoint, without its secret. Times are milliseconds since 1970.

    Attributes:
        events: the types of events that it is told.
        failing_ms: since when no delivery has succeeded; None while they do.
        disabled_ms: since when nothing is sent to it, and disabled_why.
    """

    tenant: str
    id: str
    url: str = field(repr=False)
    events: tuple[str, ...]
    description: str
    created_ms: int
    failing_ms: int | None
    disabled_ms: int | None
    disabled_why: str | None


class WebhookStore:
    """The endpoints of all tenants. Every method raises JobStoreUnavailable when Redis is out of reach.

    Keys: `hooks:<tenant>` zset, id -> created_ms; `hook:<tenant>:<id>` and `secret:<tenant>` hashes; all without a TTL.
    """

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix
        self._scripts = Scripts(client, prefix, "save_hook", "rotate_secret")

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    @translated
    def save(  # noqa: PLR0913 - what an endpoint is
        self,
        tenant: str,
        endpoint_id: str,
        *,
        url: str,
        events: Sequence[str],
        description: str,
        secret: str,
        at_most: int,
    ) -> Endpoint | None:
        """Register an endpoint; None when the tenant has `at_most` already."""
        fields = flat(url=url, events=" ".join(events), description=description, secret=secret)
        made = self._scripts.run("save_hook", tenant, endpoint_id, at_most, *fields)
        return self.get(tenant, endpoint_id) if made else None

    @translated
    def get(self, tenant: str, endpoint_id: str) -> Endpoint:
        """Read an endpoint.

        Raises:
            NotFound: the tenant has no such endpoint.
        """
        record = self._redis.hgetall(self._key("hook", tenant, endpoint_id))
        if not record:
            raise NotFound("webhook", endpoint_id)
        return _endpoint_of(tenant, endpoint_id, record)

    @translated
    def all(self, tenant: str) -> list[Endpoint]:
        """List a tenant's endpoints, oldest first."""
        ids = self._redis.zrange(self._key("hooks", tenant), 0, -1)
        with self._redis.pipeline(transaction=False) as pipe:
            for endpoint_id in ids:
                pipe.hgetall(self._key("hook", tenant, endpoint_id))
            records = pipe.execute()
        return [_endpoint_of(tenant, name, record) for name, record in zip(ids, records, strict=True) if record]

    @translated
    def delete(self, tenant: str, endpoint_id: str) -> bool:
        """Forget an endpoint; False when there was none."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(self._key("hook", tenant, endpoint_id))
            pipe.zrem(self._key("hooks", tenant), endpoint_id)
            return bool(pipe.execute()[0])

    @translated
    def enable(self, tenant: str, endpoint_id: str) -> None:
        """Send to an endpoint again."""
        self._redis.hdel(self._key("hook", tenant, endpoint_id), "failing_ms", "disabled_ms", "disabled_why")

    @translated
    def rotate(self, tenant: str, endpoint_id: str, secret: str) -> bool:
        """Give an endpoint a new secret; False when there is no such endpoint."""
        return bool(self._scripts.run("rotate_secret", tenant, endpoint_id, secret, OLD_SECRET_MS, ""))

    @translated
    def default_secret(self, tenant: str, secret: str, *, renew: bool = False) -> str:
        """Give the tenant's default secret: `secret` if there is none yet, or it is to be renewed."""
        kept: str = self._scripts.run("rotate_secret", tenant, "", secret, OLD_SECRET_MS, "" if renew else "1")
        return kept


def _endpoint_of(tenant: str, endpoint_id: str, record: Mapping[str, str]) -> Endpoint:
    def whole(name: str) -> int | None:
        return int(record[name]) if name in record else None

    return Endpoint(
        tenant=tenant,
        id=endpoint_id,
        url=record["url"],
        events=tuple(record["events"].split()),
        description=record["description"],
        created_ms=int(record["created_ms"]),
        failing_ms=whole("failing_ms"),
        disabled_ms=whole("disabled_ms"),
        disabled_why=record.get("disabled_why"),
    )
