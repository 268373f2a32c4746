"""Purging what is over, and sweeping objects that nobody needs: what a killed process wrote and could not delete."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from service.log import log
from service.noop import noop

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from service.stores.upkeep_store import Expiring
    from service.wiring import Services

PURGES_AT_ONCE, HANDFULS = 8, 20
PAGE = 1000
"""Objects that one round looks at, so that it stays short: the most that S3 lists at once."""


def purge(services: Services, stop: Event | None = None, ended: Callable[[], object] = noop) -> int:
    """Forget jobs and uploads whose time is over, delete the objects that nobody else needs; count what was forgotten.

    Several at once, and many in a round, for as many may end their time in a second as have ended in another; nothing
    more is begun once `stop` is set, and `ended` is called as each ends. Should the storage be away meanwhile, the
    sweep finds the objects later.
    """
    forgotten = 0
    with ThreadPoolExecutor(PURGES_AT_ONCE, thread_name_prefix="purge") as pool:
        for _ in range(HANDFULS):
            expiring = services.upkeep.expiring() if stop is None or not stop.is_set() else []
            if not expiring:
                break
            for _ in pool.map(partial(purge_one, services=services), expiring):
                forgotten += 1
                ended()
    return forgotten


def purge_one(what: Expiring, services: Services) -> None:
    """Forget a job or an upload whose time is over, and delete the objects that nobody else needs."""
    for objects in services.upkeep.purge(what):
        services.blobs.delete_prefix(objects)
    log().info("purged", kind=what.kind, tenant=what.tenant, id=what.id)
    services.metrics.purged.labels(what.kind).inc()


def sweep(services: Services, *, name: str) -> int:
    """Look at one page of the bucket, if it is this keeper's turn; delete its orphans and count them.

    Keepers share one sweep, which goes on after the page that any of them looked at last, and then rests for
    `sweep_interval_s`.
    """
    after = services.upkeep.sweep_turn(name=name, interval_s=services.settings.sweep_interval_s)
    if after is None:
        return 0
    keys = services.blobs.page(after, limit=PAGE)
    orphans = services.upkeep.orphans(keys)
    services.blobs.delete(orphans)
    services.upkeep.swept(up_to=keys[-1] if len(keys) == PAGE else None)
    if orphans:
        log().info("swept", orphans=len(orphans))
        services.metrics.orphans.inc(len(orphans))
    return len(orphans)
