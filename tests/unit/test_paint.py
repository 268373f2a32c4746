"""Painting as a whole, at 64 pixels, with the pretrained VGG-16."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from service.errors import Diverged, WeightsMissing
from service.networks import NETWORKS
from service.options import PaintOptions
from service.painting import Losses, Paint, Painting, Picture, Pixels, Step
from tests.images import gradient
from tests.paintings import flat, pair
from tests.paintings import painted as painted_by
from tests.specs import resolved
from workers.painter import device, vgg, weights
from workers.painter.images import resized, to_image
from workers.painter.optimise import Point
from workers.painter.paint import _read, paint
from workers.painter.subject import sit
from workers.painter.targets import Objective, aim
from workers.painter.targets import gradient as slope_of

PHOTOGRAPH = gradient(80, 60)
PAINTING = np.ascontiguousarray(gradient(70, 90)[::-1, :, ::-1])
IMAGES = pair(Picture(PHOTOGRAPH), Picture(PAINTING))
LAYERS = {"relu1_1": 30.0, "relu2_2": 0.5, "relu3_1": 1.0}
OPTIONS = {"size": 64, "iterations": 4, "style_layers": LAYERS, "content_layers": {"relu3_2": 1.0}}


def options(**changed: Any) -> PaintOptions:
    return resolved(IMAGES, options={**OPTIONS, **changed}).options


def painted(content: Pixels = PHOTOGRAPH, style: Pixels = PAINTING, **changed: Any) -> tuple[list[Step], Painting]:
    """Every Step, and the Painting."""
    return painted_by(pair(Picture(content), Picture(style)), options={**OPTIONS, **changed})


def pixels(painting: Painting) -> Pixels:
    return painting.pictures["result"].pixels


def bytes_of(**changed: Any) -> bytes:
    return pixels(painted(**changed)[1]).tobytes()


def objective(dtype: torch.dtype = torch.float32, **changed: Any) -> Objective:
    spec = resolved(IMAGES, options={**OPTIONS, **changed})
    network = vgg.build("vgg16", weights.load("vgg16").tensors, dtype=dtype)
    return aim(network, sit(spec, IMAGES, 64, torch.device("cpu")))


def naive_losses(picture: Pixels, options: PaintOptions) -> Losses:
    """The report's numbers from the formulas, in float64 NumPy."""

    def seen(pixels: torch.Tensor, layers: Any) -> dict[str, NDArray[np.float64]]:
        kernels = {key: value.double() for key, value in weights.load("vgg16").tensors.items()}
        network = replace(vgg.build("vgg16", kernels, dtype=torch.float64), padding=options.padding)
        found = vgg.activations(network, pixels.double(), layers)
        return {layer: values[0].flatten(1).numpy() for layer, values in found.items()}

    def content(x: NDArray[np.float64], p: NDArray[np.float64]) -> float:
        return float(((x - p) ** 2).sum() * {"sum": 1, "gatys": 0.5, "mean": 1 / x.size}[options.normalization])

    def style(x: NDArray[np.float64], v: NDArray[np.float64]) -> float:
        (channels, n), (_, m) = x.shape, v.shape
        if options.normalization == "mean":
            return float(((x @ x.T / n - v @ v.T / m) ** 2).sum() / channels**2)
        factor = 1 if options.normalization == "sum" else 1 / (4 * channels**2 * n**2)
        return float(((x @ x.T - v @ v.T) ** 2).sum() * factor)

    assert isinstance(options.content_layers, dict)
    assert isinstance(options.style_layers, dict)
    x = seen(to_image(picture), {*options.content_layers, *options.style_layers})
    p = seen(resized(PHOTOGRAPH, (64, 48)), options.content_layers)
    v = seen(resized(PAINTING, (50, 64)), options.style_layers)
    contents = {layer: content(x[layer], p[layer]) for layer in p}
    styles = {layer: style(x[layer], v[layer]) for layer in v}
    pixels = picture / 255
    variation = sum(float((np.diff(pixels, axis=axis) ** 2).sum()) for axis in (0, 1))
    tv = options.tv_weight * variation / (pixels.size if options.normalization == "mean" else 1)
    alpha = options.content_weight * sum(options.content_layers[layer] * term for layer, term in contents.items())
    beta = options.style_weight * sum(options.style_layers[layer] * term for layer, term in styles.items())
    return Losses(alpha + beta + tv, alpha, beta, tv, contents, styles)


