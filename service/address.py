"""Where Redis is: the one URL of the settings, as plain data.

    redis://user:password@host:6379/0       a server; rediss:// speaks TLS to it
    unix://user:password@/path/to.sock?db=0 a server behind a socket on this machine
    redis+sentinel://user:password@sentinel1:26379,sentinel2:26379/mymaster/0
                                            the master that sentinels name; rediss+sentinel:// speaks TLS to all of them

Two drivers read it, each with dialects of its own; here is the only reading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
SERVER_PORT = 6379
SENTINEL_PORT = 26_379


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One address.

    Attributes:
        tls: whether the server, and the sentinels, are spoken to through TLS.
        user: None: the default user.
        password: of the server, not of the sentinels.
        nodes: (host, port) of the server, or of each sentinel; none where there is a socket.
        socket: the path of a unix socket.
        master: the name that the sentinels know the master by; None where there are none.
        database: its number.
    """

    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    nodes: tuple[tuple[str, int], ...] = ()
    socket: str | None = None
    master: str | None = None
    database: int = 0


def read_address(url: str) -> RedisAddress:
    """Read the URL.

    Raises:
        ValueError: what is wrong, in a sentence that begins with IMPASTO_REDIS_URL and shows nothing of the URL.
    """
    parts = _split(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    through_sentinel = parts.scheme.endswith("+sentinel")
    socket, master, database = _path(parts)
    return RedisAddress(
        tls=parts.scheme.startswith("rediss"),
        user=unquote(user) or None,
        password=unquote(password) or None,
        nodes=() if socket else _nodes(hosts, port=SENTINEL_PORT if through_sentinel else SERVER_PORT),
        socket=socket,
        master=master,
        database=database,
    )


def _refuse(sentence: str) -> ValueError:
    return ValueError(f"IMPASTO_REDIS_URL {sentence}")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:  # whose words may show the password
        raise _refuse("is no URL") from None
    if parts.scheme not in SCHEMES or "://" not in url:
        raise _refuse(f"must begin with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if parts.fragment or (parts.query and parts.scheme != "unix"):
        raise _refuse("may have neither ? nor #; in a password they are written %3F and %23")
    return parts


def _path(parts: SplitResult) -> tuple[str | None, str | None, int]:
    """Give socket, master's name and database."""
    if parts.scheme == "unix":
        return _socket(parts)
    segments = [unquote(segment) for segment in parts.path.removeprefix("/").split("/")]
    if not parts.scheme.endswith("+sentinel"):
        return None, None, _database(segments)
    if not segments[0]:
        raise _refuse("must name the master after the sentinels: redis+sentinel://host:26379/mymaster/0")
    return None, segments[0], _database(segments[1:])


def _socket(parts: SplitResult) -> tuple[str, None, int]:
    if parts.netloc.rpartition("@")[2] or len(parts.path) < 2:
        raise _refuse("must name a socket by its whole path: unix:///path/to.sock, or unix://:password@/path/to.sock")
    query = parse_qs(parts.query, keep_blank_values=True)
    if set(query) - {"db"}:
        raise _refuse("may say nothing after ? but db=…; its other options are settings of their own")
    return unquote(parts.path), None, _database(query.get("db", []))


def _database(segments: Sequence[str]) -> int:
    number = segments[0] if segments else ""
    if len(segments) > 1 or re.fullmatch("[0-9]{0,4}", number) is None:
        raise _refuse("must end in the number of a database, such as /0; / in a password is written %2F")
    return int(number or 0)


def _nodes(hosts: str, *, port: int) -> tuple[tuple[str, int], ...]:
    nodes = tuple(_node(host, port) for host in hosts.split(","))
    if len(nodes) > 1 and port != SENTINEL_PORT:
        raise _refuse("may name several hosts only for sentinels: redis+sentinel://host1,host2/mymaster")
    return nodes


def _node(text: str, port: int) -> tuple[str, int]:
    try:
        node = urlsplit(f"//{text}")
        host, port = node.hostname or "", node.port or port
    except ValueError:
        raise _refuse("has a port that is none; @ : / ? # in a password are written %40 %3A %2F %3F %23") from None
    if not host:
        raise _refuse("has an empty host")
    return host, port
