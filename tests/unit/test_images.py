"""Pictures as tensors and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.images import gradient
from workers.painter.images import noise, resized, to_image, to_pixels


@given(width=st.integers(1, 60), height=st.integers(1, 60), longest=st.integers(16, 96))
def test_the_longer_side_is_as_asked_and_the_ratio_is_kept_to_the_pixel(width: int, height: int, longest: int) -> None:
    image = resized(gradient(width, height), longest)
    sides = image.shape[2:]
    assert max(sides) == longest
    exact = longest * min(width, height) / max(width, height)
    assert abs(min(sides) - exact) <= 0.5 or min(sides) == 1
    assert (sides[0] > sides[1]) == (height > width) or min(sides) == max(sides)


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    pixels = gradient(40, 30)
    assert np.array_equal(to_pixels(resized(pixels, 40)), pixels)


def test_resizing_keeps_what_8_bits_would_lose() -> None:
    """Half-way between 10 and 11 there are values of their own."""
    pixels = np.full((8, 8, 3), 10, np.uint8)
    pixels[:, 4:] = 11
    values = resized(pixels, 64)[0, 0, 32] * 255
    assert ((values > 10.1) & (values < 10.9)).any()


def test_resizing_stays_within_the_range() -> None:
    """LANCZOS overshoots at an edge from black to white."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, 16:] = 255
    image = resized(pixels, 48)
    assert image.dtype == torch.float32
    assert [image.min(), image.max()] == [0, 1]


def test_shrinking_averages_rather_than_picks() -> None:
    """A fine chequerboard is grey from afar."""
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = resized(np.repeat(board[..., None], 3, axis=2).astype(np.uint8), 16)
    torch.testing.assert_close(image, torch.full((1, 3, 16, 16), 0.5), atol=0.02, rtol=0)


def test_pixels_survive_the_way_to_the_device_and_back() -> None:
    pixels = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
    assert np.array_equal(to_pixels(to_image(pixels)), pixels)


def test_what_is_out_of_range_is_clamped_and_the_rest_rounded() -> None:
    values = torch.tensor([-0.5, 0.4 / 255, 0.6 / 255, 1.7]).expand(1, 3, 1, 4)
    assert to_pixels(values)[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_noise_is_a_matter_of_the_seed_alone(seed: int) -> None:
    like = torch.zeros(1, 3, 32, 24)
    assert torch.equal(noise(like, seed), noise(like, seed))
    assert not torch.equal(noise(like, seed), noise(like, seed ^ 1))
    assert 0 <= noise(like, seed).min() < noise(like, seed).max() <= 1
