"""The keys that may be without a TTL: the list that the documentation gives."""

from __future__ import annotations

from collections.abc import Iterator

import redis as redis_driver

from service.settings import Settings

ETERNAL = (
    "turns",
    "turn",
    "leases",
    "ready:",
    "active:",
    "deadlines",
    "expiring",
    "held:",
    "style:",
    "styles:",
    "statistics:",
    "job:",
    "batch:",
    "items:",
    "batches:",
    "jobs:",
    "labeled:",
    "hooks:",
    "hook:",
    "secret:",
    "due",
    "messages",
    "counts",
    "key:",
    "keys",
    "inflight:",
    "_kombu.",
    "unacked",
    "impasto.doorbell",
)


def without_ttl(settings: Settings) -> Iterator[str]:
    """Name the keys that live for ever and should not."""
    client = redis_driver.Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True)
    with client:
        for key in client.scan_iter(settings.redis_prefix + "*"):
            name = key.removeprefix(settings.redis_prefix)
            if client.ttl(key) == -1 and not name.startswith(ETERNAL):
                yield name
            if name.startswith(("job:", "batch:")) and client.hexists(key, "finished_ms") and client.ttl(key) == -1:
                yield f"{name} (terminal)"
