"""An upgrade, as the runbook does it: every process told to stop and started again, one after the other, under load."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from api.client import Client, Patience
from service.job import Job
from tests.chaos.fault import LONG, SHORT, fault, painting
from tests.chaos.parts import Program
from tests.chaos.verdict import Row, judge
from tests.chaos.world import TENANTS, World, posting

EVERY_S = 0.5
"""Between two posts."""


def rolling_restart(world: World) -> Row:
    """Restart workers, keeper, API, Redis and S3 in turn while a client goes on posting: no attempt is charged."""
    with fault(world) as since:
        jobs = world.submit(2, iterations=LONG)
        with _posting(world, jobs[0]) as posted:
            for worker in world.workers:
                painting(world)
                world.strike(worker, partial(_restart, worker))
                world.at_work()
            _restart(world.keeper)
            _restart(world.api)
            with world.outage():
                _restart(world.redis)
                world.until(lambda: world.services.jobs.ping() is None)
            _restart(world.s3)
            world.until(lambda: world.services.blobs.ping() is None)
            before = len(posted)
            world.until(lambda: len(posted) >= before + 3)
        jobs += [world.services.jobs.get(TENANTS[0], job_id) for job_id in posted]
        done = world.all_done(jobs)
        assert {job.attempt for job in done} == {1}, "who is told to stop is charged no attempt"
    return judge(world, "all processes restarted in turn", jobs, since=since)


def _restart(program: Program) -> None:
    """Tell it to stop, wait until it has, and start it again."""
    program.signal(signal.SIGTERM)
    program.wait()
    program.start()


@contextmanager
def _posting(world: World, like: Job) -> Iterator[list[str]]:
    """Post short jobs over HTTP all the while, with the client that others use; give the ids of those accepted."""
    image = like.spec.content
    assert image is not None
    spec, posted, stop = posting(image.upload_id or "", SHORT), list[str](), threading.Event()
    failed: list[Exception] = []

    def post() -> None:
        with Client(world.url, world.key, patience=Patience(deadline_s=60.0)) as client:
            while not stop.wait(EVERY_S):
                posted.append(client.submit({}, spec).id)

    def run() -> None:
        try:
            post()
        except Exception as error:  # noqa: BLE001 - told below, in the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield posted
    finally:
        stop.set()
        thread.join(timeout=90)
    assert not failed, failed
    assert posted
