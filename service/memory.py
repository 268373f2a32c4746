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

LEAST_TILE, MOST_TILE, GRID = 256, 1536, 16
"""Sides of tiles in pixels: below, most would be margin; above, hardly any is saved. They are multiples of the grid."""

MARGIN = 64
"""Of a tile on each side, in pixels; about, for it depends on the deepest layer."""

LOOKS = 1.5
"""Sides of a descent's tiles that are looked at without a graph, over those of the others: a pixel takes less than half
the memory then, and of a larger tile less is margin."""

STEPS, FEW_STEPS = 20, 4
"""That L-BFGS remembers; and where memory is to be saved, these in float16."""

SHARE = 0.9
"""Of a device's memory, that a painting is planned to take: a prediction may be a fifth off in a small one, and less in
a large one, and others are on the machine."""

PROCESS_BYTES = 870 * 10**6
"""What a worker takes before it paints: 695 MB for torch and the service's parts, 835 with VGG-16, 880 when it has
painted 64 px."""

GAPS_BYTES = (1500, 250 * 10**6)
"""What is freed in pieces too small to be given back, where activations are computed again: of a pixel, and at most.
Measured: 290 MB at 512 px."""

WHOLE = (490, 318)
"""Of a pixel, values in the network's precision and bytes besides what the layers keep: slopes on their way back, the
statistics' copies, places of the pools' maxima, and gaps, for freed memory is kept. Measured: 3700 to 4100 bytes in all
in float32 with 20 steps, 2200 in bfloat16."""

AGAIN = (400, 318)
"""The same in all, where activations are computed again and freed memory is given back: the first block's activations
and slopes, and what was asked for. Measured: 2000 bytes in float32, 1200 in bfloat16."""

TILE = (385, 980)
"""The same of a tile's pixel, besides what the layers keep. Measured: 3600 bytes in all in float32, 2280 in bfloat16; a
third of it are gaps, for memory is given back when all tiles have been looked at."""

LOOK_BYTES = 850
"""Of a pixel that is looked at without a gradient, as aims are, in float32 on every device: 800 were measured."""

SORTED_BYTES = 5500
"""Of a pixel, besides: sliced_wasserstein's sorted activations and their places; measured."""

WIDE_BYTES = 1000
"""Of a tile's pixel, besides: sums in float64, which all distances but `gram` take in tiles."""

HELD_BYTES, STEP_BYTES = 86, 150
"""Of a picture's pixel in tiles, in float32: seven images and slopes while tiles are looked at, and twelve, the largest
number, while a step is taken or the total variation's slope, when there is no tile."""

STYLE_BYTES = 15
"""Of a style's pixel: the painting, as it came and in float32."""

PHOTOGRAPH_BYTES = 15
"""Of a photograph's pixel in tiles: itself as it came and in float32."""

MASK_BYTES = 13
"""Of a region's pixel: its mask as it came, in float32, and on each layer's grid."""

_VALUES = 3
"""Of a pixel: its channels."""


class Way(StrEnum):
    """How a picture is looked at."""

    WHOLE = "whole"
    CHECKPOINTED = "checkpointed"
    TILED = "tiled"


@dataclass(frozen=True, slots=True)
class Room:
    """What there is to paint in.

    Attributes:
        memory_bytes: that there are; None: as many as it takes.
        activation_bytes: of one value that the network computes: 4 in float32, 2 in bfloat16.
    """

    memory_bytes: int | None = None
    activation_bytes: int = 4


ANY_ROOM = Room()
"""Where no device is known: as much memory as it takes, and float32."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a picture is painted, and what that takes.

    Attributes:
        way: of looking at it.
        tile: side of the tiles in pixels, where it is in tiles.
        steps: that L-BFGS remembers.
        memory_bytes: at the peak, of the whole process.
    """

    way: Way
    tile: int | None
    steps: int
    memory_bytes: int


def planned(
    spec: RenderSpec,
    images: Mapping[str, Sized],
    room: Room,
    *,
    frugal: bool = False,
    longest: int | None = None,
) -> Plan:
    """Choose the fastest way that fits, or else the one that takes least.

    Args:
        spec: resolved.
        images: sizes of its pictures, by pointer.
        room: to paint in.
        frugal: take the way that takes least, whatever there is.
        longest: the scale, in pixels; None: the finest.
    """
    ways, budget = plans(spec, images, room, longest), room.memory_bytes
    least = min(ways, key=lambda plan: plan.memory_bytes)
    if frugal:
        return least
    return next((plan for plan in ways if budget is None or plan.memory_bytes <= budget * SHARE), least)


