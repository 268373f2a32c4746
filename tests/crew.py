"""Workers that say they are at work, and devices that have taught their pace, for tests of estimates."""

from __future__ import annotations

from typing import Any

from service.job import Job
from service.pace import Device, Run
from service.wiring import Services
from service.work import Load
from tests.jobs import RESULT, claimed, submitted

CPU = Device("cpu", 16 * 10**9)
H100 = Device("NVIDIA H100 80GB HBM3", 85 * 10**9)


def at_work(services: Services, *names: str, device: Device = CPU) -> None:
    """Let workers be at work for the next seconds."""
    for name in names:
        services.presence.beat("worker", name, device)


def taught(services: Services, tenant: str, *, s_per_gflop: float, device: Device = CPU, **wish: Any) -> Job:
    """Finish a job that took so long; it is another tenant's, so that no queue changes. Return it."""
    submitted(services, tenant, **wish)
    mine = claimed(services)
    assert mine.load is not None
    run = Run(device.name, mine.load, s_per_gflop * mine.load.gflop)
    assert services.claims.commit(mine, [RESULT], {}, taught=run)
    return mine


def load_of(job: Job) -> Load:
    """Give a job's load, which there is."""
    assert job.load is not None
    return job.load
