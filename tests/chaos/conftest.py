from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.world import World
from tests.chaos.world import world as running_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One stack under fire for the whole run, with a short lease."""
    with running_world(tmp_path_factory.mktemp("chaos") / "data", lease_ttl_s=8.0) as world:
        yield world