def plans(spec: RenderSpec, images: Mapping[str, Sized], room: Room, longest: int | None = None) -> Sequence[Plan]:
    """List the ways in which a spec can be painted, the fastest first; `planned` explains the arguments.

    Gram matrices are not painted, and are taken as a whole. So is what `sliced_wasserstein` compares, for it sorts all
    positions of a picture.
    """
    size = canvas(spec, images, longest or spec.options.size)
    pixels, styles = size[0] * size[1], _style_pixels(spec, images, longest)
    if spec.kind == "gram":
        return [Plan(Way.WHOLE, None, 0, round(PROCESS_BYTES + pixels * LOOK_BYTES))]
    sorts = bool(spec.styles) and spec.options.style_distance == "sliced_wasserstein"
    passing, look = float(SORTED_BYTES * sorts), max(styles, default=0) * LOOK_BYTES
    passing += _content_bytes(spec, tiled=False)
    own = _bytes(WHOLE, room) + _kept_bytes(spec, room) + passing + _remembered_bytes(spec, STEPS, 4)
    again = _bytes(AGAIN, room) + passing + _remembered_bytes(spec, FEW_STEPS, 2)
    held = PROCESS_BYTES + STYLE_BYTES * sum(styles) + MASK_BYTES * pixels * len(spec.regions)
    whole = Plan(Way.WHOLE, None, STEPS, round(held + max(pixels * own, look)))
    saving = round(held + _gaps_bytes(pixels) + max(pixels * again, look))
    parted = [
        Plan(
            Way.TILED,
            tile,
            FEW_STEPS,
            round(held + _tiled_bytes(spec, size, tile, room)),
        )
        for tile in _sides(max(size))
        if not sorts
    ]
    return [whole, Plan(Way.CHECKPOINTED, None, FEW_STEPS, saving), *parted]


def even(length: int, side: int) -> int:
    """Part a length into tiles of about the same size, with sides of at most `side`; a multiple of `GRID` as it is."""
    parts = -(-length // side)
    return -(-length // (parts * GRID)) * GRID


def _sides(longest: int) -> list[int]:
    """List the sides of tiles that a picture may be parted into, the largest first."""
    sides = (even(longest, -(-longest // parts)) for parts in range(2, longest // LEAST_TILE + 1))
    return [side for side in sides if LEAST_TILE <= side <= MOST_TILE]


def _tiled_bytes(spec: RenderSpec, size: tuple[int, int], tile: int, room: Room) -> float:
    """Add up what is held of the picture and what passes with one tile, or with a step."""
    pixels = size[0] * size[1]
    a_pixel = _bytes(TILE, room) + _kept_bytes(spec, room)
    if spec.styles and spec.options.style_distance != "gram":
        a_pixel += WIDE_BYTES
    anew = _anew_bytes(spec, room)
    passing = max(_seen(size, tile) * (a_pixel + anew), _seen(size, int(tile * LOOKS)) * (LOOK_BYTES + anew))
    always = _remembered_bytes(spec, FEW_STEPS, 2) + _content_bytes(spec, tiled=True)
    always += PHOTOGRAPH_BYTES if spec.content else 0
    return pixels * always + max(pixels * HELD_BYTES + passing, pixels * STEP_BYTES)


def _seen(size: tuple[int, int], tile: int) -> int:
    """Count the pixels of the largest tile with its margins."""
    width, height = (min(length, even(length, tile) + 2 * MARGIN) for length in size)
    return width * height


def _gaps_bytes(pixels: int) -> int:
    """Say what is freed and not given back, where so many pixels are looked at at once."""
    a_pixel, most = GAPS_BYTES
    return min(a_pixel * pixels, most)


def _bytes(a_pixel: tuple[int, int], room: Room) -> int:
    """Add up values in the network's precision and other bytes."""
    values, others = a_pixel
    return values * room.activation_bytes + others


def _style_pixels(spec: RenderSpec, images: Mapping[str, Sized], longest: int | None) -> list[int]:
    """Count the pixels of each style."""
    sizes = (
        style_size(images[f"/styles/{n}/image"], spec.options, longest or spec.options.size, style.scale)
        for n, style in enumerate(spec.styles)
    )
    return [width * height for width, height in sizes]


def _kept_bytes(spec: RenderSpec, room: Room) -> float:
    """What the layers keep of a pixel for the gradient: their activations."""
    return room.activation_bytes * sum(layer.channels / layer.stride**2 for layer in layers_seen(spec))


def _content_bytes(spec: RenderSpec, *, tiled: bool) -> float:
    """What is kept of the photograph's pixel: its activations in float32, but for what tiles look at anew."""
    if spec.content is None:
        return 0
    known = NETWORKS[spec.options.network].layers
    kept = (known[name] for name in spec.options.content_layers or ())
    return 4 * sum(layer.channels / layer.stride**2 for layer in kept if layer.stride > 1 or not tiled)


def _anew_bytes(spec: RenderSpec, room: Room) -> float:
    """What is looked at anew of the photograph's pixel in a tile, and its differences in float32."""
    known = NETWORKS[spec.options.network].layers
    layers = (known[name] for name in (spec.options.content_layers or ()) if spec.content)
    return (room.activation_bytes + 4) * sum(layer.channels for layer in layers if layer.stride == 1)


def _remembered_bytes(spec: RenderSpec, steps: int, a_value: int) -> int:
    """What the optimiser keeps of a pixel: steps and changes of slope, or two moments in float32."""
    if spec.options.optimizer == "adam":
        return 2 * _VALUES * 4
    return 2 * steps * _VALUES * a_value
