from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from service.keys import create_key
from service.settings import Settings
from service.wiring import Services
from tests.served import served


@pytest.fixture
def key(services: Services, tenant: str) -> str:
    """A key of the test's own tenant."""
    return create_key(services.keys, tenant=tenant, name="test")


@pytest.fixture
def client(settings: Settings, key: str) -> Iterator[httpx.Client]:
    """A client of the API, which is served over HTTP."""
    with served(settings, key=key) as client:
        yield client
