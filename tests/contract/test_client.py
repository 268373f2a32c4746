"""Both Python clients over a real API."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client import ApiProblem, Client, EndEvent, JobFailed, LogEvent, ProgressEvent, StateEvent
from service.job import JobState
from service.settings import Settings
from service.wiring import Services
from tests.chaos.gate import Gate
from tests.clients import KINDS, finished, opened, painting
from tests.images import photograph_bytes
from tests.jobs import BROKEN, claimed
from tests.served import served

pytestmark = pytest.mark.servers

IMAGES = {"/content": photograph_bytes(), "/styles/0/image": photograph_bytes(80, 80)}
PICTURE = b"a picture" * 50_000


@pytest.fixture(params=KINDS)
def ours(client: httpx.Client, key: str, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Our own client of the API that `client` talks to."""
    with opened(request.param, str(client.base_url), key) as ours:
        yield ours


@pytest.fixture
def painter(services: Services) -> Iterator[None]:
    """A worker."""
    with painting(services, PICTURE, every_s=0.5):
        yield


@pytest.mark.usefixtures("painter")
def test_a_job_is_waited_for_by_the_service(ours: Client) -> None:
    job = ours.submit(IMAGES)
    asked = time.monotonic()
    assert ours.wait(job.id, timeout_s=60).status is JobState.SUCCEEDED
    assert time.monotonic() - asked < 10


def test_the_pictures_of_a_job_can_be_seen(ours: Client) -> None:
    shown = ours.inputs(ours.submit(IMAGES).id)
    assert {image.pointer: (image.width, image.height) for image in shown} == {
        "/content": (96, 64),
        "/styles/0/image": (80, 80),
    }
    assert all(httpx.get(image.url).content.startswith(b"\x89PNG") for image in shown)


def test_waiting_ends_when_the_time_is_over(ours: Client) -> None:
    job = ours.submit(IMAGES)
    assert ours.wait(job.id, timeout_s=1).status is JobState.QUEUED


def test_a_job_is_canceled_painted_again_and_deleted(ours: Client) -> None:
    job = ours.submit(IMAGES)
    assert ours.cancel(job.id).status is JobState.CANCELED
    again = ours.retry(job.id)
    assert (again.id != job.id, again.status) == (True, JobState.QUEUED)
    ours.delete(job.id)
    with pytest.raises(ApiProblem, match="gone"):
        ours.get(job.id)


@pytest.mark.usefixtures("painter")
def test_a_picture_comes_as_bytes_and_as_a_file(ours: Client, tmp_path: Path) -> None:
    job = ours.wait(ours.submit(IMAGES).id, timeout_s=60)
    assert ours.download(job) == PICTURE
    ours.save(job, tmp_path / "picture.png")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("picture.png", PICTURE)]
    with pytest.raises(JobFailed):
        ours.download(job, "timelapse")


def test_what_happens_is_told_as_it_happens(ours: Client, services: Services) -> None:
    happening = ours.events(ours.submit(IMAGES).id)
    first = next(happening)
    assert isinstance(first, StateEvent)
    assert first.status is JobState.QUEUED
    mine = claimed(services)
    services.claims.renew(mine, {"fraction": 0.5, "phase": "paint"})
    running, progress = next(happening), next(happening)
    assert isinstance(running, StateEvent)
    assert isinstance(progress, ProgressEvent)
    assert (running.status, progress.progress) == (JobState.RUNNING, {"fraction": 0.5, "phase": "paint"})
    assert services.claims.commit(mine, [], {})
    ended, end = happening
    assert isinstance(ended, StateEvent)
    assert isinstance(end, EndEvent)
    assert (ended.status, end.job.status, end.job.terminal) == (JobState.SUCCEEDED, JobState.SUCCEEDED, True)


def test_an_attempt_that_is_tried_again_says_why(ours: Client, services: Services) -> None:
    job = ours.submit(IMAGES)
    services.claims.give_back(claimed(services), BROKEN)
    finished(services, PICTURE)
    [why] = [event.error for event in ours.events(job.id) if isinstance(event, LogEvent)]
    assert (why["code"], why["attempt"]) == (BROKEN.code, 1)


def test_events_go_on_after_one_that_was_heard(ours: Client, services: Services) -> None:
    job = ours.submit(IMAGES)
    first = next(ours.events(job.id))
    finished(services, PICTURE)
    told = [event.status for event in ours.events(job.id, last_event_id=first.id) if isinstance(event, StateEvent)]
    assert told == [JobState.RUNNING, JobState.SUCCEEDED]


