"""Pictures that the service itself writes, read again by other means."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
import time
from io import BytesIO
from typing import Any, Literal, get_args

import numpy as np
import pytest
import pyvips
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageCms

from service.ingest import ImageLimits, ingest
from service.painting import Picture, Pixels
from service.pictures import (
    CONTENT_TYPES,
    SUFFIXES,
    decode_stored,
    eight_bits,
    encode_result,
    encode_stored,
    sixteen_bits,
    srgb_profile,
)
from service.spec import Output
from tests.images import gradient

Format = Literal["png", "jpeg", "webp", "tiff"]

LOSSLESS: list[tuple[Format, Literal[8, 16]]] = [("png", 8), ("png", 16), ("tiff", 8), ("tiff", 16)]


@st.composite
def any_picture(draw: st.DrawFn) -> Picture:
    """Draw a picture of either depth, with or without a matte."""
    depth: Any = draw(st.sampled_from([np.uint8, np.uint16]))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    pixels = draw(arrays.arrays(depth, (height, width, 3)))
    return Picture(pixels, draw(st.none() | arrays.arrays(depth, (height, width))))


def deep(width: int, height: int) -> NDArray[np.uint16]:
    """Colours of 16 bits, all of which differ in the low byte."""
    return np.random.default_rng(0).integers(0, 65536, (height, width, 3), dtype=np.uint16)


def matte_of(pixels: Pixels) -> Any:
    """Veil a picture from nothing at its left to all at its right."""
    height, width, _ = pixels.shape
    return np.linspace(0, np.iinfo(pixels.dtype).max, width).round().astype(pixels.dtype)[None].repeat(height, axis=0)


def samples_of(picture: Picture) -> Any:
    return picture.pixels if picture.matte is None else np.dstack((picture.pixels, picture.matte))


def reread(data: bytes) -> Pixels:
    """Decode by libvips, whatever it is."""
    samples: Pixels = pyvips.Image.new_from_buffer(data, "").numpy()
    return samples


@given(any_picture())
def test_a_stored_picture_comes_back_number_by_number(picture: Picture) -> None:
    again = decode_stored(encode_stored(picture))
    assert again.pixels.dtype == picture.pixels.dtype
    assert np.array_equal(again.pixels, picture.pixels)
    assert (again.matte is None) == (picture.matte is None)
    if again.matte is not None and picture.matte is not None:
        assert again.matte.dtype == picture.matte.dtype
        assert np.array_equal(again.matte, picture.matte)


@given(any_picture())
def test_a_stored_picture_is_an_ordinary_png(picture: Picture) -> None:
    data = encode_stored(picture)
    assert data.startswith(b"\x89PNG")
    assert np.array_equal(reread(data), samples_of(picture))


@given(any_picture(), st.sampled_from(LOSSLESS))
def test_lossless_results_have_every_number_at_the_bits_asked_for(
    picture: Picture, kind: tuple[Format, Literal[8, 16]]
) -> None:
    file_format, bits = kind
    samples = samples_of(picture)
    expected = eight_bits(samples) if bits == 8 else sixteen_bits(samples)
    written = reread(encode_result(picture, Output(format=file_format, bits=bits)))
    assert written.dtype == expected.dtype
    assert np.array_equal(written, expected)


def test_eight_bits_are_the_nearest_and_sixteen_exact() -> None:
    every = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(eight_bits(every), np.round(every / 257).astype(np.uint8))
    shallow = np.arange(256, dtype=np.uint8)
    assert sixteen_bits(shallow).tolist() == [257 * value for value in range(256)]
    assert np.array_equal(eight_bits(sixteen_bits(shallow)), shallow)


@pytest.mark.parametrize("file_format", get_args(Format))
@pytest.mark.parametrize("veiled", [False, True])
def test_a_result_carries_our_profile_its_size_and_no_other_metadata(file_format: Format, *, veiled: bool) -> None:
    pixels = gradient(32, 24)
    picture = Picture(pixels, matte_of(pixels) if veiled else None)
    with Image.open(BytesIO(encode_result(picture, Output(format=file_format)))) as image:
        assert (image.format, image.size) == (file_format.upper(), (32, 24))
        assert image.mode == ("RGBA" if veiled and file_format != "jpeg" else "RGB")
        assert image.info["icc_profile"] == srgb_profile()
        profile = ImageCms.ImageCmsProfile(BytesIO(srgb_profile()))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert image.info.keys().isdisjoint({"exif", "xmp", "comment", "Software", "photoshop"})
        if file_format != "tiff":  # its pixels are described by the same tags
            assert not image.getexif()


@pytest.mark.parametrize("veiled", [False, True])
def test_a_deep_png_holds_pixels_a_profile_and_a_resolution(*, veiled: bool) -> None:
    pixels = deep(32, 24)
    data = encode_result(Picture(pixels, matte_of(pixels) if veiled else None), Output(format="png", bits=16))
    names, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        names.append(data[place + 4 : place + 8])
        place += 12 + length
    assert set(names) == {b"IHDR", b"iCCP", b"pHYs", b"IDAT", b"IEND"}
    assert pyvips.Image.new_from_buffer(data, "").get("icc-profile-data") == srgb_profile()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("veiled", [False, True])
def test_a_tiff_is_deflated_and_describes_its_pixels_alone(bits: Literal[8, 16], *, veiled: bool) -> None:
    pixels = deep(32, 24)
    data = encode_result(Picture(pixels, matte_of(pixels) if veiled else None), Output(format="tiff", bits=bits))
    with Image.open(BytesIO(data)) as image:
        tags = dict(image.tag_v2)  # type: ignore[attr-defined]
    bands = 4 if veiled else 3
    assert (tags[256], tags[257], tags[258], tags[259]) == (32, 24, (bits,) * bands, 8)
    assert tags.get(338) == ((2,) if veiled else None)  # an alpha that colours are not multiplied by
    assert tags[34675] == srgb_profile()
    described = {256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 282, 283, 284, 296, 317, 338, 339, 34675}
    assert tags.keys() <= described
    assert tags.get(274, 1) == 1


def test_a_jpeg_is_written_without_subsampling() -> None:
    stripes = np.zeros((16, 16, 3), dtype=np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (255, 0, 0), (0, 0, 255)
    data = encode_result(Picture(stripes), Output(format="jpeg", quality=100))
    with Image.open(BytesIO(data)) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
        assert np.abs(np.asarray(image).astype(int) - stripes).mean() < 5


@pytest.mark.parametrize("depth", [8, 16])
def test_a_jpeg_lies_on_white_where_it_was_transparent(depth: int) -> None:
    black: Any = np.zeros((16, 32, 3), dtype=np.uint8 if depth == 8 else np.uint16)
    data = encode_result(Picture(black, matte_of(black)), Output(format="jpeg", quality=100))
    with Image.open(BytesIO(data)) as image:
        row = np.asarray(image)[8].astype(int)
    assert np.abs(row - np.linspace(255, 0, 32)[:, None]).max() <= 3


@pytest.mark.parametrize("file_format", ["jpeg", "webp"])
def test_quality_says_how_close_a_lossy_result_comes(file_format: Format) -> None:
    pixels = gradient(96, 64)
    best, worst = (encode_result(Picture(pixels), Output(format=file_format, quality=q)) for q in (100, 10))
    errors = []
    for data in (best, worst):
        with Image.open(BytesIO(data)) as image:
            errors.append(np.abs(np.asarray(image).astype(int) - pixels).mean())
    assert len(best) > 2 * len(worst)
    assert 2 * errors[0] < errors[1]


def test_a_webp_keeps_the_matte() -> None:
    pixels = gradient(32, 24)
    data = encode_result(Picture(pixels, matte_of(pixels)), Output(format="webp", quality=100))
    with Image.open(BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image)[..., 3], matte_of(pixels))


@pytest.mark.parametrize("file_format", ["jpeg", "webp"])
def test_formats_of_8_bits_take_a_deep_picture(file_format: Format) -> None:
    pixels = gradient(96, 64)
    shallow, rich = (encode_result(Picture(p), Output(format=file_format)) for p in (pixels, sixteen_bits(pixels)))
    assert shallow == rich


@given(any_picture(), st.sampled_from(LOSSLESS))
def test_a_result_handed_in_again_is_the_same_picture(picture: Picture, kind: tuple[Format, Literal[8, 16]]) -> None:
    file_format, bits = kind
    data = encode_result(picture, Output(format=file_format, bits=bits))
    expected = eight_bits(samples_of(picture)) if bits == 8 else sixteen_bits(samples_of(picture))
    assume(picture.matte is None or expected[..., 3:].any())  # what can't be seen at all is refused
    again = ingest(data, ImageLimits(pixels=100, side=10, aspect=10)).picture
    assert np.array_equal(again.pixels, expected[..., :3])
    if again.matte is not None:
        assert np.array_equal(again.matte, expected[..., 3])
    else:
        assert (expected[..., 3:] == np.iinfo(expected.dtype).max).all()


def test_every_format_has_a_content_type_and_a_suffix() -> None:
    formats = set(get_args(Output.model_fields["format"].annotation))
    assert CONTENT_TYPES.keys() == formats
    assert SUFFIXES.keys() == formats
    assert (CONTENT_TYPES["tiff"], SUFFIXES["tiff"]) == ("image/tiff", "tif")


def test_the_same_pixels_give_the_same_bytes_in_every_process() -> None:
    program = """if True:
        import hashlib, numpy as np
        from service.painting import Picture
        from service.pictures import encode_result, encode_stored, sixteen_bits
        from service.spec import Output
        from tests.images import gradient
        picture = Picture(sixteen_bits(gradient(640, 480)) + np.uint16(1), sixteen_bits(gradient(640, 480)[..., 0]))
        outputs = [(kind, bits) for kind in ("png", "jpeg", "webp", "tiff") for bits in (8, 16)]
        results = [encode_result(picture, Output(format=kind, bits=bits)) for kind, bits in outputs]
        print([hashlib.sha256(data).hexdigest() for data in (encode_stored(picture), *results)])
    """
    digests = []
    for _ in range(2):
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        digests.append(said.stdout)
        time.sleep(1 - time.time() % 1)  # into the next second: nothing may depend on when
    assert digests[0] == digests[1]
    assert len(hashlib.sha256().hexdigest()) * 9 < len(digests[0])