def test_paint_is_what_the_service_hands_its_jobs_to() -> None:
    handed: Paint = paint
    assert callable(handed)


@pytest.mark.weights
def test_there_is_a_step_for_the_start_and_for_each_iteration() -> None:
    steps, painting = painted()
    assert [(step.iteration, step.of, step.scale) for step in steps] == [(i, 4, 64) for i in range(5)]
    assert steps[0].losses == painting.losses["result"].before
    assert all(step.losses is not None for step in steps)
    assert painting.device == str(device.choose().type)
    assert painting.weights_sha256 == weights.load("vgg16").sha256


@pytest.mark.weights
@pytest.mark.parametrize(("width", "height"), [(80, 60), (31, 90), (64, 64), (200, 65), (16, 64)])
def test_the_picture_has_the_photographs_ratio_to_the_pixel(width: int, height: int) -> None:
    steps, painting = painted(gradient(width, height), iterations=1, content_layers={"relu2_1": 1})
    expected = (round(height * 64 / max(width, height)), round(width * 64 / max(width, height)), 3)
    assert pixels(painting).shape == steps[0].picture().shape == expected
    assert pixels(painting).dtype == np.uint8


@pytest.mark.weights
def test_steps_show_the_picture_as_it_stands() -> None:
    seen: list[Pixels] = []
    _, painting = painted_by(IMAGES, seen=lambda step: seen.append(step.picture()), options=OPTIONS)
    assert np.array_equal(seen[-1], pixels(painting))
    assert len({picture.tobytes() for picture in seen}) == 5
    assert np.array_equal(seen[0], np.rint(resized(PHOTOGRAPH, (64, 48))[0].permute(1, 2, 0).numpy() * 255))


@pytest.mark.weights
@pytest.mark.parametrize("normalization", ["mean", "gatys", "sum"])
def test_the_report_is_the_objective_of_the_delivered_pixels_by_the_formula(normalization: str) -> None:
    changed: dict[str, Any] = {
        "normalization": normalization,
        "content_layers": {"relu3_2": 2.0, "relu1_2": 0.5},
        "content_weight": 3.0,
        "style_weight": 0.25,
        "tv_weight": 5.0,
    }
    _, painting = painted(**changed)
    expected = flat(naive_losses(pixels(painting), options(**changed)))
    assert flat(painting.losses["result"].after) == pytest.approx(expected, rel=2e-3)


