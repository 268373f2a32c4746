"""Measures of a picture by AlexNet, against naive float64 NumPy and the published program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save
from typer.testing import CliRunner

from service.cli import build
from service.errors import InvalidImage
from tests.golden.pictures import brush_strokes, landscape, tiles
from tests.images import gradient
from tests.weight_files import write_weights
from workers.painter import checkpoints, measure
from workers.painter.images import resized, to_pixels
from workers.painter.measure import gram_distance, lpips

trained = pytest.mark.weights

Array = NDArray[np.float64]
ONE, OTHER = gradient(40, 32), np.ascontiguousarray(gradient(40, 32)[::-1, :, ::-1])


@pytest.fixture
def random_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Array]]:
    """An AlexNet of random numbers is the one on this machine."""
    shapes = checkpoints.convolutions("alexnet")
    drawn = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(shape, generator=drawn) / shape[-1] ** 2 for name, shape in shapes.items()}
    for k, channels in enumerate((64, 192, 384, 256, 256)):
        tensors[f"lin{k}.weight"] = torch.rand((1, channels, 1, 1), generator=drawn)
    write_weights(tmp_path / "weights", "alexnet", save(tensors))
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", str(tmp_path / "weights"))
    measure._tensors.cache_clear()
    yield {name: tensor.double().numpy() for name, tensor in tensors.items()}
    measure._tensors.cache_clear()


def naive_seen(pixels: NDArray[np.uint8], tensors: dict[str, Array]) -> list[Array]:
    """AlexNet's activations `(C, h, w)`, a position at a time."""
    coded = (pixels / 127.5 - 1 - np.array([-0.030, -0.088, -0.188])) / np.array([0.458, 0.448, 0.450])
    x, found = coded.transpose(2, 0, 1), []
    for place, stride, padding, pooled in ((0, 4, 2, 0), (3, 1, 2, 1), (6, 1, 1, 1), (8, 1, 1, 0), (10, 1, 1, 0)):
        if pooled:
            x = naive_windows(x, 3, 2).max(axis=(3, 4))
        kernel, bias = tensors[f"features.{place}.weight"], tensors[f"features.{place}.bias"]
        padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        windows = naive_windows(padded, kernel.shape[-1], stride)
        x = np.maximum(np.einsum("oiyx,ihwyx->ohw", kernel, windows) + bias[:, None, None], 0)
        found.append(x)
    return found


def naive_windows(x: Array, side: int, stride: int) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    return windows[:, ::stride, ::stride]


def test_lpips_is_what_its_formula_says(random_network: dict[str, Array]) -> None:
    total = 0.0
    pairs = zip(naive_seen(ONE, random_network), naive_seen(OTHER, random_network), strict=True)
    for k, (x, y) in enumerate(pairs):
        head = random_network[f"lin{k}.weight"][0, :, 0, 0]
        apart = [v / (np.sqrt((v**2).sum(0, keepdims=True)) + 1e-10) for v in (x, y)]
        total += float(np.tensordot(head, (apart[0] - apart[1]) ** 2, 1).mean())
    assert lpips(ONE, OTHER) == pytest.approx(total, rel=1e-4)


def test_the_gram_distance_is_what_its_formula_says(random_network: dict[str, Array]) -> None:
    shares = []
    for x, a in zip(naive_seen(ONE, random_network), naive_seen(OTHER, random_network), strict=True):
        g, h = (v.reshape(len(v), -1) @ v.reshape(len(v), -1).T / v[0].size for v in (x, a))
        shares.append(((g - h) ** 2).sum() / (h**2).sum())
    assert gram_distance(ONE, OTHER) == pytest.approx(np.mean(shares), rel=1e-4)


@trained
def test_lpips_has_the_values_of_the_published_program() -> None:
    """lpips 0.1.4 with these weights says 0.33015656 and 0.04158787."""
    one = gradient(96, 64)
    assert lpips(one, np.ascontiguousarray(one[::-1, :, ::-1])) == pytest.approx(0.33015656, abs=1e-5)
    assert lpips(one, one // 2) == pytest.approx(0.04158787, abs=1e-5)


@trained
@given(st.integers(0, 99))
@settings(max_examples=5)
def test_equal_pictures_are_at_no_distance_and_others_are_symmetric(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, ONE.shape, np.uint8)
    assert lpips(noise, noise) == gram_distance(noise, noise) == 0
    assert lpips(noise, ONE) == pytest.approx(lpips(ONE, noise), rel=1e-4)


@trained
def test_lpips_grows_with_what_is_added() -> None:
    noise = np.random.default_rng(0).standard_normal(ONE.shape)
    distances = [lpips(ONE, (ONE + amount * noise).clip(0, 255).astype(np.uint8)) for amount in (5, 20, 80)]
    assert distances == sorted(distances)
    assert distances[0] > 0


@trained
def test_the_gram_distance_tells_styles_apart_whatever_the_part_of_the_painting() -> None:
    strokes = brush_strokes(160, 80)
    left, right = (np.ascontiguousarray(half) for half in (strokes[:, :80], strokes[:, 80:]))
    assert gram_distance(left, right) < 0.3 * gram_distance(left, tiles())


@trained
def test_16_bits_are_measured_alike() -> None:
    assert lpips(ONE.astype(np.uint16) * 257, OTHER) == pytest.approx(lpips(ONE, OTHER), rel=1e-4)


def test_pictures_of_different_sizes_can_not_be_compared() -> None:
    with pytest.raises(ValueError, match=r"\(40, 32\) and \(48, 32\)"):
        lpips(ONE, gradient(48, 32))


@pytest.mark.usefixtures("random_network")
def test_a_picture_too_small_for_the_network_is_refused() -> None:
    with pytest.raises(InvalidImage, match="30 × 40"):
        gram_distance(gradient(30, 40), ONE)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    pictures = {"result": gradient(96, 72), "content": landscape(192, 144), "style": brush_strokes()}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in pictures}


def measured(*arguments: str | Path) -> Any:
    return CliRunner().invoke(build(), ["measure", *map(str, arguments)])


@trained
def test_the_command_measures_both(files: dict[str, Path]) -> None:
    flags = ("--content", files["content"], "--style", files["style"])
    found = json.loads(measured(files["result"], *flags, "--json").stdout)
    shrunk = to_pixels(resized(landscape(192, 144), (96, 72)), bits=16)
    assert found == {
        "lpips_to_content": pytest.approx(lpips(gradient(96, 72), shrunk)),
        "gram_distance_to_style": pytest.approx(gram_distance(gradient(96, 72), brush_strokes())),
    }
    said = measured(files["result"], *flags).stdout
    assert f"LPIPS to the photograph        {found['lpips_to_content']:.4f}" in said
    assert f"Gram distance to the painting  {found['gram_distance_to_style']:.4f}" in said
    assert said.count("lower is closer") == 2


def test_the_command_needs_something_to_compare_with(files: dict[str, Path]) -> None:
    assert "--content, --style" in str(measured(files["result"]).exception)
