"""How much there is to do, and what has happened so far, in Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.stores.connection import RedisClient, translated
from service.stores.records import pairs
from service.stores.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Backlog:
    """The whole service at one moment.

    Attributes:
        queued: jobs that wait.
        running: jobs that are painted, or stopping.
        wanted: workers that could be busy now; of a tenant that has as many jobs running as it may, no more count.
        waited_s: how long the longest of each tenant's next jobs has waited.
        overdue: deliveries of webhooks whose time has come.
        overdue_s: for how long it has, of the longest.
        counts: what has happened since the first day, `<state before>><state after>` and `failed:<code>`.
    """

    queued: int
    running: int
    wanted: int
    waited_s: float
    overdue: int
    overdue_s: float
    counts: Mapping[str, int]

    @property
    def open(self) -> int:
        """Count the jobs that have not ended."""
        return self.queued + self.running


@dataclass(frozen=True, slots=True)
class Memory:
    """Of Redis, in bytes; `limit` is None where it has none."""

    used: int
    limit: int | None


class BacklogStore:
    """Reads it. Every method raises JobStoreUnavailable when Redis is out of reach.

    Args:
        client: a connection that decodes to str.
        prefix: stands before every key.
        tenant_running_max: jobs of one tenant that may run at the same time.
    """

    def __init__(self, client: RedisClient, *, prefix: str, tenant_running_max: int) -> None:
        self._redis = client
        self._scripts = Scripts(client, prefix, "backlog")
        self._cap = tenant_running_max

    @translated
    def read(self) -> Backlog:
        """Say how much there is to do; in one round trip."""
        facts, counted = self._scripts.run("backlog", self._cap)
        queued, running, wanted, waited_ms, overdue, late_ms = map(int, facts)
        counts = {what: int(times) for what, times in pairs(counted).items()}
        return Backlog(queued, running, wanted, waited_ms / 1000, overdue, late_ms / 1000, counts)

    @translated
    def memory(self) -> Memory:
        """Say how much memory Redis takes."""
        info = self._redis.info("memory")
        return Memory(int(info["used_memory"]), int(info["maxmemory"]) or None)
