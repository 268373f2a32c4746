"""The style distances against naive float64 oracles, and their slopes against finite differences."""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from service.options import Normalization, StyleDistance
from workers.painter.bures import BuresTo, powered
from workers.painter.distances import Distance, blended, distance
from workers.painter.sliced import directions

Array = NDArray[np.float64]
DISTANCES: tuple[StyleDistance, ...] = get_args(StyleDistance)
NORMALIZATIONS: tuple[Normalization, ...] = get_args(Normalization)
C, N = 4, 30
SEED = 7


def drawn(positions: int = N, *, seed: int = 0) -> Tensor:
    """Activations `(C, N)`, not centred, and correlated."""
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(C, positions, generator=generator, dtype=torch.float64)
    return torch.randn(C, C, generator=generator, dtype=torch.float64) @ v + 0.5


def weights(positions: int = N, *, seed: int = 5) -> Tensor:
    return torch.rand(positions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def between(
    x: Tensor, style: Tensor, name: StyleDistance, normalization: Normalization, m: Tensor | None = None
) -> Tensor:
    way = distance(name, normalization, C, x.shape[1], SEED)
    return way.aim(way.describe(style, None))(x, m)


def naive_moments(v: Array, m: Array) -> tuple[Array, Array]:
    """Mean and covariance, by loops."""
    channels, positions = v.shape
    mean = np.zeros(channels)
    for i, n in product(range(channels), range(positions)):
        mean[i] += m[n] * v[i, n] / m.sum()
    covariance = np.zeros((channels, channels))
    for i, j, n in product(range(channels), range(channels), range(positions)):
        covariance[i, j] += m[n] * (v[i, n] - mean[i]) * (v[j, n] - mean[j]) / m.sum()
    return mean, covariance


def naive_gram(v: Array, m: Array) -> Array:
    """V diag(m) Vᵀ, by loops."""
    result = np.zeros((len(v), len(v)))
    for i, j, n in product(range(len(v)), range(len(v)), range(v.shape[1])):
        result[i, j] += m[n] * v[i, n] * v[j, n]
    return result


def naive_sliced(x: Array, m: Array, style: Array) -> float:
    """Each value against the style's at the same quantile, read off a piecewise linear curve."""
    total, along = 0.0, directions(C, SEED).numpy()
    for direction in along:
        order = np.argsort(direction @ x)
        values, counts = (direction @ x)[order], m[order]
        at = (np.cumsum(counts) - counts / 2) / m.sum()
        curve = np.sort(direction @ style)
        grid = (np.arange(x.shape[1]) + 0.5) / x.shape[1]
        own = np.interp(grid, (np.arange(len(curve)) + 0.5) / len(curve), curve)
        total += sum(c * (value - np.interp(u, grid, own)) ** 2 for value, c, u in zip(values, counts, at, strict=True))
    return float(total / m.sum())


def naive(x: Array, style: Array, name: StyleDistance, normalization: Normalization, m: Array | None = None) -> float:
    """E_l by the table of `distances`."""
    m, positions, everywhere = np.ones(x.shape[1]) if m is None else m, x.shape[1], np.ones(style.shape[1])
    if name == "gram":
        g, a = naive_gram(x, m), naive_gram(style, everywhere) / style.shape[1]
        if normalization == "mean":
            return float(m.mean() * ((g / m.sum() - a) ** 2).sum() / C**2)
        squares = float(((g - a * m.sum()) ** 2).sum())
        return squares / (4 * C**2 * positions**2) if normalization == "gatys" else squares
    (mean, covariance), (wanted, aim) = naive_moments(x, m), naive_moments(style, everywhere)
    if name == "mean_std":
        apart = ((mean - wanted) ** 2 + (np.diag(covariance) ** 0.5 - np.diag(aim) ** 0.5) ** 2).sum()
    elif name == "gaussian_w2":
        root: Array = scipy.linalg.sqrtm(aim)
        middle = np.real(scipy.linalg.sqrtm(root @ covariance @ root))
        apart = ((mean - wanted) ** 2).sum() + np.trace(covariance + aim - 2 * middle)
    else:
        apart = naive_sliced(x, m, style)
    return float(m.mean() * apart / (C if normalization == "mean" else 1))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_is_what_its_naive_formula_says(
    name: StyleDistance, normalization: Normalization, masked: bool
) -> None:
    x, style, m = drawn(), drawn(42, seed=1), weights() if masked else None
    expected = naive(x.numpy(), style.numpy(), name, normalization, None if m is None else m.numpy())
    assert between(x, style, name, normalization, m).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("name", DISTANCES)
def test_slopes_agree_with_finite_differences(name: StyleDistance, normalization: Normalization, masked: bool) -> None:
    way = distance(name, normalization, C, N, SEED)
    term, m = way.aim(way.describe(drawn(42, seed=1), None)), weights() if masked else None
    assert torch.autograd.gradcheck(lambda x: term(x, m), drawn().requires_grad_())


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_style_is_at_no_distance_from_itself(name: StyleDistance, normalization: Normalization) -> None:
    x = drawn()
    assert between(x, x, name, normalization).item() == pytest.approx(0, abs=1e-9)
    assert between(x, 1.5 * x, name, normalization).item() > 0.01


@given(seed=st.integers(0, 50), name=st.sampled_from(DISTANCES))
def test_a_mask_of_ones_is_no_mask(seed: int, name: StyleDistance) -> None:
    x, style = drawn(seed=seed), drawn(42, seed=seed + 1)
    torch.testing.assert_close(
        between(x, style, name, "mean", torch.ones(N, dtype=torch.float64)), between(x, style, name, "mean")
    )


@given(seed=st.integers(0, 50), name=st.sampled_from(DISTANCES), repeats=st.integers(2, 4))
def test_means_do_not_know_how_large_a_picture_is(seed: int, name: StyleDistance, repeats: int) -> None:
    x, style = drawn(1000, seed=seed), drawn(1000, seed=seed + 1)
    rel = 0.02 if name == "sliced_wasserstein" else 1e-9  # a curve through more points bends in other places
    expected = between(x, style, name, "mean").item()
    assert between(x.repeat(1, repeats), style, name, "mean").item() == pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("name", DISTANCES)
def test_what_a_mask_leaves_out_does_not_count(name: StyleDistance) -> None:
    x, other, style = drawn(), drawn(seed=9), drawn(42, seed=1)
    m = (torch.arange(N) < 20).double()
    mixed = torch.where(m.bool(), x, other)
    torch.testing.assert_close(between(mixed, style, name, "mean", m), between(x, style, name, "mean", m))
    way = distance(name, "mean", C, N, SEED)
    torch.testing.assert_close(way.describe(mixed, m), way.describe(x, m))


@pytest.mark.parametrize("name", DISTANCES)
def test_two_equal_styles_make_the_same_one(name: StyleDistance) -> None:
    way: Distance = distance(name, "mean", C, N, SEED)
    one = way.describe(drawn(seed=1), None)
    torch.testing.assert_close(blended([one, one], [0.3, 0.7]), one)


def test_blended_gaussians_are_those_of_all_positions_together() -> None:
    way = distance("gaussian_w2", "mean", C, N, SEED)
    one, other = drawn(seed=1), drawn(seed=2)
    together = way.describe(torch.cat([one, other], dim=1), None)
    torch.testing.assert_close(blended([way.describe(v, None) for v in (one, other)], [0.5, 0.5]), together)


def test_a_silent_channel_has_a_finite_slope() -> None:
    x = torch.zeros(C, N).requires_grad_()
    for name in DISTANCES:
        (slope,) = torch.autograd.grad(between(x, drawn(seed=1).float(), name, "mean"), x)
        assert slope.isfinite().all(), name


def test_the_transport_is_that_of_an_eigen_decomposition() -> None:
    """T = B^½ (B^½ A B^½)^(−½) B^½ moves A onto B, T A T = B, and the slope is 1 − T."""
    a, b = (drawn(200, seed=seed).cov() for seed in (1, 2))
    a.requires_grad_()
    (slope,) = torch.autograd.grad(BuresTo(b).distance(a), a)
    transport = torch.eye(C, dtype=torch.float64) - slope
    torch.testing.assert_close(transport @ a.detach() @ transport, b, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(transport, transport.T)
    values, vectors = np.linalg.eigh(b.numpy())
    root = vectors @ np.diag(values**0.5) @ vectors.T
    middle_values, middle = np.linalg.eigh(root @ a.detach().numpy() @ root)
    expected = root @ middle @ np.diag(middle_values**-0.5) @ middle.T @ root
    np.testing.assert_allclose(transport.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_covariances_that_see_fewer_positions_than_channels_have_a_distance_all_the_same() -> None:
    """As relu5_1 of a small picture has: 512 channels at 64 positions."""
    x, style = torch.randn(64, 10, generator=torch.Generator().manual_seed(0)).requires_grad_(), torch.ones(64, 12)
    way = distance("gaussian_w2", "mean", 64, 10, SEED)
    term = way.aim(way.describe(style, None))(x, None)
    (slope,) = torch.autograd.grad(term, x)
    assert term.isfinite()
    assert slope.isfinite().all()


@given(seed=st.integers(0, 50), n=st.integers(2, 11), ranks=st.integers(1, 14))
def test_few_positions_are_as_far_away_as_their_covariance(seed: int, n: int, ranks: int) -> None:
    """Where there are fewer of them than channels, and whether or not the style has as many as channels itself."""
    x, style = drawn(12 * n, seed=seed).reshape(-1, n)[:12], drawn(12 * ranks, seed=seed + 1).reshape(-1, ranks)[:12]
    x, to = (x - x.mean(1, keepdim=True)).requires_grad_(), BuresTo(style.cov(correction=0))
    few, many = to.distance_of(x), to.distance(x @ x.T)
    torch.testing.assert_close(few, many, rtol=1e-6, atol=1e-6)
    slope, expected = (torch.autograd.grad(value, x)[0] for value in (few, many))
    assert (slope - expected).norm() < 1e-3 * expected.norm() + 1e-6


@given(st.integers(0, 99))
def test_a_power_is_a_power(seed: int) -> None:
    matrix = drawn(100, seed=seed).cov()
    torch.testing.assert_close(powered(matrix, 0.5) @ powered(matrix, 0.5), matrix)
    torch.testing.assert_close(powered(matrix, -1.0) @ matrix, torch.eye(C, dtype=torch.float64))


def test_directions_are_orthogonal_and_a_matter_of_the_seed() -> None:
    along = directions(16, 3)
    torch.testing.assert_close(along @ along.T, torch.eye(16, dtype=torch.float64))
    assert torch.equal(along, directions(16, 3))
    assert not torch.equal(along, directions(16, 4))
