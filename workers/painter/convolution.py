"""A 3 × 3 convolution with its ReLU, by kernels that are never trained.

oneDNN, which convolves on CPUs, wants kernels in an order of its own, and sorts them anew in each call that is given
them as they are: at 128 px a seventh of the time that the convolutions take. So they are sorted once. The slope along
what went in is a convolution too, by the same kernels turned by half a circle, with channels in and out exchanged; that
is faster than what takes slopes in training, and the same to the bit.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere
from torch.nn.grad import conv2d_input

REACH = 1
"""Of a kernel, in pixels each way."""


class Kernel:
    """The kernels of one layer.

    Args:
        weight: `(C, C_in, 3, 3)`, without a gradient.
        bias: `(C,)`.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Take them in the dtype and on the device that they are to compute in."""
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.bias = bias

    def activation(self, x: Tensor, padding: int) -> Tensor:
        """Convolve `(1, C_in, H, W)`, with so many zeros around it, and let nothing below 0 through."""
        if not self._sorts:
            return F.conv2d(x, self.weight, self.bias, padding=padding).relu_()
        return _convolved(x, self._forth, self.bias, padding, "relu")

    def back(self, slope: Tensor, padding: int) -> Tensor:
        """Take a slope `(1, C, H, W)` along what the convolution gives, before its ReLU, to what went in."""
        around = 2 * REACH - padding
        if self._sorts:
            return _convolved(slope, self._back, None, around, "none")
        height, width = (length + 2 * (around - REACH) for length in slope.shape[-2:])
        size = (1, self.weight.shape[1], height, width)
        found: Tensor = conv2d_input(size, self.weight, slope, padding=padding)  # type: ignore[no-untyped-call]
        return found

    @cached_property
    def _sorts(self) -> bool:
        """Say whether oneDNN computes this."""
        known: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        known = known and self.weight.device.type == "cpu"
        if self.weight.dtype == torch.bfloat16:
            return known and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - there is no other
        return known and self.weight.dtype == torch.float32

    @cached_property
    def _forth(self) -> Tensor:
        return _sorted(self.weight)

    @cached_property
    def _back(self) -> Tensor:
        return _sorted(self.weight.flip(2, 3).transpose(0, 1))


def _sorted(weight: Tensor) -> Tensor:
    in_order: Tensor = torch.ops.aten.mkldnn_reorder_conv2d_weight(weight.contiguous().to_mkldnn(), [REACH, REACH])
    return in_order


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, then: str) -> Tensor:
    convolve = torch.ops.mkldnn._convolution_pointwise  # noqa: SLF001 - what torch's own compiler calls
    stride = dilation = [1, 1]
    convolved: Tensor = convolve(x, weight, bias, [padding, padding], stride, dilation, 1, then, [], "")
    return convolved
