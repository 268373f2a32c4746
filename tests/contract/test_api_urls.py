"""Images that a spec names by URL: fetched, checked and stored before the job is accepted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem, inline, spec
from tests.images import photograph_bytes
from tests.receiver import Asked, Receiver, Send, answer, receiving
from tests.served import served

pytestmark = pytest.mark.servers


def gallery(asked: Asked, send: Send) -> None:
    pictures = {"/photo": answer(body=photograph_bytes()), "/text": answer(body=b"hello")}
    send(pictures.get(asked.path.partition("?")[0], answer(404)))


@pytest.fixture
def site() -> Iterator[Receiver]:
    """A site with a photograph on it."""
    with receiving(gallery) as site:
        yield site


@pytest.fixture
def opened(settings: Settings, key: str) -> Iterator[httpx.Client]:
    """A client of an API that may fetch from loopback."""
    with served(settings.model_copy(update={"fetch_allow": ("127.0.0.1",)}), key=key) as client:
        yield client


def post(client: httpx.Client, **wish: Any) -> httpx.Response:
    return client.post("/v1/jobs", json=spec(**wish))


def test_a_picture_named_by_url_is_fetched_once_and_the_job_keeps_it(
    opened: httpx.Client, site: Receiver, services: Services, tenant: str
) -> None:
    url = f"{site.url}/photo?token=secret"
    made = post(opened, content={"url": url}, styles=[{"image": {"url": url}}])
    assert made.status_code == 202, made.text
    assert len(site.asked) == 1
    stored = services.jobs.get(tenant, made.json()["id"])
    assert len({image.key for image in stored.inputs}) == 1
    assert set(made.json()["spec"]["content"]) == {"upload_id"}
    assert "secret" not in made.text


@pytest.mark.parametrize("path", ["/absent", "/text"])
def test_a_url_without_a_picture_is_named(opened: httpx.Client, site: Receiver, path: str) -> None:
    wish = {"image": {"url": f"{site.url}{path}"}}
    assert_problem(post(opened, styles=[wish, {"image": inline()}]), 422, "invalid_spec", "/styles/0/image/url")


@pytest.mark.parametrize(
    "url", ["http://example.com/a.png", "https://user@example.com/", "https://10.0.0.1/", "https://169.254.169.254/"]
)
def test_a_url_that_is_not_used_is_named(client: httpx.Client, url: str) -> None:
    assert_problem(post(client, content={"url": url}), 422, "invalid_spec", "/content/url")


def test_loopback_is_closed_unless_an_operator_opens_it(client: httpx.Client, site: Receiver) -> None:
    assert_problem(post(client, content={"url": f"{site.url}/photo"}), 422, "invalid_spec", "/content/url")
    assert site.asked == []


def test_a_picture_has_one_origin(client: httpx.Client) -> None:
    both = {"url": "https://example.com/", "upload_id": "a"}
    assert_problem(post(client, content=both), 422, "invalid_spec", "/content")


def test_one_request_names_at_most_32_urls(opened: httpx.Client, site: Receiver) -> None:
    contents = [{"url": f"{site.url}/photo?{n}"} for n in range(33)]
    wish = {"contents": contents, "styles": [{"image": inline()}], "options": {"size": 96}}
    assert_problem(opened.post("/v1/batches", json=wish), 422, "invalid_spec", "/contents/32/url")
    assert site.asked == []
    assert opened.post("/v1/batches", json={**wish, "contents": contents[:32]}).status_code == 202


def test_no_log_holds_what_a_url_says_beside_its_host(
    opened: httpx.Client, site: Receiver, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        post(opened, content={"url": f"{site.url}/absent?token=secret"})
    logged = capfd.readouterr()
    assert "url_unreachable" in logged.out + logged.err
    assert "secret" not in logged.out + logged.err + caplog.text


def test_a_style_may_come_by_url(opened: httpx.Client, site: Receiver) -> None:
    made = opened.post("/v1/styles", json={"name": "dusk", "image": {"url": f"{site.url}/photo"}})
    assert made.status_code == 201, made.text
    assert made.json()["bytes"] == len(photograph_bytes())
    for path, field in (("/text", "/image/url"), ("/nothing", "/image/url")):
        refused = opened.post("/v1/styles", json={"name": "dusk", "image": {"url": f"{site.url}{path}"}})
        assert_problem(refused, 422, "invalid_spec", field)
