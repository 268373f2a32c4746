from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.up_process import Up, started


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One `impasto up` for the whole run, ready to take jobs. Who kills parts of it starts one of his own."""
    with started(tmp_path_factory.mktemp("up") / "data") as up:
        up.ready()
        yield up
