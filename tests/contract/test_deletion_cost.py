"""The sidecar that tells Kubernetes which workers paint: the program itself, between a worker and an API server.

The API server is the cluster's, no part of ours; a server on loopback with TLS stands for it.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

import pytest
from prometheus_client import generate_latest

from service.metrics import Metrics
from tests.receiver import Asked, Receiver, Send, answer, receiving
from tests.tls import certificates

PROGRAM = Path(__file__).parents[2] / "deploy/deletion_cost.py"
ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
PATIENCE_S = 20


def shown(*, busy: bool) -> str:
    """Write what a worker shows."""
    metrics = Metrics()
    metrics.busy.set(busy)
    return generate_latest(metrics.registry).decode()


PAINTING, RESTING = shown(busy=True), shown(busy=False)


@dataclass
class World:
    """What the worker says of itself and the server answers, and what both were asked."""

    account: Path
    metrics: str = RESTING
    status: int = 200
    looks: Queue[Asked] = field(default_factory=Queue)
    patches: Queue[Asked] = field(default_factory=Queue)

    def look(self, asked: Asked, send: Send) -> None:
        send(answer(body=self.metrics.encode()) if self.metrics else answer(503))
        self.looks.put(asked)

    def patch(self, asked: Asked, send: Send) -> None:
        send(answer(self.status, b"{}"))
        self.patches.put(asked)

    def told(self) -> str:
        """Wait until a cost is told, and return it."""
        patch = json.loads(self.patches.get(timeout=PATIENCE_S).body)
        assert list(patch["metadata"]["annotations"]) == [ANNOTATION]
        return str(patch["metadata"]["annotations"][ANNOTATION])

    def nothing_told_for(self, looks: int) -> None:
        """Wait until the worker has been asked so many times more; what came of the last may still be under way."""
        while not self.looks.empty():
            self.looks.get()
        for _ in range(looks):
            self.looks.get(timeout=PATIENCE_S)
        with pytest.raises(Empty):
            self.patches.get_nowait()


@contextmanager
def cluster(world: World, folder: Path) -> Iterator[tuple[Receiver, Receiver]]:
    made = certificates(folder / "tls")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.server, made.key)
    world.account.mkdir()
    (world.account / "ca.crt").write_bytes(made.ca.read_bytes())
    (world.account / "token").write_text("first-token\n")
    (world.account / "namespace").write_text("pictures")
    with receiving(world.patch, tls=tls) as server, receiving(world.look) as worker:
        yield server, worker


@contextmanager
def sidecar(server: Receiver, worker: Receiver, account: Path, *, rest_s: float = 0) -> Iterator[subprocess.Popen[str]]:
    known = {
        "PATH": os.environ["PATH"],
        "https_proxy": "http://127.0.0.1:9",  # whoever asked it would get nowhere
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(server.port),
        "POD_NAME": "impasto-worker-7d9c-x2x4q",
        "IMPASTO_WATCH_PORT": str(worker.port),
    }
    program = [sys.executable, str(PROGRAM), "--every", "0.02", "--rest", str(rest_s), "--account", str(account)]
    with subprocess.Popen(program, env=known, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "account")


@pytest.fixture
def ends(world: World, tmp_path: Path) -> Iterator[tuple[Receiver, Receiver]]:
    """The API server and the worker."""
    with cluster(world, tmp_path) as both:
        yield both


def test_a_worker_that_paints_costs_more_than_one_that_rests(world: World, ends: tuple[Receiver, Receiver]) -> None:
    with sidecar(*ends, world.account):
        assert world.told() == "0"
        world.metrics = PAINTING
        assert world.told() == "1"
        world.metrics = RESTING
        assert world.told() == "0"


def test_it_patches_its_own_pod_and_says_who_it_is(world: World, ends: tuple[Receiver, Receiver]) -> None:
    with sidecar(*ends, world.account):
        asked = world.patches.get(timeout=PATIENCE_S)
    assert (asked.method, asked.path) == ("PATCH", "/api/v1/namespaces/pictures/pods/impasto-worker-7d9c-x2x4q")
    assert asked.headers["authorization"] == "Bearer first-token"
    assert asked.headers["content-type"] == "application/merge-patch+json"


def test_what_stays_as_it_is_is_told_once(world: World, ends: tuple[Receiver, Receiver]) -> None:
    world.metrics = PAINTING
    with sidecar(*ends, world.account):
        assert world.told() == "1"
        world.nothing_told_for(looks=10)


def test_a_moment_between_two_jobs_is_not_told(world: World, ends: tuple[Receiver, Receiver]) -> None:
    world.metrics = PAINTING
    with sidecar(*ends, world.account, rest_s=3600):
        assert world.told() == "1"
        world.metrics = RESTING
        world.nothing_told_for(looks=5)


@pytest.mark.parametrize("metrics", ["", "impasto_iterations_total 7.0\n", "impasto_busy NaN\n"])
def test_of_a_worker_that_says_nothing_nothing_is_told(
    world: World, ends: tuple[Receiver, Receiver], metrics: str
) -> None:
    world.metrics = metrics
    with sidecar(*ends, world.account):
        world.nothing_told_for(looks=5)
        world.metrics = PAINTING
        assert world.told() == "1"
        world.metrics = metrics
        world.nothing_told_for(looks=5)


def test_a_worker_that_is_not_there_yet_is_waited_for(world: World, tmp_path: Path) -> None:
    with receiving(world.look) as gone:
        pass
    with (
        cluster(world, tmp_path) as (server, _),
        sidecar(server, gone, world.account) as process,
        pytest.raises(subprocess.TimeoutExpired),
    ):
        process.wait(0.5)
    assert world.patches.empty()


def test_what_was_refused_is_told_again_with_the_token_of_then(world: World, ends: tuple[Receiver, Receiver]) -> None:
    world.status = 403
    with sidecar(*ends, world.account) as process:
        assert world.patches.get(timeout=PATIENCE_S).headers["authorization"] == "Bearer first-token"
        (world.account / "token").write_text("second-token\n")
        while world.patches.get(timeout=PATIENCE_S).headers["authorization"] != "Bearer second-token":
            pass
        world.status = 200
        assert process.stdout is not None
        said = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert said == [
        {"event": "deletion_cost_not_told", "detail": "Refused: The API server answered 403 X."},
        {"event": "deletion_cost", "cost": 0},
    ]


def test_a_server_that_it_does_not_trust_is_not_given_the_token(world: World, tmp_path: Path) -> None:
    other = certificates(tmp_path / "other")
    with cluster(world, tmp_path) as ends:
        (world.account / "ca.crt").write_bytes(other.ca.read_bytes())
        with sidecar(*ends, world.account) as process:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
    assert said["event"] == "deletion_cost_not_told"
    assert "CERTIFICATE_VERIFY_FAILED" in said["detail"]
    assert world.patches.empty()


def test_it_leaves_at_once_when_it_is_told_to(world: World, ends: tuple[Receiver, Receiver]) -> None:
    with sidecar(*ends, world.account) as process:
        world.told()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
