"""The watch port: `/livez`, `/readyz` and `/metrics` of every process."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry

from service.backlog import BacklogCollector
from service.errors import JobStoreUnavailable, SetupError
from service.job import JobState
from service.keep import RINGS_MAX, keep_once
from service.settings import Settings
from service.watch import watched
from service.wiring import Services, open_services
from tests.api_calls import posted
from tests.clients import finished
from tests.jobs import BROKEN, RESULT, claimed, submitted, uploaded
from tests.served import served
from tests.watching import samples, value, watching

pytestmark = pytest.mark.servers


@pytest.fixture
def keeper(settings: Settings, services: Services) -> Iterator[str]:
    """What a keeper shows."""
    registry = services.metrics.registry
    registry.register(BacklogCollector(services))
    with watching(settings, registry) as url:
        yield url


def test_a_process_is_alive_and_ready_while_all_checks_hold(settings: Settings) -> None:
    wrong: list[str] = []

    def check() -> str | None:
        return wrong[0] if wrong else None

    with watching(settings, CollectorRegistry(), live={"loop": check}, ready={"device": lambda: None}) as url:
        assert [httpx.get(f"{url}/{path}").status_code for path in ("livez", "readyz")] == [200, 200]
        wrong.append("it stands still")
        refused = httpx.get(f"{url}/livez")
        assert (refused.status_code, refused.json()["why"]) == (503, {"loop": "it stands still"})
        assert httpx.get(f"{url}/readyz").json()["why"] == {"loop": "it stands still"}
        assert httpx.get(f"{url}/secrets").status_code == 404


def test_an_error_of_the_house_is_what_is_wrong(settings: Settings) -> None:
    def away() -> str | None:
        raise JobStoreUnavailable("Redis: ConnectionError")

    with watching(settings, CollectorRegistry(), ready={"redis": away}) as url:
        assert httpx.get(f"{url}/livez").status_code == 200
        assert "Redis: ConnectionError" in httpx.get(f"{url}/readyz").json()["why"]["redis"]


def test_without_a_port_nobody_is_answered_and_a_port_that_is_taken_is_named(settings: Settings) -> None:
    with watched(settings, CollectorRegistry(), live={}, ready={}) as port:
        assert port is None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = settings.model_copy(update={"watch_port": taken.getsockname()[1]})
        with (
            pytest.raises(SetupError, match="IMPASTO_WATCH_PORT"),
            watched(own, CollectorRegistry(), live={}, ready={}),
        ):
            pass


def test_every_change_of_state_is_counted_once_over_all_processes(keeper: str, services: Services, tenant: str) -> None:
    jobs = [submitted(services, tenant) for _ in range(3)]
    services.jobs.cancel(tenant, jobs[2].id)
    mine = claimed(services)
    assert services.claims.commit(mine, [RESULT], {})
    assert services.claims.commit(mine, [RESULT], {}), "sent again, its answer being lost"
    assert services.claims.give_back(claimed(services), BROKEN) is JobState.QUEUED
    found = samples(keeper)
    moves = {
        (dict(labels)["from"], dict(labels)["to"]): count
        for (name, labels), count in found.items()
        if name == "impasto_job_transitions_total" and count
    }
    assert moves == {
        ("", "queued"): 3,
        ("queued", "running"): 2,
        ("queued", "canceled"): 1,
        ("running", "succeeded"): 1,
        ("running", "queued"): 1,
    }
    assert value(found, "jobs", state="queued") == 1
    assert value(found, "jobs", state="running") == 0
    assert value(found, "redis_up") == 1
    assert value(found, "redis_memory_bytes") > 100_000


def test_what_waits_and_who_is_there_is_shown(keeper: str, services: Services, tenant: str) -> None:
    for _ in range(2):
        submitted(services, tenant)
    services.presence.beat("worker", "w")
    services.presence.beat("keeper", "k")
    claimed(services)
    found = samples(keeper)
    assert value(found, "jobs", state="running") == 1
    assert value(found, "workers", device="unknown") == 1
    assert value(found, "keepers") == 1
    assert value(found, "workers_wanted") == 2
    assert 0 < value(found, "queue_oldest_seconds") < 30


def test_no_more_workers_are_wanted_than_a_tenants_cap_lets_work(services: Services, tenant: str) -> None:
    few = services.settings.model_copy(update={"tenant_running_max": 3})
    with open_services(few) as capped:
        for _ in range(5):
            submitted(capped, tenant)
        claimed(capped)
        submitted(capped, f"{tenant}-other")
        backlog = capped.backlog.read()
    assert (backlog.queued, backlog.running, backlog.wanted, backlog.open) == (5, 1, 4, 6)


def test_jobs_that_failed_are_counted_by_why(keeper: str, services: Services, tenant: str, settings: Settings) -> None:
    with open_services(settings.model_copy(update={"lease_ttl_s": 0.05})) as hasty:
        submitted(services, tenant, attempts_max=1)
        hasty.claims.claim("w")
        while not keep_once(services).failed:
            pass
    found = samples(keeper)
    assert value(found, "jobs_failed_total", code="worker_lost") == 1
    assert value(found, "leases_expired_total", state="failed") == 1


def test_while_redis_is_away_that_is_all_that_is_said(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:9/0")})
    with open_services(away) as services:
        registry = CollectorRegistry()
        registry.register(BacklogCollector(services))
        with watching(settings, registry) as url:
            assert samples(url) == {("impasto_redis_up", ()): 0.0}


def test_answers_are_timed_by_route_and_never_by_path(settings: Settings, key: str, services: Services) -> None:
    own = settings.model_copy(update={"watch_port": _free_port()})
    with served(own, key=key) as client:
        made = posted(client).json()
        client.get(f"/v1/jobs/{made['id']}", headers={"Prefer": "wait=1"})
        finished(services, b"picture")
        client.get(f"/v1/jobs/{made['id']}")
        client.get("/wp-login.php")
        client.post("/v1/uploads", files={"file": b"no picture"})
        watch = f"http://127.0.0.1:{own.watch_port}"
        found = samples(watch)
        assert httpx.get(f"{watch}/readyz").status_code == httpx.get(f"{watch}/livez").status_code == 200
        assert client.get("/metrics").status_code == 404, "it is for whoever watches alone"
    count = "http_request_seconds_count"
    assert value(found, count, method="POST", route="/v1/jobs", status="202") == 1
    assert value(found, count, method="GET", route="/v1/jobs/{job_id}", status="200") == 1
    assert value(found, count, method="GET", route="/v1/jobs/{job_id}", status="held") == 1
    assert value(found, count, method="GET", route="none", status="404") == 1
    assert value(found, "ingest_refused_total", reason="format") == 1
    assert not [labels for _, labels in found if made["id"] in str(labels)]


def test_an_answer_to_what_nobody_foresaw_is_counted_as_a_500(
    settings: Settings, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise KeyError

    monkeypatch.setattr("api.routes.capabilities.capabilities", broken)
    own = settings.model_copy(update={"watch_port": _free_port()})
    with served(own, key=key) as client:
        assert client.get("/v1/capabilities").status_code == 500
        assert httpx.request("PROPFIND", f"{client.base_url}/v1/capabilities").status_code == 405
        found = samples(f"http://127.0.0.1:{own.watch_port}")
    count = "http_request_seconds_count"
    assert value(found, count, method="GET", route="/v1/capabilities", status="500") == 1
    assert not [labels for _, labels in found if "PROPFIND" in str(labels)]


def test_a_keepers_deeds_are_counted(keeper: str, services: Services, tenant: str) -> None:
    uploaded(services, tenant, ttl_s=0)
    submitted(services, tenant)
    assert keep_once(services).rung == 1
    assert value(samples(keeper), "rings_total") == 1
    for _ in range(RINGS_MAX + 5):
        submitted(services, tenant)
    assert keep_once(services).rung == RINGS_MAX - 1, "one is not heard yet"
    assert keep_once(services).rung == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
