"""Why an attempt ended without a picture."""

from __future__ import annotations

from service.errors.root import ImpastoError


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
