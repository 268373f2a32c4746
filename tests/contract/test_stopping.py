"""Told to stop, a process of ours ends in time and with 0: whoever runs it takes anything else for a failure."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from service.embedded.ports import choose_ports
from service.settings import Settings
from tests.chaos.parts import impasto
from tests.valkey import wait_until

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("role", ["api", "keeper"])
@pytest.mark.parametrize("where", ["/livez", None], ids=["at work", "starting"])
def test_a_process_that_is_told_to_stop_ends_well(
    settings: Settings, tmp_path: Path, role: str, where: str | None
) -> None:
    ports = choose_ports(("api_port", "watch_port"), tmp_path / "ports.json")
    program = impasto(role, settings.model_copy(update=ports), directory=tmp_path, log=tmp_path / "log")
    program.start()
    try:
        if where:
            wait_until(lambda: answers(f"http://127.0.0.1:{ports['watch_port']}{where}"))
        else:
            wait_until(lambda: hears_sigterm(program.pid))
        program.signal(signal.SIGTERM)
        assert program.wait(30) == 0, program.log.read_text()
    finally:
        program.kill()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def hears_sigterm(pid: int) -> bool:
    """Say whether a process has a handler for SIGTERM."""
    [caught] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt")]
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
