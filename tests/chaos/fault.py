"""A fault's frame, and the moments to strike at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from service.job import Job
from tests.chaos.parts import Program
from tests.chaos.world import World

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
