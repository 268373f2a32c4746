"""The four formats as lists of parts, and back."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.fuzz.mutations import Part, Parts

PNG = b"\x89PNG\r\n\x1a\n"
_STANDALONE = {0xD8, 0xD9, 0x01, *range(0xD0, 0xD8)}
"""Markers of a JPEG without a length (ITU T.81, B.1.1.3)."""


class Format(NamedTuple):
    """How files of a format are taken apart and put together, and the names that their parts may have."""

    split: Callable[[bytes], Parts]
    join: Callable[[Sequence[Part]], bytes]
    heads: tuple[bytes, ...]


def _png_parts(data: bytes) -> Iterator[Part]:
    at = len(PNG)
    while at < len(data):
        size, head = struct.unpack_from(">I4s", data, at)
        yield Part(head, data[at + 8 : at + 8 + size])
        at += 12 + size


def _png(parts: Sequence[Part]) -> bytes:
    return PNG + b"".join(
        struct.pack(">I", len(body)) + head + body + struct.pack(">I", zlib.crc32(head + body)) for head, body in parts
    )


def _jpeg_parts(data: bytes) -> Iterator[Part]:
    """Cut at the markers; what follows a start of scan is a part without a head."""
    at = 0
    while at < len(data):
        marker = data[at + 1]
        if marker in _STANDALONE:
            yield Part(data[at : at + 2], b"")
            at += 2
            continue
        (size,) = struct.unpack_from(">H", data, at + 2)
        yield Part(data[at : at + 2], data[at + 4 : at + 2 + size])
        at += 2 + size
        if marker == 0xDA:
            end = next(
                n for n in range(at, len(data) - 1) if data[n] == 0xFF and data[n + 1] not in {0, *range(0xD0, 0xD8)}
            )
            yield Part(b"", data[at:end])
            at = end


def _jpeg(parts: Sequence[Part]) -> bytes:
    return b"".join(
        head + body if not head or head[1] in _STANDALONE else head + struct.pack(">H", len(body) + 2 & 0xFFFF) + body
        for head, body in parts
    )


def _webp_parts(data: bytes) -> Iterator[Part]:
    at = 12
    while at < len(data):
        head, size = struct.unpack_from("<4sI", data, at)
        yield Part(head, data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2


def _webp(parts: Sequence[Part]) -> bytes:
    chunks = b"".join(head + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for head, body in parts)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _tiff_parts(data: bytes) -> Iterator[Part]:
    """Cut out the first directory: its count, its entries of 12 bytes each, and the offset of the next one.

    Where a part is longer or shorter than it was, all offsets to what lies behind it are wrong.
    """
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    cuts = [0, 2, 4, 8, start, *(start + 2 + 12 * n for n in range(count + 1)), start + 6 + 12 * count, len(data)]
    yield from (Part(b"", data[at:end]) for at, end in pairwise(cuts) if at < end)


def _tiff(parts: Sequence[Part]) -> bytes:
    return b"".join(body for _, body in parts)


FORMATS = {
    "PNG": Format(
        lambda data: list(_png_parts(data)),
        _png,
        (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"zTXt"),
    ),
    "JPEG": Format(
        lambda data: list(_jpeg_parts(data)),
        _jpeg,
        tuple(bytes((0xFF, marker)) for marker in (0xC0, 0xC1, 0xC2, 0xC4, 0xD8, 0xDA, 0xDB, 0xDD, 0xE1, 0xE2, 0xEE)),
    ),
    "WEBP": Format(
        lambda data: list(_webp_parts(data)),
        _webp,
        (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF"),
    ),
    "TIFF": Format(lambda data: list(_tiff_parts(data)), _tiff, ()),
}
