"""What a request may bring and what each is called: a cap on its bytes, and its id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from uuid_utils import uuid7

from service.errors import TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


_SAID = "impasto.rate_limit"


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
    """Counts a body's bytes while they arrive, announced or chunked, and stops reading past the limit."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on.

        Raises:
            TooLarge: to whoever reads more of the body than the limit.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = announced.isdigit() and int(announced) > self._limit
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            if too_large:
                raise TooLarge(limit_bytes=self._limit)
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise TooLarge(limit_bytes=self._limit)
            return message

        await self._app(scope, receive_counted, send)
