"""Colour profiles of deep files, against the formula in float64."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable, Mapping
from io import BytesIO

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import ImageCms

from service.ingest import ImageLimits, ingest
from service.painting import Picture
from service.pictures import srgb_profile
from service.profiles import deep_to_srgb

Samples = NDArray[np.uint16]
Floats = NDArray[np.float64]

WIDE = np.array([[39959, 13453, 9778], [20389, 41003, 4143], [1276, 3989, 48796]]) / 65536
"""Adobe RGB to XYZ, adapted to D50 as profiles are (Adobe RGB (1998) Color Image Encoding, annex B)."""


def srgb_matrix() -> Floats:
    """Read the primaries that the delivered profile gives to sRGB, by another reader than ours."""
    profile = ImageCms.ImageCmsProfile(BytesIO(srgb_profile())).profile
    colorants = profile.red_colorant, profile.green_colorant, profile.blue_colorant
    return np.array([colorant[0] for colorant in colorants if colorant]).T


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IHH", 1, round(gamma * 256), 0)


def parametric_curve(kind: int, *parameters: float) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + fixed(*parameters)


def table_curve(*values: int) -> bytes:
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)


def profile_of(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """Write a display profile (ICC.1:2022, 7)."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79),
        b"cprt": b"text" + bytes(4) + b"none" + bytes(4),
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249),
        **tags,
    }
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4xI4s4s4s12x4s", size, 0x02400000, b"mntr", space, b"XYZ ", b"acsp")
    return header.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249) + bytes(48) + table + body


