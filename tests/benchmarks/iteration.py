"""What one iteration of the painter costs, beside the bare convolutions of the same network.

Bare is: each convolution to the deepest layer with its ReLU and pool, forward and back to the pixels, no gradients of
the weights; in both memory layouts. Everything else that the painter does (Grams, losses, the optimiser's step)
is what it costs above that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from service.networks import NETWORKS
from service.painting import Picture
from tests.benchmarks.timing import ROUNDS, seconds
from tests.images import gradient
from tests.paintings import pair
from tests.specs import resolved
from workers.painter import weights
from workers.painter.device import configure
from workers.painter.paint import paint

SIZES = (128, 256, 512)
DEEPEST = "relu5_1"


def main() -> None:
    """Measure, and print the table."""
    configure(None)
    kernels = _kernels()
    table = Table(
        "pixels",
        "bare, NCHW",
        "bare, channels-last",
        "painter",
        "gaussian_w2",
        "painter / fastest bare (1.10)",
        "gaussian_w2 / gram (1.3)",
        box=None,
    )
    for size in SIZES:
        contenders: list[Callable[[], object]] = [
            partial(_bare, kernels, size, torch.contiguous_format),
            partial(_bare, kernels, size, torch.channels_last),
            _painter(size),
            _painter(size, style_distance="gaussian_w2"),
        ]
        nchw, last, painter, w2 = seconds(contenders)
        table.add_row(
            f"{size} × {size}",
            *(f"{s * 1000:.0f} ms" for s in (nchw, last, painter, w2)),
            f"{painter / min(nchw, last):.2f}",
            f"{w2 / painter:.2f}",
        )
    Console().print(f"one iteration to {DEEPEST}, median of {ROUNDS}, {torch.get_num_threads()} threads\n", table)


def _kernels() -> list[tuple[Tensor, Tensor, int]]:
    """Give weight, bias and stride of each layer to the deepest."""
    tensors, layers = weights.load("vgg16").tensors, NETWORKS["vgg16"].layers
    return [
        (tensors[f"features.{layer.index - 1}.weight"], tensors[f"features.{layer.index - 1}.bias"], layer.stride)
        for layer in layers.values()
        if layer.index <= layers[DEEPEST].index
    ]


def _bare(kernels: list[tuple[Tensor, Tensor, int]], size: int, layout: torch.memory_format) -> None:
    x = image = torch.rand(1, 3, size, size).to(memory_format=layout).requires_grad_()
    at = 1
    for weight, bias, stride in kernels:
        if stride != at:
            x, at = F.max_pool2d(x, 2), stride
        x = F.conv2d(x, weight.to(memory_format=layout), bias, padding=1).relu_()
    torch.autograd.grad(x.sum(), image)


def _painter(size: int, **options: str) -> Callable[[], object]:
    """Start a painting and give what takes it one iteration further."""
    images = pair(Picture(gradient(size, size)), Picture(gradient(size, size)[::-1]))
    # Zeros at the edges, as the bare convolutions have them.
    wish = {"size": size, "iterations": 2 + ROUNDS, "padding": "zeros", **options}
    steps = paint(resolved(images, options=wish), images)
    next(steps)
    return partial(next, steps)


if __name__ == "__main__":
    main()
