"""The embedded Redis as a process of a test's own, which may be killed and started again over its log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.embedded import parts
from service.embedded.folder import open_folder, read_secrets
from service.embedded.ports import choose_ports
from service.errors import JobStoreUnavailable
from service.settings import Settings
from service.stores.job_store import JobStore
from tests.chaos.parts import Program


@contextmanager
def redis_of_our_own(root: Path) -> Iterator[tuple[Program, Settings]]:
    """Start the embedded Redis as a process that can be killed and started again."""
    folder = open_folder(root)
    secrets = read_secrets(folder)
    ports = choose_ports(parts.SERVERS, folder.ports)
    part = parts.redis(folder, secrets, ports)
    program = Program(part.command, directory=part.directory, environment={}, log=folder.log("redis"))
    program.start()
    try:
        yield program, parts.stack_settings(secrets, ports, api_port=0)
    finally:
        program.kill()


def answering(store: JobStore) -> None:
    while True:
        try:
            store.ping()
        except JobStoreUnavailable:
            continue
        return
