"""Activations of a layer as positions that count: V `(C, N)`, and `m` `(N,)`, or None where each counts one.

V may be narrower than float32; what is taken of it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workers.painter.losses import wide

if TYPE_CHECKING:
    from service.options import Normalization


def weighted(v: Tensor, m: Tensor | None) -> Tensor:
    """V diag(m)."""
    return v if m is None else v * m


def count_of(v: Tensor, m: Tensor | None) -> Tensor | int:
    """M, what all positions count together."""
    return v.shape[1] if m is None else m.sum()


def share_of(m: Tensor | None) -> Tensor | float:
    """M/N."""
    return 1.0 if m is None else m.mean()


def centred(v: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
    """Give the mean of each channel `(C, 1)`, and V less it."""
    v = wide(v)
    mean = weighted(v, m).sum(1, keepdim=True) / count_of(v, m)
    return mean, v - mean


def moments(v: Tensor, m: Tensor | None) -> Tensor:
    """V diag(m) Vᵀ, `(C, C)`, float32 at least; its slope along V has V's dtype."""
    product: Tensor = _Moments.apply(v, m)
    return product


class _Moments(torch.autograd.Function):
    """The product, whose slope takes one more product and lies in memory as V does: channels last."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, m: Tensor | None) -> Tensor:
        ctx.save_for_backward(v, m)
        v = wide(v)
        return weighted(v, m) @ v.T

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        v, m = ctx.saved_tensors
        slope = (slopes[0] + slopes[0].T).to(v.dtype)
        return weighted((v.T @ slope).T, m).to(v.dtype), None


def per_channel(normalization: Normalization, channels: int) -> float:
    """Give what a sum over channels is multiplied by."""
    return 1 / channels if normalization == "mean" else 1.0
