"""Jobs of every kind, posted with all the images that they may have."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest

from tests.api_calls import assert_problem
from tests.images import gradient, mask_bytes, photograph_bytes

pytestmark = pytest.mark.servers


def form(client: httpx.Client, files: dict[str, bytes], **spec: Any) -> httpx.Response:
    return client.post("/v1/jobs", files={n: (n, b) for n, b in files.items()}, data={"spec": json.dumps(spec)})


PHOTO, PAINTING, MASK = photograph_bytes(), photograph_bytes(80, 60), mask_bytes()

FORMS: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "transfer": ({"content": PHOTO, "style": PAINTING}, {}),
    "two styles": (
        {"content": PHOTO, "styles/0/image": PAINTING, "styles/1/image": PHOTO},
        {"styles": [{"weight": 3}]},
    ),
    "regions": (
        {
            "content": PHOTO,
            "style": PAINTING,
            "regions/0/content_mask": MASK,
            "regions/1/content_mask": MASK,
            "regions/1/style_mask": mask_bytes(80, 60),
        },
        {"regions": [{"style": 0}]},
    ),
    "init_image": ({"content": PHOTO, "style": PAINTING, "init_image": photograph_bytes(192, 128)}, {}),
    "texture": ({"style": PAINTING}, {"kind": "texture", "ladder": True}),
    "reconstruction": ({"content": PHOTO}, {"kind": "reconstruction"}),
    "gram": ({"image": PHOTO}, {"kind": "gram"}),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_brings_every_image_of_a_kind_under_its_pointer(client: httpx.Client, name: str) -> None:
    files, spec = FORMS[name]
    answer = form(client, files, **spec)
    assert answer.status_code == 202, answer.text
    made = answer.json()["spec"]
    assert made["kind"] == spec.get("kind", "transfer")
    for part in files:
        at: Any = made
        for step in part.replace("style", "styles/0/image", 1).split("/") if part == "style" else part.split("/"):
            at = at[int(step)] if step.isdigit() else at[step]
        assert set(at) == {"upload_id"}


def test_two_paintings_of_a_form_keep_their_order(client: httpx.Client) -> None:
    parts = [("content", ("p", PHOTO)), ("style", ("a", photograph_bytes(70, 70))), ("style", ("b", PAINTING))]
    answer = client.post("/v1/jobs", files=parts)
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["spec"]["styles"]) == 2


@pytest.mark.parametrize(
    ("files", "spec", "pointers"),
    [
        ({"style": PAINTING}, {}, ["/content"]),
        ({"content": PHOTO, "style": PAINTING}, {"kind": "texture"}, ["/content"]),
        ({"image": PHOTO}, {"kind": "gram", "ladder": True}, ["/ladder"]),
        (
            {"content": PHOTO, "style": PAINTING, "regions/0/content_mask": mask_bytes(64, 96)},
            {},
            ["/regions/0/content_mask"],
        ),
        (
            {"content": PHOTO, "style": PAINTING, "regions/0/content_mask": mask_bytes(level=0)},
            {},
            ["/regions/0/content_mask"],
        ),
        (
            {"content": PHOTO, "style": PAINTING, "regions/0/content_mask": MASK, "regions/0/style_mask": MASK},
            {},
            ["/regions/0/style_mask"],
        ),
        ({"content": PHOTO, "style": PAINTING, "init_image": PAINTING}, {}, ["/init_image"]),
        ({"content": PHOTO, "style": PAINTING, "regions/0/content_mask": b"x"}, {}, ["/regions/0/content_mask/data"]),
        ({"content": PHOTO, "style": PAINTING}, {"options": {"size": 4096}}, ["/options/size"]),
        ({"content": photograph_bytes(64, 4), "style": PAINTING}, {"options": {"size": 64}}, ["/options/size"]),
        ({"content": PHOTO, "style": PAINTING, "regions/x/content_mask": MASK}, {}, ["/regions/x/content_mask"]),
        ({"content": PHOTO, "styles/1/image": PAINTING}, {}, ["/styles/0/image"]),
    ],
)  # fmt: skip
def test_what_can_not_be_painted_is_refused_when_it_is_posted(
    client: httpx.Client, files: dict[str, bytes], spec: dict[str, Any], pointers: list[str]
) -> None:
    assert_problem(form(client, files, **spec), 422, "invalid_spec", *pointers)


def test_a_job_without_a_film_says_so(client: httpx.Client) -> None:
    job = form(client, {"content": PHOTO, "style": PAINTING}).json()["id"]
    answer = client.get(f"/v1/jobs/{job}/timelapse")
    assert_problem(answer, 409, "no_result")
    assert "has no timelapse" in answer.json()["detail"]


def test_a_deep_picture_keeps_its_depth_in_the_store(client: httpx.Client) -> None:
    import pyvips  # noqa: PLC0415 - starts libvips

    deep = pyvips.Image.new_from_array(gradient(96, 64).astype(np.uint16) * 257 + 1).copy(interpretation="rgb16")
    upload = client.post("/v1/uploads", files={"file": ("deep.png", deep.write_to_buffer(".png"))})
    assert upload.status_code == 201, upload.text
    assert (upload.json()["width"], upload.json()["height"]) == (96, 64)
