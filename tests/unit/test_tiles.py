"""An objective in tiles is that of the whole picture, to the pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from service.memory import GRID
from service.networks import NETWORKS
from service.painting import Picture
from tests.images import gradient as slope_picture
from tests.paintings import pair
from tests.specs import resolved
from workers.painter import device
from workers.painter.convolution import Kernel
from workers.painter.subject import Subject, sit
from workers.painter.targets import Objective, aim, gradient
from workers.painter.tiles import margin_of, tiled
from workers.painter.vgg import Vgg

CPU = torch.device("cpu")
SIZE, SIDE = 104, 48
LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0}


def noisy(height: int, width: int, seed: int) -> Picture:
    plain = torch.from_numpy(slope_picture(width, height)).float()
    noise = torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed)) * 120
    return Picture(((plain + noise) / 375 * 255).to(torch.uint8).numpy())


def subject_of(**wish: Any) -> tuple[Vgg, Subject]:
    """A photograph of 104 × 83 pixels, no side of which is a multiple of any stride, and a painting."""
    images = pair(noisy(83, 104, 0), noisy(90, 120, 1))
    masks = {f"/regions/{n}/content_mask": Picture(noisy(83, 104, 5 + n).pixels) for n in range(2)}
    regions = wish.pop("regions", None)
    if regions:
        wish["regions"] = [{"style": 0, "content_mask": {"upload_id": "0"}} for _ in range(2)]
        images |= masks
    options = {"size": SIZE, "iterations": 1, "tv_weight": 0.3, **wish.pop("options", {})}
    spec = resolved(images, options=options, **wish)
    vgg, _ = device.network(spec.options, CPU)
    return vgg, sit(spec, images, SIZE, CPU)


def both(vgg: Vgg, subject: Subject) -> tuple[Objective, Objective]:
    return aim(vgg, subject), aim(vgg, subject, tile=SIDE)


def start_of(subject: Subject, channels: int = 3) -> Tensor:
    width, height = subject.size
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(3))


def assert_same(subject: Subject, whole: Objective, parted: Objective, *, to: float, channels: int = 3) -> None:
    image = start_of(subject, channels)
    terms, slope = gradient(whole, image)
    terms_of_tiles, slope_of_tiles = gradient(parted, image)
    torch.testing.assert_close(terms_of_tiles, terms, rtol=to, atol=0)
    assert (slope_of_tiles - slope).norm() <= to * slope.norm()
    torch.testing.assert_close(parted.terms(image), terms, rtol=to, atol=0)


@pytest.mark.parametrize(
    ("distance", "padding", "pooling"),
    [("gram", "replicate", "max"), ("mean_std", "zeros", "avg"), ("gaussian_w2", "replicate", "avg")],
)
def test_terms_and_slope_are_those_of_the_whole(distance: str, padding: str, pooling: str) -> None:
    vgg, subject = subject_of(options={"style_distance": distance, "padding": padding, "pooling": pooling})
    assert_same(subject, *both(vgg, subject), to=1e-4)


def test_of_the_photograph_nothing_is_kept_for_layers_that_see_every_pixel() -> None:
    layers = {"relu2_1": 1.0, "relu1_2": 0.5, "relu1_1": 2.0}
    vgg, subject = subject_of(options={"content_layers": layers})
    whole, parted = both(vgg, subject)
    assert_same(subject, whole, parted, to=1e-4)
    assert [name for name, p in parted.content.items() if p is not None] == ["relu2_1"]
    assert list(parted.content) == list(whole.content) == ["relu1_1", "relu1_2", "relu2_1"]


@pytest.mark.parametrize("normalization", ["sum", "gatys"])
@pytest.mark.parametrize("distance", ["gram", "gaussian_w2"])
def test_so_they_are_in_every_normalization(distance: str, normalization: str) -> None:
    options = {"style_distance": distance, "normalization": normalization, "style_layers": LAYERS}
    vgg, subject = subject_of(options=options)
    assert_same(subject, *both(vgg, subject), to=1e-4)


@pytest.mark.parametrize("distance", ["gram", "mean_std", "gaussian_w2"])
def test_so_they_are_in_regions(distance: str) -> None:
    """Beside the whole picture in float64: in float32 its own covariances of few positions are off by more."""
    vgg, subject = subject_of(regions=True, options={"style_distance": distance})
    kernels = {layer: Kernel(own.weight.double(), own.bias.double()) for layer, own in vgg.kernels.items()}
    image = start_of(subject)
    terms, slope = gradient(aim(replace(vgg, kernels=kernels), subject), image.double())
    terms_of_tiles, slope_of_tiles = gradient(aim(vgg, subject, tile=SIDE), image)
    torch.testing.assert_close(terms_of_tiles.double(), terms, rtol=1e-4, atol=0)
    assert (slope_of_tiles - slope).norm() <= 1e-4 * slope.norm()


def test_so_they_are_where_only_lightness_is_painted() -> None:
    vgg, subject = subject_of(options={"preserve_color": "luminance"})
    assert_same(subject, *both(vgg, subject), to=1e-4, channels=1)


def test_so_they_are_of_a_texture_and_of_a_reconstruction() -> None:
    for kind in ("texture", "reconstruction"):
        images = {"texture": {"/styles/0/image": noisy(90, 120, 1)}, "reconstruction": {"/content": noisy(83, 104, 0)}}
        spec = resolved(images[kind], kind=kind, options={"size": SIZE, "iterations": 1})
        vgg, _ = device.network(spec.options, CPU)
        subject = sit(spec, images[kind], SIZE, CPU)
        assert_same(subject, *both(vgg, subject), to=1e-4)


def test_with_a_narrower_margin_they_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.painter.tiles.margin_of", lambda *_: 16)
    vgg, subject = subject_of()
    whole, parted = both(vgg, subject)
    image = start_of(subject)
    slopes = [gradient(one, image)[1] for one in (whole, parted)]
    assert (slopes[1] - slopes[0]).norm() > 1e-3 * slopes[0].norm()


@given(
    height=st.integers(16, 200),
    width=st.integers(16, 200),
    side=st.integers(1, 6).map(lambda n: n * GRID),
    margin=st.integers(0, 5).map(lambda n: n * GRID),
)
def test_every_position_of_every_layer_counts_once(height: int, width: int, side: int, margin: int) -> None:
    image = torch.zeros(height, width)
    for stride in (1, 2, 4, 8, 16):
        counted = torch.zeros(height // stride, width // stride)
        for tile in tiled(height, width, side, margin):
            looked_at = tile.cut(image)
            local = torch.ones(looked_at.shape[0] // stride, looked_at.shape[1] // stride)
            tile.core_of_whole(counted, stride).add_(tile.core(local, stride))
        assert (counted == 1).all()


@pytest.mark.parametrize(("network", "layer", "margin"), [("vgg16", "relu5_1", 64), ("vgg16", "relu1_1", 16)])
def test_the_margin_is_as_wide_as_a_wrong_edge_shows(network: str, layer: str, margin: int) -> None:
    assert margin_of(NETWORKS[network], {layer}) == margin
