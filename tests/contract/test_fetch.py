"""The client for strangers' URLs, against servers that behave badly."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from pathlib import Path

import pytest

from service.errors import UrlRefused, UrlUnreachable
from service.fetch import Outside
from service.settings import Settings
from tests.receiver import Asked, Send, answer, receiving
from tests.tls import certificates

OPEN = Settings.model_validate({"fetch_allow": "127.0.0.0/8"})


def test_what_a_url_names_is_fetched_and_nothing_of_ours_is_told() -> None:
    with receiving(lambda _, send: send(answer(body=b"picture"))) as server:
        assert Outside(OPEN).get(f"{server.url}/a?b=c", max_bytes=7) == b"picture"
    [asked] = server.asked
    assert (asked.method, asked.path) == ("GET", "/a?b=c")
    assert asked.headers["accept-encoding"] == "identity"
    assert set(asked.headers) == {"host", "user-agent", "accept-encoding"}


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with receiving(lambda _, send: send(answer(body=b"x"))) as server:
        assert Outside(OPEN).get(server.url, max_bytes=9) == b"x"


@pytest.mark.parametrize(
    "data",
    [
        answer(404),
        answer(500),
        answer(204),
        answer(206, b"x"),
        answer(304),
        answer(body=b"0123456789"),
        answer(body=gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip")[:60],
        answer(body=b"x", Content_Encoding="br"),
        answer(302),
        answer(302, Location="ftp://127.0.0.1/"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_no_good_is_refused_in_one_sentence(data: bytes) -> None:
    with (
        receiving(lambda _, send: send(data)) as server,
        pytest.raises((UrlUnreachable, UrlRefused)) as caught,
    ):
        Outside(OPEN).get(server.url, max_bytes=9, timeout_s=5)
    if isinstance(caught.value, UrlUnreachable):
        assert str(caught.value) == str(UrlUnreachable())


def test_nobody_there_is_the_same_sentence() -> None:
    with receiving(lambda _, send: send(b"")) as server:
        pass
    with pytest.raises(UrlUnreachable):
        Outside(OPEN).get(server.url, max_bytes=9)


def test_three_redirects_are_followed_and_no_fourth() -> None:
    def count_down(asked: Asked, send: Send) -> None:
        left = int(asked.path.removeprefix("/"))
        send(answer(body=b"there") if left == 0 else answer(302, Location=f"/{left - 1}"))

    with receiving(count_down) as server:
        assert Outside(OPEN).get(f"{server.url}/3", max_bytes=9) == b"there"
        with pytest.raises(UrlUnreachable):
            Outside(OPEN).get(f"{server.url}/4", max_bytes=9)
    assert [asked.path for asked in server.asked] == ["/3", "/2", "/1", "/0", "/4", "/3", "/2", "/1"]


@pytest.mark.parametrize("to", ["https://10.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/"])
def test_a_redirect_to_what_is_not_public_is_not_followed(to: str) -> None:
    with (
        receiving(lambda _, send: send(answer(302, Location=to))) as server,
        pytest.raises(UrlUnreachable),
    ):
        Outside(OPEN).get(server.url, max_bytes=9)


def endless(_: Asked, send: Send) -> None:
    send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"400\r\n" + b"0" * 0x400 + b"\r\n")


def test_of_a_body_without_end_no_more_than_the_limit_is_read() -> None:
    with receiving(endless) as server, pytest.raises(UrlUnreachable):
        Outside(OPEN).get(server.url, max_bytes=100_000)


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]
)
def test_a_server_that_sends_drop_by_drop_is_left_when_the_time_is_over(head: bytes) -> None:
    over = threading.Event()
    started = time.monotonic()

    def script(_: Asked, send: Send) -> None:
        send(head)
        while not over.wait(0.05):
            send(b"a")

    with receiving(script) as server:
        with pytest.raises(UrlUnreachable):
            Outside(OPEN).get(server.url, max_bytes=99_999, timeout_s=0.5)
        over.set()
    assert time.monotonic() - started < 4


def test_a_resolver_that_says_nothing_is_left_too() -> None:
    over = threading.Event()

    def silent(*_: object) -> list[str]:
        over.wait(20)
        return []

    with pytest.raises(UrlUnreachable):
        Outside(OPEN, resolve=silent).get("https://images.example.com/", max_bytes=9, timeout_s=0.3)
    over.set()


@pytest.fixture
def https(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server named images.example.com, and of a client that trusts its authority."""
    made = certificates(tmp_path / "tls", "images.example.com")
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(made.ca))
    server.load_cert_chain(made.server, made.key)
    return server, client


def test_a_name_is_resolved_once_and_the_connection_goes_where_it_was_checked(
    https: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server_tls, client_tls = https
    asked: list[str] = []

    def rebinding(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with receiving(lambda _, send: send(answer(body=b"x")), tls=server_tls) as server:
        settings = Settings.model_validate({"fetch_allow": "127.0.0.1,images.example.com"})
        outside = Outside(settings, resolve=rebinding, tls=client_tls)
        assert outside.get(f"https://images.example.com:{server.port}/", max_bytes=9) == b"x"
    assert asked == ["images.example.com"]
    assert server.asked[0].headers["host"] == f"images.example.com:{server.port}"


def test_the_name_is_checked_again_at_every_redirect(https: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = https
    answers = [["127.0.0.1"], []]
    with receiving(lambda _, send: send(answer(302, Location="/again")), tls=server_tls) as server:
        settings = Settings.model_validate({"fetch_allow": f"127.0.0.1,images.example.com:{server.port}"})
        outside = Outside(settings, resolve=lambda *_: answers.pop(0), tls=client_tls)
        with pytest.raises(UrlUnreachable):
            outside.get(f"https://images.example.com:{server.port}/", max_bytes=9, timeout_s=2)
    assert len(server.asked) == 1
    assert answers == []


def test_no_redirect_leads_from_https_to_http(https: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = https
    with (
        receiving(lambda _, send: send(answer(body=b"x"))) as plain,
        receiving(lambda _, send: send(answer(301, Location=plain.url)), tls=server_tls) as server,
    ):
        outside = Outside(
            Settings.model_validate({"fetch_allow": "127.0.0.1,images.example.com"}),
            resolve=lambda *_: ["127.0.0.1"],
            tls=client_tls,
        )
        with pytest.raises(UrlUnreachable):
            outside.get(f"https://images.example.com:{server.port}/", max_bytes=9)
    assert plain.asked == []


def test_a_certificate_of_another_name_is_refused(https: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = https
    with receiving(lambda _, send: send(answer(body=b"x")), tls=server_tls) as server:
        outside = Outside(
            Settings.model_validate({"fetch_allow": "other.example.com"}),
            resolve=lambda *_: ["127.0.0.1"],
            tls=client_tls,
        )
        with pytest.raises(UrlUnreachable):
            outside.get(f"https://other.example.com:{server.port}/", max_bytes=9)


def test_a_post_gives_every_answer_and_follows_no_redirect() -> None:
    with receiving(lambda _, send: send(answer(302, b"0123456789", Location="/x", Retry_After="7"))) as server:
        said = Outside(OPEN).post(server.url, body=b"{}", headers={"X-A": "b"}, timeout_s=5, answer_max=4)
    assert (said.status, said.headers["retry-after"], said.body) == (302, "7", b"0123")
    [asked] = server.asked
    assert (asked.method, asked.body, asked.headers["x-a"], asked.headers["content-length"]) == (
        "POST",
        b"{}",
        "b",
        "2",
    )
