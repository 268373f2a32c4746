"""Every row of the matrix: a fault, done to a stack that is painting. Each leaves its jobs done and nothing broken."""

from __future__ import annotations

import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

import httpx
import pytest

from service.errors import Unavailable
from service.job import Job, JobState
from service.stores.queue import DOORBELL
from tests.chaos.parts import Program
from tests.chaos.verdict import Row, judge
from tests.chaos.world import World, posting

LONG, SHORT = 500, 4
"""Iterations at 64 pixels: longer than two checkpoints are apart, and as short as it gets."""


@contextmanager
def fault(world: World) -> Iterator[float]:
    """Begin a row: nothing has been killed yet; end it with everything running again."""
    world.kills.clear()
    world.outages.clear()
    world.killed = 0
    yield time.time()
    world.redis_gate.open()
    world.s3_gate.open()
    world.s3_gate.refuse(0)
    world.revive()


def painting(world: World, *, beyond: int = 1) -> tuple[Program, Job]:
    """Wait until some worker is beyond an iteration; give it and its job."""

    def found() -> tuple[Program, Job] | None:
        for worker in world.workers:
            job = world.painting(worker)
            if job and world.iteration(job) >= beyond:
                return worker, job
        return None

    busy: tuple[Program, Job] = world.until(found)
    return busy


def saved(world: World) -> tuple[Program, Job]:
    """Wait until some worker's job has a checkpoint; give both."""

    def found() -> tuple[Program, Job] | None:
        for worker in world.workers:
            job = world.painting(worker)
            if job and world.job(job).checkpoint:
                return worker, job
        return None

    busy: tuple[Program, Job] = world.until(found)
    return busy


# The processes of a worker


def worker_killed(world: World) -> Row:
    """SIGKILL the worker: its child goes with it."""
    with fault(world) as since:
        jobs = world.submit(2, iterations=LONG)
        worker, _ = saved(world)
        world.strike(worker, worker.kill)
        world.revive()
        world.all_done(jobs)
    return judge(world, "worker killed", jobs, since=since)


def child_killed(world: World) -> Row:
    """SIGKILL the child that paints."""
    with fault(world) as since:
        jobs = world.submit(2, iterations=LONG)
        worker, _ = saved(world)
        world.strike(worker, worker.kill_child)
        world.all_done(jobs)
    return judge(world, "its child killed", jobs, since=since)


