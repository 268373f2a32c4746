"""The work of a spec, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.networks import NETWORKS
from service.work import Load, iterations, load_of, look_flop, scales, share_done
from tests.specs import resolved


@dataclass(frozen=True)
class Size:
    width: int
    height: int


PAIR = {"/content": Size(400, 300), "/styles/0/image": Size(300, 300)}


def load(images: dict[str, Size], **wish: Any) -> Load:
    return load_of(resolved(images, **wish), images)


@pytest.mark.parametrize(("network", "published"), [("vgg16", 1.15e6), ("vgg19", 1.44e6)])
def test_an_iteration_to_relu5_1_costs_what_the_architecture_says(network: str, published: float) -> None:
    spec = resolved(PAIR, options={"network": network})
    assert 2 * look_flop(spec, NETWORKS[network].layers["relu5_1"]) == pytest.approx(published, rel=0.005)


def test_a_look_at_the_first_two_layers_is_two_convolutions() -> None:
    # 2 · 9 · 3 · 64 = 3456 and 2 · 9 · 64 · 64 = 73 728 operations a pixel
    layers = NETWORKS["vgg16"].layers
    assert look_flop(resolved(PAIR), layers["relu1_1"]) == 3456
    assert look_flop(resolved(PAIR), layers["relu1_2"]) == 3456 + 73_728


def test_the_load_of_a_transfer_is_its_pixels_times_its_iterations() -> None:
    # 256 × 192 pixels and two scales before, 50 iterations, 1 149 696 operations of convolutions and 90 000 of the rest
    pixels = 64 * 48 + 128 * 96 + 256 * 192
    assert load(PAIR, preset="draft") == Load(round(pixels * 50 * 1_239_696 / 1e9, 3), "vgg16:256")


def test_every_scale_of_a_pyramid_counts() -> None:
    options = {"size": 512, "iterations": 10, "pyramid": [128, 256]}
    pixels = 128 * 96 + 256 * 192 + 512 * 384
    assert load(PAIR, options=options).gflop == pytest.approx(pixels * 10 * 1_239_696 / 1e9)
    spec = resolved(PAIR, options=options)
    assert (scales(spec), iterations(spec)) == ((128, 256, 512), 30)


def test_what_is_done_is_counted_in_pixels() -> None:
    spec = resolved(PAIR, options={"size": 512, "iterations": 10, "pyramid": [128, 256]})
    whole = 10 * (1 + 4 + 16)
    assert share_done(spec, 128, 30) == 0
    assert share_done(spec, 128, 20) == pytest.approx(10 / whole)
    assert share_done(spec, 256, 19) == pytest.approx((10 + 4) / whole)
    assert share_done(spec, 512, 4) == pytest.approx((10 + 40 + 6 * 16) / whole)
    assert share_done(spec, 512, 0) == 1


@given(iterations=st.integers(1, 5), pyramid=st.sets(st.sampled_from([64, 100, 128])), ladder=st.booleans())
def test_what_is_done_grows_with_each_step(iterations: int, pyramid: set[int], ladder: bool) -> None:
    options = {"size": 200, "iterations": iterations, "pyramid": sorted(pyramid)}
    spec = resolved({"/styles/0/image": Size(200, 200)}, kind="texture", ladder=ladder, options=options)
    rungs = 5 if ladder else 1
    at = [scale for _ in range(rungs) for scale in scales(spec) for _ in range(iterations)]
    shares = [share_done(spec, at[0], len(at))]
    shares += [share_done(spec, scale, len(at) - done) for done, scale in enumerate(at, 1)]
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(set(shares))


def test_every_rung_of_a_ladder_counts_as_deep_as_it_looks() -> None:
    images = {"/content": Size(64, 64)}
    layers = {"relu1_1": 1, "relu1_2": 1}
    options = {"size": 64, "iterations": 10, "content_layers": layers}
    ladder = load(images, kind="reconstruction", ladder=True, options=options)
    assert ladder.gflop == round(64 * 64 * 10 * (2 * (3456 + 77_184) + 2 * 90_000) / 1e9, 3)
    assert iterations(resolved(images, kind="reconstruction", ladder=True, options=options)) == 20
    single = load(images, kind="reconstruction", options=options)
    assert single.gflop == round(64 * 64 * 10 * (2 * 77_184 + 90_000) / 1e9, 3)


def test_distances_that_take_longer_weigh_more() -> None:
    plain = load(PAIR).gflop
    assert load(PAIR, options={"style_distance": "sliced_wasserstein"}).gflop == pytest.approx(3 * plain)
    assert load(PAIR, options={"style_distance": "gaussian_w2"}).gflop == pytest.approx(1.25 * plain)


def test_gram_matrices_need_no_iteration_and_have_a_bracket_of_their_own() -> None:
    images = {"/image": Size(90, 60)}
    assert load(images, kind="gram") == Load(0, "gram:128")
    assert iterations(resolved(images, kind="gram")) == 0


@pytest.mark.parametrize(("size", "bracket"), [(64, 64), (65, 128), (512, 512), (513, 1024), (1024, 1024)])
def test_brackets_are_powers_of_two(size: int, bracket: int) -> None:
    assert load(PAIR, options={"size": size, "network": "vgg19"}).bracket == f"vgg19:{bracket}"


@given(size=st.integers(64, 2048), more=st.integers(1, 6000))
def test_more_pixels_and_more_iterations_are_never_less_work(size: int, more: int) -> None:
    options: dict[str, Any] = {"size": size, "pyramid": [], "iterations": 10}
    base = load(PAIR, options=options).gflop
    assert load(PAIR, options={**options, "size": min(8192, size + more)}).gflop >= base
    assert load(PAIR, options={**options, "iterations": 10 + more % 900}).gflop >= base
