"""Names that say one thing when they are checked and another when they are gone to, by a real DNS server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import dns.message
import dns.rcode
import httpx
import pytest

from service.deliver import deliver
from service.errors import UrlUnreachable
from service.fetch import Outside
from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem, spec
from tests.connections import watched
from tests.contract.test_webhooks import done, make_due
from tests.receiver import answer, receiving
from tests.served import served
from tests.stub_dns import Zone, addresses, dns_server, name_and_type, no_such_name, say, zone_of

HOST = "images.example.com"
PUBLIC = "93.184.216.34"
INSIDE = ("127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00:ec2::254")


def in_turn(*rounds: Sequence[str]) -> Zone:
    """Let a name have other addresses each time that it is asked for; the last ones stay."""
    asked: dict[str, int] = {}

    def zone(question: dns.message.Message) -> dns.message.Message:
        kind = name_and_type(question)[1]
        now = min(asked.get(kind, 0), len(rounds) - 1)
        asked[kind] = now + 1
        return addresses(question, rounds[now])

    return zone


@pytest.mark.parametrize("inside", INSIDE)
def test_a_fetch_goes_only_where_the_name_was_when_it_was_checked(inside: str) -> None:
    with dns_server(in_turn([PUBLIC], [inside])) as server, watched() as watch, pytest.raises(UrlUnreachable):
        Outside(Settings(), resolve=server.asks()).get(f"https://{HOST}/", max_bytes=9, timeout_s=5)
    assert watch.beyond(server.port) == [(PUBLIC, 443)]
    assert sorted(server.asked) == [(HOST, "A"), (HOST, "AAAA")]
    assert watch.looked_up == []


@pytest.mark.parametrize("inside", INSIDE)
def test_a_webhook_goes_only_where_the_name_is_when_it_is_sent(inside: str) -> None:
    with dns_server(in_turn([PUBLIC], [inside], [PUBLIC])) as server, watched() as watch:
        outside = Outside(Settings(), resolve=server.asks())
        outside.check(f"https://{HOST}/")
        assert watch.beyond(server.port) == []
        for _ in range(2):
            with pytest.raises(UrlUnreachable):
                outside.post(f"https://{HOST}/", body=b"", headers={}, timeout_s=5, answer_max=9)
    assert watch.beyond(server.port) == [(PUBLIC, 443)]


def test_a_name_that_turns_while_redirects_are_followed_is_left() -> None:
    with (
        receiving(lambda _, send: send(answer(302, Location="/again"))) as site,
        dns_server(in_turn(["127.0.0.1"], [])) as server,
        watched() as watch,
    ):
        outside = Outside(Settings.model_validate({"fetch_allow": f"{HOST}:{site.port}"}), resolve=server.asks())
        with pytest.raises(UrlUnreachable):
            outside.get(f"http://{HOST}:{site.port}/", max_bytes=9, timeout_s=5)
    assert watch.beyond(server.port) == [("127.0.0.1", site.port)]
    assert len(site.asked) == 1


def alias(question: dns.message.Message) -> dns.message.Message:
    """Say that the name is another's, which lies inside."""
    return say(question, (HOST, "CNAME", "redis.internal."), ("redis.internal", "A", "10.0.0.6"))


def of_another(question: dns.message.Message) -> dns.message.Message:
    """Answer the question with records of another name."""
    return say(question, ("other.example.com", "A", PUBLIC))


def to_another(_: dns.message.Message) -> dns.message.Message:
    """Answer another question altogether."""
    return say(dns.message.make_query("other.example.com.", "A"), ("other.example.com", "A", PUBLIC))


def unlucky(question: dns.message.Message) -> dns.message.Message:
    """Say that the server failed."""
    reply = say(question)
    reply.set_rcode(dns.rcode.SERVFAIL)
    return reply


def mixed(*found: str) -> Zone:
    return lambda question: addresses(question, found)


MANY = [f"93.184.216.{n}" for n in range(1, 60)]


