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

UNROUTED = "none"
"""Stands for a path that no route has: what strangers ask for must not become labels."""


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
        begun = time.perf_counter()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                held = any(name == b"preference-applied" for name, _ in message["headers"])
                status = "held" if held else str(message["status"])
                route = getattr(scope.get("route"), "path", UNROUTED)
                self._answers.labels(scope["method"], route, status).observe(time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, send_timed)
