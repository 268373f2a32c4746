"""Rendering: claim the next job, fetch its images, let it be painted, store the picture, commit."""

from __future__ import annotations

import hashlib
import itertools
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from structlog.contextvars import bound_contextvars

import service
from service.delivery import File, files, film_of, losses_report
from service.errors import (
    BlobStoreUnavailable,
    ImpastoError,
    InputMissing,
    JobStoreUnavailable,
    LeaseLost,
    NotFound,
    PaintFailed,
    RenderError,
    SetupError,
)
from service.job import Failure, Input, Job, OutputFile
from service.log import log
from service.pictures import decode_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from service.painting import Images, Paint, Painting, Picture, Step
    from service.timelapse import Film
    from service.wiring import Services


T = TypeVar("T")


class Lease(Protocol):
    """A worker's hold on its job."""

    def note(self, progress: Mapping[str, Any]) -> None:
        """Keep the progress for the next heartbeat."""

    def check(self) -> None:
        """Return while the job is ours.

        Raises:
            LeaseLost: it no longer is, or nobody can tell.
        """


class Hold(Protocol):
    """Keeps a claimed job's lease alive while the context is open.

    `asked` is when the claim was asked for, in seconds of the monotonic clock: the lease can't be older.
    """

    def __call__(self, job: Job, *, asked: float) -> AbstractContextManager[Lease]:
        """Start the heartbeat."""
        ...


def render_next(*, services: Services, paint: Paint, hold: Hold, worker: str) -> Job | None:
    """Render the next ready job, if there is one. Whatever happens to the attempt ends in the job's record.

    Returns:
        The job that was claimed, or None when nothing was ready.

    Raises:
        JobStoreUnavailable: Redis is out of reach; a job that was claimed is free again when its lease runs out.
    """
    asked = time.monotonic()
    job = services.jobs.claim(worker)
    if job is None:
        return None
    with (
        bound_contextvars(tenant=job.tenant, job_id=job.id, attempt=job.attempt),
        hold(job, asked=asked) as lease,
    ):
        log().info("job_started", worker=worker, waited_s=_waited_s(job))
        try:
            outputs, report = _attempt(job, lease=lease, services=services, paint=paint)
            lease.check()
            _publish(job, outputs, report, services=services)
        except LeaseLost:
            log().warning("lease_lost")
            _discard(job, services=services)
        except JobStoreUnavailable:
            raise
        except (RenderError, SetupError, BlobStoreUnavailable) as error:
            _give_back(job, error, services=services)
        except Exception as error:  # noqa: BLE001 - whatever it is, the attempt has ended and the record must say so
            log().exception("paint_failed")
            _give_back(job, PaintFailed(f"The painter raised {type(error).__name__}."), services=services)
    return job


def _attempt(job: Job, *, lease: Lease, services: Services, paint: Paint) -> tuple[list[OutputFile], dict[str, Any]]:
    started = time.monotonic()
    lease.note({"fraction": 0.0, "phase": "fetch"})
    images = _fetch(job, lease=lease, services=services)
    fetched = time.monotonic()
    film = film_of(job.spec)
    painting = _paint(job, images, film, lease=lease, paint=paint)
    painted = time.monotonic()
    lease.note({"fraction": 1.0, "phase": "upload"})
    outputs = [_store(job, file, lease=lease, services=services) for file in files(painting, job.spec.output, film)]
    timings = {
        "queue_s": _waited_s(job),
        "fetch_s": fetched - started,
        "paint_s": painted - fetched,
        "upload_s": time.monotonic() - painted,
    }
    return outputs, _report(job, painting, {name: round(value, 3) for name, value in timings.items()})


