"""Connections to addresses that were checked, on which nothing takes longer than it may."""

from __future__ import annotations

import time
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

RESOLVE_S = 5.0
"""Seconds that a resolver may take."""
ADDRESSES_MAX = 8
"""So many of a host's addresses are tried: a name with hundreds shall not make us knock at all of them."""


class Checked(httpcore.NetworkBackend):
    """Connects to checked addresses alone, and lets nothing take longer than `until`."""

    def __init__(self, addresses: Callable[..., list[str]], until: float) -> None:
        self._addresses = addresses
        self._until = until
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of a few addresses that answers."""
        addresses = self._addresses(host, port, until=self._until)[:ADDRESSES_MAX]
        for last, address in enumerate(addresses, start=1 - len(addresses)):
            try:
                stream = self._network.connect_tcp(
                    address, port, _left(timeout, self._until), local_address, socket_options
                )
            except httpcore.ConnectError:
                if last == 0:
                    raise
            else:
                return Timed(stream, self._until)
        raise httpcore.ConnectError("it has no address")


class Timed(httpcore.NetworkStream):
    """A connection on which nothing takes longer than `until`, however slowly the other side sends."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come."""
        return self._stream.read(max_bytes, _left(timeout, self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self._stream.write(buffer, _left(timeout, self._until))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on with TLS, to the server of that name."""
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(timeout, self._until))
        return Timed(secured, self._until)

    def get_extra_info(self, info: str) -> Any:
        """Tell what the connection knows of itself."""
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left if timeout is None else min(timeout, left)


def resolved(resolve: Callable[[str, int], Iterable[str]], host: str, port: int, *, until: float) -> list[str]:
    """Resolve a name on a thread, for a resolver knows no timeout."""
    found: Queue[list[str]] = Queue()

    def ask() -> None:
        try:
            found.put(list(resolve(host, port)))
        except OSError:
            found.put([])

    Thread(target=ask, name="resolve", daemon=True).start()
    try:
        addresses = found.get(timeout=_left(RESOLVE_S, until))
    except Empty:
        raise httpcore.ConnectTimeout("the resolver did not answer") from None
    if not addresses:
        raise httpcore.ConnectError("it has no address")
    return addresses
