"""A way to a server that opens late, for faults of the network; a process of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def late_relay(target: str, *, after_s: float) -> Iterator[str]:
    """Give an address that refuses every connection for `after_s` seconds, and passes on to `target` from then."""
    command = [sys.executable, "-m", "tests.relay", target, str(after_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


async def _relay(target: str, after_s: float) -> None:
    parts = urlsplit(target)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))  # bound but not listening: refused
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.sleep(after_s)
    server = await asyncio.start_server(pass_on, sock=listener)
    await server.serve_forever()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()


if __name__ == "__main__":
    asyncio.run(_relay(sys.argv[1], float(sys.argv[2])))
