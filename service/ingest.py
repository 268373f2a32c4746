"""Bytes from strangers → a safe, normalised picture.

The file's name and announced type are ignored. Only four formats are tried; the header's dimensions are checked
before anything is decoded; what is kept is re-encoded pixels in sRGB, upright, without any metadata.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, SAMPLEFORMAT, TiffImageFile

from service.deep import decode_deep
from service.errors import InvalidImage
from service.painting import Picture
from service.pictures import srgb_profile
from service.profiles import deep_to_srgb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.ImageFile import ImageFile

    from service.deep import Samples
    from service.painting import Matte, Pixels

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
MAX_PROFILE_BYTES = 4 * 1024**2
"""A colour profile larger than this is dropped: the largest press profiles have about 3 MB."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What an image may be: `pixels` = width × height, `side` in pixels, `aspect` = longest over shortest side."""

    pixels: int
    side: int
    aspect: float


@dataclass(frozen=True, slots=True, eq=False)
class Ingested:
    """An image taken in: its picture, what its file was, and the digest and size of that file."""

    picture: Picture
    content_type: str
    sha256: str
    bytes: int


def ingest(data: bytes, limits: ImageLimits) -> Ingested:
    """Decode and normalise one image file.

    A PNG or TIFF of 16 bits a sample becomes uint16, anything else uint8. Only colours are converted to sRGB, by the
    file's own profile; what is transparent becomes the matte, and keeps its colours.

    Raises:
        InvalidImage: no JPEG, PNG, WebP or TIFF; truncated; animated or of several pages; beyond the limits.
    """
    Image.MAX_IMAGE_PIXELS = None  # the gate is `_check`, by our own limits
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check(image, limits)
            picture = _deep(image, data) if _is_deep(image) else _shallow(image)
            content_type = "image/jpeg" if image.format == "MPO" else Image.MIME[str(image.format)]
    except UnidentifiedImageError:
        raise InvalidImage("This is no JPEG, PNG, WebP or TIFF image.") from None
    except InvalidImage:
        raise
    except Exception as error:  # hostile bytes lead decoders to raise whatever there is
        raise InvalidImage("The image is damaged or cut off.", reason="damaged") from error
    return Ingested(picture, content_type, hashlib.sha256(data).hexdigest(), len(data))


def _check(image: Image.Image, limits: ImageLimits) -> None:
    width, height = image.size
    size = f"The image is {width} × {height} pixels"
    if width * height > limits.pixels:
        raise InvalidImage(f"{size}; at most {limits.pixels} pixels are accepted.", reason="size")
    if max(width, height) > limits.side:
        raise InvalidImage(f"{size}; a side may have at most {limits.side}.", reason="size")
    if max(width, height) > limits.aspect * min(width, height):
        raise InvalidImage(
            f"{size}; the longer side may be at most {limits.aspect:g} times the shorter.", reason="size"
        )
    # A camera's JPEG may carry previews behind the picture (MPO); that is one picture still.
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise InvalidImage("The image is animated or has several pages; one still picture is needed.", reason="pages")


def _is_deep(image: ImageFile) -> bool:
    """Whether a file, of which only the header was read, has 16 unsigned bits a sample."""
    if isinstance(image, TiffImageFile):
        kinds = image.tag_v2.get(SAMPLEFORMAT, (1,))  # 1 is unsigned
        return set(image.tag_v2.get(BITSPERSAMPLE, (1,))) == {16} and set(kinds) == {1}
    return isinstance(image, PngImageFile) and str(image.tile[0].args).endswith(";16B")


