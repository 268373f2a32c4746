"""The Bures distance of covariances, with its slope in closed form.

The part of W₂² between Gaussians that is due to their covariances A and B is

    d²(A, B) = tr A + tr B − 2 tr (B^½ A B^½)^½,        ∂d²/∂A = 1 − B^½ (B^½ A B^½)^(−½) B^½ = 1 − T,

T being the optimal transport's linear map (Olkin & Pukelsheim, "The distance between two random vectors with given
dispersion matrices", 1982; Peyré & Cuturi, "Computational Optimal Transport", 2019, remark 2.31). So one
eigen-decomposition gives value and slope, and nothing is differentiated through a matrix root. It is taken in float64:
of 512 channels that see 64 positions most eigenvalues are 0, and their roots would drown in float32's rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

RIDGE = 1e-6
"""Added to the diagonals of both covariances, times the target's mean variance: where one of them is singular, the
slope is infinite. It hardly changes the distance, and covariances that are equal stay at a distance of 0."""


class BuresTo:
    """The distance to one covariance `(C, C)`, whose root is taken once."""

    def __init__(self, covariance: Tensor) -> None:
        covariance = covariance.double()
        self._scale = covariance.diagonal().mean().clamp_min(1e-12)  # a style of one colour has none
        self._target = _ridged(covariance, self._scale)
        self._root = powered(self._target, 0.5)

    def distance(self, covariance: Tensor) -> Tensor:
        """d² to a covariance `(C, C)`; a scalar of its dtype, differentiable."""
        squared: Tensor = _Bures.apply(covariance, self._target, self._root, self._scale)
        return squared


class _Bures(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, covariance: Tensor, target: Tensor, root: Tensor, scale: Tensor) -> Tensor:
        own = _ridged(covariance.double(), scale)
        values, vectors = torch.linalg.eigh(root @ own @ root)
        roots = values.clamp_min((RIDGE * scale) ** 2).sqrt()
        ctx.save_for_backward(root, roots, vectors)
        squared: Tensor = own.trace() + target.trace() - 2 * roots.sum()
        return squared.to(covariance.dtype)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None, None]:
        root, roots, vectors = ctx.saved_tensors
        half = root @ vectors
        transport = (half / roots) @ half.T
        slope = torch.eye(len(roots), dtype=transport.dtype, device=transport.device) - transport
        return (slopes[0].double() * slope).to(slopes[0].dtype), None, None, None


def _ridged(covariance: Tensor, scale: Tensor) -> Tensor:
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    return covariance + RIDGE * scale * identity


def powered(symmetric: Tensor, exponent: float) -> Tensor:
    """Raise a positive semi-definite matrix to a power; below 0 it has to be definite."""
    values, vectors = torch.linalg.eigh(symmetric)
    power: Tensor = (vectors * values.clamp_min(0).pow(exponent)) @ vectors.T
    return power
