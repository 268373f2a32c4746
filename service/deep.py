"""Pictures of 16 bits a sample, which Pillow reads and writes with 8: PNG and TIFF through libvips.

Only bytes whose header `service.ingest` has checked come here. libvips keeps threads of its own, for which a process
forked after its first use waits forever: what is below is for processes whose children do without it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

Samples = NDArray[np.uint16]
"""`(H, W, bands)` uint16."""

_INTERPRETATIONS = {"GRAY": "grey16", "RGB ": "rgb16", "CMYK": "cmyk"}
"""libvips' names of the colour spaces that a profile's header names so (ICC.1:2022, 7.2.6)."""

_POINTS_PER_MM = 72 / 25.4
"""libvips always writes a resolution: 72 dpi, by which programs that heed it show a point a pixel."""


_UPRIGHT: Mapping[int, Callable[[Samples], Samples]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: stored[::-1].transpose(1, 0, 2),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: stored.transpose(1, 0, 2)[::-1],
}
"""What turns a stored picture upright, by its EXIF orientation; views, no copies."""


@cache
def load_libvips() -> ModuleType:
    """Load the library, which starts no thread yet."""
    import pyvips  # noqa: PLC0415 - starts the library, which only deep pictures need

    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)  # it would keep the pictures of finished jobs
    return cast("ModuleType", pyvips)


def decode_deep(data: bytes, file_format: Literal["PNG", "TIFF"], *, pixels: int, orientation: int = 1) -> Samples:
    """Decode a file of 16 bits a sample, upright, its bands as they are; an alpha is the last one and straight.

    Args:
        data: the file.
        file_format: what it is; no other format is tried.
        pixels: width × height as announced to whoever checked the header.
        orientation: as EXIF numbers it, 1 to 8.

    Raises:
        ValueError: the file has other dimensions or another depth than were announced.
        pyvips.Error: it is damaged or cut off.
    """
    load = getattr(load_libvips().Image, f"{file_format.lower()}load_buffer")
    # Reads the header; the pixels come when they are asked for, once, and need no second copy or temporary file.
    image = load(data, fail_on="error", access="sequential")
    if image.width * image.height != pixels or image.format != "ushort":
        raise ValueError("The two decoders disagree about the file.")
    samples: Samples = image.numpy()
    return _UPRIGHT[orientation](samples.reshape(image.height, image.width, -1))


def tables_to_srgb(colours: Samples, profile: bytes) -> Samples | None:
    """Convert grey, RGB or CMYK to sRGB `(H, W, 3)` by an ICC profile made of tables; None where it doesn't work.

    What libvips makes of profiles made of formulas is not precise enough: see `service.profiles`.
    """
    space = profile[16:20].decode("latin-1")
    if {"GRAY": 1, "RGB ": 3, "CMYK": 4}.get(space) != colours.shape[2]:
        return None
    image = _image(colours, _INTERPRETATIONS[space], profile)
    try:
        converted = image.icc_transform("srgb", embedded=True, intent="perceptual", depth=16)
        return cast("Samples", converted.numpy())
    except load_libvips().Error:
        return None


def encode_deep_png(samples: Samples, *, profile: bytes | None, compression: int) -> bytes:
    """Encode `(H, W, 3 or 4)` uint16 as a PNG; `compression` is zlib's level."""
    image = _image(samples, "rgb16", profile)
    return cast("bytes", image.pngsave_buffer(compression=compression, filter="sub", keep="icc"))


def encode_deep_tiff(samples: Samples, *, profile: bytes) -> bytes:
    """Encode `(H, W, 3 or 4)` uint16 as a deflated TIFF."""
    image = _image(samples, "rgb16", profile)
    return cast("bytes", image.tiffsave_buffer(compression="deflate", predictor="horizontal", keep="icc"))


def _image(samples: Samples, interpretation: str, profile: bytes | None) -> Any:
    """Wrap samples as an image of libvips, with a profile or none."""
    vips = load_libvips()
    height, width, bands = samples.shape
    # The library reads this memory as long as the image lives; the image keeps a reference to it.
    memory = np.ascontiguousarray(samples).data
    image = vips.Image.new_from_memory(memory, width, height, bands, "ushort")
    image = image.copy(interpretation=interpretation, xres=_POINTS_PER_MM, yres=_POINTS_PER_MM)
    if profile is not None:
        image.set_type(vips.GValue.blob_type, "icc-profile-data", profile)
    return image
