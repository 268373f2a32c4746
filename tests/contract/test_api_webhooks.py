"""`/v1/webhooks`: registering endpoints, their secrets, the log, replaying."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from service.deliver import deliver
from service.keys import create_key
from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem, inline, posted
from tests.contract.test_webhooks import done
from tests.receiver import Receiver, answer, receiving
from tests.served import served

pytestmark = pytest.mark.servers


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let webhooks go to loopback."""
    return settings.model_copy(update={"fetch_allow": ("127.0.0.1",)})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiving(lambda _, send: send(answer(204))) as receiver:
        yield receiver


def register(client: httpx.Client, url: str, **wish: Any) -> httpx.Response:
    return client.post("/v1/webhooks", json={"url": url, "events": ["job.succeeded"], **wish})


def test_an_endpoint_shows_its_secret_once_and_it_verifies(
    client: httpx.Client, services: Services, tenant: str, receiver: Receiver
) -> None:
    answer = register(client, receiver.url, description="orders")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["secret"].startswith("whsec_")
    for path in ("/v1/webhooks", f"/v1/webhooks/{made['id']}"):
        assert "whsec_" not in client.get(path).text
    assert client.get("/v1/webhooks").json()["items"] == [client.get(f"/v1/webhooks/{made['id']}").json()]
    done(services, tenant)
    deliver(services)
    [asked] = receiver.asked
    assert Webhook(made["secret"]).verify(asked.body, asked.headers)


def test_a_rotated_secret_is_shown_and_verifies(
    client: httpx.Client, services: Services, tenant: str, receiver: Receiver
) -> None:
    made = register(client, receiver.url).json()
    rotated = client.post(f"/v1/webhooks/{made['id']}/rotate").json()
    assert rotated["secret"] != made["secret"]
    done(services, tenant)
    deliver(services)
    for secret in (made["secret"], rotated["secret"]):
        assert Webhook(secret).verify(receiver.asked[0].body, receiver.asked[0].headers)


def test_the_default_secret_is_made_once_and_rotated(client: httpx.Client) -> None:
    first = client.get("/v1/webhooks/default-secret").json()["secret"]
    assert client.get("/v1/webhooks/default-secret").json()["secret"] == first
    renewed = client.post("/v1/webhooks/default-secret/rotate").json()["secret"]
    assert renewed != first
    assert client.get("/v1/webhooks/default-secret").json()["secret"] == renewed


def test_a_deleted_endpoint_is_told_nothing(
    client: httpx.Client, services: Services, tenant: str, receiver: Receiver
) -> None:
    made = register(client, receiver.url).json()
    done(services, tenant)
    assert client.delete(f"/v1/webhooks/{made['id']}").status_code == 204
    assert deliver(services) == 0
    assert_problem(client.get(f"/v1/webhooks/{made['id']}"), 404, "not_found")
    [delivery] = client.get("/v1/webhooks/deliveries").json()["items"]
    assert delivery["status"] == "dropped"


