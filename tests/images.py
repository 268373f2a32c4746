"""Small pictures for tests, drawn by formula."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def gradient(width: int, height: int) -> NDArray[np.uint8]:
    """Draw `(H, W, 3)` uint8: red grows to the right, green downwards, blue in rings."""
    y, x = np.mgrid[0:height, 0:width]
    rings = 127.5 + 127.5 * np.sin(np.hypot(x - width / 2, y - height / 2) / 3)
    planes = (255 * x / max(1, width - 1), 255 * y / max(1, height - 1), rings)
    return np.stack(planes, axis=-1).round().astype(np.uint8)


def photograph_bytes(width: int = 96, height: int = 64, file_format: str = "PNG") -> bytes:
    """Encode a gradient as a file."""
    file = BytesIO()
    Image.fromarray(gradient(width, height)).save(file, file_format)
    return file.getvalue()


def mask_bytes(width: int = 96, height: int = 64, level: int = 255) -> bytes:
    """Encode a mask whose left half is chosen."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = level
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
