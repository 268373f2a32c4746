"""Two programs that people use, written anew from what they publish: how they search for the image.

A is neural-style-pt: L-BFGS over all pixels at full size, a history of 100, steps of length 1 and no line search. B is
crowsonkb's style-transfer-pytorch: Adam on a pyramid that grows by √2, averaged; from one scale to the next the image
and Adam's moments are enlarged. What they minimise is in `objectives`. No code is taken from either.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from tests.benchmarks.network import caffe, from_caffe, to_caffe, torchvision
from tests.benchmarks.objectives import Loss, objective_a, objective_b
from tests.benchmarks.pairs import Pair, scaled

ITERATIONS_A, HISTORY_A = 1000, 100
FIRST_B, LATER_B, COARSEST_B = 1000, 500, 128
RATE_B, BETAS_B, AVERAGE_B = 0.02, (0.9, 0.99), 0.99

Curve = Generator[tuple[int, float, Tensor]]
"""After each evaluation: the scale in pixels, the loss that was found, and the picture so far `(1, 3, H, W)` in 0..1;
the last has the picture that is delivered."""


def tensor(image: Image.Image) -> Tensor:
    """Read a picture as `(1, 3, H, W)` in 0..1."""
    planes = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    return torch.from_numpy(planes).unsqueeze(0).float() / 255


def loss_a(pair: Pair, size: int) -> Loss:
    """Give what A minimises at a size, over images for Caffe."""
    return objective_a(_caffe(), *(to_caffe(tensor(scaled(picture, size))) for picture in pair))


def loss_b(pair: Pair, size: int, *, quick: bool = False) -> Loss:
    """Give what B minimises at a size, over RGB in 0..1; `quick` is for when nobody takes the time."""
    return objective_b(_torchvision(), *pictures_b(pair, size), quick=quick)


def pictures_b(pair: Pair, size: int) -> tuple[Tensor, Tensor]:
    """Give the photograph and the painting as B scales them, `(1, 3, H, W)` in 0..1."""
    content, style = (tensor(_bicubic(image, size)) for image in _images(pair))
    return content, style


def run_a(pair: Pair, size: int, iterations: int = ITERATIONS_A) -> Curve:
    """Paint as A does."""
    loss, seen = loss_a(pair, size), list[float]()
    image = torch.nn.Parameter(to_caffe(tensor(scaled(pair.content, size))))
    # One iteration each: torch's optimiser keeps its history from call to call, and evaluates once in each as in a run.
    optimizer = torch.optim.LBFGS(
        [image], lr=1, max_iter=1, history_size=HISTORY_A, tolerance_grad=-1, tolerance_change=-1
    )

    def evaluate() -> Tensor:
        optimizer.zero_grad()
        found = loss(image)
        found.backward()  # type: ignore[no-untyped-call]
        seen.append(found.item())
        return found

    for _ in range(iterations):
        optimizer.step(evaluate)  # type: ignore[no-untyped-call]
        yield size, seen[-1], from_caffe(image.detach()).clamp(0, 1)


def run_b(pair: Pair, size: int, *, only: bool = False, quick: bool = False) -> Curve:
    """Paint as B does; with `only`, at full size alone; `quick` as in `loss_b`."""
    scales = [size] if only else scales_b(size)
    image, moments = pictures_b(pair, scales[0])[0], None
    for number, scale in enumerate(scales):
        loss = loss_b(pair, scale, quick=quick)
        shape = _shape(pair, scale)
        image = F.interpolate(image, shape, mode="bicubic").clamp(0, 1)
        pixels = torch.nn.Parameter(image.clone())
        optimizer = torch.optim.Adam([pixels], lr=RATE_B, betas=BETAS_B)
        if moments is not None:
            optimizer.state[pixels] = _enlarged(moments, shape)
        total, faded = (1 - AVERAGE_B) * image, AVERAGE_B
        for _ in range(LATER_B if number else FIRST_B):
            optimizer.zero_grad()
            found = loss(pixels)
            found.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            pixels.detach().clamp_(0, 1)
            total, faded = AVERAGE_B * total + (1 - AVERAGE_B) * pixels.detach(), faded * AVERAGE_B
            image = total / (1 - faded)
            yield scale, found.item(), image.clamp(0, 1)
        moments = optimizer.state[pixels]


def scales_b(size: int) -> list[int]:
    """List B's scales in pixels: `size` and its quotients by √2, √2² … down to 128."""
    found, number = list[int](), 0
    while (scale := round(size / 2 ** (number / 2))) >= min(COARSEST_B, size):
        found.insert(0, scale)
        number += 1
    return found


def _enlarged(moments: dict[str, Tensor], shape: tuple[int, int]) -> dict[str, Tensor]:
    """Scale Adam's two moments to another size."""
    return {
        "step": moments["step"],
        "exp_avg": F.interpolate(moments["exp_avg"], shape, mode="bicubic"),
        "exp_avg_sq": F.interpolate(moments["exp_avg_sq"], shape, mode="bilinear").relu(),
    }


def _images(pair: Pair) -> tuple[Image.Image, Image.Image]:
    return Image.fromarray(pair.content.pixels), Image.fromarray(pair.style.pixels)


def _bicubic(image: Image.Image, longest: int) -> Image.Image:
    return image.resize((longest, round(longest * image.height / image.width)), Image.Resampling.BICUBIC)


def _shape(pair: Pair, longest: int) -> tuple[int, int]:
    return round(longest * pair.content.height / pair.content.width), longest


_caffe, _torchvision = cache(caffe), cache(torchvision)
