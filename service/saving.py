"""Saving where a painting stands, now and then: for another attempt to go on from there, and for people to look at."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Self

from PIL import Image

from service.checkpoint import pack
from service.errors import BlobStoreUnavailable
from service.log import log
from service.pictures import eight_bits

if TYPE_CHECKING:
    from service.attempt_files import AttemptFiles
    from service.painting import Checkpoint, Pixels, Step
    from service.timelapse import Film

EVERY_S, COSTS = 5.0, 20
"""Seconds between two checkpoints: five, or twenty times what one takes, so that they cost a twentieth at most."""

PREVIEW_AFTER_S, PREVIEW_EVERY_S, PREVIEW_SIDE = 2.0, 5.0, 512
"""Seconds before the first preview and between two, and the longest side of one in pixels. One takes 0.06 s, on another
thread than the painting's."""

FRAME = "film."
"""Stands before the names of a film's frames among the arrays of a checkpoint."""


class Saver:
    """Stores checkpoints and previews of one attempt on a thread of its own: painting does not wait for the storage."""

    def __init__(self, files: AttemptFiles, film: Film | None) -> None:
        self._files, self._film = files, film
        self._due = time.monotonic() + EVERY_S
        self._preview_due = time.monotonic() + PREVIEW_AFTER_S
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._storing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def offer(self, step: Step) -> None:
        """Take a checkpoint of a step if one is due and the one before it has been stored; and a preview likewise."""
        free = self._storing is None or self._storing.done()
        if free and time.monotonic() >= self._due:
            self._begin(step)
        elif free and time.monotonic() >= self._preview_due:
            self._preview_due = time.monotonic() + PREVIEW_EVERY_S
            self._storing = self._thread.submit(self._show, step.picture())

    def save(self, step: Step) -> None:
        """Take a checkpoint of a step, and return when it has been stored, or could not be."""
        if self._storing is not None:
            self._storing.result()
        self._begin(step).result()

    def _begin(self, step: Step) -> Future[None]:
        began = time.monotonic()
        data = pack(with_film(step.checkpoint(), self._film))
        self._due = float("inf")  # until it is known what storing costs
        self._storing = self._thread.submit(self._store, data, step.iteration, began)
        return self._storing

    def _store(self, data: bytes, iteration: int, began: float) -> None:
        said = log().bind(job_id=self._files.job.id, fence=self._files.job.fence)
        try:
            self._files.lease.checkpoint = self._files.store_checkpoint(data)
            cost_s = time.monotonic() - began
            said.info("checkpoint_stored", iteration=iteration, bytes=len(data), age_s=round(cost_s, 3))
        except BlobStoreUnavailable as error:
            said.warning("checkpoint_failed", detail=str(error))
        now = time.monotonic()
        self._due = now + max(EVERY_S, COSTS * (now - began))

    def _show(self, pixels: Pixels) -> None:
        try:
            self._files.lease.preview = self._files.store_preview(preview_of(pixels))
        except BlobStoreUnavailable as error:
            log().warning("preview_failed", job_id=self._files.job.id, detail=str(error))


def preview_of(pixels: Pixels) -> bytes:
    """Write a small WebP of a picture."""
    image, file = Image.fromarray(eight_bits(pixels)), BytesIO()
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    image.save(file, "WEBP", quality=80)
    return file.getvalue()


def with_film(checkpoint: Checkpoint, film: Film | None) -> Checkpoint:
    """Add the frames of a film to a checkpoint."""
    frames = film.frames() if film else {}
    return replace(checkpoint, arrays={**checkpoint.arrays, **{FRAME + name: data for name, data in frames.items()}})


def without_film(checkpoint: Checkpoint, film: Film | None) -> Checkpoint:
    """Give the frames of a checkpoint back to their film, and the rest."""
    frames = {name.removeprefix(FRAME): data for name, data in checkpoint.arrays.items() if name.startswith(FRAME)}
    if film is not None:
        film.restore(frames)
    rest = {name: data for name, data in checkpoint.arrays.items() if not name.startswith(FRAME)}
    return replace(checkpoint, arrays=rest)
