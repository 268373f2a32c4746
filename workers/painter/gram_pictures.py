"""Gram matrices as pictures, in a perceptual colour map."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from service.sheet import INK, PAPER, contact_sheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from service.painting import Pixels

DECADES = 4
"""Powers of ten below the largest entry that are told apart: the entries of one matrix span about that many."""

TILE = 512
"""Side of a matrix on the sheet, in pixels: that of the largest, which all others divide."""


def gram_picture(gram: NDArray[np.floating]) -> Pixels:
    """Show a Gram matrix `(C, C)` of activations after a ReLU, none of them negative.

    Returns:
        `(C, C, 3)` uint8, one pixel an entry: from black at the largest entry's 10⁻⁴ and below to bright at the
        largest, in equal steps for equal ratios.
    """
    largest = gram.max()
    if largest <= 0:
        return _colours(np.zeros(gram.shape))
    with np.errstate(divide="ignore"):
        decades = np.log10(np.maximum(gram, 0) / largest)
    return _colours(np.clip(1 + decades / DECADES, 0, 1))


def gram_sheet(grams: Mapping[str, NDArray[np.floating]]) -> Pixels:
    """Show Gram matrices side by side, each enlarged to one side by whole pixels, with the scale of the colours."""
    # Pillow's own font has no sign for times.
    columns = [(f"{layer} · {len(gram)} x {len(gram)}", _enlarged(gram_picture(gram))) for layer, gram in grams.items()]
    return contact_sheet([*columns, ("of largest", _scale())])


def _scale() -> Pixels:
    """Draw the bar of colours, as high as a tile, and right of it the share of the largest entry at each decade."""
    bar, font = TILE // 16, ImageFont.load_default(24)
    picture = Image.new("RGB", (5 * bar, TILE), PAPER)
    colours = np.repeat(np.linspace(1, 0, TILE)[:, None], bar, axis=1)
    picture.paste(Image.fromarray(_colours(colours)), (0, 0))
    draw = ImageDraw.Draw(picture)
    for decade in range(DECADES + 1):
        level = round((TILE - 1) * decade / DECADES)
        anchor = {0: "lt", DECADES: "lb"}.get(decade, "lm")  # the outer ones stay within the picture
        draw.line([(bar, level), (bar + 5, level)], fill=INK)
        draw.text((bar + 12, level), f"{10.0**-decade:.{decade}f}", fill=INK, font=font, anchor=anchor)
    return np.asarray(picture)


def _enlarged(pixels: Pixels) -> Pixels:
    factor = max(1, TILE // len(pixels))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _colours(values: NDArray[np.floating]) -> Pixels:
    """Colour values in 0..1."""
    return _map()[(values * 255).round().astype(np.uint8)]


@cache
def _map() -> NDArray[np.uint8]:
    """`(256, 3)`: inferno, whose lightness rises evenly from black (van der Walt & Smith, matplotlib 1.5)."""
    from cmap import Colormap  # noqa: PLC0415 - reads its catalogue, which only Gram matrices need

    return (Colormap("inferno")(np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)
