"""Finding the image: L-BFGS with a spectral preconditioner, and Adam.

Both are generators. They yield where they stand, first at the start and then after each iteration, and an iteration is
one evaluation of the objective. Neither asks the device for a number: what hangs on a value is decided on the device,
by `torch.where`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from service.memory import STEPS
from workers.painter.history import Rows

HISTORY = STEPS
"""Steps that L-BFGS remembers, each with the change of slope along it. 100 are no better; 10 need 2 % more of them."""

KEPT = 4
"""The newest steps that a checkpoint holds: what came before says little about the curvature here."""

SETTLED = 50
"""Iterations after which curvature is measured over two steps instead of one, see `lbfgs`. From the start it costs the
first iterations 1 %; over three steps it is no better."""

LENIENT = 10
"""Totals, the newest, of which a step may not exceed the highest; where both were tried, 5 gave the same."""

FIRST_STEP, LONGEST_STEP = 0.01, 0.05
"""Root mean square of a step, in units of the image's 0..1. The first is taken before anything is known of the
curvature; without the limit, half of the first steps overshoot where the pictures are drawn in flat colours."""

MIN_COSINE = 0.02
"""Between a step and the change of slope along it. Below, there is hardly any curvature, and one such pair sends all
later steps far along it: where a picture is drawn in flat colours, twenty iterations were lost to each."""

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What torch.optim.Adam knows of a parameter."""

ADAM_RATE, ADAM_BETAS, ADAM_EPSILON = 0.02, (0.9, 0.99), 1e-16
"""The rate is in units of the image's 0..1; the epsilon is far below the slope at a single pixel of any image."""

