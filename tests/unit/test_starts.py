"""The images that a painting may start from."""

from __future__ import annotations

import pytest
import torch

from workers.painter.starts import noise, style_statistics


def waves(height: int, width: int) -> torch.Tensor:
    """Orange with diagonal waves of a period of 8 pixels."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    wave = 0.1 * torch.sin(2 * torch.pi * (x + y) / 8)
    return torch.tensor([0.7, 0.5, 0.3]).view(1, 3, 1, 1) + wave * torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_noise_is_a_matter_of_the_seed_alone(seed: int) -> None:
    like = torch.zeros(1, 3, 32, 24)
    assert torch.equal(noise(like, seed), noise(like, seed))
    assert not torch.equal(noise(like, seed), noise(like, seed ^ 1))
    assert 0 <= noise(like, seed).min() < noise(like, seed).max() <= 1


@pytest.mark.parametrize("shape", [(64, 64), (48, 80)])
def test_noise_in_a_style_has_its_mean_its_covariance_and_its_waves(shape: tuple[int, int]) -> None:
    style, like = waves(40, 40), torch.zeros(1, 3, *shape)
    drawn = torch.cat([style_statistics(like, [style], [1.0], seed) for seed in range(40)], dim=3)
    own, theirs = drawn.flatten(2)[0], style.flatten(2)[0]
    torch.testing.assert_close(own.mean(1), theirs.mean(1), atol=0.02, rtol=0)
    torch.testing.assert_close(own.cov(), theirs.cov(), atol=2e-3, rtol=0)
    red = drawn[0, 0] - drawn[0, 0].mean()
    assert (red * red.roll((4, -4), (0, 1))).mean() > 0.5 * red.var()  # along a crest
    assert (red * red.roll((2, 2), (0, 1))).mean() < -0.5 * red.var()  # from crest to trough


def test_several_styles_are_mixed_by_their_shares() -> None:
    like = torch.zeros(1, 3, 64, 64)
    plain, light = torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.6)
    torch.testing.assert_close(style_statistics(like, [plain, light], [0.25, 0.75], 0), torch.full_like(like, 0.5))


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    like, style = torch.zeros(1, 3, 20, 30), waves(64, 64)
    assert torch.equal(style_statistics(like, [style], [1.0], 1), style_statistics(like, [style], [1.0], 1))
    assert not torch.equal(style_statistics(like, [style], [1.0], 1), style_statistics(like, [style], [1.0], 2))
