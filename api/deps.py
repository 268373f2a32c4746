"""What routes ask for: the services, and who is calling."""

from __future__ import annotations

import math
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.hub import Hub
from api.intake import Intake
from api.limits import say_limits
from service.errors import Unauthorized
from service.keys import admit, check
from service.stores.key_store import Admission, KeyRecord
from service.wiring import Services

_bearer = HTTPBearer(auto_error=False, description="An API key, as `impasto keys create` shows it once.")


async def services(request: Request) -> Services:
    """Give the services that the application was made with."""
    return cast("Services", request.app.state.services)


async def hub(request: Request) -> Hub:
    """Give the hub of this process."""
    return cast("Hub", request.app.state.hub)


async def intake(request: Request) -> Intake:
    """Give the place where calls of this process wait for strangers."""
    return cast("Intake", request.app.state.intake)


TheHub = Annotated[Hub, Depends(hub)]
TheIntake = Annotated[Intake, Depends(intake)]
TheServices = Annotated[Services, Depends(services)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def reader(request: Request, parts: TheServices, credentials: Credentials) -> KeyRecord:
    """Let in whoever may read jobs."""
    return _caller(request, parts, credentials, scope="jobs:read")


def writer(request: Request, parts: TheServices, credentials: Credentials) -> KeyRecord:
    """Let in whoever may make jobs."""
    return _caller(request, parts, credentials, scope="jobs:write")


def admin(request: Request, parts: TheServices, credentials: Credentials) -> KeyRecord:
    """Let in whoever may make keys."""
    return _caller(request, parts, credentials, scope="admin")


def _caller(
    request: Request, parts: Services, credentials: HTTPAuthorizationCredentials | None, *, scope: str
) -> KeyRecord:
    if credentials is None:
        raise Unauthorized("Send your key as `Authorization: Bearer <key>`.")
    admission = admit(parts.keys, credentials.credentials, brings=_brings(request, parts))
    say_limits(request.scope, _limits(admission, parts))
    return check(admission, scope=scope, bytes_per_day=parts.settings.key_bytes_per_day)


def _brings(request: Request, parts: Services) -> int:
    """Say how many bytes a request's body has; one that doesn't say counts as the largest that is taken."""
    length = request.headers.get("content-length", "")
    if length.isdecimal():
        return int(length)
    return parts.settings.upload_max_bytes if "transfer-encoding" in request.headers else 0


def _limits(admission: Admission, parts: Services) -> dict[str, str]:
    """Write what is left as draft-ietf-httpapi-ratelimit-headers says."""
    limits = admission.key.limits
    burst = limits.burst or parts.settings.key_burst
    window_s = math.ceil(60 * burst / (limits.requests_per_minute or parts.settings.key_requests_per_minute))
    return {
        "RateLimit-Policy": f'"requests";q={burst};w={window_s}',
        "RateLimit": f'"requests";r={admission.left};t={math.ceil(admission.full_ms / 1000)}',
    }


def operator(request: Request, parts: TheServices, credentials: Credentials) -> KeyRecord:
    """Let in whoever may ask how much there is to do, over all tenants."""
    return _caller(request, parts, credentials, scope="metrics:read")


Reader = Annotated[KeyRecord, Depends(reader)]
Writer = Annotated[KeyRecord, Depends(writer)]
Admin = Annotated[KeyRecord, Depends(admin)]
Operator = Annotated[KeyRecord, Depends(operator)]
