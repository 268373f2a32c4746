"""The short form of `make chaos`: the faults that take seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos import messages, scenarios
from tests.chaos.__main__ import kept
from tests.chaos.verdict import Row
from tests.chaos.world import World

pytestmark = [pytest.mark.servers, pytest.mark.weights, pytest.mark.timeout(300)]

SHORT = (
    scenarios.worker_killed,
    scenarios.redis_killed,
    scenarios.storage_refuses,
    messages.messages_lost,
    messages.api_killed_after_the_ring,
)


@pytest.mark.parametrize("scenario", SHORT, ids=lambda scenario: scenario.__name__)
def test_a_fault_loses_nothing_and_doubles_nothing(world: World, scenario: Callable[[World], Row]) -> None:
    world.at_work()
    row = scenario(world)
    assert kept(row, lease_ttl_s=world.lease_ttl_s), row
