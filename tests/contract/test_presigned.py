"""Presigned URLs: each does one thing to one object, for a while; whatever is changed of it breaks it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from service.stores.blob_store import PresignedPut
from service.wiring import Services

pytestmark = pytest.mark.servers

DATA = b"picture"
FOR_GET = {
    "response-content-type", "response-content-disposition",
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
}  # fmt: skip


@pytest.fixture
def url(services: Services, tenant: str) -> str:
    """A URL that serves an object."""
    services.blobs.put(f"{tenant}/a", DATA, content_type="image/png")
    return services.blobs.presign(f"{tenant}/a", filename="a.png", content_type="image/png", ttl_s=60)


@pytest.fixture
def place(services: Services, tenant: str) -> PresignedPut:
    """A URL that takes an object."""
    return services.blobs.presign_put(
        f"{tenant}/b", sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA), content_type="image/png", ttl_s=60
    )


def with_query(url: str, change: Callable[[dict[str, str]], object]) -> str:
    """Change a URL's parameters."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, strict_parsing=True))
    change(query)
    return parts._replace(query=urlencode(query)).geturl()


def altered(url: str) -> Iterator[tuple[str, str]]:
    """Alter each of a URL's parameters in turn, leave each out, and add others; say what was done."""
    query = dict(parse_qsl(urlsplit(url).query))
    for name, value in query.items():
        other = str(int(value) * 10) if value.isdecimal() else value[:-1] + ("0" if value[-1] != "0" else "1")
        yield f"{name} altered", with_query(url, lambda q, name=name, other=other: q.update({name: other}))  # type: ignore[misc]
        yield f"{name} left out", with_query(url, lambda q, name=name: q.pop(name))  # type: ignore[misc]
    for name in ("response-cache-control", "response-expires", "response-content-encoding", "versionId", "x-id", "acl"):
        yield f"{name} added", with_query(url, lambda q, name=name: q.update({name: "x"}))  # type: ignore[misc]
    yield "another object", re.sub(r"/[ab]\?", "/c?", url)
    yield "a folder", re.sub(r"/[ab]\?", "/?", url)


def test_a_url_for_reading_can_not_be_changed_in_anything(url: str, services: Services, tenant: str) -> None:
    services.blobs.put(f"{tenant}/c", b"another", content_type="image/png")
    assert {name for name, _ in parse_qsl(urlsplit(url).query)} == FOR_GET
    for what, other in altered(url):
        answer = httpx.get(other)
        assert answer.status_code in {400, 403}, what
        assert DATA not in answer.content, what
    assert httpx.get(with_query(url, lambda query: query)).content == DATA, "nothing was changed of this one"


def test_a_url_for_reading_reads_and_does_nothing_else(url: str, services: Services, tenant: str) -> None:
    for method in ("PUT", "POST", "DELETE", "HEAD"):
        assert httpx.request(method, url).status_code in {400, 403, 405}, method
    assert services.blobs.get(f"{tenant}/a") == DATA


def test_what_is_served_has_the_type_and_the_name_that_we_gave_it(services: Services, tenant: str) -> None:
    services.blobs.put(f"{tenant}/a", b"<script>", content_type="text/html")
    url = services.blobs.presign(f"{tenant}/a", filename="a.png", content_type="image/png", ttl_s=60)
    answer = httpx.get(url, headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.png"'


def test_a_url_ends_when_it_was_said_to(services: Services, tenant: str) -> None:
    services.blobs.put(f"{tenant}/a", DATA, content_type="image/png")
    url = services.blobs.presign(f"{tenant}/a", filename="a.png", content_type="image/png", ttl_s=2)
    assert httpx.get(url).status_code == 200
    deadline = time.monotonic() + 20
    while (answer := httpx.get(url)).status_code == 200:
        assert time.monotonic() < deadline
    assert answer.status_code == 403


def test_a_url_for_writing_can_not_be_changed_in_anything(place: PresignedPut, services: Services, tenant: str) -> None:
    for what, other in altered(place.url):
        answer = httpx.put(other, content=DATA, headers=dict(place.headers))
        assert answer.status_code in {400, 403}, what
    assert services.blobs.keys(f"{tenant}/") == []


def test_a_url_for_writing_takes_exactly_the_file_that_was_announced(
    place: PresignedPut, services: Services, tenant: str
) -> None:
    other_digest = {"x-amz-checksum-sha256": "A" * 43 + "="}
    refused = [
        httpx.put(place.url, content=data, headers={**place.headers, **headers})
        for data, headers in [
            (b"PICTURE", {}),
            (DATA + b"x", {}),
            (DATA[:-1], {}),
            (b"", {}),
            (DATA, {"Content-Type": "text/html"}),
            (DATA, other_digest),
            (DATA, {"x-amz-acl": "public-read"}),
            (DATA, {"x-amz-copy-source": "/impasto/other"}),
        ]
    ]
    assert {answer.status_code for answer in refused} <= {400, 403}
    for method in ("GET", "DELETE", "POST"):
        assert httpx.request(method, place.url, headers=dict(place.headers)).status_code in {400, 403, 405}
    assert services.blobs.keys(f"{tenant}/") == []
    assert httpx.put(place.url, content=DATA, headers=dict(place.headers)).status_code == 200
    assert services.blobs.get(f"{tenant}/b") == DATA
