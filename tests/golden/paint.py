"""The golden pictures, and how they are made: `python -m tests.golden.paint` writes them anew.

They are to be looked at, and made anew only by a change that is meant to change pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from service.painting import Picture, Pixels
from tests.golden.pictures import brush_strokes, landscape, left_half, tiles
from tests.paintings import painted, pair

CONTENT, STROKES, TILES = (Picture(picture) for picture in (landscape(), brush_strokes(), tiles()))
LEFT, RIGHT = Picture(left_half()), Picture(255 - left_half())
ALONE = {"size": 64, "iterations": 12, "pooling": "avg"}
SMOOTH = {**ALONE, "content_weight": 4}


class Golden(NamedTuple):
    """A picture that was looked at.

    `tolerance` is a mean absolute difference in steps of 8 bits. One and two threads, and kernels for SSE4.1, AVX2 and
    AVX-512, differ by up to 1.1 with max pools; with average pools by up to 0.3.
    """

    images: dict[str, Picture]
    wish: dict[str, Any]
    tolerance: float


GOLDEN = {
    "defaults": Golden(pair(CONTENT, STROKES), {"options": {"size": 64, "iterations": 5}}, 2.5),
    "smooth": Golden(pair(CONTENT, STROKES), {"options": SMOOTH}, 0.2),
    "regions": Golden(
        {
            **pair(CONTENT, STROKES),
            "/styles/1/image": TILES,
            "/regions/0/content_mask": LEFT,
            "/regions/1/content_mask": RIGHT,
        },
        {"options": SMOOTH, "regions": [{"style": 0}, {"style": 1}]},
        0.6,
    ),
    "texture": Golden({"/styles/0/image": STROKES}, {"kind": "texture", "options": {**ALONE, "iterations": 10}}, 0.3),
    "reconstruction": Golden(
        {"/content": CONTENT},
        {"kind": "reconstruction", "options": {**SMOOTH, "iterations": 10, "content_layers": {"relu3_2": 1.0}}},
        0.3,
    ),
    "ladder": Golden(
        {"/styles/0/image": STROKES},
        {"kind": "texture", "ladder": True, "options": {**ALONE, "iterations": 10}},
        0.3,
    ),
    "gram": Golden(
        {"/image": CONTENT},
        {"kind": "gram", "options": {"size": 64, "style_layers": {"relu1_1": 1, "relu2_1": 1}}},
        0.1,
    ),
}
"""A max pool jumps where two neighbours are nearly equal, and from there on two machines' pictures drift apart: after a
few iterations the defaults can still be compared. An average pool keeps machines together for longer: a dozen."""


def file(name: str) -> Path:
    """Name the golden picture."""
    return Path(__file__).with_name(f"{name}.png")


def picture(name: str) -> Pixels:
    """Paint it."""
    golden = GOLDEN[name]
    _, painting = painted(golden.images, **golden.wish)
    return painting.pictures["result"].pixels


if __name__ == "__main__":
    torch.set_num_threads(1)
    for chosen in GOLDEN:
        Image.fromarray(picture(chosen).astype(np.uint8)).save(file(chosen), optimize=True)
