"""Seconds to come within 1 % of what a baseline reaches in the end, on the baseline's own objective at full size.

Time is iterations × seconds an iteration. The baseline's iterations are those of its whole run, at each of its scales;
ours are counted until its loss, measured by its own function and off the clock, is within reach. The seconds are
medians of iterations taken in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from service.painting import Pixels
from tests.benchmarks.baselines import loss_a, loss_b, run_a, run_b
from tests.benchmarks.curves import Kept, kept
from tests.benchmarks.network import to_caffe
from tests.benchmarks.ours import descent, evaluate_a, evaluate_b
from tests.benchmarks.pairs import Pair, pair, scaled
from tests.benchmarks.timing import seconds
from tests.paintings import painted
from tests.paintings import pair as named
from workers.painter.measure import gram_distance, lpips

WITHIN = 1.01
LIMIT = 600
"""Iterations after which we give up."""

GOALS = {"a": 4.0, "b": 15.0}
"""How many times as fast as each baseline."""


class Result(NamedTuple):
    """Of one run: seconds of the baseline, ours, our iterations, and the iteration's seconds of both at full size.

    `ours` and `iterations` are None where the baseline's loss was not reached.
    """

    baseline: float
    ours: float | None
    iterations: int | None
    each: tuple[float, float]


def race(name: str) -> Result | None:
    """Run against one kept curve; None where there is none."""
    which, of, longest = name.split("-")
    run, both, size = kept(name), pair(of), int(longest)
    if run is None:
        return None
    evaluate = (evaluate_a if which == "a" else evaluate_b)(both, size)
    ours = descent(evaluate, both, size, LIMIT)
    theirs = {scale: _stepper(which, both, scale) for scale in _counts(run)}
    times = seconds([partial(next, ours), *theirs.values()])
    each = dict(zip(theirs, times[1:], strict=True))
    total = sum(each[scale] * count for scale, count in _counts(run).items())
    reached = iterations_to(which, both, size, WITHIN * run.final)
    return Result(total, reached and reached * times[0], reached, (each[size], times[0]))


def iterations_to(which: str, both: Pair, size: int, target: float) -> int | None:
    """Count our iterations until the baseline's own loss is at most `target`; None if that is not within `LIMIT`."""
    measure = (loss_a if which == "a" else loss_b)(both, size)
    evaluate = (evaluate_a if which == "a" else evaluate_b)(both, size)
    for count, point in enumerate(descent(evaluate, both, size, LIMIT)):
        if point.terms[0] > 1.05 * target:  # ours and theirs differ by less
            continue
        with torch.no_grad():
            if measure(to_caffe(point.image) if which == "a" else point.image) <= target:
                return count
    return None


def judged(name: str) -> dict[str, tuple[float, float]]:
    """Measure the baseline's final picture and ours by AlexNet: LPIPS to the photograph, Gram distance to the style."""
    _, of, longest = name.split("-")
    both, size, run = pair(of), int(longest), kept(name)
    content, style = (np.asarray(scaled(picture, size)) for picture in both)
    pictures = {} if run is None else {name: np.asarray(Image.open(run.picture))}
    pictures |= {preset: _ours(of, size, preset) for preset in ("draft", "standard")}
    return {key: (lpips(pixels, content), gram_distance(pixels, style)) for key, pixels in pictures.items()}


@cache
def _ours(of: str, size: int, preset: str) -> Pixels:
    """Paint a pair as a preset does, at another size."""
    _, painting = painted(named(*pair(of)), preset=preset, options={"size": size})
    return painting.pictures["result"].pixels


def _counts(run: Kept) -> dict[int, int]:
    """Give how many iterations the baseline takes at each scale."""
    return {scale: at for scale, at, _ in run.losses}


def _stepper(which: str, both: Pair, size: int) -> Callable[[], object]:
    """Start a baseline at one scale, and give what takes it one iteration further."""
    return partial(next, run_a(both, size) if which == "a" else run_b(both, size, only=True))
