"""How fast the API answers under load: jobs posted and looked up at a steady rate, in an empty store and in a full one.

The load is open: requests are sent when they are due, whether or not the ones before are answered, and a latency
counts from when its request was due. So a service that falls behind can't hide it. The API runs as `impasto api` does,
in a process of its own, beside Redis and S3; no worker takes the jobs, so all of them wait. At last thousands listen to
jobs' events while others look jobs up, and the jobs are ended one after the other.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from api.connections import allow_connections
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
JOBS = 100
"""Jobs that are looked up, in turn, and listened to."""
LISTENERS = 3000
"""Streams of events that are open at once, as many of each job."""
ENDS = 5
"""Jobs ended a second, while all listen."""


@dataclass(frozen=True)
class Latencies:
    """What a measurement saw: milliseconds, sorted.

    Attributes:
        ms: of the answers.
        late_ms: how late the requests were sent; where this is as large, the machine was busy with something else.
        errors: requests that were not answered as they should be.
    """

    ms: Sequence[float]
    late_ms: Sequence[float]
    errors: int


def main() -> int:
    """Measure, print the table, and return 1 if a request failed."""
    allow_connections()
    with (
        tempfile.TemporaryDirectory() as folder,
        served_process(Path(folder), queue_max=10 * FULL) as (url, services, _),
    ):
        key = create_key(services.keys, tenant="load", name="load", limits=Limits(10**9, 10**9, 10**9, 10**15))
        measured = [("few", what, seen) for what, seen in uvloop.run(_measured(url, key)).items()]
        _fill(services)
        measured += [(f"{FULL:,}", what, seen) for what, seen in uvloop.run(_measured(url, key)).items()]
        measured += [(f"{FULL:,}", what, seen) for what, seen in uvloop.run(_listened(url, key)).items()]
    _show(measured)
    return int(any(seen.errors for _, _, seen in measured))


def _prepared(url: str, headers: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Give a spec that can be posted, and paths of jobs that can be looked up."""
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        image = {"upload_id": uploaded(client, photograph_bytes())}
        spec = {"kind": "transfer", "content": image, "styles": [{"image": image}], "cache": False}
        return spec, [client.post("/v1/jobs", json=spec).json()["links"]["self"] for _ in range(JOBS)]


async def _measured(url: str, key: str) -> dict[str, Latencies]:
    """Measure looking up, and posting."""
    headers = _headers(key)
    spec, jobs = await asyncio.to_thread(_prepared, url, headers)
    async with _session(url, headers) as session:
        return {
            f"GET job, {LOOKS}/s": await _load(lambda n: session.get(jobs[n % JOBS]), LOOKS),
            f"POST job, {POSTS}/s": await _load(lambda _: session.post("/v1/jobs", json=spec), POSTS),
        }


async def _listened(url: str, key: str) -> dict[str, Latencies]:
    """Measure looking up while thousands listen, and how soon these hear that their jobs have ended."""
    headers = _headers(key)
    _, jobs = await asyncio.to_thread(_prepared, url, headers)
    api = next(p for p in psutil.Process().children(recursive=True) if "service.cli" in p.cmdline())
    async with _session(url, headers) as session, AsyncExitStack() as open_streams:
        before = api.memory_info().rss
        streams = [await open_streams.enter_async_context(_stream(session, jobs[n % JOBS])) for n in range(LISTENERS)]
        await asyncio.gather(*(_heard(stream, b"event: state") for stream in streams))
        each = (api.memory_info().rss - before) / LISTENERS / 1024
        Console(stderr=True).print(f"[dim]{LISTENERS} listeners, {each:.0f} KiB each in the API")
        name = f"{LISTENERS:,} listening"
        looked_up = await _load(lambda n: session.get(jobs[n % JOBS]), LOOKS)
        return {
            f"GET job, {LOOKS}/s, {name}": looked_up,
            f"event of a job's end, {ENDS}/s, {name}": await _ended(session, jobs, streams),
        }


async def _ended(
    session: aiohttp.ClientSession, jobs: Sequence[str], streams: Sequence[aiohttp.ClientResponse]
) -> Latencies:
    """End one job after the other, and say how long after each call its listeners heard of it."""
    sent, late, errors = dict[str, float](), list[float](), 0

    async def heard_ms(n: int) -> float:
        await _heard(streams[n], b"event: end")
        return (time.perf_counter() - sent[jobs[n % JOBS]]) * 1000

    hearing = [asyncio.create_task(heard_ms(n)) for n in range(len(streams))]
    await asyncio.sleep(1)  # until all of them read
    begun = time.perf_counter()
    for n, job in enumerate(jobs):
        await asyncio.sleep(max(0.0, begun + n / ENDS - time.perf_counter()))
        sent[job] = time.perf_counter()
        late.append((sent[job] - begun - n / ENDS) * 1000)
        async with session.post(f"{job}/cancel") as answer:
            errors += not answer.ok
    return Latencies(sorted(await asyncio.gather(*hearing)), sorted(late), errors)


async def _heard(stream: aiohttp.ClientResponse, line: bytes) -> None:
    """Return when a stream has said a line."""
    async for said in stream.content:
        if said.rstrip() == line:
            return
    raise AssertionError(f"the stream ended before {line.decode()}")


async def _load(send: Callable[[int], AbstractAsyncContextManager[aiohttp.ClientResponse]], rate: int) -> Latencies:
    """Send requests at a rate, each when it is due."""
    begun, seen, late, errors = time.perf_counter() + 0.1, list[float](), list[float](), 0

    async def one(n: int, due: float) -> None:
        nonlocal errors
        sent = time.perf_counter()
        try:
            async with send(n) as answer:
                await answer.read()
                errors += not answer.ok
        except aiohttp.ClientError:
            errors += 1
        if n >= WARM_S * rate:
            late.append((sent - due) * 1000)
            seen.append((time.perf_counter() - due) * 1000)

    async with asyncio.TaskGroup() as group:
        for n in range((WARM_S + SECONDS) * rate):
            due = begun + n / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(n, due))
    return Latencies(sorted(seen), sorted(late), errors)


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


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _session(url: str, headers: Mapping[str, str]) -> aiohttp.ClientSession:
    silent = aiohttp.ClientTimeout(total=None)  # an idle listener is no failure
    return aiohttp.ClientSession(url, headers=headers, connector=aiohttp.TCPConnector(limit=0), timeout=silent)


def _stream(session: aiohttp.ClientSession, job: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    return session.get(f"{job}/events", raise_for_status=True)


def _percentile(sorted_ms: Sequence[float], percent: float) -> float:
    return sorted_ms[min(len(sorted_ms) - 1, int(len(sorted_ms) * percent / 100))]


def _show(measured: Sequence[tuple[str, str, Latencies]]) -> None:
    table = Table("ms", "jobs in the store", "p50", "p95", "p99", "p99 / few", "sent late, p99", "errors", box=None)
    few = {what: _percentile(seen.ms, 99) for count, what, seen in measured if count == "few"}
    for count, what, seen in sorted(measured, key=lambda row: row[1]):
        at = partial(_percentile, seen.ms)
        ratio = f"{at(99) / few[what]:.2f}" if what in few else ""
        late = f"{_percentile(seen.late_ms, 99):.1f}"
        table.add_row(what, count, *(f"{at(p):.1f}" for p in (50, 95, 99)), ratio, late, str(seen.errors))
    Console(width=120).print(table)


if __name__ == "__main__":
    sys.exit(main())
