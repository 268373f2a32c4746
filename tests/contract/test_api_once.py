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
from tests.api_calls import assert_problem, inline, posted, spec
from tests.images import photograph_bytes
from tests.jobs import RESULT
from tests.receiver import answer, receiving
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


def test_a_job_put_again_is_found_although_its_pictures_are_no_longer_there(
    services: Services, settings: Settings, key: str, tenant: str
) -> None:
    """A client that got no answer sends the same again, however much later."""
    with (
        receiving(lambda _, send: send(answer(body=photograph_bytes()))) as site,
        served(settings.model_copy(update={"fetch_allow": ("127.0.0.1",)}), key=key) as client,
    ):
        wish = {"content": {"url": f"{site.url}/photo"}}
        job_id = str(uuid.uuid4())
        assert put(client, job_id, **wish).status_code == 202
        answered = post(client, "k", **wish)
        [reply] = services._redis.keys(f"{services.settings.redis_prefix}reply:{tenant}:*")
        services._redis.hdel(reply, "answer")
    with served(settings, key=key) as client:
        assert put(client, job_id, **wish).status_code == 200
        assert post(client, "k", **wish).json()["id"] == answered.json()["id"]
        assert_problem(put(client, job_id, **wish, priority="low"), 409, "id_taken")
        assert_problem(put(client, str(uuid.uuid4()), **wish), 422, "invalid_spec", "/content/url")


# Whatever else is made


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "died half-way"])
def test_retries_batches_and_styles_are_made_once_under_a_key(
    client: httpx.Client, services: Services, tenant: str, answered: bool
) -> None:
    old = posted(client).json()["id"]
    client.post(f"/v1/jobs/{old}/cancel")
    requests: dict[str, dict[str, Any]] = {
        f"/v1/jobs/{old}/retry": {},
        "/v1/batches": {"json": {"jobs": [{"custom_id": "a", **spec()}]}},
        "/v1/styles": {"json": {"name": "dusk", "image": inline()}},
    }
    for path, body in requests.items():
        once = {"Idempotency-Key": f"key of {path}".replace(" ", "-")}
        first = client.post(path, headers=once, **body)
        assert first.is_success, first.text
        if not answered:
            for reply in services._redis.keys(f"{services.settings.redis_prefix}reply:{tenant}:*"):
                services._redis.hdel(reply, "answer")
        again = client.post(path, headers=once, **body)
        assert (again.status_code, again.headers["location"]) == (first.status_code, first.headers["location"])
        assert again.headers.get("idempotency-replayed") == ("true" if answered else None)
        assert client.post(path, **body).headers["location"] != first.headers["location"]


def test_a_key_of_one_call_is_refused_for_another(client: httpx.Client) -> None:
    once = {"Idempotency-Key": "k"}
    old = client.post("/v1/jobs", json=spec(), headers=once).json()["id"]
    assert_problem(client.post(f"/v1/jobs/{old}/retry", headers=once), 422, "idempotency_key_reused")


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
