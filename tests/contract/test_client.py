"""The Python client over a real API."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from api.client import ApiProblem, Client, Unreachable
from service.job import JobState
from service.settings import Settings
from service.wiring import Services
from tests.chaos.gate import Gate
from tests.images import photograph_bytes
from tests.jobs import RESULT, claimed
from tests.served import served

pytestmark = pytest.mark.servers

IMAGES = {"/content": photograph_bytes(), "/styles/0/image": photograph_bytes(80, 80)}


@pytest.fixture
def ours(client: httpx.Client, key: str) -> Iterator[Client]:
    """Our own client of the API that `client` talks to."""
    with Client(str(client.base_url), key) as ours:
        yield ours


def test_a_job_is_waited_for_by_the_service(ours: Client, services: Services) -> None:
    job = ours.submit(IMAGES)
    timer = threading.Timer(0.5, lambda: services.claims.commit(claimed(services), [RESULT], {}))
    timer.start()
    asked = time.monotonic()
    assert ours.wait(job.id).status is JobState.SUCCEEDED
    assert time.monotonic() - asked < 10
    timer.join()


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


def test_a_post_that_gets_no_answer_is_sent_again_and_makes_one_job(
    settings: Settings, key: str, services: Services
) -> None:
    """The first answer is lost on its way: the job is there already when the second call comes."""
    with served(settings, key=key) as direct:
        where = httpx.URL(direct.base_url)
        with Gate(where.host, where.port or 0) as gate, Client(f"http://127.0.0.1:{gate.port}", key) as ours:
            gate.lose_answers(1)
            job = ours.submit(IMAGES)
        assert direct.get(f"/v1/jobs/{job.id}").status_code == 200
    assert services.upkeep.ready_count() == 1


def test_a_service_that_stays_away_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.PAUSES_S", (0.01, 0.01))
    with Client("http://127.0.0.1:1", "key") as ours, pytest.raises(Unreachable):
        ours.submit(IMAGES)
