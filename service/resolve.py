"""Resolving a spec: preset and defaults filled in, and whatever can't be painted refused, field by field.

What needs the pictures themselves, their sizes above all, is checked in `service.plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from service.errors import FieldProblem, InvalidSpec, pointer_to
from service.networks import NETWORKS
from service.options import (
    CONTENT_LAYERS,
    CONVERGED_AFTER,
    LADDER_LAYERS,
    PRESETS,
    PaintOptions,
    content_layers,
    style_layers,
)

if TYPE_CHECKING:
    from service.options import LayerWeights
    from service.spec import RenderSpec

Problems = Iterator[FieldProblem]

IMAGES = {
    "transfer": ({"content", "styles"}, {"regions", "init_image"}),
    "texture": ({"styles"}, {"init_image", "ladder"}),
    "reconstruction": ({"content"}, {"init_image", "ladder"}),
    "gram": ({"image"}, set[str]()),
}
"""Of each kind, the fields that it needs, and those that it may have besides."""

INITS = {
    "transfer": ("content", "noise", "style_statistics", "image"),
    "texture": ("noise", "style_statistics", "image"),
    "reconstruction": ("noise", "image"),
    "gram": (),
}
"""Of each kind, the images that it may start from."""

IDLE: Mapping[str, frozenset[str]] = {
    "transfer": frozenset(),
    "texture": frozenset({"content_weight", "content_layers"}),
    "reconstruction": frozenset({"style_weight", "style_layers", "style_distance"}),
    "gram": frozenset(PaintOptions.model_fields)
    - {"size", "style_layers", "normalization", "network", "pooling", "padding", "preserve_color"},
}
"""Of each kind, the options that it has no use for; preserve_color has a sentence of its own."""

COARSEST = 64
"""Longest side, in pixels, below which no pyramid goes by itself. There the deepest layers see the whole picture at
once, and so the painting's largest forms are found."""

UNSCALED = 1024
"""Longest side, in pixels, up to which a start from a picture that was given for it has no pyramid. Beyond, half of it
is the coarsest size; smaller ones would leave little of the picture."""


def resolve(spec: RenderSpec) -> RenderSpec:
    """Fill in preset and defaults, and check what only the whole can tell.

    Returns:
        An equal spec whose options name every number.

    Raises:
        InvalidSpec: naming each field that can't be painted.
    """
    problems = [*_misplaced(spec), *_unfitting_output(spec)]
    posted = spec.options.model_dump(exclude_unset=True, exclude_none=True)
    options = PaintOptions.model_validate({**PRESETS[spec.preset], **posted})
    options = options.model_copy(update=_defaults(options, spec))
    problems += _idle(options, posted, spec)
    problems += [*_unknown_layers(options), *_weightless(options, spec), *_unfitting_options(options, spec)]
    if problems:
        raise InvalidSpec(*problems)
    background = "#ffffff" if spec.output.format == "jpeg" else None
    output = spec.output.model_copy(update={"background": spec.output.background or background})
    return spec.model_copy(update={"options": options, "output": output})


def _defaults(options: PaintOptions, spec: RenderSpec) -> dict[str, Any]:
    init = options.init or ("image" if spec.init_image else "content" if spec.kind == "transfer" else "noise")
    alone = LADDER_LAYERS if spec.ladder else CONTENT_LAYERS
    content = content_layers(options.normalization) if spec.kind == "transfer" else alone
    to_convergence = options.tolerance is not None and spec.options.iterations is None
    return {
        "content_layers": _layers(options, options.content_layers, content),
        "style_layers": _layers(
            options, options.style_layers, style_layers(options.style_distance, options.normalization)
        ),
        "init": init,
        "optimizer": "lbfgs" if options.optimizer == "auto" else options.optimizer,
        "iterations": CONVERGED_AFTER if to_convergence else options.iterations,
        "pyramid": _halvings(options.size, init, spec.kind) if options.pyramid == "auto" else options.pyramid,
    }


def _idle(options: PaintOptions, posted: Mapping[str, Any], spec: RenderSpec) -> Problems:
    """Say which options were given that a kind of job has no use for; what it has anyway may be said."""
    rest = PaintOptions.model_validate(
        {**PRESETS[spec.preset], **{name: value for name, value in posted.items() if name not in IDLE[spec.kind]}}
    )
    anyway = rest.model_copy(update=_defaults(rest, spec))
    for name in sorted(IDLE[spec.kind] & posted.keys()):
        if getattr(options, name) != getattr(anyway, name):
            yield FieldProblem(f"/options/{name}", f"a job of kind {spec.kind} has no use for this")


