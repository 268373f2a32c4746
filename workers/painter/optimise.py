"""Finding the image: L-BFGS over a spectrally preconditioned variable, and Adam.

Both are generators. They yield where they stand, first at the start and then after each iteration, and an iteration is
one evaluation of the objective. Neither asks the device for a number: what hangs on a value is decided on the device,
by `torch.where`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

HISTORY = 20
"""Pairs of step and change of slope that L-BFGS remembers."""

FIRST_STEP = 0.01
"""Root mean square of the first step, in units of the image's 0..1: nothing is known of the curvature yet."""

SPECTRUM_EXPONENT = 0.5
"""a in s(f) = f^(-a)."""

MIN_COSINE = 1e-6
"""Between a step and the change of slope over it: below, float32 can't tell its sign."""

ADAM_RATE, ADAM_BETAS, ADAM_EPSILON = 0.02, (0.9, 0.99), 1e-16
"""The rate is in units of the image's 0..1; the epsilon is far below the slope at a single pixel of any image."""

Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Measures an image `(1, 3, H, W)`: its terms `(k,)`, the total first, and the total's gradient `(1, 3, H, W)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Where an optimiser stands; all but `terms` are `(1, 3, H, W)` float32.

    Attributes:
        variable: what the optimiser moves.
        image: what the network sees: around 0..1, but not clamped to it.
        terms: `(k,)`, the objective there, the total first.
        slope: the gradient of the total with respect to the variable, over the total at the start.
    """

    variable: Tensor
    image: Tensor
    terms: Tensor
    slope: Tensor


def lbfgs(evaluate: Evaluate, start: Tensor, iterations: int) -> Generator[Point]:
    """Minimise by limited-memory BFGS (Nocedal & Wright, "Numerical Optimization", 2nd edition, algorithm 7.5).

    The variable is z with image = F⁻¹(s(f) · F z), see `spectrum`. Departures from the textbook:

    - No line search: the unit step is nearly always good, and a second look at it costs as much as the next iteration.
    - A step that raises the total, or leaves the finite numbers, isn't taken. What it showed of the curvature is
      kept, and the next step from the same place is half as long. So the total never rises.
    - The total is divided by that of the start, so nothing depends on its scale.

    torch.optim.LBFGS isn't used: it forgets each pair with sᵀy ≤ 1e-10, a limit that means over many pixels stay
    under; it reads several numbers off the device in every step; and it keeps a step that made things worse.
    """
    gains = spectrum(start)
    terms, slope = evaluate(start)
    scale = _reciprocal(terms[0])
    here = Point(filtered(start, 1 / gains), start, terms, filtered(slope * scale, gains))
    curvature, length = Curvature(here.slope), torch.ones_like(scale)
    yield here
    for _ in range(iterations):
        variable = here.variable - length * curvature.solve(here.slope)
        image = filtered(variable, gains)
        terms, slope = evaluate(image)
        there = Point(variable, image, terms, filtered(slope * scale, gains))
        curvature.learn(there.variable - here.variable, there.slope - here.slope)
        better = (there.terms[0] <= here.terms[0]) & there.slope.norm().isfinite()
        length = torch.where(better, 1.0, length / 2)
        here = _chosen(better, there, here)
        yield here


class Curvature:
    """What the last `HISTORY` steps showed of the Hessian."""

    def __init__(self, slope: Tensor) -> None:
        """Guess it from the first slope, so that the first step has the length `FIRST_STEP`."""
        self._pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=HISTORY)
        self._gain = FIRST_STEP * slope.numel() ** 0.5 * _reciprocal(slope.norm())

    def learn(self, step: Tensor, change: Tensor) -> None:
        """Remember that `step` changed the slope by `change`; where the curvature isn't positive, zeros, which idle."""
        along, steep = torch.sum(step * change), torch.sum(change * change)
        usable = (along > MIN_COSINE * step.norm() * steep.sqrt()) & steep.isfinite()
        self._gain = torch.where(usable, along / steep, self._gain)
        nothing = torch.zeros_like(step)
        pair = (torch.where(usable, step, nothing), torch.where(usable, change, nothing))
        self._pairs.append((*pair, torch.where(usable, 1 / along, 0.0)))

    def solve(self, slope: Tensor) -> Tensor:
        """Return H⁻¹ · slope, the way downhill reversed: the two-loop recursion (Nocedal & Wright, algorithm 7.4)."""
        rest, weights = slope.clone(), []
        for step, change, inverse in reversed(self._pairs):
            weights.append(inverse * torch.sum(step * rest))
            rest -= weights[-1] * change
        rest *= self._gain
        for (step, change, inverse), weight in zip(self._pairs, reversed(weights), strict=True):
            rest += (weight - inverse * torch.sum(change * rest)) * step
        return rest


def spectrum(like: Tensor) -> Tensor:
    """Return s(f) = max(f, 1/N)^(-a) of an image's size, `(H, W // 2 + 1)`, f in cycles a pixel, N the longer side.

    Its mean square is 1. The objective is much flatter along coarse changes of the image than along fine ones; measured
    in z, a step of one length changes the coarse more. A preconditioner of our own: pictures' own spectrum, a = 1
    (Olah, Mordvintsev & Schubert, "Feature Visualization", 2017), is too much here.
    """
    height, width = like.shape[-2:]
    rows = torch.fft.fftfreq(height, device=like.device)
    columns = torch.fft.rfftfreq(width, device=like.device)
    frequency = torch.hypot(rows[:, None], columns[None, :]).clamp_min(1 / max(height, width))
    gains = frequency**-SPECTRUM_EXPONENT
    return gains / gains.square().mean().sqrt()


def filtered(image: Tensor, gains: Tensor) -> Tensor:
    """Multiply each frequency of `(1, 3, H, W)` by its gain; the map is symmetric, so slopes go back the same way."""
    shaped: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * gains, s=image.shape[-2:])
    return shaped


def adam(evaluate: Evaluate, start: Tensor, iterations: int) -> Generator[Point]:
    """Minimise by Adam (Kingma & Ba, 2015) over the pixels, clamped to 0..1 after each step. The total may rise."""
    pixels = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([pixels], lr=ADAM_RATE, betas=ADAM_BETAS, eps=ADAM_EPSILON)
    terms, slope = evaluate(pixels.detach())
    scale = _reciprocal(terms[0])
    yield Point(pixels.detach(), pixels.detach(), terms, slope * scale)
    for _ in range(iterations):
        pixels.grad = slope * scale
        optimizer.step()
        pixels.detach().clamp_(0, 1)
        terms, slope = evaluate(pixels.detach())
        yield Point(pixels.detach(), pixels.detach(), terms, slope * scale)


def _chosen(first: Tensor, one: Point, other: Point) -> Point:
    return Point(
        torch.where(first, one.variable, other.variable),
        torch.where(first, one.image, other.image),
        torch.where(first, one.terms, other.terms),
        torch.where(first, one.slope, other.slope),
    )


def _reciprocal(value: Tensor) -> Tensor:
    """1 / value, and 1 for 0: an objective that is met already asks for no step of any length."""
    return torch.where(value == 0, 1.0, 1 / value)
