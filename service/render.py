"""Rendering: claim the next job, fetch its images, let it be painted, store the picture, commit."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from structlog.contextvars import bound_contextvars

import service
from service.attempt_files import AttemptFiles
from service.delivery import files, film_of, losses_report
from service.errors import (
    BlobStoreUnavailable,
    DrainRequested,
    ImpastoError,
    JobStoreUnavailable,
    LeaseLost,
    OutOfMemory,
    PaintFailed,
    RenderError,
    SetupError,
    StaleCheckpoint,
)
from service.job import Failure, Job, OutputFile
from service.log import log
from service.pace import run_taught
from service.saving import Saver, without_film
from service.statistics import StoredStatistics
from service.work import share_done

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.job import JobState
    from service.lease import Hold, Lease
    from service.pace import Run
    from service.painting import Checkpoint, Images, Paint, Painting, Step
    from service.spec import RenderSpec
    from service.timelapse import Film
    from service.wiring import Services


@dataclass(frozen=True, slots=True)
class Rendered:
    """An attempt that was made: at which job, and why it ended, if not with a picture."""

    job: Job
    error: ImpastoError | None


@dataclass(frozen=True, slots=True)
class Painted:
    """A finished painting, its film, and the iteration from which it was painted on, if it was.

    `stepped_s` are the seconds from its first step to its end.
    """

    painting: Painting
    film: Film | None
    resumed: int | None
    stepped_s: float


def render_next(*, services: Services, paint: Paint, hold: Hold, worker: str) -> Rendered | None:
    """Render the next ready job, if there is one. Whatever happens to the attempt ends in the job's record.

    Returns:
        What became of it, or None when nothing was ready.

    Raises:
        JobStoreUnavailable: Redis is out of reach; a job that was claimed is free again when its lease runs out.
    """
    asked = time.monotonic()
    job = services.claims.claim(worker)
    if job is None:
        return None
    with (
        bound_contextvars(tenant=job.tenant, job_id=job.id, attempt=job.attempt, fence=job.fence),
        hold(job, asked=asked) as lease,
    ):
        log().info("job_started", worker=worker, waited_s=_waited_s(job))
        stored = AttemptFiles(job, lease, services.blobs, services.settings.storage_patience_s)
        statistics = StoredStatistics(job.tenant, services.styles, services.blobs)
        return Rendered(job, _attempted(stored, services=services, paint=partial(paint, statistics=statistics)))


def _attempted(stored: AttemptFiles, *, services: Services, paint: Paint) -> ImpastoError | None:
    """Make an attempt and write into the record how it ended; return the reason if it was not with a picture."""
    job = stored.job
    try:
        outputs, report, taught = _attempt(stored, paint=paint)
        if services.claims.commit(job, outputs, report, taught=taught):
            log().info("job_succeeded", **report["timings"], resumed=report["resumed_iteration"])
            stored.tidy()
            return None
        refused = LeaseLost("the commit was refused")
        if _give_back(stored, refused, services=services) is None:
            stored.discard(checkpoint=False)
    except LeaseLost as error:
        log().warning("lease_lost", detail=str(error))
        stored.discard(checkpoint=False)
        return error
    except JobStoreUnavailable:
        raise
    except DrainRequested as error:
        _hand_over(stored, error, services=services)
        return error
    except (RenderError, SetupError, BlobStoreUnavailable) as error:
        _give_back(stored, error, services=services)
        return error
    except Exception as error:  # noqa: BLE001 - whatever it is, the attempt has ended and the record must say so
        log().exception("paint_failed")
        unforeseen = PaintFailed(f"The painter raised {type(error).__name__}.")
        _give_back(stored, unforeseen, services=services)
        return unforeseen
    return refused


def _attempt(stored: AttemptFiles, *, paint: Paint) -> tuple[list[OutputFile], dict[str, Any], Run | None]:
    job, lease, started = stored.job, stored.lease, time.monotonic()
    lease.note({"fraction": 0.0, "phase": "fetch"})
    images, checkpoint = stored.inputs(), stored.last_checkpoint()
    fetched = time.monotonic()
    made = _painted(stored, images, checkpoint, paint=paint)
    painted = time.monotonic()
    lease.note({"fraction": 1.0, "phase": "upload"})
    outputs = [stored.store(file) for file in files(made.painting, job.spec.output, made.film)]
    timings = {
        "queue_s": _waited_s(job),
        "fetch_s": fetched - started,
        "paint_s": painted - fetched,
        "upload_s": time.monotonic() - painted,
    }
    taught = run_taught(job, made.painting, resumed=made.resumed is not None, paint_s=made.stepped_s)
    return outputs, _report(job, made, {name: round(value, 3) for name, value in timings.items()}), taught


def _painted(stored: AttemptFiles, images: Images, checkpoint: Checkpoint | None, *, paint: Paint) -> Painted:
    """Paint, from a checkpoint if it fits."""
    film = film_of(stored.job.spec)
    if checkpoint is not None:
        try:
            return _followed(stored, images, film, without_film(checkpoint, film), paint=paint)
        except StaleCheckpoint as error:
            log().warning("checkpoint_unusable", detail=str(error))
            film = film_of(stored.job.spec)
    return _followed(stored, images, film, None, paint=paint)


def _followed(
    stored: AttemptFiles, images: Images, film: Film | None, resume: Checkpoint | None, *, paint: Paint
) -> Painted:
    """Paint, and follow it step by step: look after the lease, note the progress, film it, save checkpoints."""
    job, lease = stored.job, stored.lease
    step, resumed, last, began = None, None, dict[str, Any](), None
    with (
        Saver(stored, film) as saver,
        closing(
            paint(job.spec, images, resume=resume, frugal=job.frugal)
        ) as steps,  # frees the device, however it ends
    ):
        while True:
            _check(lease, saver, step)
            try:
                step = next(steps)
            except StopIteration as end:
                ended = time.monotonic()
                return Painted(end.value, film, resumed, ended - (began or ended))
            began = began or time.monotonic()
            if resume is not None and resumed is None:
                resumed = step.iteration
                log().info("job_resumed", iteration=resumed)
            if film is not None:
                film.watch(step)
            last = _progress(job.spec, step, last)
            lease.note(last)
            saver.offer(step)


def _check(lease: Lease, saver: Saver, step: Step | None) -> None:
    """Return while the attempt is to go on; whoever leaves saves first where it stands."""
    try:
        lease.check()
    except DrainRequested:
        if step is not None:
            saver.save(step)
        raise


def _progress(spec: RenderSpec, step: Step, last: Mapping[str, Any]) -> dict[str, Any]:
    loss = step.losses
    return {
        "fraction": round(share_done(spec, step.scale, step.of - step.iteration), 4),
        "phase": "paint",
        "scale": step.scale,
        "iteration": step.iteration,
        "iterations": step.of,
        "loss": {"total": loss.total, "content": loss.content, "style": loss.style} if loss else last.get("loss"),
    }


def _report(job: Job, made: Painted, timings: Mapping[str, float]) -> dict[str, Any]:
    return {
        **losses_report(made.painting),
        "iterations": made.painting.iterations,
        "resumed_iteration": made.resumed,
        "timings": timings,
        "device": made.painting.device,
        "network": job.spec.options.network,
        "weights_sha256": made.painting.weights_sha256,
        "version": service.__version__,
        "cache": "miss",
        "styles": _styles_report(job.spec, made.painting),
    }


def _styles_report(spec: RenderSpec, painting: Painting) -> list[dict[str, Any]]:
    """Say of the styles that have an id whether anything had to be computed of them."""
    return [
        {
            "index": n,
            "style_id": style.style_id,
            "statistics": "reused" if n in painting.reused else "computed",
        }
        for n, style in enumerate(spec.styles)
        if style.style_id is not None
    ]


def _give_back(stored: AttemptFiles, error: ImpastoError, *, services: Services) -> JobState | None:
    """End the attempt. What ran out of memory is tried once more, in a way that needs less."""
    job, short = stored.job, isinstance(error, OutOfMemory)
    failure = Failure.of(error, attempt=job.attempt)
    if short and job.frugal:
        failure = replace(failure, retryable=False)
    after = services.claims.give_back(job, failure, frugal=short)
    log().warning("attempt_failed", code=error.code, detail=str(error), state=after)
    if after is None:  # no longer ours, or published already by a commit whose answer was lost: nothing to delete
        return None
    stored.discard(checkpoint=after.terminal)
    if after.terminal:
        stored.tidy()
    else:
        services.queue.try_ring()
    return after


def _hand_over(stored: AttemptFiles, error: DrainRequested, *, services: Services) -> None:
    failure = Failure.of(error, attempt=stored.job.attempt)
    after = services.claims.hand_over(stored.job, failure, checkpoint=stored.lease.checkpoint)
    log().info("job_handed_over", state=after)
    if after is not None and not after.terminal:
        services.queue.try_ring()


def _waited_s(job: Job) -> float:
    return ((job.started_ms or job.created_ms) - job.created_ms) / 1000
