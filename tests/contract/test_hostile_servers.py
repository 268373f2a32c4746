"""Servers that mean ill: answers without end or sense, redirects inward and in circles, and what can be told apart."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from service.errors import UrlRefused, UrlUnreachable
from service.fetch import Outside
from service.settings import Settings
from tests.connections import watched
from tests.hostile_urls import BESIDES, INWARD, MALFORMED, SPECIAL_4, SPECIAL_6, ends
from tests.receiver import Asked, Script, Send, answer, receiving
from tests.served import served

OPEN = Settings.model_validate({"fetch_allow": "127.0.0.1"})
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def saying(data: bytes) -> Script:
    return lambda _, send: send(data)


def without_end(head: bytes, again: bytes) -> Script:
    def script(_: Asked, send: Send) -> None:
        send(head)
        while True:
            send(again)

    return script


# Answers without sense


@pytest.mark.parametrize(
    "data",
    [
        CHUNKED + b"zz\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"f" * 17 + b"\r\na",
        CHUNKED + b"FFFFFFFFFFFFFFFF\r\na",
        CHUNKED + b"1\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"1;" + b"e" * 200_000 + b"\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1\r\na\r\n0\r\nX: " + b"t" * 200_000 + b"\r\n\r\n",
        CHUNKED + b"1\r\na\r\n",
        HEAD + b"Content-Length: -1\r\n\r\na",
        HEAD + b"Content-Length: 1, 2\r\n\r\na",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
        HEAD + b"Content-Length: 1e9\r\n\r\na",
        HEAD + b"Content-Length: 99999999999999999999999\r\n\r\na",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\na",
        HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"X\x00: a\r\n\r\n",
        HEAD + b"X: a\x00b\r\n\r\n",
        HEAD + b": a\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b" folded: a\r\n\r\n",
        b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 600 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00" * 200_000,
        b"\r\n" * 100_000,
        b"+PONG\r\n",
        b"220 mail ESMTP\r\n",
    ],
)
def test_an_answer_without_sense_is_refused_in_the_one_sentence(data: bytes) -> None:
    with receiving(saying(data)) as server, pytest.raises(UrlUnreachable) as caught:
        Outside(OPEN).get(server.url, max_bytes=9, timeout_s=3)
    assert str(caught.value) == str(UrlUnreachable())


# Answers without end


@pytest.mark.parametrize(
    ("head", "again"),
    [
        pytest.param(HEAD, b"X: y\r\n", id="headers"),
        pytest.param(HEAD + b"X: ", b"y" * 100, id="one header"),
        pytest.param(b"HTTP/1.1 200 ", b"OK" * 100, id="the first line"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="answers that announce an answer"),
        pytest.param(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", id="hints"),
        pytest.param(CHUNKED, b"1\r\na\r\n", id="chunks of one byte"),
        pytest.param(CHUNKED + b"1;", b"e" * 100, id="a chunk's extension"),
        pytest.param(CHUNKED + b"0\r\n", b"X: y\r\n", id="trailers"),
        pytest.param(HEAD + b"\r\n", b"a" * 100, id="a body until the connection ends"),
        pytest.param(HEAD + b"Content-Length: 9999999999\r\n\r\n", b"a" * 100, id="a body of ten gigabytes"),
        pytest.param(b"HTTP/1.1 302 X\r\nLocation: /\r\n\r\n", b"a" * 100, id="the body of a redirect"),
        pytest.param(b"HTTP/1.1 404 X\r\n\r\n", b"a" * 100, id="the body of a failure"),
    ],
)
def test_an_answer_without_end_takes_no_more_time_than_it_may(head: bytes, again: bytes) -> None:
    started = time.monotonic()
    with receiving(without_end(head, again)) as server, pytest.raises(UrlUnreachable):
        Outside(OPEN).get(server.url, max_bytes=32 * 1024**2, timeout_s=1)
    assert time.monotonic() - started < 8


def test_an_endless_answer_to_a_webhook_is_read_no_further_than_its_beginning() -> None:
    with receiving(without_end(CHUNKED, b"400\r\n" + b"0" * 0x400 + b"\r\n")) as server:
        said = Outside(OPEN).post(server.url, body=b"", headers={}, timeout_s=5, answer_max=100)
    assert said.body == b"0" * 100


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "GZIP", "identity, gzip", "br"])
def test_a_bomb_is_not_unpacked(encoding: str) -> None:
    bomb = gzip.compress(bytes(64 * 1024**2))
    with receiving(saying(answer(body=bomb, Content_Encoding=encoding))) as server:
        outside = Outside(OPEN)
        tracemalloc.start()
        with pytest.raises(UrlUnreachable):
            outside.get(server.url, max_bytes=1024**2, timeout_s=5)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * 1024**2


def test_a_bomb_that_nobody_announces_is_handed_on_as_it_came() -> None:
    bomb = gzip.compress(bytes(64 * 1024**2))
    with receiving(saying(answer(body=bomb))) as server:
        assert Outside(OPEN).get(server.url, max_bytes=1024**2, timeout_s=5) == bomb


# Redirects


def leading(places: dict[str, bytes]) -> Script:
    return lambda asked, send: send(b"HTTP/1.1 302 X\r\nLocation: " + places.get(asked.path, b"/nowhere") + b"\r\n\r\n")


CLOSED = [f"[{at}]" if ":" in at else at for at in ends((*SPECIAL_4, *SPECIAL_6, *BESIDES))]


def test_no_redirect_leads_to_any_closed_network() -> None:
    places = {f"/{n}": f"https://{host}/".encode() for n, host in enumerate(CLOSED)}
    with receiving(leading(places)) as server, watched() as watch:
        for path in places:
            with pytest.raises(UrlUnreachable):
                Outside(OPEN).get(f"{server.url}{path}", max_bytes=9)
    assert watch.beyond(server.port) == []


def test_no_redirect_leads_along_a_hostile_url() -> None:
    urls = (*MALFORMED, *(url for url in INWARD if "//127.0.0.1" not in url))
    places = {f"/{n}": url.encode(errors="surrogatepass") for n, url in enumerate(urls)}
    with receiving(leading(places)) as server, watched() as watch:
        outside = Outside(OPEN, resolve=lambda *_: ["10.0.0.1"])
        for path in places:
            with pytest.raises((UrlUnreachable, UrlRefused)):
                outside.get(f"{server.url}{path}", max_bytes=9, timeout_s=5)
    assert [to for to in watch.beyond(server.port) if to[0] != "127.0.0.1"] == []


def test_redirects_in_a_circle_end() -> None:
    with receiving(leading({})) as one, receiving(leading({"/a": one.url.encode()})) as other:
        with pytest.raises(UrlUnreachable):
            Outside(OPEN).get(one.url, max_bytes=9)
        with pytest.raises(UrlUnreachable):
            Outside(OPEN).get(f"{other.url}/a", max_bytes=9)
    assert (len(one.asked), len(other.asked)) == (4 + 3, 1)


# What can be told apart


@contextmanager
def filtered() -> Iterator[int]:
    """Give a port of loopback that answers no connection, as a firewall that drops what comes."""
    with socket.socket() as listener, socket.socket() as one, socket.socket() as two:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (one, two):  # the queue is full from then on
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextmanager
def unreachable_places() -> Iterator[dict[str, str]]:
    """Give URLs from which nothing can be had, each for another reason."""
    with receiving(saying(b"")) as gone:
        pass
    with filtered() as silent, receiving(saying(answer(404))) as absent, receiving(saying(b"SSH-2.0\r\n")) as other:
        yield {
            "closed": gone.url,
            "filtered": f"http://127.0.0.1:{silent}",
            "not found": absent.url,
            "another protocol": other.url,
            "private": "https://10.0.0.1/",
            "loopback": "https://127.0.0.2/",
            "no such name": "https://nowhere.example.com/",
            "a name inside": "https://inside.example.com/",
        }


def test_nobody_learns_why_a_url_was_not_reached(settings: Settings, key: str) -> None:
    names: dict[str, list[str]] = {"inside.example.com": ["10.0.0.1"]}
    opened = settings.model_copy(update={"fetch_allow": ("127.0.0.1",)})
    outside = Outside(opened, resolve=lambda host, _: names.get(host, []))
    said = set()
    with unreachable_places() as places, served(opened, key=key, outside=outside) as client:
        for url in places.values():
            said.add(_told_apart(client.post("/v1/uploads", json={"url": url})))
    assert len(said) == 1, said


def _told_apart(answer: httpx.Response) -> str:
    told = answer.json()
    del told["request_id"], told["instance"]
    lengths = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
    return f"{answer.status_code} {told} {sorted(lengths)}"


def test_no_way_of_being_unreachable_takes_longer_than_the_time_that_there_is() -> None:
    outside = Outside(OPEN, resolve=lambda *_: ["10.0.0.1"])
    with unreachable_places() as places:
        for why, url in places.items():
            started = time.monotonic()
            with pytest.raises(UrlUnreachable):
                outside.get(url, max_bytes=9, timeout_s=1)
            assert time.monotonic() - started < 3, why


def test_a_private_address_is_not_gone_to_so_that_no_time_tells_what_is_there() -> None:
    with receiving(saying(answer(body=b"x"))) as server, watched() as watch:
        for port in (80, 443):
            with pytest.raises(UrlUnreachable):
                Outside(Settings()).get(f"https://127.0.0.1:{port}/", max_bytes=9)
        with pytest.raises(UrlRefused):
            Outside(Settings()).get(f"https://127.0.0.1:{server.port}/", max_bytes=9)
    assert watch.connected == []
