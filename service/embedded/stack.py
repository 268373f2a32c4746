"""`impasto up`: one folder, one lock, and everything that runs under it until somebody asks it to stop."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

from rich.console import Console

from service.embedded.assembly import Assembly, PortTaken, StopRequested
from service.embedded.events import Event, StopAsked
from service.embedded.folder import MINIMUM_FREE_BYTES, Folder, hold, open_folder
from service.embedded.journal import Journal
from service.embedded.leftovers import end_leftovers
from service.embedded.ports import choose_api_port
from service.embedded.supervision import supervise
from service.errors import StackError
from service.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


STARTS_MAX = 3
"""A port that was free when it was chosen may be taken when a part wants it; then new ones are tried."""


def run_stack(
    data: Path, port: int, *, console: Console | None = None, minimum_free_bytes: int = MINIMUM_FREE_BYTES
) -> int:
    """Run the whole service on loopback until SIGINT, SIGTERM or SIGHUP.

    While all is ready, `stack.json` in the folder says where (see `RunningStack`).

    Args:
        data: the folder that keeps everything; made if need be.
        port: the API's; 0 takes a free one.
        console: where to say what happens; stdout unless given.
        minimum_free_bytes: room that the folder's disk must have.

    Returns:
        0, after everything has stopped in order.

    Raises:
        StackError: the stack can't start, or a part failed for good; everything has been stopped then.
        SetupError: a variable of the environment is wrong.
    """
    journal = Journal(console or Console(highlight=False))
    events: SimpleQueue[Event] = SimpleQueue()
    _refuse_production()
    try:
        folder = open_folder(data, minimum_free_bytes=minimum_free_bytes)
        with hold(folder) as killed, _stop_signals(events):
            _clean_up_after(killed, folder, journal)
            _run(folder, port, events, journal)
            journal.closed()
    except OSError as error:
        raise StackError(f"{error.filename or data}: {error.strerror or error}") from error
    return 0


def _refuse_production() -> None:
    if read_settings().environment == "production":
        raise StackError("`impasto up` is for one's own machine: unset IMPASTO_ENVIRONMENT, or deploy the parts.")


def _clean_up_after(killed: int | None, folder: Folder, journal: Journal) -> None:
    with journal.awaiting("looking for what a killed stack left behind"):
        found = end_leftovers(folder)
    if killed is not None or found:
        journal.left_behind(killed, found)


def _run(folder: Folder, port: int, events: SimpleQueue[Event], journal: Journal) -> None:
    for attempt in range(1, STARTS_MAX + 1):
        try:
            _run_once(folder, port, events, journal, keep_ports=attempt == 1)
        except PortTaken:
            if attempt == STARTS_MAX:
                raise
            journal.port_taken()
        else:
            return


def _run_once(folder: Folder, port: int, events: SimpleQueue[Event], journal: Journal, *, keep_ports: bool) -> None:
    free_port = choose_api_port(port)
    journal.opening(folder)
    try:
        with supervise(folder, events) as supervision:
            assembly = Assembly(folder, supervision, events, journal)
            try:
                assembly.start(free_port, keep_ports=keep_ports)
                assembly.watch()
            except StopRequested:
                pass
            finally:
                assembly.stop()
    finally:
        end_leftovers(folder)


@contextmanager
def _stop_signals(events: SimpleQueue[Event]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # A SimpleQueue may be put to from within a signal handler, even while the same thread waits for it.
    before = [signal.signal(number, lambda *_: events.put(StopAsked())) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
