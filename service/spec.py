"""RenderSpec: what a client asks for, as frozen values. HTTP, the queue and the painter share this one definition.

A posted spec may leave almost everything out. `resolve` fills in the preset and the defaults, so that what is
stored, painted and echoed says every number.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from service.errors import FieldProblem, InvalidSpec
from service.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import ErrorDetails

MAX_STYLES = 1
MAX_LABELS = 16

Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
LayerWeights = dict[str, Weight]


class Frozen(BaseModel):
    """A value: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PaintOptions(Frozen):
    """How to paint. Every field has a default; the preset's value stands where a client gives none."""

    size: int = Field(512, ge=64, le=1024, description="Longest side of the result, in pixels.")
    content_weight: Weight = Field(1.0, description="α: how much the photograph's content counts.")
    style_weight: Weight = Field(1.0, description="β: how much the painting's style counts.")
    tv_weight: Weight = Field(0.0, description="Weight of the total variation, which smooths.")
    content_layers: LayerWeights | Literal["all"] = Field(
        {"relu4_2": 1.0}, description='Layers that carry the content, with their weights, or "all".'
    )
    style_layers: LayerWeights | Literal["all"] | None = Field(
        None,
        description='Layers that carry the style, with their weights w_l, or "all" (1.0 each); '
        "null takes the weights that fit the normalization.",
    )
    normalization: Literal["mean", "gatys", "sum"] = Field(
        "mean",
        description="mean: size-independent means; gatys: 1/(4C²N²) and ½ as in Gatys et al. 2016; sum: plain sums.",
    )
    init: Literal["content", "noise"] = Field("content", description="The image that the painting starts from.")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of every random number.")
    optimizer: Literal["auto", "lbfgs", "adam"] = Field("auto", description="auto takes lbfgs.")
    iterations: int | None = Field(None, ge=1, le=10_000, description="Iterations; null takes the preset's.")
    pooling: Literal["max", "avg"] = Field("max", description="The network's pools.")
    padding: Literal["zeros", "replicate"] = Field("zeros", description="What convolutions see beyond the edge.")
    network: Literal["vgg16", "vgg19"] = Field("vgg16", description="The network that looks at the pictures.")

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _some_layer(cls, layers: LayerWeights | str | None) -> LayerWeights | str | None:
        if layers == {}:
            raise ValueError('name at least one layer, or "all"')
        return layers


class ImageRef(Frozen):
    """Where an image comes from: exactly one of the ways."""

    upload_id: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=r"^[0-9a-f-]+$",
        description="An image from `POST /v1/uploads`.",
    )
    data: str | None = Field(None, min_length=1, repr=False, description="The file's bytes within the request, base64.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.upload_id is None) == (self.data is None):
            raise ValueError("give exactly one of upload_id and data")
        return self

    @model_serializer
    def _the_one(self) -> dict[str, str]:
        return {"upload_id": self.upload_id} if self.upload_id is not None else {"data": self.data or ""}


class Style(Frozen):
    """A painting whose manner is taken."""

    image: ImageRef
    weight: float = Field(1.0, gt=0, le=1e6, allow_inf_nan=False, description="Its share among several styles.")


class Output(Frozen):
    """How the result is delivered."""

    format: Literal["png", "jpeg", "webp"] = "png"
    quality: int = Field(95, ge=1, le=100, description="Of JPEG and WebP; PNG is lossless.")


class RenderSpec(Frozen):
    """One job, as posted and, after `resolve`, as painted."""

    kind: Literal["transfer"]
    content: ImageRef
    styles: tuple[Style, ...] = Field(min_length=1, max_length=MAX_STYLES)
    preset: Literal["draft", "standard", "fine"] = "standard"
    options: PaintOptions = PaintOptions()
    output: Output = Output()
    priority: Literal["high", "normal", "low"] = "normal"
    labels: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=256)]] = Field(
        default_factory=dict, max_length=MAX_LABELS
    )
    attempts_max: int = Field(3, ge=1, le=10)
    retention_s: int = Field(604_800, ge=60, le=2_592_000, description="Seconds that a finished job is kept; 7 days.")

    def resolve(self) -> Self:
        """Fill in preset and defaults, and check what only the whole can tell.

        Returns:
            An equal spec whose options name every number.

        Raises:
            InvalidSpec: naming each field that can't be painted.
        """
        posted = self.options.model_dump(exclude_unset=True, exclude_none=True)
        options = PaintOptions.model_validate({**PRESETS[self.preset], **posted})
        options = options.model_copy(update=_defaults(options))
        problems = _problems(options)
        if problems:
            raise InvalidSpec(*problems)
        return self.model_copy(update={"options": options})


