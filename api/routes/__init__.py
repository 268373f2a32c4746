"""One file a resource of the HTTP API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.routing import BaseRoute


def every_route(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Walk over an application's routes, through routers within routers."""
    for route in routes:
        router = getattr(route, "original_router", None) or getattr(route, "app", None)
        below = getattr(router, "routes", None)
        if below is None or isinstance(route, APIRoute):
            yield route
        else:
            yield from every_route(below)
