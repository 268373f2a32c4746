"""Bodies that are one JSON object: read only once the caller's key is known, never before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request  # noqa: TC002 - the framework reads the annotation

from api.forms import read_json
from service.validation import Shape, validated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel


def body_of(shape: type[Shape]) -> Callable[[Request], Awaitable[Shape]]:
    """Give the dependency that reads a body of this shape; it stands after the caller among a route's parameters.

    A body that the framework is let to read is parsed before anybody asks for the key.

    Raises:
        InvalidSpec: from the dependency, naming each field that is wrong.
        HTTPException: likewise; 415, the request does not say that it brings JSON.
    """

    async def read(request: Request) -> Shape:
        return validated(shape, await read_json(request))

    return read


def described(shape: type[BaseModel]) -> dict[str, Any]:
    """Describe such a body for the OpenAPI description."""
    schema = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