def test_a_job_is_followed_as_it_changes(ours: Client, services: Services) -> None:
    changing = ours.follow(ours.submit(IMAGES).id)
    assert next(changing).status is JobState.QUEUED
    mine = claimed(services)
    running = next(changing)
    assert (running.status, running.attempt) == (JobState.RUNNING, 1)
    services.claims.renew(mine, {"fraction": 0.5, "phase": "paint"})
    assert next(changing).progress == {"fraction": 0.5, "phase": "paint"}
    assert services.claims.commit(mine, [], {})
    assert [job.status for job in changing] == [JobState.SUCCEEDED]


def test_following_a_job_that_has_ended_gives_it_once(ours: Client) -> None:
    job = ours.submit(IMAGES)
    ours.cancel(job.id)
    assert [seen.status for seen in ours.follow(job.id)] == [JobState.CANCELED]


def test_lists_go_over_all_pages_and_know_their_filters(ours: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.following.PAGE", 2)
    made = [ours.submit(IMAGES, {"labels": {"n": str(n), "all": "yes"}, "options": {"seed": n}}).id for n in range(5)]
    assert [job.id for job in ours.jobs(labels={"all": "yes"})] == made[::-1]
    assert [job.id for job in ours.jobs(labels={"all": "yes", "n": "3"})] == [made[3]]
    ours.cancel(made[0])
    assert [job.id for job in ours.jobs(status=JobState.CANCELED)] == [made[0]]
    assert list(ours.jobs(created_after=datetime.now(UTC) + timedelta(hours=1))) == []
    first = ours.page(limit=3)
    assert [job.id for job in first.items] == made[:1:-1]
    assert [job.id for job in ours.page(cursor=first.next_cursor).items] == made[1::-1]


def test_the_same_id_or_the_same_key_is_the_same_job(ours: Client, services: Services) -> None:
    own, spec = str(uuid.uuid4()), {"options": {"seed": 7}}
    assert ours.put(own, IMAGES, spec).id == own == ours.put(own, IMAGES, spec).id
    posted = [ours.submit(IMAGES, idempotency_key="order-7").id for _ in range(2)]
    assert posted[0] == posted[1]
    assert services.upkeep.ready_count() == 2


def test_a_spec_may_name_what_was_uploaded(ours: Client) -> None:
    upload = ours.uploads.create(IMAGES["/content"])
    assert (upload.width, upload.height) == (96, 64)
    named: dict[str, Any] = {"upload_id": upload.id}
    job = ours.submit({}, {"content": named, "styles": [{"image": named}], "options": {"size": 96}})
    assert (job.kind, job.spec["options"]["size"]) == ("transfer", 96)


def test_the_service_says_what_it_can_do(ours: Client) -> None:
    assert "vgg16" in ours.capabilities().networks


def test_a_refusal_names_the_field(ours: Client) -> None:
    with pytest.raises(ApiProblem, match="/options/size") as refused:
        ours.submit(IMAGES, {"options": {"size": 1}})
    assert (refused.value.problem.code, refused.value.problem.status) == ("invalid_spec", 422)


def test_an_id_stays_within_its_path(ours: Client) -> None:
    with pytest.raises(ApiProblem, match="no_route"):
        ours.get("../capabilities")


@pytest.mark.parametrize("kind", KINDS)
def test_a_post_that_gets_no_answer_is_sent_again_and_makes_one_job(
    kind: str, settings: Settings, key: str, services: Services
) -> None:
    """The first answer is lost on its way: the job is there already when the second call comes."""
    with served(settings, key=key) as direct:
        where = httpx.URL(direct.base_url)
        with Gate(where.host, where.port or 0) as gate, opened(kind, f"http://127.0.0.1:{gate.port}", key) as ours:
            gate.lose_answers(1)
            job = ours.submit(IMAGES)
        assert direct.get(f"/v1/jobs/{job.id}").status_code == 200
    assert services.upkeep.ready_count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_is_followed_over_a_restart_of_the_service(
    kind: str, settings: Settings, key: str, services: Services, tenant: str
) -> None:
    with served(settings, key=key) as direct:
        where = httpx.URL(direct.base_url)
        with Gate(where.host, where.port or 0) as gate, opened(kind, f"http://127.0.0.1:{gate.port}", key) as ours:
            job = ours.submit(IMAGES)
            changing = ours.follow(job.id)
            assert next(changing).status is JobState.QUEUED
            mine = claimed(services)
            assert next(changing).status is JobState.RUNNING
            gate.cut()
            services.jobs.cancel(tenant, job.id)
            timer = threading.Timer(0.5, gate.open)
            timer.start()
            assert next(changing).status is JobState.CANCELING
            timer.join()
            services.claims.give_back(mine, BROKEN)
            assert [job.status for job in changing] == [JobState.CANCELED]