def rgb_profile(curve: bytes, matrix: Floats = WIDE) -> bytes:
    columns = {
        name: b"XYZ " + bytes(4) + fixed(*column)
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True)
    }
    return profile_of(b"RGB ", columns | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def encoded(light: Floats) -> Floats:
    """Encode light by sRGB's curve, in 0..1."""
    light = light.clip(0, 1)
    return np.asarray(np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


def taken(samples: NDArray[np.uint16] | NDArray[np.uint8], profile: bytes, file_format: str = "png") -> Picture:
    """Ingest a file made of samples and a profile."""
    height, width, bands = samples.shape
    depth = {1: "uchar", 2: "ushort"}[samples.itemsize]
    image = pyvips.Image.new_from_memory(samples.tobytes(), width, height, bands, depth)
    kind = {1: "grey16", 3: "rgb16" if depth == "ushort" else "srgb"}.get(bands, "rgb16")
    image = image.copy(interpretation="cmyk" if profile[16:20] == b"CMYK" else kind)
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    data = {"png": image.pngsave_buffer, "tiff": image.tiffsave_buffer}[file_format]()
    return ingest(data, ImageLimits(pixels=100_000, side=1000, aspect=8)).picture


def colours() -> Samples:
    """Every corner of the cube, the shadows, the greys and noise, `(100, 100, 3)`."""
    samples = np.random.default_rng(0).integers(0, 65536, (100, 100, 3), dtype=np.uint16)
    samples[0] = np.linspace(0, 65535, 100)[:, None]
    samples[1] = np.linspace(0, 2000, 100)[:, None]
    samples[2, :8] = np.array(np.meshgrid([0, 65535], [0, 65535], [0, 65535])).reshape(3, 8).T
    samples[3] //= 30
    return samples


CURVES: Mapping[str, tuple[bytes, Callable[[Floats], Floats]]] = {
    "linear": (table_curve(), lambda x: x),
    "1.8": (gamma_curve(1.8), lambda x: x ** (461 / 256)),
    "2.2": (gamma_curve(563 / 256), lambda x: x ** (563 / 256)),
    "table": (table_curve(0, 10_000, 65535), lambda x: np.interp(x, [0, 0.5, 1], [0, 10_000 / 65535, 1])),
    "type 0": (parametric_curve(0, 2.0), lambda x: x**2),
    "type 1": (parametric_curve(1, 2.0, 1.25, -0.25), lambda x: np.maximum(1.25 * x - 0.25, 0) ** 2),
    "type 2": (parametric_curve(2, 2.0, 0.75, 0.0, 0.25), lambda x: (0.75 * x) ** 2 + 0.25),
    "type 3": (
        parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
        lambda x: np.where(x >= 0.04045, ((x + 0.055) / 1.055) ** 2.4, x / 12.92),
    ),
    "type 4": (
        parametric_curve(4, 2.0, 0.75, 0.0, 0.5, 0.25, 0.25, 0.125),
        lambda x: np.where(x >= 0.25, (0.75 * x) ** 2 + 0.25, 0.5 * x + 0.125),
    ),
}
"""Each curve as a tag and as a formula (ICC.1:2022, 10.6 and 10.18)."""


@pytest.mark.parametrize("name", CURVES)
def test_a_wide_gamut_is_converted_by_its_formula_with_sixteen_bits(name: str) -> None:
    tag, curve = CURVES[name]
    samples = colours()
    # A curve's parameters are rounded to 1/65536, which makes up to 5 steps in the shadows.
    expected = encoded(curve(samples / 65535) @ WIDE.T @ np.linalg.inv(srgb_matrix()).T)
    assert np.abs(taken(samples, rgb_profile(tag)).pixels / 65535 - expected).max() <= 8 / 65535


def test_deep_conversion_agrees_with_the_usual_one_at_8_bits() -> None:
    shallow = (colours() // 257).astype(np.uint8)
    profile = rgb_profile(gamma_curve(563 / 256))
    deep = taken(shallow.astype(np.uint16) * np.uint16(257), profile).pixels
    assert np.abs(deep / 257 - taken(shallow, profile).pixels).max() < 1


@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_a_profile_of_grey_is_applied_with_sixteen_bits(file_format: str) -> None:
    samples = colours()[..., :1]
    profile = profile_of(b"GRAY", {b"kTRC": gamma_curve(1.8)})
    pixels = taken(samples, profile, file_format).pixels
    assert np.abs(pixels / 65535 - encoded((samples / 65535) ** (461 / 256))).max() <= 1 / 65535


def test_cmyk_goes_through_its_profiles_tables_with_sixteen_bits() -> None:
    press = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    shallow = np.random.default_rng(0).integers(0, 256, (20, 20, 4), dtype=np.uint8)
    deep = taken(shallow.astype(np.uint16) * np.uint16(257), press, "tiff").pixels
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - taken(shallow, press, "tiff").pixels).max() < 1
    ramp = np.zeros((1, 256, 4), dtype=np.uint16)
    ramp[..., 0] = np.arange(256) * 64
    assert len(np.unique(taken(ramp.reshape(16, 16, 4), press, "tiff").pixels[..., 0])) > 200  # at 8 bits: 64


def test_a_profile_of_srgb_that_is_not_ours_changes_next_to_nothing() -> None:
    samples = colours()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert profile != srgb_profile()  # another date
    assert np.abs(taken(samples, profile).pixels.astype(int) - samples).max() <= 8


def test_a_profile_whose_tags_are_all_of_it_takes_no_memory_for_each() -> None:
    whole = 2_000_000
    table = b"".join(b"%04d" % n + struct.pack(">II", 1, whole) for n in range(100))
    profile = (rgb_profile(gamma_curve(2.2))[:128] + struct.pack(">I", 100) + table).ljust(whole, b"\0")
    tracemalloc.start()
    try:
        assert deep_to_srgb(colours(), profile) is None
        assert tracemalloc.get_traced_memory()[1] < 20 * whole
    finally:
        tracemalloc.stop()


def test_a_profile_changes_no_deep_matte() -> None:
    samples = np.dstack((colours(), colours()[..., 1]))
    picture = taken(samples, rgb_profile(gamma_curve(1.8)))
    assert not np.array_equal(picture.pixels, samples[..., :3])
    assert picture.matte is not None
    assert np.array_equal(picture.matte, samples[..., 3])


WHOLE = rgb_profile(gamma_curve(1.8))
BROKEN = {
    "no profile": b"no profile",
    "cut off": WHOLE[:200],
    "cut off in a curve": WHOLE[:-8],
    "of another space": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    "of grey": profile_of(b"GRAY", {b"kTRC": gamma_curve(1.8)}),
    "without curves": profile_of(b"RGB ", {}),
    "of a curve nobody knows": rgb_profile(parametric_curve(9, 1.0)),
    "of broken tables": profile_of(b"RGB ", {b"A2B0": b"mft2" + bytes(60)}),
    "of thousands of tags": WHOLE[:128] + struct.pack(">I", 5000) + WHOLE[132:],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_profile_that_does_not_work_is_dropped(name: str) -> None:
    assert np.array_equal(taken(colours(), BROKEN[name], "tiff").pixels, colours())
