"""Oil paint: brush strokes made of bristles that follow a flow, and the relief they leave in a raking light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from api.demo.scene import Floats

OVERSAMPLING = 2
"""Pixels of the wet paint for each pixel of the finished picture, along each axis."""
SPACING = 0.7
"""Distance between two samples of a stroke, in pixels of the wet paint: close enough to leave no holes."""
KNOTS = 20
"""Points at which the path of a stroke is computed; it is straight between them."""
CHUNK = 600_000
"""Samples laid at a time, for the memory they take."""
RELIEF = 0.42
"""How much brighter or darker than flat paint the steepest slope is."""


@dataclass(frozen=True, slots=True)
class Brush:
    """A brush and how it is loaded.

    Attributes:
        length: of a stroke, as a share of the picture's mean side, or in pixels once `sized`.
        width: of the brush, in the same unit.
        thickness: height of the paint it leaves; 1.0 is heavily loaded.
        streaks: how far the single bristles stray in lightness, of 0..1.
        dryness: share of the length over which the bristles run out of paint, one by one.
    """

    length: float
    width: float
    thickness: float
    streaks: float
    dryness: float = 0.25

    def sized(self, side: float, reach: float) -> Brush:
        """Measure the brush in pixels; `reach` scales its strokes, their length more than their width."""
        return replace(
            self, length=max(2.0, self.length * side * reach), width=max(1.0, self.width * side * reach**0.5)
        )


@dataclass(frozen=True, slots=True)
class Strokes:
    """Strokes yet to be laid.

    Attributes:
        middles: (N, 2) as (x, y), in pixels of the finished picture.
        colours: (N, 2, 3), what each is loaded with, at one edge of the brush and at the other.
    """

    middles: Floats
    colours: Floats


@dataclass(frozen=True, slots=True)
class Paint:
    """Wet paint on a canvas: `colour` (H, W, 3) float32 in 0..1 and `height` (H, W) float32, both oversampled."""

    colour: Floats
    height: Floats


def primed(ground: Floats) -> Paint:
    """A canvas without relief whose ground has the colours (H, W, 3), at the finished picture's size."""
    colour = ground.repeat(OVERSAMPLING, axis=0).repeat(OVERSAMPLING, axis=1)
    return Paint(colour.astype(np.float32), np.zeros(colour.shape[:2], np.float32))


