"""The API over real stores: lists of jobs, painting again, deleting."""

from __future__ import annotations

import urllib.parse
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from service.errors import Gone
from service.job import JobState
from service.keys import create_key
from service.settings import Settings
from service.sweep import purge
from service.wiring import Services
from tests.api_calls import assert_problem, posted
from tests.jobs import BROKEN, RESULT, claimed
from tests.served import served

pytestmark = pytest.mark.servers


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def listed(client: httpx.Client, **query: Any) -> list[str]:
    return ids(client.get("/v1/jobs", params=query))


def made(client: httpx.Client, **wish: Any) -> str:
    return str(posted(client, cache=False, **wish).json()["id"])


# Lists


def test_jobs_are_listed_newest_first(client: httpx.Client) -> None:
    jobs = [made(client) for _ in range(3)]
    assert listed(client) == jobs[::-1]


def test_a_list_has_nothing_of_other_tenants(client: httpx.Client, settings: Settings, services: Services) -> None:
    made(client)
    with served(settings, key=create_key(services.keys, tenant="other", name="x")) as other:
        assert listed(other) == []


def test_pages_follow_each_other_and_what_comes_meanwhile_shifts_none(client: httpx.Client) -> None:
    jobs = [made(client) for _ in range(5)]
    first = client.get("/v1/jobs", params={"limit": 2})
    made(client)
    second = client.get("/v1/jobs", params={"limit": 2, "cursor": first.json()["next_cursor"]})
    third = client.get("/v1/jobs", params={"limit": 2, "cursor": second.json()["next_cursor"]})
    assert ids(first) + ids(second) + ids(third) == jobs[::-1]
    assert third.json()["next_cursor"] is None
    assert "link" not in third.headers


def test_the_link_header_leads_to_the_next_page_of_the_same_list(client: httpx.Client) -> None:
    jobs = [made(client, labels={"album": "Nørrebro & more"}) for _ in range(3)]
    made(client)
    first = client.get("/v1/jobs", params={"limit": 2, "label": "album=Nørrebro & more"})
    link = first.headers["link"]
    assert link.endswith('>; rel="next"')
    assert ids(first) + ids(client.get(link[1 : link.index(">")])) == jobs[::-1]


def test_a_page_that_is_exactly_full_is_the_last_where_nothing_follows(client: httpx.Client) -> None:
    jobs = [made(client) for _ in range(2)]
    answer = client.get("/v1/jobs", params={"limit": 2})
    assert ids(answer) == jobs[::-1]
    assert answer.json()["next_cursor"] is None


def test_jobs_are_found_by_their_state_through_every_move(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    job = made(client)

    def states() -> list[str]:
        return [state for state in JobState if job in listed(client, status=state)]

    assert states() == ["queued"]
    mine = claimed(services)
    assert states() == ["running"]
    services.jobs.cancel(tenant, job)
    assert states() == ["canceling"]
    services.claims.commit(mine, [RESULT], {})
    assert states() == ["canceling"]


def test_jobs_are_found_by_all_their_labels(client: httpx.Client) -> None:
    both = made(client, labels={"a": "1", "b": "2"})
    one = made(client, labels={"a": "1"})
    assert listed(client, label="a=1") == [one, both]
    assert listed(client, label=["a=1", "b=2"]) == [both]
    assert listed(client, label="a=2") == []


def test_jobs_are_found_by_their_time(client: httpx.Client) -> None:
    made(client)
    created = datetime.fromisoformat(client.get(f"/v1/jobs/{made(client)}").json()["created_at"])
    later = made(client)
    assert listed(client, created_after=created.isoformat())[0] == later
    assert later in listed(client, created_after=(created - timedelta(seconds=5)).isoformat())
    assert listed(client, created_after=(datetime.now(UTC) + timedelta(days=1)).isoformat()) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": 0}, "/limit"),
        ({"limit": 101}, "/limit"),
        ({"status": "done"}, "/status"),
        ({"created_after": "yesterday"}, "/created_after"),
        ({"label": "a"}, "/label/0"),
        ({"cursor": "x"}, "/cursor"),
        ({"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS5h"}, "/cursor"),
        ({"cursor": "ä€"}, "/cursor"),
    ],
)
def test_a_query_that_makes_no_sense_is_named(client: httpx.Client, query: dict[str, Any], pointer: str) -> None:
    assert_problem(client.get("/v1/jobs", params=query), 422, "invalid_spec", pointer)