Memory = Mapping[str, Tensor]
"""What an optimiser has learnt, as a checkpoint holds it."""

Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Measures an image `(1, 3, H, W)`: its terms `(k,)`, the total first, and the total's gradient `(1, 3, H, W)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Where an optimiser stands.

    Attributes:
        image: `(1, 3, H, W)` float32 in 0..1.
        terms: `(k,)`, the objective there, the total first.
        slope: gradient of the total over that of the start, `(1, 3, H, W)` float32.
        memory: gives what the optimiser has learnt so far; to be called before the next point is asked for.
    """

    image: Tensor
    terms: Tensor
    slope: Tensor
    memory: Callable[[], Memory]


def lbfgs(  # noqa: PLR0913 - what it minimises and how much it may take are the painter's to say
    evaluate: Evaluate,
    start: Tensor,
    iterations: int,
    memory: Memory | None = None,
    *,
    history: int = HISTORY,
    done: int = 0,
) -> Generator[Point]:
    """Minimise over the images in 0..1 by limited-memory BFGS (Nocedal & Wright, "Numerical Optimization", ch. 7.2).

    Departures from the textbook:

    - What it knows before the first step is not the identity but a spectrum, see `Curvature`.
    - No line search: the unit step is nearly always good, and a second look at it costs as much as the next iteration.
    - Steps are no longer than a limit, by which they are shortened before they are halved.
    - A step that brings the total above the highest of the last ten (Grippo, Lampariello & Lucidi, "A nonmonotone line
      search technique for Newton's method", 1986), or leaves the finite numbers, isn't taken. What it showed of the
      curvature is kept, and the next step from the same place is half as long. If it might not rise at all, descents in
      bfloat16 would come to a halt: near the end rounding moves the total by as much as a step does, each step that is
      refused is followed by a shorter one, and over a short one rounding is all that changes.
    - Steps end at the bounds of the colours. Left free, some pixels run far beyond black and white, and clamping them
      in the end raises the total by 3 to 300 %; so, what is minimised is what is delivered, in no more iterations.
    - Curvature is measured over two steps once these are short. ReLUs and pools give the objective kinks, closer to
      each other than a step is long: over a tenth of its length the slope changes four times as fast as over all of it.
      What two steps show is nearer to what the next one meets: to the same total in three quarters of the iterations.
    - The total is divided by that of the start, so nothing depends on its scale.

    torch.optim.LBFGS isn't used: it forgets each step with sᵀy ≤ 1e-10, a limit that means over many pixels stay
    under; it reads several numbers off the device in every step; and it keeps a step that made things worse.

    With the `memory` of a point, `done` iterations after the start, it goes on from there; only the curvature is known
    a little less well. A history that is shorter than usual, to save memory, is kept in float16 too.
    """
    terms, slope = evaluate(start)
    scale = memory["scale"] if memory else _reciprocal(terms[0])
    length = memory["length"] if memory else torch.ones_like(scale)
    curvature = Curvature(slope * scale, history, halves=history < HISTORY)
    if memory:
        curvature.recall(memory)

    def learnt() -> Memory:
        return {"scale": scale, "length": length, **curvature.memory()}

    here = Point(start, terms, slope * scale, learnt)
    yield here
    seen = deque([here], maxlen=2)
    totals = deque([here.terms[0]], maxlen=LENIENT)
    for number in range(done, done + iterations):
        move = curvature.solve(here.slope)
        image = here.image - length * (LONGEST_STEP / _rms(move)).clamp_max(1) * move
        image = image.clamp_(0, 1)
        del move, slope  # of large pictures they are in the way
        terms, slope = evaluate(image)
        there = Point(image, terms, slope * scale, learnt)
        since = seen[0] if number >= SETTLED else seen[-1]
        curvature.learn(there.image - since.image, there.slope - since.slope)
        better = (there.terms[0] <= torch.stack(list(totals)).max()) & there.slope.norm().isfinite()
        length = torch.where(better, (length * 2**0.5).clamp_max(1), length / 2)
        here = _chosen(better, there, here)
        seen.append(here)
        totals.append(here.terms[0])
        yield here


class Curvature:
    """What is known of the objective's Hessian: a spectrum, corrected by what the last steps showed.

    The spectrum says that the objective gives way to a wave of the image as 1/f, f being the wave's frequency. This is
    the same as moving, by plain L-BFGS, a z with image = F⁻¹(s(f) · F z) and s(f) = f^(-a), a = ½. Exponents between
    0.4 and 0.6 need half the iterations of plain pixels, a = 0, and differ by 3 %; a = 1, the spectrum of photographs
    (Olah, Mordvintsev & Schubert, "Feature Visualization", 2017), is worse than plain pixels.
    """

    def __init__(self, slope: Tensor, history: int, *, halves: bool = False) -> None:
        """Scale the spectrum by the first slope, so that the first step has the length `FIRST_STEP`."""
        self._steps, self._changes = (Rows(history, slope, halves=halves) for _ in range(2))
        self._shape, self._learnt = slope.shape, 0
        self._products = torch.eye(history, device=slope.device, dtype=torch.float64)
        self._along = self._products.new_zeros(history)
        self._softness = softness(slope)
        self._gain = FIRST_STEP * _reciprocal(_rms(filtered(slope, self._softness)))

    def learn(self, step: Tensor, change: Tensor) -> None:
        """Remember that `step` changed the slope by `change`; where the curvature isn't positive, zeros, which idle."""
        along, steep = torch.sum(step * change), torch.sum(change * filtered(change, self._softness))
        usable = (along > MIN_COSINE * step.norm() * change.norm()) & steep.isfinite()
        self._gain = torch.where(usable, along / steep, self._gain)
        row = self._learnt % len(self._steps)
        self._steps.put(row, torch.where(usable, step, 0.0))
        self._changes.put(row, torch.where(usable, change, 0.0))
        self._learnt += 1
        self._products = self._products.roll((-1, -1), (0, 1))
        self._products[-1] = 0
        self._products[:, -1] = self._in_order(self._steps.along(self._changes.row(row)))
        self._products[-1, -1] = torch.where(usable, along, 1.0)
        self._along = self._along.roll(-1)
        self._along[-1] = torch.where(usable, along, 0.0)

    def memory(self) -> Memory:
        """Give the gain and the newest pairs, `(KEPT, 2, 3, H, W)` float16, each over its largest magnitude."""
        count = min(self._learnt, KEPT, len(self._steps))
        if not count:
            return {"gain": self._gain}
        newest = [(self._learnt - count + n) % len(self._steps) for n in range(count)]
        pairs = torch.empty(count, 2, *self._shape[1:], dtype=torch.float16, device=self._gain.device)
        largest = torch.empty(count, 2, 1, 1, 1, device=self._gain.device)
        for place, row in enumerate(newest):
            for side, rows in enumerate((self._steps, self._changes)):
                halved, most = rows.halves(row)
                pairs[place, side] = halved.view(self._shape[1:])
                largest[place, side] = most
        return {"gain": self._gain, "pairs": pairs, "largest": largest}

    def recall(self, memory: Memory) -> None:
        """Take up what `memory` gave, into what has learnt nothing yet."""
        for pair, largest in zip(memory["pairs"], memory["largest"], strict=True) if "pairs" in memory else ():
            step, change = pair.float() * largest
            self.learn(step.view(self._shape), change.view(self._shape))
        self._gain = memory["gain"]

    def solve(self, slope: Tensor) -> Tensor:
        """Return H⁻¹ · slope, the way uphill, by all pairs at once.

        It is the two-loop recursion (Nocedal & Wright, algorithm 7.4), written with matrices (Byrd, Nocedal & Schnabel,
        "Representations of quasi-Newton matrices and their use in limited memory methods", 1994): with S and Y the
        steps and changes as columns, oldest first, R the upper triangle of SᵀY, D its diagonal and H₀ the spectrum,

            a = R⁻¹ Sᵀ g,   r = H₀ (g − Y a),   H⁻¹ g = r + S R⁻ᵀ (D a − Yᵀ r).

        So the memory is read four times, and not eight times for each pair.
        """
        given = slope.flatten()
        a = self._solved(self._in_order(self._steps.along(given)), transposed=False)
        rest = given - self._changes.mixed(self._in_rows(a, given))
        rest = (self._gain * filtered(rest.view_as(slope), self._softness)).flatten()
        b = self._solved(self._along * a - self._in_order(self._changes.along(rest)), transposed=True)
        return rest.add_(self._steps.mixed(self._in_rows(b, given))).view_as(slope)

    def _solved(self, right: Tensor, *, transposed: bool) -> Tensor:
        """Solve R x = right, or Rᵀ x = right."""
        matrix = self._products.T if transposed else self._products
        solution: Tensor = torch.linalg.solve_triangular(matrix, right[:, None], upper=not transposed)
        return solution[:, 0]

    def _in_order(self, of_rows: Tensor) -> Tensor:
        """Sort one number for each row of the memory by age, the oldest first."""
        return of_rows.double().roll(-(self._learnt % len(self._steps)))

    def _in_rows(self, by_age: Tensor, like: Tensor) -> Tensor:
        return by_age.roll(self._learnt % len(self._steps)).to(like.dtype)


def softness(like: Tensor) -> Tensor:
    """Return 1 / max(f, 1/N) of an image's size, `(H, W // 2 + 1)`, f in cycles a pixel, N its longer side."""
    height, width = like.shape[-2:]
    rows = torch.fft.fftfreq(height, device=like.device, dtype=like.dtype)
    columns = torch.fft.rfftfreq(width, device=like.device, dtype=like.dtype)
    return 1 / torch.hypot(rows[:, None], columns[None, :]).clamp_min(1 / max(height, width))


def filtered(image: Tensor, gains: Tensor) -> Tensor:
    """Multiply each frequency of `(1, 3, H, W)` by its gain; a symmetric map."""
    shaped = torch.empty_like(image)
    for channel in range(image.shape[1]):  # one by one: complex numbers take twice the memory
        waves = torch.fft.rfft2(image[:, channel]).mul_(gains)
        shaped[:, channel] = torch.fft.irfft2(waves, s=image.shape[-2:])
    return shaped


def adam(evaluate: Evaluate, start: Tensor, iterations: int, memory: Memory | None = None) -> Generator[Point]:
    """Minimise by Adam (Kingma & Ba, 2015) over the pixels, clamped to 0..1 after each step. The total may rise.

    With the `memory` of a point it goes on from there, as if it had never stopped.
    """
    pixels = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([pixels], lr=ADAM_RATE, betas=ADAM_BETAS, eps=ADAM_EPSILON)
    terms, slope = evaluate(pixels.detach())
    scale = memory["scale"] if memory else _reciprocal(terms[0])
    if memory:
        optimizer.state[pixels] = {name: memory[name].clone() for name in _MOMENTS if name in memory}

    def learnt() -> Memory:
        return {"scale": scale, **optimizer.state[pixels]}

    yield Point(pixels.detach(), terms, slope * scale, learnt)
    for _ in range(iterations):
        pixels.grad = slope * scale
        optimizer.step()
        pixels.detach().clamp_(0, 1)
        terms, slope = evaluate(pixels.detach())
        yield Point(pixels.detach(), terms, slope * scale, learnt)


def _chosen(first: Tensor, one: Point, other: Point) -> Point:
    return Point(
        torch.where(first, one.image, other.image),
        torch.where(first, one.terms, other.terms),
        torch.where(first, one.slope, other.slope),
        one.memory,
    )


def _rms(image: Tensor) -> Tensor:
    return image.square().mean().sqrt()


def _reciprocal(value: Tensor) -> Tensor:
    """1 / value, and 1 for 0: an objective that is met already asks for no step of any length."""
    return torch.where(value == 0, 1.0, 1 / value)
