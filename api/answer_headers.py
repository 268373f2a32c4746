"""What every answer says to browsers and to caches, unless its route says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""An answer of the API is no page: nothing in it is to be run, framed, guessed at or kept."""

REVALIDATED = "private, no-cache"
"""`Cache-Control` of what has an ETag: one's own cache may keep it, and asks each time whether it still holds."""

_STREAMS = (b"cache-control", b"no-cache")
"""What the framework says of an event stream; a cache might keep it."""


def with_safe_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Add the headers of `SAFE` that an answer lacks; names are in small letters."""
    own = [header for header in headers if header != _STREAMS]
    said = {name for name, _ in own}
    return own + [header for header in SAFE if header[0] not in said]


class SafeHeaders:
    """Gives every answer the headers of `SAFE`; what a route has set itself stays, such as a page's own policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_safe_headers(message["headers"])
            await send(message)

        await self._app(scope, receive, send_safely)
