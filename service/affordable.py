"""Refusing what would take more time or memory than there is, as far as finished jobs and devices at work tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import FieldProblem, InvalidSpec
from service.memory import planned
from service.pace import run_s
from service.work import by_pointer, load_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.job import Input
    from service.pace import Worker
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
    largest = max((worker.device.memory_bytes if worker.device else 2**63 for worker in workers), default=2**63)
    images = by_pointer(inputs)
    needed = planned(spec, images, budget=None, frugal=True).memory_bytes
    if needed <= MEMORY_MARGIN * largest:
        return
    said = f"it would take about {needed / GB:.1f} GB of memory; the largest device here has {largest / GB:.1f}"
    if spec.styles and spec.options.style_distance == "sliced_wasserstein":
        summed = spec.model_copy(update={"options": spec.options.model_copy(update={"style_distance": "gram"})})
        if planned(summed, images, budget=None, frugal=True).memory_bytes <= MEMORY_MARGIN * largest:
            sentence = (
                f"{said}: sliced_wasserstein needs the whole picture at once, the other distances take it in tiles"
            )
            yield FieldProblem("/options/style_distance", sentence)
            return
    yield FieldProblem("/options/size", said)
