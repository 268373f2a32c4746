"""The bare VGG-16 that the baselines look with: plain convolutions in NCHW, as their programs have them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from service.networks import NETWORKS
from workers.painter import weights
from workers.painter.vgg import MEAN, STD

LAYERS = NETWORKS["vgg16"].layers

CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Of blue, green and red in 0..255: what Caffe's networks subtract."""

CAFFE_SCALE = 255 * 0.226
"""A deviation of torchvision's input in Caffe's units. Caffe's networks see 0..255 without a division by it, so their
activations are about so much larger; the weights of a loss that were chosen for them suit no others."""


@dataclass(frozen=True, slots=True, eq=False)
class Bare:
    """Kernels `(C, C_in, 3, 3)` and biases `(C,)` by layer; `edge` is what the first convolution sees beyond it."""

    kernels: Mapping[str, tuple[Tensor, Tensor]]
    edge: Literal["constant", "replicate"] = "constant"


def torchvision(layout: torch.memory_format = torch.contiguous_format, dtype: torch.dtype = torch.float32) -> Bare:
    """Take the kernels as they are: for RGB in 0..1, normalised, and with the first edge repeated, as in program B.

    All but the first have the dtype.
    """
    tensors = weights.load("vgg16").tensors

    def kernel(name: str) -> tuple[Tensor, Tensor]:
        prefix, own = f"features.{LAYERS[name].index - 1}", torch.float32 if name == "relu1_1" else dtype
        return tensors[f"{prefix}.weight"].to(own, memory_format=layout), tensors[f"{prefix}.bias"].to(own)

    return Bare({name: kernel(name) for name in LAYERS}, "replicate")


def caffe() -> Bare:
    """Write the same network as one of Caffe's: for blue, green, red in 0..255 less `CAFFE_MEAN`.

    Its activations are exactly `CAFFE_SCALE` times torchvision's, up to the edge: a network of ReLUs whose biases are
    multiplied by a number gives so many times as much. Beyond the edge it sees Caffe's mean colour instead of
    ImageNet's, which differ by half a level of 255.
    """
    kernels = {name: (weight, bias * CAFFE_SCALE) for name, (weight, bias) in torchvision().kernels.items()}
    weight, bias = kernels["relu1_1"]
    std = torch.tensor(STD).view(1, 3, 1, 1)
    shift = (torch.tensor(CAFFE_MEAN[::-1]) / 255 - torch.tensor(MEAN)).view(1, 3, 1, 1) / std
    bias = bias + CAFFE_SCALE * (weight * shift).sum((1, 2, 3))
    kernels["relu1_1"] = ((weight * CAFFE_SCALE / (255 * std)).flip(1).contiguous(), bias)
    return Bare(kernels)


def to_caffe(image: Tensor) -> Tensor:
    """Turn `(1, 3, H, W)` RGB in 0..1 into blue, green, red in 0..255 less the mean."""
    return image.flip(1).contiguous() * 255 - image.new_tensor(CAFFE_MEAN).view(1, 3, 1, 1)


def from_caffe(image: Tensor) -> Tensor:
    """Turn it back; what is beyond black and white stays there."""
    return (image + image.new_tensor(CAFFE_MEAN).view(1, 3, 1, 1)).flip(1) / 255


def normalised(image: Tensor) -> Tensor:
    """Normalise `(1, 3, H, W)` RGB in 0..1 as torchvision does."""
    mean, std = (image.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (image - mean) / std


def look(bare: Bare, x: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
    """Run as far as the deepest of `layers`: their activations `(1, C, H // stride, W // stride)`, after the ReLU."""
    found, stride = dict[str, Tensor](), 1
    for name, layer in LAYERS.items():
        if layer.stride != stride:
            x, stride = F.max_pool2d(x, 2), layer.stride
        weight, bias = bare.kernels[name]
        x = x.to(weight.dtype)
        if name == "relu1_1" and bare.edge == "replicate":
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias).relu_()
        else:
            x = F.conv2d(x, weight, bias, padding=1).relu_()
        if name in layers:
            found[name] = x
            if len(found) == len(layers):
                break
    return found
