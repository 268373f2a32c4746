"""What the benchmarks paint: three pairs of a photograph and a painting, all of them the project's own or free ones.

All are 4 : 3, so that a size is a whole number of pixels both ways, however a program rounds.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from api.demo.canvas import paint_canvas
from api.demo.pigments import PALETTES
from service.painting import Picture


class Pair(NamedTuple):
    """A photograph, and the painting that it is to be repainted after."""

    content: Picture
    style: Picture


SITTERS = {
    "pagoda": ("china.jpg", "dusk", 1),
    "dahlia": ("flower.jpg", "tide", 2),
    "roofs": ("china.jpg", "harvest", 3),
}
"""Of each pair: scikit-learn's photograph, the painting's palette and seed. `roofs` is mirrored."""

PHOTO, CANVAS = (568, 426), (768, 576)
"""Width and height, in pixels, that photographs are cut to and paintings have."""


@cache
def pair(name: str) -> Pair:
    """Make a pair by its name."""
    file, palette, seed = SITTERS[name]
    photo = Image.fromarray(load_sample_image(file))
    width, height = PHOTO
    left = photo.width - width if name == "roofs" else 0
    if name == "roofs":
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    cut = photo.crop((left, 0, left + width, height))
    return Pair(Picture(np.asarray(cut)), Picture(np.asarray(paint_canvas(seed, *CANVAS, PALETTES[palette]))))


def scaled(picture: Picture, longest: int) -> Image.Image:
    """Scale a 4 : 3 picture to a longer side of `longest` pixels, rounded to 8 bit as a file would be."""
    return Image.fromarray(picture.pixels).resize((longest, longest * 3 // 4), Image.Resampling.LANCZOS)
