"""What sits for a painting: a spec's pictures as tensors, at one size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from service.plan import canvas, style_size
from workers.painter import starts
from workers.painter.colour import luma, recoloured, with_broad_colours_of, with_deviation_of, with_luma
from workers.painter.images import mask, matte, opaque

if TYPE_CHECKING:
    from torch import Tensor

    from service.painting import Images
    from service.spec import RenderSpec
    from workers.painter.images import Size


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One style as a part of the picture sees it.

    Attributes:
        image: `(1, 3, h, w)`, at the size that gives its strokes their width.
        mask: `(1, 1, h, w)`, how much each of its pixels counts, or None for all alike.
        share: its weight among the part's styles; they add up to 1.
        as_it_is: whether sums over it are compared as they are, to the letter of `sum`.
        style: which of the spec's styles it is, counted from 0.
        whole: whether it shows that style's picture alone: no part of it, and none of the photograph's colours.
    """

    image: Tensor
    mask: Tensor | None
    share: float
    as_it_is: bool
    style: int
    whole: bool


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of the picture: where it is, `(1, 1, H, W)` or None for everywhere, and its styles."""

    mask: Tensor | None
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A spec's pictures at one size, on the device.

    Attributes:
        spec: resolved.
        size: width and height of what is painted.
        content: the photograph as it is, `(1, 3, H, W)`, where the spec has one.
        matte: of the photograph, `(1, 1, H, W)`, where the result is to be as transparent as it.
        parts: the parts with their styles; none for a reconstruction.
    """

    spec: RenderSpec
    size: Size
    content: Tensor | None
    matte: Tensor | None
    parts: tuple[Part, ...]

    def finished(self, image: Tensor) -> Tensor:
        """Turn the image that is optimised into the one to be looked at: the photograph's colours are put back.

        Args:
            image: `(1, 3, H, W)`, or `(1, 1, H, W)` where only lightness is painted.

        Returns:
            `(1, 3, H, W)` in 0..1.
        """
        kept = self.spec.options.preserve_color
        if self.content is not None and kept == "luminance":
            return with_luma(self.content, image)
        if self.content is not None and kept == "oklab_low_frequency":
            return with_broad_colours_of(image, self.content)
        return image


def sit(spec: RenderSpec, images: Images, longest: int, device: torch.device) -> Subject:
    """Bring a spec's pictures to the size where the result's longer side has `longest` pixels."""
    size = canvas(spec, images, longest)
    background = spec.output.background
    content = opaque(images["/content"], size, background).to(device) if spec.content else None
    cover = matte(images["/content"], size) if spec.content and background is None else None
    cover = cover if cover is None else cover.to(device)
    examples = [_example(spec, images, n, longest) for n in range(len(spec.styles))]
    placed = (_on(part, device) for part in _parts(spec, images, size, examples))
    parts = tuple(_coloured(part, content, cover, spec.options.preserve_color) for part in placed)
    return Subject(spec, size, content, cover, parts)


def start(subject: Subject, images: Images) -> Tensor:
    """Make the image that the painting starts from: `(1, 3, H, W)`, or `(1, 1, H, W)` for lightness alone."""
    options, (width, height) = subject.spec.options, subject.size
    like = torch.empty(1, 3, height, width)
    if options.init == "content":
        assert subject.content is not None, "the spec is not resolved"
        begun = subject.content
    elif options.init == "image":
        begun = opaque(images["/init_image"], subject.size, subject.spec.output.background)
    elif options.init == "style_statistics":
        examples = [example for part in subject.parts for example in part.examples]
        shares = [example.share / len(subject.parts) for example in examples]
        begun = starts.style_statistics(like, [example.image for example in examples], shares, options.seed)
    else:
        begun = starts.noise(like, options.seed)
    return luma(begun) if options.preserve_color == "luminance" else begun


def _parts(spec: RenderSpec, images: Images, size: Size, examples: list[Example]) -> list[Part]:
    if not spec.regions:
        return [Part(None, tuple(examples))] if examples else []
    parts = []
    for n, region in enumerate(spec.regions):
        example = examples[region.style]
        seen = example.mask
        if region.style_mask is not None:
            height, width = example.image.shape[-2:]
            chosen = mask(images[f"/regions/{n}/style_mask"], (width, height))
            seen = chosen if seen is None else chosen * seen
        where = mask(images[f"/regions/{n}/content_mask"], size)
        alone = replace(example, mask=seen, share=1.0, as_it_is=False, whole=region.style_mask is None)
        parts.append(Part(where, (alone,)))
    return parts


def _example(spec: RenderSpec, images: Images, number: int, longest: int) -> Example:
    style, picture = spec.styles[number], images[f"/styles/{number}/image"]
    size = style_size(picture, spec.options, longest, style.scale)
    cover = matte(picture, size)
    share = style.weight / sum(one.weight for one in spec.styles)
    as_it_is = cover is None and style.scale == 1
    return Example(opaque(picture, size), cover, share, as_it_is, style=number, whole=True)


def _on(part: Part, device: torch.device) -> Part:
    """Put a part onto the device."""

    def placed(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(device)

    examples = (
        replace(example, image=example.image.to(device), mask=placed(example.mask)) for example in part.examples
    )
    return Part(placed(part.mask), tuple(examples))


def _coloured(part: Part, content: Tensor | None, cover: Tensor | None, kept: str) -> Part:
    """Give the styles the colours that they are to have; what can't be seen of any picture does not count."""
    if content is None or kept not in {"luminance", "histogram"}:
        return part

    def coloured(example: Example) -> Tensor:
        seen = (example.mask, cover)
        if kept == "luminance":
            return with_deviation_of(luma(example.image), luma(content), seen)
        return recoloured(example.image, content, seen)

    examples = (replace(example, image=coloured(example), whole=False) for example in part.examples)
    return Part(part.mask, tuple(examples))
