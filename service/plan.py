"""What a spec will need, by arithmetic, before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import FieldProblem, InvalidSpec
from service.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.job import Input
    from service.spec import PaintOptions


def scaled(width: int, height: int, longest: int) -> tuple[int, int]:
    """Scale a width and height in pixels so that the longer is `longest`; the shorter is at least 1."""
    ratio = longest / max(width, height)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def check_sizes(options: PaintOptions, inputs: Iterable[Input]) -> None:
    """Refuse a picture that, painted at the spec's size, is too narrow for the deepest layer to see anything.

    A layer's grid has one cell for each `stride` pixels, so the shorter side needs that many.

    Raises:
        InvalidSpec: naming `/options/size`, with the least size that would do.
    """
    network = NETWORKS[options.network]
    named = [*(options.content_layers or ()), *(options.style_layers or ())]
    deepest = max((network.layers[name] for name in named), key=lambda layer: layer.index)
    for image in inputs:
        short = min(scaled(image.width, image.height, options.size))
        if short < deepest.stride:
            shape = f"{image.width} × {image.height}"
            least = -(-deepest.stride * max(image.width, image.height) // min(image.width, image.height))
            raise InvalidSpec(
                FieldProblem(
                    "/options/size",
                    f"at {options.size} the image at {image.pointer} ({shape}) has {short} pixels"
                    f" on its shorter side; {deepest.name} needs {deepest.stride}: take a size of at least {least}",
                )
            )
