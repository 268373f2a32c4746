"""The terms of the objective, in three normalisations.

With p and x the activations `(C, H, W)` of the content image and of the painting at one layer, N = H·W positions,
V the activations as a C × N matrix, G the painting's Gram matrix and A the style's (over N' positions of its own):

| | `sum` | `gatys` | `mean` |
|---|---|---|---|
| content | Σ (p − x)² | ½ Σ (p − x)² | Σ (p − x)² / (C N) |
| Gram    | V Vᵀ | V Vᵀ | V Vᵀ / N |
| style   | Σ (G − A)² | Σ (G − A)² / (4 C² N²) | Σ (G − A)² / C² |
| total variation of `(3, H, W)` | Σ (∂x² + ∂y²) | Σ (∂x² + ∂y²) | Σ (∂x² + ∂y²) / (3 H W) |

`sum` is the plain formula. `gatys` is Gatys, Ecker & Bethge, "Image Style Transfer Using Convolutional Neural
Networks", CVPR 2016, equations 1 to 4. Both compare sums over as many positions as each picture has, as published for
pictures of one size: a style of twice as many pixels asks for Grams twice as large. `mean` depends on neither
picture's size, so one setting of the weights holds at every size; it is a departure from both.

The total variation is the squared one (Mahendran & Vedaldi, "Understanding Deep Image Representations by Inverting
Them", CVPR 2015, β = 2), of values in 0..1, with differences to the next pixel right and below.

Statistics are taken in float32 at least, autocast or not: a Gram of half floats overflows at 65504.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

Normalization = Literal["mean", "gatys", "sum"]


def content_term(x: Tensor, p: Tensor, normalization: Normalization) -> Tensor:
    """Measure how far activations `x` are from `p`, both `(1, C, H, W)`; a scalar."""
    with _full_precision(x):
        squares = (_wide(x) - _wide(p)).square().sum()
        return squares * {"sum": 1.0, "gatys": 0.5, "mean": 1 / x.numel()}[normalization]


def gram(v: Tensor, normalization: Normalization) -> Tensor:
    """Correlate the channels of activations `(1, C, H, W)` over all positions: `(C, C)`, symmetric."""
    with _full_precision(v):
        matrix = _wide(v).flatten(2)[0]
        product = matrix @ matrix.T
        return product / matrix.shape[1] if normalization == "mean" else product


def style_term(x: Tensor, a: Tensor, normalization: Normalization) -> Tensor:
    """Measure how far the Gram matrix of activations `x` `(1, C, H, W)` is from the style's `a` `(C, C)`; a scalar."""
    with _full_precision(x):
        channels, positions = x.shape[1], x.shape[2] * x.shape[3]
        squares = (gram(x, normalization) - a).square().sum()
        factor = {"sum": 1.0, "gatys": 1 / (4 * channels**2 * positions**2), "mean": 1 / channels**2}
        return squares * factor[normalization]


def total_variation(image: Tensor, normalization: Normalization) -> Tensor:
    """Measure how much an image `(1, 3, H, W)` in 0..1 changes from pixel to pixel; a scalar."""
    with _full_precision(image):
        image = _wide(image)
        squares = image.diff(dim=-1).square().sum() + image.diff(dim=-2).square().sum()
        return squares / image.numel() if normalization == "mean" else squares


def _full_precision(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
