"""The terms of the objective that are no matter of style, in three normalisations. `distances` has those that are.

With p and x the activations `(C, H, W)` of the content image and of the painting at one layer, N = H·W positions:

| | `sum` | `gatys` | `mean` |
|---|---|---|---|
| content | Σ (p − x)² | ½ Σ (p − x)² | Σ (p − x)² / (C N) |
| total variation of `(3, H, W)` | Σ (∂x² + ∂y²) | Σ (∂x² + ∂y²) | Σ (∂x² + ∂y²) / (3 H W) |

`sum` is the plain formula. `gatys` is Gatys, Ecker & Bethge, "Image Style Transfer Using Convolutional Neural
Networks", CVPR 2016, equations 1 to 4. Both compare sums over as many positions as each picture has, as published for
pictures of one size. `mean` depends on neither picture's size, so one setting of the weights holds at every size; it is
a departure from both.

The total variation is the squared one (Mahendran & Vedaldi, "Understanding Deep Image Representations by Inverting
Them", CVPR 2015, β = 2), of values in 0..1, with differences to the next pixel right and below.

Terms are taken in float32 at least, autocast or not: a Gram of half floats overflows at 65504.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from service.options import Normalization


def content_term(x: Tensor, p: Tensor, normalization: Normalization) -> Tensor:
    """Measure how far activations `x` are from `p`, both `(1, C, H, W)`; a scalar."""
    return squares(x, p) * content_factor(p.numel(), normalization)


def content_factor(count: int, normalization: Normalization) -> float:
    """Give what Σ (p − x)² over so many values is multiplied by."""
    return {"sum": 1.0, "gatys": 0.5, "mean": 1 / count}[normalization]


def squares(x: Tensor, p: Tensor) -> Tensor:
    """Give Σ (p − x)², of values in any precision, in float32 at least; only `x` and `p` are kept for the slope."""
    summed: Tensor = _Squares.apply(x, p)
    return summed


class _Squares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: Tensor) -> Tensor:
        ctx.save_for_backward(x, p)
        return _difference(x, p).square_().sum()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        x, p = ctx.saved_tensors
        return _difference(x, p).mul_(2 * slopes[0]).to(x), None


def _difference(x: Tensor, p: Tensor) -> Tensor:
    """Give x − p as a new tensor, in float32 at least, without others of that width on the way."""
    if torch.promote_types(x.dtype, p.dtype).itemsize >= torch.float32.itemsize:
        return torch.sub(x, p)
    return x.float().sub_(p)


def total_variation(image: Tensor, normalization: Normalization) -> Tensor:
    """Measure how much an image `(1, 3, H, W)` in 0..1 changes from pixel to pixel; a scalar."""
    with _full_precision(image):
        image = wide(image)
        squares = image.diff(dim=-1).square().sum() + image.diff(dim=-2).square().sum()
        return squares / image.numel() if normalization == "mean" else squares


def _full_precision(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)


def wide(tensor: Tensor) -> Tensor:
    """Take activations to float32, unless they are wider already."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
