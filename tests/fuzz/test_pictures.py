"""Image files that were tampered with: a picture within the limits comes of them, or they are refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidImage
from service.ingest import ImageLimits, Ingested, ingest
from service.pictures import decode_stored, encode_stored
from tests.fuzz.bounds import within
from tests.fuzz.files import tampered_blocks, tampered_files, whole
from tests.fuzz.formats import FORMATS

LIMITS = ImageLimits(pixels=100_000, side=1000, aspect=8)


def taken(data: bytes) -> Ingested | None:
    """Ingest a file as a process does that doesn't take warnings for errors; None: it was refused."""
    with warnings.catch_warnings(), within(cpu_s=4, megabytes=200):
        warnings.simplefilter("ignore")
        try:
            return ingest(data, LIMITS)
        except InvalidImage:
            return None


def check(data: bytes) -> None:
    ingested = taken(data)
    if ingested is None:
        return
    picture = ingested.picture
    assert picture.pixels.dtype in {np.dtype(np.uint8), np.dtype(np.uint16)}
    assert picture.pixels.shape == (picture.height, picture.width, 3)
    assert picture.width * picture.height <= LIMITS.pixels
    assert max(picture.width, picture.height) <= min(LIMITS.side, LIMITS.aspect * min(picture.width, picture.height))
    assert ingested.content_type in {"image/jpeg", "image/png", "image/webp", "image/tiff"}
    assert ingested.bytes == len(data)
    stored = decode_stored(encode_stored(picture))
    assert stored.pixels.dtype == picture.pixels.dtype
    assert np.array_equal(stored.pixels, picture.pixels)
    if picture.matte is None:
        assert stored.matte is None
    else:
        assert picture.matte.dtype == picture.pixels.dtype
        assert picture.matte.shape == picture.pixels.shape[:2]
        assert stored.matte is not None
        assert np.array_equal(stored.matte, picture.matte)


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_files_that_are_tampered_with_are_pictures_but_for_those_of_several_pages(file_format: str) -> None:
    refused = [data for data in whole(file_format) if taken(data) is None]
    assert len(refused) == {"PNG": 1, "JPEG": 0, "WEBP": 1, "TIFF": 2}[file_format]
    assert all(FORMATS[file_format].join(FORMATS[file_format].split(data)) == data for data in whole(file_format)[:3])


@given(tampered_files("PNG"))
def test_a_png_that_was_tampered_with_is_a_picture_or_refused(data: bytes) -> None:
    check(data)


@given(tampered_files("JPEG"))
def test_a_jpeg_that_was_tampered_with_is_a_picture_or_refused(data: bytes) -> None:
    check(data)


@given(tampered_files("WEBP"))
def test_a_webp_that_was_tampered_with_is_a_picture_or_refused(data: bytes) -> None:
    check(data)


@given(tampered_files("TIFF"))
def test_a_tiff_that_was_tampered_with_is_a_picture_or_refused(data: bytes) -> None:
    check(data)


@given(tampered_blocks())
def test_metadata_and_profiles_that_were_tampered_with_leave_a_picture_or_are_refused(data: bytes) -> None:
    check(data)


@given(st.binary(max_size=200))
def test_bytes_are_a_picture_or_refused(data: bytes) -> None:
    check(data)
