"""Colours: lightness apart from hue, one picture in another's colours, and the photograph's colours put back.

All images are `(1, 3, H, W)` float32, sRGB as encoded, in 0..1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from workers.painter.bures import powered

Covers = tuple[Tensor | None, Tensor | None]
"""How much of each pixel of two pictures counts, `(1, 1, H, W)` in 0..1, or None where all do."""

LUMA = (0.299, 0.587, 0.114)
"""Rec. ITU-R BT.601's weights, as in the YIQ of Gatys, Bethge, Hertzmann & Shechtman, 2016."""

BROAD = 1 / 40
"""Deviation of the Gaussian that tells broad colours from strokes, as a share of the longer side."""

_TO_LMS = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
           (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
_TO_LAB = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
           (0.0259040371, 0.7827717662, -0.8086757660))  # fmt: skip


def luma(image: Tensor) -> Tensor:
    """Weigh the channels into one, `(1, 1, H, W)`; an image of one channel is its own."""
    if image.shape[1] == 1:
        return image
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def with_luma(image: Tensor, lightness: Tensor) -> Tensor:
    """Give each pixel another luma `(1, 1, H, W)` and keep its hue.

    Its colour is paled where it would leave 0..1 otherwise; so the luma is exact.
    """
    colour = image - luma(image)
    room = torch.where(colour > 0, 1 - lightness, lightness) / colour.abs().clamp_min(1e-6)
    return (lightness + colour * room.amin(1, keepdim=True).clamp(0, 1)).clamp(0, 1)


def with_deviation_of(image: Tensor, other: Tensor, seen: Covers = (None, None)) -> Tensor:
    """Shift and stretch a luma to another's mean and deviation, clamped to 0..1.

    (Gatys et al., "Preserving Color in Neural Artistic Style Transfer", 2016, equation 10.)

    Args:
        image: `(1, 1, H, W)`.
        other: the same, of another size.
        seen: how much of each of the two counts.
    """
    (mean, deviation), (wanted, aim) = (_mean_and_deviation(*pair) for pair in zip((image, other), seen, strict=True))
    return ((image - mean) * (aim / deviation.clamp_min(1e-6)) + wanted).clamp(0, 1)


def _mean_and_deviation(image: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor]:
    if seen is None:
        return image.mean(), image.std()
    mean = (image * seen).sum() / seen.sum()
    return mean, (((image - mean).square() * seen).sum() / seen.sum()).sqrt()


def recoloured(image: Tensor, other: Tensor, seen: Covers = (None, None)) -> Tensor:
    """Give an image the mean and the covariance of another's colours, clamped to 0..1.

    `seen` says how much of each of the two counts, `(1, 1, H, W)`, None for all of it.

    By the linear map that moves its colours least (Pitié & Kokaram, "The linear Monge-Kantorovitch linear colour
    mapping for example-based colour transfer", CVMP 2007); any map with these moments is a histogram match in the
    sense of Gatys et al., 2016.
    """
    own, theirs = (pixels.flatten(2)[0].double() for pixels in (image, other))
    counts = [None if cover is None else cover.flatten().double() for cover in seen]
    mean, wanted = (_mean(pixels, count) for pixels, count in zip((own, theirs), counts, strict=True))
    ridge = 1e-6 * torch.eye(3, dtype=own.dtype, device=own.device)
    covariance, aim = (pixels.cov(aweights=count) + ridge for pixels, count in zip((own, theirs), counts, strict=True))
    root, inverse = powered(covariance, 0.5), powered(covariance, -0.5)
    transport = inverse @ powered(root @ aim @ root, 0.5) @ inverse
    return (transport @ (own - mean) + wanted).clamp(0, 1).to(image).view_as(image)


def _mean(pixels: Tensor, counts: Tensor | None) -> Tensor:
    if counts is None:
        return pixels.mean(1, keepdim=True)
    return (pixels * counts).sum(1, keepdim=True) / counts.sum()


def with_broad_colours_of(image: Tensor, other: Tensor) -> Tensor:
    """Keep an image's lightness and the colours of its strokes; take the broad colours from another of its shape.

    In OKLab (Ottosson, "A perceptual color space for image processing", 2020) the low frequencies of a and b are
    exchanged, so that lightness stays as it looks. Colours beyond sRGB are clamped.
    """
    own, theirs = _oklab(image), _oklab(other)
    deviation = BROAD * max(image.shape[-2:])
    colours = own[:, 1:] + _blurred(theirs[:, 1:] - own[:, 1:], deviation)
    return _srgb(torch.cat([own[:, :1], colours], dim=1))


def _oklab(image: Tensor) -> Tensor:
    linear = torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055).clamp_min(0) ** 2.4)
    responses = _mixed(linear, image.new_tensor(_TO_LMS)).clamp_min(0) ** (1 / 3)
    return _mixed(responses, image.new_tensor(_TO_LAB))


def _srgb(lab: Tensor) -> Tensor:
    responses = _mixed(lab, torch.linalg.inv(lab.new_tensor(_TO_LAB))) ** 3
    linear = _mixed(responses, torch.linalg.inv(lab.new_tensor(_TO_LMS))).clamp(0, 1)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-9) ** (1 / 2.4) - 0.055)


def _mixed(image: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", matrix, image)


def _blurred(image: Tensor, deviation: float) -> Tensor:
    """Blur `(1, C, H, W)` by a Gaussian of a deviation in pixels; at the edge only what is within counts."""
    for side in (2, 3):
        reach = min(round(3 * deviation), image.shape[side] - 1)
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device) / deviation) ** 2)
        shape = [-1 if axis == side else 1 for axis in range(4)]
        padding = [reach if axis == side else 0 for axis in (2, 3)]
        sums = F.conv2d(image.transpose(0, 1), kernel.view(shape), padding=padding).transpose(0, 1)
        weights = F.conv2d(torch.ones_like(image[:, :1]), kernel.view(shape), padding=padding)
        image = sums / weights
    return image
