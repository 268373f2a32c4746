"""Sizes, by arithmetic, before a spec is painted: of what is painted, and what its pictures rule out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from service.errors import FieldProblem, InvalidSpec
from service.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.networks import Layer
    from service.options import PaintOptions
    from service.painting import Picture, Pixels
    from service.spec import RenderSpec


class Sized(Protocol):
    """A picture, or what is known of one."""

    @property
    def width(self) -> int:
        """In pixels."""
        ...

    @property
    def height(self) -> int:
        """In pixels."""
        ...


def scaled(width: int, height: int, longest: int) -> tuple[int, int]:
    """Scale a width and height in pixels so that the longer is `longest`; the shorter is at least 1."""
    ratio = longest / max(width, height)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def canvas(spec: RenderSpec, images: Mapping[str, Sized], longest: int) -> tuple[int, int]:
    """Say how wide and high the result is where its longer side has `longest` pixels.

    It has the aspect ratio of the photograph; a texture's is that of the image that it starts from, or of its first
    style; and Gram matrices are taken of the image, which is never enlarged.

    Args:
        spec: resolved.
        images: by the pointers that `RenderSpec.image_refs` lists.
        longest: in pixels.
    """
    leading = _leading(images)
    if spec.kind == "gram":
        longest = min(longest, max(leading.width, leading.height))
    return scaled(leading.width, leading.height, longest)


def style_size(style: Sized, options: PaintOptions, longest: int, scale: float) -> tuple[int, int]:
    """Choose the width and height of a style where the result's longer side has `longest` pixels.

    A smaller painting is only enlarged where the normalization compares sums of Grams, which are over as many positions
    then, or where it is asked to be by its scale: enlarged, it has no fine strokes, its blur would be taken for its
    style, and the result comes out soft. Its shorter side has at least one position in every layer.
    """
    short, long = sorted((style.width, style.height))
    sums = options.style_distance == "gram" and options.normalization != "mean"
    coarsest = max(layer.stride for layer in NETWORKS[options.network].layers.values())
    fitting = (longest if sums else min(longest, long)) * scale
    return scaled(style.width, style.height, max(round(fitting), math.ceil(coarsest * long / short)))


def with_fitting_pyramid(posted: RenderSpec, resolved: RenderSpec, images: Mapping[str, Sized]) -> RenderSpec:
    """Leave out of a pyramid that nobody asked for the scales at which the deepest layer would see nothing."""
    if posted.options.pyramid != "auto":
        return resolved
    stride = _deepest(resolved).stride
    fitting = tuple(int(s) for s in resolved.options.pyramid if min(canvas(resolved, images, int(s))) >= stride)
    return resolved.model_copy(update={"options": resolved.options.model_copy(update={"pyramid": fitting})})


def check_sizes(spec: RenderSpec, images: Mapping[str, Sized], *, size_max: int) -> None:
    """Refuse what the pictures' sizes rule out.

    Args:
        spec: resolved.
        images: by the pointers that `RenderSpec.image_refs` lists.
        size_max: longest side, in pixels, that is painted here.

    Raises:
        InvalidSpec: naming each field: a size beyond the limit, or too small for the deepest layer to see anything; a
            mask of another width or height than its picture; an initial image of another aspect ratio.
    """
    problems = [*_too_large(spec, images, size_max), *_too_small(spec, images), *_unlike(spec, images)]
    if problems:
        raise InvalidSpec(*problems)


def check_masks(images: Mapping[str, Picture]) -> None:
    """Refuse masks that choose nothing.

    Raises:
        InvalidSpec: naming each that is black everywhere where it isn't transparent.
    """
    problems = [
        FieldProblem(pointer, "the mask is black everywhere: it chooses nothing")
        for pointer, picture in images.items()
        if is_mask(pointer) and not _visible(picture).any()
    ]
    if problems:
        raise InvalidSpec(*problems)


def is_mask(pointer: str) -> bool:
    """Say whether the image at this place of a spec is a mask."""
    return pointer.endswith("_mask")


def _visible(picture: Picture) -> Pixels:
    return picture.pixels if picture.matte is None else picture.pixels[picture.matte > 0]


def _too_large(spec: RenderSpec, images: Mapping[str, Sized], size_max: int) -> Iterator[FieldProblem]:
    if spec.options.size > size_max:
        yield FieldProblem("/options/size", f"at most {size_max} pixels are painted here")
        return
    for n, style in enumerate(spec.styles):
        longest = max(style_size(images[f"/styles/{n}/image"], spec.options, spec.options.size, style.scale))
        if longest > size_max and style.scale > 1:
            sentence = f"the painting would have {longest} pixels; at most {size_max} are looked at here"
            yield FieldProblem(f"/styles/{n}/scale", sentence)


def _too_small(spec: RenderSpec, images: Mapping[str, Sized]) -> Iterator[FieldProblem]:
    """A layer's grid has one cell for each `stride` pixels, so the shorter side needs that many at every scale."""
    deepest, leading, options = _deepest(spec), _leading(images), spec.options
    scales = {"/options/pyramid/0": options.pyramid[0]} if options.pyramid else {}
    for field, longest in {**scales, "/options/size": options.size}.items():
        width, height = canvas(spec, images, int(longest))
        if min(width, height) < deepest.stride and spec.kind == "gram":
            sentence = f"it is {width} × {height} pixels; {deepest.name} needs {deepest.stride} on the shorter side"
            yield FieldProblem("/image", sentence)
        elif min(width, height) < deepest.stride:
            least = -(-deepest.stride * max(_shape(leading)) // min(_shape(leading)))
            yield FieldProblem(
                field,
                f"at {longest} the picture has {width} × {height} pixels; {deepest.name} needs {deepest.stride} on the "
                f"shorter side: take at least {least}",
            )


def _leading(images: Mapping[str, Sized]) -> Sized:
    """Find the picture whose aspect ratio the result has."""
    return next(images[place] for place in ("/content", "/image", "/init_image", "/styles/0/image") if place in images)


def _deepest(spec: RenderSpec) -> Layer:
    """Find the deepest layer that a kind of job looks at."""
    network, options = NETWORKS[spec.options.network], spec.options
    named = {
        "transfer": [*(options.content_layers or ()), *(options.style_layers or ())],
        "reconstruction": [*(options.content_layers or ())],
    }.get(spec.kind, [*(options.style_layers or ())])
    return max((network.layers[name] for name in named), key=lambda layer: layer.index)


def _unlike(spec: RenderSpec, images: Mapping[str, Sized]) -> Iterator[FieldProblem]:
    pairs = {f"/regions/{n}/content_mask": "/content" for n in range(len(spec.regions))}
    pairs |= {f"/regions/{n}/style_mask": f"/styles/{region.style}/image" for n, region in enumerate(spec.regions)}
    for place, picture in pairs.items():
        if place in images and _shape(images[place]) != _shape(images[picture]):
            yield FieldProblem(
                place, f"the mask is {_said(images[place])} pixels, {picture} is {_said(images[picture])}"
            )
    if "/init_image" in images and "/content" in images:
        own = images["/init_image"]
        fitting = scaled(own.width, own.height, spec.options.size)
        if any(abs(a - b) > 1 for a, b in zip(fitting, canvas(spec, images, spec.options.size), strict=True)):
            sentence = f"it is {_said(own)} pixels, of another aspect ratio than /content, {_said(images['/content'])}"
            yield FieldProblem("/init_image", sentence)


def _shape(image: Sized) -> tuple[int, int]:
    return image.width, image.height


def _said(image: Sized) -> str:
    return f"{image.width} × {image.height}"
