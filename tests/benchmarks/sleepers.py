"""Many workers on one machine, real in everything but that they sleep for as long as a painting would take.

    python -m tests.benchmarks.sleepers SETTINGS.json WORKERS SECONDS NOTES

Each is a Celery worker with its own child, made as `impasto worker` makes it; only its task differs, and that is the
one here. The modules are loaded once and the workers forked, so that sixty-four start in seconds. What each did goes
into a file of its own in the folder NOTES, a line of JSON for each job.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from service.job import Job
from service.painting import BeforeAfter, Images, Losses, Painting, Step
from service.render import render_next
from service.settings import Settings
from service.spec import RenderSpec
from service.stores.queue import RENDER_TASK
from tests.paintings import no_checkpoint
from workers.app import bare_celery, consume
from workers.lease import HeldLease, hold
from workers.tasks import open_once

LOSS = Losses(3.0, 1.0, 2.0, 0.0, {"relu4_2": 1.0, "relu1_1": 1.0}, {f"relu{n}_1": 2.0 for n in range(1, 6)})


def sleep_instead_of_painting(
    _: RenderSpec, images: Images, *, seconds: float, **__: object
) -> Generator[Step, None, Painting]:
    """Take as long as a painting, and give the photograph back."""
    picture = images["/content"]
    yield Step(512, 0, 1, LOSS, lambda: picture.pixels, no_checkpoint)
    time.sleep(seconds)
    yield Step(512, 1, 1, LOSS, lambda: picture.pixels, no_checkpoint)
    return Painting({"result": picture}, {"result": BeforeAfter(LOSS, LOSS)}, {}, 1, "none: it sleeps", "00")


def work(settings: Settings, seconds: float, notes: Path) -> int:
    """Be one worker, until SIGTERM."""
    app, name = bare_celery(settings), f"sleeper:{os.getpid()}"
    file = (notes / f"{os.getpid()}.jsonl").open("a", buffering=1)

    @app.task(name=RENDER_TASK)
    def render() -> None:
        services, begun, claims = open_once(settings), time.monotonic(), list[float]()

        @contextmanager
        def held(job: Job, *, asked: float) -> Iterator[HeldLease]:
            claims.append(time.monotonic() - asked)
            with hold(job, claims=services.claims, ttl_s=settings.lease_ttl_s, asked=asked) as lease:
                yield lease

        paint = partial(sleep_instead_of_painting, seconds=seconds)
        if render_next(services=services, paint=paint, hold=held, worker=name) is not None:
            note = {"begun": begun, "claim_s": claims[0], "ended": time.monotonic()}
            file.write(json.dumps(note) + "\n")

    return consume(app)


def main(settings: Settings, workers: int, seconds: float, notes: Path) -> None:
    """Fork the workers, and end them all at SIGTERM."""
    children = []
    for _ in range(workers):
        child = os.fork()
        if child == 0:
            os._exit(work(settings, seconds, notes))
        children.append(child)

    def end(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    sys.stdout.write("started\n")
    sys.stdout.flush()
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    file, count, length, folder = sys.argv[1:]
    main(Settings(**json.loads(Path(file).read_text())), int(count), float(length), Path(folder))
