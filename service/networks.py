"""What a VGG is, as data: blocks, layers, channels, strides and receptive fields. No torch.

Source: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
configurations D (VGG-16) and E (VGG-19), convolutions of 3 × 3 with padding 1, pools of 2 × 2 with stride 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Layer:
    """One ReLU of a network, where activations are taken.

    Attributes:
        name: `relu<block>_<convolution>`, both counted from 1.
        index: its place in torchvision's `features` sequence.
        channels: C of its activations `(C, H / stride, W / stride)`.
        stride: pixels of the image for one step of its grid.
        receptive_field: side, in pixels, of the square that one of its values sees.
    """

    name: str
    index: int
    channels: int
    stride: int
    receptive_field: int


@dataclass(frozen=True, slots=True)
class Network:
    """A VGG: `blocks` lists (channels, number of convolutions) between the pools."""

    name: str
    blocks: tuple[tuple[int, int], ...]
    layers: Mapping[str, Layer]


def _network(name: str, blocks: tuple[tuple[int, int], ...]) -> Network:
    layers: dict[str, Layer] = {}
    index, stride, field = 0, 1, 1
    for number, (channels, convolutions) in enumerate(blocks, start=1):
        for convolution in range(1, convolutions + 1):
            field += 2 * stride  # a 3 × 3 kernel sees one step further on each side
            relu = f"relu{number}_{convolution}"
            layers[relu] = Layer(relu, index + 1, channels, stride, field)
            index += 2  # convolution, ReLU
        field += stride  # a 2 × 2 pool sees one step further on one side
        stride *= 2
        index += 1  # the pool
    return Network(name, blocks, MappingProxyType(layers))


NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        "vgg16": _network("vgg16", ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))),
        "vgg19": _network("vgg19", ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))),
    }
)
