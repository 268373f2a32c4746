"""What a painting aims at: the photograph's content and the paintings' style, and the distance to both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from service.networks import NETWORKS
from service.painting import Losses
from workers.painter import tiles
from workers.painter.colour import luma
from workers.painter.distances import blended, distance
from workers.painter.losses import content_term, total_variation, wide
from workers.painter.regions import propagated
from workers.painter.vgg import activations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from service.options import LayerWeights, PaintOptions
    from workers.painter.distances import Distance, Term
    from workers.painter.statistics import Memory
    from workers.painter.subject import Example, Part, Subject
    from workers.painter.vgg import Vgg


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """What one part of the picture aims at, at one layer.

    Attributes:
        way: how styles are compared.
        target: the styles' statistic.
        mask: what each position counts, `(N,)`; None: one each.
        positions: N.
        term: E_l, prepared.
    """

    way: Distance
    target: Tensor
    mask: Tensor | None
    positions: int
    term: Term


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """α L_content + β L_style + tv, for one subject.

    Attributes:
        vgg: the network that looks.
        options: resolved, so that every layer has its weight.
        content: of each content layer, the photograph's activations `(1, C, H, W)`; in tiles, None for a layer that
            sees every pixel: its are looked at anew in each tile, for kept they would take more than all else.
        photograph: as the network sees it, `(1, 3, H, W)`, where there is one.
        style: of each style layer, what each part of the picture aims at.
        tile: the side of the tiles in which pictures are looked at, in pixels; None: as a whole.
    """

    vgg: Vgg
    options: PaintOptions
    content: Mapping[str, Tensor | None]
    style: Mapping[str, tuple[Goal, ...]]
    photograph: Tensor | None = None
    tile: int | None = None

    def terms(self, image: Tensor) -> Tensor:
        """Measure an image `(1, 3, H, W)`, or lightness `(1, 1, H, W)`; differentiable, without waiting for the device.

        Returns:
            `(total, content, style, tv, each content layer, each style layer)`, float32. The first four carry the
            options' weights, the layers' own terms none.
        """
        if self.tile is not None:
            return tiles.terms(self, image)
        normalization = self.options.normalization
        seen = activations(self.vgg, self.seen(image), {*self.content, *self.style})
        contents = {
            layer: content_term(seen[layer], p, normalization) for layer, p in self.content.items() if p is not None
        }
        styles = {layer: _style_term(seen[layer], goals) for layer, goals in self.style.items()}
        return self.weighted(image, contents, styles)

    def seen(self, image: Tensor) -> Tensor:
        """Show the network what it is to see: an image, or its lightness as grey."""
        return _seen_in(self.options, image)

    def weighted(self, image: Tensor, contents: Mapping[str, Tensor], styles: Mapping[str, Tensor]) -> Tensor:
        """Put the layers' terms together, with the image's total variation; see `terms`."""
        options = self.options
        tv = options.tv_weight * total_variation(self.seen(image), options.normalization)
        content = options.content_weight * _weighted(contents, options.content_layers, tv)
        style = options.style_weight * _weighted(styles, options.style_layers, tv)
        return torch.stack([content + style + tv, content, style, tv, *contents.values(), *styles.values()])

    def read(self, terms: Tensor) -> Losses:
        """Take what `terms` returned off the device, in one transfer."""
        total, content, style, tv, *layers = terms.tolist()
        contents, styles = layers[: len(self.content)], layers[len(self.content) :]
        return Losses(
            total=total,
            content=content,
            style=style,
            tv=tv,
            content_layers=dict(zip(self.content, contents, strict=True)),
            style_layers=dict(zip(self.style, styles, strict=True)),
        )


@torch.no_grad()
def aim(vgg: Vgg, subject: Subject, memory: Memory | None = None, *, tile: int | None = None) -> Objective:
    """Look at a subject and keep what is to be reached. What has a weight of 0 is measured too, for the report.

    What a memory knows of the styles is not looked at again. With a `tile` everything is looked at in tiles with sides
    of so many pixels, a multiple of 16.
    """
    options, photograph = subject.spec.options, None
    content: Mapping[str, Tensor | None] = {}
    if subject.content is not None:
        photograph, layers = _seen_in(options, subject.content), named(options.content_layers)
        content = (
            activations(vgg, photograph, layers) if tile is None else tiles.looked_at(vgg, photograph, layers, tile)
        )
    style = _styles(vgg, subject, memory, tile) if subject.parts else {}
    return Objective(vgg, options, content, style, photograph, tile)


def gradient(objective: Objective, image: Tensor) -> tuple[Tensor, Tensor]:
    """Measure an image `(1, C, H, W)`, and find how its total changes with every pixel: terms, and `(1, C, H, W)`."""
    if objective.tile is not None:
        return tiles.gradient(objective, image)
    image = image.detach().requires_grad_()
    terms = objective.terms(image)
    (slope,) = torch.autograd.grad(terms[0], image)
    return terms.detach(), slope


def named(layers: LayerWeights | str | None) -> LayerWeights:
    """Give the layers of resolved options."""
    assert isinstance(layers, dict), "the spec is not resolved"
    return layers


def _styles(vgg: Vgg, subject: Subject, memory: Memory | None, tile: int | None) -> dict[str, tuple[Goal, ...]]:
    layers = named(subject.spec.options.style_layers)
    found: dict[str, list[Goal]] = {layer: [] for layer in layers}
    for part in subject.parts:
        masks = propagated(part.mask, vgg.network, layers) if part.mask is not None else {}
        for goal_of, goal in _part_goals(vgg, part, subject, memory, tile).items():
            mask = masks.get(goal_of)
            if mask is None or mask.any():  # a region at the edge may be lost where a pool leaves the last pixel out
                found[goal_of].append(replace(goal, mask=mask))
    return {layer: tuple(goals) for layer, goals in found.items()}


def _part_goals(vgg: Vgg, part: Part, subject: Subject, memory: Memory | None, tile: int | None) -> dict[str, Goal]:
    """Prepare E_l of one part, wherever it is: its styles' statistics, blended."""
    options = subject.spec.options
    layers = named(options.style_layers)
    known = NETWORKS[options.network].layers
    width, height = subject.size
    positions = {layer: (width // known[layer].stride) * (height // known[layer].stride) for layer in layers}
    ways = {
        layer: distance(
            options.style_distance, options.normalization, known[layer].channels, positions[layer], options.seed
        )
        for layer in layers
    }
    statistics: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    for example in part.examples:
        describe = partial(_described, vgg, example, ways, options, tile)
        described = describe() if memory is None else memory.recalled(example, vgg, options, describe)
        for layer, statistic in described.items():
            sums = options.style_distance == "gram" and options.normalization != "mean" and example.as_it_is
            own = (example.image.shape[-2] // known[layer].stride) * (example.image.shape[-1] // known[layer].stride)
            statistics[layer].append(statistic * (own / positions[layer]) if sums else statistic)
    shares = [example.share for example in part.examples]
    targets = {layer: blended(statistics[layer], shares) for layer in layers}
    return {
        layer: Goal(ways[layer], target, None, positions[layer], ways[layer].aim(target))
        for layer, target in targets.items()
    }


def _described(
    vgg: Vgg, example: Example, ways: Mapping[str, Distance], options: PaintOptions, tile: int | None
) -> dict[str, Tensor]:
    masks = propagated(example.mask, vgg.network, ways.keys()) if example.mask is not None else {}
    # A mask that a layer's grid is too coarse for chooses nothing there: all of the painting is looked at.
    counts = {layer: mask for layer, mask in masks.items() if mask.any()}
    image = _seen_in(options, example.image)
    if tile is not None:
        return tiles.described(vgg, image, counts, ways, tile)
    seen = activations(vgg, image, ways.keys())
    return {layer: way.describe(seen[layer].flatten(2).squeeze(0), counts.get(layer)) for layer, way in ways.items()}


def _style_term(x: Tensor, goals: tuple[Goal, ...]) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        v = x.flatten(2).squeeze(0)
        return torch.stack([goal.term(v, goal.mask) for goal in goals] or [wide(v.new_zeros(()))]).sum()


def _seen_in(options: PaintOptions, image: Tensor) -> Tensor:
    """Show the network what it is to see: an image, or its lightness as grey."""
    if options.preserve_color != "luminance":
        return image
    return luma(image).expand(-1, 3, -1, -1)


def _weighted(terms: Mapping[str, Tensor], layers: LayerWeights | str | None, like: Tensor) -> Tensor:
    if not terms:
        return torch.zeros_like(like)
    return torch.stack([named(layers)[layer] * term for layer, term in terms.items()]).sum()
