"""A client of the API that speaks HTTP byte by byte, as no library would."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

import httpx


@contextmanager
def dialled(client: httpx.Client, *, receives_bytes: int | None = None) -> Iterator[socket.socket]:
    """Connect to where a client's service is; `receives_bytes` makes the receiving buffer as small as it may be."""
    with socket.socket() as line:
        line.settimeout(30)
        if receives_bytes is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives_bytes)
        line.connect((client.base_url.host, client.base_url.port))
        yield line


def head(client: httpx.Client, request: str, *more: str) -> bytes:
    """Write a request's line and headers, with the client's key."""
    own = (f"Host: {client.base_url.host}", f"Authorization: {client.headers['authorization']}")
    return "\r\n".join([f"{request} HTTP/1.1", *own, *more, "", ""]).encode("latin-1")


class _Unbuffered:
    """A line as the standard library's client reads it, who would otherwise take more from it than it gives."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def makefile(self, mode: str) -> socket.SocketIO:
        assert mode == "rb"
        return self._line.makefile("rb", buffering=0)


def answer_on(line: socket.socket) -> httpx.Response:
    """Read one answer, and nothing of what may have come behind it."""
    answer = http.client.HTTPResponse(cast("socket.socket", _Unbuffered(line)))
    answer.begin()
    return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


def sent(client: httpx.Client, *pieces: bytes) -> httpx.Response:
    """Send bytes, and read the answer; the service may stop reading at any time."""
    with dialled(client) as line:
        for piece in pieces:
            try:
                line.sendall(piece)
            except OSError:  # it has answered and ended
                break
        return answer_on(line)


def taken(line: socket.socket, piece: bytes, *, for_s: float = 30.0) -> int:
    """Send a piece again and again until the service ends the connection, or takes nothing for a while; count bytes."""
    line.settimeout(for_s)
    total = 0
    with suppress(OSError):
        while True:
            line.sendall(piece)
            total += len(piece)
    return total


def received(line: socket.socket) -> int:
    """Count the bytes that come until the service ends the connection; a timeout is raised while it does not."""
    total = 0
    with suppress(ConnectionError):
        while piece := line.recv(65_536):
            total += len(piece)
    return total


def ended(line: socket.socket) -> bool:
    """Say that the service ends the connection without another word; a timeout is raised while it does not."""
    return received(line) == 0
