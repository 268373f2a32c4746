"""How long answers take, by route, measured where every request passes; and whether the loop that gives them turns."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from prometheus_client import Histogram
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
UNROUTED = "none"
"""Stand for a method that no route has, and for such a path: what strangers ask for must not become labels."""


CRASHED = "500"
STANDS_STILL_S = 3.0
"""For which the loop may be busy with one thing."""


def turning(loop: AbstractEventLoop) -> Callable[[], str | None]:
    """Make the check that a loop turns, for another thread to ask."""

    def turns() -> str | None:
        turned = Event()
        loop.call_soon_threadsafe(turned.set)
        return None if turned.wait(STANDS_STILL_S) else f"the event loop has stood still for {STANDS_STILL_S:g} s"

    return turns


class Timed:
    """Measures the seconds until each answer begins; of a stream, too, for it may go on for hours.

    An answer that `Prefer: wait` asked to be held back counts as `held`, whatever its status: it is late because it was
    to be.
    """

    def __init__(self, app: ASGIApp, answers: Histogram) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answered = time.perf_counter(), False

        def observe(status: str) -> None:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            self._answers.labels(method, route_of(scope), status).observe(time.perf_counter() - begun)

        async def send_timed(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                held = any(name == b"preference-applied" for name, _ in message["headers"])
                observe("held" if held else str(message["status"]))
                answered = True
            await send(message)

        try:
            await self._app(scope, receive, send_timed)
        except Exception:
            if not answered:  # the framework answers what nobody foresaw, outside of all that it passes here
                observe(CRASHED)
            raise


def route_of(scope: Scope) -> str:
    """Name the route that a request has come to."""
    path: str = getattr(scope.get("route"), "path", UNROUTED)
    return path
