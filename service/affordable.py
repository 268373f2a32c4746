"""Refusing what would take more time or memory than there is, as far as finished jobs and devices at work tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import FieldProblem, InvalidSpec
from service.pace import run_s
from service.work import by_pointer, load_of, memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.job import Input
    from service.pace import Worker
    from service.spec import RenderSpec

MARGIN = 1.5
"""Refused is only what an estimate says to be beyond a limit by this factor: an estimate may be wrong, and an attempt
that runs out of memory is repeated in a way that takes two thirds of it."""

GB = 1e9


def check_affordable(spec: RenderSpec, inputs: Sequence[Input], *, workers: Sequence[Worker]) -> None:
    """Refuse what would run for too long on the fastest device at work, or fit into none.

    Nothing is refused on a guess: not while the devices at work have taught no pace, or are unknown.

    Args:
        spec: resolved, with a `run_timeout_s`.
        inputs: its pictures.
        workers: who is at work.

    Raises:
        InvalidSpec: naming `/run_timeout_s` or `/options/size`, with the estimate.
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
    needed = memory_bytes(spec, by_pointer(inputs))
    if needed > MARGIN * largest:
        sentence = f"it would take about {needed / GB:.1f} GB of memory; the largest device here has {largest / GB:.1f}"
        yield FieldProblem("/options/size", sentence)
