"""Pixels to bytes and back, for pictures that the service itself wrote. Bytes from strangers go through `ingest`."""

from __future__ import annotations

import zlib
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image, ImageCms

from service.deep import decode_deep, encode_deep_png, encode_deep_tiff
from service.painting import Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from service.painting import Pixels
    from service.spec import Output

CONTENT_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "tiff": "image/tiff"}
SUFFIXES = {"png": "png", "jpeg": "jpg", "webp": "webp", "tiff": "tif"}

_ICC_DATE = slice(24, 36)
"""Where a profile's header says when it was made (ICC.1:2022, 7.2.10)."""

_PREDICTOR, _HORIZONTAL = 317, 2
"""Deflate the differences between neighbours (TIFF 6.0, section 14)."""


@cache
def srgb_profile() -> bytes:
    """Make the sRGB profile that every delivered picture carries, the same bytes whenever it is made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_ICC_DATE] = b"".join(part.to_bytes(2) for part in (2026, 1, 1, 0, 0, 0))
    return bytes(profile)


def encode_stored(picture: Picture) -> bytes:
    """Encode a picture as the PNG that inputs are stored as: 8 or 16 bits, lossless, fast rather than small.

    Every number comes back, the colours under a transparent matte too.
    """
    samples = _samples(picture)
    if samples.dtype == np.uint16:
        return encode_deep_png(sixteen_bits(samples), profile=None, compression=1)
    file = BytesIO()
    Image.fromarray(samples).save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()


def decode_stored(data: bytes) -> Picture:
    """Decode what `encode_stored` wrote."""
    with Image.open(BytesIO(data), formats=["PNG"]) as image:
        deep = str(image.tile[0].args).endswith(";16B")
        samples: Pixels = decode_deep(data, "PNG", pixels=image.width * image.height) if deep else np.asarray(image)
    return Picture(samples) if samples.shape[2] == 3 else Picture(samples[..., :3].copy(), samples[..., 3].copy())


def encode_result(picture: Picture, output: Output) -> bytes:
    """Encode a picture as the client asked, with an sRGB profile and no other metadata, always to the same bytes.

    PNG and TIFF have the bits asked for, and lose nothing where the picture has no more; JPEG and WebP have 8. The
    matte is written as alpha, but a JPEG has none and lies on white. JPEG is written without chroma subsampling, for
    brush strokes are made of colour edges.
    """
    if output.bits == 16 and output.format in {"png", "tiff"}:
        samples = sixteen_bits(_samples(picture))
        if output.format == "png":
            return encode_deep_png(samples, profile=srgb_profile(), compression=6)
        return encode_deep_tiff(samples, profile=srgb_profile())
    shallow = eight_bits(_on_white(picture) if output.format == "jpeg" else _samples(picture))
    options: Mapping[str, dict[str, Any]] = {
        "png": {"compress_level": 6},
        "jpeg": {"quality": output.quality, "subsampling": "4:4:4", "optimize": True},
        "webp": {"quality": output.quality, "method": 4},
        "tiff": {"compression": "tiff_adobe_deflate", "tiffinfo": {_PREDICTOR: _HORIZONTAL}},
    }
    file = BytesIO()
    Image.fromarray(shallow).save(file, output.format.upper(), icc_profile=srgb_profile(), **options[output.format])
    return file.getvalue()


def eight_bits(samples: Pixels) -> NDArray[np.uint8]:
    """Convert samples of any shape to 8 bits, rounding to the nearest."""
    if samples.dtype == np.uint8:
        return cast("NDArray[np.uint8]", samples)
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def sixteen_bits(samples: Pixels) -> NDArray[np.uint16]:
    """Convert samples of any shape to 16 bits; white stays white."""
    if samples.dtype == np.uint16:
        return cast("NDArray[np.uint16]", samples)
    return samples.astype(np.uint16) * np.uint16(257)


def _samples(picture: Picture) -> Pixels:
    """Put colours and matte together as `(H, W, 3 or 4)`."""
    return picture.pixels if picture.matte is None else cast("Pixels", np.dstack((picture.pixels, picture.matte)))


def _on_white(picture: Picture) -> Pixels:
    """Put a picture onto white paper, in the numbers as they are, as browsers do."""
    if picture.matte is None:
        return picture.pixels
    white = int(np.iinfo(picture.pixels.dtype).max)
    opaque = picture.matte.astype(np.uint32)[..., None]
    # At most white² + white / 2, which still fits 32 bits.
    mixed = picture.pixels * opaque + white * (white - opaque) + white // 2
    return cast("Pixels", (mixed // white).astype(picture.pixels.dtype))
