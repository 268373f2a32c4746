"""Specs filled in, and those that can't be painted refused by field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidSpec
from service.networks import NETWORKS
from service.options import PRESETS, Normalization, StyleDistance, style_layers
from service.resolve import IDLE, resolve
from service.spec import RenderSpec
from tests.specs import resolved

IMAGES = {
    "transfer": ("/content", "/styles/0/image"),
    "texture": ("/styles/0/image",),
    "reconstruction": ("/content",),
    "gram": ("/image",),
}
KINDS = tuple(IMAGES)


def spec(kind: str = "transfer", *more: str, **wish: Any) -> RenderSpec:
    return resolved((*IMAGES[kind], *more), kind=kind, **wish)


def pointers(kind: str = "transfer", *more: str, places: Iterable[str] | None = None, **wish: Any) -> list[str]:
    with pytest.raises(InvalidSpec) as refused:
        resolved(places if places is not None else (*IMAGES[kind], *more), kind=kind, **wish)
    return [problem.pointer for problem in refused.value.problems]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_in_what_was_not_given(preset: str) -> None:
    options = spec(preset=preset).options
    assert {name: getattr(options, name) for name in PRESETS[preset]} == dict(PRESETS[preset])


def test_what_was_given_stands_above_the_preset() -> None:
    options = spec(preset="draft", options={"size": 300, "iterations": 7}).options
    assert (options.size, options.iterations) == (300, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_resolved_spec_leaves_nothing_open(kind: str) -> None:
    options = spec(kind).options.model_dump()
    assert [name for name, value in options.items() if value in (None, "auto")] == ["tolerance"]  # null: never


@pytest.mark.parametrize("kind", KINDS)
def test_resolving_twice_changes_nothing(kind: str) -> None:
    wish = {"style_layers": "all", "tolerance": 0.01}
    used = {name: value for name, value in wish.items() if name not in IDLE[kind]}
    once = spec(kind, preset="fine", options=used, output={"format": "jpeg"})
    assert resolve(once) == once


@pytest.mark.parametrize(("kind", "init"), [("transfer", "content"), ("texture", "noise"), ("reconstruction", "noise")])
def test_a_kind_has_a_start_of_its_own(kind: str, init: str) -> None:
    assert spec(kind).options.init == init
    assert spec(kind, "/init_image").options.init == "image"


@pytest.mark.parametrize("network", NETWORKS)
def test_all_layers_are_all_layers_of_the_network(network: str) -> None:
    options = spec(options={"network": network, "style_layers": "all", "content_layers": "all"}).options
    assert options.style_layers == options.content_layers == dict.fromkeys(NETWORKS[network].layers, 1.0)


@pytest.mark.parametrize("normalization", get_args(Normalization))
@pytest.mark.parametrize("distance", get_args(StyleDistance))
def test_each_distance_and_normalization_has_style_weights_of_its_own(
    distance: StyleDistance, normalization: Normalization
) -> None:
    options = spec(options={"normalization": normalization, "style_distance": distance}).options
    assert options.style_layers == style_layers(distance, normalization)
    assert list(style_layers(distance, normalization)) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]


@pytest.mark.parametrize(
    ("normalization", "layers"), [("mean", ["relu4_2", "relu1_1"]), ("sum", ["relu4_2"]), ("gatys", ["relu4_2"])]
)
def test_the_first_layer_is_content_too_but_where_sums_are_compared_as_published(
    normalization: Normalization, layers: list[str]
) -> None:
    assert list(spec(options={"normalization": normalization}).options.content_layers or ()) == layers


def test_the_ladder_of_a_reconstruction_goes_through_all_blocks() -> None:
    assert list(spec("reconstruction", ladder=True).options.content_layers or ()) == [
        "relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2",
    ]  # fmt: skip
    assert spec("reconstruction").options.content_layers == {"relu4_2": 1.0}


@pytest.mark.parametrize(
    ("kind", "size", "pyramid"),
    [
        ("transfer", 100, ()),
        ("transfer", 256, (64, 128)),
        ("transfer", 1100, (68, 137, 275, 550)),
        ("texture", 512, (64, 128, 256)),
        ("texture", 200, (100,)),
        ("reconstruction", 300, (75, 150)),
    ],
)
def test_a_pyramid_is_chosen_where_it_pays(kind: str, size: int, pyramid: tuple[int, ...]) -> None:
    assert spec(kind, options={"size": size}).options.pyramid == pyramid
    assert spec(kind, options={"size": size, "pyramid": []}).options.pyramid == ()


@pytest.mark.parametrize(("size", "pyramid"), [(1024, ()), (1100, (550,)), (2048, (512, 1024))])
def test_a_picture_that_is_to_be_painted_on_is_not_made_much_smaller(size: int, pyramid: tuple[int, ...]) -> None:
    assert spec("transfer", "/init_image", options={"size": size}).options.pyramid == pyramid


def test_a_tolerance_decides_how_long_to_paint_unless_told() -> None:
    assert spec(preset="draft", options={"tolerance": 0.01}).options.iterations == 1000
    assert spec(preset="draft", options={"tolerance": 0.01, "iterations": 30}).options.iterations == 30


def test_a_jpeg_has_paper_behind_it_and_other_formats_have_none_unless_told() -> None:
    backgrounds = {f: spec(output={"format": f}).output.background for f in ("png", "jpeg", "webp", "tiff")}
    assert backgrounds == {"png": None, "jpeg": "#ffffff", "webp": None, "tiff": None}
    assert spec(output={"format": "jpeg", "background": "#102030"}).output.background == "#102030"


@pytest.mark.parametrize(
    ("kind", "missing"),
    [("transfer", ["/content", "/styles"]), ("texture", ["/styles"]), ("reconstruction", ["/content"]),
     ("gram", ["/image"])],
)  # fmt: skip
def test_an_image_that_a_kind_needs_is_asked_for(kind: str, missing: list[str]) -> None:
    assert pointers(kind, places=()) == missing


@pytest.mark.parametrize(
    ("kind", "places", "wish", "refused"),
    [
        ("transfer", ("/image",), {}, ["/image"]),
        ("transfer", (), {"ladder": True}, ["/ladder"]),
        ("texture", ("/content",), {}, ["/content"]),
        ("texture", ("/regions/0/content_mask",), {}, ["/regions"]),
        ("reconstruction", ("/styles/0/image",), {}, ["/styles"]),
        ("gram", ("/content",), {}, ["/content"]),
        ("gram", ("/init_image",), {}, ["/init_image"]),
        ("gram", (), {"output": {"timelapse": {}}}, ["/output/timelapse"]),
        ("texture", (), {"ladder": True, "output": {"timelapse": {}}}, ["/output/timelapse"]),
        ("texture", (), {"options": {"init": "content"}}, ["/options/init"]),
        ("reconstruction", (), {"options": {"init": "style_statistics"}}, ["/options/init"]),
        ("transfer", (), {"options": {"init": "image"}}, ["/init_image"]),
        ("transfer", ("/init_image",), {"options": {"init": "noise"}}, ["/init_image"]),
        ("texture", (), {"options": {"preserve_color": "luminance"}}, ["/options/preserve_color"]),
        ("transfer", (), {"output": {"bits": 16, "format": "jpeg"}}, ["/output/bits"]),
        ("transfer", (), {"output": {"bits": 16, "format": "webp"}}, ["/output/bits"]),
        ("transfer", (), {"options": {"content_weight": 0, "style_weight": 0}}, ["/options/style_weight"]),
        ("texture", (), {"options": {"style_weight": 0}}, ["/options/style_weight"]),
        ("reconstruction", (), {"options": {"content_weight": 0}}, ["/options/content_weight"]),
        ("transfer", (), {"options": {"style_layers": {"relu1_1": 0}}}, ["/options/style_layers"]),
        ("reconstruction", (), {"options": {"content_layers": {"relu1_1": 0}}}, ["/options/content_layers"]),
        ("transfer", (), {"options": {"content_layers": {"relu3_4": 1}}}, ["/options/content_layers/relu3_4"]),
        ("transfer", (), {"options": {"size": 256, "pyramid": [128, 256]}}, ["/options/pyramid"]),
        ("transfer", (), {"options": {"size": 256, "pyramid": [200, 100]}}, ["/options/pyramid"]),
        ("transfer", ("/regions/0/content_mask",), {"regions": [{"style": 1}]}, ["/regions/0/style", "/styles/0"]),
        ("transfer", ("/styles/1/image", "/regions/0/content_mask"), {}, ["/styles/1"]),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_by_its_field(
    kind: str, places: tuple[str, ...], wish: dict[str, Any], refused: list[str]
) -> None:
    assert pointers(kind, *places, **wish) == refused


def test_layers_of_the_deeper_network_are_taken_with_it() -> None:
    options = spec(options={"content_layers": {"relu3_4": 1}, "network": "vgg19"}).options
    assert options.content_layers == {"relu3_4": 1.0}


def test_several_wrong_fields_are_named_at_once() -> None:
    wish: dict[str, Any] = {"options": {"init": "image", "pyramid": [999]}, "output": {"bits": 16, "format": "jpeg"}}
    assert pointers("texture", "/content", **wish) == ["/content", "/output/bits", "/init_image", "/options/pyramid"]


@given(
    kind=st.sampled_from(KINDS),
    size=st.integers(64, 8192),
    content=st.floats(1e-6, 1e6),
    style=st.floats(1e-6, 1e6),
    iterations=st.none() | st.integers(1, 10_000),
    tolerance=st.none() | st.floats(1e-6, 0.5),
    seed=st.integers(0, 2**63 - 1),
    network=st.sampled_from(["vgg16", "vgg19"]),
    preset=st.sampled_from(sorted(PRESETS)),
    style_distance=st.sampled_from(get_args(StyleDistance)),
    layers=st.none()
    | st.just("all")
    | st.dictionaries(st.sampled_from(["relu1_1", "relu4_2"]), st.floats(0.01, 9), min_size=1),
)
def test_a_resolved_spec_survives_the_wire(kind: str, preset: str, layers: Any, **options: Any) -> None:
    names = {"content": "content_weight", "style": "style_weight"}
    wish = {names.get(name, name): value for name, value in options.items()} | {"style_layers": layers}
    used = {name: value for name, value in wish.items() if name not in IDLE[kind]}
    done = spec(kind, preset=preset, options=used)
    assert RenderSpec.model_validate_json(done.model_dump_json()) == done
    assert resolve(done) == done
