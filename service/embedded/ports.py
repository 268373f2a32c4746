"""Free ports on loopback, remembered from start to start so that links and addresses stay valid."""

from __future__ import annotations

import json
import random
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from service.embedded.folder import write_private
from service.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LOOPBACK = "127.0.0.1"
SIBLING = 10_000
"""SeaweedFS gives each of its servers a second port for gRPC, this far above the first."""
POOL = range(12_000, 22_768)
"""Ports and siblings stay below 32768, where Linux takes the local ends of outgoing connections from."""


def choose_api_port(port: int) -> int:
    """Check the port that was asked for, or choose a free one for 0.

    Raises:
        StackError: another program listens there, or this user may not.
    """
    with ExitStack() as held:
        if port == 0:
            return _choose(None, held)
        if _hold(port, held):
            return port
        free = next((other for other in range(port + 1, min(port + 100, 65_536)) if _hold(other, held)), 0)
    raise StackError(
        f"Port {port} of {LOOPBACK} can't be used: another program listens there, or this user may not. "
        f"Choose another with --port {free}, or let one be chosen with --port 0."
    )


def choose_ports(names: Iterable[str], file: Path, *, keep: bool = True) -> dict[str, int]:
    """Give each name a free port whose sibling is free too, and write them into `file`.

    Args:
        names: what the ports are for.
        file: JSON object of name to port, from the start before.
        keep: take the port of the start before, where it is still free.

    Raises:
        StackError: no port is free.
    """
    before = remembered_ports(file) if keep else {}
    with ExitStack() as held:  # held until all are chosen, so that no two are the same
        ports = {name: _choose(before.get(name), held) for name in names}
    write_private(file, json.dumps(ports, indent=2) + "\n")
    return ports


def remembered_ports(file: Path) -> Mapping[str, int]:
    """Read the ports of the start before; none where there was none."""
    try:
        ports: dict[str, int] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return ports


def _choose(before: int | None, held: ExitStack) -> int:
    candidates = random.sample(POOL, len(POOL))  # in random order, so that stacks started together differ
    if before is not None and before in POOL:
        candidates.insert(0, before)
    for port in candidates:
        if _hold(port, held) and _hold(port + SIBLING, held):
            return port
    raise StackError(f"No port between {POOL.start} and {POOL.stop} is free on {LOOPBACK}.")


def _hold(port: int, held: ExitStack) -> bool:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a closed connection's wait counts as taken
    try:
        listener.bind((LOOPBACK, port))
    except OSError:
        listener.close()
        return False
    held.enter_context(listener)
    return True
