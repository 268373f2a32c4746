"""Every error of the house, as one tree.

    ImpastoError
    ├── Refused                     the caller asked for something that can't be done as asked
    │   ├── InvalidSpec             fields of a request, each named by its JSON pointer
    │   ├── InvalidImage            bytes that are no picture we take
    │   ├── TooLarge                more bytes than a request may bring
    │   ├── Unauthorized            no key, or a key nobody knows
    │   ├── Forbidden               a key without the scope
    │   ├── NotFound                no such thing in this tenant
    │   ├── Gone                    a job whose retention is over
    │   ├── IdTaken                 the client's own id is another job's already
    │   ├── KeyReused               the idempotency key was used for another request
    │   └── NoResult                the job has no result, or not yet
    ├── Unavailable                 a part of ours is out of reach; the same call may work later
    │   ├── JobStoreUnavailable
    │   ├── BlobStoreUnavailable
    │   │   └── BucketMissing       S3 answers, but has no such bucket
    │   └── QueueUnavailable
    ├── RenderError                 why an attempt ended without a picture
    │   ├── LeaseLost               the job is no longer this worker's
    │   ├── CancelRequested         the client wants it no longer
    │   ├── DrainRequested          the worker is to stop, and lets another go on
    │   ├── RunTimeout              the job ran for longer than it may
    │   ├── WorkerLost              the worker stopped answering
    │   ├── StaleCheckpoint         a checkpoint can't be used; the job begins anew
    │   ├── RecordUnreadable        the job's record is of another version, or damaged
    │   ├── InputMissing            an input's bytes are gone from the store, or are not what was stored
    │   ├── OutOfMemory             the device's memory did not suffice
    │   ├── Diverged                the optimisation left the finite numbers
    │   ├── DeviceFailed            the device reported an error
    │   └── PaintFailed             anything else that went wrong while painting
    └── SetupError                  an operator has to do something first
        ├── WeightsMissing
        ├── WeightsUnavailable
        ├── DigestMismatch
        └── StackError              the embedded stack can't start or stay up

`code` is stable and is what clients match on; `retryable` says whether the same thing may succeed if done again.
HTTP statuses live in `api/problems.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class ImpastoError(Exception):
    """Base of the tree."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"
    retryable: ClassVar[bool] = False


class Refused(ImpastoError):
    """Raised when the caller asked for something that can't be done as asked."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field: its JSON pointer (RFC 6901) into the request body, and a sentence."""

    pointer: str
    detail: str


class InvalidSpec(Refused):
    """Raised when fields of a request are wrong; `problems` names each."""

    code = "invalid_spec"
    title = "The request has invalid fields"

    def __init__(self, *problems: FieldProblem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.pointer or '/'}: {p.detail}" for p in problems))


class InvalidImage(Refused):
    """Raised when bytes are no picture that this service takes."""

    code = "invalid_image"
    title = "The image can't be used"


class TooLarge(Refused):
    """Raised when a request brings more bytes than it may."""

    code = "too_large"
    title = "The request is too large"

    def __init__(self, *, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"The body is larger than the {limit_bytes} bytes that are accepted here.")


class Unauthorized(Refused):
    """Raised when a call brings no key, or one that nobody knows."""

    code = "unauthorized"
    title = "A valid key is needed"


class Forbidden(Refused):
    """Raised when a key lacks the scope that a call needs."""

    code = "forbidden"
    title = "This key may not do that"

    def __init__(self, *, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This call needs a key with the scope {scope!r}.")


class NotFound(Refused):
    """Raised when a tenant has no such thing."""

    code = "not_found"
    title = "Not found"

    def __init__(self, what: str, name: str) -> None:
        self.what, self.name = what, name
        super().__init__(f"There is no {what} {name!r}.")


class Gone(Refused):
    """Raised when a job is asked for whose retention is over."""

    code = "gone"
    title = "The job is no longer kept"

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"Job {job_id} and its result were deleted when their retention was over.")


class IdTaken(Refused):
    """Raised when a client gives a new job an id that another of its jobs has."""

    code = "id_taken"
    title = "The id belongs to another job"

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"Job {job_id} was posted before, with another spec.")


class KeyReused(Refused):
    """Raised when an idempotency key comes with another request than before."""

    code = "idempotency_key_reused"
    title = "The idempotency key was used for another request"


class NoResult(Refused):
    """Raised when one of a job's outputs is asked for and there is none; `final` says that there will be none."""

    code = "no_result"
    title = "The job has no result"

    def __init__(self, *, job_id: str, name: str, status: str, final: bool) -> None:
        self.job_id, self.name, self.status, self.final = job_id, name, status, final
        hint = "it will have none" if final else "ask again when it has succeeded"
        super().__init__(f"Job {job_id} is {status} and has no {name}: {hint}.")