def _fetch(job: Job, *, lease: Lease, services: Services) -> Images:
    def picture(image: Input) -> Picture:
        try:
            data = _patiently(lambda: services.blobs.get(image.key), lease=lease, services=services)
        except NotFound:
            raise InputMissing(f"The image at {image.pointer} is no longer in the store.") from None
        if hashlib.sha256(data).hexdigest() != image.sha256:
            raise InputMissing(f"The image at {image.pointer} is not what was stored.")
        return decode_stored(data)

    return {image.pointer: picture(image) for image in job.inputs}


def _paint(job: Job, images: Images, film: Film | None, *, lease: Lease, paint: Paint) -> Painting:
    steps = paint(job.spec, images)
    last: dict[str, Any] = {}
    while True:
        lease.check()
        try:
            step = next(steps)
        except StopIteration as end:
            painting: Painting = end.value
            return painting
        if film is not None:
            film.watch(step)
        last = _progress(step, last)
        lease.note(last)


def _progress(step: Step, last: Mapping[str, Any]) -> dict[str, Any]:
    loss = step.losses
    return {
        "fraction": round(step.iteration / step.of, 4),
        "phase": "paint",
        "scale": step.scale,
        "iteration": step.iteration,
        "iterations": step.of,
        "loss": {"total": loss.total, "content": loss.content, "style": loss.style} if loss else last.get("loss"),
    }


def _store(job: Job, made: File, *, lease: Lease, services: Services) -> OutputFile:
    file = OutputFile(
        name=made.name,
        key=f"{job.attempt_prefix}{made.filename}",
        sha256=hashlib.sha256(made.data).hexdigest(),
        bytes=len(made.data),
        content_type=made.content_type,
        width=made.width,
        height=made.height,
    )
    _patiently(
        lambda: services.blobs.put(file.key, made.data, content_type=file.content_type), lease=lease, services=services
    )
    return file


def _patiently(call: Callable[[], T], *, lease: Lease, services: Services) -> T:
    """Make a call of the storage; wait for it, ever longer, while it is away and the job is ours.

    Raises:
        BlobStoreUnavailable: it was away for `storage_patience_s`.
    """
    deadline = time.monotonic() + services.settings.storage_patience_s
    for pause_s in itertools.chain((0.5, 1.0, 2.0, 4.0), itertools.repeat(8.0)):
        try:
            return call()
        except BlobStoreUnavailable as error:
            if time.monotonic() + pause_s > deadline:
                raise
            log().warning("storage_away", detail=str(error), again_in_s=pause_s)
        time.sleep(pause_s)
        lease.check()
    raise AssertionError("the pauses never end")


def _report(job: Job, painting: Painting, timings: Mapping[str, float]) -> dict[str, Any]:
    return {
        **losses_report(painting),
        "iterations": painting.iterations,
        "timings": timings,
        "device": painting.device,
        "network": job.spec.options.network,
        "weights_sha256": painting.weights_sha256,
        "version": service.__version__,
        "cache": "miss",
    }


def _publish(job: Job, outputs: list[OutputFile], report: dict[str, Any], *, services: Services) -> None:
    if services.jobs.commit(job, outputs, report):
        log().info("job_succeeded", **report["timings"])
    else:
        raise LeaseLost("another attempt has the job")


def _give_back(job: Job, error: ImpastoError, *, services: Services) -> None:
    after = services.jobs.give_back(job, Failure.of(error, attempt=job.attempt))
    log().warning("attempt_failed", code=error.code, detail=str(error), state=after)
    if after is None:  # no longer ours, or published already by a commit whose answer was lost: nothing to delete
        return
    _discard(job, services=services)
    if not after.terminal:
        services.queue.try_ring()


def _discard(job: Job, *, services: Services) -> None:
    """Delete what this attempt wrote; nobody was told of it."""
    try:
        services.blobs.delete_prefix(job.attempt_prefix)
    except BlobStoreUnavailable:
        log().warning("discard_failed", prefix=job.attempt_prefix)


def _waited_s(job: Job) -> float:
    return ((job.started_ms or job.created_ms) - job.created_ms) / 1000
