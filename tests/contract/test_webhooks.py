"""Webhooks: what is told to whom, signed, tried again, and taken down in a log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service import deliver as sending
from service.deliver import deliver, payload
from service.stores.delivery_store import FAILING_MS
from service.wiring import Services, open_services
from tests.api_calls import spec
from tests.contract.test_retention import over
from tests.jobs import BROKEN, RESULT, claimed, submitted
from tests.receiver import Receiver, answer, receiving

pytestmark = pytest.mark.servers

NO_PAUSE = (0.0,) * 9


@pytest.fixture
def services(services: Services) -> Iterator[Services]:
    """Services that may send to loopback."""
    with open_services(services.settings.model_copy(update={"fetch_allow": ("127.0.0.1",)})) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiving(lambda _, send: send(answer(204))) as receiver:
        yield receiver


def registered(services: Services, tenant: str, url: str, *events: str) -> str:
    """Register an endpoint, and return its id."""
    wanted = events or ("job.succeeded", "job.failed", "job.canceled", "job.expired")
    endpoint = services.webhooks.save(
        tenant, "e", url=url, events=wanted, description="", secret="whsec_" + "a" * 32, at_most=16
    )
    assert endpoint is not None
    return endpoint.id


def done(services: Services, tenant: str, **wish: Any) -> str:
    """Run a job to its end, and return its id."""
    submitted(services, tenant, **wish)
    job = claimed(services)
    assert services.claims.commit(job, [RESULT], {})
    return job.id


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(asked.body) for asked in receiver.asked]


def log_of(services: Services, tenant: str) -> list[Any]:
    return services.deliveries.page(tenant, endpoint_id=None, after=None, limit=100)[0]


def make_due(services: Services, tenant: str) -> None:
    """Let the time of every delivery's next try have come."""
    prefix = services.settings.redis_prefix
    services._redis.zadd(f"{prefix}due:{tenant}", {made.id: 1 for made in log_of(services, tenant)})
    services._redis.zadd(f"{prefix}due", {tenant: 1})


# What is told


def test_an_endpoint_is_told_what_it_asked_for_and_the_official_library_accepts_the_signature(
    services: Services, tenant: str, receiver: Receiver
) -> None:
    registered(services, tenant, receiver.url, "job.started", "job.succeeded")
    job_id = done(services, tenant, labels={"order": "7"})
    assert deliver(services) == 2
    events = {event["type"]: event for event in told(receiver)}
    assert set(events) == {"job.started", "job.succeeded"}
    data = events["job.succeeded"]["data"]
    assert (data["id"], data["status"], data["kind"]) == (job_id, "succeeded", "transfer")
    assert (data["labels"], data["links"]) == ({"order": "7"}, {"self": f"/v1/jobs/{job_id}"})
    assert datetime.fromisoformat(events["job.succeeded"]["timestamp"]).tzinfo is not None
    for asked in receiver.asked:
        assert Webhook("whsec_" + "a" * 32).verify(asked.body, asked.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "b" * 32).verify(asked.body, asked.headers)
    assert deliver(services) == 0


def test_every_end_is_told_with_its_reason(services: Services, tenant: str, receiver: Receiver) -> None:
    registered(services, tenant, receiver.url)
    done(services, tenant)
    submitted(services, tenant, attempts_max=1)
    services.claims.give_back(claimed(services), BROKEN)
    services.jobs.cancel(tenant, submitted(services, tenant).id)
    late = submitted(services, tenant, start_deadline_s=1)
    services._redis.zadd(f"{services.settings.redis_prefix}deadlines", {f"{tenant}:{late.id}": 1})
    services.upkeep.expire_starts()
    deliver(services)
    events = {event["type"]: event["data"] for event in told(receiver)}
    assert set(events) == {"job.succeeded", "job.failed", "job.canceled", "job.expired"}
    assert events["job.failed"]["error"]["code"] == "device_failed"


