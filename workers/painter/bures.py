"""The Bures distance of covariances, with its slope in closed form.

The part of W₂² between Gaussians that is due to their covariances A and B is

    d²(A, B) = tr A + tr B − 2 tr (B^½ A B^½)^½,        ∂d²/∂A = 1 − B^½ (B^½ A B^½)^(−½) B^½ = 1 − T,

T being the optimal transport's linear map (Olkin & Pukelsheim, "The distance between two random vectors with given
dispersion matrices", 1982; Peyré & Cuturi, "Computational Optimal Transport", 2019, remark 2.31). So one
eigen-decomposition gives value and slope, and nothing is differentiated through a matrix root. It is taken in float64:
of 512 channels that see 64 positions most eigenvalues are 0, and their roots would drown in float32's rounding.

Where there are fewer positions than channels, A = X Xᵀ with X `(C, n)`, the eigenvalues of B^½ A B^½ that are not 0 are
those of Xᵀ B X, an n × n matrix: 64 positions take a hundredth of what 512 channels do.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

RIDGE = 1e-6
"""Added to A for the slope, times the target's mean variance: where A is singular, the slope is infinite."""

TINY = 1e-24
"""Times the square of that, added to eigenvalues that are divided by; what it is added to has no part in the slope."""


class BuresTo:
    """The distance to one covariance `(C, C)`, whose root is taken once."""

    def __init__(self, covariance: Tensor) -> None:
        self._target = covariance.double()
        self._scale = self._target.diagonal().mean().clamp_min(1e-12)  # a style of one colour has none
        self._root = powered(self._target, 0.5)

    def distance(self, covariance: Tensor) -> Tensor:
        """d² to a covariance `(C, C)`; a scalar of its dtype, differentiable."""
        squared: Tensor = _Bures.apply(covariance, self._target, self._root, self._scale)
        return squared

    def distance_of(self, positions: Tensor) -> Tensor:
        """d² to the covariance X Xᵀ of centred positions X `(C, n)`; a scalar of its dtype, differentiable."""
        squared: Tensor = _BuresOf.apply(positions, self._target, self._scale)
        return squared


class _Bures(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, covariance: Tensor, target: Tensor, root: Tensor, scale: Tensor) -> Tensor:
        own = covariance.double()
        values, vectors = torch.linalg.eigh(root @ own @ root)
        half = root @ vectors
        ctx.save_for_backward(half, _ridged_roots(values, half.square().sum(0), scale))
        squared: Tensor = own.trace() + target.trace() - 2 * values.clamp_min(0).sqrt().sum()
        return squared.to(covariance.dtype)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None, None]:
        half, roots = ctx.saved_tensors
        transport = (half / roots) @ half.T
        slope = torch.eye(len(half), dtype=half.dtype, device=half.device) - transport
        return (slopes[0].double() * slope).to(slopes[0].dtype), None, None, None


class _BuresOf(torch.autograd.Function):
    """The same for A = X Xᵀ, whose slope along X is 2 (1 − T) X = 2 (X − B X (Xᵀ B X)^(−½))."""

    @staticmethod
    def forward(ctx: Any, positions: Tensor, target: Tensor, scale: Tensor) -> Tensor:
        x = positions.double()
        along = target @ x
        values, vectors = torch.linalg.eigh(x.T @ along)
        half = along @ vectors
        steep = half.square().sum(0) / values.clamp_min(TINY * scale**2)
        ctx.save_for_backward(x, half, vectors, _ridged_roots(values, steep, scale))
        squared: Tensor = x.square().sum() + target.trace() - 2 * values.clamp_min(0).sqrt().sum()
        return squared.to(positions.dtype)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        x, half, vectors, roots = ctx.saved_tensors
        slope = 2 * slopes[0].double() * (x - (half / roots) @ vectors.T)
        return slope.to(slopes[0].dtype), None, None


def _ridged_roots(values: Tensor, steep: Tensor, scale: Tensor) -> Tensor:
    """Give the roots of the eigenvalues that B^½ (A + ridge) B^½ has: each has its vector's part of B more of it."""
    return (values.clamp_min(0) + RIDGE * scale * steep + TINY * scale**2).sqrt()


def powered(symmetric: Tensor, exponent: float) -> Tensor:
    """Raise a positive semi-definite matrix to a power; below 0 it has to be definite."""
    values, vectors = torch.linalg.eigh(symmetric)
    power: Tensor = (vectors * values.clamp_min(0).pow(exponent)) @ vectors.T
    return power
