"""Masks on the grids of the layers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from service.networks import NETWORKS
from workers.painter.regions import propagated

VGG = NETWORKS["vgg16"]
LAYERS = ("relu1_2", "relu2_1", "relu3_3", "relu4_1", "relu5_3")


@pytest.mark.parametrize(("height", "width"), [(64, 64), (50, 77), (16, 200)])
def test_a_mask_has_a_value_for_each_position_of_a_layer(height: int, width: int) -> None:
    found = propagated(torch.rand(1, 1, height, width), VGG, LAYERS)
    strides = {layer: VGG.layers[layer].stride for layer in LAYERS}
    assert {layer: len(values) for layer, values in found.items()} == {
        layer: (height // stride) * (width // stride) for layer, stride in strides.items()
    }


def test_a_position_counts_by_the_share_of_its_pixels() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., :12] = 1  # in the middle of a cell of relu4_1, whose stride is 8
    found = propagated(mask, VGG, {"relu4_1"})["relu4_1"].view(4, 4)
    torch.testing.assert_close(found, torch.tensor([1.0, 0.5, 0, 0]).expand(4, 4))


@given(seed=st.integers(0, 99))
def test_what_a_mask_and_its_negative_count_adds_up_to_one(seed: int) -> None:
    mask = torch.rand(1, 1, 40, 56, generator=torch.Generator().manual_seed(seed))
    one, other = propagated(mask, VGG, LAYERS), propagated(1 - mask, VGG, LAYERS)
    for layer in LAYERS:
        torch.testing.assert_close(one[layer] + other[layer], torch.ones_like(one[layer]))
