"""A VGG as a pure function: an image in, the activations of chosen layers out. Its weights are never trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch.nn import functional as F  # noqa: N812 - its name everywhere
from torch.utils.checkpoint import checkpoint

from service.networks import NETWORKS, Network
from workers.painter.convolution import Kernel

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import Tensor

    from service.networks import Layer

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB in 0..1: what torchvision's networks were trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Vgg:
    """A network with its weights on a device.

    Attributes:
        network: what it is made of.
        kernels: of each layer.
        pooling: `max` as it was trained, or `avg` (Gatys et al. 2016 find its pictures smoother).
        padding: what a convolution sees beyond the edge: `zeros` as it was trained, or `replicate`.
        frugal: keep for the gradient only what goes into a block and what was asked for, and compute the rest again.
    """

    network: Network
    kernels: Mapping[str, Kernel]
    pooling: Literal["max", "avg"] = "max"
    padding: Literal["zeros", "replicate"] = "zeros"
    frugal: bool = False

    @property
    def dtype(self) -> torch.dtype:
        """What its activations are computed in."""
        return [kernel.weight.dtype for kernel in self.kernels.values()][-1]


def build(
    name: str,
    tensors: Mapping[str, Tensor],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Vgg:
    """Put a network together from `features.<i>.weight` and `.bias`, torchvision's names.

    Args:
        name: a key of `NETWORKS`.
        tensors: the weights; whatever else is in there stays unread.
        device: where it will run.
        dtype: what its convolutions are computed in, and their activations kept in; but the first, which looks at the
            image itself, is computed in float32 at least. Where an image is smooth it sees small differences of
            large numbers: in bfloat16 slopes come out 23 % off, and 8 % with the first convolution in float32, which
            is a hundredth of the work.
    """
    network = NETWORKS[name]
    first = next(iter(network.layers))

    def kernel(layer: Layer) -> Kernel:
        prefix = f"features.{layer.index - 1}"  # the convolution stands before its ReLU
        own = torch.promote_types(dtype, torch.float32) if layer.name == first else dtype
        weight, bias = (tensors[f"{prefix}.{part}"].detach().to(device, own) for part in ("weight", "bias"))
        return Kernel(weight, bias)

    return Vgg(network, {key: kernel(layer) for key, layer in network.layers.items()})


def activations(vgg: Vgg, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
    """Run the network as far as the deepest of `layers`, and no further.

    Args:
        vgg: the network.
        image: `(1, 3, H, W)`, sRGB in 0..1; its shorter side has at least the stride of the deepest layer.
        layers: names such as `relu4_2`.

    Returns:
        By name, from shallow to deep, `(1, C, H // stride, W // stride)` after the ReLU, in the network's dtype and
        channels-last in memory, which CPUs and GPUs alike convolve fastest.
    """
    found: dict[str, Tensor] = {}
    x = _normalised(vgg, image)
    for block in _blocks(vgg, layers):
        run = partial(checkpoint, _run, use_reentrant=False) if vgg.frugal and torch.is_grad_enabled() else _run
        x, asked = run(vgg, block, x, layers)
        found |= asked
    return found


def _blocks(vgg: Vgg, layers: Collection[str]) -> list[list[Layer]]:
    """Give the layers as far as the deepest of those asked for, in blocks between the pools."""
    order = list(vgg.network.layers)
    needed = order[: 1 + max((order.index(name) for name in layers), default=-1)]
    by_stride = groupby((vgg.network.layers[name] for name in needed), key=lambda layer: layer.stride)
    return [list(block) for _, block in by_stride]


def _run(vgg: Vgg, block: list[Layer], x: Tensor, layers: Collection[str]) -> tuple[Tensor, dict[str, Tensor]]:
    """Run one block: what comes out of it, and what was asked for of it."""
    if block[0].stride > 1:
        x = _pool(vgg, x)
    found = {}
    for layer in block:
        x, aside = _convolve(vgg, x, layer.name)
        if layer.name in layers:
            found[layer.name] = aside
    return x, found


def _normalised(vgg: Vgg, image: Tensor) -> Tensor:
    mean, std = (image.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    first = next(iter(vgg.kernels.values()))
    return ((image - mean) / std).to(first.weight.dtype, memory_format=torch.channels_last)


def _convolve(vgg: Vgg, x: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Give what a layer passes on to the next, and the same once more for whoever else looks at it."""
    onward, aside = _Convolution.apply(x, vgg, layer)
    return onward, aside


class _Convolution(torch.autograd.Function):
    """A convolution with its ReLU, of which only what comes out is kept for the gradient: no kernel is trained.

    What comes out is given twice, so that its slopes arrive one by one. That from the next layer is nobody else's, and
    serves as the place where they are added up and the ReLU's part is taken.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, vgg: Vgg, layer: str) -> tuple[Tensor, Tensor]:
        ctx.kernel = vgg.kernels[layer]
        padded, ctx.padding = (x, 1) if vgg.padding == "zeros" else (F.pad(x, (1, 1, 1, 1), mode=vgg.padding), 0)
        activation: Tensor = ctx.kernel.activation(padded, ctx.padding).to(vgg.dtype)
        ctx.save_for_backward(activation)
        ctx.set_materialize_grads(False)
        return activation, activation.detach()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> tuple[Tensor | None, None, None]:
        (activation,) = ctx.saved_tensors
        onward, aside = slopes
        if onward is None:
            if aside is None:
                return None, None, None
            onward = torch.ops.aten.threshold_backward(aside, activation, 0)
        else:
            if aside is not None:
                onward.add_(aside)
            torch.ops.aten.threshold_backward(onward, activation, 0, grad_input=onward)
        slope = ctx.kernel.back(onward.to(ctx.kernel.weight.dtype), ctx.padding)
        return slope if ctx.padding else _folded(slope), None, None


def _folded(slope: Tensor) -> Tensor:
    """Take the slope at a picture that was padded by its edge to the picture: the edge gets what lies beyond it."""
    for side in (slope, slope.transpose(2, 3)):
        side[:, :, 1] += side[:, :, 0]
        side[:, :, -2] += side[:, :, -1]
    return slope[:, :, 1:-1, 1:-1]


def _pool(vgg: Vgg, x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2) if vgg.pooling == "max" else F.avg_pool2d(x, 2)
