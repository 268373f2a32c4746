"""Heads of requests: how large they may be, how many may be sent ahead, and what is no head at all."""

from __future__ import annotations

import httpx
import pytest

from api import server
from tests.api_calls import assert_problem
from tests.raw import answer_on, dialled, head, received, sent

pytestmark = pytest.mark.servers

ALIVE = "GET /livez"


def test_a_head_may_have_32_kib(client: httpx.Client) -> None:
    for size, status in ((server.HEAD_MAX_BYTES - 400, 200), (server.HEAD_MAX_BYTES, 431)):
        assert sent(client, head(client, ALIVE, f"X: {'x' * size}")).status_code == status
        assert sent(client, head(client, f"{ALIVE}?{'x' * size}")).status_code == status


@pytest.mark.parametrize("many", [1, 1000])
def test_a_larger_head_is_refused_at_once_or_in_pieces(client: httpx.Client, many: int) -> None:
    large = head(client, ALIVE, f"X: {'x' * 100_000}")
    step = -(-len(large) // many)
    answer = sent(client, *(large[at : at + step] for at in range(0, len(large), step)))
    assert_problem(answer, 431, "head_too_large")


def test_a_head_without_end_is_refused(client: httpx.Client) -> None:
    for endless in (b"GET /", head(client, ALIVE)[:-2] + b"X: ", head(client, ALIVE)[:-2] + b"X"):
        answer = sent(client, endless, *(b"x" * 1000 for _ in range(100_000)))
        assert_problem(answer, 431, "head_too_large")


def test_a_head_may_have_a_hundred_headers(client: httpx.Client) -> None:
    fitting = (f"X-{number}: x" for number in range(server.HEADERS_MAX - 2))
    assert sent(client, head(client, ALIVE, *fitting)).status_code == 200
    many = (f"X-{number}: x" for number in range(server.HEADERS_MAX))
    assert_problem(sent(client, head(client, ALIVE, *many)), 431, "head_too_large")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # the beginning of TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"FETCH /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/3.7\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n folded: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_problem_too(client: httpx.Client, nonsense: bytes) -> None:
    answer = sent(client, nonsense)
    assert_problem(answer, 400, "bad_request")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("host", ["[", "a b", "a:b:c", "\x80", "x" * 10_000, "[::1", "a@b", "a/../b", ""])
def test_a_strange_host_changes_nothing(client: httpx.Client, host: str) -> None:
    asked = f"GET /v1/nothing HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1")
    assert_problem(sent(client, asked), 404, "no_route")


@pytest.mark.parametrize("path", ["/v1/jobs/%00", "/v1/jobs/%ff%fe", "/v1/jobs/..%2f..%2fetc", "/v1/jobs/a%3Ab%3Ac"])
def test_a_strange_id_is_an_unknown_one(client: httpx.Client, path: str) -> None:
    answer = sent(client, head(client, f"GET {path}"))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_some_requests_may_be_sent_ahead_of_their_answers(client: httpx.Client) -> None:
    with dialled(client) as line:
        line.sendall(head(client, ALIVE) * (server.AHEAD_MAX + 1))
        for _ in range(server.AHEAD_MAX + 1):
            assert answer_on(line).status_code == 200


def test_who_sends_thousands_ahead_is_cut_off(client: httpx.Client) -> None:
    with dialled(client) as line:
        line.sendall(head(client, ALIVE) * 1000)
        answers = received(line) // len(b"HTTP/1.1 200 OK")
    assert answers < 1000


def test_an_upgrade_is_not_taken(client: httpx.Client) -> None:
    wanted = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    assert sent(client, head(client, ALIVE, *wanted)).status_code == 200