@pytest.mark.weights
@pytest.mark.parametrize("normalization", ["mean", "gatys", "sum"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_objective_falls(optimizer: str, normalization: str) -> None:
    """With the layers' weights that a client gets who names none."""
    chosen: dict[str, Any] = {"iterations": 20, "style_layers": None, "content_weight": 0.04}
    _, painting = painted(optimizer=optimizer, normalization=normalization, **chosen)
    assert painting.losses["result"].before.content == 0
    assert painting.losses["result"].after.total < 0.75 * painting.losses["result"].before.total


@pytest.mark.weights
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("init", ["content", "noise", "style_statistics"])
def test_the_same_spec_paints_the_same_bytes(init: str, optimizer: str) -> None:
    assert bytes_of(init=init, optimizer=optimizer, seed=5) == bytes_of(init=init, optimizer=optimizer, seed=5)


@pytest.mark.weights
@pytest.mark.parametrize(
    "change",
    [
        {"content_weight": 9.0},
        {"style_weight": 9.0},
        {"tv_weight": 100.0},
        {"content_layers": {"relu2_2": 1.0}},
        {"content_layers": {"relu3_2": 9.0}},
        {"style_layers": {"relu1_1": 30.0}},
        {"style_layers": {**LAYERS, "relu1_1": 90.0}},
        {"normalization": "gatys"},
        {"normalization": "sum"},
        {"init": "noise"},
        {"optimizer": "adam"},
        {"iterations": 6},
        {"pooling": "avg"},
        {"padding": "zeros"},
        {"style_distance": "mean_std"},
        {"style_distance": "gaussian_w2"},
        {"style_distance": "sliced_wasserstein"},
        {"preserve_color": "luminance"},
        {"preserve_color": "histogram"},
        {"preserve_color": "oklab_low_frequency"},
        {"init": "style_statistics"},
        {"pyramid": [64], "size": 80},
        {"size": 72},
    ],
    ids=str,
)
def test_every_option_shows_in_the_picture(change: dict[str, Any]) -> None:
    assert bytes_of() != bytes_of(**change)


@pytest.mark.weights
def test_the_seed_decides_the_noise() -> None:
    assert bytes_of(init="noise", seed=1) != bytes_of(init="noise", seed=2)


@pytest.mark.weights
@pytest.mark.parametrize(("total", "slope"), [(torch.nan, 1.0), (torch.inf, 1.0), (1.0, torch.nan), (1.0, torch.inf)])
def test_an_objective_or_a_slope_beyond_the_finite_numbers_is_said_to_diverge(total: float, slope: float) -> None:
    image = resized(PHOTOGRAPH, (64, 48))
    terms = objective().terms(image)
    terms[0] = total
    with pytest.raises(Diverged, match="iteration 3"):
        _read(objective(), Point(image, terms, torch.full_like(image, slope), dict), 3)


@pytest.mark.weights
def test_huge_and_tiny_weights_do_not_disturb_the_optimiser() -> None:
    """Only the ratio of the weights matters."""
    plain = painted(iterations=12)[1].losses["result"].after.total
    for factor in (1e-9, 1e9):
        scaled = painted(iterations=12, content_weight=factor, style_weight=factor)[1].losses["result"].after.total
        assert scaled / factor == pytest.approx(plain, rel=0.1)


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", str(tmp_path))
    device._loaded.cache_clear()
    with pytest.raises(WeightsMissing, match="impasto weights pull vgg16"):
        painted()


@pytest.mark.weights
def test_the_network_is_read_once_and_serves_every_pooling_and_padding() -> None:
    cpu = torch.device("cpu")
    one, sha256 = device.network(options(), cpu)
    other, same = device.network(options(pooling="avg", padding="zeros"), cpu)
    assert (one.pooling, one.padding) == ("max", "replicate")
    assert (other.pooling, other.padding) == ("avg", "zeros")
    assert one.kernels is other.kernels
    assert sha256 == same


@pytest.mark.weights
@pytest.mark.parametrize("style_distance", ["gram", "gaussian_w2", "sliced_wasserstein"])
def test_convolutions_in_bfloat16_lead_the_same_way(style_distance: str) -> None:
    """What CUDA computes in: the slope at a given image points where float32's does, and the terms agree."""
    chosen = {"style_layers": {"relu1_1": 1e4, "relu3_1": 20.0, "relu5_1": 50.0}, "style_distance": style_distance}
    image = 0.9 * resized(PHOTOGRAPH, (64, 48))
    (terms, slope), (terms_16, slope_16) = (
        slope_of(objective(dtype, **chosen), image) for dtype in (torch.float32, torch.bfloat16)
    )
    assert slope_16.dtype == terms_16.dtype == torch.float32
    assert torch.cosine_similarity(slope.flatten(), slope_16.flatten(), dim=0) > 0.9
    torch.testing.assert_close(terms_16, terms, rtol=0.05, atol=0.01)


@pytest.mark.gpu
@pytest.mark.weights
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_paints_nearly_what_the_cpu_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, on_cuda = painted(iterations=20)
    assert [step.iteration for step in steps if step.losses] == [0, 10, 20]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    _, on_cpu = painted(iterations=20)
    totals = [painting.losses["result"].after.total for painting in (on_cuda, on_cpu)]
    assert totals[0] == pytest.approx(totals[1], rel=0.1)


def test_layers_of_a_deeper_network_are_known_too() -> None:
    chosen = options(network="vgg19", style_layers="all", content_layers="all")
    assert isinstance(chosen.style_layers, dict)
    assert list(chosen.style_layers) == list(NETWORKS["vgg19"].layers)
