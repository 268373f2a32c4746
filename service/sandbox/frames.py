"""What passes between the service and a child: a header as JSON and a body, each with its length before it."""

from __future__ import annotations

import json
import struct
import time
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socket import socket

    from typing_extensions import Buffer

_LENGTHS = struct.Struct(">IQ")
HEADER_MAX = 64 * 1024
HERE = b"+"
"""What a child says when it has begun, before it is sent its image."""


class Cut(Exception):
    """The other side has ended, or says what it should not."""


def send(to: socket, header: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Send a message."""
    said = json.dumps(header).encode()
    to.sendall(_LENGTHS.pack(len(said), len(body)) + said)
    to.sendall(body)


def receive(origin: socket, *, body_max: int, until: float | None = None) -> tuple[dict[str, Any], bytes]:
    """Receive the one message that comes on a socket until it is answered; its body has at most `body_max` bytes.

    Args:
        origin: the socket.
        body_max: in bytes.
        until: when it has to be here, whole, by the monotonic clock; None: whenever.

    Raises:
        Cut: it ends early, or is no such message.
        TimeoutError: it is not here in time.
    """
    with BufferedReader(_Line(origin, until)) as message:
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


class _Line(RawIOBase):
    """A socket as a file that is read until a certain time: one that gives a byte now and then holds nobody up."""

    def __init__(self, origin: socket, until: float | None) -> None:
        super().__init__()
        self._origin, self._until = origin, until

    def readable(self) -> bool:
        return True

    def readinto(self, into: Buffer) -> int:
        if self._until is not None:
            left_s = self._until - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the message is not here in time")
            self._origin.settimeout(left_s)
        return self._origin.recv_into(into)


def _exactly(origin: BufferedReader[_Line], size: int) -> bytes:
    received = origin.read(size)
    if len(received) < size:
        raise Cut(f"{len(received)} of {size} bytes")
    return received
