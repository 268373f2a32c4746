"""Told to stop, a process of ours ends in time and with 0: whoever runs it takes anything else for a failure."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from service.embedded.ports import choose_ports
from service.settings import Settings
from service.wiring import Services
from tests.chaos.parts import impasto
from tests.jobs import submitted
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


def connected(pid: int, port: int) -> list[int]:
    """List the ports of those who are connected to a process at one of its own."""
    found = psutil.Process(pid).net_connections("tcp")
    return [each.raddr.port for each in found if each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port]


def hears_sigterm(pid: int) -> bool:
    """Say whether a process has a handler for SIGTERM."""
    [caught] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt")]
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_who_waits_for_a_job_is_sent_away_at_once_when_the_api_is_to_stop(
    settings: Settings, services: Services, key: str, tenant: str, tmp_path: Path
) -> None:
    """Streams end as streams do, held answers say how the job stands, and no log complains."""
    job = submitted(services, tenant)
    api_port = choose_ports(("api_port",), tmp_path / "ports.json")["api_port"]
    program = impasto(
        "api", settings.model_copy(update={"api_port": api_port}), directory=tmp_path, log=tmp_path / "log"
    )
    url, begun = f"http://127.0.0.1:{api_port}", threading.Event()

    def followed() -> list[str]:
        with client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
            lines = []
            for line in stream.iter_lines():
                lines.append(line)
                begun.set()
            return lines

    def held() -> httpx.Response:
        return client.get(f"/v1/jobs/{job.id}", headers={"Prefer": "wait=50"})

    program.start()
    try:
        with (
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
            ThreadPoolExecutor() as pool,
        ):
            wait_until(lambda: answers(f"{url}/readyz"))
            following, holding = pool.submit(followed), pool.submit(held)
            assert begun.wait(30)
            wait_until(lambda: len(connected(program.pid, api_port)) >= 2)
            assert all(answers(f"{url}/readyz") for _ in range(3)), "it has read what came before"
            asked = time.monotonic()
            program.signal(signal.SIGTERM)
            assert program.wait(30) == 0
            assert time.monotonic() - asked < 8, "nobody is waited for"
            assert "event: state" in following.result()
            assert holding.result().json()["status"] == "queued"
    finally:
        program.kill()
    assert [line for line in program.log.read_text().splitlines() if '"level": "error"' in line] == []
