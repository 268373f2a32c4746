"""How fast the API answers under load: jobs posted and looked up at a steady rate, in an empty store and in a full one.

The load is open: requests are sent when they are due, whether or not the ones before are answered, and a latency
counts from when its request was due. So a service that falls behind can't hide it. The API runs as `impasto api` does,
in a process of its own, beside Redis and S3; no worker takes the jobs, so all of them wait.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from service.keys import create_key
from service.stores.key_store import Limits
from service.stores.submission import Submission
from service.wiring import Services
from tests.api_calls import uploaded
from tests.images import photograph_bytes
from tests.jobs import job as made_job
from tests.jobs import uploaded as held
from tests.served_process import served_process

SECONDS = 20
"""Of each measurement, after WARM_S in which nothing is counted."""
WARM_S = 3
LOOKS, POSTS = 300, 50
"""Requests a second."""
FULL = 100_000
"""Jobs in a full store, of TENANTS tenants."""
TENANTS = 20


@dataclass(frozen=True)
class Latencies:
    """What a measurement saw: milliseconds, sorted, and how many requests were not answered as they should be."""

    ms: Sequence[float]
    errors: int

    def at(self, percent: float) -> float:
        """Give a percentile."""
        return self.ms[min(len(self.ms) - 1, int(len(self.ms) * percent / 100))]


def main() -> int:
    """Measure, print the table, and return 1 if a request failed."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served_process(Path(folder), queue_max=10 * FULL) as (url, services, _),
    ):
        key = create_key(services.keys, tenant="load", name="load", limits=Limits(10**9, 10**9, 10**9, 10**15))
        rows = {"empty": uvloop.run(_measured(url, key))}
        _fill(services)
        rows["full"] = uvloop.run(_measured(url, key))
    _show(rows)
    return int(any(seen.errors for both in rows.values() for seen in both.values()))


def _prepared(url: str, headers: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Give a spec that can be posted, and paths of jobs that can be looked up."""
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        image = {"upload_id": uploaded(client, photograph_bytes())}
        spec = {"kind": "transfer", "content": image, "styles": [{"image": image}], "cache": False}
        return spec, [client.post("/v1/jobs", json=spec).json()["links"]["self"] for _ in range(100)]


async def _measured(url: str, key: str) -> dict[str, Latencies]:
    """Measure looking up, and posting."""
    headers = {"Authorization": f"Bearer {key}"}
    spec, jobs = await asyncio.to_thread(_prepared, url, headers)
    connections = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, headers=headers, connector=connections) as session:
        return {
            f"GET job, {LOOKS}/s": await _load(lambda n: session.get(jobs[n % len(jobs)]), LOOKS),
            f"POST job, {POSTS}/s": await _load(lambda _: session.post("/v1/jobs", json=spec), POSTS),
        }


async def _load(send: Callable[[int], AbstractAsyncContextManager[aiohttp.ClientResponse]], rate: int) -> Latencies:
    """Send requests at a rate, each when it is due."""
    begun, seen, errors = time.perf_counter() + 0.1, list[float](), 0

    async def one(n: int, due: float) -> None:
        nonlocal errors
        try:
            async with send(n) as answer:
                await answer.read()
                errors += not answer.ok
        except aiohttp.ClientError:
            errors += 1
        if n >= WARM_S * rate:
            seen.append((time.perf_counter() - due) * 1000)

    async with asyncio.TaskGroup() as group:
        for n in range((WARM_S + SECONDS) * rate):
            due = begun + n / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(n, due))
    return Latencies(sorted(seen), errors)


def _fill(services: Services) -> None:
    """Put jobs into the store until it is full."""
    started = time.monotonic()
    tenants = [f"tenant-{n}" for n in range(TENANTS)]
    for tenant in tenants:
        held(services, tenant)

    def submit(n: int) -> None:
        services.jobs.submit(Submission(made_job(tenants[n % TENANTS]), str(n)))

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(submit, range(FULL), chunksize=100):
            pass
    while any(services._redis.info("persistence")[f"{what}_in_progress"] for what in ("aof_rewrite", "rdb_bgsave")):
        time.sleep(0.5)  # Redis writes its log anew because of the filling, which is not what is measured
    Console(stderr=True).print(f"[dim]{FULL} jobs put into the store in {time.monotonic() - started:.0f} s")


def _show(rows: dict[str, dict[str, Latencies]]) -> None:
    table = Table("", "jobs in the store", "p50, ms", "p95, ms", "p99, ms", "p99 / empty", "errors", box=None)
    for what, empty in rows["empty"].items():
        for name, both in rows.items():
            seen = both[what]
            count = "few" if name == "empty" else f"{FULL:,}"
            ratio = f"{seen.at(99) / empty.at(99):.2f}"
            table.add_row(what, count, *(f"{seen.at(p):.1f}" for p in (50, 95, 99)), ratio, str(seen.errors))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
