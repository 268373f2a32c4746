"""Convolutions by kernels that were sorted once, beside torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from workers.painter.convolution import Kernel

DTYPES = (torch.float64, torch.float32, torch.bfloat16)


def drawn(*shape: int, dtype: torch.dtype, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def kernel(dtype: torch.dtype) -> Kernel:
    return Kernel(drawn(24, 16, 3, 3, dtype=dtype, seed=0) / 12, drawn(24, dtype=dtype, seed=1))


def tolerance(dtype: torch.dtype) -> float:
    return 8 * torch.finfo(dtype).eps


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_activation_is_torchs(dtype: torch.dtype, padding: int) -> None:
    own, x = kernel(dtype), drawn(1, 16, 12, 20, dtype=dtype, seed=2).to(memory_format=torch.channels_last)
    expected = F.conv2d(x.double(), own.weight.double(), own.bias.double(), padding=padding).relu()
    for _ in range(2):  # sorted by the first call
        found = own.activation(x, padding)
        assert found.dtype == dtype
        assert found.is_contiguous(memory_format=torch.channels_last)
        assert (found - expected).norm() <= tolerance(dtype) * expected.norm()


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_slope_is_taken_back_as_torch_takes_it(dtype: torch.dtype, padding: int) -> None:
    own, x = kernel(dtype), drawn(1, 16, 12, 20, dtype=torch.float64, seed=2).requires_grad_()
    convolved = F.conv2d(x, own.weight.double(), padding=padding)
    slope = drawn(*convolved.shape, dtype=dtype, seed=3).to(memory_format=torch.channels_last)
    (expected,) = torch.autograd.grad(convolved, x, slope.double())
    found = own.back(slope, padding)
    assert found.shape == x.shape
    assert (found - expected).norm() <= tolerance(dtype) * expected.norm()


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_another_size_than_the_first_is_no_matter(dtype: torch.dtype) -> None:
    once, anew = kernel(dtype), kernel(dtype)
    once.activation(drawn(1, 16, 40, 64, dtype=dtype, seed=4), 1)
    x = drawn(1, 16, 3, 5, dtype=dtype, seed=5)
    assert torch.equal(once.activation(x, 1), anew.activation(x, 1))
