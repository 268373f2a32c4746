"""Requests and answers between the core's words and httpx's: what both clients share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from api.client.steps import NoAnswer, Reply
from service.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from api.client.steps import Request

CONNECT_S = 5.0

PIECE = 65_536
"""Bytes of a body that are sent at a time."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the service is, and who calls it.

    Raises:
        SetupError: that is no address, or no key.
    """

    url: str
    key: str = field(repr=False)
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.key.isascii():
            raise SetupError("This is no key: keys are plain ASCII.")
        if not self.url.startswith(("http://", "https://")):
            raise SetupError(f"This is no address of a service: {self.url!r}. It begins with http:// or https://.")

    @property
    def options(self) -> dict[str, Any]:
        """What an httpx client is made with. It has no key: only requests to the API are given it."""
        return {"base_url": self.url, "timeout": httpx.Timeout(self.timeout_s, connect=CONNECT_S)}

    def prepared(self, http: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
        """Write a request, with the key if it goes to the API."""
        own = {"Authorization": f"Bearer {self.key}"} if request.url.startswith("/") else {}
        silence_s = self.timeout_s if request.silence_s is None else request.silence_s
        prepared = http.build_request(
            request.method,
            request.url,
            headers={**request.headers, **own},
            params=request.params or None,
            json=request.json,
            content=request.content,
            files={name: (name.rpartition("/")[2], data) for name, data in request.files.items()} or None,
            data=dict(request.fields) or None,
            timeout=httpx.Timeout(self.timeout_s, connect=CONNECT_S, read=silence_s),
        )
        if request.content is not None:
            prepared.stream = _Pieces(request.content)
        return prepared


class _Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that is sent a piece at a time: a large one may take longer than any one piece of it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), PIECE):
            yield self._data[start : start + PIECE]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def read_reply(answer: httpx.Response, body: bytes = b"") -> Reply:
    """Read an answer."""
    return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)


def no_answer(error: httpx.RequestError) -> NoAnswer:
    """Say where nobody answered and how that showed, without an address that may hold a signature."""
    url = error.request.url
    return NoAnswer(f"{url.scheme}://{url.netloc.decode()}: {type(error).__name__}")
