"""The memory that painting a resolved spec takes, by arithmetic, and the way to paint it in the memory that there is.

There are three ways, of which each gives the same picture up to rounding: as a whole, with every activation kept for
the gradient; as a whole, with the activations of a block computed again when they are needed; and in tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from service.networks import NETWORKS
from service.plan import canvas, style_size
from service.work import layers_seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.plan import Sized
    from service.spec import RenderSpec

TILES = (1024, 768, 512, 384, 256)
"""Sides of tiles in pixels, the fastest first: of small ones more is margin."""

MARGIN = 64
"""Of a tile on each side, in pixels; about, for it depends on the deepest layer."""

STEPS, FEW_STEPS = 20, 4
"""That L-BFGS remembers; and where memory is to be saved, these in float16."""

SHARE = 0.9
"""Of a device's memory, that a painting is planned to take: a prediction may be a fifth off in a small one, and less in
a large one, and others are on the machine."""

PROCESS_BYTES = 700 * 1024**2
"""What a worker takes before it paints: torch, VGG-16 and a picture of 64 px measured 650 MiB."""

PASSING_BYTES = 1700
"""Of a pixel: gradients on their way back and copies for the statistics; measured, less what the layers keep."""

AGAIN_BYTES = 1900
"""Of a pixel, in all, where activations are computed again: the first block, above all."""

SORTED_BYTES = 4000
"""Of a pixel, besides: sliced_wasserstein's sorted activations and their places; measured."""

WIDE_BYTES = 1500
"""Of a tile's pixel, besides: sums in float64, which all distances but `gram` take in tiles."""

LOOK_BYTES = 900
"""Of a style's pixel, which is looked at once and without a gradient; measured."""

HELD_BYTES = 160
"""Of a picture's pixel in tiles: the images and slopes of two points, and what is passing when a step is taken."""

STYLE_BYTES = 15
"""Of a style's pixel in tiles: the painting, as it came and in float32."""

_VALUES = 3
"""Of a pixel: its channels."""


class Way(StrEnum):
    """How a picture is looked at."""

    WHOLE = "whole"
    CHECKPOINTED = "checkpointed"
    TILED = "tiled"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a picture is painted, and what that takes.

    Attributes:
        way: of looking at it.
        tile: side of the tiles in pixels, where it is in tiles.
        steps: that L-BFGS remembers.
        memory_bytes: at the peak, of the whole process, in float32.
    """

    way: Way
    tile: int | None
    steps: int
    memory_bytes: int


def planned(
    spec: RenderSpec,
    images: Mapping[str, Sized],
    *,
    budget: int | None,
    frugal: bool = False,
    longest: int | None = None,
) -> Plan:
    """Choose the fastest way that fits, or else the one that takes least.

    Args:
        spec: resolved.
        images: sizes of its pictures, by pointer.
        budget: bytes of memory that there are; None: as many as it takes.
        frugal: take the way that takes least, whatever there is.
        longest: the scale, in pixels; None: the finest.
    """
    ways = plans(spec, images, longest)
    least = min(ways, key=lambda plan: plan.memory_bytes)
    if frugal:
        return least
    return next((plan for plan in ways if budget is None or plan.memory_bytes <= budget * SHARE), least)


def plans(spec: RenderSpec, images: Mapping[str, Sized], longest: int | None = None) -> Sequence[Plan]:
    """List the ways in which a spec can be painted, the fastest first; `planned` explains the arguments.

    Gram matrices are not painted, and are taken as a whole. So is what `sliced_wasserstein` compares, for it sorts all
    positions of a picture.
    """
    size = canvas(spec, images, longest or spec.options.size)
    width, height = size
    pixels, looked_at = width * height, _looked_at(spec, images, longest)
    if spec.kind == "gram":
        return [Plan(Way.WHOLE, None, 0, PROCESS_BYTES + pixels * LOOK_BYTES)]
    sorts = bool(spec.styles) and spec.options.style_distance == "sliced_wasserstein"
    passing, look = SORTED_BYTES * sorts, looked_at * LOOK_BYTES
    own = PASSING_BYTES + _kept_bytes(spec) + passing + _remembered_bytes(spec, STEPS, 4)
    again = AGAIN_BYTES + passing + _remembered_bytes(spec, FEW_STEPS, 2)
    found = [
        Plan(Way.WHOLE, None, STEPS, round(PROCESS_BYTES + max(pixels * own, look))),
        Plan(Way.CHECKPOINTED, None, FEW_STEPS, round(PROCESS_BYTES + max(pixels * again, look))),
    ]
    tiles = [tile for tile in TILES if tile < max(size) and not sorts]
    return found + [Plan(Way.TILED, tile, FEW_STEPS, _tiled_bytes(spec, size, tile, looked_at)) for tile in tiles]


def _tiled_bytes(spec: RenderSpec, size: tuple[int, int], tile: int, looked_at: int) -> int:
    """Add up what is held of the picture and what passes with one tile."""
    width, height = size
    seen = min(width, tile + 2 * MARGIN) * min(height, tile + 2 * MARGIN)
    a_seen = PASSING_BYTES + _kept_bytes(spec)
    if spec.styles and spec.options.style_distance != "gram":
        a_seen += WIDE_BYTES
    held = HELD_BYTES + _remembered_bytes(spec, FEW_STEPS, 2) + _content_bytes(spec)
    return round(PROCESS_BYTES + width * height * held + seen * a_seen + looked_at * STYLE_BYTES)


def _looked_at(spec: RenderSpec, images: Mapping[str, Sized], longest: int | None) -> int:
    """Count the pixels of the largest style."""
    sizes = (
        style_size(images[f"/styles/{n}/image"], spec.options, longest or spec.options.size, style.scale)
        for n, style in enumerate(spec.styles)
    )
    return max((width * height for width, height in sizes), default=0)


def _kept_bytes(spec: RenderSpec) -> float:
    """What the layers keep of a pixel for the gradient: their activations."""
    return 4 * sum(layer.channels / layer.stride**2 for layer in layers_seen(spec))


def _content_bytes(spec: RenderSpec) -> float:
    """What is kept of the photograph's pixel: itself, as it came and in float32, and its activations."""
    if spec.content is None:
        return 0
    known = NETWORKS[spec.options.network].layers
    return 5 * _VALUES + 4 * sum(
        known[name].channels / known[name].stride ** 2 for name in spec.options.content_layers or ()
    )


def _remembered_bytes(spec: RenderSpec, steps: int, a_value: int) -> int:
    """What the optimiser keeps of a pixel: steps and changes of slope, or two moments in float32."""
    if spec.options.optimizer == "adam":
        return 2 * _VALUES * 4
    return 2 * min(steps, spec.options.iterations or steps) * _VALUES * a_value
