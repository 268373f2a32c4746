"""Gram matrices as pictures, in a perceptual colour map."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from service.sheet import contact_sheet

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
    columns = [(f"{layer}, {len(gram)} x {len(gram)}", _enlarged(gram_picture(gram))) for layer, gram in grams.items()]
    scale = np.repeat(np.linspace(1, 0, TILE)[:, None], TILE // 16, axis=1)
    return contact_sheet([*columns, (f"1 to 1e-{DECADES}", _colours(scale))])


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
