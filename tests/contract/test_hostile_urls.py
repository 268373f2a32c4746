"""Hostile URLs, posted to every field that takes one: each is refused at its field, and nobody is gone to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from service.address import read_address
from service.errors import UrlUnreachable
from service.fetch import Outside
from service.settings import Settings
from tests.api_calls import assert_problem, uploaded
from tests.connections import Watch, watched
from tests.hostile_urls import INWARD, MALFORMED, NAMES, spelled_4, spelled_6
from tests.images import photograph_bytes
from tests.served import served
from tests.stub_dns import StubDns, dns_server, zone_of

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class World:
    """An API whose resolver is a server of the test, with a picture in it, and all its connections watched."""

    client: httpx.Client
    picture: dict[str, str]
    dns: StubDns
    watch: Watch
    ours: tuple[int, ...]

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self.client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})


@pytest.fixture
def world(settings: Settings, key: str) -> Iterator[World]:
    """The API as it stands by default: nothing is allowed that is not public."""
    with (
        dns_server(zone_of(NAMES)) as dns,
        watched() as watch,
        served(settings, key=key, outside=Outside(settings, resolve=dns.asks())) as client,
    ):
        picture = {"upload_id": uploaded(client, photograph_bytes())}
        ours = (*_ports_of(settings), dns.port, client.base_url.port or 80)
        yield World(client, picture, dns, watch, ours)


def _ports_of(settings: Settings) -> list[int]:
    redis = read_address(settings.redis_url.get_secret_value())
    return [*(port for _, port in redis.nodes), httpx.URL(str(settings.s3_endpoint)).port or 443]


Place = tuple[str, str, Callable[[World, str], dict[str, Any]]]
PLACES: tuple[Place, ...] = (
    ("/v1/jobs", "/content/url", lambda world, url: _job(world, content={"url": url})),
    ("/v1/jobs", "/styles/0/image/url", lambda world, url: _job(world, styles=[{"image": {"url": url}}])),
    ("/v1/jobs", "/webhook/url", lambda world, url: _job(world, webhook={"url": url})),
    ("/v1/jobs", "/init_image/url", lambda world, url: _job(world, init_image={"url": url})),
    ("/v1/batches", "/webhook/url", lambda world, url: _batch(world, webhook={"url": url})),
    ("/v1/batches", "/jobs/0/webhook/url", lambda world, url: {"jobs": [_job(world, webhook={"url": url})]}),
    ("/v1/batches", "/contents/0/url", lambda world, url: _batch(world, contents=[{"url": url}])),
    ("/v1/estimates", "/content/url", lambda world, url: _job(world, content={"url": url})),
    ("/v1/uploads", "/url", lambda _, url: {"url": url}),
    ("/v1/styles", "/image/url", lambda _, url: {"name": "dusk", "image": {"url": url}}),
    ("/v1/webhooks", "/url", lambda _, url: {"url": url, "events": ["job.succeeded"]}),
)


def _job(world: World, **wish: Any) -> dict[str, Any]:
    return {"kind": "transfer", "content": world.picture, "styles": [{"image": world.picture}], **wish}


def _batch(world: World, **wish: Any) -> dict[str, Any]:
    return {"contents": [world.picture], "styles": [{"image": world.picture}], **wish}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0]}{place[1]}")
def test_a_malformed_url_is_refused_at_its_field_before_anything_is_asked(world: World, place: Place) -> None:
    path, pointer, body = place
    for url in MALFORMED:
        assert_problem(world.post(path, body(world, url)), 422, "invalid_spec", pointer)
    assert world.dns.asked == []
    assert world.watch.looked_up == []
    assert world.watch.beyond(*world.ours) == []


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0]}{place[1]}")
def test_a_url_that_leads_inward_is_refused_in_one_sentence_and_nobody_is_gone_to(world: World, place: Place) -> None:
    path, pointer, body = place
    for url in INWARD:
        answer = world.post(path, body(world, url))
        assert_problem(answer, 422, "invalid_spec", pointer)
        assert answer.json()["errors"] == [{"pointer": pointer, "detail": str(UrlUnreachable())}], url
    assert world.watch.looked_up == []
    assert world.watch.beyond(*world.ours) == []


def test_no_special_network_is_reached_however_its_address_is_spelled(world: World) -> None:
    urls = list(dict.fromkeys((*spelled_4(), *spelled_6())))
    for some in (urls[n : n + 32] for n in range(0, len(urls), 32)):  # so many URLs does one request name
        wish = {"styles": [{"image": world.picture}], "contents": [{"url": url} for url in some]}
        answer = world.post("/v1/batches", wish)
        assert_problem(answer, 422, "invalid_spec", *(f"/contents/{n}/url" for n in range(len(some))))
    assert (len(urls) > 800, world.dns.asked, world.watch.looked_up) == (True, [], [])
    assert world.watch.beyond(*world.ours) == []