def lay(random: Generator, paint: Paint, brush: Brush, strokes: Strokes, flow: Floats) -> None:
    """Lay strokes along the flow, each over those before it; `paint` is changed in place.

    `flow` is (H, W, 2), unit vectors as (x, y), at the finished picture's size.
    """
    lengths = brush.length * random.uniform(0.6, 1.25, (len(strokes.middles), 1))
    paths = _paths(flow, strokes.middles, lengths)
    along, across = (max(2, round(size * OVERSAMPLING / SPACING)) for size in (brush.length * 1.25, brush.width))
    step = max(1, CHUNK // (along * across))
    for first in range(0, len(paths), step):
        part = slice(first, first + step)
        _press(
            random, paint, brush, _resampled(paths[part], along), _bundle(random, brush, strokes.colours[part], across)
        )


def _paths(flow: Floats, middles: Floats, lengths: NDArray[np.float64]) -> Floats:
    """Follow the flow from each middle both ways, by the midpoint rule: (N, KNOTS, 2)."""
    limits = (flow.shape[1] - 1, flow.shape[0] - 1)

    def way(at: NDArray[np.float64]) -> Floats:
        x, y = np.clip(at, 0, limits).astype(np.intp).T
        there: Floats = flow[y, x]
        return there

    path = np.empty((len(middles), KNOTS, 2), np.float32)
    half = KNOTS // 2
    for knots, sign in ((range(half - 1, -1, -1), -1), (range(half, KNOTS), 1)):
        step = sign * lengths / (KNOTS - 1)
        at = middles + way(middles.astype(np.float64)) * step / 2
        for knot in knots:
            path[:, knot] = at
            at = at + way(at + way(at) * step / 2) * step  # plain steps would spiral out of every eddy
    return path


def _resampled(paths: Floats, count: int) -> Floats:
    """Put `count` points on each path, evenly in the path's parameter: (N, count, 2)."""
    at = np.linspace(0, KNOTS - 1, count, dtype=np.float32)
    knot = np.minimum(at.astype(np.intp), KNOTS - 2)
    rest = (at - knot).astype(np.float32)[:, None]
    points: Floats = paths[:, knot] * (1 - rest) + paths[:, knot + 1] * rest
    return points


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The bristles of each stroke, S across: where they first and last touch the canvas, of 0..1, and what they leave.

    `first`, `last` and `ridge` are (N, S), `colour` is (N, S, 3).
    """

    first: Floats
    last: Floats
    ridge: Floats
    colour: Floats


def _bundle(random: Generator, brush: Brush, colours: Floats, across: int) -> _Bundle:
    """Load the bristles: those at the sides are shorter, and paint is pushed to the stroke's sides."""
    side = np.linspace(-1, 1, across, dtype=np.float32)
    shape = (len(colours), across)
    tufts = random.random((len(colours), across // 3 + 1), np.float32)[:, np.arange(across) // 3]
    bristle = 0.75 * tufts + 0.25 * random.random(shape, np.float32)  # hairs stick together by threes
    share = np.clip((side + 1) / 2 + 0.5 * (bristle - 0.5), 0, 1)[..., None]
    colour = colours[:, :1] * (1 - share) + colours[:, 1:] * share + 2 * brush.streaks * (bristle[..., None] - 0.5)
    return _Bundle(
        first=0.10 * side**2 + 0.05 * random.random(shape, np.float32),
        last=(1 - 0.12 * side**2 - brush.dryness * bristle**2).astype(np.float32),
        ridge=(brush.thickness * (1 - 0.45 * bristle + 0.35 * side**6)).astype(np.float32),
        colour=colour.astype(np.float32),
    )


def _press(random: Generator, paint: Paint, brush: Brush, paths: Floats, bundle: _Bundle) -> None:
    """Draw the bundles along their paths (N, T, 2) and leave their paint."""
    time = np.linspace(0, 1, paths.shape[1], dtype=np.float32)[:, None]
    half = (
        brush.width / 2 * random.uniform(0.75, 1.15, (len(paths), 1)) * (0.72 + 0.28 * np.sin(np.pi * np.sqrt(time.T)))
    )
    x, y = np.moveaxis(_spread(paths, half.astype(np.float32), bundle.first.shape[1]), -1, 0)
    rows, columns = paint.height.shape
    wet = (time >= bundle.first[:, None]) & (time <= bundle.last[:, None])
    wet &= (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
    place, stroke, hair = (y * columns + x)[wet], *(np.nonzero(wet)[axis] for axis in (0, 2))
    heap = bundle.ridge[:, None] * (0.75 + 0.25 * np.exp(-6 * time) + 0.25 * time**4)  # more where it lands and lifts
    # Where samples share a pixel, the last one assigned stays: strokes cover each other in their order.
    paint.colour.reshape(-1, 3)[place] = bundle.colour[stroke, hair]
    height = paint.height.reshape(-1)
    height[place] = 0.35 * height[place] + heap[wet]


def _spread(paths: Floats, half: Floats, across: int) -> NDArray[np.int32]:
    """Widen paths (N, T, 2) by `half` (N, T) to both sides: (N, T, across, 2), in pixels of the wet paint."""
    along = np.gradient(paths, axis=1)
    along /= np.linalg.norm(along, axis=2, keepdims=True) + 1e-6
    aside = np.stack([-along[..., 1], along[..., 0]], axis=2) * half[..., None]
    side = np.linspace(-1, 1, across, dtype=np.float32)[:, None]
    points = paths[:, :, None] + aside[:, :, None] * side
    return np.round(points * OVERSAMPLING).astype(np.int32)


def lit(paint: Paint) -> Image.Image:
    """Look at the paint under a lamp at the upper left, at the finished size, RGB."""
    down, right = np.gradient(_softened(paint.height) + 0.10 * _weave(paint.height))
    facing = np.tanh(2.2 * (right + down))
    gloss = 0.30 * np.clip(facing - 0.35, 0, None) ** 2
    shaded = paint.colour * (1 + RELIEF * facing)[..., None] + gloss[..., None]
    return Image.fromarray((np.clip(shaded, 0, 1) * 255 + 0.5).astype(np.uint8)).reduce(OVERSAMPLING)


def _weave(height: Floats) -> Floats:
    """The threads of the canvas, (H, W), which show where little paint is."""
    y, x = (np.arange(size, dtype=np.float32) * np.float32(np.pi / 3) for size in height.shape)
    threads: Floats = np.sin(y)[:, None] * np.cos(x) * np.exp(-2.5 * height)
    return threads


def _softened(height: Floats) -> Floats:
    """Let the paint sink in a little: blur (H, W) by the kernel (1, 2, 1)/4 along both axes."""
    for _ in range(2):
        padded = np.pad(height, ((1, 1), (0, 0)), mode="edge")
        height = (0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]).T
    return height
