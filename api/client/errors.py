"""What can go wrong between a client and the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import ImpastoError, Unavailable

if TYPE_CHECKING:
    from api.client.answers import Job
    from api.wire.problem import ProblemOut


class ApiProblem(ImpastoError):
    """Raised when the API answers with a problem; `problem.code` is stable, match on that."""

    title = "The service refused"

    def __init__(self, problem: ProblemOut) -> None:
        self.problem = problem
        fields = "".join(f"\n  {field.pointer}  {field.detail}" for field in problem.errors or ())
        super().__init__(f"{problem.detail if not fields else problem.title} ({problem.code}){fields}")


class Unreachable(Unavailable):
    """Raised when no answer comes, or, to the end, only such as say that the service is not itself.

    Attributes:
        status: HTTP status of the last answer; None where none came.
        problem: what it said, where that was a problem; `queue_full`, for example.
    """

    title = "The service can't be reached"

    def __init__(self, detail: str, *, status: int | None = None, problem: ProblemOut | None = None) -> None:
        self.status, self.problem = status, problem
        super().__init__(detail if problem is None else f"{detail}: {problem.detail} ({problem.code})")


class JobFailed(ImpastoError):
    """Raised when an output is asked for that the job doesn't have."""

    title = "The job ended without a picture"

    def __init__(self, job: Job) -> None:
        self.job = job
        why = f": {job.error.title}. {job.error.detail} ({job.error.code})" if job.error else ""
        super().__init__(f"Job {job.id} is {job.status}{why}")


class DownloadDamaged(ImpastoError):
    """Raised when what was downloaded is not the file that the job published; nothing of it is kept."""

    title = "The download is damaged"

    def __init__(self, *, name: str, expected: str, actual: str) -> None:
        self.name, self.expected, self.actual = name, expected, actual
        super().__init__(f"{name}: expected SHA-256 {expected}, got {actual}.")


class WebhookInvalid(ImpastoError):
    """Raised when a webhook's signature is not the service's, or its time is not now. Answer 400 and do nothing."""

    title = "The webhook can't be trusted"
