"""What all calls share: paths, queries, idempotency keys, and a request with the shape of its answer."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from api.client.answers import read_as
from api.client.patience import answered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.client.patience import Patience
    from api.client.steps import Call, Request

Shape = TypeVar("Shape", bound=BaseModel)


def asked(shape: type[Shape], request: Request, patience: Patience) -> Call[Shape]:
    """Send a request, and read its answer.

    Raises:
        ApiProblem, Unreachable: as `answered` and `read_as` do.
    """
    reply = yield from answered(request, patience)
    return read_as(shape, reply)


def path(*parts: str) -> str:
    """Write a path of the API; ids are quoted, so that none leads anywhere else."""
    return "/".join(("/v1", *(quote(part, safe="") for part in parts)))


def once(key: str | None) -> dict[str, str]:
    """Write the header that makes a post repeatable: under the caller's key, or a new one."""
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def query(wanted: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Write what is wanted as a query: None is left out, a list comes once for each."""
    listed = {name: value if isinstance(value, list) else [value] for name, value in wanted.items()}
    return tuple((name, str(each)) for name, values in listed.items() for each in values if each is not None)
