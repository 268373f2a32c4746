"""The network against torchvision's, with random weights in float64."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers
from torchvision.transforms.functional import normalize

from service.networks import NETWORKS
from workers.painter.vgg import MEAN, STD, Vgg, activations, build

CONFIGURATIONS = {"vgg16": "D", "vgg19": "E"}


@cache
def features(name: str) -> nn.Sequential:
    """Torchvision's convolutions; its classifier, 90 % of the weights, is never made."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sequence: nn.Sequential = make_layers(cfgs[CONFIGURATIONS[name]], batch_norm=False).double()
    for module in sequence:
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return sequence


@cache
def ours(name: str) -> Vgg:
    tensors = {f"features.{key}": value for key, value in features(name).state_dict().items()}
    return build(name, tensors, dtype=torch.float64)


def picture(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def theirs(name: str, image: Tensor, pool: type[nn.Module] = nn.MaxPool2d) -> dict[str, Tensor]:
    """The activations after every ReLU."""
    x, found = normalize(image, MEAN, STD), []
    for module in features(name):
        x = pool(2)(x) if isinstance(module, nn.MaxPool2d) else module(x)
        if isinstance(module, nn.ReLU):
            found.append(x)
    return dict(zip(NETWORKS[name].layers, found, strict=True))


@pytest.mark.parametrize(("pooling", "pool"), [("max", nn.MaxPool2d), ("avg", nn.AvgPool2d)])
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_every_layer_is_torchvisions(name: str, pooling: Literal["max", "avg"], pool: type[nn.Module]) -> None:
    image = picture(37, 50)
    expected = theirs(name, image, pool)
    actual = activations(replace(ours(name), pooling=pooling), image, expected)
    assert list(actual) == list(expected)
    for layer, values in expected.items():
        torch.testing.assert_close(actual[layer], values, rtol=1e-9, atol=1e-12)
        assert tuple(actual[layer].shape[1:]) == (
            NETWORKS[name].layers[layer].channels,
            37 // NETWORKS[name].layers[layer].stride,
            50 // NETWORKS[name].layers[layer].stride,
        )


def test_the_slope_at_each_pixel_is_torchvisions_and_weights_have_none() -> None:
    layers = ("relu1_2", "relu3_1", "relu5_1")
    slopes: list[Tensor] = []
    for whose in ("theirs", "ours"):
        image = picture(32, 40).requires_grad_()
        seen = theirs("vgg16", image) if whose == "theirs" else activations(ours("vgg16"), image, layers)
        energy = torch.stack([seen[layer].square().sum() for layer in layers]).sum()
        slopes.extend(torch.autograd.grad(energy, image))
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-9, atol=1e-15)
    assert not any(
        tensor.requires_grad for kernel in ours("vgg16").kernels.values() for tensor in (kernel.weight, kernel.bias)
    )


def test_nothing_beyond_the_deepest_layer_is_run() -> None:
    """With the deeper kernels taken away, it still answers."""
    vgg = ours("vgg16")
    wanted = ("relu1_1", "relu3_1")
    shallow = {layer: kernel for layer, kernel in vgg.kernels.items() if layer <= "relu3_1"}
    assert len(shallow) == 5
    assert list(activations(replace(vgg, kernels=shallow), picture(16, 16), wanted)) == list(wanted)


def test_later_layers_leave_earlier_ones_untouched() -> None:
    image = picture(32, 32)
    alone = activations(ours("vgg16"), image, ["relu1_1"])["relu1_1"]
    together = activations(ours("vgg16"), image, ["relu1_1", "relu1_2", "relu5_3"])["relu1_1"]
    assert torch.equal(alone, together)


def test_order_of_the_answer_is_from_shallow_to_deep() -> None:
    found = activations(ours("vgg16"), picture(32, 32), ["relu4_2", "relu1_1", "relu2_2"])
    assert list(found) == ["relu1_1", "relu2_2", "relu4_2"]


def test_a_plain_picture_has_no_edges_when_padding_replicates() -> None:
    plain = torch.full((1, 3, 48, 48), 0.7, dtype=torch.float64)
    spread = {}
    paddings: tuple[Literal["zeros", "replicate"], ...] = ("zeros", "replicate")
    for padding in paddings:
        values = activations(replace(ours("vgg16"), padding=padding), plain, ["relu4_1"])["relu4_1"]
        spread[padding] = (values.amax((2, 3)) - values.amin((2, 3))).max().item()
    assert spread["replicate"] == pytest.approx(0, abs=1e-12)
    assert spread["zeros"] > 1e-6


def test_activations_are_channels_last() -> None:
    found = activations(ours("vgg16"), picture(32, 32), ["relu1_1", "relu3_2"])
    assert all(values.is_contiguous(memory_format=torch.channels_last) for values in found.values())


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_the_smallest_picture_is_one_step_of_the_deepest_layer(padding: Literal["zeros", "replicate"]) -> None:
    seen = activations(replace(ours("vgg16"), padding=padding), picture(16, 16), ["relu5_1"])
    assert tuple(seen["relu5_1"].shape) == (1, 512, 1, 1)