def test_a_list_of_many_jobs_of_one_moment_is_complete(client: httpx.Client, services: Services, tenant: str) -> None:
    """Made in the same millisecond: then their ids decide."""
    jobs = [made(client) for _ in range(7)]
    name = f"{services.settings.redis_prefix}jobs:{tenant}"
    services._redis.zadd(name, dict.fromkeys(jobs, 1_800_000_000_000))
    for job in jobs:
        services._redis.hset(f"{services.settings.redis_prefix}job:{tenant}:{job}", "created_ms", 1_800_000_000_000)
    seen, cursor = list[str](), None
    while True:
        page = client.get("/v1/jobs", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += ids(page)
        if (cursor := page.json()["next_cursor"]) is None:
            break
    assert sorted(seen) == sorted(jobs)


def test_a_job_that_can_not_be_read_hides_no_other(client: httpx.Client, services: Services, tenant: str) -> None:
    strange, plain = made(client), made(client)
    services._redis.hset(f"{services.settings.redis_prefix}job:{tenant}:{strange}", "spec", "{}")
    assert listed(client) == [plain]


# Again


def test_painting_again_makes_a_new_job_with_the_same_spec_and_pictures(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    old = made(client, labels={"a": "1"}, options={"size": 128})
    mine = claimed(services)
    services.claims.commit(mine, [RESULT], {})
    answer = client.post(f"/v1/jobs/{old}/retry")
    assert answer.status_code == 202
    new = answer.json()
    assert new["id"] != old
    assert answer.headers["location"] == f"/v1/jobs/{new['id']}"
    assert new["status"] == JobState.QUEUED
    assert new["spec"] == client.get(f"/v1/jobs/{old}").json()["spec"]
    assert services.jobs.get(tenant, new["id"]).inputs == mine.inputs


def test_what_is_not_there_can_not_be_painted_again(client: httpx.Client) -> None:
    assert_problem(client.post(f"/v1/jobs/{uuid.uuid4()}/retry"), 404, "not_found")


# Deleting


def test_a_deleted_job_is_gone_with_its_result_and_its_pictures(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    job = made(client, labels={"a": "1"})
    mine = claimed(services)
    services.blobs.put(f"{mine.attempt_prefix}result.png", b"x", content_type="image/png")
    services.claims.commit(mine, [RESULT], {})
    answer = client.delete(f"/v1/jobs/{job}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(client.get(f"/v1/jobs/{job}"), 410, "gone")
    assert_problem(client.delete(f"/v1/jobs/{job}"), 410, "gone")
    assert listed(client) == listed(client, label="a=1") == listed(client, status="succeeded") == []
    assert services.blobs.keys(f"{tenant}/jobs/") == []
    assert len(services.blobs.keys(f"{tenant}/inputs/")) == 1  # the uploads within the spec hold it still


def test_deleting_a_queued_job_cancels_it(client: httpx.Client, services: Services) -> None:
    job = made(client)
    assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert services.claims.claim("w") is None
    assert_problem(client.get(f"/v1/jobs/{job}"), 410, "gone")


def test_deleting_a_running_job_stops_it_first(client: httpx.Client, services: Services, tenant: str) -> None:
    job = made(client)
    mine = claimed(services)
    assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert client.get(f"/v1/jobs/{job}").json()["status"] == JobState.CANCELING
    assert not services.claims.commit(mine, [RESULT], {})
    lost = services.claims.give_back(mine, BROKEN)
    assert lost is JobState.CANCELED
    assert purge(services) == 1
    with pytest.raises(Gone):
        services.jobs.get(tenant, job)


def test_deleting_what_is_not_there_says_so(client: httpx.Client) -> None:
    assert_problem(client.delete(f"/v1/jobs/{uuid.uuid4()}"), 404, "not_found")


def test_reading_needs_its_scope_and_so_does_deleting(settings: Settings, services: Services, tenant: str) -> None:
    reader = create_key(services.keys, tenant=tenant, name="r", scopes=["jobs:read"])
    with served(settings, key=reader) as client:
        assert listed(client) == []
        for call in ("retry", "cancel"):
            assert_problem(client.post(f"/v1/jobs/x/{call}"), 403, "forbidden")
        assert_problem(client.delete("/v1/jobs/x"), 403, "forbidden")
        assert_problem(client.put(f"/v1/jobs/{uuid.uuid4()}", json={}), 403, "forbidden")


def test_a_cursor_survives_a_url(client: httpx.Client) -> None:
    for _ in range(3):
        made(client)
    cursor = client.get("/v1/jobs", params={"limit": 1}).json()["next_cursor"]
    assert urllib.parse.quote(cursor, safe="=") == cursor
