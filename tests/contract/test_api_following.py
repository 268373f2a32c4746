"""The API over real stores: following a job, keys, the framework's own errors, health."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from service.job import OutputFile
from service.keys import create_key
from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem, posted, uploaded
from tests.served import served

pytestmark = pytest.mark.servers


# Following it


def finished(services: Services, client: httpx.Client) -> str:
    """Finish a posted job as a worker would, with a picture that is a few bytes."""
    job_id = str(posted(client).json()["id"])
    job = services.claims.claim("w")
    assert job is not None
    key = f"{job.attempt_prefix}result.png"
    services.blobs.put(key, b"picture", content_type="image/png")
    digest = hashlib.sha256(b"picture").hexdigest()
    assert services.claims.commit(job, [OutputFile("result", key, digest, 7, "image/png", 3, 2)], {"device": "cpu"})
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
    services.claims.claim("w")
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
        ({"s3_bucket": "nobody-made-this"}, "bucket_missing"),
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


def test_what_nobody_foresaw_is_a_problem_without_internals(
    client: httpx.Client, services: Services, tenant: str, photograph: bytes
) -> None:
    upload = uploaded(client, photograph)
    services._redis.hset(f"{services.settings.redis_prefix}upload:{tenant}:{upload}", "width", "wide")
    answer = client.get(f"/v1/uploads/{upload}")
    assert_problem(answer, 500, "internal")
    assert "wide" not in answer.text
    assert "Error" not in answer.text


def test_a_client_can_ask_what_can_be_asked_for(client: httpx.Client, services: Services) -> None:
    services.presence.beat("worker", "w")
    can = client.get("/v1/capabilities").json()
    assert can["networks"]["vgg16"][:2] == ["relu1_1", "relu1_2"]
    assert set(can["networks"]) == {"vgg16", "vgg19"}
    assert can["presets"]["draft"] == {"size": 256, "iterations": 50}
    assert can["limits"]["size_pixels"] == services.settings.size_max
    assert (can["workers"], can["content_layers"]) == (1, {"relu4_2": 1.0, "relu1_1": 5.0})
    assert can["version"]
    assert_problem(httpx.get(f"{client.base_url}/v1/capabilities"), 401, "unauthorized")
