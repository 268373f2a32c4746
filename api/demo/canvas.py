"""A painting of the project's own: a low sun in a turbulent sky over hills and water, in thick oil strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from api.demo.scene import DUSK, Floats, Palette, Region, compose, pigments
from api.demo.strokes import Brush, Strokes, lay, lit, primed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from PIL import Image

LAYERS = (
    (Brush(length=0.165, width=0.045, thickness=0.25, streaks=0.05), 2.2, 0.0),
    (Brush(length=0.126, width=0.021, thickness=0.70, streaks=0.07), 2.4, 0.05),
    (Brush(length=0.090, width=0.012, thickness=1.00, streaks=0.08), 1.5, 0.10),
    (Brush(length=0.057, width=0.0075, thickness=1.25, streaks=0.06), 0.35, 0.45),
)
"""From the under-painting to the lights: brush, how often it covers the canvas, and its share of accents."""


def paint_canvas(seed: int, width: int, height: int, palette: Palette = DUSK) -> Image.Image:
    """Paint a landscape of `width` × `height` pixels, RGB; the same arguments give the same bytes.

    The seed decides the weather, the ridges and every bristle. Strokes follow the streamlines of curl noise (Bridson,
    Houriham & Nordenstam, SIGGRAPH 2007), from broad brushes to fine ones (Hertzmann, SIGGRAPH 1998).
    """
    random = np.random.default_rng(seed)
    side = float(np.sqrt(width * height))
    accents, ground = pigments(palette.accents), pigments([palette.ground])[0]
    scene = compose(random, width, height, palette)
    paint = primed(_imprimatura(scene, ground))
    for region in scene:
        for brush, cover, share in LAYERS:
            sized = brush.sized(side, region.reach)
            middles = _scattered(random, region, sized, cover)
            strokes = Strokes(middles, _loaded(random, region, middles, accents, share))
            lay(random, paint, sized, strokes, region.flow)
    return lit(paint)


def _imprimatura(scene: Sequence[Region], ground: Floats) -> Floats:
    """Stain the ground (3,) with the colours of the scene: what shows where no stroke goes, (H, W, 3)."""
    stain = scene[0].colour
    for region in scene[1:]:
        stain = np.where(region.mask[..., None], region.colour, stain)
    return (0.75 * stain + 0.25 * ground).astype(np.float32)


def _scattered(random: Generator, region: Region, brush: Brush, cover: float) -> Floats:
    """Choose the middles of enough strokes to cover the region `cover` times: (N, 2) as (x, y)."""
    rows, columns = region.mask.shape
    count = int(np.ceil(cover * rows * columns / (brush.length * brush.width)))
    # Kronecker's sequence on the plastic number (R2) looks like chance but leaves no bare patches.
    even = (np.arange(count)[:, None] * [0.7548776662466927, 0.5698402909980532] + random.random(2)) % 1
    middles = (random.permutation(even) * [columns - 1, rows - 1]).astype(np.float32)
    x, y = middles.astype(np.intp).T
    inside: Floats = middles[region.mask[y, x]]
    return inside


def _loaded(random: Generator, region: Region, middles: Floats, accents: Floats, share: float) -> Floats:
    """Load the brush for each stroke, (N, 2, 3): with its place's colour, never mixed the same twice, or an accent."""
    x, y = middles.astype(np.intp).T
    count = len(x)
    stray = random.normal(0, 0.025, (count, 2, 3)) + random.normal(0, 0.045, (count, 2, 1))
    colour = region.colour[y, x][:, None] + stray
    # An accent differs in hue more than in value: its lightness goes most of the way to that of its place.
    accent = accents[random.integers(0, len(accents), count)]
    own, there = accent.mean(axis=1, keepdims=True), colour.mean(axis=(1, 2))[:, None]
    accent = accent * (0.35 * own + 0.65 * there) / own
    mixed = np.where(random.random(count) < share, random.uniform(0.35, 0.9, count), 0)[:, None, None]
    loaded: Floats = (colour + (accent[:, None] - colour) * mixed).astype(np.float32)
    return loaded
