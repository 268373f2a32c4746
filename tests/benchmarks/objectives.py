"""What the two baselines minimise, each as a function of its own image tensor.

A (neural-style-pt): 5 · MSE of relu4_2 + Σ 100 · MSE of Grams V Vᵀ / (C N) + 10⁻³ · Σ |∂x|, over Caffe's input.

B (crowsonkb's style-transfer-pytorch): 0.015 · MSE of relu4_2 + Σ w_l (mean (μ − μ')² + tr (Σ + Σ' − 2 (Σ'^½ Σ Σ'^½)^½)
/ C) + 2 · TV, over RGB in 0..1; w_l is 256 : 64 : 16 : 4 : 1, and TV weighs squares to the next pixel 2/3, to the
diagonal one 1/6. The root is taken by 12 iterations of Newton and Schulz, and its gradient by 12 of those that solve
Lyapunov's equation (Lin & Maji, "Improved Bilinear Pooling with CNNs", BMVC 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from tests.benchmarks.network import Bare, look, normalised
from workers.painter.losses import wide

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = "relu4_2"
CONTENT_A, STYLE_A, TV_A = 5.0, 100.0, 1e-3
CONTENT_B, TV_B = 0.015, 2.0
SHARES_B = {layer: weight / 341 for layer, weight in zip(STYLE, (256, 64, 16, 4, 1), strict=True)}
NEWTON, RIDGE = 12, 1e-4

Loss = Callable[[Tensor], Tensor]
"""Measures an image `(1, 3, H, W)`; a differentiable scalar."""


@torch.no_grad()
def objective_a(bare: Bare, content: Tensor, style: Tensor) -> Loss:
    """Prepare A's objective; images are Caffe's, `(1, 3, H, W)`."""
    wanted = look(bare, content, [CONTENT])[CONTENT]
    grams = {layer: _gram(v) for layer, v in look(bare, style, STYLE).items()}

    def loss(image: Tensor) -> Tensor:
        seen = look(bare, image, [CONTENT, *STYLE])
        total = CONTENT_A * F.mse_loss(seen[CONTENT], wanted)
        for layer, gram in grams.items():
            total = total + STYLE_A * F.mse_loss(_gram(seen[layer]), gram)
        return total + TV_A * (image.diff(dim=-1).abs().sum() + image.diff(dim=-2).abs().sum())

    return loss


@torch.no_grad()
def objective_b(bare: Bare, content: Tensor, style: Tensor, *, quick: bool = False, eye: Bare | None = None) -> Loss:
    """Prepare B's objective; images are RGB in 0..1, `(1, 3, H, W)`.

    Args:
        bare: what looks at the aims.
        content: the photograph.
        style: the painting.
        quick: take the root's iterations on eigenvalues: the same numbers, in a third of the time.
        eye: what looks at images, where that is not `bare`.
    """
    root_of, eye = _QuickRoot if quick else _Root, eye or bare
    wanted = look(bare, normalised(content), [CONTENT])[CONTENT]
    aims = {layer: _gaussian(v) for layer, v in look(bare, normalised(style), STYLE).items()}
    roots = {layer: newton_root(covariance) for layer, (_, covariance) in aims.items()}

    def loss(image: Tensor) -> Tensor:
        seen = look(eye, normalised(image), [CONTENT, *STYLE])
        total = CONTENT_B * F.mse_loss(wide(seen[CONTENT]), wanted)
        for layer, share in SHARES_B.items():
            (mean, covariance), (aim, goal), root = _gaussian(seen[layer]), aims[layer], roots[layer]
            middle = root_of.apply(root @ covariance @ root)
            total = total + share * (F.mse_loss(mean, aim) + (covariance + goal - 2 * middle).diagonal().mean())
        return total + TV_B * nine_point_variation(image)

    return loss


def nine_point_variation(image: Tensor) -> Tensor:
    """Measure B's total variation of `(1, 3, H, W)`; a scalar."""
    x = F.pad(image, (1, 1, 1, 1), mode="replicate")
    right = (x[..., 1:-1, 2:] - x[..., 1:-1, 1:-1]).square().mean()
    down = (x[..., 2:, 1:-1] - x[..., 1:-1, 1:-1]).square().mean()
    falling = (x[..., 1:, 1:] - x[..., :-1, :-1]).square().mean()
    rising = (x[..., 1:, :-1] - x[..., :-1, 1:]).square().mean()
    variation: Tensor = (right + down) * 2 / 3 + (falling + rising) / 6
    return variation


def newton_root(matrix: Tensor) -> Tensor:
    """Take the root of a positive definite `(C, C)` by Newton and Schulz's coupled iteration (Higham 2008, ch. 6)."""
    norm = matrix.norm()
    root, inverse = matrix / norm, _identity(matrix)
    for _ in range(NEWTON):
        turn = 1.5 * _identity(matrix) - 0.5 * (inverse @ root)
        root, inverse = root @ turn, turn @ inverse
    scaled: Tensor = root * norm.sqrt()
    return scaled


class _Root(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        root = newton_root(matrix)
        ctx.save_for_backward(root)
        return root

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        """Solve R S + S R = slope for S, by Newton's iteration for the matrix sign."""
        (root,) = ctx.saved_tensors
        norm = root.norm()
        sign, solution = root / norm, slopes[0] / norm
        for _ in range(NEWTON):
            rest = 3 * _identity(root) - sign @ sign
            solution = 0.5 * (solution @ rest - sign.T @ (sign.T @ solution - solution @ sign))
            sign = 0.5 * (sign @ rest)
        half: Tensor = 0.5 * solution
        return half


class _QuickRoot(torch.autograd.Function):
    """The same iterations, taken on eigenvalues: each of their matrices has the eigenvectors of the first."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        norm = matrix.norm()
        values, vectors = torch.linalg.eigh(matrix / norm)
        inverse = torch.ones_like(values)
        for _ in range(NEWTON):
            turn = 1.5 - 0.5 * inverse * values
            values, inverse = values * turn, turn * inverse
        values = values * norm.sqrt()
        ctx.save_for_backward(values, vectors)
        root: Tensor = (vectors * values) @ vectors.T
        return root

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        values, vectors = ctx.saved_tensors
        norm = values.norm()
        sign, factor = values / norm, torch.full_like(vectors, 0.5) / norm
        for _ in range(NEWTON):
            row, column = sign[:, None], sign[None, :]
            factor = factor * 0.5 * (3 - row.square() - column.square() + row * column)
            sign = 0.5 * sign * (3 - sign.square())
        slope: Tensor = vectors @ (factor * (vectors.T @ slopes[0] @ vectors)) @ vectors.T
        return slope


def _gram(v: Tensor) -> Tensor:
    v = v.flatten(2)[0]
    return v @ v.T / v.numel()


def _gaussian(v: Tensor) -> tuple[Tensor, Tensor]:
    """Give mean `(C,)` and covariance `(C, C)`, with the ridge that B adds."""
    v = wide(v).flatten(2).squeeze(0)
    mean = v.mean(1)
    return mean, v @ v.T / v.shape[1] - torch.outer(mean, mean) + RIDGE * torch.eye(len(v))


def _identity(like: Tensor) -> Tensor:
    return torch.eye(len(like), dtype=like.dtype, device=like.device)
