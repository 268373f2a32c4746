"""Batches: many jobs in one request, accepted together or not at all."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from service.job import JobState
from service.keys import create_key
from service.settings import Settings
from service.sweep import purge
from service.wiring import Services
from tests.api_calls import assert_problem, inline, spec
from tests.contract.test_retention import over
from tests.jobs import BROKEN, RESULT, claimed
from tests.served import served

pytestmark = pytest.mark.servers


def batch(client: httpx.Client, key: str | None = None, **wish: Any) -> httpx.Response:
    return client.post("/v1/batches", json=wish, headers={"Idempotency-Key": key} if key else {})


def product(contents: int = 2, styles: int = 2, **wish: Any) -> dict[str, Any]:
    return {"contents": [inline()] * contents, "styles": [{"image": inline()}] * styles, **wish}


def jobs(*custom_ids: str | None, **wish: Any) -> dict[str, Any]:
    return {"jobs": [spec(**wish) | ({"custom_id": name} if name else {}) for name in custom_ids]}


def pages(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Follow the links from page to page."""
    items: list[dict[str, Any]] = []
    answer = client.get(path)
    while True:
        items += answer.json()["items"]
        if "next" not in answer.links:
            assert answer.json()["next_cursor"] is None
            return items
        answer = client.get(answer.links["next"]["url"])


def test_every_photograph_is_painted_in_every_style(client: httpx.Client, services: Services, tenant: str) -> None:
    answer = batch(client, **product(2, 3, options={"size": 96}, labels={"shop": "a"}))
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert answer.headers["location"] == made["links"]["self"] == f"/v1/batches/{made['id']}"
    assert (made["total"], made["counts"]["queued"], made["terminal"]) == (6, 6, False)
    items = pages(client, made["links"]["items"])
    assert [item["custom_id"] for item in items] == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]
    first = items[0]["job"]
    assert (first["batch"], first["custom_id"], first["labels"]) == (made["id"], "0-0", {"shop": "a"})
    assert first["spec"]["options"]["size"] == 96
    assert services.upkeep.ready_count() == 6
    stored = {image.key for item in items for image in services.jobs.get(tenant, item["job_id"]).inputs}
    assert len(stored) == 1, "a picture that all name is taken in once"


def test_a_list_of_jobs_may_have_all_kinds_and_names(client: httpx.Client) -> None:
    texture = {"kind": "texture", "styles": [{"image": inline()}], "priority": "high"}
    made = batch(client, jobs=[spec(custom_id="a"), texture]).json()
    items = pages(client, made["links"]["items"])
    assert [(item["custom_id"], item["job"]["kind"]) for item in items] == [("a", "transfer"), ("1", "texture")]
    assert items[1]["job"]["spec"]["priority"] == "high"


@pytest.mark.parametrize(
    ("wish", "pointers"),
    [
        ({}, ["/jobs"]),
        ({"contents": [inline()]}, ["/styles"]),
        (product(40, 40), ["/contents"]),
        (product(1, 1, kind="texture"), ["/kind"]),
        (jobs("a", "a"), ["/jobs/0/custom_id", "/jobs/1/custom_id"]),
        (jobs("1", None), ["/jobs/0/custom_id", "/jobs/1/custom_id"]),
        (jobs("a") | {"preset": "fine"}, ["/preset"]),
        (jobs("a", "b", options={"size": 99_999}), ["/jobs/0/options/size", "/jobs/1/options/size"]),
        (product(1, 2, options={"style_layers": {"relu9_9": 1}}), ["/options/style_layers/relu9_9"]),
        (
            product(1, 0) | {"styles": [{"image": inline()}, {"image": {"upload_id": "a"}}]},
            ["/styles/1/image/upload_id"],
        ),
        (product(0, 1) | {"contents": [inline(), {"data": "no!"}]}, ["/contents/1/data"]),
        (product(1, 1) | {"jobs": [spec()]}, ["/contents", "/styles"]),
    ],
)
def test_what_is_wrong_with_any_job_is_named_and_none_is_accepted(
    client: httpx.Client, services: Services, wish: dict[str, Any], pointers: list[str]
) -> None:
    assert_problem(batch(client, **wish), 422, "invalid_spec", *pointers)
    assert services.upkeep.ready_count() == 0
    assert client.get("/v1/batches").json() == {"items": [], "next_cursor": None}


def test_a_body_that_is_no_json_is_refused(client: httpx.Client) -> None:
    assert_problem(client.post("/v1/batches", content=b"a=1"), 415, "unsupported_media_type")
    wrong = client.post("/v1/batches", content=b"{", headers={"Content-Type": "application/json"})
    assert_problem(wrong, 422, "invalid_spec", "")


def test_a_batch_is_terminal_when_its_last_job_is(client: httpx.Client, services: Services) -> None:
    made = batch(client, **jobs("a", "b", "c")).json()
    path = made["links"]["self"]
    client.post(f"/v1/jobs/{pages(client, made['links']['items'])[2]['job_id']}/cancel")
    assert services.claims.commit(claimed(services), [RESULT], {})
    running = claimed(services)
    at = client.get(path)
    assert at.headers["retry-after"]
    counts = {name: count for name, count in at.json()["counts"].items() if count}
    assert counts == {"succeeded": 1, "running": 1, "canceled": 1}
    assert (at.json()["terminal"], at.json()["finished_at"], at.json()["expires_at"]) == (False, None, None)
    assert services.claims.commit(running, [RESULT], {})
    at = client.get(path)
    assert "retry-after" not in at.headers
    assert at.json()["terminal"]
    assert at.json()["finished_at"] < at.json()["expires_at"]


