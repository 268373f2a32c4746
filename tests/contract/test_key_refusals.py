"""A key that doesn't work is refused in one way, whatever is wrong with it, and with one question to Redis."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

import httpx
import pytest
import redis as redis_driver

from service.errors import Unauthorized
from service.keys import authenticate, create_key, revoke_key, rotate_key
from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem
from tests.served import served

pytestmark = pytest.mark.servers


def key_id(key: str) -> str:
    return key.split("_")[1]


@pytest.fixture
def works(services: Services, tenant: str) -> str:
    """A key that works."""
    return create_key(services.keys, tenant=tenant, name="k")


@pytest.fixture
def formed(services: Services, tenant: str, works: str) -> Mapping[str, str]:
    """Keys that are formed as keys are, and don't work."""
    revoked, rotated = (create_key(services.keys, tenant=tenant, name="k") for _ in range(2))
    revoke_key(services.keys, key_id(revoked))
    rotate_key(services.keys, key_id(rotated), overlap_hours=0)
    past = round(time.time() * 1000) - 1
    return {
        "unknown id": f"imp_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}",
        "wrong secret": f"imp_{key_id(works)}_{secrets.token_urlsafe(32)}",
        "nearly the secret": works[:-1] + ("A" if works[-1] != "A" else "B"),
        "revoked": revoked,
        "replaced": rotated,
        "expired": create_key(services.keys, tenant=tenant, name="k", expires_ms=past),
    }


MALFORMED = ("", "x", "imp_", "imp_0_x", "imp_000000000000_", "imp_00000000000G_" + 43 * "a", "imp_*_" + 43 * "a", "é")


def refusal(client: httpx.Client, key: str) -> tuple[bytes, Mapping[str, str]]:
    """Give the answer to a key, but for the date."""
    own = {b"Authorization": f"Bearer {key}".encode(), b"X-Request-Id": b"same"}
    answer = client.get("/v1/jobs", headers=own)
    assert_problem(answer, 401, "unauthorized")
    return answer.content, {name: value for name, value in answer.headers.items() if name != "date"}


def test_whatever_is_wrong_with_a_key_the_answer_is_the_same_to_the_byte(
    settings: Settings, formed: Mapping[str, str]
) -> None:
    with served(settings) as client:
        first = refusal(client, formed["unknown id"])
        assert "ratelimit" not in first[1]
        for wrong in (*formed.values(), *MALFORMED[1:]):
            assert refusal(client, wrong) == first, wrong


@pytest.mark.parametrize("wrong", MALFORMED)
def test_a_key_that_is_not_formed_as_one_is_nobodys(services: Services, wrong: str) -> None:
    with pytest.raises(Unauthorized, match="not known here"):
        authenticate(services.keys, wrong, scope="jobs:read")


def test_every_refusal_takes_the_same_question_to_redis_and_the_same_work_there(
    services: Services, settings: Settings, formed: Mapping[str, str], works: str
) -> None:
    authenticate(services.keys, works, scope="jobs:read")  # the script is loaded from here on
    seen = {why: _commands(services, settings, wrong) for why, wrong in formed.items()}
    assert set(seen.values()) == {("EVALSHA", "lua TIME", "lua HMGET")}, seen


def _commands(services: Services, settings: Settings, wrong: str) -> tuple[str, ...]:
    """List what a key lets Redis do."""
    with redis_driver.Redis.from_url(settings.redis_url.get_secret_value()) as client, client.monitor() as monitor:
        with pytest.raises(Unauthorized):
            authenticate(services.keys, wrong, scope="jobs:read")
        services._redis.echo("over")
        commands: list[str] = []
        for told in monitor.listen():
            name = told["command"].partition(" ")[0].upper()
            if name == "ECHO":
                return tuple(commands)
            commands.append(f"lua {name}" if told["client_type"] == "lua" else name)
    return ()


def test_a_refused_key_takes_nothing_from_the_allowance_of_the_one_it_guesses_at(
    services: Services, formed: Mapping[str, str], works: str
) -> None:
    for _ in range(20):
        with pytest.raises(Unauthorized):
            authenticate(services.keys, formed["wrong secret"], scope="jobs:read")
    record = services.keys.get(key_id(works))
    assert record is not None
    assert record.used_ms is None
