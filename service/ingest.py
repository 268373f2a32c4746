"""Bytes from strangers → a safe, normalised picture.

The file's name and announced type are ignored. Only four formats are tried; the header's dimensions are checked
before anything is decoded; what is kept is re-encoded pixels in sRGB, upright, without any metadata.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from service.errors import InvalidImage

if TYPE_CHECKING:
    from service.painting import Pixels

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
MAX_PROFILE_BYTES = 4 * 1024**2
"""A colour profile larger than this is dropped: the largest press profiles have about 3 MB."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What an image may be: `pixels` = width × height, `side` in pixels, `aspect` = longest over shortest side."""

    pixels: int
    side: int
    aspect: float


@dataclass(frozen=True, slots=True)
class Picture:
    """An image taken in: upright sRGB `(H, W, 3)` uint8, what its file was, and the digest of that file."""

    pixels: Pixels
    content_type: str
    sha256: str
    bytes: int


def ingest(data: bytes, limits: ImageLimits) -> Picture:
    """Decode and normalise one image file.

    Raises:
        InvalidImage: no JPEG, PNG, WebP or TIFF; truncated; animated or of several pages; beyond the limits.
    """
    Image.MAX_IMAGE_PIXELS = None  # the gate is `_check`, by our own limits
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check(image, limits)
            image.load()
            pixels = _normalised(image)
            content_type = "image/jpeg" if image.format == "MPO" else Image.MIME[str(image.format)]
    except UnidentifiedImageError:
        raise InvalidImage("This is no JPEG, PNG, WebP or TIFF image.") from None
    except InvalidImage:
        raise
    except Exception as error:  # hostile bytes lead decoders to raise whatever there is
        raise InvalidImage("The image is damaged or cut off.") from error
    return Picture(pixels, content_type, hashlib.sha256(data).hexdigest(), len(data))


def _check(image: Image.Image, limits: ImageLimits) -> None:
    width, height = image.size
    size = f"The image is {width} × {height} pixels"
    if width * height > limits.pixels:
        raise InvalidImage(f"{size}; at most {limits.pixels} pixels are accepted.")
    if max(width, height) > limits.side:
        raise InvalidImage(f"{size}; a side may have at most {limits.side}.")
    if max(width, height) > limits.aspect * min(width, height):
        raise InvalidImage(f"{size}; the longer side may be at most {limits.aspect:g} times the shorter.")
    # A camera's JPEG may carry previews behind the picture (MPO); that is one picture still.
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise InvalidImage("The image is animated or has several pages; one still picture is needed.")


def _normalised(image: Image.Image) -> Pixels:
    upright = ImageOps.exif_transpose(image)
    rgb = _srgb(_on_white(upright))
    return np.asarray(rgb)


def _on_white(image: Image.Image) -> Image.Image:
    """Put a transparent image onto white paper."""
    if not image.has_transparency_data:
        return image
    profile = image.info.get("icc_profile")
    rgba = image.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, "white")
    flat = Image.alpha_composite(paper, rgba).convert("RGB")
    if profile and image.mode in {"RGB", "RGBA", "P"}:
        flat.info["icc_profile"] = profile
    return flat


def _srgb(image: Image.Image) -> Image.Image:
    """Convert any mode to sRGB, by the image's own profile where it has one that works."""
    if image.mode in {"I;16", "I;16L", "I;16B", "I", "F"}:
        return _from_deep_grey(image)
    profile = image.info.get("icc_profile") or b""
    if 0 < len(profile) <= MAX_PROFILE_BYTES and image.mode in {"RGB", "L", "CMYK", "LAB"}:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a broken profile says nothing; the numbers are taken as they are
        if converted is not None:
            return converted
    return image.convert("RGB")


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bit; what Pillow calls 32-bit integers comes from 16-bit files too."""
    grey = np.clip(np.asarray(image), 0, 65535).astype(np.uint16) >> 8
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
