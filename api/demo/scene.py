"""What the painting shows: a sun in a streaming sky, over hills, water and a meadow.

Lengths are in heights of the canvas: y runs from 0 at the top to 1 at the bottom, x from 0 to the aspect ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from api.demo.pigments import mixed, ramp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from api.demo.pigments import Floats, Palette


@dataclass(frozen=True, slots=True)
class Region:
    """One thing in the picture, as the painter sees it before the first stroke.

    Attributes:
        name: what it is.
        mask: (H, W), where it is.
        colour: (H, W, 3) in Oklab.
        flow: (H, W, 2), unit vectors (x, y) along which a brush goes.
    """

    name: str
    mask: NDArray[np.bool_]
    colour: Floats
    flow: Floats


@dataclass(frozen=True, slots=True)
class View:
    """The frame, the light and the weather: what all regions are drawn by."""

    x: Floats
    y: Floats
    sun: tuple[float, float]
    horizon: float
    palette: Palette
    rng: np.random.Generator

    @property
    def away(self) -> Floats:
        """Distance from the middle of the sun, (H, W)."""
        away: Floats = np.hypot(self.x - self.sun[0], self.y - self.sun[1])
        return away

    def noise(self, scale: float, stretch: float = 1.0) -> Floats:
        """Draw soft noise (H, W), about -2..2, that changes over `scale`, and over `stretch` times that in x.

        It depends on the aspect ratio but not on the size in pixels: a sketch shows what the painting will be.
        """
        rows, columns = self.y.shape
        down, across = 1 / scale, columns / rows / scale / stretch
        knots = self.rng.standard_normal((int(down) + 4, int(across) + 4), np.float32)
        frame = (1.0, 1.0, 1 + across, 1 + down)
        return np.asarray(Image.fromarray(knots).resize((columns, rows), Image.Resampling.BICUBIC, frame)) * 1.2


def compose(rng: np.random.Generator, width: int, height: int, palette: Palette) -> tuple[Region, ...]:
    """Compose the picture, `width` × `height` pixels: its regions from the back to the front."""
    y, x = ((np.indices((height, width), np.float32) + 0.5) / height).astype(np.float32)
    right = width / height
    sun = (right * rng.uniform(0.60, 0.72), rng.uniform(0.30, 0.36))
    view = View(x, y, sun, rng.uniform(0.60, 0.64), palette, rng)
    return (_sky(view), _sun(view), _hills(view), _headland(view), _water(view), _meadow(view))


def _sky(view: View) -> Region:
    """Stream over the whole sky, arched over the sun, winding into eddies; bands of colour go with the stream."""
    stream, twist = _air(view)
    low = view.y / view.horizon
    bands = np.sin(26 * stream + 0.8 * view.noise(0.25))
    colour = ramp(view.palette.sky, low**1.25 + 0.13 * bands * (1 - 0.5 * low) + 0.05 * view.noise(0.12))
    rings = ramp(view.palette.sun, (view.away - 0.03) / 0.25 + 0.16 * np.sin(view.away * 105))
    glow = np.exp(-((np.clip(view.away - 0.10, 0, None) / 0.12) ** 2))
    mask = view.y < view.horizon + 0.02
    return Region("sky", mask, mixed(colour, rings, glow), _turned(_along(stream), twist))


def _air(view: View) -> tuple[Floats, Floats]:
    """Give the air's stream function, and by which angle a brush leaves its contours.

    It is a wind, soft noise, a vortex around the sun, and eddies. Where vortex and wind cancel each other strokes have
    no direction; that is behind the hills.
    """
    right = float(view.x.max())
    core, still = 0.035, view.horizon - view.sun[1]
    stream = view.y + 0.050 * view.noise(0.40) + 0.010 * view.noise(0.14)
    stream = stream - still * np.log(np.hypot(view.away, core))
    twist = 0.35 * np.exp(-((view.away / 0.10) ** 2))
    for across, down, size, turn in ((0.17, 0.34, 0.15, 0.34), (0.36, 0.10, 0.11, -0.20), (0.95, 0.14, 0.11, 0.20)):
        at_x, at_y = right * (across + view.rng.uniform(-0.04, 0.04)), down + view.rng.uniform(-0.03, 0.03)
        away = np.hypot(view.x - at_x, view.y - at_y) / (size * view.rng.uniform(0.9, 1.15))
        stream = stream + turn * np.exp(-(away**2))
        twist = twist + np.sign(turn) * 0.6 * np.exp(-((1.4 * away) ** 2))
    return stream.astype(np.float32), twist.astype(np.float32)


def _sun(view: View) -> Region:
    """Set the sun's disc: dabs that wind themselves inwards."""
    colour = ramp(view.palette.sun, view.away * 4.2 + 0.10 * np.sin(view.away * 190))
    flow = _turned(_along(view.away), np.full_like(view.away, 0.35))
    return Region("sun", view.away < 0.068, colour, flow)


