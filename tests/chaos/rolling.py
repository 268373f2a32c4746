"""An upgrade, as the runbook does it: every process told to stop and started again, one after the other, under load."""

from __future__ import annotations

import signal
from functools import partial

from tests.chaos.fault import LONG, SHORT, fault, painting
from tests.chaos.parts import Program
from tests.chaos.verdict import Row, judge
from tests.chaos.world import TENANTS, World, posting
from tests.load_meanwhile import posted_meanwhile


def rolling_restart(world: World) -> Row:
    """Restart workers, keeper, API, Redis and S3 in turn while a client goes on posting: no attempt is charged."""
    with fault(world) as since:
        jobs = world.submit(2, iterations=LONG)
        image = jobs[0].spec.content
        assert image is not None
        spec = posting(image.upload_id or "", SHORT)
        with posted_meanwhile(world.url, world.key, {}, spec) as posted:
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
