"""What an error says, and its traceback, show no password, key or signature, whatever the drivers below have said."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from service.errors import Unavailable
from service.settings import Settings
from service.wiring import Services, open_services
from tests.api_calls import assert_problem
from tests.served import served

pytestmark = pytest.mark.servers

HUSH = "hush-hush-4711"
CALLS: dict[str, Callable[[Services], object]] = {
    "redis": lambda services: services.jobs.ping(),
    "broker": lambda services: services.queue.ring(),
    "s3": lambda services: services.blobs.ping(),
}


def wrong(settings: Settings) -> Settings:
    """Give settings with the same servers, and credentials that they refuse."""
    at = settings.redis_url.get_secret_value().rpartition("@")[2]
    return settings.model_copy(
        update={
            "redis_url": SecretStr(f"redis://:{HUSH}@{at}"),
            "s3_access_key_id": SecretStr(f"id-{HUSH}"),
            "s3_secret_access_key": SecretStr(HUSH),
        }
    )


def away(settings: Settings) -> Settings:
    """Give settings that lead nowhere."""
    nowhere = {"redis_url": SecretStr(f"redis://:{HUSH}@127.0.0.1:1/0"), "s3_endpoint": "http://127.0.0.1:1"}
    return wrong(settings).model_copy(update=nowhere)


@pytest.mark.parametrize("broken", [wrong, away])
@pytest.mark.parametrize("call", CALLS)
def test_a_store_s_error_and_all_that_led_to_it_show_no_secret(
    settings: Settings, broken: Callable[[Settings], Settings], call: str
) -> None:
    with open_services(broken(settings)) as services, pytest.raises(Unavailable) as refused:
        CALLS[call](services)
    assert HUSH not in "".join(traceback.format_exception(refused.value)) + repr(refused.value)


@pytest.mark.parametrize("broken", [wrong, away])
def test_the_problem_of_a_store_that_is_out_of_reach_says_nothing_of_it(
    settings: Settings, broken: Callable[[Settings], Settings], key: str
) -> None:
    with served(broken(settings), key=key) as client:
        for path in ("/readyz", "/v1/jobs"):
            answer: httpx.Response = client.get(path)
            assert_problem(answer, 503, "job_store_unavailable")
            assert not [word for word in (HUSH, "127.0.0.1", "redis", "Redis", key) if word in answer.text]
