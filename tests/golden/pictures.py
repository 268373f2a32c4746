"""The pictures that golden paintings are made from, drawn by formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.painting import Pixels


def landscape(width: int = 96, height: int = 72) -> Pixels:
    """Draw the photograph: a sun over hills, and a house."""
    y, x = np.mgrid[0:height, 0:width] / height
    picture = np.stack([0.55 + 0.3 * y, 0.7 + 0.1 * y, 0.95 - 0.2 * y], axis=-1)
    picture[np.hypot(x - 1.0, y - 0.25) < 0.12] = (1.0, 0.9, 0.6)
    for level, colour in ((0.5, (0.45, 0.55, 0.6)), (0.62, (0.3, 0.45, 0.3)), (0.78, (0.2, 0.3, 0.15))):
        picture[y > level + 0.07 * np.sin(9 * x * level + 7 * level)] = colour
    picture[(abs(x - 0.45) < 0.14) & (abs(y - 0.7) < 0.12)] = (0.9, 0.85, 0.75)
    picture[(abs(x - 0.45) < 0.8 * (y - 0.42)) & (y < 0.6)] = (0.6, 0.25, 0.2)
    picture[(abs(x - 0.45) < 0.04) & (abs(y - 0.73) < 0.09)] = (0.25, 0.2, 0.2)
    return eight_bits(picture)


def brush_strokes(width: int = 80, height: int = 80, strokes: int = 700, seed: int = 1) -> Pixels:
    """Draw the painting: strokes along a swirling field, in few colours."""
    generator = np.random.default_rng(seed)
    palette = np.array([(0.9, 0.55, 0.1), (0.75, 0.2, 0.1), (0.1, 0.2, 0.35), (0.2, 0.4, 0.45), (0.95, 0.85, 0.5)])
    y, x = np.mgrid[0:height, 0:width]
    picture = np.full((height, width, 3), palette[2])
    for _ in range(strokes):
        centre_y, centre_x = generator.uniform(0, (height, width))
        angle = 2 * np.sin(centre_x / 23) + centre_y / 31
        along = (x - centre_x) * np.cos(angle) + (y - centre_y) * np.sin(angle)
        across = (y - centre_y) * np.cos(angle) - (x - centre_x) * np.sin(angle)
        colour = palette[generator.integers(len(palette))] + generator.normal(0, 0.05, 3)
        picture[(along / 8) ** 2 + (across / 1.3) ** 2 < 1] = colour
    return eight_bits(picture.clip(0, 1))


def eight_bits(picture: NDArray[np.float64]) -> Pixels:
    """Round 0..1 to uint8."""
    return (picture * 255).round().astype(np.uint8)


def tiles(width: int = 80, height: int = 80) -> Pixels:
    """Draw another painting: blue and white tiles with rings."""
    y, x = np.mgrid[0:height, 0:width]
    rings = np.hypot(x % 16 - 8, y % 16 - 8)
    picture = np.full((height, width, 3), (0.93, 0.93, 0.88))
    picture[(rings > 3) & (rings < 6)] = (0.15, 0.3, 0.6)
    picture[(x % 16 < 1) | (y % 16 < 1)] = (0.1, 0.15, 0.3)
    return eight_bits(picture)


def left_half(width: int = 96, height: int = 72) -> Pixels:
    """Draw a mask: white on the left, black on the right, and a soft edge between."""
    ramp = np.clip((width / 2 - np.arange(width)) / 12 + 0.5, 0, 1)
    return eight_bits(np.broadcast_to(ramp[None, :, None], (height, width, 3)))
