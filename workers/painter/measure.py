"""How good a picture is, as a network sees it that was not optimised: AlexNet."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from service.errors import InvalidImage
from workers.painter import weights
from workers.painter.images import to_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from service.painting import Pixels

CONVOLUTIONS = {0: (4, 2, False), 3: (1, 2, True), 6: (1, 1, True), 8: (1, 1, False), 10: (1, 1, False)}
"""AlexNet's (Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014), by their places in
torchvision's `features`: stride, padding, and whether a max pool of 3 × 3 with stride 2 stands before."""

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of LPIPS's input, for RGB in -1..1: ImageNet's mean and deviation, rounded."""

SMALLEST = 31
"""Pixels of the shorter side, with which AlexNet's last layers see one position."""


@torch.no_grad()
def lpips(one: Pixels, other: Pixels) -> float:
    """Measure how unlike two pictures look: LPIPS, version 0.1 with AlexNet. 0 for equal ones; below 0.2 much alike.

    (Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.)

    Args:
        one: `(H, W, 3)` uint8 or uint16.
        other: of the same height and width.

    Raises:
        ValueError: they have different sizes.
        InvalidImage: they are smaller than 31 pixels.
        WeightsMissing: there are no weights of AlexNet on this machine.
    """
    if one.shape != other.shape:
        raise ValueError(f"{one.shape[1::-1]} and {other.shape[1::-1]} pixels can't be compared")
    tensors = _tensors()
    pairs = zip(_seen(tensors, one), _seen(tensors, other), strict=True)
    return sum(
        float(((_unit(x) - _unit(y)).square() * tensors[f"lin{k}.weight"]).sum(1).mean())
        for k, (x, y) in enumerate(pairs)
    )


@torch.no_grad()
def gram_distance(picture: Pixels, style: Pixels) -> float:
    """Measure how far a picture's style is from a painting's: ‖G − A‖² / ‖A‖², the mean of AlexNet's five layers.

    With Grams G and A that are means over positions. 0 for equal styles, 1 for a picture without any.

    Args:
        picture: `(H, W, 3)` uint8 or uint16.
        style: of any size.

    Raises:
        InvalidImage: one of them is smaller than 31 pixels.
        WeightsMissing: there are no weights of AlexNet on this machine.
    """
    tensors = _tensors()
    pairs = zip(_seen(tensors, picture), _seen(tensors, style), strict=True)
    return sum(float((_gram(x) - _gram(y)).square().sum() / _gram(y).square().sum()) for x, y in pairs) / 5


@cache
def _tensors() -> Mapping[str, Tensor]:
    return weights.load("alexnet").tensors


def _seen(tensors: Mapping[str, Tensor], pixels: Pixels) -> list[Tensor]:
    """Give the activations `(1, C, h, w)` after each ReLU, from shallow to deep."""
    if min(pixels.shape[:2]) < SMALLEST:
        raise InvalidImage(f"The picture is {pixels.shape[1]} × {pixels.shape[0]}; AlexNet needs {SMALLEST} pixels.")
    shift, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (SHIFT, SCALE))
    x, found = (2 * to_image(pixels) - 1 - shift) / scale, []
    for place, (stride, padding, pooled) in CONVOLUTIONS.items():
        x = F.max_pool2d(x, 3, stride=2) if pooled else x
        kernel, bias = (tensors[f"features.{place}.{part}"] for part in ("weight", "bias"))
        x = F.conv2d(x, kernel, bias, stride=stride, padding=padding).relu()
        found.append(x)
    return found


def _unit(x: Tensor) -> Tensor:
    """Scale each position's channels to length 1."""
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)


def _gram(x: Tensor) -> Tensor:
    v = x.flatten(2)[0]
    return v @ v.T / v.shape[1]
