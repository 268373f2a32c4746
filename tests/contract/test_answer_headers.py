"""What every answer says to browsers and caches, whatever answers it."""

from __future__ import annotations

import httpx
import pytest

from api.app import create_app
from service.wiring import Services
from tests.api_calls import posted
from tests.jobs import RESULT
from tests.routes import operations, parameters

pytestmark = pytest.mark.servers

SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def assert_safe(answer: httpx.Response, cache: str = "no-store") -> None:
    assert SAFE.items() <= answer.headers.items(), (answer.request.url, answer.headers)
    assert answer.headers["cache-control"] == cache
    assert "server" not in answer.headers


def test_every_route_says_so_whether_it_knows_the_caller_or_not(client: httpx.Client, services: Services) -> None:
    for operation in operations(create_app(services)):
        method, path = operation.split()
        for name in parameters(operation):
            path = path.replace(f"{{{name}}}", "0-0")
        for headers in ({}, {"Authorization": "Bearer nobody"}):
            with client.stream(method, path, headers=headers) as answer:
                assert_safe(answer, cache=answer.headers["cache-control"])
                assert answer.headers["cache-control"] in {"no-store", "private, no-cache"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/v1/jobs", 405),
        ("POST", "/v1/jobs", 415),
        ("GET", "/v1/jobs?limit=x", 422),
    ],
)
def test_the_frameworks_own_errors_say_so_too(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, content=b"x" if method == "POST" else None)
    assert answer.status_code == status
    assert_safe(answer)


def test_a_method_that_is_not_there_is_answered_with_those_that_are(client: httpx.Client) -> None:
    assert client.delete("/v1/jobs").headers["allow"] == "GET, POST"
    assert client.patch("/v1/styles/0").headers["allow"] == "DELETE, GET"
    assert client.patch("/v1/webhooks/default-secret").headers["allow"] == "GET"


def test_a_job_may_be_kept_by_ones_own_cache_that_asks_each_time(client: httpx.Client) -> None:
    path = posted(client).headers["location"]
    first = client.get(path)
    assert_safe(first, cache="private, no-cache")
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert_safe(again, cache="private, no-cache")


def test_a_redirect_to_a_signed_url_is_kept_by_nobody(client: httpx.Client, services: Services) -> None:
    path = posted(client).headers["location"]
    mine = services.claims.claim("w")
    assert mine is not None
    services.claims.commit(mine, [RESULT], {})
    answer = client.get(f"{path}/result", follow_redirects=False)
    assert answer.status_code == 302
    assert_safe(answer)
