"""Pixels to bytes and back, for pictures that the service itself wrote. Bytes from strangers go through `ingest`."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.painting import Pixels
    from service.spec import Output

CONTENT_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
SUFFIXES = {"png": "png", "jpeg": "jpg", "webp": "webp"}

_ICC_DATE = slice(24, 36)
"""Where a profile's header says when it was made (ICC.1:2022, 7.2.10)."""


@cache
def srgb_profile() -> bytes:
    """Make the sRGB profile that every delivered picture carries, the same bytes whenever it is made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_ICC_DATE] = b"".join(part.to_bytes(2) for part in (2026, 1, 1, 0, 0, 0))
    return bytes(profile)


def encode_stored(pixels: Pixels) -> bytes:
    """Encode `(H, W, 3)` uint8 as the PNG that inputs are stored as: lossless, fast rather than small."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def decode_stored(data: bytes) -> Pixels:
    """Decode what `encode_stored` wrote, as `(H, W, 3)` uint8."""
    with Image.open(BytesIO(data), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"))


def encode_result(pixels: Pixels, output: Output) -> bytes:
    """Encode `(H, W, 3)` uint8 sRGB as the client asked, with an sRGB profile and no other metadata.

    JPEG is written without chroma subsampling, for brush strokes are made of colour edges.
    """
    options: Mapping[str, dict[str, Any]] = {
        "png": {"compress_level": 6},
        "jpeg": {"quality": output.quality, "subsampling": "4:4:4", "optimize": True},
        "webp": {"quality": output.quality, "method": 4},
    }
    file = BytesIO()
    Image.fromarray(pixels).save(file, output.format.upper(), icc_profile=srgb_profile(), **options[output.format])
    return file.getvalue()
