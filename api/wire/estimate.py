"""The shape of an estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from api.wire.times import tenths
from service.memory import Way

if TYPE_CHECKING:
    from service.estimate import Estimate


WAY = "How it would be painted there: as a whole, with activations computed again, or in tiles; each takes less memory."
TILE = "The side of the tiles in pixels; null: it is not painted in tiles."


class SizeOut(BaseModel):
    """Of a picture, in pixels."""

    width: int
    height: int


class DeviceEstimateOut(BaseModel):
    """What the job would take on a device at work."""

    name: str
    seconds: float | None = Field(description="null: no job has been finished on it.")
    memory_bytes: int = Field(description="That the device has in all.")
    fits: bool = Field(description="Whether that is enough.")
    way: Way = Field(description=WAY)
    tile: int | None = Field(description=TILE)


class PlaceOut(BaseModel):
    """Where it would stand in the queue if it were posted now."""

    position: int = Field(description="From 1.")
    estimated_start_s: float | None = Field(description="Seconds; null while nobody is at work or no pace is known.")


class EstimateOut(BaseModel):
    """What a job would take here."""

    seconds: float | None = Field(
        description="Of its run, the mean over the workers; null while no pace is known. With a tolerance, at most."
    )
    memory_bytes: int = Field(description="That painting takes, about, on the device at work that has most.")
    way: Way = Field(description=WAY)
    tile: int | None = Field(description=TILE)
    size: SizeOut = Field(description="Of the result.")
    scales: list[int] = Field(description="Longest sides that are painted, in pixels, from the coarsest to the finest.")
    iterations: int = Field(description="Over all scales and all rungs of a ladder, at most.")
    devices: list[DeviceEstimateOut] = Field(description="At work just now, each once.")
    queue: PlaceOut

    @classmethod
    def of(cls, estimate: Estimate) -> EstimateOut:
        """Describe an estimate."""
        return cls(
            seconds=tenths(estimate.seconds),
            memory_bytes=estimate.plan.memory_bytes,
            way=estimate.plan.way,
            tile=estimate.plan.tile,
            size=SizeOut(width=estimate.width, height=estimate.height),
            scales=list(estimate.scales),
            iterations=estimate.iterations,
            devices=[
                DeviceEstimateOut(
                    name=on.device.name,
                    seconds=tenths(on.seconds),
                    memory_bytes=on.device.memory_bytes,
                    fits=on.fits,
                    way=on.plan.way,
                    tile=on.plan.tile,
                )
                for on in estimate.devices
            ],
            queue=PlaceOut(position=estimate.position, estimated_start_s=tenths(estimate.start_s)),
        )
