"""Contact sheets: several pictures beside each other on paper, each above its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from service.pictures import eight_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.painting import Pixels

PAPER, INK = "#f6f2ea", "#2b2724"


def contact_sheet(columns: Sequence[tuple[str, Pixels]], *, height: int | None = None) -> Pixels:
    """Mount pictures in a row.

    Args:
        columns: of each picture its label, which is made smaller where it would be wider than the picture, and its
            pixels `(H, W, 3)`.
        height: in pixels, of every picture; None takes the first one's. Pictures of that height stay as they are.

    Returns:
        `(H', W', 3)` uint8.
    """
    height = height or columns[0][1].shape[0]
    margin, size = max(10, round(0.06 * height)), min(30, max(11, round(0.062 * height)))
    mounted = [(label, _scaled(pixels, height)) for label, pixels in columns]
    width = margin + sum(image.width + margin for _, image in mounted)
    sheet = Image.new("RGB", (width, margin + height + 2 * size + margin // 2), PAPER)
    draw, left = ImageDraw.Draw(sheet), margin
    for label, image in mounted:
        sheet.paste(image, (left, margin))
        draw.text((left, margin + height + size // 2), label, fill=INK, font=_fitting(label, size, image.width))
        left += image.width + margin
    return np.asarray(sheet)


def _scaled(pixels: Pixels, height: int) -> Image.Image:
    image = Image.fromarray(eight_bits(pixels))
    if image.height == height:
        return image
    return image.resize((max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS)


def _fitting(label: str, size: int, room: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Choose the largest font up to `size` in which a label has room; below 8 pixels nobody could read it."""
    while size > 8 and ImageFont.load_default(size).getlength(label) > room:
        size -= 1
    return ImageFont.load_default(size)
