"""Who was connected to, and which names the system's resolver was asked for, while a test watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Any

_WATCHES: list[Watch] = []


@dataclass
class Watch:
    """What this process did; what leaves loopback is noted down and then refused, so that no test reaches anybody."""

    connected: list[tuple[str, int]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    def beyond(self, *ports: int) -> list[tuple[str, int]]:
        """Give the connections to anything but these ports of loopback."""
        return [to for to in self.connected if to[0] != "127.0.0.1" or to[1] not in ports]


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch every connection of this process, whoever makes it."""
    _listen()
    watch = Watch()
    _WATCHES.append(watch)
    try:
        yield watch
    finally:
        _WATCHES.remove(watch)


@cache
def _listen() -> None:
    sys.addaudithook(_heard)  # there is no way to take it off again


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _WATCHES:
        return
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host, port = arguments[1][:2]
        for watch in _WATCHES:
            watch.connected.append((host, port))
        if not ip_address(host).is_loopback:
            raise ConnectionRefusedError("a test goes nowhere")
    if event == "socket.getaddrinfo" and not _is_address(arguments[0]):
        for watch in _WATCHES:
            watch.looked_up.append(str(arguments[0]))


def _is_address(host: object) -> bool:
    try:
        ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True
