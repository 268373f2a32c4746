"""Clients that are slow, silent or gone: they are waited for as the settings say, and nothing of them is kept."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress

import httpx
import pytest

from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem, spec
from tests.raw import answer_on, dialled, ended, head, received
from tests.served import served

pytestmark = pytest.mark.servers

JSON = "Content-Type: application/json"
FORM = "Content-Type: multipart/form-data; boundary=b"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings of little patience."""
    quick = {"head_timeout_s": 1, "body_timeout_s": 2, "body_pause_s": 0.8, "answer_pause_s": 1, "keep_alive_s": 1}
    return settings.model_copy(update=quick)


@pytest.mark.parametrize(("path", "kind"), [("/v1/jobs", JSON), ("/v1/jobs", FORM), ("/v1/webhooks", JSON)])
def test_a_body_that_stands_still_is_ended(client: httpx.Client, path: str, kind: str) -> None:
    with dialled(client) as line:
        begun = time.monotonic()
        line.sendall(head(client, f"POST {path}", kind, "Content-Length: 10") + b"-")
        assert_problem(answer_on(line), 408, "request_timeout")
        assert 0.5 < time.monotonic() - begun < 1.9
        assert ended(line)


def test_a_body_that_comes_drop_by_drop_is_ended(client: httpx.Client) -> None:
    with dialled(client) as line:
        begun = time.monotonic()
        line.sendall(head(client, "POST /v1/jobs", JSON, "Content-Length: 1000"))
        line.settimeout(0.3)
        while not readable(line):
            line.sendall(b" ")
        line.settimeout(30)
        assert time.monotonic() - begun >= 1.9
        assert_problem(answer_on(line), 408, "request_timeout")


def readable(line: socket.socket) -> bool:
    with suppress(TimeoutError):
        return bool(line.recv(1, socket.MSG_PEEK))
    return False


@pytest.mark.parametrize("begin", [b"", b"\r\n", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: a\r\nX: y\r\n"])
@pytest.mark.parametrize("before", [0, 1])
def test_a_request_that_never_begins_or_whose_head_never_ends_is_ended(
    client: httpx.Client, begin: bytes, before: int
) -> None:
    with dialled(client) as line:
        for _ in range(before):
            line.sendall(head(client, "GET /livez"))
            assert answer_on(line).status_code == 200
        line.sendall(begin)
        if begin:
            assert_problem(answer_on(line), 408, "request_timeout")
        assert ended(line)


def test_a_head_that_comes_drop_by_drop_is_ended(client: httpx.Client) -> None:
    with dialled(client) as line:
        line.settimeout(0.2)
        line.sendall(b"GET /livez HTTP/1.1\r\nX: ")
        while not readable(line):
            line.sendall(b"x")
        line.settimeout(30)
        assert_problem(answer_on(line), 408, "request_timeout")


def test_a_connection_may_be_used_again_within_its_time(client: httpx.Client) -> None:
    with dialled(client) as line:
        for _ in range(4):
            line.sendall(head(client, "GET /livez"))
            assert answer_on(line).status_code == 200
            time.sleep(0.5)


def test_who_leaves_answers_unread_is_cut_off(settings: Settings, key: str) -> None:
    with (
        served(settings, key=key, sends_bytes=65_536) as client,  # or the system buffers megabytes
        dialled(client, receives_bytes=4096) as line,
    ):
        size = len(client.get("/openapi.json").content)
        line.sendall(head(client, "GET /openapi.json") * 16)
        time.sleep(3)
        assert received(line) < 12 * size  # what the systems had buffered


def test_who_leaves_events_unread_is_cut_off(
    client: httpx.Client, services: Services, settings: Settings, tenant: str
) -> None:
    job = client.post("/v1/jobs", json=spec()).json()
    stream = f"{settings.redis_prefix}events:{tenant}:{job['id']}"
    for _ in range(400):
        services.events._redis.xadd(stream, {"kind": "log", "data": json.dumps({"title": "x" * 50_000})})
    services.events._redis.expire(stream, 60)
    with dialled(client, receives_bytes=4096) as line:
        line.sendall(head(client, f"GET {job['links']['events']}"))
        assert line.recv(12) == b"HTTP/1.1 200"
        time.sleep(3)  # unread
        assert received(line) < 10_000_000  # of 20: what the systems had buffered


@pytest.mark.parametrize(("path", "kind"), [("/v1/jobs", JSON), ("/v1/uploads", FORM), ("/v1/webhooks", JSON)])
def test_who_goes_away_within_a_body_leaves_no_error_behind(
    settings: Settings, key: str, caplog: pytest.LogCaptureFixture, path: str, kind: str
) -> None:
    with served(settings.model_copy(update={"body_pause_s": 30.0, "body_timeout_s": 30.0}), key=key) as client:
        with dialled(client) as line:
            line.sendall(head(client, f"POST {path}", kind, "Content-Length: 1000") + b"--b\r\n")
        assert client.get("/livez").status_code == 200
    assert [record.message for record in caplog.records if record.levelno >= 30] == []


def test_who_goes_away_while_an_answer_is_held_leaves_no_error_behind(
    settings: Settings, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    with served(settings, key=key) as client:
        job = client.post("/v1/jobs", content=json.dumps(spec()), headers={"Content-Type": "application/json"}).json()
        for path, more in ((job["links"]["self"], "Prefer: wait=1"), (job["links"]["events"], "Accept: */*")):
            with dialled(client) as line:
                line.sendall(head(client, f"GET {path}", more))
        assert client.get("/livez").status_code == 200
    assert [record.message for record in caplog.records if record.levelno >= 30] == []
