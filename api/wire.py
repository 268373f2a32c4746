"""The shapes of answers, as JSON words: the job, the upload, the problem."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from service.job import JobState
from service.spec import RenderSpec

if TYPE_CHECKING:
    from service.stores.upload_store import Upload
    from service.track import Tracked


class FieldErrorOut(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the request body.")
    detail: str


class ProblemOut(BaseModel):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; match on this.")
    instance: str
    request_id: str | None
    errors: list[FieldErrorOut] | None = None


class UploadOut(BaseModel):
    """An uploaded image."""

    id: str
    sha256: str = Field(description="Of the file as it came.")
    bytes: int
    content_type: str
    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    expires_at: datetime = Field(description="A job that names it keeps its own copy.")

    @classmethod
    def of(cls, upload: Upload) -> UploadOut:
        """Describe an upload."""
        return cls(
            id=upload.id,
            sha256=upload.sha256,
            bytes=upload.bytes,
            content_type=upload.content_type,
            width=upload.width,
            height=upload.height,
            expires_at=_time(upload.expires_ms),
        )


class QueueOut(BaseModel):
    """A queued job's place."""

    position: int = Field(description="From 1.")
    estimated_start_s: float | None = Field(description="Seconds; null until a job has been finished here.")


class OutputOut(BaseModel):
    """A file that a job made."""

    name: str
    url: str
    url_expires_at: datetime
    sha256: str
    bytes: int
    content_type: str
    width: int | None = Field(description="Pixels, of a picture or a film.")
    height: int | None = Field(description="Pixels, of a picture or a film.")


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


LINKS = {
    "self": "",
    "events": "/events",
    "cancel": "/cancel",
    "retry": "/retry",
    "preview": "/preview",
    "result": "/result",
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
            queue=QueueOut(position=wait.position, estimated_start_s=wait.estimated_start_s) if wait else None,
            attempt=job.attempt,
            attempts_max=job.attempts_max,
            spec=job.spec,
            created_at=_time(job.created_ms),
            started_at=_maybe_time(job.started_ms),
            finished_at=_maybe_time(job.finished_ms),
            expires_at=_maybe_time(job.expires_ms),
            outputs=_outputs(tracked),
            report=None if job.report is None else dict(job.report),
            error=ErrorOut.model_validate(job.error, from_attributes=True) if job.error else None,
            labels=job.spec.labels,
            links=LinksOut(**{name: f"/v1/jobs/{job.id}{path}" for name, path in LINKS.items()}),
        )


class CapabilitiesOut(BaseModel):
    """What can be asked for here."""

    version: str
    networks: dict[str, list[str]] = Field(description="By name, their layers from shallow to deep.")
    content_layers: dict[str, float] = Field(description="The default ones, with their weights.")
    presets: dict[str, dict[str, Any]] = Field(description="By name, the options that they set.")
    limits: dict[str, float] = Field(description="Pixels, bytes, seconds or counts, as their names say.")
    workers: int = Field(description="How many are at work just now.")


class JobsOut(BaseModel):
    """A page of jobs, newest first."""

    items: list[JobOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


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


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def _maybe_time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _time(milliseconds)
