"""Refusing what would take more time or memory than there is, as far as finished jobs and devices at work tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import FieldProblem, InvalidSpec
from service.memory import planned
from service.pace import run_s
from service.work import by_pointer, load_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from service.job import Input
    from service.pace import Device, Worker
    from service.plan import Sized
    from service.spec import RenderSpec

MARGIN = 1.5
"""Refused is what an estimate says to run longer than it may by this factor: an estimate may be wrong."""

MEMORY_MARGIN = 1.2
"""The same of memory, in the way that takes least: its prediction is within a fifth."""

GB = 1e9


def check_affordable(spec: RenderSpec, inputs: Sequence[Input], *, workers: Sequence[Worker]) -> None:
    """Refuse what would run for too long on the fastest device at work, or fit into none.

    Nothing is refused on a guess: not while the devices at work have taught no pace, or are unknown.

    Args:
        spec: resolved, with a `run_timeout_s`.
        inputs: its pictures.
        workers: who is at work.

    Raises:
        InvalidSpec: naming `/run_timeout_s`, `/options/size` or `/options/style_distance`, with the estimate.
    """
    problems = [*_too_long(spec, inputs, workers), *_too_large(spec, inputs, workers)]
    if problems:
        raise InvalidSpec(*problems)


def _too_long(spec: RenderSpec, inputs: Sequence[Input], workers: Sequence[Worker]) -> Iterator[FieldProblem]:
    load = load_of(spec, by_pointer(inputs))
    known = [s for s in (run_s(load, worker.paces) for worker in workers) if s is not None]
    assert spec.run_timeout_s is not None, "the spec is not resolved"
    early = spec.options.tolerance is not None  # it may end at any time
    if known and not early and min(known) > MARGIN * spec.run_timeout_s:
        sentence = (
            f"it would run for about {min(known):.0f} s here, and may for {spec.run_timeout_s:g} s: "
            "take a smaller size or fewer iterations, or allow it more"
        )
        yield FieldProblem("/run_timeout_s", sentence)


def _too_large(spec: RenderSpec, inputs: Sequence[Input], workers: Sequence[Worker]) -> Iterator[FieldProblem]:
    images, devices = by_pointer(inputs), [worker.device for worker in workers]
    if not devices or None in devices or any(_fits(spec, images, device) for device in devices if device):
        return
    largest = max((device for device in devices if device), key=lambda device: device.memory_bytes)
    needed = planned(spec, images, largest.room, frugal=True).memory_bytes
    said = (
        f"it would take about {needed / GB:.1f} GB of memory; "
        f"the largest device here has {largest.memory_bytes / GB:.1f}"
    )
    if spec.styles and spec.options.style_distance == "sliced_wasserstein":
        summed = spec.model_copy(update={"options": spec.options.model_copy(update={"style_distance": "gram"})})
        if _fits(summed, images, largest):
            sentence = (
                f"{said}: sliced_wasserstein needs the whole picture at once, the other distances take it in tiles"
            )
            yield FieldProblem("/options/style_distance", sentence)
            return
    yield FieldProblem("/options/size", said)


def _fits(spec: RenderSpec, images: Mapping[str, Sized], device: Device) -> bool:
    """Say whether it may fit into a device, in the way that takes least."""
    return planned(spec, images, device.room, frugal=True).memory_bytes <= MEMORY_MARGIN * device.memory_bytes
