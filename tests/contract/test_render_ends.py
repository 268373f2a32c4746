"""Attempts that stop before their picture is done, and go on in the next one, against real stores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from service.checkpoint import pack
from service.errors import OutOfMemory, RenderError, StaleCheckpoint
from service.job import Job, JobState
from service.painting import BeforeAfter, Checkpoint, Images, Losses, Painting, Step
from service.render import Rendered, render_next
from service.settings import Settings
from service.spec import RenderSpec, parse_spec
from service.submit import submit
from service.upload import upload
from service.wiring import Services, open_services
from tests.chaos.gate import Gate
from tests.images import photograph_bytes
from workers.lease import hold, never

pytestmark = pytest.mark.servers

LOSS = Losses(3.0, 1.0, 2.0, 0.0)
STEPS = 6


class Counting:
    """Counts instead of painting, from wherever it is told to begin; says what it was called with."""

    def __init__(self, each: Callable[[int], object] = lambda _: None) -> None:
        self.each = each
        self.begun: list[int] = []
        self.frugal: list[bool] = []
        self.ended = 0

    def __call__(
        self, spec: RenderSpec, images: Images, *, resume: Checkpoint | None = None, frugal: bool = False, **_: object
    ) -> Generator[Step, None, Painting]:
        if resume is not None and "image" not in resume.arrays:
            raise StaleCheckpoint("no image")
        first = int(resume.position["iteration"]) if resume else 0
        self.begun.append(first)
        self.frugal.append(frugal)
        picture = images["/content"]
        try:
            for n in range(first, STEPS + 1):
                self.each(n)
                place = Checkpoint({"image": np.full(3, n)}, {"iteration": n})
                yield Step(spec.options.size, n, STEPS, LOSS, lambda: picture.pixels, partial(_same, place))
            self.each(STEPS + 1)
        finally:
            self.ended += 1
        return Painting({"result": picture}, {"result": BeforeAfter(LOSS, LOSS)}, {}, STEPS, "cpu", "00")


def _same(place: Checkpoint) -> Checkpoint:
    return place


def submitted(services: Services, tenant: str, **wish: Any) -> Job:
    image = {"upload_id": upload(photograph_bytes(), tenant=tenant, services=services).id}
    spec = parse_spec({"kind": "transfer", "content": image, "styles": [{"image": image}], **wish})
    return submit(spec, tenant=tenant, services=services).job


def rendered(
    services: Services, paint: Counting, *, ttl_s: float = 15.0, draining: Callable[[], bool] = never
) -> Rendered | None:
    held = partial(hold, claims=services.claims, ttl_s=ttl_s, draining=draining)
    return render_next(services=services, paint=paint, hold=held, worker="w")


def at_step(number: int, then: Callable[[], object]) -> Callable[[int], object]:
    return lambda n: then() if n == number else None


def stored(services: Services, job: Job) -> list[str]:
    return [key.rpartition("/")[2] for key in services.blobs.keys(f"{job.tenant}/jobs/{job.id}/")]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline


# Leaving


def test_a_worker_that_is_told_to_stop_saves_hands_over_and_the_next_one_goes_on(
    services: Services, tenant: str
) -> None:
    job, leaving = submitted(services, tenant, attempts_max=1), threading.Event()
    paint = Counting(at_step(3, leaving.set))
    first = rendered(services, paint, draining=leaving.is_set)
    assert first is not None
    assert first.error is not None
    assert first.error.code == "drain_requested"
    waiting = services.jobs.get(tenant, job.id)
    assert (waiting.state, waiting.attempt) == (JobState.QUEUED, 0)
    assert stored(services, job) == ["checkpoint.npz"]
    assert services.queue.unheard() >= 2
    rendered(services, paint)
    done = services.jobs.get(tenant, job.id)
    assert (done.state, done.attempt, done.fence) == (JobState.SUCCEEDED, 1, 2)
    assert paint.begun == [0, 3]
    assert done.report is not None
    assert done.report["resumed_iteration"] == 3
    assert stored(services, job) == ["result.png"]


def test_a_worker_that_is_told_to_stop_when_the_picture_is_done_delivers_it(services: Services, tenant: str) -> None:
    job, leaving = submitted(services, tenant), threading.Event()
    rendered(services, Counting(at_step(STEPS + 1, leaving.set)), draining=leaving.is_set)
    assert services.jobs.get(tenant, job.id).state is JobState.SUCCEEDED


def test_who_has_not_begun_leaves_an_earlier_checkpoint_where_it_is(services: Services, tenant: str) -> None:
    job, leaving = submitted(services, tenant), threading.Event()
    paint = Counting(at_step(3, leaving.set))
    for _ in range(2):
        rendered(services, paint, draining=leaving.is_set)
    rendered(services, paint)
    assert services.jobs.get(tenant, job.id).state is JobState.SUCCEEDED
    assert paint.begun == [0, 3]


# Checkpoints


def test_checkpoints_are_stored_beside_the_painting_and_recorded_by_the_heartbeat(
    settings: Settings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.saving.EVERY_S", 0.05)
    monkeypatch.setattr("service.saving.COSTS", 0)
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.6})) as services:
        job = submitted(services, tenant)

        def broken() -> None:
            until(lambda: services.jobs.get(tenant, job.id).checkpoint is not None)
            raise KeyError("a bug")

        def slowly(n: int) -> None:
            time.sleep(0.1)
            at_step(4, broken)(n)

        rendered(services, Counting(slowly), ttl_s=0.6)
        again = services.jobs.get(tenant, job.id)
        assert again.state is JobState.QUEUED
        assert again.checkpoint == f"{tenant}/jobs/{job.id}/attempts/1/checkpoint.npz"
        paint = Counting()
        rendered(services, paint, ttl_s=15)
        assert paint.begun[0] > 0
        assert stored(services, job) == ["result.png"]


@pytest.mark.parametrize("data", [b"no archive", pack(Checkpoint({}, {"iteration": 3})), None])
def test_a_checkpoint_that_can_not_be_used_is_left_aside(services: Services, tenant: str, data: bytes | None) -> None:
    job, leaving = submitted(services, tenant), threading.Event()
    paint = Counting(at_step(3, leaving.set))
    rendered(services, paint, draining=leaving.is_set)
    place = services.jobs.get(tenant, job.id).checkpoint or ""
    services.blobs.delete([place])
    if data is not None:
        services.blobs.put(place, data, content_type="application/zip")
    rendered(services, paint)
    assert services.jobs.get(tenant, job.id).state is JobState.SUCCEEDED
    assert paint.begun == [0, 0]


def test_no_painting_waits_for_a_checkpoint_whose_storage_is_away(
    settings: Settings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.saving.EVERY_S", 0.0)
    address = urlsplit(settings.s3_endpoint or "")
    with (
        Gate(address.hostname or "", address.port or 0) as gate,
        open_services(settings.model_copy(update={"s3_endpoint": f"http://127.0.0.1:{gate.port}"})) as services,
    ):
        job, seen = submitted(services, tenant), list[float]()

        def note(n: int) -> None:
            seen.append(time.monotonic())
            {1: gate.stall, STEPS + 1: gate.open}.get(n, lambda: None)()

        rendered(services, Counting(note))
        assert seen[STEPS] - seen[1] < 1
        done = services.jobs.get(tenant, job.id)
        assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)


# Previews


def test_how_it_looks_so_far_is_shown_while_it_is_painted_and_not_kept(
    settings: Settings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for often in ("PREVIEW_AFTER_S", "PREVIEW_EVERY_S"):
        monkeypatch.setattr(f"service.saving.{often}", 0.05)
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.6})) as services:
        job, seen = submitted(services, tenant), list[bytes]()

        def look() -> None:
            until(lambda: services.jobs.get(tenant, job.id).preview is not None)
            seen.append(services.blobs.get(services.jobs.get(tenant, job.id).preview or ""))

        def slowly(n: int) -> None:
            time.sleep(0.1)
            at_step(4, look)(n)

        rendered(services, Counting(slowly), ttl_s=0.6)
        with Image.open(BytesIO(seen[0])) as picture:
            assert (picture.format, picture.size) == ("WEBP", (96, 64))
        done = services.jobs.get(tenant, job.id)
        assert (done.state, done.preview) == (JobState.SUCCEEDED, None)
        assert stored(services, job) == ["result.png"]


# Canceling


def test_a_canceled_job_stops_at_its_next_step_and_is_canceled_when_the_painter_has_let_go(
    settings: Settings, tenant: str
) -> None:
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.6})) as services:
        job = submitted(services, tenant)

        def slowly(n: int) -> None:
            time.sleep(0.1)
            at_step(2, lambda: services.jobs.cancel(tenant, job.id))(n)

        slow = Counting(slowly)
        ended = rendered(services, slow, ttl_s=0.6)
        assert slow.ended == 1
        assert ended is not None
        assert services.jobs.get(tenant, job.id).state is JobState.CANCELED
        assert stored(services, job) == []


def test_a_job_that_is_canceled_while_its_result_is_stored_is_canceled(services: Services, tenant: str) -> None:
    job = submitted(services, tenant)
    rendered(services, Counting(at_step(STEPS + 1, lambda: services.jobs.cancel(tenant, job.id))))
    assert services.jobs.get(tenant, job.id).state is JobState.CANCELED
    assert stored(services, job) == []


# Running out


def test_a_job_that_runs_for_too_long_fails_by_that_name(services: Services, tenant: str) -> None:
    job = submitted(services, tenant, run_timeout_s=1)
    ended = rendered(services, Counting(lambda _: time.sleep(0.3)))
    assert ended is not None
    failed = services.jobs.get(tenant, job.id)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.error.retryable) == ("run_timeout", False)


def test_what_ran_out_of_memory_is_tried_once_more_frugally_and_then_given_up(services: Services, tenant: str) -> None:
    def out(_: int) -> None:
        raise OutOfMemory("2 GB")

    job, paint = submitted(services, tenant, attempts_max=5), Counting(out)
    states = []
    for _ in range(2):
        rendered(services, paint)
        states.append(services.jobs.get(tenant, job.id).state)
    assert states == [JobState.QUEUED, JobState.FAILED]
    assert paint.frugal == [False, True]


def test_what_goes_wrong_is_returned_to_the_worker(services: Services, tenant: str) -> None:
    submitted(services, tenant)

    def fail(_: int) -> None:
        raise RenderError("so")

    ended = rendered(services, Counting(fail))
    assert ended is not None
    assert isinstance(ended.error, RenderError)
