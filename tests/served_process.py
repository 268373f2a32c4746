"""The API as `impasto api` serves it, in a process of its own beside Redis and S3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from service.embedded.ports import choose_api_port
from service.wiring import Services, open_services
from tests.chaos.parts import impasto
from tests.servers import running_servers


@contextmanager
def served_process(folder: Path, **settings: Any) -> Iterator[tuple[str, Services, Path]]:
    """Start the servers and the API; give its address, open services, and its log."""
    with running_servers(folder / "servers") as servers:
        own = servers.settings.model_copy(update={"api_port": choose_api_port(0), **settings})
        program = impasto("api", own, directory=folder, log=folder / "api.log")
        with open_services(own) as services:
            program.start()
            try:
                _ready(url := f"http://127.0.0.1:{own.api_port}")
                yield url, services, program.log
            finally:
                program.kill()


def _ready(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").is_success:
                return
        time.sleep(0.1)
    raise AssertionError("the API did not come up")
