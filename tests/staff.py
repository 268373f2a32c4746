"""Somebody for everything: what a system needs around a doctor, a keeper that keeps and a worker that is present."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

from service.keep import keep
from service.wiring import Services


@contextmanager
def at_work(act: Callable[[Event], None]) -> Iterator[None]:
    """Let something run in a thread of its own; the event tells it to end."""
    stop = Event()
    thread = Thread(target=act, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def staff(services: Services) -> Iterator[Services]:
    """A keeper that keeps, and a worker `w` that says it is there and takes no job."""

    def be_present(stop: Event) -> None:
        while not stop.is_set():
            services.presence.beat("worker", "w")
            stop.wait(1)

    with at_work(partial(keep, services)), at_work(be_present):
        while not (services.presence.alive("keeper") and services.presence.alive("worker")):
            pass
        yield services
