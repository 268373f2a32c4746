"""What the painting shows, a low sun over hills and water: what colour belongs where, and which way a brush goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Palette:
    """The pigments of a painting, each as `#rrggbb`."""

    ground: str
    sky: tuple[str, ...]
    """From the zenith to the horizon."""
    sun: tuple[str, ...]
    """From the disc outwards."""
    hills: tuple[str, ...]
    """From the far ridge to the near one; the last is the bank's."""
    water: tuple[str, ...]
    """From the far shore to the near one."""
    accents: tuple[str, ...]


DUSK = Palette(
    ground="#8a5a33",
    sky=("#0e1f4d", "#16307d", "#1f4fa8", "#2f7fb8", "#5fb0b0", "#b9c9a0", "#ecd08a", "#f0a24a"),
    sun=("#fff4cf", "#fbdc7c", "#f5a935", "#e57a22"),
    hills=("#4b6f9c", "#2b4d7d", "#1d3350", "#2a2322"),
    water=("#d9b87a", "#4f9ca6", "#2a68a3", "#173a80", "#0f1f4a"),
    accents=("#f7efd6", "#f4d58a", "#8fd0c8", "#ef8a2c"),
)
EMBER = Palette(
    ground="#5b332a",
    sky=("#2a1436", "#55204a", "#8f2f45", "#c84a32", "#e9782f", "#f3a94a", "#f7d083"),
    sun=("#fff6d8", "#fde08a", "#f9b445", "#e8662a"),
    hills=("#7d3b50", "#4d2748", "#2c1b38", "#1a1420"),
    water=("#f0b060", "#c8573a", "#7b2d4c", "#3a1d44", "#1d1530"),
    accents=("#fff0cf", "#f9c46a", "#6f8fb8", "#e0453a"),
)
MOON = Palette(
    ground="#4f5a4a",
    sky=("#07142b", "#0c2345", "#123b5e", "#1c5a73", "#3a8587", "#7fb3a0", "#c8d3ae"),
    sun=("#fbfbe8", "#e9efc4", "#b6d8b8", "#6fb0ac"),
    hills=("#2f5a68", "#1b3d50", "#122838", "#17181c"),
    water=("#a9c4a6", "#3c8088", "#1d5570", "#103454", "#081a33"),
    accents=("#f4f4e0", "#d6dfa8", "#7cc4c0", "#d9a45a"),
)
PALETTES = {"dusk": DUSK, "ember": EMBER, "moon": MOON}
"""The palettes by name."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the scene.

    Attributes:
        mask: (H, W), where it is.
        flow: (H, W, 2), the way of the brush as unit vectors (x, y).
        colour: (H, W, 3), sRGB of about 0..1, not clamped.
        reach: the length of its strokes; 1 is the sky's.
    """

    mask: NDArray[np.bool_]
    flow: Floats
    colour: Floats
    reach: float


@dataclass(frozen=True, slots=True)
class _View:
    """The coordinates of all pixels and the picture's landmarks, in units of the mean side, √(width · height)."""

    x: Floats
    y: Floats
    right: float
    bottom: float
    horizon: float
    sun: tuple[float, float]
    palette: Palette


def compose(random: Generator, width: int, height: int, palette: Palette) -> list[Region]:
    """Place sky, ridges, water and bank, from back to front, for `width` × `height` pixels."""
    side = float(np.sqrt(width * height))
    y, x = (axis.astype(np.float32) for axis in np.mgrid[0:height, 0:width] / side)
    right, bottom = width / side, height / side
    horizon = bottom * random.uniform(0.60, 0.66)
    sun = (right * random.uniform(0.60, 0.72), horizon * random.uniform(0.46, 0.56))
    view = _View(x, y, right, bottom, horizon, sun, palette)
    hills = [_hill(random, view, nth) for nth in range(len(palette.hills) - 1)]
    return [_sky(random, view), *hills, _water(random, view), _bank(random, view)]


def _sky(random: Generator, view: _View) -> Region:
    """Wind and curl noise, calm about the sun, and four eddies, of which one turns about the sun."""
    x, y, palette = view.x, view.y, view.palette
    away = np.hypot(x - view.sun[0], y - view.sun[1])
    calm = 1 - np.exp(-((away / 0.17) ** 2))
    stream = (0.50 * y + 0.085 * _clouds(random, x.shape, 3, 2)) * calm + _eddy(view, view.sun, 0.17, 0.20)
    for across, down, radius, turn in ((0.20, 0.46, 0.11, -0.15), (0.36, 0.14, 0.13, 0.14), (0.93, 0.20, 0.10, -0.12)):
        shift = random.uniform(-0.055, 0.055, 2)
        centre = (view.right * (across + shift[0]), view.horizon * (down + shift[1]))
        stream += _eddy(view, centre, radius * random.uniform(0.85, 1.2), turn)
    # Bands of colour along the streamlines make the air's way visible.
    tone = y / view.horizon + 0.13 * np.sin(stream * 60) + 0.14 * _clouds(random, x.shape, 4, 2)
    tone = tone * 0.95 + (0.72 - tone) * 0.8 * np.exp(-((away / 0.30) ** 4))
    rings = _ramp(palette.sun, (away - 0.035) / 0.17 + 0.20 * np.sin(away * 150))
    glow = np.exp(-((np.clip(away - 0.06, 0, None) / 0.10) ** 2))
    colour = _mixed(_ramp(palette.sky, tone), rings, glow)
    return Region(y < view.horizon, _along(stream), colour, 1.0)


