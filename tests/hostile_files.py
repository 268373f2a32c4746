"""Files that no service should take for a picture, each made here, and why each is refused."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from tests.images import gradient, photograph_bytes

NO_PICTURE = "This is no JPEG, PNG, WebP or TIFF image."
DAMAGED = "The image is damaged or cut off."
PNG = b"\x89PNG\r\n\x1a\n"
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")


def hostile_files() -> Mapping[str, tuple[bytes, str]]:
    """Give all by their names, each with what the refusal says."""
    return dict([*_other_things(), *_bombs(), *_liars(), *_many_pictures(), *_cut_off()])


def endless_scans(scans: int) -> bytes:
    """Make a JPEG of 36 million pixels that refines them by scans of 59 bytes, each of which takes 10 ms."""
    data = _file(Image.new("L", (6000, 6000), 128), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + data[-2:]


def _other_things() -> Iterator[tuple[str, tuple[bytes, str]]]:
    heads = {
        "nothing": b"",
        "text": b"hello",
        "html": b"<!doctype html><script>alert(1)</script>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "xml with an entity": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\nshowpage\n",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "avif": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
        "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
        "psd": b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3),
        "fits": b"SIMPLE  =                    T".ljust(2880),
        "mvg for ImageMagick": b"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/'\npop graphic-context",
        "a name alone": b"/etc/passwd",
        "gzip": zlib.compress(bytes(1_000_000), wbits=31),
        "pickle": b"cos\nsystem\n(S'true'\ntR.",
        "nul bytes": bytes(4096),
        "the signature of a PNG": PNG,
        "the signature of a WebP": b"RIFF\xff\xff\xff\xffWEBP",
        "a PDF with a PNG in it": b"%PDF-1.7\n" + photograph_bytes(8, 8),
        "a script with a JPEG in it": b"#!/bin/sh\n" + photograph_bytes(8, 8, "JPEG"),
    }
    yield from ((name, (data, NO_PICTURE)) for name, data in heads.items())
    for kind in ("GIF", "BMP", "ICO", "PPM", "TGA", "PCX", "DDS", "SGI", "JPEG2000"):
        yield f"a whole {kind}", (photograph_bytes(16, 16, kind), NO_PICTURE)
    with zipfile.ZipFile(archive := BytesIO(), "w") as files:
        files.writestr("photo.png", photograph_bytes(8, 8))
    yield "a zip of a picture", (archive.getvalue(), NO_PICTURE)


def _bombs() -> Iterator[tuple[str, tuple[bytes, str]]]:
    large, long = "at most 40000000 pixels are accepted.", "a side may have at most 16384."
    yield "a PNG of 900 million pixels in 110 kB", (_png(30_000, 30_000, depth=1, colour=0), large)
    yield "a PNG of 16384 × 16384", (_png(16_384, 16_384, depth=1, colour=0), large)
    yield "a PNG of 2³¹ × 2³¹", (_png_of(_ihdr(2**31 - 1, 2**31 - 1)), "")
    yield "a PNG that is too long", (_png(16_385, 1_100, depth=1, colour=0), long)
    yield "a PNG like a thread", (_png(16_000, 10, depth=1, colour=0), "times the shorter.")
    yield "a JPEG of 65500 × 65500", (_resized_jpeg(65_500, 65_500), large)
    yield "a WebP of 16383 × 16383", (_resized_webp(16_383, 16_383), "")
    yield "a TIFF of 2³¹ × 2³¹", (_tiff({256: 2**31 - 1, 257: 2**31 - 1}), large)
    yield "a TIFF of 60000 × 60000 in one strip", (_tiff({256: 60_000, 257: 60_000, 278: 60_000}), large)
    text = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    yield "a PNG whose comment unfolds to 200 MB", (_png_of(_ihdr(8, 8), _chunk(b"zTXt", text), *_body(8, 8)), DAMAGED)
    texts = [_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))] * 200
    yield "a PNG of 200 comments that unfold to 1 MB each", (_png_of(_ihdr(8, 8), *texts, *_body(8, 8)), DAMAGED)


def _liars() -> Iterator[tuple[str, tuple[bytes, str]]]:
    whole = photograph_bytes(16, 16)
    damaged = {
        "a PNG that announces more rows than it has": whole[:16] + struct.pack(">II", 16, 4000) + whole[24:],
        "a PNG with a wrong checksum": whole[:29] + bytes(4) + whole[33:],
        "a PNG without pixels": _png_of(_ihdr(8, 8), _chunk(b"IEND", b"")),
        "a PNG whose pixels are no deflate stream": _png_of(
            _ihdr(8, 8), _chunk(b"IDAT", b"x" * 99), _chunk(b"IEND", b"")
        ),
        "a PNG with a chunk of 2 GB": PNG + _ihdr(8, 8) + struct.pack(">I4s", 2**31 - 1, b"IDAT") + bytes(99),
        "a PNG of too few pixels": _png_of(_ihdr(64, 64), *_body(8, 8)),
        "a TIFF whose strips lie beyond its end": _tiff({273: 2**31}),
        "a TIFF whose strip has 4 GB": _tiff({279: 2**32 - 1, 273: 2**32 - 8}),
        "a TIFF without strips": _tiff({}, without=(273,)),
        "a TIFF of 31 channels": _tiff({277: 31}),
        "a TIFF compressed by nobody's method": _tiff({259: 4711}),
        "a TIFF of nobody's colours": _tiff({262: 4711}),
        "a WebP whose pixels are noise": _resized_webp(200, 200)[:24] + bytes(200),
    }
    yield from ((name, (data, "")) for name, data in damaged.items())
    yield "a TIFF whose directory is itself", (b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "")
    yield "a TIFF whose directory lies nowhere", (b"II*\0\xff\xff\xff\x7f", "")
    yield "a JPEG of three bytes", (b"\xff\xd8\xff", "")
    yield "a JPEG of markers alone", (b"\xff\xd8" + b"\xff\xe1\0\x02" * 10_000, "")
    seen_through = Image.new("RGBA", (9, 9), (1, 2, 3, 0))
    yield "a PNG in which nothing can be seen", (_file(seen_through, "PNG"), "it is transparent everywhere.")


def _many_pictures() -> Iterator[tuple[str, tuple[bytes, str]]]:
    still = "one still picture is needed."
    frames = [Image.fromarray(gradient(16, 16 + n)).resize((16, 16)) for n in range(3)]
    for kind in ("PNG", "WEBP", "TIFF"):
        yield f"a {kind} of three pictures", (_file(frames[0], kind, save_all=True, append_images=frames[1:]), still)
    pages = [Image.new("1", (8, 8))] * 2000
    yield "a TIFF of 2000 pages", (_file(pages[0], "TIFF", save_all=True, append_images=pages[1:]), still)


def _cut_off() -> Iterator[tuple[str, tuple[bytes, str]]]:
    for kind in FORMATS:
        whole = photograph_bytes(96, 64, kind)
        for tenth in (1, 3, 5, 7, 9):
            yield f"{tenth} tenths of a {kind}", (whole[: len(whole) * tenth // 10], "")
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    yield "a JPEG without its last quarter", ((data := _file(Image.fromarray(noise), "JPEG"))[: len(data) * 3 // 4], "")


def _file(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _ihdr(width: int, height: int, *, depth: int = 8, colour: int = 2) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def _body(width: int, height: int) -> tuple[bytes, bytes]:
    return _chunk(b"IDAT", zlib.compress(bytes((1 + 3 * width) * height))), _chunk(b"IEND", b"")


def _png_of(*chunks: bytes) -> bytes:
    return PNG + b"".join(chunks)


def _png(width: int, height: int, *, depth: int, colour: int) -> bytes:
    """Write a whole black PNG, however large, by compressing one row at a time."""
    row, deflate = bytes(1 + (width * depth + 7) // 8), zlib.compressobj(9)
    packed = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
    return _png_of(_ihdr(width, height, depth=depth, colour=colour), _chunk(b"IDAT", packed), _chunk(b"IEND", b""))


def _resized_jpeg(width: int, height: int) -> bytes:
    data = bytearray(photograph_bytes(16, 16, "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _resized_webp(width: int, height: int) -> bytes:
    data = bytearray(photograph_bytes(16, 16, "WEBP"))
    start = data.index(b"\x9d\x01\x2a") + 3
    data[start : start + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def _tiff(tags: Mapping[int, int], *, without: tuple[int, ...] = ()) -> bytes:
    """Write a grey TIFF of 8 × 8 pixels, with some tags (TIFF 6.0) otherwise."""
    plain = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    entries = {tag: value for tag, value in {**plain, **tags}.items() if tag not in without}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<I", 72) + bytes(64) + struct.pack("<H", len(entries)) + directory + bytes(4)
