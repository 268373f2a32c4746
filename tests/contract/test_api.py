"""The API over real stores, asked in-process."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.job import OutputFile
from service.keys import create_key
from service.settings import Settings
from service.wiring import Services
from tests.images import photograph_bytes
from tests.served import served

pytestmark = pytest.mark.servers


@pytest.fixture
def key(services: Services, tenant: str) -> str:
    return create_key(services.keys, tenant=tenant, name="test")


@pytest.fixture
def client(settings: Settings, key: str) -> Iterator[httpx.Client]:
    with served(settings, key=key) as client:
        yield client


def uploaded(client: httpx.Client, photograph: bytes) -> str:
    answer = client.post("/v1/uploads", files={"file": ("holiday.png", photograph)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def posted(client: httpx.Client, **wish: Any) -> httpx.Response:
    image = {"data": base64.b64encode(photograph_bytes()).decode()}
    spec = {"kind": "transfer", "content": image, "styles": [{"image": image}], **wish}
    return client.post("/v1/jobs", content=json.dumps(spec), headers={"Content-Type": "application/json"})


def assert_problem(answer: httpx.Response, status: int, code: str, *pointers: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "instance", "request_id"} <= set(body)
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert tuple(error["pointer"] for error in body.get("errors", ())) == pointers


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
        "started_at", "finished_at", "expires_at", "outputs", "report", "error", "labels", "links",
    }  # fmt: skip
    assert (job["kind"], job["status"], job["terminal"], job["attempt"]) == ("transfer", "queued", False, 0)
    assert job["queue"] == {"position": 1, "estimated_start_s": None}
    assert job["labels"] == {"order": "7"}
    options = job["spec"]["options"]
    assert (options["size"], options["style_weight"], options["optimizer"]) == (96, 2.0, "lbfgs")
    assert None not in options.values()


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
        ({"content": b"x", "style": b"x"}, '{"styles": [{}, {}]}', "/style"),
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
    assert services.jobs.ready_count() == 1


# Following it


def finished(services: Services, client: httpx.Client) -> str:
    """Finish a posted job as a worker would, with a picture that is a few bytes."""
    job_id = str(posted(client).json()["id"])
    job = services.jobs.claim("w")
    assert job is not None
    key = f"{job.attempt_prefix}result.png"
    services.blobs.put(key, b"picture", content_type="image/png")
    digest = hashlib.sha256(b"picture").hexdigest()
    assert services.jobs.commit(job, [OutputFile("result", key, digest, 7, "image/png", 3, 2)], {"device": "cpu"})
    return job_id


def test_a_finished_job_shows_its_outputs_and_its_report(services: Services, client: httpx.Client) -> None:
    job = client.get(f"/v1/jobs/{finished(services, client)}").json()
    assert (job["status"], job["terminal"], job["queue"]) == ("succeeded", True, None)
    [output] = job["outputs"]
    assert (output["name"], output["bytes"], output["width"], output["height"]) == ("result", 7, 3, 2)
    assert httpx.get(output["url"]).content == b"picture"
    assert job["report"] == {"device": "cpu"}


def test_the_result_is_a_redirect_to_the_picture(services: Services, client: httpx.Client) -> None:
    answer = client.get(f"/v1/jobs/{finished(services, client)}/result")
    assert answer.status_code == 302
    picture = httpx.get(answer.headers["location"])
    assert picture.content == b"picture"
    assert picture.headers["content-type"] == "image/png"


def test_a_job_without_a_result_says_so(client: httpx.Client) -> None:
    answer = client.get(f"/v1/jobs/{posted(client).json()['id']}/result")
    assert_problem(answer, 409, "no_result")
    assert answer.headers["retry-after"] == "2"


def test_an_unchanged_job_is_answered_304(services: Services, client: httpx.Client) -> None:
    path = f"/v1/jobs/{finished(services, client)}"
    etag = client.get(path).headers["etag"]
    again = client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_a_changed_job_has_another_etag(services: Services, client: httpx.Client) -> None:
    path = f"/v1/jobs/{posted(client).json()['id']}"
    before = client.get(path)
    services.jobs.claim("w")
    after = client.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert (before.json()["status"], after.json()["status"]) == ("queued", "running")
    assert before.headers["retry-after"] == "1"


def test_an_unknown_job_is_not_found(client: httpx.Client) -> None:
    assert_problem(client.get("/v1/jobs/nothing"), 404, "not_found")
    assert_problem(client.get("/v1/jobs/nothing/result"), 404, "not_found")


def test_another_tenants_job_is_not_found_and_its_upload_can_not_be_used(
    services: Services, client: httpx.Client, photograph: bytes
) -> None:
    job, upload = posted(client).json()["id"], uploaded(client, photograph)
    stranger = {"Authorization": "Bearer " + create_key(services.keys, tenant="stranger", name="s")}
    assert_problem(client.get(f"/v1/jobs/{job}", headers=stranger), 404, "not_found")
    spec = {
        "kind": "transfer",
        "content": {"upload_id": upload},
        "styles": [{"image": {"upload_id": upload}}],
    }
    answer = client.post("/v1/jobs", json=spec, headers=stranger)
    assert_problem(answer, 422, "invalid_spec", "/content/upload_id", "/styles/0/image/upload_id")


# Keys


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer x", "Bearer imp_000000000000_guess", "Basic eDp5", "Bearer imp_zz_"]
)
def test_without_a_known_key_nothing_is_answered(client: httpx.Client, header: str | None) -> None:
    client.headers.pop("Authorization")
    headers = {"Authorization": header} if header else {}
    for answer in (
        client.get("/v1/jobs/x", headers=headers),
        client.post("/v1/jobs", json={}, headers=headers),
    ):
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == 'Bearer realm="impasto"'


def test_a_known_id_with_a_wrong_secret_is_unauthorized(client: httpx.Client, key: str) -> None:
    answer = client.get("/v1/jobs/x", headers={"Authorization": f"Bearer {key[:-1]}"})
    assert_problem(answer, 401, "unauthorized")


def test_a_key_that_may_only_read_can_not_post(services: Services, client: httpx.Client, tenant: str) -> None:
    only_reads = create_key(services.keys, tenant=tenant, name="r", scopes=["jobs:read"])
    headers = {"Authorization": f"Bearer {only_reads}"}
    assert client.get("/v1/jobs/x", headers=headers).status_code == 404
    assert_problem(client.post("/v1/jobs", json={}, headers=headers), 403, "forbidden")


# The framework's own errors, and the service's health


def test_an_unknown_path_and_a_wrong_method_are_problems(client: httpx.Client) -> None:
    assert_problem(client.get("/v2"), 404, "no_route")
    assert_problem(client.delete("/v1/jobs"), 405, "method_not_allowed")


def test_a_broken_form_is_a_problem(client: httpx.Client) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    assert_problem(client.post("/v1/jobs", content=b"--b", headers=headers), 400, "bad_request")
    named = b'--b\r\nContent-Disposition: form-data; name="\xff-\xff"\r\n\r\nx\r\n--b--\r\n'
    strange = {"Content-Type": "multipart/form-data; boundary=b; charset=punycode"}
    assert_problem(client.post("/v1/jobs", content=named, headers=strange), 400, "bad_request")


def test_the_request_id_is_the_clients_own_or_a_new_one(client: httpx.Client) -> None:
    assert client.get("/livez", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("/livez", headers={"X-Request-Id": "a b"}).headers["x-request-id"] != "a b"


def test_the_service_describes_itself(client: httpx.Client) -> None:
    description = client.get("/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    assert set(description["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]) == {
        "application/json",
        "multipart/form-data",
    }


def test_a_ready_service_says_so(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("away", "code"),
    [
        ({"redis_url": "redis://127.0.0.1:1/0"}, "job_store_unavailable"),
        ({"s3_endpoint": "http://127.0.0.1:1"}, "blob_store_unavailable"),
    ],
)
def test_a_service_without_its_store_lives_but_is_not_ready(
    settings: Settings, away: dict[str, str], code: str
) -> None:
    broken = Settings(**{**settings.model_dump(), **away})
    with served(broken) as client:
        assert client.get("/livez").status_code == 200
        answer = client.get("/readyz")
        assert_problem(answer, 503, code)
        assert answer.headers["retry-after"] == "2"
        assert "127.0.0.1" not in answer.text