def test_a_job_tells_its_own_address_signed_with_the_tenants_default_secret(
    services: Services, tenant: str, receiver: Receiver
) -> None:
    done(services, tenant, webhook={"url": f"{receiver.url}/hook", "events": ["job.succeeded"]})
    deliver(services)
    [asked] = receiver.asked
    assert (asked.method, asked.path, asked.headers["content-type"]) == ("POST", "/hook", "application/json")
    secret = services.webhooks.default_secret(tenant, "whsec_other")
    assert Webhook(secret).verify(asked.body, asked.headers)


def test_progress_is_told_to_who_asks_and_not_at_every_step(
    services: Services, tenant: str, receiver: Receiver
) -> None:
    registered(services, tenant, receiver.url, "job.progress")
    submitted(services, tenant)
    job = claimed(services)
    for n in range(3):
        services.claims.renew(job, {"fraction": n / 10, "phase": "paint"})
    deliver(services)
    [event] = told(receiver)
    assert (event["type"], event["data"]["progress"]["fraction"]) == ("job.progress", 0.0)


def test_a_batch_tells_once_when_its_last_job_has_ended(
    client: httpx.Client, services: Services, tenant: str, receiver: Receiver
) -> None:
    registered(services, tenant, receiver.url, "batch.finished")
    wish = {"jobs": [spec(cache=False) for _ in range(3)]}
    made = client.post("/v1/batches", json=wish).json()
    for _ in range(2):
        assert services.claims.commit(claimed(services), [RESULT], {})
    assert deliver(services) == 0
    services.claims.give_back(claimed(services), BROKEN)
    services.claims.give_back(claimed(services), BROKEN)
    services.claims.give_back(claimed(services), BROKEN)
    deliver(services)
    [event] = told(receiver)
    assert event["type"] == "batch.finished"
    assert event["data"]["counts"] == {"succeeded": 2, "failed": 1, "canceled": 0, "expired": 0}
    assert event["data"]["links"] == {"self": f"/v1/batches/{made['id']}"}


def test_what_is_told_survives_the_job(services: Services, tenant: str, receiver: Receiver) -> None:
    registered(services, tenant, receiver.url)
    job_id = done(services, tenant)
    over(services, "job", tenant, job_id)
    services.upkeep.purge(services.upkeep.expiring()[0])
    deliver(services)
    assert [event["data"]["id"] for event in told(receiver)] == [job_id]


def test_nobody_is_told_of_anothers_jobs(services: Services, tenant: str, receiver: Receiver) -> None:
    registered(services, f"{tenant}-x", receiver.url)
    done(services, tenant)
    assert deliver(services) == 0


def test_a_payload_stays_below_20_kilobytes(services: Services, tenant: str, receiver: Receiver) -> None:
    registered(services, tenant, receiver.url)
    done(services, tenant, labels={chr(0x1F3A8 + n) * 64: "🎨" * 256 for n in range(16)})
    [delivery] = log_of(services, tenant)
    assert len(payload(delivery)) < 20_000
    deliver(services)
    assert "labels" not in told(receiver)[0]["data"]


# What is tried again


def test_a_receiver_that_fails_is_asked_again_under_the_same_id(services: Services, tenant: str) -> None:
    answers = iter([answer(500), b"", answer(302, Location="/x"), answer(200, b"thanks")])
    with receiving(lambda _, send: send(next(answers))) as receiver:
        registered(services, tenant, receiver.url)
        done(services, tenant)
        assert deliver(services, pauses_s=NO_PAUSE) == 4
    assert len({asked.headers["webhook-id"] for asked in receiver.asked}) == 1
    assert len({asked.body for asked in receiver.asked}) == 1
    [delivery] = log_of(services, tenant)
    assert (delivery.ended, delivery.attempt, delivery.status, delivery.answer) == ("delivered", 4, 200, "thanks")
    assert services.webhooks.get(tenant, "e").failing_ms is None


