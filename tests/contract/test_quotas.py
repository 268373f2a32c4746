"""What a key may ask for: requests, open jobs, bytes; and how long it works."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from service.errors import RateLimited, Unauthorized
from service.keys import authenticate, create_key, rotate_key
from service.settings import Settings
from service.stores.key_store import Limits
from service.wiring import Services
from tests.api_calls import assert_problem, inline, posted
from tests.jobs import BROKEN, RESULT, claimed
from tests.served import served

pytestmark = pytest.mark.servers

SLOW = 6
"""Requests a minute: none comes back while a test runs."""


def key_id(key: str) -> str:
    return key.split("_")[1]


def limited(services: Services, tenant: str, **limits: int) -> str:
    return create_key(services.keys, tenant=tenant, name="limited", limits=Limits(**limits))


def test_exactly_the_burst_passes_however_many_ask_at_once(services: Services, tenant: str) -> None:
    key = limited(services, tenant, requests_per_minute=SLOW, burst=25)

    def ask(_: int) -> bool:
        try:
            authenticate(services.keys, key, scope="jobs:read")
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(ask, range(100))) == 25


def test_the_allowance_comes_back_with_time(services: Services, tenant: str) -> None:
    key = limited(services, tenant, requests_per_minute=600, burst=1)
    authenticate(services.keys, key, scope="jobs:read")
    with pytest.raises(RateLimited) as refused:
        authenticate(services.keys, key, scope="jobs:read")
    assert refused.value.retry_after_s == 1
    deadline = time.monotonic() + 10
    while True:
        try:
            authenticate(services.keys, key, scope="jobs:read")
            break
        except RateLimited:
            assert time.monotonic() < deadline


def test_every_answer_says_what_is_left(services: Services, settings: Settings, tenant: str) -> None:
    key = limited(services, tenant, requests_per_minute=SLOW, burst=3)
    with served(settings, key=key) as client:
        for left in (2, 1, 0):
            said = client.get("/v1/jobs/none" if left else "/v1/capabilities")
            assert said.headers["ratelimit-policy"] == '"requests";q=3;w=30'
            assert re.fullmatch(rf'"requests";r={left};t=\d+', said.headers["ratelimit"])
        refused = client.get("/v1/capabilities")
        assert_problem(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
        assert "ratelimit" not in client.get("/livez").headers


def test_a_key_may_be_limited_by_hardly_anything(services: Services, tenant: str) -> None:
    key = limited(services, tenant, requests_per_minute=10**9, burst=10**9, bytes_per_day=10**15)
    for _ in range(3):
        authenticate(services.keys, key, scope="jobs:read")


def test_who_does_not_know_the_secret_uses_nothing_up(services: Services, settings: Settings, tenant: str) -> None:
    key = limited(services, tenant, requests_per_minute=SLOW, burst=1)
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    with served(settings, key=wrong) as stranger:
        assert_problem(stranger.get("/v1/jobs"), 401, "unauthorized")
    authenticate(services.keys, key, scope="jobs:read")


def succeed(services: Services, _: str) -> None:
    services.claims.commit(claimed(services), [RESULT], {})


def fail(services: Services, _: str) -> None:
    services.claims.give_back(claimed(services), BROKEN)


def cancel(services: Services, job_id: str) -> None:
    services.jobs.cancel("acme", job_id)


def forget(services: Services, job_id: str) -> None:
    services.jobs.forget("acme", job_id)


def expire(services: Services, job_id: str) -> None:
    services._redis.zadd(f"{services.settings.redis_prefix}deadlines", {f"acme:{job_id}": 1})
    services.upkeep.expire_starts()


@pytest.mark.parametrize("end", [succeed, fail, cancel, forget, expire])
def test_a_job_counts_until_it_has_ended_however_it_ends(
    services: Services, settings: Settings, end: Callable[[Services, str], None]
) -> None:
    key = limited(services, "acme", jobs_in_flight=1)
    wish: dict[str, Any] = {"cache": False, "attempts_max": 1, "start_deadline_s": 600}
    with served(settings, key=key) as client:
        first = posted(client, **wish).json()
        refused = posted(client, **wish)
        assert_problem(refused, 429, "too_many_jobs")
        assert int(refused.headers["retry-after"]) > 0
        end(services, first["id"])
        assert posted(client, **wish).status_code == 202


def test_a_batch_counts_all_of_its_jobs_and_a_repeated_post_counts_once(
    services: Services, settings: Settings, tenant: str
) -> None:
    key = limited(services, tenant, jobs_in_flight=3)
    batch = {"contents": [inline()], "styles": [{"image": inline()}] * 2}
    with served(settings, key=key) as client:
        for _ in range(3):
            made = client.post("/v1/batches", json=batch, headers={"Idempotency-Key": "k"})
            assert made.status_code == 202
        assert_problem(client.post("/v1/batches", json=batch), 429, "too_many_jobs")
        assert posted(client).status_code == 202
        assert_problem(posted(client, priority="high"), 429, "too_many_jobs")
    assert services.upkeep.ready_count() == 3


def test_a_key_brings_so_many_bytes_a_day(services: Services, settings: Settings, tenant: str) -> None:
    key = limited(services, tenant, bytes_per_day=20_000)
    with served(settings, key=key) as client:
        codes = [posted(client).status_code for _ in range(40)]
        assert codes[0] == 202
        refused = posted(client)
        assert_problem(refused, 429, "too_many_bytes")
        assert 80_000 < int(refused.headers["retry-after"]) <= 86_400
        assert client.get("/v1/jobs").status_code == 200, "what brings nothing is answered"


def test_a_body_that_does_not_say_its_length_counts_as_the_largest(
    services: Services, settings: Settings, tenant: str
) -> None:
    key = limited(services, tenant, bytes_per_day=settings.upload_max_bytes - 1)
    with served(settings, key=key) as client:
        chunked = client.post("/v1/jobs", content=iter([b"{}"]), headers={"Content-Type": "application/json"})
        assert_problem(chunked, 429, "too_many_bytes")


def test_a_rotated_key_works_with_both_secrets_for_a_while(services: Services, tenant: str) -> None:
    old = create_key(services.keys, tenant=tenant, name="k")
    new = rotate_key(services.keys, key_id(old), overlap_hours=1)
    for key in (old, new):
        assert authenticate(services.keys, key, scope="jobs:read").id == key_id(old)
    newest = rotate_key(services.keys, key_id(old), overlap_hours=0)
    for key in (old, new):
        with pytest.raises(Unauthorized):
            authenticate(services.keys, key, scope="jobs:read")
    authenticate(services.keys, newest, scope="jobs:read")


def test_a_key_ends_when_it_was_said_to(services: Services, tenant: str) -> None:
    soon = round(time.time() * 1000) + 300
    key = create_key(services.keys, tenant=tenant, name="k", expires_ms=soon)
    authenticate(services.keys, key, scope="jobs:read")
    deadline = time.monotonic() + 10
    while services.keys.get(key_id(key)) is not None:
        assert time.monotonic() < deadline
    with pytest.raises(Unauthorized):
        authenticate(services.keys, key, scope="jobs:read")
    assert services.keys.all() == []


def test_the_last_use_is_noted_and_a_key_of_an_earlier_version_works(services: Services, tenant: str) -> None:
    key = create_key(services.keys, tenant=tenant, name="k")
    assert services.keys.all()[0].used_ms is None
    authenticate(services.keys, key, scope="jobs:read")
    used = services.keys.all()[0].used_ms
    assert used is not None
    authenticate(services.keys, key, scope="jobs:read")
    assert services.keys.all()[0].used_ms == used


# Keys over HTTP


@pytest.fixture
def boss(services: Services, settings: Settings, tenant: str) -> Any:
    """A client with a key that may do everything in its tenant."""
    with served(settings, key=create_key(services.keys, tenant=tenant, name="boss", scopes=["admin"])) as client:
        yield client


def test_an_admin_makes_lists_rotates_and_revokes_keys_of_its_tenant(
    boss: httpx.Client, services: Services, tenant: str
) -> None:
    wish = {"name": "shop", "scopes": ["jobs:read"], "limits": {"burst": 5}, "expires_at": "2999-01-01T00:00:00Z"}
    made = boss.post("/v1/keys", json=wish)
    assert made.status_code == 201, made.text
    record = authenticate(services.keys, made.json()["key"], scope="jobs:read")
    assert (record.tenant, record.limits.burst) == (tenant, 5)
    listed = {one["name"]: one for one in boss.get("/v1/keys").json()["items"]}
    assert set(listed) == {"boss", "shop"}
    assert listed["shop"]["expires_at"] == "2999-01-01T00:00:00Z"
    rotated = boss.post(f"/v1/keys/{record.id}/rotate").json()["key"]
    authenticate(services.keys, rotated, scope="jobs:read")
    assert boss.delete(f"/v1/keys/{record.id}").status_code == 204
    with pytest.raises(Unauthorized):
        authenticate(services.keys, rotated, scope="jobs:read")


def test_a_key_does_not_revoke_itself(boss: httpx.Client) -> None:
    [own] = boss.get("/v1/keys").json()["items"]
    assert_problem(boss.delete(f"/v1/keys/{own['id']}"), 409, "own_key")
    assert boss.get("/v1/keys").status_code == 200


def test_no_answer_but_the_first_holds_a_key(boss: httpx.Client) -> None:
    made = boss.post("/v1/keys", json={"name": "shop"}).json()
    secret = made["key"].split("_", 2)[2]
    assert secret not in boss.get("/v1/keys").text


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["root"]}, "/scopes/0"),
        ({"limits": {"burst": 0}}, "/limits/burst"),
        ({"tenant": "other"}, "/tenant"),
        ({"expires_at": "soon"}, "/expires_at"),
    ],
)
def test_a_key_that_can_not_be_made_is_named(boss: httpx.Client, wish: dict[str, Any], pointer: str) -> None:
    assert_problem(boss.post("/v1/keys", json={"name": "k", **wish}), 422, "invalid_spec", pointer)


def test_only_admins_touch_keys_and_only_their_own(
    boss: httpx.Client, client: httpx.Client, services: Services
) -> None:
    foreign = key_id(create_key(services.keys, tenant="stranger", name="x"))
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", f"/{foreign}"), ("POST", f"/{foreign}/rotate")):
        assert_problem(client.request(method, f"/v1/keys{path}", json={"name": "k"}), 403, "forbidden")
    assert_problem(boss.delete(f"/v1/keys/{foreign}"), 404, "not_found")
    assert_problem(boss.post(f"/v1/keys/{foreign}/rotate"), 404, "not_found")
    assert services.keys.get(foreign) is not None
    assert "stranger" not in boss.get("/v1/keys").text
