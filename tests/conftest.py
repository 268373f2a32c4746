from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # side by side, one thread each is faster than all for each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("IMPASTO_TORCH_THREADS", "1")

import hypothesis
import pytest
from pytest_socket import disable_socket, enable_socket

from service.embedded.running import RunningStack
from service.settings import Settings
from service.wiring import Services, open_services
from tests.e2e.up_process import Up, started
from tests.eternal import without_ttl
from tests.images import photograph_bytes
from tests.servers import Servers, running_servers
from workers.painter import weights

# A busy machine is slow, not wrong.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


LONGEST = {"browser", "chaos", "e2e", "golden", "test_fuzz.py"}
"""Folders and files whose tests take longest."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: begun last, it would keep one process busy while the other has nothing to do."""
    items.sort(key=lambda item: LONGEST.isdisjoint(item.path.parts))


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    unit = Path(__file__).parent / "unit"
    if unit in request.path.parents:
        disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _weights(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("weights") and weights.in_use("vgg16") is None:
        if os.environ.get("CI"):
            pytest.fail("the weights of VGG-16 are missing: impasto weights pull vgg16")
        pytest.skip("the weights of VGG-16 are not here: impasto weights pull vgg16")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A real Redis and a real S3, for the whole run."""
    with running_servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture
def settings(servers: Servers) -> Settings:
    """Settings of a world of its own: no test sees another's keys, and no keeper sweeps another's objects."""
    own = f"t{uuid.uuid4().hex[:8]}"
    return servers.settings.model_copy(update={"redis_prefix": f"{own}:", "s3_prefix": f"{own}/"})


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Open services; afterwards no key may be without a TTL that the documented list does not name."""
    with open_services(settings) as services:
        yield services
    leaked = list(without_ttl(settings))
    assert leaked == []


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test uses; the bucket is shared."""
    return f"tenant-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def photograph() -> bytes:
    """A small PNG file."""
    return photograph_bytes()


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One `impasto up` for the whole run, ready to take jobs. Who kills parts of it for good starts one of his own."""
    with started(tmp_path_factory.mktemp("up") / "data") as up:
        up.ready()
        yield up


@pytest.fixture
def stack(up: Up) -> RunningStack:
    """What that stack says of itself now."""
    return up.ready()
