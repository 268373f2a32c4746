"""Jobs in Redis, as the keeper sees them: leases and deadlines that have run out, retention, objects nobody needs."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from service.places import place_of
from service.stores.claim_store import end_attempt
from service.stores.connection import RedisClient, translated
from service.stores.queue import DOORBELL
from service.stores.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.job import Failure
    from service.stores.claim_store import EndedAttempt

AT_ONCE = 100
"""What one round looks at: it stays short, and the next one comes soon."""


class Expiring(NamedTuple):
    """A job or an upload, by `kind`, whose time is over."""

    kind: str
    tenant: str
    id: str


class UpkeepStore:
    """What is left for the keeper. Every method raises JobStoreUnavailable when Redis is out of reach."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix
        self._scripts = Scripts(client, prefix, "end_attempt", "expire", "purge", "orphans")

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    def _due(self, name: str, *, at_most: int = AT_ONCE) -> list[str]:
        seconds, microseconds = self._redis.time()
        now = seconds * 1000 + microseconds // 1000
        due: list[str] = self._redis.zrangebyscore(self._key(name), "-inf", now, start=0, num=at_most)
        return due

    @translated
    def expired_leases(self) -> list[tuple[str, str]]:
        """List (tenant, id) of jobs whose lease has run out by the server's clock, oldest first."""
        return [(tenant, job_id) for tenant, _, job_id in (member.partition(":") for member in self._due("leases"))]

    @translated
    def give_back_expired(self, tenant: str, job_id: str, failure: Failure) -> EndedAttempt | None:
        """End the attempt of a worker whose lease has run out; None when somebody else did, or it lives."""
        return end_attempt(self._scripts, tenant, job_id, failure, fence="", how="again")

    @translated
    def expire_starts(self) -> list[tuple[str, str]]:
        """End the jobs whose start deadline has passed; list their (tenant, id)."""
        ended = self._scripts.run("expire", AT_ONCE)
        return list(zip(ended[::2], ended[1::2], strict=True))

    @translated
    def ready_count(self) -> int:
        """Count the jobs that wait, over all tenants."""
        with self._redis.pipeline(transaction=False) as pipe:
            for tenant in self._redis.zrange(self._key("turns"), 0, -1):
                pipe.zcard(self._key("ready", tenant))
            return sum(pipe.execute())

    @translated
    def unrung(self) -> bool:
        """Say whether jobs are ready and no ring waits to be heard."""
        with self._redis.pipeline(transaction=False) as pipe:
            ready, rings = pipe.exists(self._key("turns")).exists(self._key(DOORBELL)).execute()
        return bool(ready and not rings)

    @translated
    def expiring(self) -> list[Expiring]:
        """List some of the jobs and uploads whose time is over, by chance: so several keepers take different ones."""
        due = self._due("expiring", at_most=10 * AT_ONCE)
        return [Expiring(*member.split(":", 2)) for member in random.sample(due, min(AT_ONCE, len(due)))]

    @translated
    def purge(self, what: Expiring) -> list[str]:
        """Forget a job or an upload; return where objects lie that nobody needs any more, as prefixes of keys."""
        free: list[str] = self._scripts.run("purge", *what)
        return free

    @translated
    def orphans(self, keys: Sequence[str]) -> list[str]:
        """Say which objects of ours belong to no job, no upload and no attempt that may still be used."""
        places = [(key, place_of(key)) for key in keys]
        args = [part for key, place in places if place is not None for part in (key, *place)]
        free: list[str] = self._scripts.run("orphans", *args) if args else []
        return free

    @translated
    def sweep_turn(self, *, name: str, interval_s: float) -> str | None:
        """Ask whether it is this keeper's turn to sweep; return the key to go on after, None when it is not.

        Keys: `sweep` string, TTL of the interval: nobody sweeps while it is there. `sweep_at` string, TTL 30 days.
        """
        if not self._redis.set(self._key("sweep"), name, nx=True, px=round(interval_s * 1000)):
            return None
        after: str = self._redis.get(self._key("sweep_at")) or ""
        return after

    @translated
    def swept(self, *, up_to: str | None) -> None:
        """Note how far a sweep has come; None when it has come to the end and can rest for its interval."""
        with self._redis.pipeline(transaction=True) as pipe:
            if up_to is None:
                pipe.delete(self._key("sweep_at"))
            else:
                pipe.set(self._key("sweep_at"), up_to, ex=30 * 24 * 3600)
                pipe.delete(self._key("sweep"))
            pipe.execute()
