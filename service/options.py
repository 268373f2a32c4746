"""PaintOptions: how to paint, every option once; and the numbers that stand where a client gives none, as data."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from service.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Mapping

Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
LayerWeights = Annotated[dict[Annotated[str, Field(max_length=32)], Weight], Field(max_length=64)]
Size = Annotated[int, Field(ge=64, le=8192)]

StyleDistance = Literal["gram", "mean_std", "gaussian_w2", "sliced_wasserstein"]
Normalization = Literal["mean", "gatys", "sum"]
Init = Literal["content", "noise", "style_statistics", "image"]


class Frozen(BaseModel):
    """A value: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PaintOptions(Frozen):
    """How to paint. Every field has a default; the preset's value stands where a client gives none."""

    size: Size = Field(512, description="Longest side of the result, in pixels.")
    content_weight: Weight = Field(1.0, description="α: how much the photograph's content counts; a plain factor.")
    style_weight: Weight = Field(1.0, description="β: how much the painting's style counts; a plain factor.")
    tv_weight: Weight = Field(
        0.0, description="How much the total variation counts, which smooths; a plain factor, of colours in 0..1."
    )
    content_layers: LayerWeights | Literal["all"] | None = Field(
        None,
        description='Layers that carry the content, with their weights, or "all" (1.0 each); '
        "null: relu4_2, with relu1_1 in a transfer where normalization is mean; for the ladder of a reconstruction "
        "relu1_2 to relu5_2.",
    )
    style_layers: LayerWeights | Literal["all"] | None = Field(
        None,
        description='Layers that carry the style, with their weights w_l, or "all" (1.0 each); '
        "null: relu1_1 to relu5_1 with weights that fit normalization and style_distance.",
    )
    normalization: Normalization = Field(
        "mean",
        description="mean: size-independent means; gatys: 1/(4C²N²) and ½ as in Gatys et al. 2016; sum: plain sums.",
    )
    style_distance: StyleDistance = Field(
        "gram",
        description="What of the activations is compared. gram: Gram matrices; mean_std: each channel's mean and "
        "deviation; gaussian_w2: the 2-Wasserstein distance of Gaussians; sliced_wasserstein: whole distributions.",
    )
    preserve_color: Literal["none", "luminance", "histogram", "oklab_low_frequency"] = Field(
        "none",
        description="Whether the photograph keeps its colours. luminance: only lightness is painted; histogram: the "
        "painting is recoloured first; oklab_low_frequency: broad colours stay, strokes keep theirs.",
    )
    init: Init | None = Field(
        None,
        description="The image that the painting starts from. null: content for a transfer, else noise; "
        "image where there is an init_image.",
    )
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of every random number.")
    optimizer: Literal["auto", "lbfgs", "adam"] = Field("auto", description="auto takes lbfgs.")
    iterations: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Iterations at each scale, at most. null: the preset's; with a tolerance, 1000.",
    )
    tolerance: float | None = Field(
        None,
        gt=0,
        le=0.5,
        allow_inf_nan=False,
        description="Stop a scale when the loss fell by less than this share in its last ten iterations; null: never.",
    )
    pyramid: Literal["auto"] | tuple[Size, ...] = Field(
        "auto",
        max_length=8,
        description="Coarser sizes to paint first, in pixels, ascending, all below size; [] for none. auto: halvings "
        "down to 64, or for a start from init_image to 512.",
    )
    pooling: Literal["max", "avg"] = Field("max", description="The network's pools.")
    padding: Literal["replicate", "zeros"] = Field(
        "replicate", description="What convolutions see beyond the edge; zeros, as trained, leave a frame."
    )
    network: Literal["vgg16", "vgg19"] = Field("vgg16", description="The network that looks at the pictures.")

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _some_layer(cls, layers: LayerWeights | str | None) -> LayerWeights | str | None:
        if layers == {}:
            raise ValueError('name at least one layer, or "all"')
        return layers


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "draft": {"size": 256, "iterations": 50},
        "standard": {"size": 512, "iterations": 100},
        "fine": {"size": 1024, "iterations": 200},
    }
)
"""What each preset sets; whatever a client gives stands above it."""

CONVERGED_AFTER = 1000
"""Iterations at most where a tolerance decides."""

CONTENT_LAYERS: LayerWeights = {"relu4_2": 1.0}
"""As published, in what is as published: a reconstruction, and sums over positions."""

ANCHORED_LAYERS: LayerWeights = {"relu4_2": 1.0, "relu1_1": 5.0}
"""Of a transfer: forms by a deep layer, and by the first the photograph's own light and colours, each in its place."""

LADDER_LAYERS: LayerWeights = dict.fromkeys(("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"), 1.0)
"""Of a reconstruction: the second of each block, as in figure 1 of Gatys, Ecker & Bethge, CVPR 2016."""

_FIRST = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

_GRAM: Mapping[Normalization, LayerWeights] = MappingProxyType(
    {
        "mean": dict(zip(_FIRST, (150.0, 50.0, 4.0, 2.5, 4.0), strict=True)),
        "gatys": dict.fromkeys(_FIRST, 4e6),
        "sum": dict.fromkeys(_FIRST, 4e-7),
    }
)

_OTHERS: Mapping[StyleDistance, LayerWeights] = MappingProxyType(
    {
        "mean_std": dict(zip(_FIRST, (50.0, 27.5, 3.0, 1.0, 1.8), strict=True)),
        "gaussian_w2": dict(zip(_FIRST, (40.0, 11.0, 1.4, 0.55, 1.0), strict=True)),
        "sliced_wasserstein": dict(zip(_FIRST, (70.0, 24.0, 4.0, 2.3, 3.5), strict=True)),
    }
)
"""For `mean`."""

ALONE = 0.4
"""Of `mean`'s weights of style layers, where relu4_2 is all that holds against them."""


def content_layers(normalization: Normalization) -> LayerWeights:
    """Give the layers of a transfer's content where a client names none."""
    return dict(ANCHORED_LAYERS if normalization == "mean" else CONTENT_LAYERS)


def style_layers(distance: StyleDistance, normalization: Normalization) -> LayerWeights:
    """Give w_l where a client names no style layers, such that α = β = 1 is a good balance in a pyramid.

    `mean` holds at every size. For Grams its layers are such that AlexNet, another network, finds the pictures closest
    to the painting at equal likeness to the photograph (docs/performance.md, "Quality"); for the other distances, every
    layer's term falls to a few per cent of what it was. The other normalizations' layers count alike for Grams, as
    published; their balance drifts with the size, since sums over positions do, and is right at 512 pixels, where
    relu4_2 sees 512 channels at 64 × 48 positions.
    """
    if distance == "gram":
        return dict(_GRAM[normalization])
    weights, channels = _OTHERS[distance], NETWORKS["vgg16"].layers
    if normalization == "mean":
        return dict(weights)
    content = {"sum": 1.0, "gatys": 0.5}[normalization] * 512 * 64 * 48  # what the content's mean is multiplied by
    content *= ALONE
    return {layer: weight * content / channels[layer].channels for layer, weight in weights.items()}