def _deep(image: ImageFile, data: bytes) -> Picture:
    """Decode what Pillow would cut down to 8 bits; of `image` only what the header says is used."""
    width, height = image.size
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    samples = decode_deep(
        data,
        "PNG" if image.format == "PNG" else "TIFF",
        pixels=width * height,
        orientation=orientation if orientation in range(1, 9) else 1,
    )
    bands = samples.shape[2]
    # The fourth band is black in CMYK, and in a TIFF of mode RGB it means nothing.
    matte = samples[..., -1].copy() if image.has_transparency_data and bands in {2, 4} else None
    colours = samples if image.mode == "CMYK" else samples[..., : 1 if bands < 3 else 3]
    profile = _profile(image.info)
    converted = deep_to_srgb(colours, profile) if profile else None
    return _picture(_deep_as_it_is(colours) if converted is None else converted, matte)


def _deep_as_it_is(colours: Samples) -> Samples:
    """Take numbers without a profile as sRGB; CMYK by subtraction, as Pillow does it."""
    if colours.shape[2] == 4:
        light = 65535 - colours.astype(np.uint32)
        return ((light[..., :3] * light[..., 3:] + 32767) // 65535).astype(np.uint16)
    return colours if colours.shape[2] == 3 else np.repeat(colours, 3, axis=2)


def _shallow(image: ImageFile) -> Picture:
    """Decode all else: 8 bits a sample and fewer, and what is in files so rarely that it is cut down to 8."""
    _mend_colour_key(image)
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    profile = _profile(image.info)
    if image.mode in {"I;16", "I", "F"}:
        return _picture(_from_deep_grey(image), None)
    if not image.has_transparency_data:
        return _picture(_srgb(image, profile), None)
    colours, alpha = _parted(image)
    return _picture(_srgb(colours, profile), np.asarray(alpha))


def _picture(pixels: Pixels, matte: Matte | None) -> Picture:
    """Put a picture together, without a matte that hides nothing."""
    if matte is None or bool((matte == np.iinfo(matte.dtype).max).all()):
        return Picture(pixels)
    if not matte.any():
        raise InvalidImage("Nothing can be seen in this image: it is transparent everywhere.", reason="invisible")
    return Picture(pixels, matte)


def _mend_colour_key(image: ImageFile) -> None:
    """Scale the transparent grey of a PNG of 2 or 4 bits as Pillow scales its pixels but not the key."""
    scale = {"L;2": 85, "L;4": 17}.get(str(image.tile[0].args)) if image.tile else None
    if scale and "transparency" in image.info:
        image.info["transparency"] *= scale


def _parted(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Part a transparent image into its colours, grey where they are grey, and its alpha."""
    grey = image.mode in {"L", "LA", "La"}
    mode = "LA" if grey else "RGBA"
    straight = image if image.mode == mode else image.convert(mode)
    return straight.convert("L" if grey else "RGB"), straight.getchannel("A")


def _profile(info: Mapping[str | tuple[int, int], Any]) -> bytes | None:
    """Read the colour profile from what Pillow knows of a file; None where it would change nothing, or is broken."""
    profile = info.get("icc_profile") or b""
    if not 0 < len(profile) <= MAX_PROFILE_BYTES or profile == srgb_profile():
        return None
    try:
        ImageCms.ImageCmsProfile(BytesIO(profile))
    except (ImageCms.PyCMSError, OSError):
        return None  # a broken profile says nothing; the numbers are taken as they are
    return bytes(profile)


def _srgb(image: Image.Image, profile: bytes | None) -> Pixels:
    """Convert any mode to sRGB, by the profile where there is one that works."""
    if image.mode == "P":
        image = image.convert("RGB")
    if profile and image.mode in {"RGB", "L", "CMYK", "LAB"}:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # it is one for another kind of colours
        if converted is not None:
            return np.asarray(converted)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _from_deep_grey(image: Image.Image) -> Pixels:
    """Scale 12-bit grey to 16 bits; cut signed, 32-bit and float grey to 8 of the 16 bits that it has in practice."""
    numbers = np.asarray(image)
    if image.mode == "I;16":
        grey = (numbers << 4) | (numbers >> 8)
    else:
        grey = (np.clip(numbers, 0, 65535).astype(np.uint16) >> 8).astype(np.uint8)
    return np.stack([grey] * 3, axis=-1)
