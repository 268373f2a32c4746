"""Styles over HTTP: kept, listed, used in jobs, deleted."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from service.keys import create_key
from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem, posted, uploaded
from tests.images import photograph_bytes
from tests.served import served

pytestmark = pytest.mark.servers

PAINTING = photograph_bytes(80, 64)
INLINE = {"data": base64.b64encode(PAINTING).decode()}


def kept(client: httpx.Client, name: str = "dusk", **wish: Any) -> dict[str, Any]:
    answer = client.post("/v1/styles", json={"name": name, "image": INLINE, **wish})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def with_style(style_id: str, **more: Any) -> dict[str, Any]:
    return {"styles": [{"style_id": style_id, **more}], "options": {"size": 96}}


def test_a_style_is_kept_with_its_name_its_labels_and_what_its_picture_is(client: httpx.Client) -> None:
    answer = client.post("/v1/styles", json={"name": "dusk", "image": INLINE, "labels": {"painter": "unknown"}})
    assert answer.status_code == 201, answer.text
    style = answer.json()
    assert answer.headers["location"] == style["links"]["self"] == f"/v1/styles/{style['id']}"
    assert {name: style[name] for name in ("name", "bytes", "content_type", "width", "height", "labels")} == {
        "name": "dusk",
        "bytes": len(PAINTING),
        "content_type": "image/png",
        "width": 80,
        "height": 64,
        "labels": {"painter": "unknown"},
    }
    signed = ("url", "url_expires_at")  # anew for each answer
    again = client.get(f"/v1/styles/{style['id']}").json()
    assert {name: again[name] for name in again if name not in signed} == {
        name: style[name] for name in style if name not in signed
    }


def test_a_style_may_come_as_a_form_or_as_an_upload(client: httpx.Client) -> None:
    form = {"name": "dusk", "labels": json.dumps({"a": "b"})}
    by_form = client.post("/v1/styles", files={"image": ("p.png", PAINTING)}, data=form)
    assert by_form.status_code == 201, by_form.text
    by_upload = kept(client, image={"upload_id": uploaded(client, PAINTING)})
    assert by_form.json()["sha256"] == by_upload["sha256"]
    assert by_form.json()["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 129}, "/name"),
        ({"name": "\ud800"}, "/name"),
        ({"image": {}}, "/image"),
        ({"image": {"upload_id": "0-0"}}, "/image/upload_id"),
        ({"image": {"data": "%%%"}}, "/image/data"),
        ({"image": {"data": "aGVsbG8="}}, "/image/data"),
        ({"labels": {"a": 3}}, "/labels/a"),
        ({"weight": 1}, "/weight"),
    ],
    ids=str,
)
def test_a_wrong_field_of_a_style_is_named(client: httpx.Client, wish: dict[str, Any], pointer: str) -> None:
    body = json.dumps({"name": "dusk", "image": INLINE, **wish})
    answer = client.post("/v1/styles", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422, "invalid_spec", pointer)


@pytest.mark.parametrize(
    ("files", "fields", "pointer"),
    [
        ({}, {"name": "dusk", "image": "text"}, "/image"),
        ({"image": PAINTING}, {"name": "dusk", "labels": "{"}, "/labels"),
        ({"image": PAINTING}, {}, "/name"),
        ({"image": PAINTING, "picture": PAINTING}, {"name": "dusk"}, "/picture"),
        ({"picture": PAINTING}, {"name": "dusk", "image": "text"}, "/image"),
    ],
    ids=["no file", "no JSON", "no name", "another part", "text"],
)
def test_a_wrong_part_of_a_styles_form_is_named(
    client: httpx.Client, files: dict[str, bytes], fields: dict[str, str], pointer: str
) -> None:
    parts = {name: (name, data) for name, data in files.items()} or {"x": ("x", b"x")}
    assert_problem(client.post("/v1/styles", files=parts, data=fields), 422, "invalid_spec", pointer)


def test_a_style_of_another_media_type_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/styles", content=b"x", headers={"Content-Type": "image/png"})
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_styles_form_in_an_unreadable_charset_is_refused(client: httpx.Client) -> None:
    strange = {"Content-Type": "multipart/form-data; boundary=b; charset=punycode"}
    body = b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--b--\r\n'
    assert_problem(client.post("/v1/styles", content=body, headers=strange), 400, "bad_request")


def test_styles_are_listed_newest_first_a_page_at_a_time(client: httpx.Client) -> None:
    made = [kept(client, f"style {n}")["id"] for n in range(5)]
    first = client.get("/v1/styles", params={"limit": 2})
    assert [style["id"] for style in first.json()["items"]] == made[:2:-1]
    kept(client, "a late one")
    second = client.get(first.headers["link"].partition(">")[0].removeprefix("<"))
    assert [style["id"] for style in second.json()["items"]] == made[2:0:-1]
    last = client.get("/v1/styles", params={"limit": 2, "cursor": second.json()["next_cursor"]})
    assert [style["id"] for style in last.json()["items"]] == made[:1]
    assert last.json()["next_cursor"] is None
    assert "link" not in last.headers


def test_more_styles_of_one_millisecond_than_are_read_at_once_are_all_listed(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    style = services.styles.get(tenant, kept(client)["id"])
    redis, prefix = services._redis, services.settings.redis_prefix
    record = redis.hgetall(f"{prefix}style:{tenant}:{style.id}")
    ids = [style.id, *(f"0-{n:03}" for n in range(230))]
    for name in ids[1:]:
        redis.hset(f"{prefix}style:{tenant}:{name}", mapping=record)
        redis.zadd(f"{prefix}styles:{tenant}", {name: style.created_ms})
    seen, cursor = [], None
    while True:
        page = client.get("/v1/styles", params={"limit": 90} | ({"cursor": cursor} if cursor else {})).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(ids, reverse=True)


def test_a_cursor_that_no_page_gave_is_refused(client: httpx.Client) -> None:
    assert_problem(client.get("/v1/styles", params={"cursor": "x"}), 422, "invalid_spec", "/cursor")


def test_a_deleted_style_is_gone(client: httpx.Client) -> None:
    style = kept(client)
    assert client.delete(f"/v1/styles/{style['id']}").status_code == 204
    for answer in (client.get(f"/v1/styles/{style['id']}"), client.delete(f"/v1/styles/{style['id']}")):
        assert_problem(answer, 404, "not_found")
    assert client.get("/v1/styles").json()["items"] == []


def test_strangers_see_nothing_of_a_style(client: httpx.Client, services: Services, settings: Settings) -> None:
    style = kept(client)["id"]
    with served(settings, key=create_key(services.keys, tenant="strangers", name="test")) as stranger:
        assert_problem(stranger.get(f"/v1/styles/{style}"), 404, "not_found")
        assert_problem(stranger.delete(f"/v1/styles/{style}"), 404, "not_found")
        assert stranger.get("/v1/styles").json()["items"] == []
        assert_problem(posted(stranger, **with_style(style)), 422, "invalid_spec", "/styles/0/style_id")
    assert client.get(f"/v1/styles/{style}").status_code == 200


@pytest.mark.parametrize("call", ["get", "delete", "list", "post"])
def test_styles_need_a_key(settings: Settings, call: str) -> None:
    with served(settings) as nobody:
        answer = {
            "get": lambda: nobody.get("/v1/styles/0"),
            "delete": lambda: nobody.delete("/v1/styles/0"),
            "list": lambda: nobody.get("/v1/styles"),
            "post": lambda: nobody.post("/v1/styles", json={"name": "dusk", "image": INLINE}),
        }[call]()
        assert_problem(answer, 401, "unauthorized")


# In jobs


def test_a_job_names_a_style_by_its_id(client: httpx.Client, services: Services, tenant: str) -> None:
    style = kept(client)["id"]
    answer = posted(client, **with_style(style, weight=0.5, scale=2.0))
    assert answer.status_code == 202, answer.text
    assert answer.json()["spec"]["styles"] == [{"style_id": style, "image": None, "weight": 0.5, "scale": 2.0}]
    job = services.jobs.get(tenant, answer.json()["id"])
    assert [(image.pointer, image.key) for image in job.inputs][1] == (
        "/styles/0/image",
        services.styles.get(tenant, style).key,
    )


@pytest.mark.parametrize(
    ("style", "pointer"),
    [
        ({"style_id": "0-0"}, "/styles/0/style_id"),
        ({"style_id": "Dusk!"}, "/styles/0/style_id"),
        ({"style_id": "0-0", "image": INLINE}, "/styles/0/image"),
        ({}, "/styles/0/image"),
    ],
    ids=["unknown", "no id", "both", "neither"],
)
def test_a_style_of_a_job_is_an_image_or_a_known_id(client: httpx.Client, style: dict[str, Any], pointer: str) -> None:
    assert_problem(posted(client, styles=[style]), 422, "invalid_spec", pointer)


def test_every_unknown_style_and_upload_is_named_at_once(client: httpx.Client) -> None:
    styles = [{"style_id": kept(client)["id"]}, {"style_id": "0-0"}, {"image": {"upload_id": "0-0"}}]
    answer = posted(client, styles=styles)
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/styles/1/style_id", "/styles/2/image/upload_id"}


def test_what_a_styles_size_rules_out_is_refused(client: httpx.Client, settings: Settings, key: str) -> None:
    style = kept(client)["id"]
    with served(settings.model_copy(update={"size_max": 96}), key=key) as small:
        answer = posted(small, **with_style(style, scale=4.0))
        assert_problem(answer, 422, "invalid_spec", "/styles/0/scale")


def test_the_same_style_is_the_same_job_under_ones_own_id(client: httpx.Client) -> None:
    one, other = kept(client)["id"], kept(client)["id"]
    body = {"kind": "transfer", "content": {"upload_id": uploaded(client, PAINTING)}}
    path = "/v1/jobs/0190a1b2-0000-7000-8000-000000000001"
    answers = [client.put(path, json={**body, **with_style(style)}) for style in (one, one, other)]
    assert [answer.status_code for answer in answers] == [202, 200, 409]


def test_a_job_in_a_deleted_style_may_be_painted_again(client: httpx.Client, services: Services, tenant: str) -> None:
    style = kept(client)["id"]
    job = posted(client, **with_style(style)).json()
    assert client.delete(f"/v1/styles/{style}").status_code == 204
    answer = client.post(f"/v1/jobs/{job['id']}/retry")
    assert answer.status_code == 202, answer.text
    assert answer.json()["spec"]["styles"][0]["style_id"] == style
    for job_id in (job["id"], answer.json()["id"]):
        for image in services.jobs.get(tenant, job_id).inputs:
            assert services.blobs.get(image.key)
    assert_problem(posted(client, **with_style(style)), 422, "invalid_spec", "/styles/0/style_id")
