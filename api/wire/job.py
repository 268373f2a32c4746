"""The shape of a job, and of a page of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from api.wire.times import at, maybe_at, tenths
from service.job import JobState
from service.spec import RenderSpec

if TYPE_CHECKING:
    from service.track import Shown, Tracked, Wait


class QueueOut(BaseModel):
    """A queued job's place."""

    position: int = Field(description="From 1.")
    estimated_start_s: float | None = Field(description="Seconds; null while nobody is at work or no pace is known.")
    estimated_run_s: float | None = Field(description="Seconds that it will run; null while no pace is known.")


class OutputOut(BaseModel):
    """A file that a job made."""

    name: str
    url: str = Field(repr=False)
    url_expires_at: datetime
    sha256: str
    bytes: int
    content_type: str
    width: int | None = Field(description="Pixels, of a picture or a film.")
    height: int | None = Field(description="Pixels, of a picture or a film.")


class InputOut(BaseModel):
    """A picture that a job was posted with, as it was taken in: upright, sRGB, without metadata."""

    pointer: str = Field(description="Where the spec names it.")
    url: str = Field(repr=False)
    url_expires_at: datetime
    sha256: str = Field(description="Of the bytes under `url`, a PNG.")
    width: int
    height: int

    @classmethod
    def of(cls, shown: Shown) -> InputOut:
        """Describe a picture."""
        image = shown.image
        return cls(
            pointer=image.pointer,
            url=shown.url,
            url_expires_at=shown.expires_at,
            sha256=image.sha256,
            width=image.width,
            height=image.height,
        )


class InputsOut(BaseModel):
    """All pictures that a job was posted with."""

    items: list[InputOut]


class ErrorOut(BaseModel):
    """Why a job failed."""

    code: str
    title: str
    detail: str
    retryable: bool
    attempt: int


class LinksOut(BaseModel):
    """Where else to go."""

    self: str
    events: str
    cancel: str
    retry: str
    preview: str
    result: str
    inputs: str


LINKS = {
    "self": "",
    "events": "/events",
    "cancel": "/cancel",
    "retry": "/retry",
    "preview": "/preview",
    "result": "/result",
    "inputs": "/inputs",
}


class JobOut(BaseModel):
    """A job."""

    id: str
    kind: str
    status: JobState
    terminal: bool = Field(description="Whether nothing changes any more; poll until this is true.")
    progress: dict[str, Any] | None
    queue: QueueOut | None
    attempt: int
    attempts_max: int
    spec: RenderSpec = Field(description="As resolved: every option says its value.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    outputs: list[OutputOut]
    report: dict[str, Any] | None
    error: ErrorOut | None
    labels: dict[str, str]
    batch: str | None = Field(description="The batch that it is of.")
    custom_id: str | None = Field(description="What you call it there.")
    links: LinksOut

    @classmethod
    def of(cls, tracked: Tracked) -> JobOut:
        """Describe a job."""
        job, wait = tracked.job, tracked.wait
        return cls(
            id=job.id,
            kind=job.spec.kind,
            status=job.state,
            terminal=job.state.terminal,
            progress=dict(job.progress) if job.progress else None,
            queue=_queue(wait) if wait else None,
            attempt=job.attempt,
            attempts_max=job.attempts_max,
            spec=job.spec,
            created_at=at(job.created_ms),
            started_at=maybe_at(job.started_ms),
            finished_at=maybe_at(job.finished_ms),
            expires_at=maybe_at(job.expires_ms),
            outputs=_outputs(tracked),
            report=None if job.report is None else dict(job.report),
            error=ErrorOut.model_validate(job.error, from_attributes=True) if job.error else None,
            labels=job.spec.labels,
            batch=job.batch,
            custom_id=job.custom_id,
            links=LinksOut(**{name: f"/v1/jobs/{job.id}{path}" for name, path in LINKS.items()}),
        )


class JobsOut(BaseModel):
    """A page of jobs, newest first."""

    items: list[JobOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


def _queue(wait: Wait) -> QueueOut:
    return QueueOut(position=wait.position, estimated_start_s=tenths(wait.start_s), estimated_run_s=tenths(wait.run_s))


def _outputs(tracked: Tracked) -> list[OutputOut]:
    return [
        OutputOut(
            name=published.file.name,
            url=published.url,
            url_expires_at=published.expires_at,
            sha256=published.file.sha256,
            bytes=published.file.bytes,
            content_type=published.file.content_type,
            width=published.file.width,
            height=published.file.height,
        )
        for published in tracked.outputs
    ]
