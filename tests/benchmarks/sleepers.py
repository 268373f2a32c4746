"""Many workers on one machine, real in everything but that they sleep for as long as a painting would take.

    python -m tests.benchmarks.sleepers SETTINGS.json WORKERS SECONDS NOTES

Each is a Celery worker with its own child, made as `impasto worker` makes it; only its task differs, and that is the
one here. The modules are loaded once and the workers forked, so that sixty-four start in seconds. What each did goes
into a file of its own in the folder NOTES, a line of JSON for each job.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from service.attempt_files import AttemptFiles
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

CHANCE, STEPS = random.Random(5), 16


def sleep_instead_of_painting(
    _: RenderSpec, images: Images, *, seconds: float, slept: list[float], **__: object
) -> Generator[Step, None, Painting]:
    """Take about as long as a painting, a fifth more or less, and give the photograph back; note how long it was."""
    picture, losses, each = images["/content"], _losses(), seconds * CHANCE.uniform(0.8, 1.2) / STEPS
    for step in range(STEPS):
        yield Step(512, step, STEPS, _losses(), lambda: picture.pixels, no_checkpoint)
        begun = time.monotonic()
        time.sleep(each)
        slept.append(time.monotonic() - begun)
    weights = f"{CHANCE.getrandbits(256):064x}"
    return Painting(
        {"result": picture}, {"result": BeforeAfter(losses, _losses())}, {}, 100, "none: it sleeps", weights
    )


def _losses() -> Losses:
    """Give numbers as long as real ones, which no two jobs share."""
    layers = {f"relu{n}_1": CHANCE.expovariate(1) for n in range(1, 6)}
    total, content, style, first = (CHANCE.expovariate(1) for _ in range(4))
    return Losses(total, content, style, 0.0, {"relu4_2": content, "relu1_1": first}, layers)


def work(settings: Settings, seconds: float, notes: Path) -> int:
    """Be one worker, until SIGTERM."""
    app, name = bare_celery(settings), f"sleeper:{os.getpid()}"
    carried = timed(AttemptFiles, "inputs", "store", "tidy")
    CHANCE.seed(os.getpid())
    file = (notes / f"{os.getpid()}.jsonl").open("a", buffering=1)

    @app.task(name=RENDER_TASK)
    def render() -> None:
        services, begun, claims, slept = open_once(settings), time.monotonic(), list[float](), list[float]()
        carried.clear()

        @contextmanager
        def held(job: Job, *, asked: float) -> Iterator[HeldLease]:
            claims.append(time.monotonic() - asked)
            with hold(job, claims=services.claims, ttl_s=settings.lease_ttl_s, asked=asked) as lease:
                yield lease

        paint = partial(sleep_instead_of_painting, seconds=seconds, slept=slept)
        if render_next(services=services, paint=paint, hold=held, worker=name) is not None:
            took = {"claim_s": claims[0], "slept_s": sum(slept), "carried_s": sum(carried)}
            file.write(json.dumps({"begun": begun, "ended": time.monotonic(), **took}) + "\n")

    return consume(app)


def timed(kind: type, *names: str) -> list[float]:
    """Have these methods note how long each call of them takes."""
    took: list[float] = []

    def noting(method: Callable[..., object]) -> Callable[..., object]:
        def noted(*given: object, **named: object) -> object:
            begun = time.monotonic()
            try:
                return method(*given, **named)
            finally:
                took.append(time.monotonic() - begun)

        return noted

    for name in names:
        setattr(kind, name, noting(getattr(kind, name)))
    return took


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
