"""Finding the image: L-BFGS over a spectrally preconditioned variable, and Adam.

Both are generators. They yield where they stand, first at the start and then after each iteration, and an iteration is
one evaluation of the objective. Neither asks the device for a number: what hangs on a value is decided on the device,
by `torch.where`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

HISTORY = 20
"""Pairs of step and change of gradient that L-BFGS remembers."""

FIRST_STEP = 0.01
"""Root mean square of the first step, in units of the image's 0..1: nothing is known of the curvature yet."""

SPECTRUM_EXPONENT = 0.5
"""a in s(f) = f^(-a)."""

ADAM_RATE, ADAM_BETAS, ADAM_EPSILON = 0.02, (0.9, 0.99), 1e-16
"""The rate is in units of the image's 0..1; the epsilon is far below the gradient of a single pixel at any size."""

Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Measures an image `(1, 3, H, W)`: its terms `(k,)`, the total first, and the total's gradient `(1, 3, H, W)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Where an optimiser stands.

    Attributes:
        image: `(1, 3, H, W)` float32, around 0..1 but not clamped to it.
        terms: `(k,)`, the objective there, total first.
        slope: how the total, over that of the start, changes with the optimiser's variable, `(1, 3, H, W)`.
        variable: what the optimiser moves, `(1, 3, H, W)`.
    """

    image: Tensor
    terms: Tensor
    slope: Tensor
    variable: Tensor


def lbfgs(evaluate: Evaluate, start: Tensor, iterations: int) -> Generator[Point]:
    """Minimise by limited-memory BFGS (Nocedal & Wright, "Numerical Optimization", 2nd edition, algorithm 7.5).

    The variable is z with image = F⁻¹(s(f) · F z), see `Spectrum`. Departures from the textbook:

    - No line search: the unit step is nearly always good, and a second look at it costs as much as the next iteration.
    - A step that raises the total, or leaves the finite numbers, isn't taken. What it showed of the curvature is
      kept, and the next step from the same place is half as long. So the total never rises.
    - The objective is divided by its value at the start, so nothing here depends on its scale.

    torch.optim.LBFGS isn't used: it drops each pair with sᵀy ≤ 1e-10, a limit that means over many pixels stay under; it
    reads several numbers from the device in every step; and without a line search it keeps a step that made things worse.
    """
    spectrum = Spectrum(start)
    scale = 1.0

    def at(variable: Tensor) -> Point:
        image = spectrum.colour(variable)
        terms, slope = evaluate(image)
        return Point(image, terms, spectrum.colour(slope) * scale, variable)

    ...
