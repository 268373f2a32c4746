"""Networks as data, and what pictures' sizes rule out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidSpec
from service.networks import NETWORKS
from service.painting import Picture
from service.plan import canvas, check_masks, check_sizes, scaled
from tests.specs import resolved


@pytest.mark.parametrize(("network", "layers", "field"), [("vgg16", 13, 132), ("vgg19", 16, 156)])
def test_a_network_has_its_layers_and_the_published_receptive_field_at_relu5_1(
    network: str, layers: int, field: int
) -> None:
    known = NETWORKS[network].layers
    assert len(known) == layers
    assert known["relu5_1"].receptive_field == field
    assert [known[f"relu{block}_1"].stride for block in range(1, 6)] == [1, 2, 4, 8, 16]
    assert [known[f"relu{block}_1"].channels for block in range(1, 6)] == [64, 128, 256, 512, 512]


def blank(width: int, height: int) -> Picture:
    return Picture(np.zeros((height, width, 3), np.uint8))


def refused(images: dict[str, Picture], size_max: int = 2048, **wish: Any) -> dict[str, str]:
    """Pointers and sentences, none where the sizes are fine."""
    try:
        check_sizes(resolved(images, **wish), images, size_max=size_max)
    except InvalidSpec as error:
        return {problem.pointer: problem.detail for problem in error.problems}
    return {}


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(64, 1024))
def test_scaling_makes_the_longest_side_exact_and_keeps_the_aspect(width: int, height: int, longest: int) -> None:
    new_width, new_height = scaled(width, height, longest)
    assert max(new_width, new_height) == longest
    assert abs(new_width - width * longest / max(width, height)) <= 1
    assert abs(new_height - height * longest / max(width, height)) <= 1


@given(st.integers(1, 200), st.integers(1, 200))
def test_the_size_that_a_refusal_names_is_accepted(width: int, height: int) -> None:
    images = {"/content": blank(width, height), "/styles/0/image": blank(90, 90)}
    found = refused(images, options={"size": 64})
    if min(scaled(width, height, 64)) >= 16:
        assert found == {}
    else:
        assert list(found) == ["/options/size"]
        least = int(found["/options/size"].rpartition("at least ")[2])
        assert min(scaled(width, height, least)) >= 16


@pytest.mark.parametrize(("width", "height", "fine"), [(64, 1, False), (1, 64, False), (300, 100, True)])
def test_a_thread_is_refused_and_a_panorama_is_not(width: int, height: int, fine: bool) -> None:
    images = {"/content": blank(width, height), "/styles/0/image": blank(90, 90)}
    assert (refused(images, options={"size": 128}) == {}) == fine


def test_a_style_of_any_shape_is_fine() -> None:
    assert refused({"/content": blank(90, 90), "/styles/0/image": blank(3, 200)}, options={"size": 64}) == {}


def test_the_coarsest_scale_is_large_enough_too() -> None:
    images = {"/content": blank(400, 100)}
    wish: dict[str, Any] = {"kind": "reconstruction", "options": {"size": 512, "content_layers": {"relu5_1": 1}}}
    assert list(refused(images, **wish)) == []
    wish["options"]["pyramid"] = [60 + 4, 256]
    assert refused({"/content": blank(500, 100)}, **wish) == {
        "/options/pyramid/0": "at 64 the picture has 64 × 13 pixels; relu5_1 needs 16 on the shorter side: "
        "take at least 80"
    }


def test_layers_that_a_kind_does_not_look_at_do_not_count() -> None:
    images = {"/content": blank(80, 10)}
    wish: dict[str, Any] = {"kind": "reconstruction", "options": {"size": 64, "content_layers": {"relu3_1": 1}}}
    assert refused(images, **wish) == {}


def test_a_size_beyond_the_limit_of_the_place_is_refused() -> None:
    images = {"/content": blank(90, 90), "/styles/0/image": blank(90, 90)}
    assert refused(images, options={"size": 2000}) == {}
    assert refused(images, options={"size": 2049}) == {"/options/size": "at most 2048 pixels are painted here"}


def test_masks_have_the_size_of_their_pictures() -> None:
    images = {
        "/content": blank(90, 60),
        "/styles/0/image": blank(50, 80),
        "/regions/0/content_mask": blank(90, 61),
        "/regions/0/style_mask": blank(90, 60),
    }
    assert refused(images, options={"size": 64}) == {
        "/regions/0/content_mask": "the mask is 90 × 61 pixels, /content is 90 × 60",
        "/regions/0/style_mask": "the mask is 90 × 60 pixels, /styles/0/image is 50 × 80",
    }
    images |= {"/regions/0/content_mask": blank(90, 60), "/regions/0/style_mask": blank(50, 80)}
    assert refused(images, options={"size": 64}) == {}


@pytest.mark.parametrize(("width", "height", "fine"), [(45, 30, True), (180, 121, True), (60, 90, False)])
def test_the_image_to_start_from_has_the_photographs_aspect_ratio(width: int, height: int, fine: bool) -> None:
    images = {"/content": blank(90, 60), "/styles/0/image": blank(50, 80), "/init_image": blank(width, height)}
    assert list(refused(images, options={"size": 64})) == ([] if fine else ["/init_image"])


@pytest.mark.parametrize(
    ("kind", "images", "size"),
    [
        ("transfer", {"/content": blank(400, 300), "/styles/0/image": blank(50, 80)}, (200, 150)),
        ("texture", {"/styles/0/image": blank(50, 80)}, (125, 200)),
        ("texture", {"/styles/0/image": blank(50, 80), "/init_image": blank(10, 10)}, (200, 200)),
        ("reconstruction", {"/content": blank(90, 60)}, (200, 133)),
        ("gram", {"/image": blank(90, 60)}, (90, 60)),
        ("gram", {"/image": blank(900, 600)}, (200, 133)),
    ],
)
def test_the_leading_image_decides_on_the_shape(kind: str, images: dict[str, Picture], size: tuple[int, int]) -> None:
    assert canvas(resolved(images, kind=kind), images, 200) == size


def test_a_mask_that_chooses_nothing_is_refused() -> None:
    black, white = blank(8, 8), Picture(np.full((8, 8, 3), 255, np.uint8))
    unseen = Picture(white.pixels, np.zeros((8, 8), np.uint8))
    places = ("/regions/0/content_mask", "/regions/1/style_mask", "/regions/1/content_mask")
    with pytest.raises(InvalidSpec) as found:
        check_masks({"/content": black, **dict(zip(places, (black, unseen, white), strict=True))})
    assert [problem.pointer for problem in found.value.problems] == list(places[:2])


def test_a_style_that_its_scale_makes_too_large_is_refused() -> None:
    images = {"/content": blank(90, 90), "/styles/0/image": blank(1000, 900)}
    assert refused(images, options={"size": 900}, styles=[{"scale": 2}]) == {}
    assert list(refused(images, options={"size": 900}, styles=[{"scale": 3}])) == ["/styles/0/scale"]


def test_an_image_too_small_for_its_gram_matrices_is_named() -> None:
    assert refused({"/image": blank(40, 12)}, kind="gram") == {
        "/image": "it is 40 × 12 pixels; relu5_1 needs 16 on the shorter side"
    }