def _layers(options: PaintOptions, posted: LayerWeights | str | None, default: LayerWeights) -> LayerWeights:
    if posted == "all":
        return dict.fromkeys(NETWORKS[options.network].layers, 1.0)
    return posted if isinstance(posted, dict) else dict(default)


def _halvings(size: int, init: str, kind: str) -> tuple[int, ...]:
    """Choose the coarser sizes of a pyramid."""
    if kind == "gram" or (init == "image" and size <= UNSCALED):
        return ()
    coarsest = UNSCALED // 2 if init == "image" else COARSEST
    sizes = []
    while (size := size // 2) >= coarsest:
        sizes.append(size)
    return tuple(reversed(sizes))


def _misplaced(spec: RenderSpec) -> Problems:
    """Say which fields a kind of job needs and lacks, or has and can't use."""
    needed, allowed = IMAGES[spec.kind]
    for name in ("content", "styles", "image", "regions", "init_image", "ladder"):
        if name in needed and not getattr(spec, name):
            yield FieldProblem(f"/{name}", f"a job of kind {spec.kind} needs this")
        if name not in needed | allowed and getattr(spec, name):
            yield FieldProblem(f"/{name}", f"a job of kind {spec.kind} has no use for this")
    for n, region in enumerate(spec.regions):
        if region.style >= len(spec.styles):
            yield FieldProblem(f"/regions/{n}/style", f"there are {len(spec.styles)} styles, counted from 0")
    if spec.regions:
        for n in set(range(len(spec.styles))) - {region.style for region in spec.regions}:
            yield FieldProblem(f"/styles/{n}", "no region is painted in this style")
        for n, style in enumerate(spec.styles):
            if style.weight != 1:
                yield FieldProblem(f"/styles/{n}/weight", "a region is painted in one style alone, whatever its weight")


def _unfitting_output(spec: RenderSpec) -> Problems:
    if spec.output.bits == 16 and spec.output.format not in {"png", "tiff"}:
        yield FieldProblem("/output/bits", f"{spec.output.format} has 8 bits; take png or tiff for 16")
    if spec.output.timelapse and (spec.ladder or spec.kind == "gram"):
        yield FieldProblem("/output/timelapse", "only a single picture that is painted can be filmed")


def _unknown_layers(options: PaintOptions) -> Problems:
    known = NETWORKS[options.network].layers
    for field in ("content_layers", "style_layers"):
        for layer in getattr(options, field):
            if layer not in known:
                sentence = f"{options.network} has no layer {layer!r}; it has {', '.join(known)}"
                yield FieldProblem(pointer_to("options", field, layer), sentence)


def _weightless(options: PaintOptions, spec: RenderSpec) -> Problems:
    """Say where weights of 0 leave nothing to paint."""
    counts = {"content": spec.kind in {"transfer", "reconstruction"}, "style": spec.kind in {"transfer", "texture"}}
    asked = {side for side, does in counts.items() if does}
    idle = {side for side in asked if getattr(options, f"{side}_weight") == 0}
    if asked and idle == asked:
        both = "content_weight and style_weight are both 0" if len(asked) > 1 else "it is 0"
        yield FieldProblem(f"/options/{max(asked)}_weight", f"{both}: nothing to paint")
    for side in asked - idle:
        if not any(getattr(options, f"{side}_layers").values()):
            yield FieldProblem(f"/options/{side}_layers", "every layer's weight is 0: nothing to paint")
        elif spec.ladder:
            for layer, weight in getattr(options, f"{side}_layers").items():
                if weight == 0:
                    pointer = pointer_to("options", f"{side}_layers", layer)
                    yield FieldProblem(pointer, "a rung of a ladder weighs more than 0")


def _unfitting_options(options: PaintOptions, spec: RenderSpec) -> Problems:
    allowed = INITS[spec.kind]
    if allowed and options.init not in allowed:
        yield FieldProblem("/options/init", f"a job of kind {spec.kind} starts from {', '.join(allowed)}")
    if allowed and (options.init == "image") != (spec.init_image is not None):
        yield FieldProblem("/init_image", 'init "image" and an init_image go together')
    if options.preserve_color != "none" and spec.kind != "transfer":
        yield FieldProblem("/options/preserve_color", "only a transfer has a photograph whose colours could be kept")
    scales = [*options.pyramid, options.size]
    if any(coarse >= fine for coarse, fine in pairwise(scales)):
        yield FieldProblem("/options/pyramid", f"sizes ascend, and are all below the size, {options.size}")
