"""Files of more than 8 bits a sample."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from service.deep import decode_deep
from service.errors import InvalidImage
from service.ingest import ImageLimits, ingest
from service.painting import Picture
from service.pictures import srgb_profile
from tests.images import photograph_bytes

LIMITS = ImageLimits(pixels=100_000, side=1000, aspect=8)

Samples = NDArray[np.uint16]

INTERPRETATIONS = {1: "grey16", 2: "grey16", 3: "rgb16", 4: "rgb16"}


def noise(*shape: int) -> Samples:
    """Samples whose low bytes matter as much as their high ones."""
    return np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)


def file_of(samples: Samples, file_format: str = "png", *, orientation: int = 1, **options: Any) -> bytes:
    """Encode `(H, W, bands)`; `profile` and `interpretation` describe them, other options go to the encoder."""
    height, width, bands = samples.shape
    interpretation = options.pop("interpretation", INTERPRETATIONS[bands])
    profile = options.pop("profile", None)
    image = pyvips.Image.new_from_memory(samples.tobytes(), width, height, bands, "ushort")
    image = image.copy(interpretation=interpretation)
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    save = {"png": image.pngsave_buffer, "tiff": image.tiffsave_buffer}[file_format]
    return bytes(save(**options))


def taken(data: bytes) -> Picture:
    return ingest(data, LIMITS).picture


@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_colours_of_sixteen_bits_come_back_exactly(file_format: str) -> None:
    samples = noise(17, 31, 3)
    ingested = ingest(file_of(samples, file_format), LIMITS)
    assert ingested.picture.pixels.dtype == np.uint16
    assert np.array_equal(ingested.picture.pixels, samples)
    assert ingested.picture.matte is None
    assert ingested.content_type == f"image/{file_format}"


@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_grey_of_sixteen_bits_keeps_them(file_format: str) -> None:
    samples = noise(17, 31, 1)
    assert np.array_equal(taken(file_of(samples, file_format)).pixels, np.repeat(samples, 3, axis=2))


@pytest.mark.parametrize(("file_format", "bands"), [("png", 4), ("png", 2), ("tiff", 4)])
def test_alpha_of_sixteen_bits_becomes_the_matte(file_format: str, bands: int) -> None:
    samples = noise(17, 31, bands)
    samples[0, :4, -1] = 0, 1, 65534, 65535
    picture = taken(file_of(samples, file_format))
    assert np.array_equal(picture.pixels, samples[..., :3] if bands == 4 else np.repeat(samples[..., :1], 3, axis=2))
    assert picture.matte is not None
    assert picture.matte.dtype == np.uint16
    assert np.array_equal(picture.matte, samples[..., -1])


def test_a_deep_matte_that_hides_nothing_is_dropped() -> None:
    samples = noise(8, 8, 4)
    samples[..., 3] = 65535
    assert taken(file_of(samples)).matte is None


def test_a_premultiplied_deep_tiff_gets_its_straight_colours_back() -> None:
    samples = noise(8, 8, 4)
    samples[..., 3] = np.maximum(samples[..., 3], 20_000)
    picture = taken(file_of(samples, "tiff", premultiply=True))
    assert np.abs(picture.pixels.astype(int) - samples[..., :3]).max() <= 4  # 65535 / 20000, and rounding
    assert picture.matte is not None
    assert np.array_equal(picture.matte, samples[..., 3])


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate"])
@pytest.mark.parametrize("tile", [False, True])
def test_a_deep_tiff_comes_back_however_it_is_packed(compression: str, tile: bool) -> None:
    samples = noise(40, 30, 3)
    data = file_of(samples, "tiff", compression=compression, tile=tile, tile_width=16, tile_height=16)
    assert np.array_equal(taken(data).pixels, samples)


def tiff_of(samples: Samples, *, order: str, photometric: int, bits: int = 16, body: bytes | None = None) -> bytes:
    """Write a TIFF without compression by hand, `order` being ">" or "<" as in `struct` (TIFF 6.0)."""
    height, width, bands = samples.shape
    body = samples.astype(f"{order}u2").tobytes() if body is None else body
    first = 8 + 2 + 12 * 9 + 4
    depths = struct.pack(f"{order}{bands}H", *[bits] * bands)
    tags = [(256, width), (257, height), (258, first), (259, 1), (262, photometric)]
    tags += [(273, first + 8), (277, bands), (278, height), (279, len(body))]
    if bands == 1:
        tags[2] = (258, bits)
    entries = b"".join(
        struct.pack(f"{order}HHII", tag, 4, 1, value)
        if tag not in {258, 259, 262, 277}
        else struct.pack(f"{order}HHI", tag, 3, bands if tag == 258 else 1)
        + (struct.pack(f"{order}I", value) if tag == 258 and bands > 2 else struct.pack(f"{order}HH", value, 0))
        for tag, value in tags
    )
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(tags))
    return start + entries + bytes(4) + depths.ljust(8, b"\0") + body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("bands", "photometric"), [(1, 1), (3, 2)])
def test_a_deep_tiff_may_have_either_byte_order(order: str, bands: int, photometric: int) -> None:
    samples = noise(7, 9, bands)
    pixels = taken(tiff_of(samples, order=order, photometric=photometric)).pixels
    assert np.array_equal(pixels, np.broadcast_to(samples, (7, 9, 3)))


def test_a_deep_tiff_whose_zero_is_white_is_no_negative() -> None:
    samples = noise(7, 9, 1)
    pixels = taken(tiff_of(samples, order="<", photometric=0)).pixels
    assert np.array_equal(pixels[..., 0], 65535 - samples[..., 0])


def test_grey_of_twelve_bits_is_scaled_to_sixteen() -> None:
    data = tiff_of(noise(1, 2, 1), order="<", photometric=1, bits=12, body=bytes([0xFF, 0xF8, 0x00]))
    assert taken(data).pixels[0, :, 0].tolist() == [65535, 0x8008]  # 0xFFF and 0x800


@pytest.mark.parametrize("mode", ["I", "F"])
def test_grey_of_32_bits_is_cut_down_from_the_16_that_it_has(mode: str) -> None:
    file = BytesIO()
    image = Image.fromarray(np.array([[0, 32_768, 65_535, 99_999]], dtype={"I": np.int32, "F": np.float32}[mode]))
    image.save(file, "TIFF")
    assert taken(file.getvalue()).pixels.tolist() == [[[0] * 3, [128] * 3, [255] * 3, [255] * 3]]


def test_deep_cmyk_without_a_profile_is_subtracted() -> None:
    samples = np.array([[[0, 0, 0, 0], [65535, 0, 0, 0], [0, 0, 0, 65535], [13107, 0, 0, 32768]]], dtype=np.uint16)
    pixels = taken(file_of(samples, "tiff", interpretation="cmyk")).pixels
    half = 32767
    assert pixels.tolist() == [[[65535] * 3, [0, 65535, 65535], [0] * 3, [round(half * 0.8), half, half]]]


UPRIGHT: Mapping[int, Callable[[Samples], Samples]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}
"""What each orientation asks of who shows the picture (EXIF 2.32, 4.6.4)."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_every_orientation_of_a_deep_file_comes_out_upright_with_its_matte(file_format: str, orientation: int) -> None:
    samples = noise(8, 12, 4)
    picture = taken(file_of(samples, file_format, orientation=orientation))
    upright = UPRIGHT[orientation](samples)
    assert np.array_equal(picture.pixels, upright[..., :3])
    assert picture.matte is not None
    assert np.array_equal(picture.matte, upright[..., 3])


