"""Every error of the house, as one tree.

    ImpastoError
    ├── Refused                     the caller asked for something that can't be done as asked
    │   ├── InvalidSpec             fields of a request, each named by its JSON pointer
    │   ├── InvalidImage            bytes that are no picture we take
    │   ├── UploadWaiting           an upload whose bytes have not arrived, or that was not completed
    │   ├── UrlRefused              a URL of a form that is not used
    │   ├── UrlUnreachable          a URL from which nothing could be had
    │   ├── TooLarge                more bytes than a request may bring
    │   ├── Unauthorized            no key, or a key nobody knows
    │   ├── Forbidden               a key without the scope
    │   ├── TooMany                 a key has used up what it may ask for, for now
    │   │   ├── RateLimited         requests
    │   │   ├── TooManyJobs         open jobs
    │   │   └── TooManyBytes        bytes within a day
    │   ├── NotFound                no such thing in this tenant
    │   ├── Gone                    a job or batch whose retention is over
    │   ├── IdTaken                 the client's own id is another's already
    │   ├── OwnKey                  a key is to revoke itself
    │   ├── KeyReused               the idempotency key was used for another request
    │   └── NoResult                the job has no result, or not yet
    ├── Unavailable                 a part of ours is out of reach; the same call may work later
    │   ├── JobStoreUnavailable
    │   ├── BlobStoreUnavailable
    │   │   └── BucketMissing       S3 answers, but has no such bucket
    │   ├── IngestUnavailable       no process can be had that decodes an image
    │   ├── QueueUnavailable
    │   └── QueueFull               too many jobs wait already
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

from service.errors.attempts import (
    CancelRequested,
    DeviceFailed,
    Diverged,
    DrainRequested,
    InputMissing,
    LeaseLost,
    OutOfMemory,
    PaintFailed,
    RecordUnreadable,
    RenderError,
    RunTimeout,
    StaleCheckpoint,
    WorkerLost,
)
from service.errors.refused import (
    REASONS,
    FieldProblem,
    Forbidden,
    Gone,
    IdTaken,
    InvalidImage,
    InvalidSpec,
    KeyReused,
    NoResult,
    NotFound,
    OwnKey,
    RateLimited,
    Reason,
    Refused,
    TooLarge,
    TooMany,
    TooManyBytes,
    TooManyJobs,
    Unauthorized,
    UploadWaiting,
    UrlRefused,
    UrlUnreachable,
    pointer_to,
)
from service.errors.root import (
    ImpastoError,
)
from service.errors.setup import (
    DigestMismatch,
    SetupError,
    StackError,
    WeightsMissing,
    WeightsUnavailable,
)
from service.errors.unavailable import (
    BlobStoreUnavailable,
    BucketMissing,
    IngestUnavailable,
    JobStoreUnavailable,
    QueueFull,
    QueueUnavailable,
    Unavailable,
)

__all__ = [
    "REASONS",
    "BlobStoreUnavailable",
    "BucketMissing",
    "CancelRequested",
    "DeviceFailed",
    "DigestMismatch",
    "Diverged",
    "DrainRequested",
    "FieldProblem",
    "Forbidden",
    "Gone",
    "IdTaken",
    "ImpastoError",
    "IngestUnavailable",
    "InputMissing",
    "InvalidImage",
    "InvalidSpec",
    "JobStoreUnavailable",
    "KeyReused",
    "LeaseLost",
    "NoResult",
    "NotFound",
    "OutOfMemory",
    "OwnKey",
    "PaintFailed",
    "QueueFull",
    "QueueUnavailable",
    "RateLimited",
    "Reason",
    "RecordUnreadable",
    "Refused",
    "RenderError",
    "RunTimeout",
    "SetupError",
    "StackError",
    "StaleCheckpoint",
    "TooLarge",
    "TooMany",
    "TooManyBytes",
    "TooManyJobs",
    "Unauthorized",
    "Unavailable",
    "UploadWaiting",
    "UrlRefused",
    "UrlUnreachable",
    "WeightsMissing",
    "WeightsUnavailable",
    "WorkerLost",
    "pointer_to",
]
