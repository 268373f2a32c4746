"""Every row of the matrix: a fault, done to a stack that is painting. Each leaves its jobs done and nothing broken."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from functools import partial

from service.job import JobState
from tests.chaos.everything import everything
from tests.chaos.fault import LONG, SHORT, fault, painting, saved
from tests.chaos.messages import (
    api_killed_after_the_ring,
    api_killed_before_the_ring,
    messages_doubled,
    messages_lost,
)
from tests.chaos.receivers import keeper_killed_while_it_tells
from tests.chaos.rolling import rolling_restart
from tests.chaos.verdict import Row, judge
from tests.chaos.world import World

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
        jobs = world.submit(2, iterations=3 * LONG)  # longer than it takes them to notice
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
        jobs = world.submit(6, iterations=LONG // 2)
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
    keeper_killed_while_it_tells,
    rolling_restart,
    everything,
)
