"""What a request may bring, and how slowly, and what each is called: caps on its body, and its id."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from uuid_utils import uuid7

from api import problems
from api.server import LINGERS
from service.errors import TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.errors import ImpastoError
    from service.settings import Settings

    Headers = Iterable[tuple[bytes, bytes]]

PLAIN_MAX_BYTES = 65_536
"""Of a body that brings no image; the framework reads some of them before it knows whose they are."""

WITH_IMAGES = ("/v1/jobs", "/v1/uploads", "/v1/batches", "/v1/styles", "/v1/estimates")
"""Where bodies may be as large as the settings say."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


_SAID = "impasto.rate_limit"
_CLOSE = (b"connection", b"close")


def say_limits(scope: MutableMapping[str, Any], headers: Mapping[str, str]) -> None:
    """Let the answer to a request say what is left of its key's allowance, whatever the answer is."""
    scope[_SAID] = headers


class RequestId:
    """Gives every request an id, or keeps the one that the client sent in `X-Request-Id`, and answers with it.

    It says what else holds for every answer: what is left of the key's allowance.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else str(uuid7())
        scope["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {"x-request-id": request_id, **scope.get(_SAID, {})}
                message["headers"] = [*message["headers"], *((k.lower().encode(), v.encode()) for k, v in own.items())]
            await send(message)

        await self._app(scope, receive, send_with_id)


class BodyCap:
    """Lets in no body that is too large, compressed or too slow, and stops reading it where it becomes so.

    What a head announces is refused at once, before any route runs; the rest to whoever reads the body.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413 or 415.

        Raises:
            TooLarge: to whoever reads more of the body than its limit.
            HTTPException: 408, to whoever waits for more of it than the settings say.
        """
        if scope["type"] != "http" or not _has_body(scope["headers"]):
            await self._app(scope, receive, send)
            return
        send = _saying_so(send, scope.get(LINGERS))
        limit = self._settings.upload_max_bytes
        if not scope["path"].startswith(WITH_IMAGES):
            limit = min(limit, PLAIN_MAX_BYTES)
        refused = _refusal(scope["headers"], limit)
        if refused is not None:
            await (await problems.refusal(Request(scope), refused))(scope, receive, send)
            return
        body = _Arriving(receive, send, limit=limit, settings=self._settings)
        await self._app(scope, body.receive, body.send)
        await body.end()


class _Arriving:
    """A body while it arrives: counted, and waited for as long as the settings say.

    What is refused once an answer has begun can't be answered any more: the answer, a stream, ends as if its client
    had gone.
    """

    def __init__(self, receive: Receive, send: Send, *, limit: int, settings: Settings) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._answering, self._cut = False, False
        self._pause_s = settings.body_pause_s
        self._until = asyncio.get_running_loop().time() + settings.body_timeout_s
        self._received, self._complete = 0, False

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            return await self._next()
        except (TooLarge, HTTPException):
            if not self._answering:
                raise
            self._cut = True
            return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self._send(message)
        self._answering = message["type"] == "http.response.start" or message.get("more_body", False)

    async def end(self) -> None:
        """End the stream that was cut."""
        if self._cut and self._answering:
            await self._send({"type": "http.response.body"})

    async def _next(self) -> Message:
        until = min(self._until, asyncio.get_running_loop().time() + self._pause_s)
        try:
            async with asyncio.timeout_at(until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The body came too slowly.", headers={"Connection": "close"}) from None
        self._complete = not message.get("more_body", False)
        self._received += len(message.get("body", b""))
        if self._received > self._limit:
            raise TooLarge(limit_bytes=self._limit)
        return message


def _saying_so(send: Send, lingers: Callable[..., bool] | None) -> Send:
    """Let an answer that comes before the body's end say that the connection ends with it."""
    if lingers is None:
        return send

    async def send_saying_so(message: Message) -> None:
        ends = message["type"] == "http.response.start" and lingers()
        if ends and _CLOSE not in message["headers"]:
            message["headers"] = [*message["headers"], _CLOSE]
        await send(message)
        if ends:
            lingers(said=True)

    return send_saying_so


def _has_body(headers: Headers) -> bool:
    return any((name == b"content-length" and value != b"0") or name == b"transfer-encoding" for name, value in headers)


def _refusal(headers: Headers, limit: int) -> ImpastoError | HTTPException | None:
    """Say what is wrong with a body by what its head announces."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            return TooLarge(limit_bytes=limit)
        if name == b"content-encoding" and value.strip().lower() != b"identity":
            return HTTPException(415, "A body is taken as it is, without a Content-Encoding.")
    return None
