"""Textures, reconstructions, ladders and Gram matrices, at 64 pixels, with the pretrained VGG-16."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from service.networks import NETWORKS
from service.painting import Painting, Picture
from tests.golden.pictures import brush_strokes, landscape
from tests.paintings import painted
from workers.painter import vgg, weights
from workers.painter.images import resized, to_image
from workers.painter.measure import gram_distance

pytestmark = pytest.mark.weights

CONTENT, STYLE = Picture(landscape()), Picture(brush_strokes())
OPTIONS = {"size": 64, "iterations": 12, "pyramid": []}


def texture(**wish: Any) -> Painting:
    options = OPTIONS | wish.pop("options", {})
    return painted({"/styles/0/image": STYLE}, kind="texture", options=options, **wish)[1]


def reconstruction(**wish: Any) -> Painting:
    options = OPTIONS | wish.pop("options", {})
    return painted({"/content": CONTENT}, kind="reconstruction", options=options, **wish)[1]


def grams(picture: Picture, **wish: Any) -> Painting:
    return painted({"/image": picture}, kind="gram", **wish)[1]


def test_a_texture_comes_closer_to_the_style_than_noise_and_has_no_content() -> None:
    painting = texture()
    losses, picture = painting.losses["result"], painting.pictures["result"]
    assert losses.after.total < 0.15 * losses.before.total
    assert (losses.after.content, losses.after.content_layers) == (0, {})
    assert picture.pixels.shape == (64, 64, 3)
    start = texture(options={"iterations": 1}).pictures["result"]
    assert gram_distance(picture.pixels, STYLE.pixels) < 0.7 * gram_distance(start.pixels, STYLE.pixels)


def test_a_texture_differs_with_its_seed() -> None:
    one, other = (texture(options={"seed": seed}).pictures["result"].pixels for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_a_reconstruction_comes_back_to_the_photograph_and_has_no_style() -> None:
    painting = reconstruction(options={"content_layers": {"relu1_2": 1}, "iterations": 30})
    losses = painting.losses["result"]
    assert losses.after.total < 0.05 * losses.before.total
    assert (losses.after.style, losses.after.style_layers) == (0, {})
    photograph = resized(CONTENT.pixels, (64, 48))
    assert (to_image(painting.pictures["result"].pixels) - photograph).abs().mean() < 0.06


def test_the_ladder_of_a_reconstruction_knows_less_with_each_layer() -> None:
    """What the slide says: deeper layers carry less of the content."""
    layers = ("relu1_2", "relu3_2", "relu5_2")
    chosen = {"content_layers": dict.fromkeys(layers, 1.0), "iterations": 25}
    painting = reconstruction(ladder=True, options=chosen)
    assert list(painting.pictures) == ["result", *(f"result.{layer}" for layer in layers)]
    assert list(painting.losses) == [f"result.{layer}" for layer in layers]
    photograph = resized(CONTENT.pixels, (64, 48))
    errors = [
        float((to_image(painting.pictures[f"result.{layer}"].pixels) - photograph).square().mean()) for layer in layers
    ]
    assert errors == sorted(errors)
    assert errors[0] < 0.1 * errors[2]


def test_the_ladder_of_a_texture_has_more_of_the_style_with_each_layer() -> None:
    """What the slide says: deeper layers carry more of the style. A rung adds a layer to those before."""
    layers = {"relu1_1": 1e4, "relu2_1": 500.0, "relu3_1": 20.0, "relu4_1": 20.0}
    painting = texture(ladder=True, options={"style_layers": layers, "iterations": 25})
    names = [f"result.{layer}" for layer in layers]
    assert list(painting.pictures) == ["result", *names]
    seen = [list(painting.losses[name].after.style_layers) for name in names]
    assert seen == [list(layers)[: n + 1] for n in range(4)]
    distances = [gram_distance(painting.pictures[name].pixels, STYLE.pixels) for name in names]
    assert distances[3] < distances[0]


def test_the_rungs_of_a_ladder_are_the_single_pictures() -> None:
    layers = {"relu1_2": 1.0, "relu2_2": 1.0}
    ladder = reconstruction(ladder=True, options={"content_layers": layers})
    single = reconstruction(options={"content_layers": {"relu2_2": 1.0}})
    assert np.array_equal(ladder.pictures["result.relu2_2"].pixels, single.pictures["result"].pixels)


def test_the_steps_of_a_ladder_count_through_all_rungs() -> None:
    chosen = {**OPTIONS, "iterations": 3, "content_layers": {"relu1_1": 1.0, "relu1_2": 1.0}}
    steps, painting = painted({"/content": CONTENT}, kind="reconstruction", ladder=True, options=chosen)
    assert [(step.iteration, step.of) for step in steps] == [(n, 6) for n in range(7)]
    assert painting.iterations == 6


@pytest.mark.parametrize("normalization", ["sum", "gatys", "mean"])
def test_gram_matrices_are_those_of_the_activations(normalization: str) -> None:
    layers = ("relu1_1", "relu3_2")
    painting = grams(
        CONTENT, options={"size": 64, "normalization": normalization, "style_layers": dict.fromkeys(layers, 1)}
    )
    network = vgg.build("vgg16", {k: v.double() for k, v in weights.load("vgg16").tensors.items()}, dtype=torch.float64)
    network = replace(network, padding="replicate")
    seen = vgg.activations(network, resized(CONTENT.pixels, (64, 48)).double(), layers)
    for layer, v in seen.items():
        matrix = v[0].flatten(1).numpy()
        expected = matrix @ matrix.T / (matrix.shape[1] if normalization == "mean" else 1)
        np.testing.assert_allclose(painting.grams[layer], expected, rtol=1e-3, atol=1e-4 * expected.max())
        assert painting.grams[layer].dtype == np.float32


def test_gram_matrices_are_shown_on_a_sheet_and_one_pixel_an_entry() -> None:
    painting = grams(CONTENT, options={"size": 64})
    known = NETWORKS["vgg16"].layers
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    assert list(painting.pictures) == ["result", *(f"result.{layer}" for layer in layers)]
    for layer in layers:
        channels = known[layer].channels
        assert painting.grams[layer].shape == (channels, channels)
        assert painting.pictures[f"result.{layer}"].pixels.shape == (channels, channels, 3)
    assert painting.pictures["result"].width > 5 * 256
    assert (painting.losses, painting.iterations) == ({}, 0)


def test_a_picture_is_never_enlarged_for_its_gram_matrices() -> None:
    """Its blur would be in them."""
    one, other = (grams(CONTENT, options={"size": size}).grams["relu1_1"] for size in (96, 512))
    assert np.array_equal(one, other)