def _hills(view: View) -> Region:
    """Raise two chains of hills, the nearer one darker; strokes go along the ridges."""
    palette = view.palette
    far = view.horizon - 0.085 - 0.030 * _ridge(view, 1.3)
    near = view.horizon - 0.040 - 0.028 * _ridge(view, 0.9)
    edge = np.minimum(far, near)
    depth = np.where(view.y < near, (view.y - far) * 4, 0.45 + (view.y - near) * 6)
    colour = ramp(palette.hills, depth + 0.10 * view.noise(0.05, 2))
    warm = np.exp(-(((view.x - view.sun[0]) / 0.32) ** 2)) * np.clip(1 - depth, 0, 1)
    colour = mixed(colour, ramp(palette.sun, np.full_like(depth, 0.75)), (0.55 * warm).astype(np.float32))
    stream = view.y - np.where(view.y < near, far, near) + 0.006 * view.noise(0.08)
    mask = (view.y > edge) & (view.y < view.horizon + 0.03)
    return Region("hills", mask, colour, _along(stream))


def _headland(view: View) -> Region:
    """Push a dark headland into the water from the side opposite the sun; strokes fall down its slope."""
    reach = view.sun[0] * 0.72
    rise = np.clip(1 - view.x / reach, 0, 1)
    edge = view.horizon + 0.035 - 0.20 * rise**0.8 - 0.016 * _ridge(view, 3.0) * rise**0.3
    shore = view.horizon + 0.035 + 0.035 * rise
    depth = (view.y - edge) / 0.16 + 0.20 * view.noise(0.06)
    stream = 0.8 * view.x - view.y + 0.03 * view.noise(0.10)
    mask = (view.y > edge) & (view.y < shore) & (view.x < reach)
    return Region("headland", mask, ramp(view.palette.headland, depth), _along(stream))


def _water(view: View) -> Region:
    """Lay the water flat, the sky upside down in it, and the sun's track broken by waves."""
    low = np.clip((view.y - view.horizon) / (1 - view.horizon), 0, 1)
    waves = view.noise(0.035, 5)
    colour = ramp(view.palette.water, low**0.8 + 0.13 * waves)
    spread = 0.035 + 0.16 * low
    track = np.exp(-(((view.x - view.sun[0] + 0.02 * view.noise(0.1)) / spread) ** 2))
    glitter = np.clip(0.75 + 0.5 * waves, 0.3, 1) * track
    colour = mixed(colour, ramp(view.palette.sun, 0.15 + 0.45 * low + 0.1 * waves), glitter.astype(np.float32))
    stream = view.y + 0.004 * view.noise(0.05, 3) + 0.010 * view.noise(0.3)
    return Region("water", view.y > view.horizon + 0.01, colour, _along(stream))


def _meadow(view: View) -> Region:
    """Let tall grass sway in the corner below the headland."""
    right = float(view.x.max())
    edge = 0.80 + 0.20 * (view.x / right / 0.80) ** 1.6 - 0.012 * _ridge(view, 3.7)
    depth = (view.y - edge) / 0.26
    clumps = 0.16 * view.noise(0.16) + 0.12 * view.noise(0.035)
    colour = ramp(view.palette.meadow, 0.10 + 1.0 * depth + clumps)
    sway = 0.25 + 0.35 * np.sin(view.x * 5 + 1.0) + 0.40 * view.noise(0.12)
    flow = np.stack([sway, -np.ones_like(sway)], axis=-1)
    flow /= np.linalg.norm(flow, axis=-1, keepdims=True)
    return Region("meadow", view.y > edge, colour, flow.astype(np.float32))


def _ridge(view: View, waves: float) -> Floats:
    """Draw the line of a range over x, about -2..2: six sines, each finer and lower than the one before."""
    across = view.x[:1]
    line = np.zeros_like(across)
    for octave in range(6):
        phase = view.rng.uniform(0, 2 * np.pi)
        line = line + np.sin(2 * np.pi * waves * 1.9**octave * across + phase) / 1.8**octave
    return line


def _along(stream: Floats) -> Floats:
    """Give the direction of a stream function's contours, (H, W, 2) unit vectors (x, y)."""
    down, right = np.gradient(stream)
    flow = np.stack([down, -right], axis=-1)
    flow /= np.linalg.norm(flow, axis=-1, keepdims=True) + 1e-9
    return flow.astype(np.float32)


def _turned(flow: Floats, angle: Floats) -> Floats:
    """Turn each direction (H, W, 2) by its angle (H, W), in radians."""
    x, y = np.moveaxis(flow, -1, 0)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1).astype(np.float32)