class Unavailable(ImpastoError):
    """Raised when a part of ours is out of reach."""

    code = "unavailable"
    title = "A part of the service is out of reach"
    retryable = True


class JobStoreUnavailable(Unavailable):
    """Raised when Redis can't be reached or refuses to work."""

    code = "job_store_unavailable"
    title = "The job store is out of reach"


class BlobStoreUnavailable(Unavailable):
    """Raised when the object storage can't be reached or refuses to work."""

    code = "blob_store_unavailable"
    title = "The object storage is out of reach"


class BucketMissing(BlobStoreUnavailable):
    """Raised when the object storage answers that the bucket isn't there."""

    code = "bucket_missing"
    title = "The bucket of the object storage is missing"

    def __init__(self, *, bucket: str) -> None:
        self.bucket = bucket
        super().__init__(f"There is no bucket {bucket!r}: make it, or name another in IMPASTO_S3_BUCKET.")


class QueueUnavailable(Unavailable):
    """Raised when the doorbell can't be rung; harmless, for the keeper rings again."""

    code = "queue_unavailable"
    title = "The task queue is out of reach"


class RenderError(ImpastoError):
    """Base of the reasons why an attempt ended without a picture."""

    code = "render_failed"
    title = "The painting failed"


class LeaseLost(RenderError):
    """Raised in a worker whose job has been given to another, or whose renewals no longer get through."""

    code = "lease_lost"
    title = "The worker lost its claim on the job"
    retryable = True


class CancelRequested(RenderError):
    """Raised in a worker whose job its client wants no longer."""

    code = "cancel_requested"
    title = "The job is to be canceled"


class DrainRequested(RenderError):
    """Raised in a worker that is to stop: another goes on from the checkpoint."""

    code = "drain_requested"
    title = "The worker is leaving"
    retryable = True


class RunTimeout(RenderError):
    """Raised when all attempts of a job together have run for longer than its `run_timeout_s`."""

    code = "run_timeout"
    title = "The job ran for too long"


class WorkerLost(RenderError):
    """Recorded by the keeper when the last attempt's lease ran out too."""

    code = "worker_lost"
    title = "The worker stopped answering"


class StaleCheckpoint(RenderError):
    """Raised when a checkpoint is damaged, of another version, or doesn't fit the job."""

    code = "stale_checkpoint"
    title = "The checkpoint can't be used"
    retryable = True


class RecordUnreadable(RenderError):
    """Raised when a job's record can't be read by this version."""

    code = "record_unreadable"
    title = "The job's record can't be read"
    retryable = True  # by a worker of another version


class InputMissing(RenderError):
    """Raised when an input's bytes are gone from the store, or are not those that were stored."""

    code = "input_missing"
    title = "An input of the job is gone"


class OutOfMemory(RenderError):
    """Raised when the device's memory did not suffice."""

    code = "out_of_memory"
    title = "The device ran out of memory"
    retryable = True


class Diverged(RenderError):
    """Raised when a loss or the image is no longer finite."""

    code = "diverged"
    title = "The optimisation diverged"


class DeviceFailed(RenderError):
    """Raised when the device reports an error that the next attempt, in a new process, may not meet."""

    code = "device_failed"
    title = "The device failed"
    retryable = True


class PaintFailed(RenderError):
    """Recorded when an attempt ended by an error that nobody foresaw."""

    code = "paint_failed"
    title = "The painting failed unexpectedly"
    retryable = True


class SetupError(ImpastoError):
    """Raised when an operator has to do something first; the message says what."""

    code = "setup"
    title = "The service is not set up"


class WeightsMissing(SetupError):
    """Raised when a network's weights are not in the cache folder."""

    code = "weights_missing"
    title = "The network's weights are missing"


class WeightsUnavailable(SetupError):
    """Raised when the source of a network's weights is out of reach."""

    code = "weights_unavailable"
    title = "The weights can't be fetched"
    retryable = True


class DigestMismatch(SetupError):
    """Raised when a file is not the one whose SHA-256 is pinned; nothing of it is kept."""

    code = "digest_mismatch"
    title = "The file is not the expected one"

    def __init__(self, *, name: str, expected: str, actual: str) -> None:
        self.name, self.expected, self.actual = name, expected, actual
        super().__init__(
            f"{name}: expected SHA-256 {expected}, got {actual}. The file was not kept; "
            "try again, and if it happens again, do not trust the source."
        )


class StackError(SetupError):
    """Raised when the embedded stack can't start or stay up."""

    code = "stack"
    title = "The embedded stack can't run"
