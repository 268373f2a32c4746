"""Painting: a photograph repainted in a painting's manner, step by step. `paint` is the painter's one public name."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch

from service.errors import Diverged
from service.networks import NETWORKS
from service.painting import Painting, Step
from workers.painter import device, optimise
from workers.painter.images import noise, resized, to_image, to_pixels
from workers.painter.targets import aim, gradient

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from service.painting import Images, Losses, Pixels
    from service.spec import PaintOptions, RenderSpec
    from workers.painter.optimise import Point
    from workers.painter.targets import Objective

OPTIMIZERS = {"lbfgs": optimise.lbfgs, "adam": optimise.adam}

LOSSES_DUE = {"cpu": 1, "cuda": 10}
"""Iterations from one reading of the losses to the next: on the CPU it is free, on CUDA the host has to wait for it."""


def paint(spec: RenderSpec, images: Images) -> Generator[Step, None, Painting]:
    """Paint what a resolved spec says; implements `service.painting.Paint`.

    Both images are scaled so that their longer sides have `options.size` pixels, keeping their own aspect ratios; but a
    smaller painting is only enlarged where the normalization compares sums, which are over as many positions then.
    Enlarged, it has no fine strokes, its blur would be taken for its style, and the result comes out soft.

    On the CPU the picture is the same to the byte for the same spec, images, version and number of threads.

    Yields:
        The start as iteration 0, then one Step for each iteration. Losses come with the first, the last, and every
        `LOSSES_DUE`th of them.

    Returns:
        The picture, clamped to 0..1 and rounded to 8 bits, and the objective of exactly these pixels.

    Raises:
        Diverged: the objective is no longer finite; the message names the iteration.
        OutOfMemory: the device's memory did not suffice.
        DeviceFailed: the device reported an error.
        WeightsMissing: the network's weights are not on this machine.
    """
    with device.errors_translated():
        return (yield from _paint(spec.options, images))


def _paint(options: PaintOptions, images: Images) -> Generator[Step, None, Painting]:
    assert options.iterations is not None, "the spec is not resolved"
    place = device.choose()
    vgg, weights_sha256 = device.network(options, place)
    content = resized(images.content, options.size).to(place)
    style = resized(images.styles[0], _style_size(images.styles[0], options)).to(place)
    objective = aim(vgg, content, style, options)
    start = content if options.init == "content" else noise(content, options.seed)
    minimise = OPTIMIZERS[options.optimizer]
    points = minimise(partial(gradient, objective), start, options.iterations)

    point = next(points)
    before = _read(objective, point, 0)
    yield Step(options.size, 0, options.iterations, before, partial(_look, point.image))
    for iteration, point in enumerate(points, start=1):
        due = iteration % LOSSES_DUE[place.type] == 0 or iteration == options.iterations
        losses = _read(objective, point, iteration) if due else None
        yield Step(options.size, iteration, options.iterations, losses, partial(_look, point.image))

    picture = _look(point.image)
    with torch.no_grad():
        after = objective.read(objective.terms(to_image(picture, place)))
    return Painting(picture, before, after, device.name(place), weights_sha256)


def _style_size(style: Pixels, options: PaintOptions) -> int:
    """Choose the longer side of a painting, in pixels; the shorter one has at least a position in every layer."""
    if options.normalization != "mean":
        return options.size
    short, long = (int(side) for side in sorted(style.shape[:2]))
    coarsest = max(layer.stride for layer in NETWORKS[options.network].layers.values())
    return min(options.size, max(long, math.ceil(coarsest * long / short)))


def _read(objective: Objective, point: Point, iteration: int) -> Losses:
    losses = objective.read(point.terms)
    if not math.isfinite(losses.total) or not point.slope.norm().isfinite():
        raise Diverged(f"The objective is no longer finite at iteration {iteration}: {losses.total}.")
    return losses


def _look(image: Tensor) -> Pixels:
    with device.errors_translated():
        return to_pixels(image)
