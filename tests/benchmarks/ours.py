"""Our optimiser on the baselines' own objectives, over RGB in 0..1 as it paints.

A's, but for its total variation, is one of ours: with activations `CAFFE_SCALE` = s times smaller, content 5 s² and
w_l = 100 s⁴ / C² of `mean`, zeros at the edges. Its total variation is Σ |∂x| in 0..255, ours are squares, so that term
is added here. Nothing of B's but the content can be said in our options (it repeats the first edge only, adds an
absolute ridge, its total variation has nine points, and its root has not converged): it is taken as the function that
the baseline has, by eigenvalues and on channels-last kernels. Both are aimed at in float32 and descended on as the
device computes them fastest, as the painter does.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from service.networks import NETWORKS
from service.painting import Picture
from tests.benchmarks.baselines import pictures_b, tensor
from tests.benchmarks.network import CAFFE_SCALE, Bare, torchvision
from tests.benchmarks.objectives import (
    CONTENT_A,
    STYLE,
    STYLE_A,
    TV_A,
    objective_b,
)  # fmt: skip
from tests.benchmarks.pairs import Pair, scaled
from tests.paintings import pair as named
from tests.specs import resolved
from workers.painter import device
from workers.painter.optimise import Evaluate, Point, lbfgs
from workers.painter.subject import sit
from workers.painter.targets import Objective, aim


def evaluate_a(pair: Pair, size: int) -> Evaluate:
    """Give A's objective as our painter computes it."""
    objective = aim_a(pair, size)
    swift, _ = device.network(objective.options, device.choose(), device.precision(device.choose()))
    return measuring_a(replace(objective, vgg=swift))


def aim_a(pair: Pair, size: int) -> Objective:
    """Aim at A's objective, but for its total variation, in float32."""
    options = {
        "size": size,
        "padding": "zeros",
        "content_weight": CONTENT_A * CAFFE_SCALE**2,
        "content_layers": {"relu4_2": 1.0},
        "style_layers": {
            layer: STYLE_A * CAFFE_SCALE**4 / NETWORKS["vgg16"].layers[layer].channels ** 2 for layer in STYLE
        },
    }
    images = named(*(_shown(picture, size) for picture in pair))
    spec, place = resolved(images, options=options), device.choose()
    return aim(device.network(spec.options, place)[0], sit(spec, images, size, place))


def measuring_a(objective: Objective) -> Evaluate:
    """Measure images by such an objective and A's total variation."""

    def evaluate(image: Tensor) -> tuple[Tensor, Tensor]:
        image = image.detach().requires_grad_()
        changes = image.diff(dim=-1).abs().sum() + image.diff(dim=-2).abs().sum()
        total = objective.terms(image)[0] + TV_A * 255 * changes
        return total.detach()[None], torch.autograd.grad(total, image)[0]

    return evaluate


def evaluate_b(pair: Pair, size: int) -> Evaluate:
    """Give B's own objective, its root by eigenvalues, looked at as the painter looks."""
    bare, swift = _channels_last(torch.float32), _channels_last(device.precision(device.choose()))
    loss = objective_b(bare, *map(_last, pictures_b(pair, size)), quick=True, eye=swift)

    def evaluate(image: Tensor) -> tuple[Tensor, Tensor]:
        image = _last(image.detach()).requires_grad_()
        total = loss(image)
        return total.detach()[None], torch.autograd.grad(total, image)[0].contiguous()

    return evaluate


def descent(evaluate: Evaluate, pair: Pair, size: int, iterations: int) -> Generator[Point]:
    """Let our optimiser begin at the photograph, as `standard` does."""
    return lbfgs(evaluate, tensor(scaled(pair.content, size)), iterations)


def _shown(picture: Picture, size: int) -> Picture:
    """Scale a picture once for all, so that every contender sees the same pixels."""
    return replace(picture, pixels=np.asarray(scaled(picture, size)))


def _last(image: Tensor) -> Tensor:
    return image.contiguous(memory_format=torch.channels_last)


@cache
def _channels_last(dtype: torch.dtype) -> Bare:
    return torchvision(torch.channels_last, dtype)