def test_our_own_profile_changes_no_value() -> None:
    samples = noise(8, 8, 3)
    assert np.array_equal(taken(file_of(samples, profile=srgb_profile())).pixels, samples)


@pytest.mark.parametrize("file_format", ["png", "tiff"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_deep_file_cut_off_anywhere_is_refused_in_silence(
    file_format: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    data = file_of(noise(48, 64, 3), file_format)
    with pytest.raises(InvalidImage):
        ingest(data[: int(len(data) * share)], LIMITS)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_however_a_deep_file_is_mutilated_it_is_a_picture_or_refused_in_silence(
    file_format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    whole = file_of(noise(16, 24, 3), file_format, orientation=6, profile=srgb_profile())
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), int(random.choice([64, 400, 4000]))), random.integers(1, 8)):
            data[place] = random.choice(np.array([0, 255, random.integers(256)]))
        try:
            assert taken(bytes(data)).pixels.shape[2] == 3
        except InvalidImage:
            refused += 1
    assert 0 < refused < 300
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("data", "pixels"), [(file_of(noise(8, 8, 3)), 63), (photograph_bytes(8, 8), 64)])
def test_a_file_that_is_not_what_its_header_was_taken_for_is_not_decoded(data: bytes, pixels: int) -> None:
    with pytest.raises(ValueError, match="disagree"):
        decode_deep(data, "PNG", pixels=pixels)


def test_pictures_of_8_bits_never_start_the_library_that_forked_processes_wait_for() -> None:
    program = """if True:
        import sys
        from service.ingest import ImageLimits, ingest
        from service.pictures import decode_stored, encode_result, encode_stored
        from service.spec import Output
        from tests.images import photograph_bytes
        picture = ingest(photograph_bytes(), ImageLimits(10_000, 100, 8)).picture
        picture = decode_stored(encode_stored(picture))
        for kind in ("png", "jpeg", "webp", "tiff"):
            encode_result(picture, Output(format=kind))
        print("pyvips" in sys.modules)
    """
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_a_deep_file_beyond_the_limits_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidImage, match="at most 100000 pixels"):
        taken(file_of(np.zeros((300, 400, 3), dtype=np.uint16)))
    with pytest.raises(InvalidImage, match="at most 8 times"):
        taken(file_of(noise(10, 90, 3), "tiff"))
