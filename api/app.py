"""The application: everything that a request passes, as one visible list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, get_args

from fastapi import FastAPI
from starlette.middleware import Middleware

import service
from api import problems
from api.answer_headers import SafeHeaders
from api.examples import exemplify
from api.hub import Hub
from api.intake import Intake
from api.limits import BodyCap, RequestId
from api.routes import (
    batches,
    capabilities,
    estimates,
    events,
    health,
    jobs,
    keys,
    operate,
    studio,
    styles,
    uploads,
    webhooks,
)
from api.timing import Timed, turning
from api.tracing import Traced
from api.wire.key import KeyIn
from api.wire.problem import ProblemOut
from api.wire.webhook import WebhookEventOut, WebhookIn
from service.batch_spec import BatchSpec
from service.spec import EventType, RenderSpec
from service.styles import StyleSpec
from service.watch import watched

if TYPE_CHECKING:
    from service.wiring import Services

STREAM = "text/event-stream"
EVENTS = 'event: progress\nid: 1795469954834-0\ndata: {"fraction": 0.42, "phase": "paint"}\n\n'

DESCRIPTION = "Repaints a photograph in the manner of a painting. Post a job, follow it, fetch the picture."


def create_app(services: Services) -> FastAPI:
    """Build the API over open services, which it closes when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        live = {"loop": turning(asyncio.get_running_loop())}
        ready = {"redis": services.jobs.ping, "s3": services.blobs.ping}
        with watched(services.settings, services.metrics.registry, live=live, ready=ready):
            app.state.hub.start()
            yield
            await app.state.hub.stop()
        services.close()

    app = FastAPI(
        title="Impasto",
        version=service.__version__,
        summary="Neural style transfer as an asynchronous rendering service",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # both of the framework's pages load their scripts from another host
        redoc_url=None,
        middleware=[
            Middleware(Timed, answers=services.metrics.answers),
            Middleware(Traced, traces=services.traces),
            Middleware(SafeHeaders),
            Middleware(RequestId),
            Middleware(BodyCap, settings=services.settings),
        ],
        responses={"default": {"model": ProblemOut, "description": "A problem (RFC 9457)."}},
    )
    app.state.services, app.state.hub, app.state.intake = services, Hub(services.events), Intake()
    problems.install(app)
    for room in (
        jobs,
        events,
        batches,
        uploads,
        styles,
        estimates,
        webhooks,
        keys,
        operate,
        capabilities,
        health,
        studio,
    ):
        app.include_router(room.router)
    for event in get_args(EventType):
        app.webhooks.add_api_route(event, told, methods=["POST"], name=event, summary=event, status_code=204)
    _describe(app)
    return app


def told(event: WebhookEventOut) -> None:
    """Tell your endpoint what has happened, with the headers of Standard Webhooks; any 2xx is an acknowledgement."""


def _describe(app: FastAPI) -> None:
    """Complete the OpenAPI description by what the framework can't see."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            description = plain()
            for model in (RenderSpec, BatchSpec, StyleSpec, KeyIn, WebhookIn):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                definitions = schema.pop("$defs", {})
                description["components"]["schemas"] |= definitions | {model.__name__: schema}
            for name, path in description["paths"].items():
                for method, operation in path.items():
                    exemplify(operation, method=method, path=name)
                    problem = operation["responses"]["default"]
                    problem["content"] = {problems.MEDIA_TYPE: next(iter(problem["content"].values()))}
                    for answer in operation["responses"].values():
                        if STREAM in answer.get("content", {}):  # only OpenAPI 3.2 has schemas for its items
                            answer["content"][STREAM] = {"example": EVENTS}
                    operation["responses"].pop("422", None)  # ours is the problem above
            app.openapi_schema = description
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the framework's documented way to extend it