def test_the_log_says_how_it_went_and_a_delivery_can_be_replayed(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    answers = iter([answer(410, b"who?"), answer(200)])
    with receiving(lambda _, send: send(next(answers))) as receiver:
        made = register(client, receiver.url).json()
        job_id = done(services, tenant)
        deliver(services)
        [failed] = client.get("/v1/webhooks/deliveries").json()["items"]
        assert (failed["status"], failed["attempts"], failed["answer_status"]) == ("failed", 1, 410)
        assert (failed["answer_body"], failed["subject_id"], failed["webhook_id"]) == ("who?", job_id, made["id"])
        assert failed["next_attempt_at"] is None
        assert client.get(f"/v1/webhooks/{made['id']}").json()["disabled_reason"] == "it answered 410 Gone"
        enabled = client.post(f"/v1/webhooks/{made['id']}/enable").json()
        assert (enabled["disabled_at"], enabled["failing_since"]) == (None, None)
        replayed = client.post(f"/v1/webhooks/deliveries/{failed['id']}/replay")
        assert (replayed.status_code, replayed.json()["status"]) == (202, "pending")
        deliver(services)
    [after] = client.get("/v1/webhooks/deliveries").json()["items"]
    assert (after["status"], after["id"]) == ("delivered", failed["id"])
    assert [asked.headers["webhook-id"] for asked in receiver.asked] == [failed["id"]] * 2


def test_the_log_has_pages_and_can_be_asked_for_one_endpoint(
    client: httpx.Client, services: Services, tenant: str, receiver: Receiver
) -> None:
    one, other = (register(client, receiver.url).json()["id"] for _ in range(2))
    for _ in range(3):
        done(services, tenant)
    first = client.get("/v1/webhooks/deliveries", params={"webhook_id": one, "limit": 2})
    second = client.get(first.links["next"]["url"])
    found = [*first.json()["items"], *second.json()["items"]]
    assert [delivery["webhook_id"] for delivery in found] == [one] * 3
    assert second.json()["next_cursor"] is None
    assert len(client.get("/v1/webhooks/deliveries", params={"webhook_id": other}).json()["items"]) == 3


def test_the_log_can_be_asked_for_what_failed(client: httpx.Client, services: Services, tenant: str) -> None:
    answers = iter([answer(410), answer(200)])
    with receiving(lambda _, send: send(next(answers))) as receiver:
        for _ in range(2):
            done(services, tenant, webhook={"url": receiver.url, "events": ["job.succeeded"]})
            deliver(services)
    found = {
        status: client.get("/v1/webhooks/deliveries", params={"status": status}).json()["items"]
        for status in ("pending", "failed", "delivered")
    }
    assert [len(items) for items in found.values()] == [0, 1, 1]
    assert found["failed"][0]["answer_status"] == 410
    assert_problem(client.get("/v1/webhooks/deliveries", params={"status": "lost"}), 422, "invalid_spec", "/status")


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"url": "http://example.com/"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": "https://user@example.com/"}, "/url"),
        ({"url": ""}, "/url"),
        ({"events": []}, "/events"),
        ({"events": ["job.painted"]}, "/events/0"),
        ({"secret": "mine"}, "/secret"),
        ({"description": "a" * 257}, "/description"),
    ],
)
def test_what_can_not_be_registered_is_named(client: httpx.Client, wish: dict[str, Any], pointer: str) -> None:
    assert_problem(register(client, **{"url": "https://127.0.0.1/", **wish}), 422, "invalid_spec", pointer)


def test_a_job_names_an_address_that_is_checked(client: httpx.Client) -> None:
    assert_problem(posted(client, webhook={"url": "http://10.0.0.1/"}), 422, "invalid_spec", "/webhook/url")
    assert_problem(
        posted(client, webhook={"url": "https://127.0.0.1/", "events": []}), 422, "invalid_spec", "/webhook/events"
    )
    batch = {"contents": [inline()], "styles": [{"image": inline()}], "webhook": {"url": "http://10.0.0.1/"}}
    assert_problem(client.post("/v1/batches", json=batch), 422, "invalid_spec", "/webhook/url")


def test_a_tenant_has_at_most_sixteen_endpoints(client: httpx.Client, receiver: Receiver) -> None:
    for _ in range(16):
        assert register(client, receiver.url).status_code == 201
    assert_problem(register(client, receiver.url), 422, "invalid_spec", "")


def test_nobody_touches_anothers_endpoints(
    client: httpx.Client, services: Services, settings: Settings, tenant: str, receiver: Receiver
) -> None:
    made = register(client, receiver.url).json()
    done(services, tenant)
    [delivery] = client.get("/v1/webhooks/deliveries").json()["items"]
    path = f"/v1/webhooks/{made['id']}"
    with served(settings, key=create_key(services.keys, tenant="stranger", name="x")) as stranger:
        for method, where in (
            ("GET", path),
            ("DELETE", path),
            ("POST", f"{path}/rotate"),
            ("POST", f"{path}/enable"),
            ("POST", f"/v1/webhooks/deliveries/{delivery['id']}/replay"),
        ):
            assert_problem(stranger.request(method, where), 404, "not_found")
        assert stranger.get("/v1/webhooks").json()["items"] == []
        assert stranger.get("/v1/webhooks/deliveries").json()["items"] == []
    assert client.get(path).status_code == 200