def both_killed(world: World) -> Row:
    """SIGKILL the child, and the worker a moment later, at a random point of the painting."""
    with fault(world) as since:
        jobs = world.submit(2, iterations=LONG)
        worker, _ = painting(world, beyond=random.Random(3).randrange(1, LONG // 2))

        def both() -> None:
            worker.kill_child()
            worker.kill()

        world.strike(worker, both)
        world.revive()
        world.all_done(jobs)
    return judge(world, "both killed, at a random moment", jobs, since=since)


def told_to_stop(world: World) -> Row:
    """SIGTERM while painting: handed over with no attempt charged, and the worker leaves."""
    with fault(world) as since:
        jobs = world.submit(1, iterations=LONG)
        worker, _ = painting(world, beyond=LONG // 10)
        world.strike(worker, lambda: worker.signal(signal.SIGTERM))
        assert worker.wait(30) == 0
        world.revive()
        [done] = world.all_done(jobs)
        assert (done.attempt, done.fence) == (1, 2)
    return judge(world, "SIGTERM while painting", jobs, since=since)


def poison(world: World) -> Row:
    """Kill whoever takes one job, every time: it fails at its cap, its neighbours are unharmed."""
    with fault(world) as since:
        [bad] = world.submit(1, iterations=LONG, attempts_max=3, priority="high")
        neighbours = world.submit(4, iterations=SHORT)

        def taken_back(fence: int) -> bool:
            now = world.job(bad)
            return now.fence > fence or now.state.terminal

        def end_it() -> bool:
            for worker in world.workers:
                job = world.painting(worker)
                if job and job.id == bad.id and world.iteration(job) > 0:
                    world.strike(worker, worker.kill_child)
                    world.until(partial(taken_back, job.fence))
            return world.job(bad).state.terminal

        world.until(end_it)
        world.all_done(neighbours)
    error = world.job(bad).error
    assert error is not None
    assert error.attempt == 3
    return judge(world, "a job that kills its process", [bad, *neighbours], since=since, failures=["worker_lost"])


# Redis


def redis_killed(world: World) -> Row:
    """SIGKILL Redis with jobs queued and jobs running; it reads its AOF back."""
    with fault(world) as since:
        jobs = world.submit(2, iterations=LONG) + world.submit(6, iterations=SHORT)
        worker, _ = painting(world, beyond=20)
        world.strike(worker, world.redis.kill)
        time.sleep(1)
        world.redis.start()
        world.until(lambda: world.services.jobs.ping() is None)
        world.all_done(jobs)
        later = world.submit(2, iterations=SHORT)
        world.all_done(later)
    return judge(world, "Redis killed and started again", [*jobs, *later], since=since)


def network_cut_shortly(world: World) -> Row:
    """Workers and Redis can't hear each other for less than a lease."""
    with fault(world) as since:
        jobs = world.submit(2, iterations=LONG)
        worker, _ = painting(world, beyond=20)
        world.strike(worker, world.redis_gate.stall, kills=False)
        time.sleep(world.lease_ttl_s / 4)
        world.redis_gate.open()
        done = world.all_done(jobs)
        assert [job.fence for job in done] == [1, 1]
    return judge(world, "network cut for less than a lease", jobs, since=since)


def network_cut(world: World) -> Row:
    """Workers and Redis can't hear each other for longer than a lease: the cut-off workers stop by themselves."""
    with fault(world) as since:
        jobs = world.submit(2, iterations=LONG)
        worker, _ = saved(world)
        world.strike(worker, world.redis_gate.stall, kills=False)
        world.until(
            lambda: all(world.job(job).state is JobState.QUEUED for job in jobs), within_s=3 * world.lease_ttl_s
        )
        world.until(lambda: sum(e["event"] == "lease_lost" for e in world.events(since)) >= 2)
        cut_s = time.time() - since
        world.redis_gate.open()
        world.all_done(jobs)
    row = judge(world, "network cut for longer than a lease", jobs, since=since)
    assert cut_s > world.lease_ttl_s
    return row


# S3


def storage_away(world: World) -> Row:
    """S3 is away for a while, in the middle of it all."""
    with fault(world) as since:
        jobs = world.submit(6, iterations=40)
        painting(world)
        world.s3_gate.cut()
        time.sleep(world.storage_away_s)
        world.s3_gate.open()
        done = world.all_done(jobs)
        assert {job.attempt for job in done} == {1}
    return judge(world, "S3 away", jobs, since=since)


def storage_refuses(world: World) -> Row:
    """S3 refuses one PUT in five."""
    with fault(world) as since:
        world.s3_gate.refuse(0.2)
        jobs = world.submit(12, iterations=SHORT)
        done = world.all_done(jobs)
        assert {job.attempt for job in done} == {1}
    return judge(world, "S3 refuses one PUT in five", jobs, since=since)


# Messages and the API


def messages_lost(world: World) -> Row:
    """Every message is lost before anybody hears it."""
    with fault(world) as since:
        stop = threading.Event()

        def lose() -> None:
            while not stop.wait(0.001):
                with suppress(Exception):
                    world.services._redis.delete(f"{world.settings.redis_prefix}{DOORBELL}")

        loser = threading.Thread(target=lose)
        loser.start()
        try:
            jobs = world.submit(6, iterations=SHORT)
            time.sleep(3)
        finally:
            stop.set()
            loser.join()
        world.all_done(jobs)
    return judge(world, "every message lost", jobs, since=since)


def messages_doubled(world: World) -> Row:
    """Every message comes five times, at once and late."""
    with fault(world) as since:
        jobs = world.submit(6, iterations=SHORT)
        for _ in range(5 * len(jobs)):
            world.services.queue.ring()
        world.all_done(jobs)
        for _ in range(5 * len(jobs)):
            world.services.queue.ring()
        world.until(lambda: world.services.queue.unheard() == 0)
    return judge(world, "every message five times", jobs, since=since)


def api_killed_before_the_ring(world: World) -> Row:
    """Kill the API between the record and the ring; the client asks again under its key."""
    return _api_killed(world, "API killed before the ring", piece=b"LPUSH")


def api_killed_after_the_ring(world: World) -> Row:
    """Kill the API after the ring, before its answer is kept; the client asks again under its key."""
    return _api_killed(world, "API killed after the ring", piece=b"HSETNX")


def _api_killed(world: World, name: str, *, piece: bytes) -> Row:
    with fault(world) as since:
        upload = world.submit(1, iterations=SHORT, tenant="ada")[0].spec.content
        assert upload is not None
        headers = {"Authorization": f"Bearer {world.key}", "Idempotency-Key": uuid.uuid4().hex}
        spec = posting(upload.upload_id or "", SHORT)

        def post() -> httpx.Response:
            return httpx.post(f"{world.url}/v1/jobs", json=spec, headers=headers, timeout=30)

        world.killed += 1
        world.redis_gate.trap(piece, world.api.kill)
        with suppress(httpx.TransportError):
            pytest.fail(f"the API lives, and answered {post().text}")
        world.api.wait()
        known = list(world.services._redis.scan_iter(f"{world.settings.redis_prefix}job:ada:*"))
        world.revive()

        def again() -> str | None:
            with suppress(httpx.TransportError):
                answer = post()
                return str(answer.json()["id"]) if answer.status_code == 202 else None
            return None

        job_id = world.until(again)
        assert f"{world.settings.redis_prefix}job:ada:{job_id}" in known
        job = world.services.jobs.get("ada", job_id)
        world.all_done([job])
    return judge(world, name, [job], since=since)


# All of it


def everything(world: World, *, jobs: int = 200, seed: int = 7) -> Row:
    """Short jobs under all of the above, at random."""
    dice = random.Random(seed)
    with fault(world) as since:
        submitted: list[Job] = []
        names = [*_BLOWS]
        while len(submitted) < jobs:
            with suppress(Unavailable):
                submitted += world.submit(min(10, jobs - len(submitted)), iterations=SHORT)
            _BLOWS[dice.choice(names)](world, dice)
            world.revive()
        world.redis_gate.open()
        world.s3_gate.open()
        world.s3_gate.refuse(0)
        world.all_done(submitted, within_s=600)
    return judge(world, f"{jobs} short jobs under all of it", submitted, since=since)


def _some_worker(world: World, dice: random.Random) -> Program:
    return world.workers[dice.randrange(len(world.workers))]


def _kill_worker(world: World, dice: random.Random) -> None:
    worker = _some_worker(world, dice)
    world.strike(worker, worker.kill)


def _kill_child(world: World, dice: random.Random) -> None:
    worker = _some_worker(world, dice)
    world.strike(worker, worker.kill_child)


def _stop_worker(world: World, dice: random.Random) -> None:
    worker = _some_worker(world, dice)
    world.strike(worker, lambda: worker.signal(signal.SIGTERM))
    worker.wait(60)


def _restart_redis(world: World, dice: random.Random) -> None:
    world.killed += 1
    with world.outage():
        world.redis.kill()
        time.sleep(dice.uniform(0, 1))
        world.redis.start()
        world.until(lambda: world.services.jobs.ping() is None)


def _cut_network(world: World, dice: random.Random) -> None:
    with world.outage():
        world.redis_gate.stall()
        time.sleep(dice.choice([1.0, 2.0, world.lease_ttl_s + 3]))
        world.redis_gate.open()


def _cut_storage(world: World, dice: random.Random) -> None:
    world.s3_gate.cut()
    time.sleep(dice.uniform(1, 4))
    world.s3_gate.open()


def _refuse_puts(world: World, dice: random.Random) -> None:
    world.s3_gate.refuse(dice.choice([0.0, 0.2]))


def _lose_messages(world: World, _: random.Random) -> None:
    with suppress(Unavailable):
        world.services._redis.delete(f"{world.settings.redis_prefix}{DOORBELL}")


def _double_messages(world: World, _: random.Random) -> None:
    for _ring in range(20):
        world.services.queue.try_ring()


_BLOWS: Mapping[str, Callable[[World, random.Random], None]] = {
    blow.__name__: blow
    for blow in (
        _kill_worker,
        _kill_child,
        _stop_worker,
        _restart_redis,
        _cut_network,
        _cut_storage,
        _refuse_puts,
        _lose_messages,
        _double_messages,
    )
}

SCENARIOS: tuple[Callable[[World], Row], ...] = (
    worker_killed,
    child_killed,
    both_killed,
    redis_killed,
    network_cut_shortly,
    network_cut,
    storage_away,
    storage_refuses,
    told_to_stop,
    messages_lost,
    messages_doubled,
    poison,
    api_killed_before_the_ring,
    api_killed_after_the_ring,
    everything,
)
