"""Answers as a client reads them: whatever a newer service adds is ignored, and words that are new are kept as words.

The service's own shapes (`api.wire`) are strict where these are not: a spec may hold options, and a status may be a
word, that this version has never heard of.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.client import notebook
from api.client.errors import Unreachable
from api.wire.job import ErrorOut, LinksOut, OutputOut, QueueOut
from api.wire.webhook import WebhookOut
from service.job import JobState

if TYPE_CHECKING:
    from api.client.steps import Reply

Shape = TypeVar("Shape", bound=BaseModel)
Item = TypeVar("Item")


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
    preview: str | None = Field(
        None, repr=False, description="While it is followed: where a small WebP of it as it is so far can be had."
    )

    def _repr_html_(self) -> str:
        """Show itself in a notebook: its picture, which stays in the notebook, and its report."""
        return notebook.html(self)

    def _repr_png_(self) -> bytes | None:
        """Give its picture to whoever shows no HTML; None before there is one."""
        return notebook.png(self)


class BatchItem(BaseModel):
    """One job of a batch."""

    number: int = Field(description="Its place in the batch, from 0.")
    custom_id: str
    job_id: str
    job: Job | None = Field(description="As it stands; None when it is no longer kept.")


class PutPlace(BaseModel):
    """Where an announced file is put, with all of these headers. Whoever has the URL may do it: keep it secret."""

    model_config = ConfigDict(frozen=True)

    method: str
    url: str = Field(repr=False)
    headers: dict[str, str]
    expires_at: datetime


class Upload(BaseModel):
    """An uploaded image, or one that is awaited."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description='Specs name it as `{"upload_id": …}`.')
    status: str = Field(description="`ready`; or `waiting`, for its bytes or to be completed.")
    sha256: str
    bytes: int
    content_type: str
    width: int | None = Field(description="Pixels, upright; None while it is awaited.")
    height: int | None = Field(description="Pixels, upright; None while it is awaited.")
    expires_at: datetime
    upload: PutPlace | None = Field(None, description="Where to put it; said once, when it is announced.")


class WebhookWithSecret(WebhookOut):
    """An endpoint, and its new secret, which is said this once."""

    secret: str = Field(repr=False)


class Delivery(BaseModel):
    """One event for one receiver, and how its delivery went."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="The `webhook-id` that is sent, the same at every try.")
    type: str
    status: str
    webhook_id: str | None = Field(description="The endpoint; None: a job's or a batch's own URL.")
    subject_id: str = Field(description="The job or the batch that it is about.")
    happened_at: datetime
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    answer_status: int | None = Field(description="Of the last try; None: there was no answer.")
    answer_body: str | None = Field(description="Of the last try, its beginning.")
    duration_ms: int | None = Field(description="Of the last try.")


class Key(BaseModel):
    """An API key; the key itself is not kept."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    scopes: list[str]
    limits: dict[str, Any] = Field(description="By name; None: as the service's settings say.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    old_secret_until: datetime | None


class NewKey(BaseModel):
    """A new key, or a key's new secret, which is said this once."""

    model_config = ConfigDict(frozen=True)

    id: str
    key: str = Field(repr=False)


class Page(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(None, description="Send it as `cursor` for the next page; None at the end.")


class JobPage(Page[Job]):
    """A page of jobs, newest first."""


def read_as(shape: type[Shape], reply: Reply) -> Shape:
    """Read an answer.

    Raises:
        Unreachable: it is none of that shape; something else answers there.
    """
    try:
        return shape.model_validate_json(reply.body)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]  # what came may be a secret
        at = "/".join(map(str, wrong["loc"]))
        raise Unreachable(f"The answer is no {shape.__name__} that this client knows: {at}: {wrong['msg']}") from None
