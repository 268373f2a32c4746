"""Posting once: idempotency keys, the client's own ids, the same work; and canceling."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from service.job import JobState
from service.keys import create_key
from service.settings import Settings
from service.sweep import purge
from service.wiring import Services
from tests.api_calls import assert_problem, posted, spec
from tests.jobs import RESULT
from tests.served import served

pytestmark = pytest.mark.servers


def post(client: httpx.Client, key: str, **wish: Any) -> httpx.Response:
    return client.post("/v1/jobs", json=spec(**wish), headers={"Idempotency-Key": key})


def put(client: httpx.Client, job_id: str, **wish: Any) -> httpx.Response:
    return client.put(f"/v1/jobs/{job_id}", json=spec(**wish))


# Idempotency-Key


def test_fifty_parallel_posts_of_one_key_make_one_job_and_fifty_equal_answers(
    client: httpx.Client, services: Services
) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(client, "once"), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert services.upkeep.ready_count() == 1


def test_a_replayed_answer_says_so_and_stays_what_it_was(client: httpx.Client, services: Services, tenant: str) -> None:
    first = post(client, "k")
    services.jobs.cancel(tenant, first.json()["id"])
    again = post(client, "k")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]


def test_a_key_that_comes_with_another_spec_is_refused(client: httpx.Client) -> None:
    assert post(client, "k").status_code == 202
    assert_problem(post(client, "k", priority="high"), 422, "idempotency_key_reused")


def test_a_refused_request_uses_no_key_up(client: httpx.Client) -> None:
    assert_problem(post(client, "k", options={"size": 1}), 422, "invalid_spec", "/options/size")
    assert_problem(post(client, "k", run_timeout_s=80_000), 422, "invalid_spec", "/run_timeout_s")
    assert post(client, "k").status_code == 202


def test_a_call_that_died_half_way_is_ended_by_the_next_one(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    """The job's id was decided on; the job may or may not be there."""
    body = spec()
    first = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"}).json()["id"]
    [reply] = services._redis.keys(f"{services.settings.redis_prefix}reply:{tenant}:*")
    services._redis.hdel(reply, "answer")
    again = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == first
    assert services.upkeep.ready_count() == 1


def test_another_tenants_key_is_another_key(services: Services, client: httpx.Client, settings: Settings) -> None:
    mine = post(client, "k").json()["id"]
    with served(settings, key=create_key(services.keys, tenant="other", name="x")) as other:
        assert post(other, "k").json()["id"] != mine


@pytest.mark.parametrize("text", ["", "ä", "x" * 256, "a b"])
def test_what_is_no_idempotency_key_is_refused(client: httpx.Client, text: str) -> None:
    answer = client.post("/v1/jobs", json=spec(), headers={b"Idempotency-Key": text.encode()})
    assert_problem(answer, 422, "invalid_spec", "/Idempotency-Key")


# The client's own ids


def test_a_job_put_under_the_clients_id_is_made_once(client: httpx.Client, services: Services) -> None:
    job_id = str(uuid.uuid4())
    first, again = put(client, job_id), put(client, job_id)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"] == job_id
    assert first.headers["location"] == f"/v1/jobs/{job_id}"
    assert services.upkeep.ready_count() == 1


def test_an_id_with_another_spec_is_a_conflict(client: httpx.Client) -> None:
    job_id = str(uuid.uuid4())
    put(client, job_id)
    assert_problem(put(client, job_id, priority="low"), 409, "id_taken")


def test_an_id_that_is_no_uuid_is_named(client: httpx.Client) -> None:
    assert_problem(put(client, "mine"), 422, "invalid_spec", "/job_id")


# The same work


def test_the_same_work_is_answered_from_the_earlier_result_unless_one_opts_out(
    client: httpx.Client, services: Services
) -> None:
    posted(client)
    mine = services.claims.claim("w")
    assert mine is not None
    services.claims.commit(mine, [RESULT], {"device": "cpu"})
    again = posted(client)
    assert again.status_code == 202
    body = again.json()
    assert (body["status"], body["terminal"], body["report"]["cache"]) == (JobState.SUCCEEDED, True, "hit")
    assert body["outputs"][0]["sha256"] == RESULT.sha256
    assert "retry-after" not in again.headers
    assert posted(client, cache=False).json()["status"] == JobState.QUEUED
    assert posted(client, options={"seed": 1}).json()["status"] == JobState.QUEUED


def test_what_has_no_influence_on_the_picture_makes_no_other_work(client: httpx.Client, services: Services) -> None:
    posted(client)
    mine = services.claims.claim("w")
    assert mine is not None
    services.claims.commit(mine, [RESULT], {})
    for wish in ({"priority": "high"}, {"labels": {"a": "b"}}, {"retention_s": 60}, {"attempts_max": 1}):
        assert posted(client, **wish).json()["report"]["cache"] == "hit"


# Canceling


def test_canceling_a_queued_job_ends_it_and_again_changes_nothing(client: httpx.Client) -> None:
    job_id = posted(client).json()["id"]
    for _ in range(2):
        answer = client.post(f"/v1/jobs/{job_id}/cancel")
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["terminal"]) == (JobState.CANCELED, True)


def test_canceling_a_running_job_is_accepted_and_reported_while_it_stops(
    client: httpx.Client, services: Services
) -> None:
    links = posted(client).json()["links"]
    services.claims.claim("w")
    answer = client.post(links["cancel"])
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["terminal"]) == (JobState.CANCELING, False)
    assert "retry-after" in answer.headers
    assert client.get(links["self"]).json()["status"] == JobState.CANCELING


def test_a_job_that_is_not_there_can_not_be_canceled(client: httpx.Client) -> None:
    assert_problem(client.post(f"/v1/jobs/{uuid.uuid4()}/cancel"), 404, "not_found")


def test_a_job_whose_retention_is_over_is_gone(client: httpx.Client, services: Services, tenant: str) -> None:
    job_id = posted(client).json()["id"]
    services.jobs.cancel(tenant, job_id)
    prefix = services.settings.redis_prefix
    services._redis.hset(f"{prefix}job:{tenant}:{job_id}", "expires_ms", 1)
    services._redis.zadd(f"{prefix}expiring", {f"job:{tenant}:{job_id}": 1})
    purge(services)
    assert_problem(client.get(f"/v1/jobs/{job_id}"), 410, "gone")
    assert_problem(client.get(f"/v1/jobs/{job_id}/result"), 410, "gone")
    assert_problem(client.post(f"/v1/jobs/{job_id}/cancel"), 410, "gone")


# Deadlines


def test_the_resolved_spec_says_how_long_the_job_may_run(client: httpx.Client) -> None:
    assert posted(client).json()["spec"]["run_timeout_s"] == 3600
    assert posted(client, run_timeout_s=30).json()["spec"]["run_timeout_s"] == 30


# A full queue


def test_a_full_queue_puts_a_post_off_and_takes_work_that_is_done(
    settings: Settings, services: Services, key: str
) -> None:
    with served(settings.model_copy(update={"queue_max": 1}), key=key) as client:
        first = posted(client)
        full = posted(client, options={"seed": 1})
        assert_problem(full, 503, "queue_full")
        assert "retry-after" in full.headers
        assert post(client, "k", options={"seed": 1}).status_code == 503
        mine = services.claims.claim("w")
        assert mine is not None
        services.claims.commit(mine, [RESULT], {})
        assert posted(client, options={"seed": 1}).status_code == 202
        again = posted(client)
        assert (again.status_code, again.json()["terminal"]) == (202, True)
        assert again.json()["id"] != first.json()["id"]
