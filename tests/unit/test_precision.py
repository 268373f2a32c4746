"""Descents in bfloat16, which is computed the same on every CPU, though fast on few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from service.painting import Picture
from tests.images import gradient
from tests.paintings import painted, pair
from tests.specs import resolved
from workers.painter import device
from workers.painter.distances import Gram
from workers.painter.images import to_image
from workers.painter.optimise import filtered, lbfgs, softness
from workers.painter.positions import moments
from workers.painter.subject import sit
from workers.painter.targets import Objective, aim
from workers.painter.targets import gradient as slope_of

CPU = torch.device("cpu")
IMAGES = pair(Picture(gradient(96, 80)), Picture(gradient(80, 96)[::-1].copy()))


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave this process as it was."""
    threads = torch.get_num_threads()
    yield
    device.configure(threads)


def objectives(**options: object) -> tuple[Objective, Objective]:
    """Aim at a pair in float32, for a descent in float32 and for one in bfloat16."""
    spec = resolved(IMAGES, options={"size": 96, **options})
    exact, _ = device.network(spec.options, CPU)
    swift, _ = device.network(spec.options, CPU, torch.bfloat16)
    objective = aim(exact, sit(spec, IMAGES, 96, CPU))
    return objective, replace(objective, vgg=swift)


@pytest.mark.usefixtures("restored")
def test_only_who_allows_it_descends_in_less_than_float32() -> None:
    known = torch.cpu.get_capabilities()
    hardware = known.get("avx512_bf16", False) or known.get("amx_bf16", False)
    device.configure(1)
    assert device.precision(CPU) == torch.float32
    device.configure(1, precision="auto")
    assert device.precision(CPU) == (torch.bfloat16 if hardware else torch.float32)


@pytest.mark.weights
def test_the_first_layer_is_convolved_in_float32_and_kept_in_bfloat16() -> None:
    _, swift = objectives()
    dtypes = [kernel.weight.dtype for kernel in swift.vgg.kernels.values()]
    assert dtypes == [torch.float32, *[torch.bfloat16] * (len(dtypes) - 1)]
    assert swift.vgg.dtype == torch.bfloat16


@pytest.mark.weights
@pytest.mark.parametrize("way", ["gram", "mean_std", "gaussian_w2", "sliced_wasserstein"])
def test_at_fixed_images_bfloat16_has_float32s_terms_and_slopes_but_for_its_rounding(way: str) -> None:
    exact, swift = objectives(style_distance=way)
    gains = softness(torch.empty(1, 3, 80, 96))
    for point in lbfgs(lambda image: slope_of(exact, image), to_image(IMAGES["/content"].pixels), 4):
        terms, slope = slope_of(swift, point.image)
        assert (terms[:3] - point.terms[:3]).abs().max() < 0.02 * point.terms[0]
        wanted = filtered(slope_of(exact, point.image)[1], gains)
        assert (filtered(slope, gains) - wanted).norm() < 0.25 * wanted.norm()


@pytest.mark.weights
def test_what_is_reported_of_a_picture_is_float32s(monkeypatch: pytest.MonkeyPatch) -> None:
    wish = {"size": 64, "iterations": 3}
    plain = painted(IMAGES, options=wish)[1].losses["result"]
    monkeypatch.setattr(device, "precision", lambda _: torch.bfloat16)
    steps, swift = painted(IMAGES, options=wish)
    assert swift.losses["result"].before == plain.before
    assert steps[0].losses is not None
    assert steps[0].losses.total == pytest.approx(plain.before.total, rel=0.01)
    assert steps[0].losses.total != plain.before.total
    assert swift.losses["result"].after.total == pytest.approx(plain.after.total, rel=0.05)


def test_the_slope_of_a_gram_lies_in_memory_as_activations_do() -> None:
    x = torch.rand(1, 8, 6, 5).to(memory_format=torch.channels_last).requires_grad_()
    Gram("mean", 30).aim(torch.zeros(8, 8))(x.flatten(2).squeeze(0), None).backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.is_contiguous(memory_format=torch.channels_last)
    assert not x.grad.is_contiguous()


@pytest.mark.parametrize("positions", [5, 63, 64, 1000, 20_000])
@pytest.mark.parametrize("counted", [True, False])
def test_moments_of_bfloat16_are_those_of_its_values(positions: int, counted: bool) -> None:
    generator = torch.Generator().manual_seed(positions)
    v = torch.rand(positions, 16, generator=generator).bfloat16().T
    m = torch.rand(positions, generator=generator) if counted else None
    exact = (v.double() if m is None else v.double() * m) @ v.double().T
    found = moments(v, m)
    assert found.dtype == torch.float32
    assert (found - exact).norm() < 2e-3 * exact.norm()
