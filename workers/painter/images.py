"""Pictures as tensors and back, and their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from workers.painter.colour import luma

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from service.painting import Picture, Pixels

Size = tuple[int, int]
"""Width and height, in pixels."""

WHITE = {"uint8": 255.0, "uint16": 65535.0}

VISIBLE = 0.05
"""Opacity from which on a pixel's own colour is taken; below, rounding has left little of it."""


def resized(pixels: NDArray[np.generic], size: Size) -> Tensor:
    """Scale a picture.

    LANCZOS in float32, a channel at a time: rounding to 8 bit between would cost shadows their gradations.

    Args:
        pixels: `(H, W, C)` uint8, uint16, or float in 0..1.
        size: the width and height that it will have.

    Returns:
        `(1, C, H', W')` float32 in 0..1 on the CPU.
    """
    channels = [_lanczos(pixels[..., channel], size) for channel in range(pixels.shape[2])]
    return torch.from_numpy(np.stack(channels)).div_(_full(pixels)).clamp_(0, 1).unsqueeze(0)


def _lanczos(channel: NDArray[np.generic], size: Size) -> NDArray[np.float32]:
    image = Image.fromarray(channel.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def _full(pixels: NDArray[np.generic]) -> float:
    """Say what white is: the largest integer of the dtype, or 1 for floats."""
    return WHITE.get(pixels.dtype.name, 1.0)


def matte(picture: Picture, size: Size) -> Tensor | None:
    """Scale a picture's matte to `(1, 1, H', W')` in 0..1; None where it is opaque everywhere."""
    return None if picture.matte is None else resized(picture.matte[..., None], size)


def opaque(picture: Picture, size: Size, background: str | None = None) -> Tensor:
    """Scale a picture, `(1, 3, H', W')` in 0..1, and give its transparent parts a colour.

    Either that of the background, such as `#ffffff`; or, without one, the colours around are spread into them, so
    that nothing foreign is at the edge of what can be seen.
    """
    if picture.matte is None:
        return resized(picture.pixels, size)
    alpha = picture.matte[..., None] / _full(picture.matte)
    seen, cover = resized(picture.pixels / _full(picture.pixels) * alpha, size), resized(alpha, size)
    if background is None:
        return _spread(seen, cover)
    paper = torch.tensor(list(bytes.fromhex(background[1:]))).div(255).view(1, 3, 1, 1)
    return seen + (1 - cover) * paper


def _spread(seen: Tensor, cover: Tensor) -> Tensor:
    """Fill holes from ever coarser copies of a picture whose colours are multiplied by its `cover`.

    (The pull-push of Gortler et al., "The Lumigraph", SIGGRAPH 1996.)
    """
    own = seen / cover.clamp_min(1e-3)
    if cover.min() >= VISIBLE or max(cover.shape[-2:]) == 1:
        return own.clamp(0, 1)
    coarse = _spread(*(F.avg_pool2d(part, 2, ceil_mode=True) for part in (seen, cover)))
    around = F.interpolate(coarse, size=cover.shape[-2:], mode="bilinear")
    return torch.lerp(around, own.clamp(0, 1), (cover / VISIBLE).clamp(0, 1))


def mask(picture: Picture, size: Size) -> Tensor:
    """Read a picture as a mask, `(1, 1, H', W')` in 0..1: how white it is, and what is transparent is black."""
    return luma(opaque(picture, size, "#000000"))


def enlarged(image: Tensor, size: Size) -> Tensor:
    """Scale an image that is being painted, `(1, C, H, W)`, on its device; clamped to 0..1.

    Bicubic, for torch has no LANCZOS; an image of that size already stays as it is.
    """
    if image.shape[-2:] == (size[1], size[0]):
        return image
    return F.interpolate(image, size=(size[1], size[0]), mode="bicubic", antialias=True).clamp(0, 1)


def to_pixels(image: Tensor, bits: int = 8) -> Pixels:
    """Take `(1, C, H, W)` in 0..1 off its device as `(H, W, C)` uint8 or uint16; what is out of range is clamped."""
    full = 2**bits - 1
    whole = image.detach()[0].clamp(0, 1).mul(full).round().to(torch.int32)
    array = np.ascontiguousarray(whole.permute(1, 2, 0).cpu().numpy())
    return array.astype(np.uint8) if bits == 8 else array.astype(np.uint16)


def to_image(pixels: Pixels, device: torch.device | str = "cpu") -> Tensor:
    """Put `(H, W, 3)` uint8 or uint16 onto a device as `(1, 3, H, W)` float32 in 0..1."""
    values = torch.tensor(pixels.astype(np.int32), device=device)
    return values.permute(2, 0, 1).unsqueeze(0).float().div_(_full(pixels))
