"""Colours apart from lightness, and from one picture to another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.images import gradient
from workers.painter.colour import luma, recoloured, with_broad_colours_of, with_deviation_of, with_luma
from workers.painter.images import to_image


def picture(seed: int = 0, width: int = 40, height: int = 30) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def naive_oklab(colour: np.ndarray) -> np.ndarray:
    """One sRGB colour in OKLab, written out as its author does."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    l_ = np.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    m_ = np.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    s_ = np.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return np.array(
        [
            0.2104542553 * l_ + 0.7936177850 * m_ - 0.0040720468 * s_,
            1.9779984951 * l_ - 2.4285922050 * m_ + 0.4505937099 * s_,
            0.0259040371 * l_ + 0.7827717662 * m_ - 0.8086757660 * s_,
        ]
    )


def test_luma_weighs_the_channels() -> None:
    image = torch.tensor([0.2, 0.4, 0.9]).view(1, 3, 1, 1)
    assert luma(image).item() == pytest.approx(0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.9)
    assert luma(luma(image)).item() == luma(image).item()


@given(st.integers(0, 99))
def test_a_picture_takes_any_luma_exactly_and_stays_within_the_colours(seed: int) -> None:
    lightness = luma(picture(seed + 1))
    changed = with_luma(picture(seed), lightness)
    torch.testing.assert_close(luma(changed), lightness, atol=1e-6, rtol=0)
    assert 0 <= changed.min() <= changed.max() <= 1


def test_a_picture_with_its_own_luma_is_itself() -> None:
    torch.testing.assert_close(with_luma(picture(), luma(picture())), picture(), atol=1e-5, rtol=0)


def test_hue_is_kept_where_lightness_changes() -> None:
    changed = with_luma(picture(), luma(picture()) * 0.9)
    own, theirs = (image - luma(image) for image in (picture(), changed))
    assert torch.cosine_similarity(own.flatten(2), theirs.flatten(2), dim=1).min() > 0.999


def test_a_luma_takes_anothers_mean_and_deviation() -> None:
    narrow = 0.4 + 0.1 * luma(picture(1))
    changed = with_deviation_of(luma(picture(2)), narrow)
    torch.testing.assert_close(torch.stack([changed.mean(), changed.std()]), torch.stack([narrow.mean(), narrow.std()]))


def test_a_picture_takes_anothers_mean_and_covariance() -> None:
    mixed = torch.einsum("ij,bjhw->bihw", torch.tensor([[0.2, 0.1, 0], [0.1, 0.2, 0.1], [0, 0, 0.1]]), picture(1)) + 0.3
    changed = recoloured(picture(2), mixed)
    own, theirs = changed.flatten(2)[0], mixed.flatten(2)[0]
    torch.testing.assert_close(own.mean(1), theirs.mean(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(own.cov(), theirs.cov(), atol=1e-4, rtol=0)


def test_a_picture_in_its_own_colours_is_itself() -> None:
    torch.testing.assert_close(recoloured(picture(), picture()), picture(), atol=1e-4, rtol=0)


def test_a_picture_of_one_colour_can_be_taken_and_given() -> None:
    flat = torch.full((1, 3, 8, 8), 0.25)
    torch.testing.assert_close(recoloured(picture(), flat), torch.full_like(picture(), 0.25), atol=5e-3, rtol=0)
    assert recoloured(flat, picture()).isfinite().all()


def test_broad_colours_are_exchanged_and_lightness_is_not() -> None:
    image, other = to_image(gradient(80, 60)) * 0.2 + 0.4, torch.full((1, 3, 60, 80), 0.5)
    changed = with_broad_colours_of(image, other)
    lightness = [[naive_oklab(one[0, :, y, 40].numpy())[0] for y in range(60)] for one in (image, changed)]
    np.testing.assert_allclose(lightness[1], lightness[0], atol=2e-3)
    mean = naive_oklab(changed.mean(dim=(2, 3))[0].numpy())
    assert np.abs(mean[1:]).max() < 0.01  # grey on the whole, as the other is
    assert (changed - luma(changed)).std() > 0.005  # and coloured in its strokes


def test_a_picture_with_its_own_broad_colours_is_itself() -> None:
    torch.testing.assert_close(with_broad_colours_of(picture(), picture()), picture(), atol=1e-3, rtol=0)
