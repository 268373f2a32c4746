"""The memory that one painting takes at its peak, measured in a process of its own, beside what is predicted.

The peak is Linux' VmHWM, the most that the process had resident since it began. (getrusage's ru_maxrss would have what
the parent had, too.) The process imports what a worker does, and keeps a checkpoint now and then, as a worker does.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from service.memory import SHARE, Plan, Room, planned, plans
from service.painting import Picture
from service.spec import RenderSpec
from tests.images import gradient
from tests.specs import resolved

HOUSE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """A painting, and the way that it is to be looked at.

    Attributes:
        size: of the photograph's sides, in pixels; it is square.
        way: of `service.memory.Way`.
        tile: of its sides, in pixels, where it is in tiles; None: the fastest.
        style: of the paintings' sides, in pixels.
        styles: how many there are; with regions, each has its own.
        regions: whether each style has a region.
        options: of the painting.
        bfloat16: whether convolutions are computed in bfloat16.
    """

    size: int
    way: str = "whole"
    tile: int | None = None
    style: int = 256
    styles: int = 1
    regions: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    bfloat16: bool = False


@dataclass(frozen=True)
class Peak:
    """What came of a case: bytes, and what each evaluation took, the start's first.

    `seconds` are a clock's, `cpu_s` those of all cores together, which say more on a busy machine.
    """

    predicted: int
    measured: int
    way: str
    tile: int | None
    seconds: list[float]
    cpu_s: list[float]

    @property
    def ratio(self) -> float:
        """Measured over predicted."""
        return self.measured / self.predicted


def peak(case: Case, **environment: str) -> Peak:
    """Paint a case in a fresh process."""
    command = [sys.executable, "-m", __name__, json.dumps(asdict(case))]
    done = subprocess.run(
        command, check=True, cwd=HOUSE, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    )
    return Peak(**json.loads(done.stdout))


def posed(case: Case) -> tuple[RenderSpec, dict[str, Picture]]:
    """Make a case's spec and pictures."""
    photograph, painting = gradient(case.size, case.size), gradient(case.style, case.style)[::-1].copy()
    images = {"/content": Picture(photograph)}
    images |= {f"/styles/{n}/image": Picture(painting) for n in range(case.styles)}
    wish: dict[str, Any] = {"options": {"size": case.size, "iterations": 2, "pyramid": [], **case.options}}
    if case.regions:
        wish["regions"] = [{"style": n, "content_mask": {"upload_id": "0"}} for n in range(case.styles)]
        images |= {f"/regions/{n}/content_mask": Picture(photograph) for n in range(case.styles)}
    return resolved(images, **wish), images


def chosen(case: Case, room: Room) -> Plan:
    """Give the plan of a case: the fastest of its way, or of its tile."""
    spec, images = posed(case)
    fitting = (plan for plan in plans(spec, images, room) if plan.way == case.way)
    return next(plan for plan in fitting if case.tile in {None, plan.tile})


def forced(plan: Plan, case: Case, *, activation_bytes: int) -> tuple[Room, bool]:
    """Give the room in which a case is painted by a plan, and whether frugally."""
    spec, images = posed(case)
    room = Room(math.ceil(plan.memory_bytes / SHARE), activation_bytes)
    for frugal in (False, True):
        if planned(spec, images, room, frugal=frugal) == plan:
            return room, frugal
    raise ValueError(f"{plan} can't be forced: something faster takes no more")


def _paint(case: Case) -> Peak:
    import torch  # noqa: PLC0415 - in the child alone

    import workers.app  # noqa: F401, PLC0415 - what a worker has
    from service.checkpoint import pack  # noqa: PLC0415
    from workers.painter import device  # noqa: PLC0415
    from workers.painter.paint import paint  # noqa: PLC0415

    dtype = torch.bfloat16 if case.bfloat16 else torch.float32
    device.precision = lambda device: dtype  # noqa: ARG005 - as it is called
    plan, (spec, images) = chosen(case, Room(None, dtype.itemsize)), posed(case)
    room, frugal = forced(plan, case, activation_bytes=dtype.itemsize)
    device.configure(None, room.memory_bytes)
    taken, began = [], (time.perf_counter(), time.process_time())
    for step in paint(spec, images, frugal=frugal):
        taken.append((time.perf_counter() - began[0], time.process_time() - began[1]))
        if step.iteration == step.of:
            pack(step.checkpoint())
        began = (time.perf_counter(), time.process_time())
    seconds, cpu_s = (list(one) for one in zip(*taken, strict=True))
    return Peak(plan.memory_bytes, _most_resident(), plan.way, plan.tile, seconds, cpu_s)


def _most_resident() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_paint(Case(**json.loads(sys.argv[1]))))))
