"""The optimisers on objectives whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from workers.painter import optimise
from workers.painter.optimise import (
    FIRST_STEP,
    HISTORY,
    LENIENT,
    LONGEST_STEP,
    Curvature,
    adam,
    filtered,
    lbfgs,
    softness,
)

SHAPE = (1, 3, 9, 12)
METHODS = {"lbfgs": lbfgs, "adam": adam}


def drawn(seed: int, shape: tuple[int, ...] = SHAPE, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def evaluation(total: Callable[[Tensor], Tensor]) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """What the painter's objective looks like from here: terms, the total first, and the total's slope."""

    def evaluate(image: Tensor) -> tuple[Tensor, Tensor]:
        image = image.detach().requires_grad_()
        value = total(image)
        (slope,) = torch.autograd.grad(value, image)
        return torch.stack([value.detach(), torch.tensor(7.0)]), slope

    return evaluate


def bowl(image: Tensor) -> Tensor:
    """A quadratic with its least value 0 at `drawn(1)`, a hundred times steeper in some pixels than in others."""
    steepness = torch.logspace(0, 2, image.numel()).view(image.shape)
    return (steepness * (image - drawn(1)).square()).sum()


def hills(image: Tensor) -> Tensor:
    """Many valleys, and walls between some of them."""
    return (image.square().square() + 0.3 * torch.sin(40 * image) + 0.3).sum()


@pytest.mark.parametrize("method", METHODS)
def test_the_start_comes_first_and_each_iteration_is_one_evaluation(method: str) -> None:
    seen: list[Tensor] = []

    def evaluate(image: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(image.clone())
        return evaluation(bowl)(image)

    images = [point.image.clone() for point in METHODS[method](evaluate, drawn(0), 5)]
    assert len(images) == len(seen) == 6
    assert torch.equal(images[0], drawn(0))


@pytest.mark.parametrize(("method", "iterations", "remains"), [("lbfgs", 40, 1e-4), ("adam", 150, 1e-3)])
def test_the_least_value_is_found(method: str, iterations: int, remains: float) -> None:
    totals = [float(point.terms[0]) for point in METHODS[method](evaluation(bowl), drawn(0), iterations)]
    assert totals[-1] < remains * totals[0]


@given(seed=st.integers(0, 10_000))
def test_with_lbfgs_the_total_is_never_above_the_highest_of_the_last_ten(seed: int) -> None:
    totals = [float(point.terms[0]) for point in lbfgs(evaluation(hills), drawn(seed), 25)]
    assert all(total <= max(totals[max(0, n - LENIENT) : n]) for n, total in enumerate(totals) if n)
    assert totals[-1] < totals[0]


@pytest.mark.parametrize("seed", [0, 2, 3, 4])
def test_an_objective_that_is_known_roughly_does_not_bring_it_to_a_halt(seed: int) -> None:
    """A thousandth of the start's total and slope is noise: if nothing may rise, this ends a thousand times as high."""
    exact = evaluation(bowl)
    terms_of_start, slope_of_start = exact(drawn(0))
    rough = 1e-3 * slope_of_start.square().mean().sqrt()

    def evaluate(image: Tensor) -> tuple[Tensor, Tensor]:
        terms, slope = exact(image)
        noise = 1e-3 * terms_of_start[0] * torch.sin(1e5 * image.sum())
        return torch.stack([terms[0] + noise, terms[1]]), slope + rough * torch.sin(1e5 * image)

    first, *_, last = (float(exact(point.image)[0][0]) for point in lbfgs(evaluate, drawn(seed), 120))
    assert last < 5e-5 * first


def test_what_lies_beyond_the_finite_numbers_is_not_entered() -> None:
    """Past a wall near the start the objective is no number; below it there is still a way down."""

    start = drawn(0) / 2

    def cliff(image: Tensor) -> Tensor:
        return bowl(image) - torch.log(start.max() + 0.01 - image).sum()

    points = list(lbfgs(evaluation(cliff), start, 80))
    assert all(point.terms.isfinite().all() and point.slope.isfinite().all() for point in points)
    assert points[-1].terms[0] < 0.7 * points[0].terms[0]


