"""What the painting shows, a low sun over hills and water: which colour belongs where, which way a brush goes there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.random import Generator

Field = NDArray[np.float64]
Pigment = tuple[int, int, int]
"""sRGB in 0..255."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The pigments of a painting."""

    zenith: Pigment
    sky: Pigment
    haze: Pigment
    glow: Pigment
    sun: Pigment
    far_hill: Pigment
    near_hill: Pigment
    grass: Pigment
    water: Pigment
    accents: tuple[Pigment, ...]


DUSK = Palette(
    zenith=(18, 34, 92),
    sky=(38, 96, 160),
    haze=(122, 178, 178),
    glow=(238, 176, 78),
    sun=(255, 236, 170),
    far_hill=(74, 70, 128),
    near_hill=(26, 44, 60),
    grass=(92, 116, 52),
    water=(30, 78, 118),
    accents=((222, 120, 48), (248, 230, 184), (22, 26, 74), (104, 178, 176), (236, 196, 110)),
)


class Eddy(NamedTuple):
    """A whirl in the air: its centre, in heights of the canvas, and its radius, negative when it turns left."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be painted.

    Attributes:
        colours: `(H, W, 3)` sRGB in 0..255, not clamped.
        dx: `(H, W)`, the brush's way to the right.
        dy: `(H, W)`, the brush's way down; dx² + dy² = 1.
        accents: pigments that a stroke may take instead of the scene's colour.
    """

    colours: Field
    dx: Field
    dy: Field
    accents: tuple[Pigment, ...]


def compose(random: Generator, width: int, height: int, palette: Palette) -> Scene:
    """Place sun, hills and water, and let the air swirl around the sun and two eddies."""
    y, x = np.mgrid[0:height, 0:width] / height
    turbulence = _smooth(random, (height, width), 0.09 * height)
    eddies = _eddies(random, width / height)
    colours = _sky(x, y, eddies, turbulence, palette)
    flow_x, flow_y = _air(x, y, eddies, turbulence)
    share = x[0] * height / width
    far = 0.60 + 0.040 * _ridge(random, share, waves=0.8)
    near = 0.70 + 0.035 * _ridge(random, share, waves=0.55)
    shore = 0.80 + 0.012 * _ridge(random, share, waves=1.0)
    for edge, paint in ((far, palette.far_hill), (near, palette.grass), (shore, palette.water)):
        below = y > edge
        depth = np.clip((y - edge) / 0.12, 0, 1)[..., None]
        colours = np.where(below[..., None], np.asarray(paint) * (1.12 - 0.4 * depth), colours)
        flow_x = np.where(below, 1.0, flow_x)
        flow_y = np.where(below, np.gradient(edge, 1 / height) + 0.35 * turbulence, flow_y)
    water = y > shore
    shimmer = _shimmer(x - eddies[0].x, y - shore, turbulence)
    colours = np.where(water[..., None], _mixed(colours, palette.glow, shimmer), colours)
    flow_y = np.where(water, 0.10 * np.sin(x * 16 + y * 40), flow_y)
    length = np.hypot(flow_x, flow_y) + 1e-9
    return Scene(colours, flow_x / length, flow_y / length, palette.accents)


def _eddies(random: Generator, aspect: float) -> tuple[Eddy, ...]:
    """Place the whirls; the first is around the sun."""
    return (
        Eddy(aspect * random.uniform(0.60, 0.74), random.uniform(0.24, 0.32), 0.30),
        Eddy(aspect * random.uniform(0.16, 0.28), random.uniform(0.20, 0.32), -0.26),
        Eddy(aspect * random.uniform(0.42, 0.50), random.uniform(0.06, 0.12), 0.12),
    )


def _sky(x: Field, y: Field, eddies: tuple[Eddy, ...], turbulence: Field, palette: Palette) -> Field:
    sun, *others = eddies
    away = np.hypot(x - sun.x, y - sun.y)
    colours = np.broadcast_to(np.asarray(palette.zenith, dtype=np.float64), (*x.shape, 3))
    colours = _mixed(colours, palette.sky, np.clip(y / 0.34, 0, 1))
    colours = _mixed(colours, palette.haze, np.clip((y - 0.30) / 0.34, 0, 1))
    for eddy in others:
        ring = np.hypot(x - eddy.x, y - eddy.y)
        band = 0.5 + 0.5 * np.sin(ring * 62 + 3.0 * turbulence)
        fade = np.exp(-((ring / (0.55 * abs(eddy.radius) + 0.06)) ** 2))
        colours = _mixed(colours, palette.haze, 0.9 * band * fade)
    streak = 0.5 + 0.5 * np.sin(y * 46 + 3.2 * turbulence)
    colours = _mixed(colours, palette.haze, 0.34 * streak * np.clip(1.2 - away, 0, 1))
    rings = 0.62 + 0.38 * np.sin(away * 74 + 1.5 * turbulence)
    colours = _mixed(colours, palette.glow, rings * np.exp(-((away / 0.29) ** 2)))
    return _mixed(colours, palette.sun, np.clip(4 * (1 - away / 0.085), 0, 1))


def _air(x: Field, y: Field, eddies: tuple[Eddy, ...], turbulence: Field) -> tuple[Field, Field]:
    """Blow to the right, along the contours of the turbulence, and around each eddy."""
    gradient_y, gradient_x = np.gradient(turbulence)
    scale = 0.55 / (np.hypot(gradient_x, gradient_y).mean() + 1e-12)
    flow_x, flow_y = 1.0 + gradient_y * scale, 0.12 - gradient_x * scale
    for eddy in eddies:
        right, down = x - eddy.x, y - eddy.y
        away = np.hypot(right, down)
        pull = 5.0 * np.sign(eddy.radius) * np.exp(-((away / eddy.radius) ** 2)) / (away + 0.02)
        flow_x, flow_y = flow_x - pull * down, flow_y + pull * right
    return flow_x, flow_y


def _shimmer(aside: Field, below: Field, turbulence: Field) -> Field:
    """Lay the sun's track on the water: wider towards the viewer, broken by the waves."""
    track = np.exp(-((aside / (0.05 + 0.25 * np.clip(below, 0, 1))) ** 2))
    waves: Field = 0.5 + 0.5 * np.sin(below * 150 + 5 * turbulence)
    return track * waves


def _mixed(colours: Field, pigment: Pigment, share: Field) -> Field:
    return colours + (np.asarray(pigment, dtype=np.float64) - colours) * share[..., None]


def _smooth(random: Generator, shape: tuple[int, int], radius: float) -> Field:
    """Noise of mean 0 and deviation 1 that changes over `radius` pixels; made small and enlarged."""
    step = max(1, int(radius / 4))
    small = random.standard_normal([-(-side // step) + 1 for side in shape])
    small = ndimage.gaussian_filter(small, radius / step, mode="wrap")
    large: Field = ndimage.zoom(small, step, order=1)[: shape[0], : shape[1]]
    even: Field = (large - large.mean()) / large.std()
    return even


def _ridge(random: Generator, share: Field, *, waves: float) -> Field:
    """Draw the line of a hill over the width, 0..1: four sines, each finer and lower than the one before."""
    phases = random.uniform(0, 2 * np.pi, 4)
    line = np.zeros_like(share)
    for n, phase in enumerate(phases):
        line += np.sin(2 * np.pi * waves * 2**n * share + phase) / 2.2**n
    return line
