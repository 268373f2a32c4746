"""Pictures beside each other, and Gram matrices as pictures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.painting import Pixels
from service.sheet import INK, PAPER, contact_sheet
from tests.images import gradient
from workers.painter.gram_pictures import DECADES, TILE, gram_picture, gram_sheet

PAPER_RGB, INK_RGB = (np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) for colour in (PAPER, INK))


def places(sheet: Pixels, pixels: Pixels) -> list[tuple[int, int]]:
    """Where a picture stands on a sheet to the pixel, as (left, top)."""
    height, width = pixels.shape[:2]
    return [
        (int(x), int(y))
        for y, x in np.argwhere((sheet == pixels[0, 0]).all(axis=2))
        if np.array_equal(sheet[y : y + height, x : x + width], pixels)
    ]


def gram(channels: int) -> NDArray[np.float32]:
    v = np.maximum(np.random.default_rng(channels).standard_normal((channels, 40)), 0)
    return (v @ v.T / 40).astype(np.float32)


@pytest.mark.parametrize("height", [96, 400])
def test_pictures_of_one_height_stand_on_the_sheet_to_the_pixel(height: int) -> None:
    pictures = [gradient(height * 3 // 2, height), gradient(height, height)[::-1]]
    sheet = contact_sheet([("one", pictures[0]), ("two", pictures[1])])
    (left, top), (second, level) = (places(sheet, pixels)[0] for pixels in pictures)
    assert (left, top) == (top, level)
    assert second == left + pictures[0].shape[1] + left
    assert sheet.shape[1] == second + height + left


def test_others_are_scaled_to_the_first_ones_height_or_to_that_asked_for() -> None:
    columns = [("a", gradient(90, 60)), ("b", gradient(40, 80))]
    margin = 10
    assert contact_sheet(columns).shape[1] == 3 * margin + 90 + 30
    assert contact_sheet(columns, height=120).shape[1] == 3 * margin + 180 + 60


def test_a_label_stands_below_its_picture_and_on_paper() -> None:
    pixels = gradient(160, 100)
    sheets = [contact_sheet([(label, pixels), ("", pixels)]) for label in ("", "relu1_1")]
    changed = np.argwhere((sheets[0] != sheets[1]).any(axis=2))
    left, top = places(sheets[0], pixels)[0]
    assert changed[:, 0].min() >= top + 100
    assert changed[:, 1].max() < left + 160
    assert (sheets[1] == INK_RGB).all(axis=2).any()
    assert (sheets[1][0] == PAPER_RGB).all()


def test_a_long_label_is_made_smaller_rather_than_run_into_the_next() -> None:
    pixels = gradient(100, 100)
    label = "a label that is rather long"
    one, both = (contact_sheet([(label, pixels), (second, pixels)]) for second in ("", label))
    left = places(one, pixels)[1][0]
    assert (one[:, left:] == contact_sheet([("", pixels), ("", pixels)])[:, left:]).all()
    assert not np.array_equal(one, both)


def test_deep_pictures_are_shown_with_8_bits() -> None:
    shallow = gradient(80, 80)
    deep = contact_sheet([("x", shallow.astype(np.uint16) * 257)])
    assert np.array_equal(deep, contact_sheet([("x", shallow)]))


@pytest.mark.parametrize("channels", [64, 512])
def test_a_gram_matrix_is_shown_one_pixel_an_entry_and_symmetric(channels: int) -> None:
    pixels = gram_picture(gram(channels))
    assert pixels.shape == (channels, channels, 3)
    assert np.array_equal(pixels, pixels.transpose(1, 0, 2))


def test_larger_entries_are_lighter_in_equal_steps_for_equal_ratios() -> None:
    pixels = gram_picture(10.0 ** -np.arange(0, DECADES + 2, 0.5)[None])
    lightness = pixels[0].astype(float) @ (0.299, 0.587, 0.114)
    steps = -np.diff(lightness[: 2 * DECADES + 1])
    assert (steps > 0).all()
    assert steps.max() < 2.5 * steps.min()
    assert (pixels[0, 2 * DECADES :] == pixels[0, -1]).all()  # too small to be told apart


def test_a_matrix_of_zeros_is_black_and_a_zero_is_as_dark_as_the_smallest() -> None:
    assert gram_picture(np.zeros((4, 4))).max() < 8
    assert gram_picture(np.array([[1.0, 0.0]]))[0, 1].max() < 8


def test_a_sheet_shows_every_matrix_at_one_size_by_whole_pixels() -> None:
    grams = {"relu1_1": gram(64), "relu2_1": gram(128), "relu4_1": gram(512)}
    sheet = gram_sheet(grams)
    for matrix in grams.values():
        factor = TILE // len(matrix)
        tile = gram_picture(matrix).repeat(factor, axis=0).repeat(factor, axis=1)
        assert len(places(sheet, tile)) == 1
    assert np.array_equal(sheet, gram_sheet(grams))


def test_a_sheet_tells_the_scale_of_its_colours_and_leaves_a_margin_around() -> None:
    sheet = gram_sheet({"relu1_1": gram(64)})
    colours = gram_picture(10.0 ** -np.linspace(0, DECADES, TILE)[:, None])
    (left, top) = places(sheet, colours)[0]
    right_of = sheet[top : top + TILE, left + TILE // 16 :]
    rows = np.unique(np.argwhere((right_of == INK_RGB).all(axis=2))[:, 0])
    for decade in range(DECADES + 1):  # a tick, or a number, stands at each
        assert np.abs(rows - (TILE - 1) * decade / DECADES).min() < 1
    for edge in (sheet[:10], sheet[-10:], sheet[:, :10], sheet[:, -10:]):
        assert (edge == PAPER_RGB).all()


def test_a_sheet_of_zeros_is_drawn_too() -> None:
    zeros = np.zeros((64, 64))
    assert len(places(gram_sheet({"relu1_1": zeros}), gram_picture(zeros).repeat(8, axis=0).repeat(8, axis=1))) == 1
