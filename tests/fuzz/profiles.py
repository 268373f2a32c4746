"""Colour profiles, written by their specification (ICC.1:2022, 7 and 10)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from service.pictures import srgb_profile


def fixed(*values: float) -> bytes:
    """Write s15Fixed16 numbers."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile_of(space: bytes, tags: Mapping[bytes, bytes], *, connection: bytes = b"XYZ ") -> bytes:
    """Write a display profile; tags of the same content lie in the same place."""
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    places: dict[bytes, int] = {}
    for name, content in tags.items():
        if content not in places:
            places[content] = 128 + 4 + 12 * len(tags) + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    header = struct.pack(
        ">I4xI4s4s4s12x4s", 128 + len(table) + len(body), 0x02400000, b"mntr", space, connection, b"acsp"
    )
    return header.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249) + bytes(48) + table + body


def _table(inputs: int) -> bytes:
    """Write a table of two points a channel (`mft1`) that gives grey Lab whatever comes in."""
    head = b"mft1" + bytes(4) + bytes((inputs, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return head + bytes(range(256)) * inputs + bytes((128,)) * (3 << inputs) + bytes(range(256)) * 3


_GAMMA = b"curv" + bytes(4) + struct.pack(">IHH", 1, 563, 0)
_TABLE_CURVE = b"curv" + bytes(4) + struct.pack(">I3H", 3, 0, 10_000, 65535)
_PARAMETRIC = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_PRIMARIES = {
    name: b"XYZ " + bytes(4) + fixed(*column)
    for name, column in ((b"rXYZ", (0.61, 0.31, 0.02)), (b"gXYZ", (0.2, 0.63, 0.06)), (b"bXYZ", (0.15, 0.06, 0.74)))
}


def _rgb(curve: bytes) -> bytes:
    return profile_of(b"RGB ", _PRIMARIES | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


PROFILES = [
    srgb_profile().replace(b"rXYZ", b"tmpX", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmpX", b"gXYZ", 1),
    _rgb(_GAMMA),
    _rgb(_TABLE_CURVE),
    _rgb(_PARAMETRIC),
    profile_of(b"RGB ", {b"A2B0": _table(3)}, connection=b"Lab "),
    profile_of(b"CMYK", {b"A2B0": _table(4)}, connection=b"Lab "),
    profile_of(b"GRAY", {b"kTRC": _GAMMA}),
]
"""Whole ones, of formulas and of tables."""
