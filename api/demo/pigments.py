"""Pigments and how they mix: what the demo's painting is painted with.

Colours are mixed in Oklab (Björn Ottosson, 2020, https://bottosson.github.io/posts/oklab/), where half-way between two
pigments looks half-way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]

LMS_OF_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
LAB_OF_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)


@dataclass(frozen=True, slots=True)
class Palette:
    """The pigments of a painting, as `#rrggbb`, in ramps: neighbours in a ramp mix well and lie beside each other.

    Attributes:
        ground: what the canvas is primed with; it shows between the strokes.
        sky: from the zenith down to the horizon.
        sun: from its middle outwards.
        hills: the far ones, from the ridge down.
        headland: the near one, from its lit to its shaded side.
        water: from the horizon to the near shore.
        meadow: from light to dark.
        accents: what the painter adds at the end, here and there.
    """

    ground: str
    sky: tuple[str, ...]
    sun: tuple[str, ...]
    hills: tuple[str, ...]
    headland: tuple[str, ...]
    water: tuple[str, ...]
    meadow: tuple[str, ...]
    accents: tuple[str, ...]


DUSK = Palette(
    ground="#5a3420",
    sky=("#11174a", "#1b2f86", "#2358ab", "#3b93bd", "#86c6b4", "#e0dc9c", "#f6c768", "#ee9440"),
    sun=("#fffce8", "#ffefa0", "#fdcb4e", "#f5932f", "#e0633c", "#a8557c"),
    hills=("#8f86b8", "#6469a6", "#3f4a8c", "#2b3470"),
    headland=("#3f6a58", "#1f4652", "#152c4a", "#1a1530"),
    water=("#f0c878", "#9fcdb6", "#4a9cba", "#2463a4", "#1a3c86", "#121f58"),
    meadow=("#f7d57a", "#e3a03c", "#a9792c", "#6b4a26", "#3a2c34", "#241f3c"),
    accents=("#f58a3c", "#fdf3cf", "#5fc1b8", "#d2577a", "#f7d774"),
)

HARVEST = Palette(
    ground="#7a3b22",
    sky=("#0f5a72", "#1f8290", "#62b3a4", "#b4d3aa", "#efe0a4", "#f8cb6a", "#f0a03e", "#d8672f"),
    sun=("#fffef2", "#fff3b8", "#ffd866", "#fbae3c", "#ee7a34", "#c94b3a"),
    hills=("#c98f86", "#9c6a86", "#6d4c7c", "#46366a"),
    headland=("#6f7f3a", "#3d5a3c", "#23403e", "#1c2434"),
    water=("#f6d27c", "#dcd39a", "#7fbca4", "#2f8a90", "#17606f", "#123e52"),
    meadow=("#ffe07a", "#f3b13c", "#d27a2a", "#8f4526", "#442232"),
    accents=("#e2492f", "#fff5d0", "#2fa39a", "#7a3f86", "#ffd34d"),
)

TIDE = Palette(
    ground="#33383f",
    sky=("#16323f", "#1f5560", "#35807e", "#74ab9c", "#b9cfb8", "#ece2c4", "#f3c3a4", "#e88f7e"),
    sun=("#fffdf4", "#fff0d2", "#fdd0a2", "#f59c7c", "#dd6a6c", "#a54e74"),
    hills=("#8fa3a8", "#66828f", "#456273", "#2e4459"),
    headland=("#4f7a60", "#2a5650", "#183a40", "#141f2c"),
    water=("#f2d2b4", "#b4d2be", "#63ab9f", "#2c7f83", "#1a5566", "#11303f"),
    meadow=("#dfe0a8", "#9fb878", "#5f8a5c", "#2f5548", "#18282e"),
    accents=("#f0755f", "#fdf6e3", "#59c2a8", "#c95a86", "#f6cf7e"),
)

PALETTES = {"dusk": DUSK, "harvest": HARVEST, "tide": TIDE}


def lab(pigments: tuple[str, ...]) -> Floats:
    """Give `#rrggbb` pigments in Oklab, (N, 3): lightness in 0..1, and the two axes of colour."""
    srgb = np.array([list(bytes.fromhex(pigment.removeprefix("#"))) for pigment in pigments], np.float32) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    mixed: Floats = np.cbrt(linear @ LMS_OF_RGB.T) @ LAB_OF_LMS.T
    return mixed.astype(np.float32)


def srgb(colours: Floats) -> Floats:
    """Give Oklab colours (..., 3) as sRGB in 0..1; what no screen can show is clipped."""
    lms = (colours @ np.linalg.inv(LAB_OF_LMS).T) ** 3
    linear = np.clip(lms @ np.linalg.inv(LMS_OF_RGB).T, 0, 1)
    encoded: Floats = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)


def ramp(pigments: tuple[str, ...], at: Floats) -> Floats:
    """Mix neighbouring pigments: 0 is the first, 1 the last, beyond is like the end; (...) to Oklab (..., 3)."""
    stops = lab(pigments)
    spot = np.clip(at, 0, 1) * (len(stops) - 1)
    left = np.minimum(spot.astype(np.intp), len(stops) - 2)
    return mixed(stops[left], stops[left + 1], (spot - left).astype(np.float32))


def mixed(one: Floats, other: Floats, share: Floats) -> Floats:
    """Mix colours (..., 3): `share` (...) of the other."""
    return (one + (other - one) * share[..., None]).astype(np.float32)
