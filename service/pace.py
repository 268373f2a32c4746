"""What finished jobs have taught about each device's pace, and what follows from it for a job and for a queue."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from service.memory import Room
from service.work import GRAM, Load, iterations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from service.job import Job
    from service.painting import Painting

SHORTEST_S = 0.001
"""Of a run, where it divides."""


@dataclass(frozen=True, slots=True)
class Device:
    """What a worker paints on.

    Attributes:
        name: as reports give it.
        memory_bytes: that there are in all.
        activation_bytes: of one value that its network computes: 4 in float32, 2 in bfloat16.
    """

    name: str
    memory_bytes: int
    activation_bytes: int = 4

    @property
    def room(self) -> Room:
        """What it has to paint in."""
        return Room(self.memory_bytes, self.activation_bytes)


@dataclass(frozen=True, slots=True)
class Pace:
    """A device's pace at one bracket of jobs: moving averages of what was measured.

    Attributes:
        s_per_gflop: from the first step of a painting to its end; None where nothing was painted.
        around_s: the rest of a run: fetching, loading, looking at the pictures, storing.
    """

    s_per_gflop: float | None
    around_s: float


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody at work: the device, None where none was announced, and its paces by their brackets."""

    name: str
    device: Device | None
    paces: Mapping[str, Pace]


@dataclass(frozen=True, slots=True)
class Run:
    """What one attempt has taught: how long a device painted at a load, in seconds."""

    device: str
    load: Load
    paint_s: float


@dataclass(frozen=True, slots=True)
class Running:
    """A job that is being painted: by whom, its load if it is known, and the fraction that is done."""

    worker: str
    load: Load | None
    fraction: float


@dataclass(frozen=True, slots=True)
class Line:
    """What stands before a queued job.

    Attributes:
        position: its own place, from 1.
        ahead: the loads of the first jobs in the order of the turns, None where one is unknown; not all, if many.
        running: jobs that are being painted; not all, if many.
        running_count: all of them.
    """

    position: int
    ahead: tuple[Load | None, ...]
    running: tuple[Running, ...]
    running_count: int


def run_taught(job: Job, painting: Painting, *, resumed: bool, paint_s: float) -> Run | None:
    """Say what an attempt has taught; None of one that did not paint the whole job, or did it in the frugal way."""
    whole = not resumed and painting.iterations == iterations(job.spec)
    if job.load is None or not whole or job.frugal:
        return None
    return Run(painting.device, job.load, paint_s)


def run_s(load: Load, paces: Mapping[str, Pace]) -> float | None:
    """Estimate the seconds of a run at the pace of a device; None when it has taught nothing that fits.

    Where the bracket is unknown the nearest one counts, of the same network if there is one: there are as many more
    seconds as there is more work.
    """
    pace = paces.get(load.bracket) or _nearest(load, paces)
    if pace is None:
        return None
    return load.gflop * (pace.s_per_gflop or 0.0) + pace.around_s


def expected_s(load: Load, workers: Sequence[Worker]) -> float | None:
    """Estimate the seconds of a run by whoever of the workers takes it: their mean; None when nobody knows."""
    known = [s for s in (run_s(load, worker.paces) for worker in workers) if s is not None]
    return sum(known) / len(known) if known else None


def devices_of(workers: Sequence[Worker]) -> list[Device]:
    """List the devices at work, each once, by name."""
    found = {worker.device for worker in workers if worker.device}
    return sorted(found, key=lambda device: (device.name, device.memory_bytes))


def start_s(line: Line, workers: Sequence[Worker]) -> float | None:
    """Estimate the seconds until a queued job starts; None when nobody is at work or no pace is known.

    The jobs before it are dealt out to the workers as these become free. Beyond the jobs that were looked at, the
    rest counts as so many mean ones. That a tenant may have as many jobs running as it may is not looked at.
    """
    duration = _durations(line, workers)
    if duration is None:
        return None
    free = _free_after(line, workers, duration)
    heapq.heapify(free)
    for load in line.ahead:
        at, n = free[0]
        heapq.heapreplace(free, (at + duration(workers[n], load), n))
    rest = line.position - 1 - len(line.ahead)
    if rest <= 0:
        return free[0][0]
    return free[0][0] + rest / sum(1 / max(duration(worker, None), SHORTEST_S) for worker in workers)


def _durations(line: Line, workers: Sequence[Worker]) -> Callable[[Worker, Load | None], float] | None:
    """Give a function that says how long a worker takes for a load; for None, for the mean of the jobs that wait."""
    waiting = [load for load in line.ahead if load is not None]
    running = [job.load for job in line.running if job.load is not None]
    expected = {load: expected_s(load, workers) for load in {*waiting, *running}}
    if not workers or None in expected.values() or ((line.ahead or line.running) and not expected):
        return None
    paces = {worker.device: worker.paces for worker in workers}

    @cache
    def by_device(device: Device | None, load: Load | None) -> float:
        if load is None:
            return _mean([by_device(device, one) for one in waiting or running])
        own = run_s(load, paces[device])
        return own if own is not None else expected[load] or 0.0

    return lambda worker, load: by_device(worker.device, load)


def _free_after(
    line: Line, workers: Sequence[Worker], duration: Callable[[Worker, Load | None], float]
) -> list[tuple[float, int]]:
    """Say in how many seconds each worker is free; those whose job was not looked at are as busy as the others."""
    numbers = {worker.name: n for n, worker in enumerate(workers)}
    busy = {
        numbers[job.worker]: duration(workers[numbers[job.worker]], job.load) * (1 - job.fraction)
        for job in line.running
        if job.worker in numbers
    }
    unseen = [n for n in range(len(workers)) if n not in busy][: line.running_count - len(line.running)]
    left = dict.fromkeys(unseen, _mean(list(busy.values()))) | busy
    return [(left.get(n, 0.0), n) for n in range(len(workers))]


def _nearest(load: Load, paces: Mapping[str, Pace]) -> Pace | None:
    """Choose the pace of the bracket that is most alike; of two sizes that are as near, the larger one's."""
    family, _, size = load.bracket.rpartition(":")

    def farness(bracket: str) -> tuple[bool, float, int]:
        other, _, longest = bracket.rpartition(":")
        return other != family, abs(math.log2(int(longest) / int(size))), -int(longest)

    fitting = [bracket for bracket, pace in paces.items() if family == GRAM or pace.s_per_gflop is not None]
    return paces[min(fitting, key=farness)] if fitting else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
