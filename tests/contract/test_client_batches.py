"""Both Python clients: batches and estimates."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.client import ApiProblem, Client
from service.job import JobState
from tests.clients import KINDS, opened
from tests.images import photograph_bytes

pytestmark = pytest.mark.servers

IMAGES = {"/content": photograph_bytes(), "/styles/0/image": photograph_bytes(80, 80)}


@pytest.fixture(params=KINDS)
def ours(client: httpx.Client, key: str, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Our own client of the API that `client` talks to."""
    with opened(request.param, str(client.base_url), key) as ours:
        yield ours


def test_a_batch_is_posted_once_looked_through_and_canceled(ours: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.following.PAGE", 2)
    content, style = ({"upload_id": ours.uploads.create(image).id} for image in IMAGES.values())
    wanted = {"contents": [content, content, content], "styles": [{"image": style}], "options": {"size": 96}}
    batch = ours.submit_batch(wanted, idempotency_key="order-7")
    assert ours.submit_batch(wanted, idempotency_key="order-7").id == batch.id
    assert (batch.total, batch.terminal, ours.get_batch(batch.id).counts["queued"]) == (3, False, 3)
    items = list(ours.batch_items(batch.id))
    assert [item.custom_id for item in items] == ["0-0", "1-0", "2-0"]
    assert sorted(job.id for job in ours.jobs(batch=batch.id)) == sorted(item.job_id for item in items)
    assert ours.cancel_batch(batch.id).terminal
    assert {item.job.status for item in ours.batch_items(batch.id) if item.job} == {JobState.CANCELED}


def test_a_batch_that_is_refused_names_the_field(ours: Client) -> None:
    with pytest.raises(ApiProblem, match="/jobs"):
        ours.submit_batch({})


def test_an_estimate_makes_no_job(ours: Client) -> None:
    estimate = ours.estimate(IMAGES, {"options": {"size": 64, "iterations": 3}})
    assert (estimate.size.width, estimate.size.height, estimate.iterations) == (64, 43, 3)
    assert list(ours.jobs()) == []
