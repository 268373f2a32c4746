"""One attempt from claim to commit, against real stores, with painters that behave badly on purpose."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import pytest

from service.errors import DeviceFailed, Diverged, JobStoreUnavailable, LeaseLost, WeightsMissing
from service.job import Failure, Job, JobState
from service.painting import BeforeAfter, Images, Losses, Painting, Step
from service.render import render_next
from service.settings import Settings
from service.spec import RenderSpec, parse_spec
from service.submit import submit
from service.upload import upload
from service.wiring import Services, open_services
from tests.images import photograph_bytes
from tests.paintings import no_checkpoint
from tests.relay import late_relay
from workers.lease import STUCK, HeldLease, hold, never

pytestmark = pytest.mark.servers

LOSS = Losses(3.0, 1.0, 2.0, 0.0, {"relu4_2": 1.0}, {"relu1_1": 2.0})


def copyist(_: RenderSpec, images: Images, **__: object) -> Generator[Step, None, Painting]:
    """Paints nothing: the content is the picture."""
    for iteration in range(3):
        yield Step(96, iteration, 2, LOSS if iteration else None, lambda: images["/content"].pixels, no_checkpoint)
    picture = images["/content"]
    return Painting({"result": picture}, {"result": BeforeAfter(LOSS, LOSS)}, {}, 2, "cpu", "00")


def submitted(services: Services, tenant: str, **wish: Any) -> Job:
    image = {"upload_id": upload(photograph_bytes(), tenant=tenant, services=services).id}
    spec = parse_spec({"kind": "transfer", "content": image, "styles": [{"image": image}], **wish})
    return submit(spec, tenant=tenant, services=services).job


def rendered(services: Services, paint: Any = copyist, *, ttl_s: float = 15.0) -> Job | None:
    held = partial(hold, claims=services.claims, ttl_s=ttl_s)
    done = render_next(services=services, paint=paint, hold=held, worker="w")
    return done.job if done else None


def check_for_ever(lease: HeldLease) -> None:
    while True:
        lease.check()


def attempts(services: Services, job: Job) -> list[str]:
    return services.blobs.keys(f"{job.tenant}/jobs/{job.id}/")


@pytest.fixture
def hasty(settings: Settings) -> Iterator[Services]:
    """Services whose leases last a third of a second."""
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.3})) as services:
        yield services


def test_nothing_ready_renders_nothing(services: Services) -> None:
    assert rendered(services) is None


def test_a_painted_job_succeeds_with_its_picture_and_its_report(services: Services, tenant: str) -> None:
    job = submitted(services, tenant, output={"format": "jpeg"})
    rendered(services)
    done = services.jobs.get(tenant, job.id)
    assert done.state is JobState.SUCCEEDED
    [output] = done.outputs
    assert (output.name, output.content_type, output.width, output.height) == ("result", "image/jpeg", 96, 64)
    assert attempts(services, job) == [output.key] == [f"{tenant}/jobs/{job.id}/attempts/1/result.jpg"]
    assert done.report is not None
    assert done.report["loss"]["after"]["style_layers"] == {"relu1_1": 2.0}
    assert set(done.report["timings"]) == {"queue_s", "fetch_s", "paint_s", "upload_s"}


def test_two_rings_for_one_job_paint_it_once(services: Services, tenant: str) -> None:
    job = submitted(services, tenant)
    assert [claimed and claimed.id for claimed in (rendered(services), rendered(services))] == [job.id, None]


@pytest.mark.parametrize(
    ("error", "code"),
    [(Diverged("iteration 3"), "diverged"), (WeightsMissing("/secret/path"), "weights_missing")],
)
def test_a_failure_that_no_attempt_can_mend_fails_the_job(
    services: Services, tenant: str, error: Exception, code: str
) -> None:
    def failing(*_: object, **__: object) -> Generator[Step, None, Painting]:
        raise error
        yield

    job = submitted(services, tenant)
    rendered(services, failing)
    failed = services.jobs.get(tenant, job.id)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.error.attempt) == (code, 1)
    assert "/secret/path" not in failed.error.detail
    assert attempts(services, job) == []


@pytest.mark.parametrize(("error", "code"), [(DeviceFailed("ECC"), "device_failed"), (KeyError("bug"), "paint_failed")])
def test_a_failure_that_may_pass_is_tried_again_up_to_the_cap(
    services: Services, tenant: str, error: Exception, code: str
) -> None:
    def failing(*_: object, **__: object) -> Generator[Step, None, Painting]:
        raise error
        yield

    job = submitted(services, tenant, attempts_max=2)
    states = []
    for _ in range(2):
        rendered(services, failing)
        states.append(services.jobs.get(tenant, job.id).state)
    assert states == [JobState.QUEUED, JobState.FAILED]
    failed = services.jobs.get(tenant, job.id)
    assert failed.error is not None
    assert (failed.error.code, failed.error.attempt) == (code, 2)


def test_after_a_failed_attempt_the_next_one_may_succeed(services: Services, tenant: str) -> None:
    def failing(*_: object, **__: object) -> Generator[Step, None, Painting]:
        raise DeviceFailed("once")
        yield

    job = submitted(services, tenant)
    rendered(services, failing)
    rendered(services)
    done = services.jobs.get(tenant, job.id)
    assert (done.state, done.attempt, done.error) == (JobState.SUCCEEDED, 2, None)


def test_an_input_that_is_gone_fails_the_job_by_its_pointer(services: Services, tenant: str) -> None:
    job = submitted(services, tenant)
    services.blobs.delete_prefix(f"{tenant}/inputs/")
    rendered(services)
    error = services.jobs.get(tenant, job.id).error
    assert error is not None
    assert error.code == "input_missing"
    assert "/content" in error.detail


def test_an_input_that_was_tampered_with_is_not_painted(services: Services, tenant: str) -> None:
    job = submitted(services, tenant)
    services.blobs.put(job.inputs[0].key, b"other bytes", content_type="image/png")
    rendered(services)
    error = services.jobs.get(tenant, job.id).error
    assert error is not None
    assert error.code == "input_missing"


def test_a_long_painting_keeps_its_lease(settings: Settings, tenant: str) -> None:
    def slow(spec: RenderSpec, images: Images, **_: object) -> Generator[Step, None, Painting]:
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            yield Step(96, 1, 2, LOSS, lambda: images["/content"].pixels, no_checkpoint)
            assert services.upkeep.expired_leases() == []
        return (yield from copyist(spec, images))

    with open_services(settings.model_copy(update={"lease_ttl_s": 1.0})) as services:
        job = submitted(services, tenant)
        rendered(services, slow, ttl_s=1.0)
        assert services.jobs.get(tenant, job.id).state is JobState.SUCCEEDED


def test_progress_is_seen_while_it_is_painted(hasty: Services, tenant: str) -> None:
    options = {"size": 96, "iterations": 2, "pyramid": []}
    job, seen = submitted(hasty, tenant, options=options), None

    def watched(spec: RenderSpec, images: Images, **_: object) -> Generator[Step, None, Painting]:
        nonlocal seen
        while not (seen and seen.get("iteration") == 1):
            yield Step(96, 1, 2, LOSS, lambda: images["/content"].pixels, no_checkpoint)
            seen = hasty.jobs.get(tenant, job.id).progress
        return (yield from copyist(spec, images))

    rendered(hasty, watched, ttl_s=0.3)
    assert seen == {
        "fraction": 0.5,
        "phase": "paint",
        "scale": 96,
        "iteration": 1,
        "iterations": 2,
        "loss": {"total": 3.0, "content": 1.0, "style": 2.0},
    }


def test_a_worker_whose_job_was_given_away_stops_and_leaves_no_trace(hasty: Services, tenant: str) -> None:
    job, steps = submitted(hasty, tenant), 0

    def robbed(_: RenderSpec, images: Images, **__: object) -> Generator[Step, None, Painting]:
        nonlocal steps
        lost = Failure("worker_lost", "", "", retryable=False, attempt=1)
        hasty.claims.give_back(hasty.jobs.get(tenant, job.id), lost)
        while True:
            steps += 1
            yield Step(96, 1, 2, LOSS, lambda: images["/content"].pixels, no_checkpoint)

    rendered(hasty, robbed, ttl_s=0.3)
    assert steps >= 1
    assert hasty.jobs.get(tenant, job.id).state is JobState.FAILED
    assert attempts(hasty, job) == []


def test_a_worker_that_loses_the_race_at_the_end_deletes_what_it_wrote(services: Services, tenant: str) -> None:
    job = submitted(services, tenant)

    def overtaken(spec: RenderSpec, images: Images, **_: object) -> Generator[Step, None, Painting]:
        painting = yield from copyist(spec, images)
        broken = Failure("device_failed", "", "", retryable=True, attempt=1)
        services.claims.give_back(services.jobs.get(tenant, job.id), broken)
        return painting

    rendered(services, overtaken)
    assert services.jobs.get(tenant, job.id).state is JobState.QUEUED
    assert attempts(services, job) == []


def test_a_worker_cut_off_from_the_store_takes_its_job_for_lost_before_the_lease_ends(
    settings: Settings, services: Services, tenant: str
) -> None:
    submitted(services, tenant)
    job = services.claims.claim("w")
    assert job is not None
    away = Settings(**{**settings.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    with open_services(away) as cut_off:
        asked = time.monotonic()
        lease = HeldLease(job, cut_off.claims, ttl_s=1.0, asked=asked, draining=never)
        lease.start()
        try:
            with pytest.raises(LeaseLost, match="could not be reached"):
                check_for_ever(lease)
            assert time.monotonic() - asked < 1.0
        finally:
            lease.release()


def test_storage_that_is_away_gives_the_job_back(settings: Settings, services: Services, tenant: str) -> None:
    job = submitted(services, tenant)
    away = {"s3_endpoint": "http://127.0.0.1:1", "storage_patience_s": 0.1}
    with open_services(settings.model_copy(update=away)) as cut_off:
        rendered(cut_off)
    assert services.jobs.get(tenant, job.id).state is JobState.QUEUED


def test_storage_that_comes_back_in_time_costs_no_attempt(settings: Settings, services: Services, tenant: str) -> None:
    job = submitted(services, tenant)
    with late_relay(settings.s3_endpoint or "", after_s=4.0) as endpoint:
        with open_services(settings.model_copy(update={"s3_endpoint": endpoint})) as patient:
            rendered(patient)
        done = services.jobs.get(tenant, job.id)
        assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)


def test_a_child_that_does_not_stop_is_ended() -> None:
    program = """
import time
from service.settings import Settings
from service.wiring import open_services
from tests.jobs import job
from workers.lease import HeldLease, never
claims = open_services(Settings(redis_url="redis://127.0.0.1:1/0")).claims
HeldLease(job("t"), claims, ttl_s=0.5, asked=time.monotonic(), draining=never).start()
time.sleep(60)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=50, check=False).returncode == STUCK


def test_a_store_that_is_away_is_said_to_whoever_rang(settings: Settings) -> None:
    away = Settings(**{**settings.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    with open_services(away) as services, pytest.raises(JobStoreUnavailable):
        rendered(services)
