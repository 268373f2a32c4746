"""Bodies that are too large or compressed: refused before anything reads them, and read no further."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api import limits, server
from service.settings import Settings
from tests.api_calls import assert_problem, spec
from tests.raw import answer_on, dialled, head, sent, taken
from tests.served import served

pytestmark = pytest.mark.servers

JSON = "Content-Type: application/json"
ENDLESS = b"10000\r\n" + b" " * 65_536 + b"\r\n"
"""A chunk, to be sent again and again."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that take a megabyte."""
    return settings.model_copy(update={"upload_max_bytes": 1_000_000})


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/uploads", "/v1/batches", "/v1/styles", "/v1/estimates", "/v1/keys"])
def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes(client: httpx.Client, path: str) -> None:
    assert_problem(sent(client, head(client, f"POST {path}", JSON, "Content-Length: 1000001")), 413, "too_large")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/uploads", "/v1/batches", "/v1/styles", "/v1/webhooks"])
def test_a_chunked_body_is_refused_where_it_becomes_too_large(client: httpx.Client, path: str) -> None:
    begin = head(client, f"POST {path}", JSON, "Transfer-Encoding: chunked")
    with dialled(client) as line:
        line.sendall(begin + ENDLESS * 16)
        assert_problem(answer_on(line), 413, "too_large")


def test_nothing_more_is_read_of_a_body_that_was_refused(client: httpx.Client) -> None:
    buffered = 16 * 1024**2  # by the system, on both sides
    with dialled(client) as line:
        line.sendall(head(client, "POST /v1/jobs", JSON, "Content-Length: 100000000000"))
        assert taken(line, bytes(65_536)) < server.LINGER_BYTES + buffered


def test_who_writes_all_before_reading_learns_why_too(client: httpx.Client) -> None:
    answer = client.post("/v1/uploads", content=bytes(40_000_000), headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "too_large")


def test_a_connection_ends_whose_request_was_answered_before_its_body_came(client: httpx.Client) -> None:
    with dialled(client) as line:
        line.sendall(head(client, "POST /v1/jobs/a/b/c", JSON, "Content-Length: 500000") + b"x")
        answer = answer_on(line)
        assert_problem(answer, 404, "no_route")
        assert answer.headers["connection"] == "close"
        assert line.recv(1) == b""


def test_one_goes_on_whose_body_had_come(client: httpx.Client) -> None:
    with dialled(client) as line:
        for _ in range(2):
            line.sendall(head(client, "POST /v1/jobs/a/b/c", JSON, "Content-Length: 1") + b"x")
            answer = answer_on(line)
            assert_problem(answer, 404, "no_route")
            assert "connection" not in answer.headers


def test_what_brings_no_image_may_be_no_larger_than_64_kib(client: httpx.Client) -> None:
    hook = {"url": "http://10.0.0.1/", "events": ["job.succeeded"]}
    padded = json.dumps(hook).encode() + b" " * limits.PLAIN_MAX_BYTES
    answer = client.post("/v1/webhooks", content=padded, headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "too_large")
    fitting = padded[: limits.PLAIN_MAX_BYTES]
    answer = client.post("/v1/webhooks", content=fitting, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422, "invalid_spec", "/url")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP", "x"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/jobs"), ("POST", "/v1/keys"), ("DELETE", "/v1/jobs/x")])
def test_a_compressed_body_is_refused_and_never_inflated(
    client: httpx.Client, method: str, path: str, encoding: str
) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    assert_problem(client.request(method, path, content=bomb, headers=headers), 415, "unsupported_media_type")


def test_a_second_content_encoding_hides_nothing(client: httpx.Client) -> None:
    twice = ("Content-Encoding: gzip", "Content-Encoding: identity", "Content-Length: 2")
    assert_problem(sent(client, head(client, "POST /v1/jobs", JSON, *twice), b"{}"), 415, "unsupported_media_type")


def test_identity_is_no_encoding(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "Identity"}
    assert client.post("/v1/jobs", content=json.dumps(spec()), headers=headers).status_code == 202


def test_a_stream_of_events_ends_quietly_when_its_request_goes_on_for_ever(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    job = client.post("/v1/jobs", json=spec()).json()
    with dialled(client) as line:
        line.sendall(head(client, f"GET {job['links']['events']}", "Transfer-Encoding: chunked"))
        assert line.recv(12) == b"HTTP/1.1 200"
        assert taken(line, ENDLESS) < 32 * 1024**2
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    "extra",
    [
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: -1",),
        ("Content-Length: 99999999999999999999999999",),
        ("Transfer-Encoding: gzip",),
        ("Bad Name: x",),
        ("X: a\nb",),
        ("X: \0",),
    ],
)
def test_a_head_of_two_meanings_is_refused(client: httpx.Client, extra: tuple[str, ...]) -> None:
    answer = sent(client, head(client, "POST /v1/jobs", JSON, *extra), b"0\r\n\r\n")
    assert_problem(answer, 400, "bad_request")


def test_below_a_body_no_header_is_taken(settings: Settings, key: str) -> None:
    with served(settings) as client:
        client.headers["authorization"] = "none"
        begin = head(client, "POST /v1/keys", JSON, "Transfer-Encoding: chunked").replace(
            b"Authorization: none\r\n", b""
        )
        answer = sent(client, begin, b"2\r\n{}\r\n0\r\nAuthorization: Bearer " + key.encode() + b"\r\n\r\n")
    assert_problem(answer, 401, "unauthorized")


def test_trailers_without_end_are_refused(client: httpx.Client) -> None:
    begin = head(client, "POST /v1/jobs", JSON, "Transfer-Encoding: chunked") + b"1\r\n{\r\n0\r\n"
    assert_problem(sent(client, begin, *endless_trailers()), 431, "head_too_large")


def endless_trailers() -> Iterator[Any]:
    for number in range(100_000):
        yield f"X-{number}: {'x' * 1000}\r\n".encode()
