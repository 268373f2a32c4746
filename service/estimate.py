"""Estimating a job without posting it: what it would take, on which devices, and when it would start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.memory import ANY_ROOM, planned
from service.pace import devices_of, expected_s, run_s, start_s
from service.plan import canvas
from service.prepare import Posted, prepare
from service.work import by_pointer, iterations, load_of, scales

if TYPE_CHECKING:
    from service.memory import Plan
    from service.pace import Device
    from service.spec import RenderSpec
    from service.wiring import Services


@dataclass(frozen=True, slots=True)
class OnDevice:
    """What a job would take on a device at work: seconds, None while that has taught no pace; and how."""

    device: Device
    seconds: float | None
    plan: Plan

    @property
    def fits(self) -> bool:
        """Whether the device's memory is enough."""
        return self.plan.memory_bytes <= self.device.memory_bytes


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job would take if it were posted now.

    Attributes:
        seconds: of its run, the mean over who is at work; None while no pace is known.
        plan: how it would be painted, and the memory that this takes: where there is most; as a whole, while no device
            is known.
        width, height: of the result, in pixels.
        scales: longest sides, in pixels, from the coarsest to the finest.
        iterations: over all scales and rungs, at most.
        devices: at work, each once.
        position: its place in the queue, from 1.
        start_s: seconds until it would start, None while no pace is known.
    """

    seconds: float | None
    plan: Plan
    width: int
    height: int
    scales: tuple[int, ...]
    iterations: int
    devices: tuple[OnDevice, ...]
    position: int
    start_s: float | None


def estimate(spec: RenderSpec, *, tenant: str, services: Services) -> Estimate:
    """Estimate what a spec would take here. Its images are taken in as a job's are; no job is made.

    Raises:
        InvalidSpec: it would be refused as a job, other than for what it would take.
        Unavailable: a store is out of reach.
    """
    [submission] = prepare([Posted(spec)], tenant=tenant, services=services)
    stored, inputs = submission.job.spec, submission.job.inputs
    images, workers = by_pointer(inputs), services.paces.workers()
    load, devices = load_of(stored, images), devices_of(workers)
    line = services.jobs.would_wait(tenant, stored.priority)
    width, height = canvas(stored, images, stored.options.size)
    paces = {worker.device: worker.paces for worker in workers}
    return Estimate(
        seconds=expected_s(load, workers),
        plan=planned(
            stored,
            images,
            max((device.room for device in devices), key=lambda room: room.memory_bytes or 0, default=ANY_ROOM),
        ),
        width=width,
        height=height,
        scales=scales(stored) if iterations(stored) else (),
        iterations=iterations(stored),
        devices=tuple(
            OnDevice(device, run_s(load, paces[device]), planned(stored, images, device.room)) for device in devices
        ),
        position=line.position,
        start_s=start_s(line, workers),
    )
