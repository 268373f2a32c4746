"""Seconds to come within 1 % of what a baseline reaches in the end, on the baseline's own objective at full size.

Time is iterations × seconds an iteration. The baseline's iterations are those of its whole run, at each of its scales;
ours are counted until its loss, measured by its own function and off the clock, is within reach. The seconds are
medians of iterations taken in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from tests.benchmarks.baselines import loss_a, loss_b, run_a, run_b
from tests.benchmarks.curves import Kept, kept
from tests.benchmarks.lines import Line, at_least
from tests.benchmarks.network import to_caffe
from tests.benchmarks.ours import descent, evaluate_a, evaluate_b
from tests.benchmarks.pairs import Pair, pair
from tests.benchmarks.results import Pace, Race
from tests.benchmarks.timing import seconds
from workers.painter.optimise import Evaluate

WITHIN = 1.01
NEAR = 1.05
"""Times the target: from there on each iteration is measured by the baseline's function."""
LOOKS = (0, 1, 2, 3, 5, 7, 10, 14, *range(20, 1000, 10))
"""Iterations that are measured anyway, for the plot."""
LIMIT = 700
"""Iterations after which we give up."""
LARGE_ROUNDS = 2
"""Of timing at a size where one takes half a minute."""

GOALS = {"a": 4.0, "b": 15.0}
"""How many times as fast as each baseline."""


def race(name: str, limit: int = LIMIT) -> Race | None:
    """Run against one kept curve; None where there is none."""
    which, of, longest = name.split("-")
    run, both, size = kept(name), pair(of), int(longest)
    if run is None:
        return None
    counts = _counts(run)
    ours, *theirs = seconds([_ours(which, both, size), *(_theirs(which, both, scale) for scale in counts)])
    whole = sum(each * count for each, count in zip(theirs, counts.values(), strict=True))
    reached, curve = descended(which, both, size, target=WITHIN * run.final, limit=limit)
    return Race(name, dict(zip(map(str, counts), theirs, strict=True)), whole, ours, reached, curve)


def pace(of: str, size: int) -> Pace:
    """Time one iteration of each program at one size, on each one's objective."""
    both = pair(of)
    contenders = [program(which, both, size) for which in ("a", "b") for program in (_theirs, _ours)]
    return Pace(size, *seconds(contenders, LARGE_ROUNDS))


def descended(
    which: str, both: Pair, size: int, *, target: float, limit: int
) -> tuple[int | None, list[tuple[int, float]]]:
    """Count our iterations until the baseline's own loss is at most `target`; None if that is not within `limit`.

    With them come the losses on the way, as (iteration, loss by the baseline's function).
    """
    measure, curve = _measured(which, both, size), list[tuple[int, float]]()
    for count, point in enumerate(descent(_evaluate(which)(both, size), both, size, limit)):
        if count not in LOOKS and curve[-1][1] > NEAR * target:
            continue
        curve.append((count, float(f"{measure(point.image):.6g}")))
        if curve[-1][1] <= target:
            return count, curve
    return None, curve


def lines(found: Sequence[Race], names: Sequence[str]) -> list[Line]:
    """Give the goals' lines: of each baseline the worst of its races at each size."""
    written = list[Line]()
    for which, size in dict.fromkeys((name[0], name.split("-")[2]) for name in names):
        what = f"within 1 % of {which.upper()}'s final loss, {size} px"
        asked = [name for name in names if name[0] == which and name.endswith(f"-{size}")]
        there = [race for race in found if race.name in asked]
        if len(there) < len(asked):
            what += f", {len(there)} of {len(asked)} pairs"
        if not there:
            written.append(Line(what, f"≥ {GOALS[which]:g} ×", "not raced", None))
            continue
        worst = min(there, key=lambda one: one.ratio)
        written.append(at_least(what, GOALS[which], worst.ratio)._replace(measured=times(worst)))
    return written


def times(one: Race) -> str:
    """Write how many times as fast we are."""
    return f"{'< ' if one.reached is None else ''}{one.ratio:.1f} ×"


HEAD = ("within 1 % of", "whole run", "ours", "iterations", "s each, theirs", "ours", "times as fast")
PACES = ("one iteration at", "A", "ours on A's", "B", "ours on B's")


def row(one: Race) -> tuple[str, ...]:
    """Write one for a table under `HEAD`."""
    size = one.name.split("-")[2]
    theirs = f"{one.theirs[size]:.2f}"
    if one.reached is None:
        return (
            one.name,
            f"{one.whole:.0f} s",
            "not reached",
            f"> {one.curve[-1][0]}",
            theirs,
            f"{one.each:.2f}",
            times(one),
        )
    return one.name, f"{one.whole:.0f} s", f"{one.ours:.0f} s", f"{one.reached}", theirs, f"{one.each:.2f}", times(one)


def pace_row(one: Pace) -> tuple[str, ...]:
    """Write one for a table under `PACES`."""
    return f"{one.size} px", *(f"{s:.1f} s" for s in (one.a, one.ours_on_a, one.b, one.ours_on_b))


def _counts(run: Kept) -> dict[int, int]:
    """Give how many iterations the baseline takes at each scale."""
    return {scale: at for scale, at, _ in run.losses}


def _theirs(which: str, both: Pair, size: int) -> Callable[[], object]:
    """Start a baseline at one scale, and give what takes it one iteration further."""
    return partial(next, run_a(both, size) if which == "a" else run_b(both, size, only=True))


def _ours(which: str, both: Pair, size: int) -> Callable[[], object]:
    """Start our optimiser on a baseline's objective, and give what takes it one iteration further."""
    return partial(next, descent(_evaluate(which)(both, size), both, size, LIMIT))


def _evaluate(which: str) -> Callable[[Pair, int], Evaluate]:
    return evaluate_a if which == "a" else evaluate_b


def _measured(which: str, both: Pair, size: int) -> Callable[[Tensor], float]:
    """Give the baseline's own function, of RGB in 0..1."""
    loss = (loss_a if which == "a" else loss_b)(both, size)

    @torch.no_grad()
    def measure(image: Tensor) -> float:
        return loss(to_caffe(image) if which == "a" else image).item()

    return measure
