"""A server on loopback that answers as a test wants, well or badly, and remembers what it was asked."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """A request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Send = Callable[[bytes], None]
Script = Callable[[Asked, Send], None]
"""Answers one request by sending bytes; the connection is closed when it returns."""


@dataclass
class Receiver:
    """Where it is, and what it was asked."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """Write a whole answer; underscores in header names stand for hyphens."""
    said = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


@contextmanager
def receiving(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve on a free port of loopback, a thread for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = Receiver(listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(listener, receiver, script, tls))
        thread.start()
        try:
            yield receiver
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, receiver: Receiver, script: Script, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection = listener.accept()[0]
            threading.Thread(target=_talk, args=(connection, receiver, script, tls), daemon=True).start()


def _talk(connection: socket.socket, receiver: Receiver, script: Script, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError), connection:
        talking = tls.wrap_socket(connection, server_side=True) if tls else connection
        with talking, talking.makefile("rb") as incoming:
            method, path, _ = incoming.readline().decode().split(" ")
            headers = {}
            while line := incoming.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            asked = Asked(method, path, headers, incoming.read(int(headers.get("content-length", 0))))
            receiver.asked.append(asked)
            script(asked, talking.sendall)