def test_a_batch_of_work_that_was_done_before_is_terminal_at_once(client: httpx.Client, services: Services) -> None:
    batch(client, **product(1, 1))
    assert services.claims.commit(claimed(services), [RESULT], {})
    made = batch(client, **product(1, 1)).json()
    assert made["terminal"]
    assert made["counts"]["succeeded"] == 1


def test_canceling_a_batch_cancels_what_is_not_over(client: httpx.Client, services: Services) -> None:
    made = batch(client, **jobs("a", "b", "c")).json()
    running = claimed(services)
    answer = client.post(made["links"]["cancel"])
    assert answer.status_code == 202
    assert answer.json()["counts"]["canceled"] == 2
    services.claims.give_back(running, BROKEN)
    again = client.post(made["links"]["cancel"])
    assert again.status_code == 200
    assert (again.json()["terminal"], again.json()["counts"]["canceled"]) == (True, 3)


def test_a_repeated_post_under_a_key_is_one_batch(client: httpx.Client, services: Services) -> None:
    first, again = batch(client, "k", **product()), batch(client, "k", **product())
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert services.upkeep.ready_count() == 4
    assert_problem(batch(client, "k", **product(1, 1)), 422, "idempotency_key_reused")


def test_pages_of_jobs_made_in_the_same_millisecond_are_complete(client: httpx.Client) -> None:
    made = batch(client, **jobs(*[f"n{n}" for n in range(230)])).json()
    listed = pages(client, f"{made['links']['jobs']}&limit=100")
    assert sorted(job["custom_id"] for job in listed) == sorted(f"n{n}" for n in range(230))
    by_number = pages(client, f"{made['links']['items']}?limit=100")
    assert [item["custom_id"] for item in by_number] == [f"n{n}" for n in range(230)]


def test_batches_are_listed_newest_first(client: httpx.Client) -> None:
    made = [batch(client, **product(1, 1)).json()["id"] for _ in range(3)]
    assert [one["id"] for one in pages(client, "/v1/batches?limit=2")] == made[::-1]


def test_a_batch_that_would_fill_the_queue_is_put_off_as_a_whole(settings: Settings, key: str) -> None:
    with served(settings.model_copy(update={"queue_max": 3}), key=key) as client:
        assert batch(client, **product(1, 2)).status_code == 202
        assert_problem(full := batch(client, **product(1, 2)), 503, "queue_full")
        assert full.headers["retry-after"]
        assert len(client.get("/v1/jobs").json()["items"]) == 2


def test_a_batch_is_gone_when_its_retention_is_over_and_lists_jobs_that_are_gone_before(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    made = batch(client, **jobs("a", "b")).json()
    client.post(made["links"]["cancel"])
    first, second = pages(client, made["links"]["items"])
    client.delete(f"/v1/jobs/{first['job_id']}")
    items = pages(client, made["links"]["items"])
    assert [(item["custom_id"], item["job"] is None) for item in items] == [("a", True), ("b", False)]
    over(services, "batch", tenant, made["id"])
    purge(services)
    for path in (made["links"]["self"], made["links"]["items"]):
        assert_problem(client.get(path), 410, "gone")
    assert client.get("/v1/batches").json()["items"] == []
    assert services.jobs.get(tenant, second["job_id"]).state is JobState.CANCELED


def test_nobody_sees_or_stops_anothers_batch(client: httpx.Client, settings: Settings, services: Services) -> None:
    made = batch(client, **product(1, 1)).json()
    with served(settings, key=create_key(services.keys, tenant="stranger", name="x")) as stranger:
        for call, path in (("GET", "self"), ("GET", "items"), ("POST", "cancel")):
            assert_problem(stranger.request(call, made["links"][path]), 404, "not_found")
        assert stranger.get("/v1/batches").json()["items"] == []
        assert stranger.get(made["links"]["jobs"]).json()["items"] == []
    assert services.upkeep.ready_count() == 1


def test_an_unknown_page_is_refused(client: httpx.Client) -> None:
    made = batch(client, **product(1, 1)).json()
    assert_problem(client.get(f"{made['links']['items']}?cursor=x"), 422, "invalid_spec", "/cursor")
    assert_problem(client.get("/v1/batches?cursor=x"), 422, "invalid_spec", "/cursor")


def test_a_batch_names_styles_by_their_ids(client: httpx.Client) -> None:
    style = client.post("/v1/styles", json={"name": "dusk", "image": inline()}).json()["id"]
    made = batch(client, contents=[inline()] * 2, styles=[{"style_id": style}, {"image": inline()}])
    assert made.status_code == 202, made.text
    items = pages(client, made.json()["links"]["items"])
    assert [item["job"]["spec"]["styles"][0]["style_id"] for item in items] == [style, None] * 2


def test_an_unknown_style_of_a_batch_is_named_once(client: httpx.Client) -> None:
    refused = batch(client, contents=[inline()] * 2, styles=[{"image": inline()}, {"style_id": "0-0"}])
    assert_problem(refused, 422, "invalid_spec", "/styles/1/style_id")
