"""Pictures as tensors and back, and their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from service.plan import scaled

if TYPE_CHECKING:
    from torch import Tensor

    from service.painting import Pixels


def resized(pixels: Pixels, longest: int) -> Tensor:
    """Scale a picture so that its longer side has `longest` pixels, keeping its aspect ratio to the pixel.

    LANCZOS in float32, a channel at a time: rounding to 8 bit between would cost shadows their gradations.

    Args:
        pixels: `(H, W, 3)` uint8.
        longest: in pixels.

    Returns:
        `(1, 3, H', W')` float32 in 0..1 on the CPU.
    """
    height, width, _ = pixels.shape
    size = scaled(width, height, longest)
    channels = [_lanczos(pixels[..., channel], size) for channel in range(3)]
    return torch.from_numpy(np.stack(channels)).div_(255).clamp_(0, 1).unsqueeze(0)


def _lanczos(channel: Pixels, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(channel.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def to_pixels(image: Tensor) -> Pixels:
    """Take `(1, 3, H, W)`, RGB in 0..1, off its device as `(H, W, 3)` uint8; what is out of range is clamped."""
    bytes_ = image.detach()[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    return bytes_.permute(1, 2, 0).contiguous().cpu().numpy()


def to_image(pixels: Pixels, device: torch.device | str = "cpu") -> Tensor:
    """Put `(H, W, 3)` uint8 onto a device as `(1, 3, H, W)` float32 in 0..1."""
    return torch.tensor(pixels, device=device).permute(2, 0, 1).unsqueeze(0).float().div_(255)


def noise(like: Tensor, seed: int) -> Tensor:
    """Draw grey with white noise of an image's shape, around 0.5 and clamped to 0..1, with a deviation of 0.1.

    Faint, because a painting is slowest to get rid of fine noise. Drawn on the CPU, so that every device has the same.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(like.shape, generator=generator).mul_(0.1).add_(0.5).clamp_(0, 1).to(like.device)
