"""What one iteration of the painter costs, beside the bare convolutions of the same network.

Bare is: each convolution to the deepest layer with its ReLU and pool, forward and back to the pixels, no gradients of
the weights; in both memory layouts, and in each precision that the painter can take here. Everything else that the
painter does (Grams, losses, the optimiser's step) is what it costs above the faster layout in the same precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from service.networks import NETWORKS
from service.painting import Picture
from tests.benchmarks.lines import Line, at_most
from tests.benchmarks.results import Cost
from tests.benchmarks.timing import ROUNDS, seconds
from tests.images import gradient as gradual
from tests.paintings import pair
from tests.specs import resolved
from workers.painter import vgg, weights
from workers.painter.device import choose, precision
from workers.painter.optimise import lbfgs
from workers.painter.subject import sit, start
from workers.painter.targets import aim, gradient

SIZES = (128, 256, 512)
DEEPEST = "relu5_1"
COST, W2 = 1.10, 1.3
"""At most: an iteration over the bare convolutions, and one with `gaussian_w2` over one with Grams."""


def costs(sizes: Sequence[int] = SIZES) -> Iterator[Cost]:
    """Measure size after size, in each precision."""
    for size in sizes:
        for dtype in dict.fromkeys((torch.float32, precision(choose()))):
            yield _cost(size, dtype)


def lines(found: Sequence[Cost]) -> list[Line]:
    """Give the goals' lines, each of the worst size."""
    written = list[Line]()
    for dtype in dict.fromkeys(cost.precision for cost in found):
        of = [cost for cost in found if cost.precision == dtype]
        worst = max(of, key=over_bare)
        written.append(
            at_most(f"an iteration over bare convolutions, {dtype}, {worst.size} px", COST, over_bare(worst))
        )
        worst = max(of, key=over_gram)
        written.append(at_most(f"gaussian_w2 over gram, {dtype}, {worst.size} px", W2, over_gram(worst)))
    return written


def over_bare(cost: Cost) -> float:
    """Say what the painter costs over the faster of the bare ones."""
    return cost.painter / min(cost.nchw, cost.channels_last)


def over_gram(cost: Cost) -> float:
    """Say what `gaussian_w2` costs over Grams."""
    return cost.w2 / cost.painter


HEAD = (
    "size, convolutions in",
    "bare, NCHW",
    "bare, channels-last",
    "painter",
    "over bare",
    "gaussian_w2",
    "over gram",
)


def row(cost: Cost) -> tuple[str, ...]:
    """Write one for a table under `HEAD`."""
    nchw, last, painter, w2 = (f"{s * 1000:.0f} ms" for s in (cost.nchw, cost.channels_last, cost.painter, cost.w2))
    what = f"{cost.size} × {cost.size}, {cost.precision}"
    return what, nchw, last, painter, f"{over_bare(cost):.2f}", w2, f"{over_gram(cost):.2f}"


def _cost(size: int, dtype: torch.dtype) -> Cost:
    kernels = _kernels(dtype)
    contenders: list[Callable[[], object]] = [
        partial(_bare, kernels, size, torch.contiguous_format),
        partial(_bare, kernels, size, torch.channels_last),
        _painter(size, dtype),
        _painter(size, dtype, style_distance="gaussian_w2"),
    ]
    return Cost(size, str(dtype).removeprefix("torch."), *seconds(contenders))


def _kernels(dtype: torch.dtype) -> list[tuple[Tensor, Tensor, int]]:
    """Give weight, bias and stride of each layer to the deepest."""
    tensors, layers = weights.load("vgg16").tensors, NETWORKS["vgg16"].layers
    return [
        (
            tensors[f"features.{layer.index - 1}.weight"].to(dtype),
            tensors[f"features.{layer.index - 1}.bias"].to(dtype),
            layer.stride,
        )
        for layer in layers.values()
        if layer.index <= layers[DEEPEST].index
    ]


def _bare(kernels: list[tuple[Tensor, Tensor, int]], size: int, layout: torch.memory_format) -> None:
    image = torch.rand(1, 3, size, size, dtype=kernels[0][0].dtype)
    x = image = image.to(memory_format=layout).requires_grad_()
    at = 1
    for weight, bias, stride in kernels:
        if stride != at:
            x, at = F.max_pool2d(x, 2), stride
        x = F.conv2d(x, weight.to(memory_format=layout), bias, padding=1).relu_()
    torch.autograd.grad(x.sum(), image)


def _painter(size: int, dtype: torch.dtype, **options: str) -> Callable[[], object]:
    """Start a painting, as `paint` does, and give what takes it one iteration further."""
    images = pair(Picture(gradual(size, size)), Picture(gradual(size, size)[::-1]))
    spec = resolved(images, options={"size": size, **options})
    subject = sit(spec, images, size, choose())
    # Zeros at the edges, as the bare convolutions have them.
    network = vgg.build("vgg16", weights.load("vgg16").tensors, choose(), dtype)
    evaluate = partial(gradient, aim(network, subject))
    return partial(next, lbfgs(evaluate, start(subject, images), 2 + ROUNDS))
