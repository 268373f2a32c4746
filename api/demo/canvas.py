"""A painting of the project's own: a landscape in thick paint, by a seed.

Each region of the scene is covered from broad strokes to fine ones, the far regions first. Strokes follow the scene's
flow; they leave not only colour but height, and light from the upper left falls on it: impasto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from api.demo.pigments import DUSK, lab, mixed
from api.demo.scene import compose
from api.demo.strokes import Brush, Strokes, bristles, lay, lit, washed

if TYPE_CHECKING:
    from PIL import Image

    from api.demo.pigments import Floats, Palette
    from api.demo.scene import Region

RELIEF = 0.30
"""The share of its lightness that paint gains or loses on a steep slope."""


class Pass(NamedTuple):
    """One going-over with one brush. Lengths are shares of the canvas's shorter side.

    Attributes:
        length: of a stroke.
        width: of a stroke.
        body: height of the paint.
        cover: how often each spot is gone over.
        stray: how far away a stroke's tones may be found, as a share of the shorter side.
        accents: share of strokes that take an accent.
    """

    length: float
    width: float
    body: float
    cover: float
    stray: float
    accents: float = 0.0


PASSES = {
    "sky": (
        Pass(0.28, 0.050, 0.7, 3.0, 0.010),
        Pass(0.20, 0.028, 0.9, 2.0, 0.018),
        Pass(0.14, 0.017, 1.1, 1.2, 0.024, 0.02),
        Pass(0.09, 0.010, 1.3, 0.30, 0.030, 0.12),
    ),
    "sun": (
        Pass(0.07, 0.022, 1.2, 2.5, 0.006),
        Pass(0.05, 0.013, 1.6, 1.2, 0.010),
    ),
    "hills": (
        Pass(0.16, 0.026, 0.7, 2.5, 0.006),
        Pass(0.10, 0.015, 0.9, 1.6, 0.012, 0.02),
        Pass(0.06, 0.008, 1.1, 0.4, 0.018, 0.08),
    ),
    "headland": (
        Pass(0.10, 0.026, 0.7, 2.5, 0.010),
        Pass(0.07, 0.016, 0.9, 1.6, 0.018, 0.02),
        Pass(0.045, 0.009, 1.1, 0.5, 0.024, 0.10),
    ),
    "water": (
        Pass(0.22, 0.030, 0.6, 3.0, 0.010),
        Pass(0.13, 0.018, 0.9, 1.6, 0.020, 0.01),
        Pass(0.08, 0.011, 1.1, 0.9, 0.028, 0.04),
    ),
    "meadow": (
        Pass(0.11, 0.018, 0.7, 2.5, 0.012),
        Pass(0.11, 0.012, 1.0, 1.6, 0.020),
        Pass(0.09, 0.007, 1.2, 1.0, 0.028, 0.05),
    ),
}


def paint_canvas(seed: int, width: int, height: int, palette: Palette = DUSK) -> Image.Image:
    """Paint a landscape, `width` × `height` pixels, RGB; a seed gives the same bytes every time."""
    rng = np.random.default_rng(seed)
    scene, side = compose(rng, width, height, palette), min(width, height)
    paint, hair = washed(_wash(scene, palette)), bristles(rng)
    for region in scene:
        for turn in PASSES[region.name]:
            brush = Brush(turn.length * side, max(turn.width * side, 1.0), turn.body, hair)
            middles = _middles(rng, region, turn.cover / (brush.length * brush.width))
            load = _load(rng, region, turn, middles, palette)
            lay(paint, brush, region.flow, Strokes(middles, load), rng)
    return lit(paint, RELIEF)


def _wash(scene: tuple[Region, ...], palette: Palette) -> Floats:
    """Thin the scene's colours with the ground's; that is what shows where no stroke goes: (H, W, 3) in Oklab."""
    wash = scene[0].colour
    for region in scene[1:]:
        wash = np.where(region.mask[..., None], region.colour, wash)
    return mixed(wash, lab((palette.ground,))[0], np.full(wash.shape[:2], 0.25, np.float32))


def _middles(rng: np.random.Generator, region: Region, density: float) -> Floats:
    """Spread the middles of strokes evenly over a region, `density` a pixel, upper ones rather first: (N, 2)."""
    rows, columns = region.mask.shape
    count = max(1, round(density * rows * columns))
    # Kronecker's sequence on the plastic number looks random, but leaves no bare patches (M. Roberts, 2018).
    even = (np.arange(1, count + 1)[:, None] * [0.7548776662466927, 0.5698402909980532] + rng.random(2)) % 1
    order = np.argsort(even[:, 1] + rng.normal(0, 0.25, count))
    x, y = (even[order] * (columns, rows)).astype(np.float32).T
    inside = region.mask[y.astype(np.intp), x.astype(np.intp)]
    return np.stack([x[inside], y[inside]], axis=-1)


def _load(rng: np.random.Generator, region: Region, turn: Pass, middles: Floats, palette: Palette) -> Floats:
    """Load the brush for each stroke, two tones side by side, (N, 2, 3) in Oklab.

    A tone is what the scene has near by, not there: colours stay broken, and yet the palette's.
    """
    rows, columns = region.mask.shape
    near = middles[:, None] + rng.normal(0, turn.stray * min(rows, columns), (len(middles), 2, 2))
    x, y = np.clip(near, 0, (columns - 1, rows - 1)).astype(np.intp).transpose(2, 0, 1)
    load = region.colour[y, x]
    load = load + rng.normal(0, (0.030, 0.008, 0.008), (len(middles), 1, 3)) + rng.normal(0, 0.012, load.shape)
    taken = rng.random(len(middles)) < turn.accents
    accents = lab(palette.accents)
    accent = accents[rng.integers(0, len(accents), len(middles))]
    # An accent differs in hue more than in lightness, or it would jump out of the picture.
    accent[:, 0] = 0.4 * accent[:, 0] + 0.6 * load[:, 0, 0]
    load[taken] = 0.25 * load[taken] + 0.75 * accent[taken][:, None]
    loaded: Floats = load.astype(np.float32)
    return loaded
