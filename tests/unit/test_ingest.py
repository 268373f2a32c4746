from __future__ import annotations

import contextlib
import hashlib
import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from service.errors import InvalidImage
from service.ingest import ImageLimits, ingest
from service.painting import Picture
from service.pictures import srgb_profile
from tests.images import gradient, photograph_bytes

LIMITS = ImageLimits(pixels=100_000, side=1000, aspect=8)


def file_of(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def swapped_profile() -> bytes:
    """Make a profile of a space whose red is our green, and whose green our red."""
    profile = srgb_profile()
    for name, other in ((b"rXYZ", b"tmpX"), (b"gXYZ", b"rXYZ"), (b"tmpX", b"gXYZ")):
        profile = profile.replace(name, other, 1)
    return profile


def taken(data: bytes) -> Picture:
    return ingest(data, LIMITS).picture


def png_of(*rows: bytes, depth: int, colour: int, width: int, key: bytes) -> bytes:
    """Write the PNG that no library writes: of any depth and colour type, with a `tRNS` chunk."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = chunk(b"IHDR", header), chunk(b"tRNS", key), chunk(b"IDAT", body), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_lossless_files_keep_every_pixel(file_format: str) -> None:
    data = photograph_bytes(31, 17, file_format)
    ingested = ingest(data, LIMITS)
    assert np.array_equal(ingested.picture.pixels, gradient(31, 17))
    assert ingested.picture.matte is None
    assert (ingested.sha256, ingested.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert ingested.content_type == f"image/{file_format.lower()}"


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP"])
def test_lossy_files_come_close(file_format: str) -> None:
    smooth = np.broadcast_to(np.linspace(40, 200, 64, dtype=np.uint8)[:, None, None], (64, 48, 3))
    picture = taken(file_of(Image.fromarray(smooth), file_format, quality=95))
    assert np.abs(picture.pixels.astype(int) - smooth).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(orientation: int) -> None:
    upright = Image.fromarray(gradient(12, 8))
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if inverse is None else upright.transpose(inverse)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(taken(file_of(stored, exif=exif)).pixels, gradient(12, 8))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK"])
def test_other_modes_become_rgb(mode: str) -> None:
    image = Image.new("RGB", (8, 8), "white").convert(mode)
    picture = taken(file_of(image, "TIFF" if mode == "CMYK" else "PNG"))
    assert picture.pixels.tolist() == np.full((8, 8, 3), 255).tolist()


def test_a_profile_for_other_colours_is_dropped() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert np.array_equal(taken(file_of(Image.fromarray(gradient(8, 8)), icc_profile=lab)).pixels, gradient(8, 8))


def test_a_profile_is_applied_to_a_palette() -> None:
    image = Image.new("P", (2, 2))
    image.putpalette([200, 30, 40])
    indexed, plain = (
        taken(file_of(kind, icc_profile=swapped_profile())).pixels for kind in (image, image.convert("RGB"))
    )
    assert np.array_equal(indexed, plain)
    assert indexed[0, 0].tolist() != [200, 30, 40]


STRAIGHT = np.array([[[200, 100, 50, 255], [40, 80, 120, 128]], [[10, 20, 30, 0], [250, 0, 5, 1]]], dtype=np.uint8)
"""Colours with an alpha, also where nothing of them is seen."""


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_alpha_becomes_the_matte_and_colours_stay_straight(file_format: str) -> None:
    picture = taken(file_of(Image.fromarray(STRAIGHT), file_format))
    assert np.array_equal(picture.pixels, STRAIGHT[..., :3])
    assert picture.matte is not None
    assert np.array_equal(picture.matte, STRAIGHT[..., 3])


def test_the_alpha_of_a_webp_becomes_the_matte() -> None:
    picture = taken(file_of(Image.fromarray(STRAIGHT), "WEBP", lossless=True, exact=True))
    assert np.array_equal(picture.pixels, STRAIGHT[..., :3])
    assert picture.matte is not None
    assert np.array_equal(picture.matte, STRAIGHT[..., 3])


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_the_alpha_of_grey_becomes_the_matte(file_format: str) -> None:
    picture = taken(file_of(Image.fromarray(STRAIGHT[..., 2:], "LA"), file_format))
    assert picture.pixels.tolist() == np.repeat(STRAIGHT[..., 2:3], 3, axis=2).tolist()
    assert picture.matte is not None
    assert picture.matte.tolist() == STRAIGHT[..., 3].tolist()


def test_a_premultiplied_tiff_gets_its_straight_colours_back() -> None:
    multiplied = np.dstack(((STRAIGHT[..., :3] * (STRAIGHT[..., 3:] / 255)).round().astype(np.uint8), STRAIGHT[..., 3]))
    data = file_of(Image.fromarray(multiplied), "TIFF")
    unassociated, associated = (struct.pack("<HHIHH", 338, 3, 1, kind, 0) for kind in (2, 1))  # the tag ExtraSamples
    assert data.count(unassociated) == 1
    picture = taken(data.replace(unassociated, associated))
    assert np.abs(picture.pixels[0].astype(int) - STRAIGHT[0, :, :3]).max() <= 1
    assert picture.matte is not None
    assert picture.matte.tolist() == STRAIGHT[..., 3].tolist()


def test_the_alpha_beside_a_palette_becomes_the_matte() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image = image.convert("PA")
    image.putalpha(Image.fromarray(STRAIGHT[:1, :, 3]))
    picture = taken(file_of(image, "TIFF"))
    assert picture.pixels.tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert picture.matte is not None
    assert picture.matte.tolist() == STRAIGHT[:1, :, 3].tolist()


@pytest.mark.parametrize(("transparency", "alpha"), [(1, [255, 0]), (bytes([7, 90]), [7, 90])])
def test_the_transparent_entries_of_a_palette_become_the_matte(transparency: int | bytes, alpha: list[int]) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    picture = taken(file_of(image, transparency=transparency))
    assert picture.pixels.tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert picture.matte is not None
    assert picture.matte.tolist() == [alpha]


@pytest.mark.parametrize(
    ("depth", "row", "key", "greys"),
    [
        (1, b"\x40", 1, [0, 255, 0, 0]),
        (2, b"\x1b", 1, [0, 85, 170, 255]),
        (4, b"\x05\xaf", 5, [0, 85, 170, 255]),
        (8, b"\x00\x55\xaa\xff", 0x55, [0, 85, 170, 255]),
    ],
)
def test_a_transparent_grey_of_any_depth_becomes_the_matte(depth: int, row: bytes, key: int, greys: list[int]) -> None:
    picture = taken(png_of(row, depth=depth, colour=0, width=4, key=struct.pack(">H", key)))
    assert picture.pixels.tolist() == [[[grey] * 3 for grey in greys]]
    assert picture.matte is not None
    assert picture.matte.tolist() == [[255, 0, 255, 255]]


def test_a_transparent_colour_becomes_the_matte() -> None:
    picture = taken(png_of(bytes([1, 2, 3, 4, 5, 6]), depth=8, colour=2, width=2, key=struct.pack(">3H", 4, 5, 6)))
    assert picture.pixels.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert picture.matte is not None
    assert picture.matte.tolist() == [[255, 0]]


def test_the_matte_is_turned_upright_with_its_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = taken(file_of(Image.fromarray(STRAIGHT), exif=exif))
    assert picture.matte is not None
    assert picture.matte.tolist() == np.rot90(STRAIGHT[..., 3], -1).tolist()
    assert picture.pixels.tolist() == np.rot90(STRAIGHT[..., :3], -1).tolist()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_matte_that_hides_nothing_is_dropped(mode: str) -> None:
    picture = taken(file_of(Image.new("RGBA", (8, 8), (9, 9, 9, 255)).convert(mode)))
    assert picture.matte is None
    assert picture.pixels.tolist() == np.full((8, 8, 3), 9).tolist()


def test_a_profile_changes_colours_and_never_the_matte() -> None:
    opaque = Image.fromarray(np.full((2, 2, 3), (200, 30, 40), dtype=np.uint8))
    veiled = opaque.copy()
    veiled.putalpha(Image.fromarray(STRAIGHT[..., 3]))
    plain, hidden = (taken(file_of(image, icc_profile=swapped_profile())) for image in (opaque, veiled))
    assert plain.pixels[0, 0, 1] > plain.pixels[0, 0, 0]  # what was called red was green
    assert np.array_equal(hidden.pixels, plain.pixels)
    assert hidden.matte is not None
    assert np.array_equal(hidden.matte, STRAIGHT[..., 3])


def test_a_colour_profile_is_applied() -> None:
    lab = ImageCms.createProfile("LAB")
    red = ImageCms.profileToProfile(
        Image.new("RGB", (8, 8), (200, 30, 40)), ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
    )
    assert red is not None
    data = file_of(red, "TIFF", icc_profile=ImageCms.ImageCmsProfile(lab).tobytes())
    assert np.abs(taken(data).pixels.astype(int) - (200, 30, 40)).max() <= 3


def test_a_broken_profile_is_dropped() -> None:
    data = file_of(Image.fromarray(gradient(8, 8)), icc_profile=b"no profile")
    assert np.array_equal(taken(data).pixels, gradient(8, 8))


def test_a_cameras_jpeg_with_a_preview_behind_it_is_one_picture() -> None:
    large, preview = (Image.fromarray(gradient(width, width // 2)) for width in (64, 16))
    ingested = ingest(file_of(large, "MPO", save_all=True, append_images=[preview]), LIMITS)
    assert (ingested.picture.pixels.shape, ingested.content_type) == ((32, 64, 3), "image/jpeg")


def test_a_limit_above_the_decoders_own_holds() -> None:
    wide = ImageLimits(pixels=200_000_000, side=20_000, aspect=8)
    data = file_of(Image.new("1", (10_000, 9_000)))
    assert ingest(data, wide).picture.pixels.shape == (9_000, 10_000, 3)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no JPEG"),
        (b"plain text", "no JPEG"),
        (file_of(Image.new("RGB", (8, 8)), "GIF"), "no JPEG"),
        (file_of(Image.new("RGB", (8, 8)), "BMP"), "no JPEG"),
        (file_of(Image.new("L", (400, 300))), "at most 100000 pixels"),
        (file_of(Image.new("L", (1001, 60))), "at most 1000"),
        (file_of(Image.new("L", (90, 10))), "at most 8 times"),
        (file_of(Image.new("L", (8, 8)), save_all=True, append_images=[Image.new("L", (8, 8), 9)]), "animated"),
        (file_of(Image.new("L", (8, 8)), "TIFF", save_all=True, append_images=[Image.new("L", (8, 8))]), "animated"),
    ],
)
def test_what_is_no_picture_for_us_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(InvalidImage, match=why):
        ingest(data, LIMITS)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_cut_off_anywhere_is_refused(file_format: str, share: float) -> None:
    data = photograph_bytes(64, 48, file_format)
    with pytest.raises(InvalidImage):
        ingest(data[: int(len(data) * share)], LIMITS)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_however_a_file_is_mutilated_it_is_a_picture_or_refused(file_format: str) -> None:
    random = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    whole = file_of(Image.fromarray(gradient(24, 16)), file_format, exif=exif)
    for _ in range(500):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), int(random.choice([64, 400, 4000]))), random.integers(1, 8)):
            data[place] = random.choice(np.array([0, 255, random.integers(256)]))
        with contextlib.suppress(InvalidImage):
            assert taken(bytes(data)).pixels.shape[2] == 3


def test_a_header_that_announces_a_giant_is_refused_before_it_is_decoded() -> None:
    data = bytearray(photograph_bytes(8, 8))
    data[16:24] = (60_000).to_bytes(4) * 2
    with pytest.raises(InvalidImage):
        ingest(bytes(data), LIMITS)
