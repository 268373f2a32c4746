"""The API over real stores: a job followed by server-sent events, and answers that are held until it has ended."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any

import httpx
import pytest

from service.job import Job, JobState
from service.wiring import Services
from tests.api_calls import assert_problem, posted, spec
from tests.jobs import BROKEN, RESULT, claimed

pytestmark = pytest.mark.servers


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Read a stream by the rules of the HTML standard, as far as we use them."""
    event: dict[str, Any] = {}
    for line in lines:
        if line == "" and "event" in event:
            yield event | {"data": json.loads(event["data"])}
            event = {}
        elif not line.startswith(":") and line:
            name, _, value = line.partition(": ")
            event[name] = value


@contextmanager
def followed(client: httpx.Client, job_id: str, last: str | None = None) -> Iterator[Iterator[dict[str, Any]]]:
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.iter_lines())


def finish(services: Services, mine: Job) -> None:
    assert services.claims.commit(mine, [RESULT], {"device": "cpu"})


@contextmanager
def meanwhile(what: Callable[[], object]) -> Iterator[None]:
    """Do something while the test waits for what comes of it."""
    with ThreadPoolExecutor(1) as aside:
        doing = aside.submit(what)
        yield
        doing.result()


def finish_the_next(services: Services) -> None:
    """Finish the next job, once it is there and its answer has been held for a moment."""
    patience = time.monotonic() + 25
    while (mine := services.claims.claim("w")) is None:
        assert time.monotonic() < patience, "no job came"
        time.sleep(0.05)
    time.sleep(0.5)
    finish(services, mine)


def cancel_in_a_moment(services: Services, tenant: str, job_id: str) -> None:
    time.sleep(0.5)
    services.jobs.cancel(tenant, job_id)


# Events


def test_a_job_is_followed_from_its_queue_to_its_end(client: httpx.Client, services: Services) -> None:
    job_id = posted(client).json()["id"]
    with followed(client, job_id) as happening:
        assert next(happening)["data"] == {"status": "queued"}
        mine = claimed(services)
        assert next(happening)["data"] == {"status": "running"}
        services.claims.renew(mine, {"fraction": 0.5, "phase": "paint"})
        progress = next(happening)
        assert (progress["event"], progress["data"]) == ("progress", {"fraction": 0.5, "phase": "paint"})
        finish(services, mine)
        assert next(happening)["data"] == {"status": "succeeded"}
        end = next(happening)
        assert (end["event"], end["data"]["id"], end["data"]["terminal"]) == ("end", job_id, True)
        assert end["data"]["outputs"][0]["url"].startswith("http")
        assert list(happening) == []


def test_an_attempt_that_failed_and_is_followed_by_another_says_why(client: httpx.Client, services: Services) -> None:
    job_id = posted(client).json()["id"]
    services.claims.give_back(claimed(services), BROKEN)
    finish(services, claimed(services))
    with followed(client, job_id) as happening:
        heard = list(happening)
    assert [event["event"] for event in heard] == ["state", "state", "log", "state", "state", "state", "end"]
    assert heard[2]["data"] == {
        "code": BROKEN.code, "title": BROKEN.title, "detail": BROKEN.detail, "retryable": True, "attempt": 1,
    }  # fmt: skip


def test_who_comes_late_hears_what_has_happened_and_the_end(client: httpx.Client, services: Services) -> None:
    job_id = posted(client).json()["id"]
    finish(services, claimed(services))
    with followed(client, job_id) as happening:
        heard = list(happening)
    assert [event["event"] for event in heard] == ["state", "state", "state", "end"]


def test_who_comes_back_goes_on_after_his_last_event(client: httpx.Client, services: Services) -> None:
    job_id = posted(client).json()["id"]
    with followed(client, job_id) as happening:
        last = next(happening)["id"]
    mine = claimed(services)
    with followed(client, job_id, last) as happening:
        assert next(happening)["data"] == {"status": "running"}
    finish(services, mine)
    with followed(client, job_id, "no id of ours") as happening:
        assert next(happening)["data"] == {"status": "queued"}


