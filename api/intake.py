"""Where calls wait for strangers: for images to be fetched and decoded, and for names of servers to be looked up.

They do so on threads of their own, a share for each tenant, so that no other call waits behind them.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio
from anyio.to_thread import run_sync
from starlette.concurrency import run_in_threadpool

from service.errors import IngestUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.spec import RenderSpec

P = ParamSpec("P")
T = TypeVar("T")

THREADS, THREADS_PER_TENANT = 16, 4
PRESENT, PRESENT_PER_TENANT = 128, 32
"""Calls at once, each of which may hold an image in memory: those at work and those that wait for it."""
TURN_S = 30.0
"""Seconds that a call waits for its turn before it is put off."""


@dataclass(slots=True)
class _Guest:
    """A tenant that is present: with how many calls, and whose turn it is among them."""

    turns: anyio.Semaphore = field(default_factory=partial(anyio.Semaphore, THREADS_PER_TENANT))
    present: int = 0


class Intake:
    """The calls of one process that wait for strangers, on its event loop."""

    def __init__(self) -> None:
        self._turns = anyio.Semaphore(THREADS)
        self._threads = anyio.CapacityLimiter(THREADS)
        self._guests: dict[str, _Guest] = {}
        self._present = 0

    async def run(self, tenant: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call of a tenant that waits for strangers.

        Raises:
            IngestUnavailable: too many such calls are present, or it is not its turn in time.
        """
        guest = self._guests.get(tenant) or _Guest()
        if self._present >= PRESENT or guest.present >= PRESENT_PER_TENANT:
            raise IngestUnavailable("too many images are waiting to be taken in")
        self._guests[tenant] = guest
        self._present, guest.present = self._present + 1, guest.present + 1
        try:
            return await self._in_turn(guest, partial(call, *args, **kwargs))
        finally:
            self._present, guest.present = self._present - 1, guest.present - 1
            if not guest.present:
                del self._guests[tenant]

    async def _in_turn(self, guest: _Guest, call: Callable[[], T]) -> T:
        async with AsyncExitStack() as turns:
            try:
                with anyio.fail_after(TURN_S):
                    await turns.enter_async_context(guest.turns)
                    await turns.enter_async_context(self._turns)
            except TimeoutError:
                raise IngestUnavailable(f"no turn to take images in within {TURN_S:g} s") from None
            return await run_sync(call, limiter=self._threads)

    async def run_for(
        self, spec: RenderSpec, tenant: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Make a call with a spec: here if the spec names strangers, and otherwise where all other calls are made."""
        if spec.names_strangers:
            return await self.run(tenant, call, *args, **kwargs)
        return await run_in_threadpool(call, *args, **kwargs)
