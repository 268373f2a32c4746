"""What each trick is worth: the painter without it, on A's objective, one trick at a time.

For each: seconds of an iteration, timed in turn with the painter as it is, and the iterations until A's own loss is
within 5 % and 1 % of A's last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor

from tests.benchmarks.baselines import loss_a, tensor
from tests.benchmarks.curves import kept
from tests.benchmarks.network import to_caffe
from tests.benchmarks.ours import aim_a, measuring_a
from tests.benchmarks.pairs import pair, scaled
from tests.benchmarks.results import Trick
from tests.benchmarks.timing import seconds
from workers.painter import optimise, positions, weights
from workers.painter.convolution import Kernel
from workers.painter.device import choose, precision
from workers.painter.optimise import Evaluate, Point, adam, lbfgs
from workers.painter.targets import Objective
from workers.painter.vgg import build

OF, SIZE, LIMIT = "pagoda", 256, 600
NEAR, WITHIN = 1.05, 1.01


class Way(NamedTuple):
    """One way to descend: what is different, the objective, what is replaced meanwhile, and the optimiser."""

    what: str
    objective: Callable[[], Objective]
    replaced: Callable[[], AbstractContextManager[Any]] = nullcontext
    descend: Callable[..., Iterator[Point]] = lbfgs


def tricks() -> Iterator[Trick]:
    """Measure them, the painter as it is first."""
    ours, *others = ways()
    yield _measured(ours, ours)
    for other in others:
        yield _measured(ours, other)


def ways() -> list[Way]:
    """List the painter as it is, and then without each of its tricks."""

    def replacing(name: str, value: object) -> Callable[[], AbstractContextManager[Any]]:
        return partial(patch.object, optimise, name, value)

    return [
        Way("the painter as it is", _swift),
        Way("convolutions in float32", _exact),
        Way("the first convolution in bfloat16 too", partial(_swift, first=torch.bfloat16)),
        Way("aims in bfloat16", partial(_swift, aims=True)),
        Way("Grams of widened activations", _swift, partial(patch.object, positions, "_in_parts", _widened)),
        Way("curvature over one step", _swift, replacing("SETTLED", LIMIT)),
        Way("plain pixels, no spectrum", _swift, replacing("softness", partial(_softened, exponent=0.0))),
        Way("the spectrum of photographs", _swift, replacing("softness", partial(_softened, exponent=2.0))),
        Way("5 steps remembered", _swift, descend=partial(lbfgs, history=5)),
        Way("100 steps remembered", _swift, descend=partial(lbfgs, history=100)),
        Way("Adam", _swift, descend=adam),
    ]


HEAD = ("without one trick", "s an iteration", "over ours", "to 5 %", "to 1 %", "seconds to 1 %", "over ours")


def row(one: Trick, ours: Trick) -> tuple[str, ...]:
    """Write one for a table under `HEAD`."""
    near, within = (f"> {LIMIT}" if count is None else f"{count}" for count in (one.near, one.within))
    longer = one.each / one.ours_each
    took, whole = (one.within or LIMIT) * longer, (ours.within or LIMIT) * 1.0
    more = "" if one.within else "> "
    return (
        one.what,
        f"{one.each:.3f}",
        f"{longer:.2f}",
        near,
        within,
        f"{more}{took * one.ours_each:.0f}",
        f"{more}{took / whole:.2f}",
    )


def _measured(ours: Way, other: Way) -> Trick:
    # Few steps: what takes its turn is replaced only while it is timed.
    def step(way: Way, points: Iterator[Point]) -> None:
        with way.replaced():
            next(points)

    each, ours_each = seconds([partial(step, way, _points(way)) for way in (other, ours)])
    near, within = _reached(other)
    return Trick(other.what, each, ours_each, near, within)


def _reached(way: Way) -> tuple[int | None, int | None]:
    run, near = kept(f"a-{OF}-{SIZE}"), None
    assert run is not None, "its run is kept"
    measure = loss_a(pair(OF), SIZE)
    with way.replaced():
        for count, point in enumerate(_points(way)):
            if point.terms[0] > 1.02 * (WITHIN if near is not None else NEAR) * run.final:
                continue
            with torch.no_grad():
                loss = measure(to_caffe(point.image)).item()
            near = count if near is None and loss <= NEAR * run.final else near
            if loss <= WITHIN * run.final:
                return near, count
    return near, None


def _points(way: Way) -> Iterator[Point]:
    with way.replaced():
        evaluate: Evaluate = measuring_a(way.objective())
    return way.descend(evaluate, tensor(scaled(pair(OF).content, SIZE)), LIMIT)


@cache
def _exact() -> Objective:
    return aim_a(pair(OF), SIZE)


def _swift(*, first: torch.dtype = torch.float32, aims: bool = False) -> Objective:
    """Give A's objective as the painter descends on it."""
    swift = build("vgg16", weights.load("vgg16").tensors, choose(), precision(choose()))
    name, kernel = next(iter(swift.kernels.items()))
    early = {name: Kernel(kernel.weight.to(first), kernel.bias.to(first))}
    swift = replace(swift, padding="zeros", kernels={**swift.kernels, **early})
    exact = _exact()
    if not aims:
        return replace(exact, vgg=swift)
    with patch("workers.painter.device.network", lambda *_: (swift, "")):
        return aim_a(pair(OF), SIZE)


def _softened(like: Tensor, *, exponent: float) -> Tensor:
    return _softness(like) ** exponent


def _widened(v: Tensor, m: Tensor | None) -> Tensor:
    v = v.float()
    return positions.weighted(v, m) @ v.T


_softness = optimise.softness
