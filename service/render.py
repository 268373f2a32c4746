"""Rendering: claim the next job, fetch its images, let it be painted, store the picture, commit."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from structlog.contextvars import bound_contextvars

from service.attempt_files import AttemptFiles
from service.delivery import files, film_of
from service.errors import (
    BlobStoreUnavailable,
    CancelRequested,
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
from service.job import Failure, Job, JobState, OutputFile
from service.log import log
from service.pace import run_taught
from service.report import attempt_report, progress_of, size_of
from service.saving import Saver, without_film
from service.statistics import StoredStatistics
from service.tracing import failed

if TYPE_CHECKING:
    from prometheus_client import Counter

    from service.lease import Hold, Lease
    from service.pace import Run
    from service.painting import Checkpoint, Images, Paint, Painting, Step
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
        services.traces.attempt(job, worker) as span,
        hold(job, asked=asked) as lease,
    ):
        log().info("job_started", worker=worker, waited_s=_waited_s(job))
        _pass_on(services)
        if job.fence == 1:
            services.metrics.queue_seconds.observe(_waited_s(job))
        stored = AttemptFiles(job, lease, services.blobs, services.settings.storage_patience_s)
        statistics = StoredStatistics(job.tenant, services.styles, services.blobs)
        error = _attempted(stored, services=services, paint=partial(paint, statistics=statistics))
        services.metrics.attempts.labels(error.code if error else JobState.SUCCEEDED).inc()
        if error is not None:
            failed(span, error.code)
        return Rendered(job, error)


def _pass_on(services: Services) -> None:
    """Ring for the next job, if there is one that nobody has rung for: so all workers are awake soon after one ring."""
    try:
        if services.upkeep.unrung():
            services.queue.try_ring()
    except Exception as error:  # noqa: BLE001 - whatever it is, the keeper rings within a second, and this job is in hand
        log().warning("ring_failed", detail=f"{type(error).__name__}: {error}")


def _attempted(stored: AttemptFiles, *, services: Services, paint: Paint) -> ImpastoError | None:
    """Make an attempt and write into the record how it ended; return the reason if it was not with a picture."""
    job = stored.job
    try:
        outputs, report, taught = _attempt(stored, services=services, paint=paint)
        with services.traces.span("commit"):
            committed = services.claims.commit(job, outputs, report, taught=taught)
        if committed:
            log().info("job_succeeded", **report["timings"], resumed=report["resumed_iteration"])
            services.metrics.run_seconds.labels(size_of(job)).observe(report["timings"]["paint_s"])
            stored.tidy()
            return None
        return _refused(stored, services=services)
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


def _refused(stored: AttemptFiles, *, services: Services) -> ImpastoError:
    """End an attempt whose commit was refused: its client has just canceled the job, or it is another worker's."""
    refused = LeaseLost("the commit was refused")
    after = _give_back(stored, refused, services=services)
    if after is JobState.CANCELED:
        return CancelRequested("its client canceled it")
    if after is None:
        services.metrics.fences_refused.inc()
        stored.discard(checkpoint=False)
    return refused


def _attempt(
    stored: AttemptFiles, *, services: Services, paint: Paint
) -> tuple[list[OutputFile], dict[str, Any], Run | None]:
    job, lease, started = stored.job, stored.lease, time.monotonic()
    lease.note({"fraction": 0.0, "phase": "fetch"})
    with services.traces.span("fetch"):
        images, checkpoint = stored.inputs(), stored.last_checkpoint()
    fetched = time.monotonic()
    with services.traces.span("paint"):
        made = _painted(stored, images, checkpoint, paint=paint, iterations=services.metrics.iterations)
    painted = time.monotonic()
    lease.note({"fraction": 1.0, "phase": "upload"})
    with services.traces.span("upload"):
        outputs = [stored.store(file) for file in files(made.painting, job.spec.output, made.film)]
    timings = {
        "queue_s": _waited_s(job),
        "fetch_s": fetched - started,
        "paint_s": painted - fetched,
        "upload_s": time.monotonic() - painted,
    }
    taught = run_taught(job, made.painting, resumed=made.resumed is not None, paint_s=made.stepped_s)
    return outputs, attempt_report(job, made.painting, resumed=made.resumed, timings=timings), taught


def _painted(
    stored: AttemptFiles, images: Images, checkpoint: Checkpoint | None, *, paint: Paint, iterations: Counter
) -> Painted:
    """Paint, from a checkpoint if it fits."""
    film = film_of(stored.job.spec)
    follow = partial(_followed, stored, images, paint=paint, iterations=iterations)
    if checkpoint is not None:
        try:
            return follow(film, without_film(checkpoint, film))
        except StaleCheckpoint as error:
            log().warning("checkpoint_unusable", detail=str(error))
            film = film_of(stored.job.spec)
    return follow(film, None)


def _followed(  # noqa: PLR0913 - what it follows, and everybody who is told
    stored: AttemptFiles,
    images: Images,
    film: Film | None,
    resume: Checkpoint | None,
    *,
    paint: Paint,
    iterations: Counter,
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
            iterations.inc()
            if resume is not None and resumed is None:
                resumed = step.iteration
                log().info("job_resumed", iteration=resumed)
            if film is not None:
                film.watch(step)
            last = progress_of(job.spec, step, last)
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
