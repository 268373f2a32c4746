"""Who waits for whom while webhooks are sent: nobody for a slow receiver, and no keeper for its backlog."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from service.deliver import deliver
from service.keep import Pulse, Pulses, keep
from service.wiring import Services, open_services
from tests.contract.test_webhooks import done, log_of, registered
from tests.receiver import Asked, Receiver, Send, answer, receiving
from tests.staff import at_work
from tests.valkey import wait_until

pytestmark = pytest.mark.servers

SLOW_S = 3.0


@pytest.fixture
def services(services: Services) -> Iterator[Services]:
    """Services that may send to loopback."""
    changed = {"fetch_allow": ("127.0.0.1",), "keeper_interval_s": 0.1}
    with open_services(services.settings.model_copy(update=changed)) as opened:
        yield opened


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Set at the end, so that no receiver's thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def slow(over: threading.Event) -> Iterator[Receiver]:
    """A receiver that takes its time."""

    def script(_: Asked, send: Send) -> None:
        over.wait(SLOW_S)
        send(answer(204))

    with receiving(script) as receiver:
        yield receiver


@pytest.fixture
def quick() -> Iterator[Receiver]:
    """A receiver that answers at once."""
    with receiving(lambda _, send: send(answer(204))) as receiver:
        yield receiver


def took_s(fact: Callable[[], bool]) -> float:
    begun = time.monotonic()
    wait_until(fact)
    return time.monotonic() - begun


def test_what_comes_while_a_slow_receiver_is_asked_is_sent_meanwhile(
    services: Services, tenant: str, slow: Receiver, quick: Receiver
) -> None:
    registered(services, tenant, slow.url)
    registered(services, f"{tenant}-x", quick.url)
    with at_work(lambda stop: keep(services, stop)):
        done(services, tenant)
        wait_until(lambda: bool(slow.asked))
        done(services, f"{tenant}-x")
        assert took_s(lambda: bool(quick.asked)) < SLOW_S - 1


def test_a_tenants_slow_receiver_keeps_no_other_tenant_waiting(
    services: Services, tenant: str, slow: Receiver, quick: Receiver, over: threading.Event
) -> None:
    registered(services, tenant, slow.url)
    registered(services, f"{tenant}-x", quick.url)
    for _ in range(40):
        done(services, tenant)
    done(services, f"{tenant}-x")
    with at_work(lambda stop: keep(services, stop)):
        assert took_s(lambda: bool(quick.asked)) < SLOW_S
        over.set()
        wait_until(lambda: all(made.ended for made in log_of(services, tenant)))
    assert len({asked.headers["webhook-id"] for asked in slow.asked}) == len(slow.asked) == 40


def test_a_keeper_leaves_what_is_due_when_it_is_told_to_stop(services: Services, tenant: str, slow: Receiver) -> None:
    registered(services, tenant, slow.url)
    for _ in range(60):
        done(services, tenant)
    with at_work(lambda stop: keep(services, stop)):
        wait_until(lambda: bool(slow.asked))
        begun = time.monotonic()
    assert time.monotonic() - begun < 2 * SLOW_S
    assert len(slow.asked) < 60


def test_a_delivery_is_kept_for_as_long_as_it_is_tried(services: Services, tenant: str) -> None:
    with receiving(lambda _, send: send(answer(500))) as receiver:
        registered(services, tenant, receiver.url)
        done(services, tenant)
        [made] = log_of(services, tenant)
        record = f"{services.settings.redis_prefix}delivery:{tenant}:{made.id}"
        services._redis.expire(record, 60)
        deliver(services)
    assert services._redis.ttl(record) > 7 * 24 * 3600


def test_what_a_keeper_no_longer_does_is_named(services: Services, tenant: str, slow: Receiver) -> None:
    """Each of the three things by itself; and one that goes on beating is not missed, however long its round takes."""
    pulses = Pulses(jobs=Pulse(SLOW_S / 2), tidy=Pulse(SLOW_S / 2), deliver=Pulse(SLOW_S / 2))
    registered(services, tenant, slow.url)

    def wrong() -> dict[str, str | None]:
        return {name: check() for name, check in pulses.checks().items() if check() is not None}

    with at_work(lambda stop: keep(services, stop, pulses)):
        done(services, tenant)
        wait_until(lambda: bool(slow.asked))
        assert wrong() == {}
        wait_until(lambda: bool(wrong()))
        assert list(wrong()) == ["deliver"]
        wait_until(lambda: all(made.ended for made in log_of(services, tenant)))
        wait_until(lambda: not wrong())
    assert Pulse(0).beating() == "nothing has ended for 0 s"
