"""While strangers' images keep the API busy, it answers everybody else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait

import httpx
import pytest

from api import intake
from service.keys import create_key
from service.sandbox import kept
from service.settings import Settings
from service.wiring import Services
from tests.api_calls import assert_problem
from tests.hostile_files import endless_scans
from tests.images import photograph_bytes
from tests.served import served

pytestmark = pytest.mark.servers

THREADS_OF_THE_FRAMEWORK = 40


def test_images_that_take_long_hold_up_nobody_else(
    settings: Settings, services: Services, tenant: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "TURN_S", 4.0)
    monkeypatch.setattr(kept, "TURN_S", 4.0)
    slow, keys = endless_scans(2000), [create_key(services.keys, tenant=f"{tenant}-{n}", name="slow") for n in range(6)]
    with (
        served(settings.model_copy(update={"ingest_cpu_s": 3.0, "ingest_at_once": 1}), key=key) as client,
        ThreadPoolExecutor(2 * THREADS_OF_THE_FRAMEWORK) as crowd,
    ):

        def bring(n: int) -> httpx.Response:
            headers = {"Authorization": f"Bearer {keys[n % len(keys)]}"}
            return httpx.post(client.base_url.join("/v1/uploads"), files={"file": slow}, headers=headers, timeout=60)

        assert client.post("/v1/uploads", files={"file": photograph_bytes()}).status_code == 201
        brought = [crowd.submit(bring, n) for n in range(2 * THREADS_OF_THE_FRAMEWORK)]
        time.sleep(0.5)
        for path in ("/livez", "/v1/jobs", "/readyz", "/v1/capabilities"):
            assert client.get(path).status_code == 200
        assert not any(one.done() for one in brought), "who asked was answered only after one of them"
        wait(brought)
        answers = [one.result() for one in brought]
        assert {answer.status_code for answer in answers} <= {422, 503}
        for answer in answers:
            if answer.status_code == 503:
                assert_problem(answer, 503, "ingest_unavailable")
        assert client.post("/v1/uploads", files={"file": photograph_bytes()}).status_code == 201
