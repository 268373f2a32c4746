from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import time
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from service.errors import InvalidImage
from service.ingest import ImageLimits, ingest
from service.pictures import decode_stored, encode_result, encode_stored
from service.spec import Output
from tests.images import gradient, photograph_bytes

LIMITS = ImageLimits(pixels=100_000, side=1000, aspect=8)


def file_of(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_lossless_files_keep_every_pixel(file_format: str) -> None:
    data = photograph_bytes(31, 17, file_format)
    picture = ingest(data, LIMITS)
    assert np.array_equal(picture.pixels, gradient(31, 17))
    assert (picture.sha256, picture.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert picture.content_type == f"image/{file_format.lower()}"


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP"])
def test_lossy_files_come_close(file_format: str) -> None:
    smooth = np.broadcast_to(np.linspace(40, 200, 64, dtype=np.uint8)[:, None, None], (64, 48, 3))
    picture = ingest(file_of(Image.fromarray(smooth), file_format, quality=95), LIMITS)
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
    assert np.array_equal(ingest(file_of(stored, exif=exif), LIMITS).pixels, gradient(12, 8))


def test_sixteen_bit_grey_is_scaled_and_not_cut_off() -> None:
    grey = Image.fromarray(np.array([[0, 32_768, 65_535]], dtype=np.uint16))
    assert ingest(file_of(grey), LIMITS).pixels[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK"])
def test_other_modes_become_rgb(mode: str) -> None:
    image = Image.new("RGB", (8, 8), "white").convert(mode)
    picture = ingest(file_of(image, "TIFF" if mode == "CMYK" else "PNG"), LIMITS)
    assert picture.pixels.tolist() == np.full((8, 8, 3), 255).tolist()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_put_on_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    assert ingest(file_of(image), LIMITS).pixels.min() == 255


def test_a_transparent_palette_is_put_on_white() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30])
    assert ingest(file_of(image, transparency=0), LIMITS).pixels.min() == 255


def test_a_colour_profile_is_applied() -> None:
    lab = ImageCms.createProfile("LAB")
    red = ImageCms.profileToProfile(
        Image.new("RGB", (8, 8), (200, 30, 40)), ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
    )
    assert red is not None
    data = file_of(red, "TIFF", icc_profile=ImageCms.ImageCmsProfile(lab).tobytes())
    assert np.abs(ingest(data, LIMITS).pixels.astype(int) - (200, 30, 40)).max() <= 3


def test_a_broken_profile_is_dropped() -> None:
    data = file_of(Image.fromarray(gradient(8, 8)), icc_profile=b"no profile")
    assert np.array_equal(ingest(data, LIMITS).pixels, gradient(8, 8))


def test_a_cameras_jpeg_with_a_preview_behind_it_is_one_picture() -> None:
    large, preview = (Image.fromarray(gradient(width, width // 2)) for width in (64, 16))
    picture = ingest(file_of(large, "MPO", save_all=True, append_images=[preview]), LIMITS)
    assert (picture.pixels.shape, picture.content_type) == ((32, 64, 3), "image/jpeg")


def test_a_limit_above_the_decoders_own_holds() -> None:
    wide = ImageLimits(pixels=200_000_000, side=20_000, aspect=8)
    data = file_of(Image.new("1", (10_000, 9_000)))
    assert ingest(data, wide).pixels.shape == (9_000, 10_000, 3)


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
            assert ingest(bytes(data), LIMITS).pixels.shape[2] == 3


def test_a_header_that_announces_a_giant_is_refused_before_it_is_decoded() -> None:
    data = bytearray(photograph_bytes(8, 8))
    data[16:24] = (60_000).to_bytes(4) * 2
    with pytest.raises(InvalidImage):
        ingest(bytes(data), LIMITS)


def test_stored_pictures_keep_every_pixel() -> None:
    assert np.array_equal(decode_stored(encode_stored(gradient(33, 21))), gradient(33, 21))


@pytest.mark.parametrize("file_format", ["png", "jpeg", "webp"])
def test_a_result_carries_an_srgb_profile_and_no_other_metadata(file_format: str) -> None:
    data = encode_result(gradient(32, 24), Output.model_validate({"format": file_format}))
    with Image.open(BytesIO(data)) as image:
        assert (image.format, image.size) == (file_format.upper(), (32, 24))
        profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert not image.getexif()


def test_a_jpeg_result_keeps_its_colour_edges() -> None:
    stripes = np.zeros((16, 16, 3), dtype=np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (255, 0, 0), (0, 0, 255)
    data = encode_result(stripes, Output(format="jpeg", quality=100))
    with Image.open(BytesIO(data)) as image:
        assert np.abs(np.asarray(image).astype(int) - stripes).mean() < 5


def test_the_same_pixels_give_the_same_bytes_in_every_process() -> None:
    program = (
        "import hashlib; from service.pictures import encode_result; from service.spec import Output;"
        "from tests.images import gradient;"
        "print(hashlib.sha256(encode_result(gradient(32, 24), Output())).hexdigest())"
    )
    here = hashlib.sha256(encode_result(gradient(32, 24), Output())).hexdigest()
    time.sleep(1 - time.time() % 1)  # into the next second: nothing may depend on when
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here
