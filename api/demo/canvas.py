"""A painting of the project's own: thick brush strokes that follow a flow, by a seed.

Strokes are laid over each other from broad to fine, each of them a bundle of bristles. What they leave is not only
colour but height, and light from the upper left falls on it: impasto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from api.demo.scene import DUSK, Palette, Scene, compose

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from api.demo.scene import Field

OVERSAMPLING = 2
"""Strokes are drawn this much larger and scaled down, for ImageDraw knows no antialiasing."""

RELIEF = 0.024
"""How much a slope of one level a pixel brightens or darkens the paint."""

POINTS = 14
"""Along a stroke."""


@dataclass(frozen=True, slots=True)
class Brush:
    """One layer of strokes; lengths are shares of the canvas's shorter side.

    Attributes:
        width: of the brush.
        length: of a stroke.
        cover: how often each spot is painted over, on average.
        loose: how far a stroke's colour strays from the scene's, in 0..255.
        accents: share of the strokes that take an accent instead.
    """

    width: float
    length: float
    cover: float
    loose: float
    accents: float


BRUSHES = (
    Brush(width=0.062, length=0.26, cover=3.0, loose=9, accents=0.00),
    Brush(width=0.036, length=0.17, cover=2.4, loose=13, accents=0.02),
    Brush(width=0.022, length=0.12, cover=1.7, loose=16, accents=0.05),
    Brush(width=0.012, length=0.075, cover=0.5, loose=20, accents=0.22),
)


class Canvas:
    """What is drawn on: paint `(RGB)` and its height, of one size."""

    def __init__(self, ground: NDArray[np.uint8]) -> None:
        self.paint = Image.fromarray(ground)
        self.height = Image.new("L", self.paint.size, 90)
        self._colour, self._relief = ImageDraw.Draw(self.paint), ImageDraw.Draw(self.height)

    def line(self, points: Field, colour: Field, raised: float, *, thick: int) -> None:
        """Draw one bristle's trace through `(N, 2)` points."""
        red, green, blue = np.clip(colour, 0, 255).astype(int).tolist()
        trace = points.ravel().tolist()
        self._colour.line(trace, fill=(red, green, blue), width=thick)
        self._relief.line(trace, fill=int(np.clip(raised, 0, 255)), width=thick)


def paint_canvas(seed: int, width: int, height: int, palette: Palette = DUSK) -> Image.Image:
    """Paint a landscape with a low sun, `width` × `height` pixels, RGB; the same seed gives the same bytes."""
    random = np.random.default_rng(seed)
    scene = compose(random, width * OVERSAMPLING, height * OVERSAMPLING, palette)
    canvas = Canvas(np.clip(0.8 * scene.colours, 0, 255).astype(np.uint8))  # the ground is toned
    for brush in BRUSHES:
        _lay(random, scene, brush, canvas)
    return Image.fromarray(_lit(canvas)).resize((width, height), Image.Resampling.BOX)


def _lay(random: Generator, scene: Scene, brush: Brush, canvas: Canvas) -> None:
    """Cover the canvas with one brush's strokes, roughly from the back of the scene to its front."""
    height, width = scene.dx.shape
    side = min(width, height)
    broad, long = brush.width * side, brush.length * side
    count = int(brush.cover * width * height / (broad * long))
    starts = random.uniform((-0.08 * width, -0.04 * height), (1.02 * width, 1.02 * height), (count, 2))
    order = np.argsort(starts[:, 1] + random.normal(0, 0.25 * height, count))
    for path in _streamlines(scene, starts[order], long):
        paint = _loaded(random, scene, brush, path[POINTS // 3])
        _stroke(random, path, paint, broad, canvas)


def _loaded(random: Generator, scene: Scene, brush: Brush, spot: Field) -> Field:
    """Load the brush for a spot: with the scene's colour there, or now and then with an accent, never quite pure."""
    height, width = scene.dx.shape
    column, row = np.clip(spot.astype(int), 0, (width - 1, height - 1))
    paint = scene.colours[row, column]
    if random.random() < brush.accents:
        paint = 0.35 * paint + 0.65 * np.asarray(scene.accents[random.integers(len(scene.accents))])
    strayed: Field = paint + random.normal(0, brush.loose) + random.normal(0, 0.6 * brush.loose, 3)
    return strayed


def _streamlines(scene: Scene, starts: Field, length: float) -> Field:
    """Follow the flow from each start for `length` pixels: `(count, POINTS, 2)` in x and y."""
    at, step = starts, length / (POINTS - 1)
    line = [at]
    for _ in range(POINTS - 1):
        middle = at + step / 2 * _way(scene, at)  # by the midpoint: plain steps would spiral out of every eddy
        at = at + step * _way(scene, middle)
        line.append(at)
    return np.stack(line, axis=1)


def _way(scene: Scene, at: Field) -> Field:
    height, width = scene.dx.shape
    column, row = np.clip(at.astype(int), 0, (width - 1, height - 1)).T
    return np.stack((scene.dx[row, column], scene.dy[row, column]), axis=-1)


def _stroke(random: Generator, path: Field, paint: Field, broad: float, canvas: Canvas) -> None:
    """Draw a bundle of bristles along a path, together at its ends, each with a tone of its own."""
    along = np.diff(path, axis=0, append=path[-1:] * 2 - path[-2:-1])
    across = np.stack((-along[:, 1], along[:, 0]), axis=-1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    t = np.linspace(0, 1, POINTS)
    spread = broad * np.sqrt(np.clip(np.minimum(5 * t + 0.25, 2.2 * (1 - t) + 0.05), 0, 1))
    bristles = max(3, int(broad / 3.2))
    offsets = (np.arange(bristles) + 0.5) / bristles - 0.5
    tones = random.normal(0, 5, bristles).cumsum()  # neighbours carry nearly the same paint
    raised = 96 + 280 * offsets**2 + random.normal(0, 26, bristles)  # it is pushed to the stroke's sides
    ends = random.integers(POINTS - 5, POINTS + 1, bristles)
    thick = max(2, round(1.6 * broad / bristles))
    for offset, tone, height, end in zip(offsets, tones - tones.mean(), raised, ends, strict=True):
        canvas.line((path + across * (offset * spread)[:, None])[:end], paint + tone, height, thick=thick)


def _lit(canvas: Canvas) -> NDArray[np.uint8]:
    """Let light from the upper left fall on the paint, and the weave of the canvas show a little."""
    colour, relief = (np.asarray(image, dtype=np.float64) for image in (canvas.paint, canvas.height))
    y, x = np.indices(relief.shape)
    weave = 5.0 * np.sin(x * np.pi / 3) * np.sin(y * np.pi / 3)
    body = ndimage.gaussian_filter(relief, 1.1) + 0.6 * ndimage.gaussian_filter(relief, 3.0) + weave
    facing = RELIEF * sum(np.gradient(body))[..., None]
    gloss = 46 * np.clip(1.4 * facing - 0.30, 0, 1)
    lit = colour * np.clip(1 + facing, 0.72, 1.32) + gloss
    levels: NDArray[np.uint8] = np.clip(lit, 0, 255).astype(np.uint8)
    return levels
