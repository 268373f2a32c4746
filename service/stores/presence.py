"""Who is at work: workers and keepers say so every few seconds, and are forgotten when they fall silent."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from service.stores.connection import RedisClient, translated

if TYPE_CHECKING:
    from service.pace import Device

Role = Literal["worker", "keeper"]
BEAT_S = 2.0
SILENT_S = 3 * BEAT_S
"""One beat may be late and one lost before somebody counts as gone."""


class Presence:
    """Keys: `present:<role>` zset, name -> last beat in ms; `device:<name>` string, JSON; TTL of both SILENT_S.

    Raises JobStoreUnavailable.
    """

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix

    def _key(self, role: Role) -> str:
        return f"{self._prefix}present:{role}"

    def _now_ms(self) -> int:
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    @translated
    def beat(self, role: Role, name: str, device: Device | None = None) -> None:
        """Say that `name` is at work, on a device if it has one and knows it."""
        key, now = self._key(role), self._now_ms()
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(key, {name: now})
            pipe.zremrangebyscore(key, "-inf", now - SILENT_S * 1000)
            pipe.pexpire(key, round(SILENT_S * 1000))
            if device is not None:
                pipe.set(f"{self._prefix}device:{name}", json.dumps(asdict(device)), px=round(SILENT_S * 1000))
            pipe.execute()

    @translated
    def leave(self, role: Role, name: str) -> None:
        """Say that `name` has gone."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(self._key(role), name)
            pipe.delete(f"{self._prefix}device:{name}")
            pipe.execute()

    @translated
    def alive(self, role: Role) -> list[str]:
        """List who is at work in a role, by name."""
        return sorted(self._redis.zrangebyscore(self._key(role), self._now_ms() - SILENT_S * 1000, "+inf"))
