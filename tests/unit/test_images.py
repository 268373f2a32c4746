"""Pictures as tensors and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from service.painting import Picture
from tests.images import gradient
from workers.painter.images import enlarged, mask, matte, opaque, resized, to_image, to_pixels


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    pixels = gradient(40, 30)
    assert np.array_equal(to_pixels(resized(pixels, (40, 30))), pixels)


def test_resizing_keeps_what_8_bits_would_lose() -> None:
    """Half-way between 10 and 11 there are values of their own."""
    pixels = np.full((8, 8, 3), 10, np.uint8)
    pixels[:, 4:] = 11
    values = resized(pixels, (64, 64))[0, 0, 32] * 255
    assert ((values > 10.1) & (values < 10.9)).any()


def test_resizing_stays_within_the_range() -> None:
    """LANCZOS overshoots at an edge from black to white."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, 16:] = 255
    image = resized(pixels, (48, 48))
    assert image.dtype == torch.float32
    assert [image.min(), image.max()] == [0, 1]


def test_shrinking_averages_rather_than_picks() -> None:
    """A fine chequerboard is grey from afar."""
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = resized(np.repeat(board[..., None], 3, axis=2).astype(np.uint8), (16, 16))
    torch.testing.assert_close(image, torch.full((1, 3, 16, 16), 0.5), atol=0.02, rtol=0)


def test_16_bits_are_read_and_written_as_such() -> None:
    pixels = np.arange(300 * 3, dtype=np.uint16).reshape(30, 10, 3) * 72
    assert np.array_equal(to_pixels(to_image(pixels), bits=16), pixels)
    assert np.array_equal(to_pixels(resized(pixels, (10, 30)), bits=16), pixels)
    assert to_pixels(to_image(pixels)).dtype == np.uint8


def test_enlarging_on_the_device_is_smooth_and_stays_within_the_range() -> None:
    step = torch.zeros(1, 3, 8, 8)
    step[..., 4:] = 1
    image = enlarged(step, (32, 16))
    assert image.shape == (1, 3, 16, 32)
    assert [image.min(), image.max()] == [0, 1]
    assert enlarged(step, (8, 8)) is step


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_background_is_put_behind_what_is_transparent(dtype: type[np.uint8 | np.uint16]) -> None:
    white = np.iinfo(dtype).max
    pixels, cover = np.full((6, 9, 3), white, dtype), np.zeros((6, 9), dtype)
    cover[:, 3:6], cover[:, 6:] = white // 2, white
    image = opaque(Picture(pixels, cover), (9, 6), "#ff0080")
    expected = torch.tensor([[1, 0, 128 / 255], [1, 0.5, 0.751], [1, 1, 1]]).T
    torch.testing.assert_close(image[0, :, 2, [1, 4, 7]], expected, atol=0.01, rtol=0)


def test_without_a_background_the_colours_around_are_spread() -> None:
    """No black or white that a file may hold where nobody sees it gets into the painting."""
    pixels, cover = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.uint8)
    pixels[:, :20], cover[:, :20] = (250, 100, 50), 255
    image = opaque(Picture(pixels, cover), (30, 20))
    orange = torch.tensor([250, 100, 50]).div(255).view(1, 3, 1, 1).expand(1, 3, 20, 30)
    torch.testing.assert_close(image, orange, atol=0.02, rtol=0)  # LANCZOS rings a little


def test_a_picture_that_nobody_can_see_is_black() -> None:
    image = opaque(Picture(gradient(8, 8), np.zeros((8, 8), np.uint8)), (8, 8))
    assert torch.equal(image, torch.zeros(1, 3, 8, 8))


def test_a_matte_is_scaled_like_its_picture() -> None:
    cover = np.zeros((20, 40), np.uint16)
    cover[:, 20:] = 65535
    scaled = matte(Picture(gradient(40, 20), cover), (20, 10))
    assert scaled is not None
    torch.testing.assert_close(scaled[0, 0, :, [2, 17]], torch.tensor([0.0, 1.0]).expand(10, 2))
    assert matte(Picture(gradient(40, 20)), (20, 10)) is None


def test_a_mask_is_how_white_a_picture_is_and_transparent_counts_as_black() -> None:
    pixels, cover = np.full((4, 6, 3), 255, np.uint8), np.full((4, 6), 255, np.uint8)
    pixels[:, 2:4], cover[:, 4:] = 128, 0
    values = mask(Picture(pixels, cover), (6, 4))
    torch.testing.assert_close(values[0, 0, 0], torch.tensor([1, 1, 128 / 255, 128 / 255, 0, 0]), atol=1e-6, rtol=0)


def test_pixels_survive_the_way_to_the_device_and_back() -> None:
    pixels = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
    assert np.array_equal(to_pixels(to_image(pixels)), pixels)


def test_what_is_out_of_range_is_clamped_and_the_rest_rounded() -> None:
    values = torch.tensor([-0.5, 0.4 / 255, 0.6 / 255, 1.7]).expand(1, 3, 1, 4)
    assert to_pixels(values)[0, :, 0].tolist() == [0, 0, 1, 255]
