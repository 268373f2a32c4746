"""Short jobs under every kind of fault, at random."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from service.errors import Unavailable
from service.job import Job
from service.stores.queue import DOORBELL
from tests.chaos.fault import SHORT, fault
from tests.chaos.parts import Program
from tests.chaos.verdict import Row, judge
from tests.chaos.world import World


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
