"""Colour profiles at 16 bits: from a profile's own formula to sRGB.

Most profiles of cameras and screens are a curve a channel and a matrix (ICC.1:2022, F.3). LittleCMS, on which both
Pillow and libvips stand, follows that formula at 8 bits only; at 16 it puts a coarse grid in its place, which
is wrong by up to fourteen 255ths in the shadows. So it is computed here; profiles made of tables go to libvips.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from service.deep import tables_to_srgb
from service.pictures import srgb_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.deep import Samples

Curve = NDArray[np.float32]
"""`(65536,)` float32 in 0..1: the light that each sample stands for."""

_ROWS_PIXELS = 1_000_000
"""Pixels converted at once: 12 MB in float32."""


def deep_to_srgb(colours: Samples, profile: bytes) -> Samples | None:
    """Convert grey, RGB or CMYK `(H, W, 1, 3 or 4)` to sRGB `(H, W, 3)`; None where the profile doesn't fit it."""
    try:
        formula = _formula(profile, colours.shape[2])
    except (struct.error, ValueError):
        return None  # what it says of itself is not there
    return tables_to_srgb(colours, profile) if formula is None else _computed(colours, *formula)


def _formula(profile: bytes, bands: int) -> tuple[list[Curve], NDArray[np.float32]] | None:
    """Read the curves, and the matrix from their light to sRGB's; None of a profile that is made of tables."""
    tags = _tags(profile)
    space, connection = profile[16:20], profile[20:24]
    if connection != b"XYZ " or any(name.startswith(b"A2B") for name in tags):
        return None
    if space == b"GRAY" and bands == 1 and b"kTRC" in tags:
        return [_curve(tags[b"kTRC"])], np.ones((3, 1), np.float32)
    if space != b"RGB " or bands != 3 or not {b"rTRC", b"gTRC", b"bTRC"} <= tags.keys():
        raise ValueError("The profile is for other colours, or has no curves.")
    matrix = np.linalg.solve(_to_xyz(_tags(srgb_profile())), _to_xyz(tags))
    return [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")], matrix.astype(np.float32)


def _to_xyz(tags: Mapping[bytes, memoryview]) -> NDArray[np.float64]:
    """Read the primaries as the columns of a matrix, from linear light to XYZ under D50."""
    columns = [tags.get(name, b"")[8:20] for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    return np.array([_fixed(column) for column in columns]).reshape(3, 3).T


def _tags(profile: bytes) -> Mapping[bytes, memoryview]:
    """Cut a profile into its tags (ICC.1:2022, 7.3), which may share their bytes, so nothing is copied."""
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * n) for n in range(count)]
    whole = memoryview(profile)
    return {name: whole[start : start + size] for name, start, size in entries}


def _fixed(data: memoryview | bytes) -> list[float]:
    """Read s15Fixed16 numbers."""
    return [number / 65536 for (number,) in struct.iter_unpack(">i", data)]


def _curve(tag: memoryview) -> Curve:
    """Read a tone curve (ICC.1:2022, 10.6 and 10.18)."""
    x = np.linspace(0, 1, 65536)
    kind, _, count = struct.unpack_from(">4sII", tag)
    if kind == b"para":
        y = _parametric(x, count >> 16, tag[12:])
    elif kind != b"curv":
        raise ValueError(f"There is no curve of the kind {kind!r}.")
    elif count == 0:
        y = x
    elif count == 1:
        y = x ** (struct.unpack_from(">H", tag, 12)[0] / 256)
    else:
        table = np.frombuffer(tag, ">u2", count, offset=12) / 65535
        y = np.interp(x, np.linspace(0, 1, count), table)
    return np.nan_to_num(y).clip(0, 1).astype(np.float32)


def _parametric(x: NDArray[np.float64], kind: int, data: memoryview) -> NDArray[np.float64]:
    """Evaluate (a·x + b)^g + e from d on, and c·x + f below; the first kinds leave parameters out (table 68)."""
    if kind > 4:
        raise ValueError(f"There is no parametric curve of type {kind}.")
    g, a, b, c, d, e, f = [*_fixed(data[: 4 * (1, 3, 4, 5, 7)[kind]]), *[0.0] * 6][:7]
    if kind == 0:
        a = 1.0
    if kind in {1, 2}:
        c, d, e, f = 0.0, -b / (a or 1.0), c, c
    with np.errstate(all="ignore"):
        return np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)


def _computed(colours: Samples, curves: list[Curve], matrix: NDArray[np.float32]) -> Samples:
    """Apply curves, matrix and sRGB's own curve, some rows at a time."""
    srgb = np.empty((*colours.shape[:2], 3), np.uint16)
    rows = max(1, _ROWS_PIXELS // colours.shape[1])
    for top in range(0, len(colours), rows):
        part = colours[top : top + rows]
        light = np.stack([curve[part[..., band]] for band, curve in enumerate(curves)], axis=-1) @ matrix.T
        srgb[top : top + rows] = _encoded(light.clip(0, 1))
    return srgb


def _encoded(light: NDArray[np.float32]) -> Samples:
    """Encode linear light in 0..1 by sRGB's curve (IEC 61966-2-1), rounded to 16 bits."""
    bright = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
    value = np.where(light <= np.float32(0.0031308), np.float32(12.92) * light, bright)
    return (value * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