def _hill(random: Generator, view: _View, nth: int) -> Region:
    """One ridge, the `nth` from the back: the nearer, the lower, and lit along its crest."""
    x, y, palette = view.x, view.y, view.palette
    top = view.horizon - 0.13 + 0.045 * nth + 0.05 * _clouds(random, (1, x.shape[1]), 3 + nth, 3)
    depth = y - top
    crest = 0.45 * (1 - 0.2 * nth) * np.exp(-np.clip(depth, 0, None) / 0.012)
    glow = 0.35 * np.exp(-(((x - view.sun[0]) ** 2 + (y - view.sun[1]) ** 2) / 0.16**2))
    shade = _rgb(palette.hills[nth]) + 0.05 * _clouds(random, x.shape, 9, 2)[..., None]
    colour = _mixed(shade, _rgb(palette.sun[2]), np.clip(crest + glow, 0, 1))
    flow = _along(depth + 0.05 * _clouds(random, x.shape, 6, 2))
    return Region((depth > 0) & (y < view.horizon + 0.01), flow, colour, 0.55)


def _water(random: Generator, view: _View) -> Region:
    """Level strokes, the sky's colours upside down, and the sun's path in broken light."""
    x, y, palette = view.x, view.y, view.palette
    near = (y - view.horizon) / (view.bottom - view.horizon)
    ripples = _clouds(random, x.shape, 4, 3)
    tone = near + 0.12 * np.sin(y * 150 + 3 * ripples) * np.clip(near + 0.3, 0, 1) + 0.12 * ripples
    spread = 0.035 + 0.10 * np.clip(near, 0, 1)
    path = np.exp(-(((x - view.sun[0]) / spread) ** 2)) * (0.55 + 0.45 * np.sin(y * 190 + 4 * ripples))
    colour = _mixed(_ramp(palette.water, tone), _ramp(palette.sun, 0.2 + 0.6 * near), path)
    return Region(y > view.horizon, _along(y + 0.012 * ripples), colour, 0.7)


def _bank(random: Generator, view: _View) -> Region:
    """A dark bank with grass in the near corner, for depth."""
    x, y, palette = view.x, view.y, view.palette
    swell = 0.16 * np.exp(-((x / (0.45 * view.right)) ** 2))
    top = view.bottom - swell + 0.02 * _clouds(random, (1, x.shape[1]), 8, 2)
    flow = _along(x + 0.35 * y + 0.05 * _clouds(random, x.shape, 5, 2))
    warm = 0.7 * np.clip(0.5 + 0.5 * _clouds(random, x.shape, 10, 2), 0, 1)
    colour = _mixed(_rgb(palette.hills[-1]), _rgb(palette.ground), warm)
    return Region(y > top, flow, colour, 0.45)


def _eddy(view: _View, centre: tuple[float, float], radius: float, turn: float) -> Floats:
    """The stream function of a vortex about `centre`; the sign of `turn` is its sense."""
    away = (view.x - centre[0]) ** 2 + (view.y - centre[1]) ** 2
    return (turn * np.exp(-away / radius**2)).astype(np.float32)


def _along(stream: Floats) -> Floats:
    """Unit vectors along the contours of a stream function: its curl, normalised."""
    down, right = np.gradient(np.pad(stream, 1, mode="edge"))
    flow = np.stack([down, -right], axis=2)[1:-1, 1:-1]
    unit: Floats = flow / (np.linalg.norm(flow, axis=2, keepdims=True) + 1e-9)
    return unit


def _clouds(random: Generator, shape: tuple[int, ...], cells: int, octaves: int) -> Floats:
    """Smooth noise of about -1..1: `cells` bumps across, and each octave twice as fine and half as strong."""
    rows, columns = shape
    total = np.zeros((rows, columns), np.float32)
    for octave in range(octaves):
        across = cells * 2**octave
        down = max(1, round(across * rows / columns)) if rows > 1 else 0
        grid = Image.fromarray(random.uniform(-1, 1, (down + 1, across + 1)).astype(np.float32))
        total += np.asarray(grid.resize((columns, rows), Image.Resampling.BICUBIC)) / np.float32(2**octave)
    return total


def _ramp(pigments: Sequence[str], at: Floats) -> Floats:
    """Mix neighbouring pigments: 0 is the first, 1 the last; (H, W) becomes (H, W, 3)."""
    stops = np.stack([_rgb(pigment) for pigment in pigments])
    place = np.clip(at, 0, 1) * (len(stops) - 1)
    return np.stack([np.interp(place, range(len(stops)), stop) for stop in stops.T], axis=-1).astype(np.float32)


def _mixed(one: Floats, other: Floats, share: Floats) -> Floats:
    return (one + (other - one) * share[..., None]).astype(np.float32)


def _rgb(pigment: str) -> Floats:
    return (np.frombuffer(bytes.fromhex(pigment[1:]), np.uint8) / 255).astype(np.float32)


def pigments(names: Sequence[str]) -> Floats:
    """The colours of pigments: (N, 3) sRGB in 0..1."""
    return np.stack([_rgb(name) for name in names])
