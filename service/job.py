"""A job: what it is, which states it may be in, and which moves are legal. The only place with status words.

The moves are carried out atomically by the scripts in `service/stores/`, which take the states from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from service.errors import RenderError
from service.places import attempt_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.errors import ImpastoError
    from service.spec import RenderSpec
    from service.work import Load


class JobState(StrEnum):
    """Where a job stands. New states may come; `terminal` is what pollers go by."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """Whether nothing can happen to the job any more."""
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED}


MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELED, JobState.EXPIRED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.QUEUED, JobState.CANCELING}),
    JobState.CANCELING: frozenset({JobState.CANCELED}),
}
"""The legal changes of state; what isn't listed is terminal. A job whose work was done before is made SUCCEEDED."""


PRIORITY_HEAD_START_MS: Mapping[str, int] = {"high": 600_000, "normal": 0, "low": -600_000}
"""Within a tenant, jobs start in the order of their age; a priority is a head start of ten minutes, or a
handicap. So a job of low priority is passed by, but never for ever."""


@dataclass(frozen=True, slots=True)
class Input:
    """One stored input of a job: where its bytes lie and what they are."""

    pointer: str
    """Where the spec names it, as a JSON pointer."""
    key: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One published file of a job; `width` and `height` in pixels, where it is a picture or a film."""

    name: str
    key: str
    sha256: str
    bytes: int
    content_type: str
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, as its record keeps it."""

    code: str
    title: str
    detail: str
    retryable: bool
    attempt: int

    @classmethod
    def of(cls, error: ImpastoError, *, attempt: int) -> Failure:
        """Describe an error of the tree; what only an operator may read, such as a path, stays in the log."""
        detail = str(error) if isinstance(error, RenderError) else f"{error.title}."
        return cls(error.code, error.title, detail, error.retryable, attempt)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its record in the store says. Times are milliseconds of the store's clock since 1970.

    Attributes:
        load: its work; None in records of a version that did not note it.
        fence: counts the claims; what is older than the newest one can change nothing.
        version: counts the changes that a client can see.
        run_ms: how long the attempts that have ended ran, together.
        key: id of the API key that posted it; None when nobody did.
        batch: id of the batch that it is of, and custom_id: what the client calls it there.
        frugal: whether an attempt ran out of memory, so that the next ones shall save it.
        checkpoint: key of the object from which the next attempt may go on.
        preview: key of a picture of how it looks so far, while it is painted.
        trace: the span that posted it, as a W3C traceparent; None where nothing is traced.
        format: of its record, see `service.stores.records`.
    """

    tenant: str
    id: str
    state: JobState
    spec: RenderSpec
    inputs: tuple[Input, ...]
    attempt: int
    attempts_max: int
    fence: int
    version: int
    created_ms: int
    load: Load | None = None
    run_ms: int = 0
    key: str | None = None
    batch: str | None = None
    custom_id: str | None = None
    frugal: bool = False
    checkpoint: str | None = None
    preview: str | None = None
    trace: str | None = None
    format: int = 0
    started_ms: int | None = None
    finished_ms: int | None = None
    expires_ms: int | None = None
    lease_owner: str | None = None
    lease_until_ms: int | None = None
    progress: Mapping[str, Any] | None = None
    outputs: tuple[OutputFile, ...] = ()
    report: Mapping[str, Any] | None = None
    error: Failure | None = None

    @property
    def attempt_prefix(self) -> str:
        """Where this attempt, and no other, may write its outputs."""
        return attempt_prefix(self.tenant, self.id, self.fence)
