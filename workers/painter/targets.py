"""What a painting aims at: the photograph's content and the painting's style, and the distance to both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from service.painting import Losses
from workers.painter.losses import content_term, gram, style_term, total_variation
from workers.painter.vgg import activations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from service.spec import LayerWeights, PaintOptions
    from workers.painter.vgg import Vgg


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """α L_content + β L_style + tv, for one content and one style.

    Attributes:
        vgg: the network that looks.
        options: resolved, so that every layer has its weight.
        content: of each content layer, the photograph's activations `(1, C, H, W)`.
        style: of each style layer, the painting's Gram matrix `(C, C)`.
    """

    vgg: Vgg
    options: PaintOptions
    content: Mapping[str, Tensor]
    style: Mapping[str, Tensor]

    def terms(self, image: Tensor) -> Tensor:
        """Measure an image `(1, 3, H, W)` in 0..1; differentiable, and nothing waits for the device.

        Returns:
            `(total, content, style, tv, each content layer, each style layer)`, float32. The first four carry the
            options' weights, the layers' own terms none.
        """
        options, normalization = self.options, self.options.normalization
        seen = activations(self.vgg, image, {*self.content, *self.style})
        contents = {layer: content_term(seen[layer], p, normalization) for layer, p in self.content.items()}
        styles = {layer: style_term(seen[layer], a, normalization) for layer, a in self.style.items()}
        content = options.content_weight * _weighted(contents, options.content_layers)
        style = options.style_weight * _weighted(styles, options.style_layers)
        tv = options.tv_weight * total_variation(image, normalization)
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
def aim(vgg: Vgg, content: Tensor, style: Tensor, options: PaintOptions) -> Objective:
    """Look at a content and a style image, each `(1, 3, H, W)` of its own size, and keep what is to be reached."""
    seen = activations(vgg, content, _layers(options.content_layers))
    styles = activations(vgg, style, _layers(options.style_layers))
    grams = {layer: gram(v, options.normalization) for layer, v in styles.items()}
    return Objective(vgg, options, seen, grams)


def gradient(objective: Objective, image: Tensor) -> tuple[Tensor, Tensor]:
    """Measure an image `(1, 3, H, W)`, and find how its total changes with every pixel: terms, and `(1, 3, H, W)`."""
    image = image.detach().requires_grad_()
    terms = objective.terms(image)
    (slope,) = torch.autograd.grad(terms[0], image)
    return terms.detach(), slope


def _weighted(terms: Mapping[str, Tensor], layers: LayerWeights | str | None) -> Tensor:
    weights = _layers(layers)
    return torch.stack([weights[layer] * term for layer, term in terms.items()]).sum()


def _layers(layers: LayerWeights | str | None) -> LayerWeights:
    assert isinstance(layers, dict), "the spec is not resolved"
    return layers
