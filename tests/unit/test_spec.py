from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidSpec
from service.networks import NETWORKS
from service.spec import PRESETS, STYLE_LAYERS, PaintOptions, RenderSpec, parse_spec

IMAGE = {"upload_id": "0"}


def spec(**wish: Any) -> RenderSpec:
    return parse_spec({"kind": "transfer", "content": IMAGE, "styles": [{"image": IMAGE}], **wish})


def pointers(**wish: Any) -> list[str]:
    with pytest.raises(InvalidSpec) as refused:
        spec(**wish).resolve()
    return [problem.pointer for problem in refused.value.problems]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_in_what_was_not_given(preset: str) -> None:
    options = spec(preset=preset).resolve().options
    assert {name: getattr(options, name) for name in PRESETS[preset]} == dict(PRESETS[preset])


def test_what_was_given_stands_above_the_preset() -> None:
    options = spec(preset="draft", options={"size": 300, "iterations": 7}).resolve().options
    assert (options.size, options.iterations) == (300, 7)


def test_a_resolved_spec_leaves_nothing_open() -> None:
    options = spec().resolve().options
    assert None not in options.model_dump().values()
    assert options.optimizer != "auto"


def test_resolving_twice_changes_nothing() -> None:
    once = spec(preset="fine", options={"style_layers": "all"}).resolve()
    assert once.resolve() == once


@pytest.mark.parametrize("network", NETWORKS)
def test_all_layers_are_all_layers_of_the_network(network: str) -> None:
    options = spec(options={"network": network, "style_layers": "all", "content_layers": "all"}).resolve().options
    assert options.style_layers == options.content_layers == dict.fromkeys(NETWORKS[network].layers, 1.0)


@pytest.mark.parametrize("normalization", STYLE_LAYERS)
def test_each_normalization_has_style_weights_of_its_own(normalization: str) -> None:
    options = spec(options={"normalization": normalization}).resolve().options
    assert options.style_layers == STYLE_LAYERS[normalization]


def test_every_wrong_field_is_named_at_once() -> None:
    assert pointers(kind="x", options={"size": 1, "seed": -1}) == ["/kind", "/options/size", "/options/seed"]


def test_a_layer_that_the_network_lacks_is_named() -> None:
    assert pointers(options={"content_layers": {"relu3_4": 1}}) == ["/options/content_layers/relu3_4"]
    accepted = spec(options={"content_layers": {"relu3_4": 1}, "network": "vgg19"}).resolve()
    assert accepted.options.content_layers == {"relu3_4": 1.0}


def test_a_pointer_escapes_what_json_pointers_need_escaped() -> None:
    assert pointers(**{"a/b~c": 1}) == ["/a~1b~0c"]


def test_a_spec_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        spec().priority = "high"  # type: ignore[misc]  # the point of the test


def test_inline_data_is_not_shown_by_repr() -> None:
    assert "c2VjcmV0" not in repr(spec(content={"data": "c2VjcmV0"}))


@given(
    size=st.integers(64, 1024),
    content=st.floats(0, 1e6),
    style=st.floats(1e-6, 1e6),
    iterations=st.none() | st.integers(1, 10_000),
    seed=st.integers(0, 2**63 - 1),
    network=st.sampled_from(["vgg16", "vgg19"]),
    preset=st.sampled_from(sorted(PRESETS)),
    layers=st.none()
    | st.just("all")
    | st.dictionaries(st.sampled_from(["relu1_1", "relu4_2"]), st.floats(0, 9), min_size=1),
)
def test_a_resolved_spec_survives_the_wire(preset: str, layers: Any, **options: Any) -> None:
    names = {"content": "content_weight", "style": "style_weight"}
    wish = {names.get(name, name): value for name, value in options.items()} | {"style_layers": layers}
    resolved = spec(preset=preset, options=wish).resolve()
    assert RenderSpec.model_validate_json(resolved.model_dump_json()) == resolved


def test_every_option_is_described() -> None:
    for name, field in PaintOptions.model_json_schema()["properties"].items():
        assert field.get("description"), name
