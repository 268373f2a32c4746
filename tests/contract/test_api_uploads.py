"""`/v1/uploads`: as a form, as base64, by URL, from a job."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem, posted
from tests.images import photograph_bytes
from tests.receiver import answer, receiving

pytestmark = pytest.mark.servers

PHOTO = photograph_bytes()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let images be fetched from loopback."""
    return settings.model_copy(update={"fetch_allow": ("127.0.0.1",)})


def test_an_upload_may_be_fetched_or_come_as_base64(client: httpx.Client) -> None:
    with receiving(lambda _, send: send(answer(body=PHOTO))) as there:
        fetched = client.post("/v1/uploads", json={"url": there.url})
    inline = client.post("/v1/uploads", json={"data": base64.b64encode(PHOTO).decode()})
    form = client.post("/v1/uploads", files={"file": PHOTO})
    assert [a.status_code for a in (fetched, inline, form)] == [201] * 3
    own = {"id", "expires_at"}
    first, *others = ({k: v for k, v in a.json().items() if k not in own} for a in (form, fetched, inline))
    assert others == [first, first]
    assert (first["status"], first["upload"], first["bytes"]) == ("ready", None, len(PHOTO))


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"url": "http://127.0.0.1:1/"}, ["/url"]),
        ({"url": "https://10.0.0.1/"}, ["/url"]),
        ({"url": ""}, ["/url"]),
        ({"url": 7}, ["/url"]),
        ({"data": "####"}, ["/data"]),
        ({"data": "AAAA"}, ["/data"]),
        ({"url": "https://a.example/", "data": "AAAA"}, ["/data"]),
        ({}, [""]),
        ([], [""]),
        ({"file": "AAAA"}, [""]),
        ({"job_id": "a"}, ["/pointer"]),
        ({"job_id": "a", "pointer": "/content"}, ["/job_id"]),
        ({"bytes": 1}, ["/sha256", "/content_type"]),
        ({"sha256": "A" * 64, "bytes": 0, "content_type": "image/gif"}, ["/bytes", "/sha256", "/content_type"]),
        ({"sha256": "a" * 64, "bytes": 1, "content_type": "image/png", "name": "x"}, ["/name"]),
    ],
)
def test_each_field_of_an_upload_that_is_wrong_is_named(client: httpx.Client, body: Any, pointers: list[str]) -> None:
    assert_problem(client.post("/v1/uploads", json=body), 422, "invalid_spec", *pointers)


def test_what_is_neither_a_form_nor_json_is_no_upload(client: httpx.Client) -> None:
    for kind in ("image/png", "application/x-www-form-urlencoded", ""):
        sent = client.post("/v1/uploads", content=PHOTO, headers={"Content-Type": kind})
        assert_problem(sent, 415, "unsupported_media_type")
    headers = {"Content-Type": "application/json"}
    assert_problem(client.post("/v1/uploads", content=b"{", headers=headers), 422, "invalid_spec", "")


def test_a_form_s_file_is_a_file_and_its_names_are_text(client: httpx.Client) -> None:
    assert_problem(client.post("/v1/uploads", data={"file": "x"}, files={"x": b""}), 422, "invalid_spec", "/file")
    for content, kind in ((b"nonsense", "multipart/form-data"), (b"--b\r\n\xff", "multipart/form-data; boundary=b")):
        sent = client.post("/v1/uploads", content=content, headers={"Content-Type": kind})
        assert_problem(sent, 400, "bad_request")


def test_a_picture_of_a_job_may_be_used_once_more(client: httpx.Client, services: Services, tenant: str) -> None:
    first = client.post("/v1/uploads", files={"file": PHOTO}).json()
    job = posted(client, content={"upload_id": first["id"]}).json()
    client.delete(f"/v1/uploads/{first['id']}")
    again = client.post("/v1/uploads", json={"job_id": job["id"], "pointer": "/content"})
    assert again.status_code == 201, again.text
    assert [again.json()[side] for side in ("width", "height")] == [first[side] for side in ("width", "height")]
    new = posted(client, content={"upload_id": again.json()["id"]}).json()
    [old_key, new_key] = [services.jobs.get(tenant, one["id"]).inputs[0].key for one in (job, new)]
    assert new_key == old_key


def test_a_picture_that_a_job_lacks_is_named(client: httpx.Client, services: Services, tenant: str) -> None:
    job = posted(client).json()["id"]
    wrong = client.post("/v1/uploads", json={"job_id": job, "pointer": "/styles/7/image"})
    assert_problem(wrong, 422, "invalid_spec", "/pointer")
    assert wrong.json()["errors"][0]["detail"] == "the job has pictures at /content, /styles/0/image"
    asked = {"job_id": job, "pointer": "/content"}
    services.blobs.delete_prefix(f"{tenant}/inputs/")
    assert_problem(client.post("/v1/uploads", json=asked), 422, "invalid_spec", "/job_id")
    client.post(f"/v1/jobs/{job}/cancel")
    client.delete(f"/v1/jobs/{job}")
    assert_problem(client.post("/v1/uploads", json=asked), 422, "invalid_spec", "/job_id")
