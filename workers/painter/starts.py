"""The images that a painting may start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def noise(like: Tensor, seed: int) -> Tensor:
    """Draw grey with white noise of an image's shape, around 0.5 and clamped to 0..1, with a deviation of 0.1.

    Faint, because a painting is slowest to get rid of fine noise. Drawn on the CPU, so that every device has the same.
    """
    return _white(like, seed).mul_(0.1).add_(0.5).clamp_(0, 1).to(like.device)


def style_statistics(like: Tensor, styles: Sequence[Tensor], shares: Sequence[float], seed: int) -> Tensor:
    """Draw noise that has the styles' mean colours, their colours' covariance, and their spectrum; clamped to 0..1.

    Each style, less its mean, is scattered all over the image by white noise (Galerne, Gousseau & Morel, "Random Phase
    Textures", 2011: the asymptotic discrete spot noise); several are mixed by their shares of the variance.

    Args:
        like: `(1, C, H, W)`; the shape to draw.
        styles: `(1, C, h, w)` each; what is beyond the shape is cut off.
        shares: that add up to 1.
        seed: of the noise.
    """
    height, width = like.shape[-2:]
    drawn = torch.zeros(like.shape)
    for number, (style, share) in enumerate(zip(styles, shares, strict=True)):
        spot = style[..., :height, :width].cpu()
        mean = spot.mean(dim=(2, 3), keepdim=True)
        white = _white(like[:, :1], seed + number)
        scattered = torch.fft.irfft2(
            torch.fft.rfft2(spot - mean, s=(height, width)) * torch.fft.rfft2(white), s=(height, width)
        )
        drawn += share * mean + share**0.5 * scattered / (spot.shape[-2] * spot.shape[-1]) ** 0.5
    return drawn.clamp_(0, 1).to(like.device)


def _white(like: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed % 2**63)
    return torch.randn(like.shape, generator=generator)