def test_a_job_whose_events_are_forgotten_still_has_an_end(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    job_id = posted(client).json()["id"]
    services.jobs.cancel(tenant, job_id)
    services._redis.delete(f"{services.settings.redis_prefix}events:{tenant}:{job_id}")
    with followed(client, job_id) as happening:
        begin, end = list(happening)
    assert begin["data"] == {"status": "canceled"}
    assert (end["event"], end["data"]["status"]) == ("end", "canceled")


def test_every_move_is_told(client: httpx.Client, services: Services, tenant: str) -> None:
    job_id = posted(client).json()["id"]
    services.claims.give_back(claimed(services), BROKEN)
    mine = claimed(services)
    services.jobs.cancel(tenant, job_id)
    services.claims.give_back(mine, BROKEN)
    with followed(client, job_id) as happening:
        told = [event["data"]["status"] for event in happening if event["event"] == "state"]
    assert told == ["queued", "running", "queued", "running", "canceling", "canceled"]


def test_a_stream_of_a_job_that_is_deleted_ends(client: httpx.Client) -> None:
    job_id = posted(client).json()["id"]
    with followed(client, job_id) as happening:
        next(happening)
        client.delete(f"/v1/jobs/{job_id}")
        assert all(event["event"] == "state" for event in happening)
    assert_problem(client.get(f"/v1/jobs/{job_id}/events"), 410, "gone")


def test_a_job_that_is_not_there_has_a_problem_and_no_stream(client: httpx.Client) -> None:
    assert_problem(client.get(f"/v1/jobs/{uuid.uuid4()}/events"), 404, "not_found")


def test_hundreds_may_listen_at_once_and_hold_no_thread(client: httpx.Client, services: Services) -> None:
    """More than the threads that the server has for its work: another call must still be answered at once."""
    job_id = posted(client).json()["id"]
    limits = httpx.Limits(max_connections=200)
    with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=30, limits=limits) as many:
        streams = [followed(many, job_id) for _ in range(120)]
        listening = [stream.__enter__() for stream in streams]
        assert all(next(happening)["data"] == {"status": "queued"} for happening in listening)
        before = threading.active_count()
        asked = time.monotonic()
        assert client.get(f"/v1/jobs/{job_id}").status_code == 200
        assert time.monotonic() - asked < 5
        assert before < 100
        finish(services, claimed(services))
        assert all([event["event"] for event in happening][-1] == "end" for happening in listening)
        for stream in streams:
            stream.__exit__(None, None, None)


def test_a_preview_is_told_of_and_can_be_looked_at_while_it_is_painted(
    client: httpx.Client, services: Services
) -> None:
    job_id = posted(client).json()["id"]
    assert_problem(client.get(f"/v1/jobs/{job_id}/preview"), 409, "no_result")
    mine = claimed(services)
    key = f"{mine.attempt_prefix}preview.webp"
    services.blobs.put(key, b"so far", content_type="image/webp")
    services.claims.renew(mine, preview=key)
    with followed(client, job_id) as happening:
        [told] = [event for event in islice(happening, 3) if event["event"] == "preview"]
    assert httpx.get(told["data"]["url"]).content == b"so far"
    answer = client.get(f"/v1/jobs/{job_id}/preview")
    assert answer.status_code == 302
    assert httpx.get(answer.headers["location"]).headers["content-type"] == "image/webp"
    finish(services, mine)
    assert_problem(client.get(f"/v1/jobs/{job_id}/preview"), 409, "no_result")


# Held answers


def test_a_post_is_held_until_the_job_has_ended(client: httpx.Client, services: Services) -> None:
    with meanwhile(lambda: finish_the_next(services)):
        answer = client.post("/v1/jobs", json=spec(), headers=_waiting(30))
    assert (answer.status_code, answer.json()["status"]) == (202, "succeeded")
    assert answer.headers["preference-applied"] == "wait=30"
    assert "retry-after" not in answer.headers


def test_a_get_is_held_no_longer_than_was_asked_for(client: httpx.Client) -> None:
    job_id = posted(client).json()["id"]
    asked = time.monotonic()
    answer = client.get(f"/v1/jobs/{job_id}", headers={"Prefer": "respond-async, wait=1"})
    assert 0.9 < time.monotonic() - asked < 10
    assert answer.json()["status"] == JobState.QUEUED
    assert answer.headers["preference-applied"] == "wait=1"


def test_a_get_that_is_held_answers_as_soon_as_the_job_has_ended(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    job_id = posted(client).json()["id"]
    asked = time.monotonic()
    with meanwhile(lambda: cancel_in_a_moment(services, tenant, job_id)):
        answer = client.get(f"/v1/jobs/{job_id}", headers=_waiting(60))
    assert answer.json()["status"] == JobState.CANCELED
    assert time.monotonic() - asked < 10


def test_a_put_is_held_too(client: httpx.Client, services: Services) -> None:
    job_id = str(uuid.uuid4())
    with meanwhile(lambda: finish_the_next(services)):
        answer = client.put(f"/v1/jobs/{job_id}", json=spec(), headers=_waiting(30))
    assert answer.json()["status"] == "succeeded"


def test_a_preference_that_is_none_is_not_heeded(client: httpx.Client) -> None:
    job_id = posted(client).json()["id"]
    for prefer in ("wait", "wait=", "wait=soon", "wait=-1", "awaiting=5", "wait=0"):
        assert "preference-applied" not in client.get(f"/v1/jobs/{job_id}", headers={"Prefer": prefer}).headers


def _waiting(seconds: int) -> dict[str, str]:
    return {"Prefer": f"wait={seconds}"}


def test_who_begins_late_to_follow_is_told_how_it_stands_and_not_how_it_began(
    client: httpx.Client, services: Services
) -> None:
    job_id = posted(client).json()["id"]
    mine = claimed(services)
    for step in range(700):  # the oldest events are no longer known
        services.claims.renew(mine, {"fraction": step / 700, "phase": "paint"})
    with followed(client, job_id) as happening:
        first = next(happening)
        assert (first["event"], first["data"]) == ("state", {"status": "running"})
        assert next(happening)["event"] == "progress"
