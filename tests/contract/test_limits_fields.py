"""Fields and parameters from strangers: how long, how many, how large; and how much a refusal says of them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from api.problems import FIELDS_MAX
from service.keys import create_key
from service.wiring import Services
from tests.api_calls import assert_problem, posted

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    ("path", "parameters", "pointer"),
    [
        ("/v1/jobs", {"label": "x" * 322}, "/label/0"),
        ("/v1/jobs", {"label": [f"a{number}=b" for number in range(17)]}, "/label"),
        ("/v1/jobs", {"batch": "x" * 65}, "/batch"),
        ("/v1/jobs", {"cursor": "x" * 129}, "/cursor"),
        ("/v1/jobs", {"created_after": "9999-12-31T23:59:59-23:59"}, "/created_after"),
        ("/v1/jobs", {"created_after": "0001-01-01T00:00:00+23:59"}, "/created_after"),
        ("/v1/jobs", {"created_after": "2026-01-01T00:00:00." + "0" * 1000}, "/created_after"),
        ("/v1/jobs", {"limit": "9" * 5000}, "/limit"),
        ("/v1/webhooks/deliveries", {"webhook_id": "x" * 65}, "/webhook_id"),
        ("/v1/styles", {"cursor": "x" * 129}, "/cursor"),
        ("/v1/batches", {"cursor": "x" * 129}, "/cursor"),
    ],
)
def test_a_parameter_that_is_too_long_or_too_often_there_is_named(
    client: httpx.Client, path: str, parameters: dict[str, Any], pointer: str
) -> None:
    assert_problem(client.get(path, params=parameters), 422, "invalid_spec", pointer)


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"labels": {f"a{number}": "b" for number in range(17)}}, "/labels"),
        ({"labels": {"a": "b" * 257}}, "/labels/a"),
        ({"content": {"url": "https://a.example/" + "x" * 2048}}, "/content/url"),
        ({"content": {"upload_id": "0" * 65}}, "/content/upload_id"),
        ({"styles": [{"style_id": "0" * 65}]}, "/styles/0/style_id"),
        ({"webhook": {"url": "https://a.example/" + "x" * 2048}}, "/webhook/url"),
        ({"output": {"background": "#" + "0" * 1000}}, "/output/background"),
        ({"options": {"seed": 2**63}}, "/options/seed"),
        ({"options": {"pyramid": [64] * 9}}, "/options/pyramid"),
    ],
)
def test_a_field_that_is_too_long_or_too_large_is_named(
    client: httpx.Client, wish: dict[str, Any], pointer: str
) -> None:
    answer = posted(client, **wish)
    assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


@pytest.mark.parametrize("layers", [{"x" * 33: 1}, {f"a{number}": 1 for number in range(65)}])
def test_layers_have_short_names_and_are_few(client: httpx.Client, layers: dict[str, int]) -> None:
    answer = posted(client, options={"style_layers": layers})
    assert answer.status_code == 422
    assert all(error["pointer"].startswith("/options/style_layers") for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"limits": {"burst": 2**53}}, "/limits/burst"),
        ({"limits": {"jobs_in_flight": True}}, "/limits/jobs_in_flight"),
        ({"limits": {"requests_per_minute": "60"}}, "/limits/requests_per_minute"),
        ({"limits": {"bytes_per_day": 2**60}}, "/limits/bytes_per_day"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "/expires_at"),
        ({"scopes": ["jobs:read"] * 17}, "/scopes"),
        ({"name": "x" * 257}, "/name"),
        ({"name": "\0"}, "/name"),
    ],
)
def test_a_key_s_fields_are_bounded(
    client: httpx.Client, services: Services, tenant: str, wish: dict[str, Any], pointer: str
) -> None:
    own = create_key(services.keys, tenant=tenant, name="admin", scopes=["admin"])
    answer = client.post("/v1/keys", json={"name": "x", **wish}, headers={"Authorization": f"Bearer {own}"})
    assert_problem(answer, 422, "invalid_spec", pointer)


def test_a_refusal_names_a_hundred_fields_and_no_more(client: httpx.Client) -> None:
    answer = posted(client, **{f"x{number}": 1 for number in range(5000)})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == FIELDS_MAX
    assert len(answer.content) < 20_000


def test_a_refusal_quotes_little_of_what_was_long(client: httpx.Client) -> None:
    body = json.dumps({"x" * 1_000_000: 1})
    answer = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert len(answer.content) < 10_000


def test_the_labels_of_a_query_may_be_as_long_as_those_of_a_job(client: httpx.Client) -> None:
    name, value = "n" * 64, "v" * 256
    made = posted(client, labels={name: value}).json()["id"]
    listed = client.get("/v1/jobs", params={"label": f"{name}={value}"}).json()["items"]
    assert [job["id"] for job in listed] == [made]