@pytest.mark.parametrize("power", [-60, 60])
def test_the_scale_of_the_objective_changes_nothing(power: int) -> None:
    """Powers of two, so that not even the last bit is rounded differently."""
    plain = list(lbfgs(evaluation(hills), drawn(0), 15))
    scaled = list(lbfgs(evaluation(lambda image: hills(image) * 2.0**power), drawn(0), 15))
    assert all(torch.equal(a.image, b.image) for a, b in zip(plain, scaled, strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_an_objective_that_is_met_moves_nothing(method: str) -> None:
    images = [point.image.clone() for point in METHODS[method](evaluation(bowl), drawn(1), 3)]
    for image in images:
        torch.testing.assert_close(image, drawn(1), atol=1e-6, rtol=0)


def test_the_first_step_has_the_length_that_is_promised() -> None:
    start, after = (point.image for point in lbfgs(evaluation(bowl), 0.5 + drawn(0) / 9, 1))
    assert (after - start).square().mean().sqrt() == pytest.approx(FIRST_STEP, rel=1e-4)


def test_no_step_is_longer_than_the_limit() -> None:
    """Along a slope without curvature there is no other reason to stop."""
    images = [point.image for point in lbfgs(evaluation(lambda image: image.sum() + 1e3), torch.ones(SHAPE), 10)]
    steps = [(after - before).square().mean().sqrt() for before, after in pairwise(images)]
    assert max(steps) <= LONGEST_STEP * 1.0001


def test_with_lbfgs_every_image_is_within_the_colours() -> None:
    points = list(lbfgs(evaluation(lambda image: (image - 3).square().sum()), drawn(0), 80))
    assert all(point.image.min() >= 0 and point.image.max() <= 1 for point in points)
    torch.testing.assert_close(points[-1].image, torch.ones(SHAPE), atol=0.01, rtol=0)


def test_curvature_is_the_matrix_that_bfgs_builds() -> None:
    """The two-loop recursion against H ← (I − ρsyᵀ) H (I − ρysᵀ) + ρssᵀ, written out, from γ F⁻¹ (1/f) F."""
    generator = np.random.default_rng(0)
    shape, size = (1, 3, 2, 3), 18
    root = generator.normal(size=(size, size))
    hessian = root @ root.T + np.eye(size)
    steps = generator.normal(size=(5, size))
    slope = generator.normal(size=size)

    def tensor(vector: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(vector).view(shape)

    curvature = Curvature(tensor(slope), HISTORY)
    for step in steps:
        curvature.learn(tensor(step), tensor(hessian @ step))

    gains = softness(tensor(slope))
    spectrum = np.stack([filtered(tensor(unit), gains).numpy().ravel() for unit in np.eye(size)])
    last = hessian @ steps[-1]
    inverse = spectrum * (steps[-1] @ last) / (last @ spectrum @ last)
    for step in steps:
        change = hessian @ step
        rho = 1 / (step @ change)
        left = np.eye(size) - rho * np.outer(step, change)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
    np.testing.assert_allclose(curvature.solve(tensor(slope)).numpy().ravel(), inverse @ slope, rtol=1e-9)


@pytest.mark.parametrize("change", [0.0, -1.0, torch.nan, torch.inf])
def test_a_pair_without_positive_curvature_teaches_nothing(change: float) -> None:
    slope, step = drawn(0), drawn(1)
    taught, other = Curvature(slope, HISTORY), Curvature(slope, HISTORY)
    for curvature in (taught, other):
        curvature.learn(step, 3 * step)
    taught.learn(drawn(2), change * drawn(2))
    torch.testing.assert_close(taught.solve(slope), other.solve(slope))


def test_only_the_last_pairs_are_remembered() -> None:
    forgetful, fresh = Curvature(drawn(0), HISTORY), Curvature(drawn(0), HISTORY)
    forgetful.learn(drawn(1), 50 * drawn(1))
    for curvature in (forgetful, fresh):
        for seed in range(2, 2 + HISTORY):
            curvature.learn(drawn(seed), 3 * drawn(seed))
    torch.testing.assert_close(forgetful.solve(drawn(0)), fresh.solve(drawn(0)))


@given(height=st.integers(1, 40), width=st.integers(2, 40), seed=st.integers(0, 99))
def test_the_spectrum_is_a_symmetric_positive_map(height: int, width: int, seed: int) -> None:
    one, other = (drawn(seed + i, (1, 3, height, width), torch.float64) for i in range(2))
    gains = softness(one)
    torch.testing.assert_close((filtered(one, gains) * other).sum(), (one * filtered(other, gains)).sum())
    assert (one * filtered(one, gains)).sum() > 0


def test_waves_are_softer_the_longer_they_are() -> None:
    """Of 2, 4, 8 … 64 pixels, along the rows of an image of 64 pixels; beyond its size nothing is softer."""
    columns = torch.arange(64)
    for length in (2, 4, 8, 16, 32, 64):
        wave = torch.cos(2 * torch.pi * columns / length).expand(1, 3, 32, 64)
        torch.testing.assert_close(filtered(wave, softness(wave)), length * wave, atol=1e-3, rtol=1e-4)
    plain = torch.ones(1, 3, 32, 64)
    torch.testing.assert_close(filtered(plain, softness(plain)), 64 * plain)


def test_adam_stays_within_the_colours() -> None:
    points = adam(evaluation(lambda image: (image - 3).square().sum()), drawn(0), 80)
    last = [point.image.clone() for point in points][-1]
    assert torch.equal(last, torch.ones(SHAPE))


def test_once_it_has_settled_curvature_is_measured_over_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[Tensor] = []

    class Noted(Curvature):
        def learn(self, step: Tensor, change: Tensor) -> None:
            learnt.append(step.clone())
            super().learn(step, change)

    monkeypatch.setattr(optimise, "Curvature", Noted)
    monkeypatch.setattr(optimise, "SETTLED", 3)
    images = [point.image.clone() for point in lbfgs(evaluation(bowl), drawn(0), 6)]
    spans = [1, 1, 1, 2, 2, 2]
    expected = [images[n + 1] - images[n + 1 - span] for n, span in enumerate(spans)]
    assert all(torch.equal(*both) for both in zip(learnt, expected, strict=True))
    learnt.clear()
    list(lbfgs(evaluation(bowl), drawn(0), 2, done=10))
    assert len(learnt) == 2
