"""An attempt's traffic with the storage: its inputs, its outputs, and the checkpoint between two attempts."""

from __future__ import annotations

import hashlib
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from service.checkpoint import unpack
from service.errors import BlobStoreUnavailable, InputMissing, NotFound, StaleCheckpoint
from service.job import OutputFile
from service.log import log
from service.pictures import decode_stored
from service.places import CHECKPOINT, PREVIEW

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.delivery import File
    from service.job import Input, Job
    from service.lease import Lease
    from service.painting import Checkpoint, Images, Picture
    from service.stores.blob_store import BlobStore

T = TypeVar("T")

FETCHES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class AttemptFiles:
    """The objects of one attempt. It waits for a storage that is away `patience_s` seconds, while the job is ours."""

    job: Job
    lease: Lease
    blobs: BlobStore
    patience_s: float

    def inputs(self) -> Images:
        """Read the job's pictures, several at once.

        Raises:
            InputMissing: one is gone, or is not what was stored.
        """
        own = copy_context()  # what is logged there names the job, too
        with ThreadPoolExecutor(FETCHES_AT_ONCE, thread_name_prefix="fetch") as pool:
            pictures = list(pool.map(lambda image: own.copy().run(self._picture, image), self.job.inputs))
        return {image.pointer: picture for image, picture in zip(self.job.inputs, pictures, strict=True)}

    def _picture(self, image: Input) -> Picture:
        try:
            data = self._patiently(lambda: self.blobs.get(image.key))
        except NotFound:
            raise InputMissing(f"The image at {image.pointer} is no longer in the store.") from None
        if hashlib.sha256(data).hexdigest() != image.sha256:
            raise InputMissing(f"The image at {image.pointer} is not what was stored.")
        return decode_stored(data)

    def store(self, made: File) -> OutputFile:
        """Write one file of the result under the attempt's own prefix."""
        key = f"{self.job.attempt_prefix}{made.filename}"
        self._patiently(lambda: self.blobs.put(key, made.data, content_type=made.content_type))
        sha256 = hashlib.sha256(made.data).hexdigest()
        return OutputFile(made.name, key, sha256, len(made.data), made.content_type, made.width, made.height)

    def last_checkpoint(self) -> Checkpoint | None:
        """Read where an earlier attempt left off; None where there is nothing that can be used."""
        if self.job.checkpoint is None:
            return None
        key = self.job.checkpoint
        try:
            return unpack(self._patiently(lambda: self.blobs.get(key)))
        except (NotFound, StaleCheckpoint) as error:
            log().warning("checkpoint_unusable", detail=str(error))
            return None

    def store_checkpoint(self, data: bytes) -> str:
        """Write where this attempt stands over what it wrote before; return the key. Waits for nobody."""
        key = f"{self.job.attempt_prefix}{CHECKPOINT}"
        self.blobs.put(key, data, content_type="application/zip")
        return key

    def store_preview(self, data: bytes) -> str:
        """Write how it looks so far over what was there before; return the key. Waits for nobody."""
        key = f"{self.job.attempt_prefix}{PREVIEW}"
        self.blobs.put(key, data, content_type="image/webp")
        return key

    def tidy(self) -> None:
        """Delete the checkpoints of a job that needs none any more, and the preview."""
        used = [self.job.checkpoint, self.lease.checkpoint, f"{self.job.attempt_prefix}{PREVIEW}"]
        self._try(lambda: self.blobs.delete(sorted({key for key in used if key})))

    def discard(self, *, checkpoint: bool) -> None:
        """Delete what this attempt wrote, as nobody was told of it; its checkpoint only if that is said."""
        kept = f"{self.job.attempt_prefix}{CHECKPOINT}"
        self._try(
            lambda: self.blobs.delete(
                [key for key in self.blobs.keys(self.job.attempt_prefix) if checkpoint or key != kept]
            )
        )

    def _try(self, delete: Callable[[], None]) -> None:
        try:
            delete()
        except BlobStoreUnavailable:  # then the keeper's sweep finds it
            log().warning("discard_failed", prefix=self.job.attempt_prefix)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Make a call of the storage; wait for it, ever longer, while it is away and the job is ours.

        Raises:
            BlobStoreUnavailable: it was away for `patience_s`.
        """
        deadline = time.monotonic() + self.patience_s
        for pause_s in itertools.chain((0.5, 1.0, 2.0, 4.0), itertools.repeat(8.0)):
            try:
                return call()
            except BlobStoreUnavailable as error:
                if time.monotonic() + pause_s > deadline:
                    raise
                log().warning("storage_away", detail=str(error), again_in_s=pause_s)
            time.sleep(pause_s)
            self.lease.check()
        raise AssertionError("the pauses never end")
