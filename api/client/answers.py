"""Answers as a client reads them: whatever a newer service adds is ignored, and words that are new are kept as words.

The service's own shapes (`api.wire`) are strict where these are not: a spec may hold options, and a status may be a
word, that this version has never heard of.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.client.errors import Unreachable
from api.wire.job import ErrorOut, LinksOut, OutputOut, QueueOut
from service.job import JobState

if TYPE_CHECKING:
    from api.client.steps import Reply

Shape = TypeVar("Shape", bound=BaseModel)


class Job(BaseModel):
    """A job as it stood when the service answered."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    status: JobState | str = Field(union_mode="left_to_right", description="A plain word where it is a new one.")
    terminal: bool = Field(description="Whether nothing changes any more; go by this, not by the status.")
    progress: dict[str, Any] | None
    queue: QueueOut | None
    attempt: int
    attempts_max: int
    spec: dict[str, Any] = Field(description="As resolved: every option says its value.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    outputs: list[OutputOut]
    report: dict[str, Any] | None
    error: ErrorOut | None
    labels: dict[str, str]
    batch: str | None = None
    custom_id: str | None = None
    links: LinksOut


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    items: list[Job]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; None at the end.")


class BatchItem(BaseModel):
    """One job of a batch."""

    number: int = Field(description="Its place in the batch, from 0.")
    custom_id: str
    job_id: str
    job: Job | None = Field(description="As it stands; None when it is no longer kept.")


class BatchItemPage(BaseModel):
    """A page of a batch's jobs, in their order."""

    items: list[BatchItem]
    next_cursor: str | None


def read_as(shape: type[Shape], reply: Reply) -> Shape:
    """Read an answer.

    Raises:
        Unreachable: it is none of that shape; something else answers there.
    """
    try:
        return shape.model_validate_json(reply.body)
    except ValidationError as error:
        raise Unreachable(f"The answer is no {shape.__name__} that this client knows") from error
