"""The API over real stores: bringing images, posting a job."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest

from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem, posted, uploaded
from tests.images import photograph_bytes
from tests.served import served

pytestmark = pytest.mark.servers


# Uploads


def test_an_upload_answers_with_what_it_is(client: httpx.Client, photograph: bytes) -> None:
    answer = client.post("/v1/uploads", files={"file": ("x", photograph)})
    assert answer.status_code == 201
    body = answer.json()
    assert body["sha256"] == hashlib.sha256(photograph).hexdigest()
    assert (body["width"], body["height"], body["bytes"]) == (96, 64, len(photograph))
    assert body["content_type"] == "image/png"


def test_an_upload_that_is_no_picture_is_refused(client: httpx.Client) -> None:
    assert_problem(client.post("/v1/uploads", files={"file": ("x.png", b"GIF89a")}), 422, "invalid_image")


def test_an_upload_without_its_file_names_the_field(client: httpx.Client) -> None:
    assert_problem(client.post("/v1/uploads", files={"picture": ("x", b"x")}), 422, "invalid_spec", "/file")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_announced_or_chunked(
    settings: Settings, key: str, *, announced: bool
) -> None:
    small = settings.model_copy(update={"upload_max_bytes": 1000})
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + b"x" * 5000 + b"\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with served(small, key=key) as client:
        for path in ("/v1/uploads", "/v1/jobs"):
            content = body if announced else (body[i : i + 500] for i in range(0, len(body), 500))
            assert_problem(client.post(path, content=content, headers=headers), 413, "too_large")


# Posting a job


def test_a_job_posted_as_json_is_accepted_with_its_resolved_spec(client: httpx.Client, photograph: bytes) -> None:
    upload = uploaded(client, photograph)
    spec = {
        "kind": "transfer",
        "content": {"upload_id": upload},
        "styles": [{"image": {"upload_id": upload}}],
        "preset": "draft",
        "options": {"size": 96, "style_weight": 2.0},
        "labels": {"order": "7"},
    }
    answer = client.post("/v1/jobs", json=spec)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["retry-after"] == "1"
    assert set(job) == {
        "id", "kind", "status", "terminal", "progress", "queue", "attempt", "attempts_max", "spec", "created_at",
        "started_at", "finished_at", "expires_at", "outputs", "report", "error", "labels", "batch",
        "custom_id", "links",
    }  # fmt: skip
    assert (job["kind"], job["status"], job["terminal"], job["attempt"]) == ("transfer", "queued", False, 0)
    assert job["queue"] == {"position": 1, "estimated_start_s": None, "estimated_run_s": None}
    assert job["labels"] == {"order": "7"}
    options = job["spec"]["options"]
    assert (options["size"], options["style_weight"], options["optimizer"]) == (96, 2.0, "lbfgs")
    assert [name for name, value in options.items() if value is None] == ["tolerance"]


def test_a_job_posted_with_its_files_is_accepted(client: httpx.Client, photograph: bytes) -> None:
    files = {"content": ("a.png", photograph), "style": ("b.png", photograph)}
    answer = client.post("/v1/jobs", files=files, data={"spec": json.dumps({"options": {"size": 128}})})
    assert answer.status_code == 202, answer.text
    assert answer.json()["spec"]["options"]["size"] == 128
    assert "upload_id" in answer.json()["spec"]["content"]


def test_inline_images_are_kept_as_uploads_and_not_in_the_record(client: httpx.Client) -> None:
    answer = posted(client)
    assert answer.status_code == 202
    assert set(answer.json()["spec"]["content"]) == {"upload_id"}


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"kind": "portrait"}, "/kind"),
        ({"sise": 3}, "/sise"),
        ({"options": {"size": 63}}, "/options/size"),
        ({"options": {"iterations": 0}}, "/options/iterations"),
        ({"options": {"style_weight": -1}}, "/options/style_weight"),
        ({"options": {"style_layers": {}}}, "/options/style_layers"),
        ({"options": {"style_layers": {"relu9_1": 1}}}, "/options/style_layers/relu9_1"),
        ({"options": {"content_weight": 0, "style_weight": 0}}, "/options/style_weight"),
        ({"options": {"network": "resnet"}}, "/options/network"),
        ({"options": {"colour": "red"}}, "/options/colour"),
        ({"styles": []}, "/styles"),
        ({"styles": [{"image": {}}]}, "/styles/0/image"),
        ({"styles": [{"image": {"data": "%%%"}}]}, "/styles/0/image/data"),
        ({"styles": [{"image": {"data": "aGVsbG8="}}]}, "/styles/0/image/data"),
        ({"content": {"upload_id": "00"}}, "/content/upload_id"),
        ({"output": {"format": "gif"}}, "/output/format"),
        ({"priority": "urgent"}, "/priority"),
        ({"attempts_max": 0}, "/attempts_max"),
        ({"labels": {"a": "x" * 300}}, "/labels/a"),
        ({"labels": {"x" * 65: "a"}}, "/labels/" + "x" * 65),
        ({"bodyx": 1}, "/bodyx"),
        ({"content": {"data": "é"}}, "/content/data"),
        ({"options": {"content_layers": {"relu\ud800": 1}}}, "/options/content_layers/relu?"),
    ],
)
def test_a_wrong_field_is_named_by_its_pointer(client: httpx.Client, wish: dict[str, Any], pointer: str) -> None:
    assert_problem(posted(client, **wish), 422, "invalid_spec", pointer)


def test_a_picture_too_narrow_for_the_deepest_layer_is_refused_with_the_size_that_would_do(
    client: httpx.Client,
) -> None:
    narrow = {"data": base64.b64encode(photograph_bytes(128, 12)).decode()}
    answer = posted(client, content=narrow, options={"size": 64})
    assert_problem(answer, 422, "invalid_spec", "/options/size")
    assert "at least 171" in answer.json()["errors"][0]["detail"]


def test_what_is_not_json_is_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    assert_problem(client.post("/v1/jobs", content=b"{", headers=headers), 422, "invalid_spec", "")
    assert_problem(client.post("/v1/jobs", content=b"[]", headers=headers), 422, "invalid_spec", "")
    assert_problem(client.post("/v1/jobs", content=b"\xff", headers=headers), 422, "invalid_spec", "")
    assert_problem(client.post("/v1/jobs", content=b"[" * 200_000, headers=headers), 422, "invalid_spec", "")


@pytest.mark.parametrize(
    ("files", "spec", "pointer"),
    [
        ({"style": b"x"}, "{}", "/content"),
        ({"content": b"x"}, "{}", "/styles"),
        ({"content": b"x", "style": b"x"}, "{", "/spec"),
        ({"content": b"x", "style": b"x"}, "[]", "/spec"),
        ({"content": b"x", "style": b"x", "mask": b"x"}, "{}", "/mask"),
        ({"content": b"x", "style": b"x"}, '{"styles": [{}, {}]}', "/styles/1/image"),
        ({"content": b"x", "style": b"x"}, '{"styles": [7]}', "/styles/0"),
    ],
)
def test_a_wrong_part_of_a_form_is_named(
    client: httpx.Client, files: dict[str, bytes], spec: str, pointer: str
) -> None:
    answer = client.post("/v1/jobs", files={n: (n, b) for n, b in files.items()}, data={"spec": spec})
    assert_problem(answer, 422, "invalid_spec", pointer)


def test_text_where_a_file_belongs_is_refused(client: httpx.Client, photograph: bytes) -> None:
    answer = client.post("/v1/jobs", files={"style": ("s", photograph)}, data={"content": "text"})
    assert_problem(answer, 422, "invalid_spec", "/content")


def test_a_body_of_another_type_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/jobs", content=b"<spec/>", headers={"Content-Type": "application/xml"})
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_job_is_accepted_while_the_bell_can_not_be_rung(services: Services, settings: Settings, key: str) -> None:
    # The broker's key holds another type, so that every ring fails while the store works.
    services.jobs._redis.set(f"{settings.redis_prefix}impasto.doorbell", "no list", ex=60)
    with served(settings, key=key) as client:
        assert posted(client).status_code == 202
    assert services.upkeep.ready_count() == 1
