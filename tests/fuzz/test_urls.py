"""URLs, addresses and keys as strangers write them; nobody is led to an address that is not public."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import httpcore
from hypothesis import example, given
from hypothesis import strategies as st

from service.address import read_address
from service.addresses import is_public
from service.errors import UrlRefused, UrlUnreachable
from service.fetch import Outside
from service.settings import Settings

TLS = ssl.create_default_context()
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
ADDRESSES = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(
        ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "127.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0"]
    ),
    st.sampled_from(["::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "::127.0.0.1", "fd00::1", "0.0.0.0"]),
)
HOSTS = st.one_of(
    st.sampled_from(
        ["example.com", "EXAMPLE.com", "a.example.com.", "localhost", "127.1", "0x7f.1", "2130706433", "x"]
    ),
    st.sampled_from(
        ["[::1]", "[v1.abc]", "a.com[::1]", "[2606:4700::1111]", "[fe80::1%25eth0]", "127。0。0。1", "ⓔxample.com"]
    ),
    ADDRESSES,
    TEXT,
)
URLS = st.one_of(
    TEXT,
    st.builds(
        "{}{}{}{}{}{}".format,
        st.sampled_from(
            ["https://", "https://", "HTTPS://", "http://", "https:", "//", "ftp://", "file:///", "\thttps://"]
        ),
        st.sampled_from(["", "", "", "user@", "user:pass@", "@", "example.com@"]),
        HOSTS,
        st.sampled_from(["", "", ":443", ":80", ":22", ":", ":0", ":٤٤٣", ":-1", ":99999"]),
        st.sampled_from(["", "/", "/a;b=c;d?e;f", "\\", "/\r\nX: y", "/%00", "/a//../b", "?x", "/?", "/ü"]) | TEXT,
        st.sampled_from(["", "#f", "#"]),
    ),
)
ANSWERS = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda status, location, body: (
            f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: {len(body)}\r\n\r\n".encode(
                "utf-8", "surrogatepass"
            )
            + body
        ),
        st.sampled_from([200, 200, 301, 302, 307, 100, 999]),
        URLS,
        st.binary(max_size=20),
    ),
)


@dataclass
class World(httpcore.NetworkStream):
    """A network on which everything answers the same, one answer for each connection."""

    answers: list[bytes]
    connected: list[str] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    unread: bytes = b""

    def connect_tcp(self, host: str, *_: Any, **__: Any) -> World:
        self.connected.append(host)
        self.unread = self.answers[(len(self.connected) - 1) % len(self.answers)]
        self.sent.append(b"")
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's
        piece, self.unread = self.unread[:max_bytes], self.unread[max_bytes:]
        return piece

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - httpcore's
        self.sent[-1] += buffer

    def close(self) -> None:
        self.unread = b""

    def start_tls(self, *_: Any, **__: Any) -> World:
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ARG002 - httpcore's
        return None


@contextmanager
def network(*answers: bytes) -> Iterator[World]:
    world = World(list(answers))
    with patch.object(httpcore.SyncBackend, "connect_tcp", world.connect_tcp):
        yield world


def outside(found: Iterable[str]) -> Outside:
    return Outside(Settings(), resolve=lambda _host, _port: found, tls=TLS)


@given(ADDRESSES | TEXT)
def test_an_address_is_public_or_not_or_none(address: str) -> None:
    try:
        public = is_public(address)
    except ValueError:
        return
    ip = ip_address(address)
    if not ip.is_global and getattr(ip, "ipv4_mapped", None) is None:
        assert not public
    if public and ip.version == 4:
        assert is_public(f"::ffff:{ip}")
    if not public and ip.version == 4:
        assert not any(is_public(f"{prefix}{ip}") for prefix in ("::ffff:", "64:ff9b::", "::", "2000::5efe:"))


@given(URLS, st.lists(ADDRESSES, max_size=3))
@example("https://example.com/a;b?c", ["1.1.1.1"])
@example("https://[v1.abc]/", ["1.1.1.1"])
@example("https://example.com[2606:4700::1111]/", ["1.1.1.1"])
def test_a_url_leads_to_public_addresses_or_is_refused(url: str, found: list[str]) -> None:
    with network(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx") as world:
        try:
            body = outside(found).get(url, max_bytes=10)
        except (UrlRefused, UrlUnreachable):
            body = None
    assert all(is_public(address) for address in world.connected)
    if body is None:
        return
    assert body == b"x"
    parts = urlsplit(url)
    assert ("[" in url.partition("//")[2].partition("/")[0]) == (":" in (parts.hostname or ""))
    asked = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    assert world.sent[0].split(b"\r\n")[0] == f"GET {asked} HTTP/1.1".encode()
    assert f"\r\nHost: {parts.netloc}\r\n".encode() in world.sent[0]


@given(st.lists(ANSWERS, min_size=1, max_size=5), st.lists(ADDRESSES, min_size=1, max_size=2))
@example([b"HTTP/1.1 302 X\r\nLocation: https://[::1\r\nContent-Length: 0\r\n\r\n"], ["1.1.1.1"])
def test_whatever_a_server_answers_nobody_is_led_to_other_addresses(answers: list[bytes], found: list[str]) -> None:
    with network(*answers) as world, suppress(UrlRefused, UrlUnreachable):
        outside(found).get("https://example.com/", max_bytes=10)
    assert all(is_public(address) for address in world.connected)
    assert len(world.connected) <= 4


@given(URLS, st.lists(ADDRESSES, max_size=3))
def test_a_url_that_is_checked_is_public_or_refused(url: str, found: list[str]) -> None:
    try:
        outside(found).check(url)
    except (UrlRefused, UrlUnreachable):
        return
    host = urlsplit(url).hostname or ""
    assert all(
        is_public(address) for address in (found if any(c.isalpha() for c in host) and ":" not in host else [host])
    )


REDIS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://", "http://", ""]),
    st.sampled_from(["", ":secret@", "user:s%2Fecret@", "se/cret@", "@@"]),
    HOSTS | st.just("a:1,b:2"),
    st.sampled_from(["", "/", "/0", "/٣", "/name/0", "/x?db=1", "#", "/-1", ":port/0"]) | TEXT,
)


@given(REDIS | TEXT)
@example("redis://h/" + "9" * 5000)
def test_the_address_of_redis_is_read_or_refused_without_being_shown(url: str) -> None:
    why = ""
    try:
        address = read_address(url)
    except ValueError as refused:
        why = str(refused)
    if why:
        assert why.startswith("IMPASTO_REDIS_URL ")
        assert "cret" not in why
    else:
        assert address.nodes or address.socket
        assert address.database >= 0
