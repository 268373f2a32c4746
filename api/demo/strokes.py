"""Oil paint: brush strokes made of bristles that follow a flow, and the relief they leave in a raking light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from api.demo.pigments import srgb

if TYPE_CHECKING:
    from api.demo.pigments import Floats

OVERSAMPLING = 2
"""Pixels of the wet paint for each pixel of the finished picture, along each axis."""

SPACING = 0.72
"""Distance between two samples of a stroke, in pixels of the wet paint: close enough to leave no holes."""

KNOTS = 16
"""Points at which the path of a stroke is computed; it is straight between them."""

CHUNK = 400_000
"""Samples laid at a time: what the processor's cache bears. Within a chunk strokes cover each other as well."""

GRAIN = 768
"""Side of the texture that all bristles are cut from."""


@dataclass(frozen=True, slots=True)
class Brush:
    """A brush and how it is loaded. Lengths are in pixels of the finished picture, tones in Oklab's lightness.

    Attributes:
        length: of a stroke, on average.
        width: of a stroke, on average.
        body: height of the paint it leaves; 1 is a heavily loaded brush.
        hair: the texture that its bristles are cut from, as `bristles` makes it.
        streaks: how far the tones of its bristles stray.
        dryness: the last part of the length, over which bristle after bristle runs out of paint.
        pickup: share of the colour below that a stroke has taken up at its end.
    """

    length: float
    width: float
    body: float
    hair: Floats
    streaks: float = 0.045
    dryness: float = 0.30
    pickup: float = 0.15


@dataclass(frozen=True, slots=True)
class Paint:
    """Wet paint on a canvas: `colour` (H, W, 3) in Oklab and `height` (H, W), both float32 and oversampled."""

    colour: Floats
    height: Floats


def washed(wash: Floats) -> Paint:
    """Wash a canvas thinly with Oklab colours (H, W, 3), of the finished picture's size."""
    colour = wash.repeat(OVERSAMPLING, axis=0).repeat(OVERSAMPLING, axis=1)
    return Paint(colour, np.zeros(colour.shape[:2], np.float32))


@dataclass(frozen=True, slots=True)
class Strokes:
    """Where strokes go, in order, and what the brush is loaded with for each.

    Attributes:
        middles: (N, 2) as (x, y), in pixels of the finished picture.
        load: (N, 2, 3) in Oklab: one colour for each side of the brush.
    """

    middles: Floats
    load: Floats


def bristles(rng: np.random.Generator) -> Floats:
    """Make the texture of bristles, (GRAIN, GRAIN) with mean 0 and deviation 1: long along a stroke, fine across it."""
    noise = rng.standard_normal((GRAIN, GRAIN), np.float32)
    tufts, hairs = _blurred(noise, 40, 2.6), _blurred(noise, 24, 0.9)
    texture = tufts / tufts.std() + 0.8 * hairs / hairs.std()
    even: Floats = (texture / texture.std()).astype(np.float32)
    return even


