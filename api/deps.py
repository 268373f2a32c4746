"""What routes ask for: the services, and who is calling."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.hub import Hub
from service.errors import Unauthorized
from service.keys import authenticate
from service.stores.key_store import KeyRecord
from service.wiring import Services

_bearer = HTTPBearer(auto_error=False, description="An API key, as `impasto keys create` shows it once.")


def services(request: Request) -> Services:
    """Give the services that the application was made with."""
    return cast("Services", request.app.state.services)


def hub(request: Request) -> Hub:
    """Give the hub of this process."""
    return cast("Hub", request.app.state.hub)


TheHub = Annotated[Hub, Depends(hub)]
TheServices = Annotated[Services, Depends(services)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def reader(parts: TheServices, credentials: Credentials) -> KeyRecord:
    """Let in whoever may read jobs."""
    return _caller(parts, credentials, scope="jobs:read")


def writer(parts: TheServices, credentials: Credentials) -> KeyRecord:
    """Let in whoever may make jobs."""
    return _caller(parts, credentials, scope="jobs:write")


def _caller(parts: Services, credentials: HTTPAuthorizationCredentials | None, *, scope: str) -> KeyRecord:
    if credentials is None:
        raise Unauthorized("Send your key as `Authorization: Bearer <key>`.")
    return authenticate(parts.keys, credentials.credentials, scope=scope)


Reader = Annotated[KeyRecord, Depends(reader)]
Writer = Annotated[KeyRecord, Depends(writer)]
