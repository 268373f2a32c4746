"""The HTTP server: uvicorn, and what it leaves open to a client that is slow, endless or gone.

Heads are bounded in size and time, as are requests sent ahead of their answers. Who leaves an answer unread is cut off,
and who is answered before his body has come is read from no further than a polite end needs.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, cast

import uvicorn
from httptools import HttpParserError
from starlette.requests import Request
from uuid_utils import uuid7
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api import problems
from api.answer_headers import with_safe_headers

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable

    from fastapi import FastAPI
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from service.settings import Settings

HEAD_MAX_BYTES = 32 * 1024
"""Of a request's line and headers; as many again may stand between two pieces of its body, or after it."""

HEADERS_MAX = 100
AHEAD_MAX = 16
"""Requests that a client may send before the first of them is answered."""

TOO_LARGE = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large.")

LINGER_S, LINGER_BYTES = 2.0, 1024 * 1024
"""For how long, and how far, one goes on reading what nobody wants, so that a client that writes first may read."""

LINGERS = "impasto.lingers"
"""In a request's scope: asked when its answer begins, says whether the connection ends with it. See `_lingers`."""

FLUSH_S = 10.0
"""Within which the rest of an answer must have left, once a connection is closed."""


class Server(uvicorn.Server):
    """The server of one application. Told to end, it sends everybody away who waits, and ends when they have gone.

    Args:
        application: whose `state` has the hub.
        settings: of the API; where it listens, too.
        patience_s: seconds for the requests under way.
    """

    def __init__(self, application: FastAPI, settings: Settings, *, patience_s: int = 10) -> None:
        self._application = application
        config = uvicorn.Config(
            application,
            host=settings.api_host,
            port=settings.api_port,
            http=type("Connection", (_Connection,), {"settings": settings}),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=cast("int", settings.keep_alive_s),  # parts of a second will do as well
            timeout_graceful_shutdown=patience_s,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, as uvicorn does once it is told to."""
        self._application.state.hub.leave()
        await super().shutdown(sockets)


class _Connection(HttpToolsProtocol):
    """One connection."""

    settings: ClassVar[Settings]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._answer_deadline: asyncio.TimerHandle | None = None
        self._in_head = False
        self._strange_bytes = 0  # since the last that belonged to a body
        self._linger_bytes: int | None = None  # that may still be thrown away, once the connection is to end
        self._refusal = (HTTPStatus.BAD_REQUEST, "This can't be read as HTTP.")

    # From the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline = _cancel(self._deadline)
        self._answer_deadline = _cancel(self._answer_deadline)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._linger_bytes is not None:
            self._linger_bytes -= len(data)
            if self._linger_bytes < 0:
                self._end()
            return
        self._strange_bytes += len(data)
        super().data_received(data)
        if self._strange_bytes > HEAD_MAX_BYTES:
            self._refuse(*TOO_LARGE)
        elif self._deadline is None and self._idle():
            self._await_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer_deadline = self.loop.call_later(self.settings.answer_pause_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._answer_deadline = _cancel(self._answer_deadline)
        super().resume_writing()

    # From the parser

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # and not below the body, where a header would say something else of a request under way
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._deadline = _cancel(self._deadline)
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_MAX_BYTES or len(self.headers) > HEADERS_MAX:
            self._refusal = TOO_LARGE
            raise HttpParserError
        if len(self.pipeline) >= AHEAD_MAX:
            raise HttpParserError
        super().on_headers_complete()
        cast("dict[str, Any]", self.scope)[LINGERS] = partial(_lingers, self.cycle)

    def on_body(self, body: bytes) -> None:
        self._strange_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._strange_bytes = 0
        super().on_message_complete()

    # From uvicorn

    def on_response_complete(self) -> None:
        unread = not self.pipeline and self.cycle.more_body
        super().on_response_complete()
        if unread and not self.transport.is_closing():
            self._linger()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser can't read, in our own words."""
        del msg
        self._refuse(*self._refusal)

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that nobody has used."""
        self._end()

    # Our own

    @property
    def _latest(self) -> RequestResponseCycle | None:
        return self.cycle  # uvicorn's annotation leaves out that there is none at first

    def _idle(self) -> bool:
        """Say whether the latest request has come to its end, and its answer too."""
        return self._latest is None or (self._latest.response_complete and not self._latest.more_body)

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.settings.head_timeout_s, self._miss_head)

    def _miss_head(self) -> None:
        if self._strange_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The head of the request came too slowly.")
        else:
            self._end()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer what the application never sees, unless another answer is under way; then end."""
        if self.transport.is_closing() or self._linger_bytes is not None:
            return
        cycle, begun = self._latest, False
        if cycle is not None and not cycle.response_complete:
            begun = cycle.response_started or bool(self.pipeline)
            cycle.disconnected = True
            cycle.message_event.set()
        if not begun:
            self.transport.write(_refused(status, detail))
        self._linger()

    def _linger(self) -> None:
        """Say that nothing more will come, and let the client read that before the connection ends."""
        self._unset_keepalive_if_required()
        self._linger_bytes = LINGER_BYTES
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._end_in(LINGER_S, self._end)

    def _end(self) -> None:
        self.transport.close()
        self._end_in(FLUSH_S, self.transport.abort)

    def _end_in(self, seconds: float, how: Callable[[], None]) -> None:
        _cancel(self._deadline)
        self._deadline = self.loop.call_later(seconds, how)


def _lingers(cycle: RequestResponseCycle, *, said: bool = False) -> bool:
    """Whether a body has not all come, so that what comes behind it can't be answered and the client has to be told.

    Once that is `said`, the connection is not to be closed at once, as the server otherwise does: it lingers first.
    """
    if said:
        cycle.keep_alive = True
    return cycle.more_body


def _cancel(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Stop a timer, if there is one; what is left of it is none."""
    if timer is not None:
        timer.cancel()
        timer = None
    return timer


def _refused(status: HTTPStatus, detail: str) -> bytes:
    """Write the whole answer to something that is no request."""
    request_id = str(uuid7())
    unknown = Request({"type": "http", "path": "/", "headers": [], "request_id": request_id})
    code = problems.FRAMEWORK_CODES[status]
    own = {"X-Request-Id": request_id, "Connection": "close"}
    answer = problems.problem(unknown, status=status, code=code, title=status.phrase, detail=detail, headers=own)
    lines = (name + b": " + value + b"\r\n" for name, value in with_safe_headers(answer.raw_headers))
    return b"".join([STATUS_LINE[status], *lines, b"\r\n", bytes(answer.body)])
