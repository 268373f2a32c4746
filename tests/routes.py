"""Every route of the application, so that a test which is about all of them forgets none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

from api.routes import every_route

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.dependencies.models import Dependant


def operations(app: FastAPI) -> dict[str, APIRoute]:
    """Give the routes that the API describes, by what they answer to, such as `GET /v1/jobs/{job_id}`."""
    return {
        f"{method} {route.path}": route
        for route in every_route(app.routes)
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in sorted(route.methods or ())
    }


def asked_of(dependant: Dependant) -> set[object]:
    """Give every function that a route depends on, however deep."""
    below = (asked_of(each) for each in dependant.dependencies)
    return {dependant.call}.union(*below)


def parameters(operation: str) -> list[str]:
    """Name the parameters in an operation's path."""
    return re.findall(r"{(\w+)}", operation)
