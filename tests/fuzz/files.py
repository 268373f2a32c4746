"""Files of all four formats, small and whole, and what a stranger might make of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pyvips
from hypothesis import strategies as st
from PIL import Image

from tests.fuzz.formats import FORMATS
from tests.fuzz.mutations import NUMBERS, Part, damaged, tampered
from tests.fuzz.profiles import PROFILES
from tests.images import gradient

WIDTH, HEIGHT = 13, 9
EXIF = Image.Exif()
EXIF[0x0112] = 6  # lies on its side
EXIF[0x010E] = "a description"
"""A block of metadata; its body is a TIFF."""

BIGTIFF = (b"\x2b\0", b"\0\x2b")
"""What a TIFF of 64-bit offsets says in bytes 2 and 3; its directory looks otherwise."""

TAGS = (*range(254, 267), *range(273, 285), *range(317, 348), 512, 513, 514, 529, 530, 532, 33723, 34377, 34665, 34675)
"""Of TIFF 6.0, its supplements and EXIF."""

_SHALLOW: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "PNG": (
        ("RGB", {}),
        ("RGBA", {"exif": EXIF}),
        ("L", {"icc_profile": PROFILES[-1]}),
        ("LA", {}),
        ("P", {"transparency": 3}),
        ("1", {}),
        ("RGB", {"transparency": (1, 2, 3), "icc_profile": PROFILES[0]}),
        ("RGB", {"save_all": True, "append_images": [Image.new("RGB", (WIDTH, HEIGHT))]}),
    ),
    "JPEG": (
        ("RGB", {"exif": EXIF, "icc_profile": PROFILES[0]}),
        ("L", {}),
        ("CMYK", {}),
        ("RGB", {"progressive": True, "restart_marker_blocks": 1}),
    ),
    "WEBP": (
        ("RGB", {"exif": EXIF, "icc_profile": PROFILES[0]}),
        ("RGBA", {}),
        ("RGBA", {"lossless": True}),
        ("RGBA", {"save_all": True, "append_images": [Image.new("RGBA", (WIDTH, HEIGHT))]}),
    ),
    "TIFF": (
        ("RGB", {"exif": EXIF, "icc_profile": PROFILES[0]}),
        ("RGBA", {"compression": "tiff_lzw"}),
        ("RGB", {"compression": "jpeg"}),
        ("RGB", {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2}}),
        ("CMYK", {"compression": "packbits"}),
        ("LAB", {}),
        ("1", {"compression": "group4"}),
        ("P", {}),
        ("LA", {}),
        ("F", {}),
        ("I", {}),
        ("I;16B", {}),
        ("RGB", {"save_all": True, "append_images": [Image.new("RGB", (WIDTH, HEIGHT))]}),
    ),
}


def encoded(mode: str, file_format: str, **options: Any) -> bytes:
    """Encode a small gradient of 8 bits."""
    picture = Image.fromarray(gradient(WIDTH, HEIGHT))
    if mode == "LAB":
        picture = Image.frombytes("LAB", picture.size, picture.tobytes())
    elif mode == "I;16B":
        picture = Image.frombytes("I;16B", picture.size, picture.convert("L").tobytes() * 2)
    elif mode in {"RGBA", "LA"}:
        picture.putalpha(picture.getchannel("R"))
    file = BytesIO()
    picture.convert(mode).save(file, file_format, **options)
    return file.getvalue()


def deep(bands: int, file_format: str, profile: bytes | None = None, **options: Any) -> bytes:
    """Encode noise of 16 bits."""
    samples = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, bands), dtype=np.uint16)
    image = pyvips.Image.new_from_memory(samples.tobytes(), WIDTH, HEIGHT, bands, "ushort")
    image = image.copy(interpretation=options.pop("interpretation", "grey16" if bands < 3 else "rgb16"))
    if file_format == "PNG":
        return _with_profile(bytes(image.pngsave_buffer(**options)), profile)
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return bytes(image.tiffsave_buffer(**options))


def _with_profile(png: bytes, profile: bytes | None) -> bytes:
    """Put a profile into a PNG, which no library writes if it is broken."""
    form = FORMATS["PNG"]
    first, *others = form.split(png)
    return png if profile is None else form.join([first, Part(b"iCCP", b"p\0\0" + zlib.compress(profile)), *others])


def _deep_files(file_format: str) -> Iterator[bytes]:
    if file_format in {"PNG", "TIFF"}:
        yield from (deep(bands, file_format) for bands in (1, 2, 3, 4))
        yield deep(3, file_format, PROFILES[0])
    if file_format == "PNG":
        yield deep(3, "PNG", interlace=True)
    if file_format == "TIFF":
        yield deep(4, "TIFF", interpretation="cmyk")
        yield deep(3, "TIFF", compression="deflate", predictor="horizontal", tile=True)
        yield deep(3, "TIFF", pyramid=True, tile=True, tile_width=16, tile_height=16)
        yield deep(3, "TIFF", bigtiff=True)


@cache
def whole(file_format: str) -> list[bytes]:
    """Make the whole files of a format."""
    return [
        *(encoded(mode, file_format, **options) for mode, options in _SHALLOW[file_format]),
        *_deep_files(file_format),
    ]


@cache
def _parts(file_format: str) -> list[list[Part]]:
    split = FORMATS[file_format].split
    return [split(data) for data in whole(file_format) if data[2:4] not in BIGTIFF]


@st.composite
def tampered_files(draw: st.DrawFn, file_format: str) -> bytes:
    """Make a file whose parts were tampered with, or that was damaged, or both."""
    if draw(st.integers(0, 4)) == 0:
        return draw(damaged(draw(st.sampled_from(whole(file_format)))))
    if file_format == "TIFF" and draw(st.integers(0, 2)):
        return draw(damaged(draw(_tampered_directories())))
    files = _parts(file_format)
    others = [part for parts in files for part in parts if len(part.body) < 2000]
    form = FORMATS[file_format]
    parts = draw(tampered(draw(st.sampled_from(files)), others, heads=form.heads))
    return draw(damaged(form.join(parts)))


@st.composite
def _tampered_directories(draw: st.DrawFn) -> bytes:
    """Change fields of a TIFF's first directory in place: tags, types, counts, values, and offsets."""
    edited = bytearray(draw(st.sampled_from([data for data in whole("TIFF") if data[2:4] not in BIGTIFF])))
    order = "<" if edited[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", edited, 4)
    (count,) = struct.unpack_from(order + "H", edited, start)
    for _ in range(draw(st.integers(1, 3))):
        entry = start + 2 + 12 * draw(st.integers(0, count - 1))
        at, width, numbers = draw(
            st.sampled_from(
                [
                    (entry, "H", st.sampled_from(TAGS)),
                    (entry + 2, "H", st.integers(0, 18)),
                    (entry + 4, "I", NUMBERS),
                    (entry + 8, "I", NUMBERS | st.integers(0, len(edited))),
                    (entry + 8, "H", NUMBERS),
                    (start + 2 + 12 * count, "I", st.integers(0, len(edited))),
                ]
            )
        )
        if at + struct.calcsize(width) <= len(edited):
            struct.pack_into(order + width, edited, at, draw(numbers) & (256 ** struct.calcsize(width) - 1))
    return bytes(edited)


@st.composite
def tampered_blocks(draw: st.DrawFn) -> bytes:
    """Make a file whose metadata or colour profile was tampered with, and nothing else."""
    form = FORMATS["TIFF"]
    exif = form.join(draw(tampered(form.split(EXIF.tobytes()[6:]), (), heads=())))
    profile = draw(damaged(draw(st.sampled_from(PROFILES))))
    space = profile[16:20]
    if draw(st.booleans()):
        file_format = draw(st.sampled_from(["PNG", "TIFF"]))
        bands = {b"GRAY": 1, b"CMYK": 4}.get(space, 3)
        bands = bands if bands < 4 or file_format == "TIFF" else 3
        return deep(bands, file_format, profile or None, **({"interpretation": "cmyk"} if bands == 4 else {}))
    mode = {b"GRAY": "L", b"CMYK": "CMYK"}.get(space, "RGB")
    file_format = "JPEG" if mode == "CMYK" else draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))
    return encoded(mode, file_format, exif=b"Exif\0\0" + exif[:60_000], icc_profile=profile)
