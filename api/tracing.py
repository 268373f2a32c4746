"""One span a request, with a link to the trace that its client brings in `traceparent`, if it brings one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.timing import route_of
from service.tracing import failed

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.tracing import Traces


class Traced:
    """Opens the span in which everything that a request leads to happens, up to the job's record."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traceparent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        with self._traces.request(scope["method"], traceparent) as span:

            async def send_traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            try:
                await self._app(scope, receive, send_traced)
            except Exception as error:
                failed(span, type(error).__name__)
                raise
            finally:
                span.update_name(f"{scope['method']} {route_of(scope)}")
                span.set_attribute("http.route", route_of(scope))
