"""A TCP proxy in the way to a server, which can hold back, cut, delay and refuse what passes."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal, Self

Mode = Literal["open", "stalled", "cut"]

REFUSAL = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Later.</Message></Error>"


class Gate:
    """Passes on whatever comes, until told otherwise. Its methods may be called from any thread.

    Stalled, it takes every connection and every byte and passes nothing on, as a network does that drops packets; what
    was held back passes when it is opened again. Cut, it resets every connection.
    """

    def __init__(self, host: str, port: int, *, seed: int = 0) -> None:
        self._server = host, port
        self._mode: Mode = "open"
        self._delay_s = 0.0
        self._refused_share = 0.0
        self._lost = 0
        self._trap: tuple[bytes, Callable[[], None]] | None = None
        self._swallowed: bytes | None = None
        self._random = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._opened = asyncio.Event()
        self._opened.set()
        self._thread = threading.Thread(target=self._run, name=f"gate-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end)
        self._thread.join()

    def open(self) -> None:
        """Let everything pass again."""
        self._do(self._set, "open")

    def stall(self) -> None:
        """Hold everything back."""
        self._do(self._set, "stalled")

    def cut(self) -> None:
        """Reset every connection, and each new one."""
        self._do(self._set, "cut")

    def delay(self, seconds: float) -> None:
        """Let every piece wait."""
        self._delay_s = seconds

    def refuse(self, share: float) -> None:
        """Answer that share of the PUT requests of HTTP with 503."""
        self._refused_share = share

    def lose_answers(self, count: int) -> None:
        """Drop so many pieces that the server sends, and their connections."""
        self._lost = count

    def trap(self, piece: bytes, spring: Callable[[], None]) -> None:
        """Call `spring` when a client sends something that holds `piece`, once, and never pass that on."""
        self._trap = piece, spring

    def swallow(self, piece: bytes) -> None:
        """Pass on nothing that a client sends and that holds `piece`, and leave its connection open."""
        self._swallowed = piece

    def _do(self, what: Callable[..., None], *args: Any) -> None:
        done = threading.Event()

        def do() -> None:
            what(*args)
            done.set()

        self._loop.call_soon_threadsafe(do)
        done.wait(10)

    def _set(self, mode: Mode) -> None:
        self._mode = mode
        (self._opened.clear if mode == "stalled" else self._opened.set)()
        if mode == "cut":
            for writer in self._writers:
                writer.transport.abort()

    def _end(self) -> None:
        self._set("cut")
        self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listener))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._listener.close()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._mode == "cut":
            writer.transport.abort()
            return
        with suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(*self._server)
            self._writers.add(there_writer)
            await asyncio.gather(
                self._pump(reader, there_writer, lambda data: self._look(data, writer)),
                self._pump(there_reader, writer, self._lose),
            )
            self._writers.discard(there_writer)
        writer.transport.abort()
        self._writers.discard(writer)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        look: Callable[[bytes], Awaitable[bool]],
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._opened.wait()
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                if not await look(data):
                    break
                if self._swallowed is not None and self._swallowed in data:
                    continue
                sink.write(data)
                await sink.drain()
        if self._mode == "cut":
            sink.transport.abort()
        else:
            sink.close()

    async def _look(self, data: bytes, back: asyncio.StreamWriter) -> bool:
        """Say whether what a client sends may pass."""
        if self._trap and self._trap[0] in data:
            (_, spring), self._trap = self._trap, None
            spring()
            return False
        if data.startswith(b"PUT ") and self._random.random() < self._refused_share:
            head = f"HTTP/1.1 503 Slow Down\r\nContent-Length: {len(REFUSAL)}\r\nConnection: close\r\n\r\n"
            back.write(head.encode() + REFUSAL)
            await back.drain()
            return False
        return True

    async def _lose(self, _: bytes) -> bool:
        """Say whether what the server sends may pass."""
        self._lost -= 1
        return self._lost < 0
