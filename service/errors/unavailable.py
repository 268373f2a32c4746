"""Parts of ours that are out of reach."""

from __future__ import annotations

from service.errors.root import ImpastoError


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


class IngestUnavailable(Unavailable):
    """Raised when no process can be had that decodes an image, or too many images wait for one."""

    code = "ingest_unavailable"
    title = "Images can't be taken in right now"


class QueueUnavailable(Unavailable):
    """Raised when the doorbell can't be rung; harmless, for the keeper rings again."""

    code = "queue_unavailable"
    title = "The task queue is out of reach"


class QueueFull(Unavailable):
    """Raised when so many jobs wait that no more are accepted for now."""

    code = "queue_full"
    title = "Too many jobs wait already"
