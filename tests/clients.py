"""Both clients under one interface, their core under none, and jobs as a service writes them, this one or a newer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from api.client import AsyncClient, Client, Patience
from api.client.steps import Done, Outcome, Pause, Request, Send, advance
from service.job import Job, OutputFile
from service.wiring import Services
from tests.jobs import claimed

KINDS = ("sync", "async")
SOON = Patience(deadline_s=5.0, first_s=0.01)


class Waited:
    """The asynchronous client, or one of its resources, called as the synchronous one is."""

    def __init__(self, client: Any, runner: asyncio.Runner) -> None:
        self._client, self._runner = client, runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return Waited(found, self._runner)

        def call(*args: Any, **options: Any) -> Any:
            called = found(*args, **options)
            return self._each(called) if isinstance(called, AsyncIterator) else self._runner.run(called)

        return call

    def _each(self, values: AsyncIterator[Any]) -> Iterator[Any]:
        try:
            while (value := self._runner.run(_next(values))) is not None:
                yield value
        finally:
            self._runner.run(values.aclose())  # type: ignore[attr-defined]


@contextmanager
def opened(kind: str, url: str, key: str = "imp_a_b", *, patience: Patience = SOON) -> Iterator[Client]:
    """Open one of the two clients."""
    if kind == "sync":
        with Client(url, key, patience=patience) as client:
            yield client
    else:
        with asyncio.Runner() as runner:
            waiting = AsyncClient(url, key, patience=patience)
            try:
                yield cast("Client", Waited(waiting, runner))
            finally:
                runner.run(waiting.close())


@dataclass
class World:
    """A clock that only pauses move, and outcomes that come one after the other, the last one for ever."""

    outcomes: list[Outcome]
    now: float = 0.0
    sent: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def patience(self, chance: float = 1.0, **options: Any) -> Patience:
        return Patience(clock=lambda: self.now, chance=lambda: chance, **options)

    def take(self, call: Generator[Any, Any, Any]) -> Any:
        outcome: Outcome = None
        while not isinstance(step := advance(call, outcome), Done):
            outcome = None
            if isinstance(step, Pause):
                self.pauses.append(step.seconds)
                self.now += step.seconds
            elif isinstance(step, Send):
                self.sent.append(step.request)
                outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        return step.result


def finished(services: Services, picture: bytes) -> None:
    """Do what a worker does with the next job."""
    publish(services, claimed(services), picture)


def publish(services: Services, mine: Job, picture: bytes) -> None:
    """Put a picture into the storage, and end the job with it."""
    key = f"{mine.attempt_prefix}result.png"
    services.blobs.put(key, picture, content_type="image/png")
    made = OutputFile("result", key, hashlib.sha256(picture).hexdigest(), len(picture), "image/png", 3, 2)
    assert services.claims.commit(mine, [made], {"device": "cpu"})


@contextmanager
def painting(services: Services, picture: bytes, *, every_s: float = 0.05) -> Iterator[None]:
    """Have a worker that paints the same picture for every job, whenever one comes."""
    stop = threading.Event()

    def paint() -> None:
        while not stop.wait(every_s):
            if (mine := services.claims.claim("w")) is not None:
                services.claims.renew(mine, {"fraction": 0.5, "phase": "paint", "iteration": 1, "iterations": 2})
                publish(services, mine, picture)

    thread = threading.Thread(target=paint)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def job_json(**changes: Any) -> bytes:
    """Write a job as a service answers it."""
    links = dict.fromkeys(("self", "events", "cancel", "retry", "preview", "result", "inputs"), "/")
    nothing = dict.fromkeys(
        ("progress", "queue", "started_at", "finished_at", "expires_at", "report", "error", "batch", "custom_id")
    )
    job = {"id": "j", "kind": "transfer", "status": "queued", "terminal": False, "attempt": 0, "attempts_max": 3}
    job |= {"spec": {}, "created_at": "2026-01-01T00:00:00Z", "outputs": [], "labels": {}, "links": links}
    return json.dumps(job | nothing | changes).encode()


async def _next(values: AsyncIterator[Any]) -> Any:
    return await anext(values, None)
