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


PARTS, SHORTEST, AT_ONCE = 64, 128, 2**22
"""How many parts a product of bfloat16 is summed in, if each then has so many positions, and all their products
together no more values than stay in a cache: of 512 channels, 64 parts take seven times as long as 16."""


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
    mean = weighted(v, m).sum(1, keepdim=True, dtype=wide(v[:, :0]).dtype) / count_of(v, m)
    return mean, v - mean


def spread(v: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
    """Give the mean of each channel `(C, 1)` and the covariance `(C, C)`, float32 at least."""
    mean, covariance = _Spread.apply(v, m)
    return mean, covariance


def moments(v: Tensor, m: Tensor | None) -> Tensor:
    """V diag(m) Vᵀ, `(C, C)`, float32 at least; its slope along V has V's dtype."""
    product: Tensor = _Moments.apply(v, m)
    return product


class _Moments(torch.autograd.Function):
    """The product, whose slope takes one more product and lies in memory as V does: channels last.

    Of bfloat16 the products of parts are taken in hardware, which adds up in float32 and rounds each sum once, and
    these are added up in float32: within 2e-4 at the first layer of a large picture, 2e-3 where there are 192
    positions, in a third of the time that widening V and multiplying it takes.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, m: Tensor | None) -> Tensor:
        ctx.save_for_backward(v, m)
        return _in_parts(v, m) if v.dtype == torch.bfloat16 else weighted(v, m) @ v.T

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        v, m = ctx.saved_tensors
        slope = (slopes[0] + slopes[0].T).to(v.dtype)
        return weighted((v.T @ slope).T, m).to(v.dtype), None


class _Spread(torch.autograd.Function):
    """Mean and covariance, whose slope takes one product, in V's dtype, of what was centred in float32."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
        mean, rest = centred(v, m)
        count = count_of(v, m)
        ctx.save_for_backward(rest.to(v.dtype), m)
        return mean, weighted(rest, m) @ rest.T / count

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        along_mean, along_covariance = slopes
        rest, m = ctx.saved_tensors
        count = count_of(rest, m)
        slope = ((along_covariance + along_covariance.T) / count).to(rest.dtype)
        return weighted(((rest.T @ slope).add_((along_mean / count).to(rest.dtype).T)).T, m).to(rest.dtype), None


def _in_parts(v: Tensor, m: Tensor | None) -> Tensor:
    channels, positions = v.shape
    length = max(SHORTEST, -(-positions // min(PARTS, AT_ONCE // channels**2)))
    cut = positions // length * length
    left, right = (t[:, :cut].T.reshape(-1, length, channels) for t in (weighted(v, m).to(v.dtype), v))
    rest = wide(v[:, cut:])
    whole = weighted(rest, None if m is None else m[cut:]) @ rest.T
    return whole.add_(torch.bmm(left.transpose(1, 2), right).sum(0, dtype=whole.dtype))


def per_channel(normalization: Normalization, channels: int) -> float:
    """Give what a sum over channels is multiplied by."""
    return 1 / channels if normalization == "mean" else 1.0