def parse_spec(data: object) -> RenderSpec:
    """Read a spec from decoded JSON.

    Raises:
        InvalidSpec: naming each field that is wrong by its JSON pointer.
    """
    try:
        return RenderSpec.model_validate(data)
    except ValidationError as error:
        raise InvalidSpec(*field_problems(error.errors(include_url=False, include_input=False))) from None


STYLE_LAYERS: Mapping[str, LayerWeights] = MappingProxyType(
    {
        "mean": {"relu1_1": 1e4, "relu2_1": 500.0, "relu3_1": 20.0, "relu4_1": 20.0, "relu5_1": 50.0},
        "gatys": dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1e8),
        "sum": dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1e-5),
    }
)
"""w_l where a client names no style layers, by normalization, chosen by eye so that α = β = 1 is a good balance.

`mean` makes every layer's term fall to about 1 % of what it was, at every size. The others' layers count alike, as
published; their balance drifts with the size, since sums over positions do, and is right at 512 pixels.
"""

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "draft": {"size": 256, "iterations": 50},
        "standard": {"size": 512, "iterations": 100},
        "fine": {"size": 1024, "iterations": 200},
    }
)
"""What each preset sets; whatever a client gives stands above it."""


def _defaults(options: PaintOptions) -> dict[str, Any]:
    every = dict.fromkeys(NETWORKS[options.network].layers, 1.0)
    return {
        "content_layers": every if options.content_layers == "all" else options.content_layers,
        "style_layers": every
        if options.style_layers == "all"
        else options.style_layers or STYLE_LAYERS[options.normalization],
        "optimizer": "lbfgs" if options.optimizer == "auto" else options.optimizer,
    }


def _problems(options: PaintOptions) -> list[FieldProblem]:
    known = NETWORKS[options.network].layers
    problems = [
        FieldProblem(
            f"/options/{field}/{layer}",
            f"{options.network} has no layer {layer!r}; it has {', '.join(known)}",
        )
        for field, layers in (
            ("content_layers", options.content_layers),
            ("style_layers", options.style_layers),
        )
        for layer in layers or ()
        if layer not in known
    ]
    if options.content_weight == 0 and options.style_weight == 0:
        problems.append(
            FieldProblem("/options/style_weight", "content_weight and style_weight are both 0: nothing to paint")
        )
    return problems


def field_problems(details: Iterable[ErrorDetails], *, below: int = 0) -> list[FieldProblem]:
    """Put what pydantic says into our own words, with JSON pointers (RFC 6901) that leave out `below` outer parts."""
    details = list(details)
    wrong = {detail["loc"][:-1] for detail in details}
    return [
        FieldProblem(_pointer(detail["loc"][below:]), _sentence(detail))
        for detail in details
        # A tuple whose only item is wrong is said to be too short as well.
        if not (detail["type"] == "too_short" and any(loc[: len(detail["loc"])] == detail["loc"] for loc in wrong))
    ]


def _pointer(loc: Iterable[str | int]) -> str:
    """Write a location as a pointer, without the names that pydantic gives to the branches of a union."""
    parts = [str(part) for part in loc if not (isinstance(part, str) and part.startswith(_BRANCHES))]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


_BRANCHES = ("dict[", "literal[", "[key]")


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "there is no such field"
    return detail["msg"].removeprefix("Value error, ")
