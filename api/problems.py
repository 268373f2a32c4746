"""Errors → RFC 9457 problem details. One table, one way to answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from api.answer_headers import SAFE
from api.routes import every_route
from service import errors
from service.log import log
from service.validation import field_problems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[errors.ImpastoError], HTTPStatus] = {
    errors.InvalidSpec: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidImage: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UploadWaiting: HTTPStatus.CONFLICT,
    errors.UrlRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UrlUnreachable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NoResult: HTTPStatus.CONFLICT,
    errors.OwnKey: HTTPStatus.CONFLICT,
    errors.IdTaken: HTTPStatus.CONFLICT,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Gone: HTTPStatus.GONE,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ImpastoError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of an error is that of the nearest class above it."""

FRAMEWORK_CODES = {
    HTTPStatus.BAD_REQUEST: "bad_request",
    HTTPStatus.NOT_FOUND: "no_route",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_TIMEOUT: "request_timeout",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head_too_large",
}

RETRY_AFTER_S = "2"

FIELDS_MAX = 100
"""That one problem names; a body may have any number that are wrong."""

SENTENCE_MAX, POINTER_MAX = 2000, 512
"""Characters; what is quoted of a request may be as long as the request."""


def status_of(error: type[errors.ImpastoError]) -> HTTPStatus:
    """Find an error's HTTP status."""
    return next(STATUS[cls] for cls in error.__mro__ if cls in STATUS)


def install(app: FastAPI) -> None:
    """Let every error leave the application as a problem."""
    app.add_exception_handler(errors.ImpastoError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unforeseen)


def problem(  # noqa: PLR0913 - the members of RFC 9457
    request: Request,
    *,
    status: HTTPStatus,
    code: str,
    title: str,
    detail: str | None = None,
    fields: Sequence[errors.FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Build the answer."""
    body: dict[str, Any] = {
        "type": f"urn:impasto:problem:{code}",
        "title": title,
        "status": int(status),
        "detail": _sendable(detail or title, SENTENCE_MAX),
        "code": code,
        "instance": request.url.path,
        "request_id": request.scope.get("request_id"),
    }
    if fields:
        body["errors"] = [
            {"pointer": _sendable(field.pointer, POINTER_MAX), "detail": _sendable(field.detail, SENTENCE_MAX)}
            for field in fields[:FIELDS_MAX]
        ]
    return JSONResponse(body, status_code=int(status), headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def refusal(request: Request, error: errors.ImpastoError | HTTPException) -> JSONResponse:
    """Build the answer to a request that is refused before any route sees it."""
    return await (_framework if isinstance(error, HTTPException) else _ours)(request, error)


def _sendable(text: str, at_most: int) -> str:
    """Shorten a text, and replace what JSON can escape but UTF-8 can't hold: halves of surrogate pairs."""
    shown = text if len(text) <= at_most else text[: at_most - 1] + "…"
    return shown.encode(errors="replace").decode()


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.ImpastoError)
    status = status_of(type(error))
    headers: dict[str, str] = {}
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="impasto"'
    if error.retryable or (isinstance(error, errors.NoResult) and not error.final):
        headers["Retry-After"] = RETRY_AFTER_S
    if isinstance(error, errors.TooMany):
        headers["Retry-After"] = str(error.retry_after_s)
    known = isinstance(error, errors.Refused)
    if not known:
        log().error("request_failed", code=error.code, detail=str(error))
    return problem(
        request,
        status=status,
        code=error.code,
        title=error.title,
        detail=str(error) if known else None,  # what broke inside stays inside
        fields=error.problems if isinstance(error, errors.InvalidSpec) else (),
        headers=headers,
    )


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # The framework's locations begin with where a field stands: in the body.
    return await _ours(request, errors.InvalidSpec(*field_problems(error.errors(), below=1)))


async def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.ImpastoError):  # the framework wraps what is raised while it reads a body
        return await _ours(request, error.__cause__)
    status = HTTPStatus(error.status_code)
    code = FRAMEWORK_CODES.get(status, f"http_{status.value}")
    headers = {"Allow": _allowed(request)} if status is HTTPStatus.METHOD_NOT_ALLOWED else error.headers
    return problem(request, status=status, code=code, title=status.phrase, detail=error.detail, headers=headers)


async def _left(request: Request, _: Exception) -> JSONResponse:
    """Answer whoever went away within the body; nobody reads it, and nothing has failed here."""
    return await _framework(request, HTTPException(400, "The body has no end."))


def _allowed(request: Request) -> str:
    """List the methods of a path; the framework names those of its first route alone."""
    routes = [route for route in every_route(request.app.routes) if isinstance(route, Route)]
    path = next(route.path for route in routes if route.path_regex.match(request.url.path))
    return ", ".join(sorted({method for route in routes if route.path == path for method in route.methods or ()}))


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    log().error("request_crashed", error=type(error).__name__)
    cls = errors.ImpastoError
    # The framework answers this outside of all middleware, where nobody adds what every answer has.
    own = {"X-Request-Id": str(request.scope.get("request_id"))}
    own |= {name.decode(): value.decode() for name, value in SAFE}
    return problem(request, status=HTTPStatus.INTERNAL_SERVER_ERROR, code=cls.code, title=cls.title, headers=own)
