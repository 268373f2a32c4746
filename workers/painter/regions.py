"""Masks, from the picture's grid down to the grids of the network's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F  # noqa: N812 - its name everywhere

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor

    from service.networks import Network


def propagated(mask: Tensor, network: Network, layers: Collection[str]) -> dict[str, Tensor]:
    """Take a mask through the network's pools.

    A position of a coarser grid counts by the mean of the four that it was made of, so that soft edges stay soft and
    hard ones become soft where the grid doesn't resolve them. (The "simple" guidance of Gatys et al., "Controlling
    Perceptual Factors in Neural Style Transfer", CVPR 2017, with average instead of max pools.)

    Args:
        mask: `(1, 1, H, W)` in 0..1.
        network: whose pools.
        layers: where the mask is needed.

    Returns:
        By layer, `(N,)`: what each position counts.
    """
    found: dict[str, Tensor] = {}
    stride = 1
    for layer in network.layers.values():
        if len(found) == len(layers):
            break
        if layer.stride != stride:
            mask, stride = F.avg_pool2d(mask, 2), layer.stride
        if layer.name in layers:
            found[layer.name] = mask.flatten()
    return found
