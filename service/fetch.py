"""The one HTTP client that may touch a URL that a stranger gave us: an image to fetch, a webhook to call.

A URL is checked by its form first. Then its host is resolved once, every address must be public, and the connection
goes to just these addresses, with the host's own name in TLS: what a name says a moment later changes nothing. Each
redirect is checked again. No proxy, no cookies, no credentials, nothing from the environment.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore
import httpx

import service
from service.addresses import is_public
from service.dial import Checked, resolved
from service.errors import UrlRefused, UrlUnreachable
from service.log import log

if TYPE_CHECKING:
    import ssl

    from service.settings import Settings

Resolve = Callable[[str, int], Iterable[str]]
"""Gives the addresses of a host, as text; raises OSError when it has none."""

URL_MAX = 2048
REDIRECTS_MAX = 3
CONNECT_S, FIRST_BYTE_S = 5.0, 10.0

_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""A host's name: the last label begins with a letter, so no spelling of an address is one."""
_PRINTABLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
"""ASCII without spaces, control characters and the backslash, which browsers read as a slash."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def addresses_of(host: str, port: int) -> Iterable[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outside:
    """The world outside.

    Args:
        settings: `fetch_allow` names what may be reached although it is not public, over http and on any port.
        resolve: finds a host's addresses.
        tls: verifies servers; None: against the well-known authorities.
    """

    def __init__(
        self, settings: Settings, *, resolve: Resolve = addresses_of, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allowed = settings.fetch_allow
        self._resolve = resolve
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or httpx.create_ssl_context(trust_env=False)

    def check(self, url: str) -> None:
        """Check a URL's form, and whether its host is public now.

        Raises:
            UrlRefused: its form is not allowed; the reason says why.
            UrlUnreachable: its host has no address, or one that is not public.
        """
        parts = self._formed(url)
        with _translated(url):
            self._addresses(parts.hostname or "", _port(parts), until=time.monotonic() + CONNECT_S)

    def get(self, url: str, *, max_bytes: int, timeout_s: float = 15.0) -> bytes:
        """Fetch what a URL names, through at most three redirects.

        Args:
            url: a stranger's.
            max_bytes: more than this is not read.
            timeout_s: for all of it together.

        Raises:
            UrlRefused: the URL's form, or a redirect's, is not allowed.
            UrlUnreachable: there was no answer, not a good one, or not in time.
        """
        until = time.monotonic() + timeout_s
        for _ in range(1 + REDIRECTS_MAX):
            parts = self._formed(url)
            with _translated(url):
                answer = self._ask("GET", url, until=until, answer_max=max_bytes + 1)
            if answer.status not in {301, 302, 303, 307, 308}:
                break
            following = _joined(url, answer.headers.get("location", ""))
            if parts.scheme == "https" and not following.startswith("https:"):
                raise _unreachable(url, "it leads from https to http")
            url = following
        else:
            raise _unreachable(url, "it leads ever on")
        if answer.status != 200:
            raise _unreachable(url, f"answered {answer.status}")
        if len(answer.body) > max_bytes:
            raise _unreachable(url, f"more than {max_bytes} bytes")
        if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise _unreachable(url, "it is compressed, though identity was asked for")
        return answer.body

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str], timeout_s: float, answer_max: int) -> Answer:
        """Send bytes to a URL, and give the answer, whatever its status; no redirect is followed.

        Args:
            url: a stranger's.
            body: what is sent.
            headers: beside those that every request has.
            timeout_s: for all of it together.
            answer_max: so many bytes of the answer are read.

        Raises:
            UrlRefused: the URL's form is not allowed.
            UrlUnreachable: there was no answer, or not in time.
        """
        self._formed(url)
        with _translated(url):
            return self._ask(
                "POST", url, until=time.monotonic() + timeout_s, answer_max=answer_max, body=body, headers=headers
            )

    def _ask(  # noqa: PLR0913 - what a request is
        self,
        method: str,
        url: str,
        *,
        until: float,
        answer_max: int,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        parts = urlsplit(url)
        own = {
            "Host": parts.netloc,
            "User-Agent": f"Impasto/{service.__version__}",
            "Accept-Encoding": "identity",
        }
        timeouts = {"connect": CONNECT_S, "read": FIRST_BYTE_S, "write": FIRST_BYTE_S, "pool": CONNECT_S}
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=Checked(self._addresses, until)) as pool,
            pool.stream(
                method,
                _in_parts(parts),
                headers=list({**own, **(headers or {})}.items()),
                content=body,
                extensions={"timeout": timeouts},
            ) as answer,
        ):
            received = bytearray()  # bytes would be copied whole for every chunk, and a chunk may be of one byte
            for chunk in answer.iter_stream():
                received += chunk
                if len(received) >= answer_max:
                    break
            said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            return Answer(answer.status, said, bytes(received[:answer_max]))

    def _formed(self, url: str) -> SplitResult:
        """Take a URL apart, or say what is wrong with its form."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise UrlRefused("this is no URL") from None
        if not _PRINTABLE.fullmatch(url) or len(url) > URL_MAX or not host:
            raise UrlRefused(f"this is no URL of at most {URL_MAX} ASCII characters")
        if "@" in parts.netloc:
            raise UrlRefused("a URL with a user or a password in it is not used")
        bracketed = parts.netloc.startswith("[") and ":" in host
        if "[" in parts.netloc and not bracketed:
            raise UrlRefused("brackets stand around an IPv6 address alone")
        if not (_NAME.fullmatch(host) or _is_plain_address(host) or self._allows(host, port)):
            raise UrlRefused("its host is neither a full name nor a plainly written address")
        if parts.scheme == "https" and port in {None, 80, 443}:
            return parts
        if parts.scheme in {"http", "https"} and self._allows(host, _port(parts)):
            return parts
        raise UrlRefused("only https on the ports 443 and 80 is used")

    def _allows(self, host: str, port: int | None) -> bool:
        """Say whether an operator lets us go there in any case."""
        return any(
            entry in {host, f"{host}:{port}"} or (_is_plain_address(host) and _within(host, entry))
            for entry in self._allowed
        )

    def _addresses(self, host: str, port: int, *, until: float) -> list[str]:
        """Give the addresses of a host, all of which we may go to."""
        addresses = [host] if _is_plain_address(host) else resolved(self._resolve, host, port, until=until)
        for address in addresses:
            open_to_us = self._allows(host, port) or any(_within(address, entry) for entry in self._allowed)
            if not open_to_us and not is_public(address):
                raise httpcore.ConnectError("an address is not public")
        return addresses


def _is_plain_address(host: str) -> bool:
    try:
        return str(ip_address(host)) == host and "%" not in host  # a zone would choose an interface of ours
    except ValueError:
        return False


def _within(address: str, network: str) -> bool:
    try:
        return ip_address(address) in ip_network(network)
    except ValueError:
        return False


def _joined(url: str, location: str) -> str:
    """Say where a redirect leads."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise _unreachable(url, "it leads to what is no URL") from None


def _in_parts(parts: SplitResult) -> httpcore.URL:
    """Hand a URL over as it was written: httpcore's own reading leaves out what follows a semicolon in the path."""
    query = f"?{parts.query}" if parts.query else ""
    return httpcore.URL(
        scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=f"{parts.path or '/'}{query}"
    )


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
        raise _unreachable(url, f"{type(error).__name__} {error}") from error


def _unreachable(url: str, why: str) -> UrlUnreachable:
    """Keep the reason for the log: whoever gave us the URL shall not learn about our network from it."""
    log().info("url_unreachable", host=urlsplit(url).hostname, why=why)
    return UrlUnreachable()
