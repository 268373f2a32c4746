"""Content and total variation against naive float64 loops, and their slopes against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from service.options import Normalization
from workers.painter.losses import content_term, total_variation, wide

NORMALIZATIONS: tuple[Normalization, ...] = ("mean", "gatys", "sum")
SHAPE = (1, 3, 4, 5)  # C = 3, N = 20
Array = NDArray[np.float64]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def naive_content(x: Array, p: Array) -> float:
    _, channels, height, width = x.shape
    cells = product(range(channels), range(height), range(width))
    return float(sum((p[0, i, j, k] - x[0, i, j, k]) ** 2 for i, j, k in cells))


def naive_variation(image: Array) -> float:
    _, channels, height, width = image.shape
    total = 0.0
    for c, y, x in product(range(channels), range(height), range(width)):
        if x + 1 < width:
            total += (image[0, c, y, x + 1] - image[0, c, y, x]) ** 2
        if y + 1 < height:
            total += (image[0, c, y + 1, x] - image[0, c, y, x]) ** 2
    return total


@pytest.mark.parametrize(("normalization", "factor"), [("sum", 1), ("gatys", 1 / 2), ("mean", 1 / (3 * 20))])
def test_content_is_the_sum_of_squared_differences_halved_or_averaged(
    normalization: Normalization, factor: float
) -> None:
    x, p = drawn(*SHAPE), drawn(*SHAPE, seed=1)
    expected = factor * naive_content(x.numpy(), p.numpy())
    assert content_term(x, p, normalization).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("normalization", "factor"), [("sum", 1), ("gatys", 1), ("mean", 1 / (3 * 20))])
def test_total_variation_is_the_sum_of_squared_steps_between_neighbours(
    normalization: Normalization, factor: float
) -> None:
    image = drawn(*SHAPE)
    expected = factor * naive_variation(image.numpy())
    assert total_variation(image, normalization).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("term", ["content", "variation"])
def test_slopes_agree_with_finite_differences(term: str, normalization: Normalization) -> None:
    other = drawn(*SHAPE, seed=1)
    terms: dict[str, Callable[[Tensor], Tensor]] = {
        "content": lambda x: content_term(x, other, normalization),
        "variation": lambda x: total_variation(x, normalization),
    }
    assert torch.autograd.gradcheck(terms[term], drawn(*SHAPE).requires_grad_())


@given(repeats=st.integers(1, 4), seed=st.integers(0, 99))
def test_means_do_not_know_how_large_the_picture_is(repeats: int, seed: int) -> None:
    """A picture repeated side by side has the content distance that it had."""
    x, p = (drawn(*SHAPE, seed=2 * seed + i) for i in range(2))
    broad, broad_p = x.repeat(1, 1, 1, repeats), p.repeat(1, 1, 1, repeats)
    torch.testing.assert_close(content_term(broad, broad_p, "mean"), content_term(x, p, "mean"))


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_what_is_reached_costs_nothing(normalization: Normalization) -> None:
    x = drawn(*SHAPE)
    assert content_term(x, x, normalization) == 0
    assert total_variation(torch.full(SHAPE, 0.3), normalization) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_terms_of_half_floats_are_taken_in_float32_under_autocast_too(dtype: torch.dtype) -> None:
    """A sum of 200 × 4000² is beyond float16's 65504 and would be infinite in it."""
    v = torch.full((1, 2, 10, 10), 4000.0).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = content_term(v, torch.zeros_like(v), "sum")
    assert result.dtype == wide(v).dtype == torch.float32
    torch.testing.assert_close(result, torch.tensor(200 * float(v[0, 0, 0, 0]) ** 2))


def test_what_is_wider_than_float32_stays_so() -> None:
    assert wide(drawn(*SHAPE)).dtype == torch.float64