@pytest.mark.parametrize(
    "zone",
    [
        pytest.param(alias, id="an alias of a name inside"),
        pytest.param(of_another, id="records of another name"),
        pytest.param(to_another, id="the answer to another question"),
        pytest.param(no_such_name, id="no such name"),
        pytest.param(say, id="a name without addresses"),
        pytest.param(unlucky, id="the server failed"),
        pytest.param(lambda _: None, id="silence"),
        pytest.param(mixed(PUBLIC, "::1"), id="public of the one family, ours of the other"),
        pytest.param(mixed("2606:4700:4700::1111", "10.0.0.1"), id="the other way round"),
        pytest.param(mixed(PUBLIC, "::ffff:127.0.0.1"), id="ours within an IPv6 address"),
        pytest.param(mixed(*MANY, "10.0.0.1"), id="one of sixty is ours"),
        pytest.param(mixed("0.0.0.0"), id="the address that is none"),
    ],
)
def test_a_name_is_gone_to_by_nobody_unless_all_that_is_said_of_it_is_public(zone: Zone) -> None:
    with dns_server(zone) as server, watched() as watch:
        outside = Outside(Settings(), resolve=server.asks(patience_s=1))
        for go in (
            lambda: outside.check(f"https://{HOST}/"),
            lambda: outside.get(f"https://{HOST}/", max_bytes=9, timeout_s=0.5),
            lambda: outside.post(f"https://{HOST}/", body=b"", headers={}, timeout_s=0.5, answer_max=9),
        ):
            with pytest.raises(UrlUnreachable):
                go()
    assert watch.beyond(server.port) == []


def test_of_a_name_with_many_addresses_only_a_few_are_tried() -> None:
    with dns_server(mixed(*MANY)) as server, watched() as watch, pytest.raises(UrlUnreachable):
        Outside(Settings(), resolve=server.asks()).get(f"https://{HOST}/", max_bytes=9, timeout_s=5)
    assert watch.beyond(server.port) == [(address, 443) for address in MANY[:8]]


def test_an_answer_that_may_be_kept_for_long_is_asked_for_again_all_the_same() -> None:
    def for_a_day(question: dns.message.Message) -> dns.message.Message:
        return say(question, (HOST, "A", PUBLIC), ttl_s=86_400) if name_and_type(question)[1] == "A" else say(question)

    with dns_server(for_a_day) as server:
        outside = Outside(Settings(), resolve=server.asks())
        outside.check(f"https://{HOST}/")
        outside.check(f"https://{HOST}/")
    assert server.asked.count((HOST, "A")) == 2


# The same through the API and the keeper


@pytest.mark.servers
def test_a_picture_whose_name_turns_inward_is_refused_at_its_field(settings: Settings, key: str) -> None:
    with (
        dns_server(in_turn([PUBLIC], ["127.0.0.1"])) as server,
        watched() as watch,
        served(settings, key=key, outside=Outside(settings, resolve=server.asks())) as client,
    ):
        for _ in range(2):
            made = client.post("/v1/jobs", json=spec(content={"url": f"https://{HOST}/a.png"}))
            assert_problem(made, 422, "invalid_spec", "/content/url")
    assert [to for to in watch.connected if to[1] == 443] == [(PUBLIC, 443)]


@pytest.mark.servers
@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254"])
def test_a_webhook_whose_name_turned_inward_is_not_delivered_and_the_log_says_no_more_than_that(
    settings: Settings, services: Services, tenant: str, key: str, inside: str
) -> None:
    names, said = {HOST: [PUBLIC]}, []
    with dns_server(zone_of(names)) as server, watched() as watch:
        outside = Outside(settings, resolve=server.asks())
        with served(settings, key=key, outside=outside) as client:
            assert _register(client).status_code == 201
            done(services, tenant)
            for found in ([inside], []):  # what is inside, and nothing at all
                names[HOST] = found
                make_due(services, tenant)
                assert deliver(replace(services, outside=outside)) == 1
                [delivery] = client.get("/v1/webhooks/deliveries").json()["items"]
                said.append({name: delivery[name] for name in ("status", "answer_status", "answer_body")})
    assert said == [{"status": "pending", "answer_status": None, "answer_body": None}] * 2
    assert [to for to in watch.connected if to[1] == 443] == []


def _register(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/webhooks", json={"url": f"https://{HOST}/", "events": ["job.succeeded"]})
