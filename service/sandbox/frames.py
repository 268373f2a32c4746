"""What passes between the service and a child: a header as JSON and a body, each with its length before it."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import BufferedReader
    from socket import socket

_LENGTHS = struct.Struct(">IQ")
HEADER_MAX = 64 * 1024


class Cut(Exception):
    """The other side has ended, or says what it should not."""


def send(to: socket, header: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Send a message."""
    said = json.dumps(header).encode()
    to.sendall(_LENGTHS.pack(len(said), len(body)) + said)
    to.sendall(body)


def receive(origin: socket, *, body_max: int) -> tuple[dict[str, Any], bytes]:
    """Receive the one message that comes on a socket until it is answered; its body has at most `body_max` bytes.

    Raises:
        Cut: it ends early, or is no such message.
        TimeoutError: as the socket is set.
    """
    with origin.makefile("rb") as message:
        header_size, body_size = _LENGTHS.unpack(_exactly(message, _LENGTHS.size))
        if header_size > HEADER_MAX or body_size > body_max:
            raise Cut(f"a message of {header_size} and {body_size} bytes")
        try:
            header = json.loads(_exactly(message, header_size))
        except (ValueError, RecursionError):
            raise Cut("a header that is no JSON") from None
        if not isinstance(header, dict):
            raise Cut("a header that is no object")
        return header, _exactly(message, body_size)


def _exactly(origin: BufferedReader, size: int) -> bytes:
    received = origin.read(size)
    if len(received) < size:
        raise Cut(f"{len(received)} of {size} bytes")
    return received