def test_the_tries_keep_to_the_schedule(services: Services, tenant: str) -> None:
    with receiving(lambda _, send: send(answer(500))) as receiver:
        registered(services, tenant, receiver.url)
        done(services, tenant)
        waits = []
        while not log_of(services, tenant)[0].ended:
            make_due(services, tenant)
            assert deliver(services) == 1
            after = log_of(services, tenant)[0]
            waits.append(None if after.next_ms is None else (after.next_ms - after.tried_ms) / 1000)
    assert waits.pop() is None
    assert waits == [pytest.approx(pause, rel=0.11) for pause in sending.PAUSES_S]
    assert log_of(services, tenant)[0].ended == "failed"


@pytest.mark.parametrize(
    ("status", "retry_after", "wait_s"),
    [(429, "3600", 3600), (503, "3600", 3600), (503, timedelta(hours=1), 3600), (503, "soon", 5), (500, "3600", 5)],
    ids=["429", "503", "date", "neither", "500"],
)
def test_a_receiver_may_say_when_to_come_again(
    services: Services, tenant: str, status: int, retry_after: str | timedelta, wait_s: float
) -> None:
    if isinstance(retry_after, timedelta):
        retry_after = format_datetime(datetime.now(UTC) + retry_after, usegmt=True)
    with receiving(lambda _, send: send(answer(status, Retry_After=retry_after))) as receiver:
        registered(services, tenant, receiver.url)
        done(services, tenant)
        deliver(services)
    [delivery] = log_of(services, tenant)
    assert (delivery.next_ms - delivery.tried_ms) / 1000 == pytest.approx(wait_s, rel=0.11)


def test_one_who_answers_gone_is_told_nothing_more_until_it_is_enabled(services: Services, tenant: str) -> None:
    answers = iter([answer(410), answer(200), answer(200)])
    with receiving(lambda _, send: send(next(answers))) as receiver:
        registered(services, tenant, receiver.url)
        done(services, tenant)
        deliver(services)
        endpoint = services.webhooks.get(tenant, "e")
        assert endpoint.disabled_why == "it answered 410 Gone"
        done(services, tenant)
        assert deliver(services) == 0
        services.webhooks.enable(tenant, "e")
        done(services, tenant)
        assert deliver(services) == 1
    assert len(log_of(services, tenant)) == 2


def test_one_who_has_failed_for_days_is_told_nothing_more(services: Services, tenant: str) -> None:
    with receiving(lambda _, send: send(answer(500))) as receiver:
        registered(services, tenant, receiver.url)
        done(services, tenant)
        deliver(services)
        failing = services.webhooks.get(tenant, "e")
        assert failing.failing_ms is not None
        assert failing.disabled_ms is None
        hook = f"{services.settings.redis_prefix}hook:{tenant}:e"
        services._redis.hset(hook, "failing_ms", failing.failing_ms - FAILING_MS)
        done(services, tenant)
        deliver(services)
    assert services.webhooks.get(tenant, "e").disabled_why == "it has failed for days"
    assert {delivery.ended for delivery in log_of(services, tenant)} == {None}
    make_due(services, tenant)
    assert deliver(services) == 0
    assert {delivery.ended for delivery in log_of(services, tenant)} == {"dropped"}


def test_two_keepers_send_each_once(services: Services, tenant: str, receiver: Receiver) -> None:
    registered(services, tenant, receiver.url)
    for _ in range(20):
        done(services, tenant)
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda _: deliver(services), range(2))) == 20
    assert len({asked.headers["webhook-id"] for asked in receiver.asked}) == len(receiver.asked) == 20


def test_what_a_keeper_took_and_never_ended_another_sends(services: Services, tenant: str, receiver: Receiver) -> None:
    registered(services, tenant, receiver.url)
    done(services, tenant)
    taken = services.deliveries.take()
    assert taken is not None
    assert deliver(services) == 0
    due = f"{services.settings.redis_prefix}due:{tenant}"
    assert services._redis.zscore(due, taken.delivery.id) == taken.delivery.next_ms
    make_due(services, tenant)
    assert deliver(services) == 1
    services.deliveries.end(taken.delivery, how=0, status=500)
    assert log_of(services, tenant)[0].ended == "delivered"
