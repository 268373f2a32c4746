"""Secrets of webhooks: the old one beside the new one, and none in a log."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.deliver import deliver
from service.wiring import Services
from tests.contract.test_webhooks import done, receiver, registered, services
from tests.receiver import Receiver

__all__ = ["receiver", "services"]  # fixtures

pytestmark = pytest.mark.servers


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(
    services: Services, tenant: str, receiver: Receiver
) -> None:
    registered(services, tenant, receiver.url)
    services.webhooks.rotate(tenant, "e", "whsec_" + "b" * 32)
    done(services, tenant)
    deliver(services)
    [asked] = receiver.asked
    for letter in "ab":
        assert Webhook("whsec_" + letter * 32).verify(asked.body, asked.headers)
    services._redis.hset(f"{services.settings.redis_prefix}hook:{tenant}:e", "old_until_ms", 1)
    done(services, tenant)
    deliver(services)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "a" * 32).verify(receiver.asked[1].body, receiver.asked[1].headers)


def test_no_log_holds_a_secret(
    services: Services, tenant: str, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    registered(services, tenant, receiver.url)
    done(services, tenant)
    deliver(services)
    logged = "".join(capfd.readouterr())
    assert "webhook_sent" in logged
    assert "whsec_" not in logged
    assert "v1," not in logged
