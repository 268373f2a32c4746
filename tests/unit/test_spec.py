from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from service.errors import InvalidSpec
from service.spec import ImageRef, RenderSpec, parse_spec, place_image

IMAGE = {"upload_id": "0"}


def spec(**wish: Any) -> RenderSpec:
    return parse_spec({"kind": "transfer", "content": IMAGE, "styles": [{"image": IMAGE}], **wish})


def pointers(**wish: Any) -> list[str]:
    with pytest.raises(InvalidSpec) as refused:
        spec(**wish)
    return [problem.pointer for problem in refused.value.problems]


def test_every_wrong_field_is_named_at_once() -> None:
    assert pointers(kind="x", options={"size": 1, "seed": -1}) == ["/kind", "/options/size", "/options/seed"]


def test_a_pointer_escapes_what_json_pointers_need_escaped() -> None:
    assert pointers(**{"a/b~c": 1}) == ["/a~1b~0c"]


def test_a_spec_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        spec().priority = "high"  # type: ignore[misc]  # the point of the test


def test_inline_data_is_not_shown_by_repr() -> None:
    assert "c2VjcmV0" not in repr(spec(content={"data": "c2VjcmV0"}))


def test_every_image_of_a_spec_is_listed_and_can_be_named_anew() -> None:
    full = {
        "kind": "transfer",
        "content": IMAGE,
        "init_image": IMAGE,
        "styles": [{"image": IMAGE}, {"image": IMAGE, "weight": 2}],
        "regions": [{"content_mask": IMAGE, "style": 1}, {"content_mask": IMAGE, "style_mask": IMAGE}],
    }
    places = [
        "/content", "/init_image", "/styles/0/image", "/styles/1/image",
        "/regions/0/content_mask", "/regions/1/content_mask", "/regions/1/style_mask",
    ]  # fmt: skip
    refs = parse_spec(full).image_refs()
    assert list(refs) == places
    others = {place: ImageRef(upload_id=str(n)) for n, place in enumerate(places)}
    renamed = parse_spec(full).with_images(others)
    assert renamed.image_refs() == others
    assert renamed.with_images(refs) == parse_spec(full)


def test_a_style_that_has_an_id_keeps_it_until_it_is_given_an_image() -> None:
    mixed = spec(styles=[{"image": IMAGE}, {"style_id": "abc", "weight": 2}])
    assert list(mixed.image_refs()) == ["/content", "/styles/0/image"]
    assert mixed.style_ids() == {"/styles/1/image": "abc"}
    others = dict.fromkeys(mixed.image_refs(), ImageRef(upload_id="1"))
    assert mixed.with_images(others).styles[1] == mixed.styles[1]
    pixels = mixed.with_images({**others, "/styles/1/image": ImageRef(upload_id="2")})
    assert pixels == spec(
        content={"upload_id": "1"},
        styles=[{"image": {"upload_id": "1"}}, {"image": {"upload_id": "2"}, "weight": 2}],
    )
    assert [mixed.named_at(f"/styles/{n}/image") for n in range(2)] == [
        "/styles/0/image/upload_id",
        "/styles/1/style_id",
    ]


def test_an_image_is_placed_where_a_pointer_says() -> None:
    data: dict[str, Any] = {"regions": [{"style": 1}]}
    for place in ("/content", "/styles/1/image", "/regions/0/content_mask"):
        place_image(data, place, IMAGE)
    assert data == {
        "content": IMAGE,
        "styles": [{}, {"image": IMAGE}],
        "regions": [{"style": 1, "content_mask": IMAGE}],
    }


@pytest.mark.parametrize("styles", [7, {"0": {}}, [7]])
def test_what_is_no_list_of_objects_is_left_for_the_spec_to_refuse(styles: Any) -> None:
    data = {"styles": styles}
    place_image(data, "/styles/0/image", IMAGE)
    assert data == {"styles": styles}


def described(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of every model of a spec."""
    for model in (schema, *schema["$defs"].values()):
        for name, field in model["properties"].items():
            yield f"{model['title']}.{name}", field


FIELDS = dict(described(RenderSpec.model_json_schema()))
NEEDED = {"RenderSpec.kind", "Region.content_mask", "Webhook.url"}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_described_with_range_and_default(name: str) -> None:
    field = FIELDS[name]
    assert field.get("description")
    assert ("default" in field) == (name not in NEEDED | {"RenderSpec.labels"})
    for form in (field, *field.get("anyOf", ())):
        if form.get("type") in {"integer", "number"} and "enum" not in form:
            assert {"minimum", "exclusiveMinimum"} & set(form), name
            assert {"maximum", "exclusiveMaximum"} & set(form), name
