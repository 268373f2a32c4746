"""Facts about the Redis server itself, and about leases, for whoever has to mend it.

`redis.Redis` is asked here without patience: at once, in two seconds, or not at all.
"""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.backoff import NoBackoff
from redis.retry import Retry

from service.stores.connection import RedisClient, connect, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.settings import Settings

PATIENCE_S = 2.0
PROBE_MS = 10_000
"""The key that was written to see whether it can be is gone after this."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What Redis says about itself.

    Attributes:
        product: `Valkey 9.1.2`, `Redis 7.4.0`.
        version: of Redis's protocol and commands, which Valkey keeps to.
        is_replica: it follows another server and takes no writes.
        policy: `maxmemory-policy`.
        evicted: keys thrown away since it was started.
        append_only: whether every write goes to a log on its disk.
        disk_ok: whether the last write to that log came off.
        used_bytes: memory in use;  limit_bytes: `maxmemory`, 0: none.
        ahead_s: its clock less ours.
    """

    product: str
    version: tuple[int, ...]
    is_replica: bool
    policy: str
    evicted: int
    append_only: bool
    disk_ok: bool
    used_bytes: int
    limit_bytes: int
    ahead_s: float


@contextmanager
def open_server(settings: Settings) -> Iterator[Server]:
    """Open a connection of one's own, without retries; nothing is connected before it is used."""
    client = connect(settings)
    client.connection_pool.connection_kwargs.update(socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S)
    client.set_retry(Retry(NoBackoff(), 0))
    try:
        yield Server(client, prefix=settings.redis_prefix)
    finally:
        client.close()


class Server:
    """The server behind the job store. Every method raises JobStoreUnavailable."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix

    @translated
    def facts(self) -> ServerFacts:
        """Ask the server about itself, and what time it is there."""
        info = self._redis.info()
        asked = time.time()
        seconds, microseconds = self._redis.time()
        return _facts(info, ahead_s=seconds + microseconds / 1e6 - (asked + time.time()) / 2)

    @translated
    def try_write(self) -> None:
        """Write a key, `doctor:<token>`, TTL PROBE_MS; return when the server took it."""
        self._redis.set(f"{self._prefix}doctor:{uuid.uuid4().hex}", "", px=PROBE_MS)

    @translated
    def leases(self) -> Mapping[str, float]:
        """List the jobs that are running, `tenant:id`, with the seconds that their leases still last; < 0: run out."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.time()
            pipe.zrange(f"{self._prefix}leases", 0, -1, withscores=True)
            (seconds, microseconds), leases = pipe.execute()
        now = seconds + microseconds / 1e6
        return {name: until_ms / 1000 - now for name, until_ms in leases}


def _facts(info: Mapping[str, Any], *, ahead_s: float) -> ServerFacts:
    version = str(info["redis_version"])
    valkey = info.get("valkey_version")
    return ServerFacts(
        product=f"Valkey {valkey}" if valkey else f"Redis {version}",
        version=tuple(int(part) for part in version.split(".") if part.isdigit()),
        is_replica=info.get("role") != "master",
        policy=str(info.get("maxmemory_policy", "noeviction")),
        evicted=int(info.get("evicted_keys", 0)),
        append_only=bool(info.get("aof_enabled")),
        disk_ok=info.get("aof_last_write_status", "ok") == "ok",
        used_bytes=int(info.get("used_memory", 0)),
        limit_bytes=int(info.get("maxmemory", 0)),
        ahead_s=ahead_s,
    )
