from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidSpec
from service.job import Input
from service.networks import NETWORKS
from service.plan import check_sizes, scaled
from service.spec import PaintOptions


@pytest.mark.parametrize(("network", "layers", "field"), [("vgg16", 13, 132), ("vgg19", 16, 156)])
def test_a_network_has_its_layers_and_the_published_receptive_field_at_relu5_1(
    network: str, layers: int, field: int
) -> None:
    known = NETWORKS[network].layers
    assert len(known) == layers
    assert known["relu5_1"].receptive_field == field
    assert [known[f"relu{block}_1"].stride for block in range(1, 6)] == [1, 2, 4, 8, 16]
    assert [known[f"relu{block}_1"].channels for block in range(1, 6)] == [64, 128, 256, 512, 512]


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(64, 1024))
def test_scaling_makes_the_longest_side_exact_and_keeps_the_aspect(width: int, height: int, longest: int) -> None:
    new_width, new_height = scaled(width, height, longest)
    assert max(new_width, new_height) == longest
    assert abs(new_width - width * longest / max(width, height)) <= 1
    assert abs(new_height - height * longest / max(width, height)) <= 1


@given(st.integers(1, 200), st.integers(1, 200))
def test_the_size_that_a_refusal_names_is_accepted(width: int, height: int) -> None:
    image = Input("/content", "k", "d", width, height)
    deep = {"content_layers": {"relu4_2": 1.0}, "style_layers": {"relu5_1": 1.0}}
    try:
        check_sizes(PaintOptions.model_validate({**deep, "size": 64}), (image,))
    except InvalidSpec as refused:
        [problem] = refused.problems
        assert problem.pointer == "/options/size"
        least = int(problem.detail.rpartition("at least ")[2])
        assert min(scaled(width, height, least)) >= 16
        assert min(scaled(width, height, 64)) < 16
    else:
        assert min(scaled(width, height, 64)) >= 16
