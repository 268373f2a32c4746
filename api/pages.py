"""Pages of a list: what a query asks for, and the cursor that leads from one page to the next."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import Query as Parameter
from fastapi import Request, Response
from pydantic import StringConstraints

from api.wire.times import Instant
from service.errors import FieldProblem, InvalidSpec
from service.job import JobState
from service.spec import LABEL_MAX, LABEL_VALUE_MAX, MAX_LABELS
from service.stores.job_list import Mark, Query
from service.stores.records import batch_list

if TYPE_CHECKING:
    from datetime import datetime

Status = Annotated[JobState | None, Parameter(description="Only jobs that are in this state.")]
Labels = Annotated[
    list[Annotated[str, StringConstraints(max_length=LABEL_MAX + 1 + LABEL_VALUE_MAX)]],
    Parameter(max_length=MAX_LABELS, description="Only jobs with this label, `name=value`; repeatable, all must fit."),
]
CreatedAfter = Annotated[Instant | None, Parameter(description="Only jobs that were made at this time or later.")]
Cursor = Annotated[str | None, Parameter(max_length=128, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Parameter(ge=1, le=100, description="How many a page has at most.")]
BatchId = Annotated[str | None, Parameter(max_length=64, description="Only jobs of this batch.")]


def query_of(
    status: JobState | None, labels: list[str], created_after: datetime | None, batch: str | None = None
) -> Query:
    """Read what a list is asked for.

    Raises:
        InvalidSpec: a label is no pair.
    """
    for n, label in enumerate(labels):
        if "=" not in label:
            raise InvalidSpec(FieldProblem(f"/label/{n}", "write a label as name=value"))
    since = created_after
    listed = (*([batch_list(batch)] if batch else []), *labels)
    return Query(status, listed, max(0, round(since.timestamp() * 1000)) if since else 0)


def mark_of(cursor: str | None) -> Mark | None:
    """Read a cursor.

    Raises:
        InvalidSpec: it is none of ours.
    """
    if cursor is None:
        return None
    try:
        created, _, job_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(".")
        mark = Mark(int(created), job_id)
    except (binascii.Error, ValueError):
        mark = Mark(-1, "")
    if not 0 <= mark.created_ms < 2**53:
        raise InvalidSpec(FieldProblem("/cursor", "this is no cursor that a page gave"))
    return mark


def cursor_of(mark: Mark | None) -> str | None:
    """Write a cursor."""
    return None if mark is None else base64.urlsafe_b64encode(f"{mark.created_ms}.{mark.id}".encode()).decode()


def lead_on(request: Request, response: Response, cursor: str | None) -> str | None:
    """Give the cursor of the next page, and write the Link header (RFC 8288) that leads there, if there is one."""
    if cursor is not None:
        parameters = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        link = f'<{request.url.path}?{urlencode([*parameters, ("cursor", cursor)])}>; rel="next"'
        response.headers["Link"] = link
    return cursor