def lay(paint: Paint, brush: Brush, flow: Floats, strokes: Strokes, rng: np.random.Generator) -> None:
    """Lay strokes, each over those before it; `paint` is changed in place.

    Args:
        paint: what is painted on.
        brush: the brush for all strokes.
        flow: the directions to follow, (H, W, 2) unit vectors (x, y), at the finished picture's size.
        strokes: where, and with which colours.
        rng: where the irregularities come from.
    """
    lengths = brush.length * rng.uniform(0.65, 1.35, len(strokes.middles)).astype(np.float32)
    paths = _paths(flow, strokes.middles, lengths)
    along = max(3, round(brush.length * 1.35 * OVERSAMPLING / SPACING))
    across = max(3, round(brush.width * 1.25 * OVERSAMPLING / SPACING))
    step = max(1, CHUNK // (along * across))
    for first in range(0, len(paths), step):
        part = slice(first, first + step)
        path = _resampled(paths[part], along)
        _stamp(paint, brush, path, strokes.load[part], _cut(brush.hair, rng, (len(path), along, across)))


def _cut(hair: Floats, rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    """Cut a piece of the texture for each stroke: (strokes, along, across)."""
    strokes, along, across = shape
    row, column = rng.integers(0, GRAIN, (2, strokes, 1))
    rows, columns = (row + np.arange(along)) % GRAIN, (column + np.arange(across)) % GRAIN
    cut: Floats = hair[rows[:, :, None], columns[:, None, :]]
    return cut


def _paths(flow: Floats, middles: Floats, lengths: Floats) -> Floats:
    """Follow the flow from each middle both ways, by the midpoint rule: (N, KNOTS, 2)."""
    half = KNOTS // 2
    path = np.empty((len(middles), KNOTS, 2), np.float32)
    for sign, knots in ((-1, range(half - 1, -1, -1)), (1, range(half, KNOTS))):
        at: Floats = middles
        step = (sign * lengths / (KNOTS - 1))[:, None]
        for nth, knot in enumerate(knots):
            stride = step / 2 if nth == 0 else step
            at = at + stride * _way(flow, at + stride / 2 * _way(flow, at))
            path[:, knot] = at
    return path


def _way(flow: Floats, at: Floats) -> Floats:
    rows, columns = flow.shape[:2]
    x, y = np.clip(at, 0, (columns - 1, rows - 1)).astype(np.intp).T
    way: Floats = flow[y, x]
    return way


def _resampled(paths: Floats, count: int) -> Floats:
    """Put `count` points on each path, evenly: (N, count, 2)."""
    at = np.linspace(0, KNOTS - 1, count, dtype=np.float32)
    knot = np.minimum(at.astype(np.intp), KNOTS - 2)
    rest = (at - knot)[None, :, None].astype(np.float32)
    return paths[:, knot] * (1 - rest) + paths[:, knot + 1] * rest


def _stamp(paint: Paint, brush: Brush, paths: Floats, load: Floats, grain: Floats) -> None:
    """Spread each stroke's bristles over its path, and press them into the paint."""
    strokes, along, across = grain.shape
    time = np.linspace(0, 1, along, dtype=np.float32)[None, :, None]
    side = np.linspace(-1, 1, across, dtype=np.float32)[None, None, :]
    place, inside = _places(paint, brush, paths, time[..., 0], side[0, 0])

    # Bristles touch the canvas one after another, and leave it when they have run out: the ragged ends.
    begin = 0.07 * side**2 + 0.025 * grain[:, :1] + 0.03
    end = 1 - 0.10 * side**2 - brush.dryness * np.clip(0.35 * (grain - 0.6), 0, 1)
    wet = inside & (time >= begin) & (time <= end)
    kept = place[wet]

    share = np.clip(0.5 + 0.9 * side + 0.35 * grain, 0, 1)[wet][:, None]
    which = np.broadcast_to(np.arange(strokes)[:, None, None], wet.shape)[wet]
    colour = load[which, 0] + (load[which, 1] - load[which, 0]) * share
    colour[:, 0] += brush.streaks * grain[wet]
    surface, relief = paint.colour.reshape(-1, 3), paint.height.reshape(-1)
    taken = brush.pickup * np.broadcast_to(time, wet.shape)[wet][:, None]
    # Where samples of one chunk share a pixel the last one stays, so strokes cover each other in order.
    surface[kept] = colour + (surface[kept] - colour) * taken

    ridge = 0.62 - 0.22 * grain + 0.55 * side**6
    body = brush.body * ridge * (0.8 + 0.25 * np.exp(-8 * time) + 0.3 * time**6)
    relief[kept] = 0.30 * relief[kept] + body[wet]


def _places(paint: Paint, brush: Brush, paths: Floats, time: Floats, side: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Find the pixel that each sample falls on, (strokes, along, across), and whether it lies on the canvas."""
    way = np.gradient(paths, axis=1)
    way /= np.linalg.norm(way, axis=2, keepdims=True) + 1e-6
    swell = brush.width / 2 * (0.70 + 0.30 * np.sin(np.pi * np.clip(time, 0, 1) ** 0.6))
    reach = swell[..., None] * side
    rows, columns = paint.height.shape
    x = ((paths[..., :1] - way[..., 1:] * reach) * OVERSAMPLING).astype(np.int32)
    y = ((paths[..., 1:] + way[..., :1] * reach) * OVERSAMPLING).astype(np.int32)
    return y * columns + x, (x >= 0) & (y >= 0) & (x < columns) & (y < rows)


def lit(paint: Paint, relief: float) -> Image.Image:
    """Look at the paint under a lamp at the upper left, at the finished size, as RGB.

    Args:
        paint: the paint.
        relief: how much of its lightness a steep slope gains or loses.
    """
    body = _blurred(paint.height, 0.7, 0.7) + 0.6 * _blurred(paint.height, 2.5, 2.5)
    body += _weave(paint.height)
    down, right = np.gradient(body)
    facing = np.tanh(1.7 * (down + right))
    colour = paint.colour.copy()
    colour[..., 0] *= 1 + relief * facing
    gloss = 0.30 * np.clip(facing - 0.45, 0, None) ** 2
    pixels = np.clip(srgb(colour) + gloss[..., None], 0, 1) * 255 + 0.5
    return Image.fromarray(pixels.astype(np.uint8)).reduce(OVERSAMPLING)


def _weave(height: Floats) -> Floats:
    """Give the height of the canvas's threads, (H, W); it shows where little paint is."""
    rows, columns = (np.arange(size, dtype=np.float32) * np.pi / 3 for size in height.shape)
    threads: Floats = 0.10 * np.sin(rows)[:, None] * np.sin(columns)[None] * np.exp(-2.2 * height)
    return threads


def _blurred(field: Floats, down: float, across: float) -> Floats:
    """Blur a field (H, W) by a Gaussian of these deviations in pixels; it goes round at the edges."""
    rows, columns = field.shape
    falls = np.exp(-2 * (np.pi * down * np.fft.fftfreq(rows)) ** 2)
    fades = np.exp(-2 * (np.pi * across * np.fft.rfftfreq(columns)) ** 2)
    kernel = (falls[:, None] * fades[None]).astype(np.float32)
    return np.fft.irfft2(np.fft.rfft2(field) * kernel, s=field.shape).astype(np.float32)
