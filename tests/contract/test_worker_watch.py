"""What a real worker answers to whoever watches over it, and what its two processes count together."""

from __future__ import annotations

import base64
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from service.job import JobState
from service.settings import Settings
from service.spec import parse_spec
from service.submit import submit
from service.wiring import Services
from tests.chaos.gate import Gate
from tests.chaos.parts import Program, impasto
from tests.contract.test_stopping import hears_sigterm
from tests.images import photograph_bytes
from tests.jobs import claimed, submitted
from tests.watching import samples, value
from workers import liveness
from workers.condition import Condition
from workers.lease import Signs, hold
from workers.liveness import LastSeen

pytestmark = [pytest.mark.servers, pytest.mark.weights]

ROOT = Path(__file__).parents[2]
IMAGE = {"data": base64.b64encode(photograph_bytes()).decode()}
QUICK = {"options": {"size": 64, "iterations": 3}}
SOON_DEAF = "import workers.liveness as l, service.cli as c; l.DEAF_S = 6.0; c.main()"


def until(what: Callable[[], object], *, seconds: float = 120) -> None:
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, "it did not come to that"
        time.sleep(0.1)


def status(url: str, path: str) -> int | None:
    """Ask; None while nobody answers yet."""
    try:
        return httpx.get(url + path).status_code
    except httpx.TransportError:
        return None


@pytest.fixture
def watched_settings(settings: Settings) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return settings.model_copy(update={"watch_port": port, "torch_threads": 1})


@pytest.fixture
def worker(watched_settings: Settings, tmp_path: Path) -> Iterator[Program]:
    program = impasto("worker", watched_settings, directory=ROOT, log=tmp_path / "worker.log")
    program.start()
    yield program
    program.kill()


def test_a_worker_is_ready_once_it_can_paint_and_counts_what_its_child_does(
    worker: Program, watched_settings: Settings, services: Services, tenant: str
) -> None:
    url = f"http://127.0.0.1:{watched_settings.watch_port}"
    seen = set[int | None]()

    def ready() -> bool:
        seen.add(status(url, "/readyz"))
        return 200 in seen

    until(ready)
    assert 503 in seen, "while torch is imported no jobs may come"
    assert status(url, "/livez") == 200
    spec = parse_spec({"kind": "transfer", "content": IMAGE, "styles": [{"image": IMAGE}]} | QUICK)
    job = submit(spec, tenant=tenant, services=services).job
    until(lambda: services.jobs.get(tenant, job.id).state is JobState.SUCCEEDED)
    until(lambda: value(samples(url), "attempts_total", outcome="succeeded") == 1)
    found = samples(url)
    assert value(found, "iterations_total") >= 4
    assert value(found, "queue_seconds_count") == 1
    assert value(found, "run_seconds_count", size="64") == 1
    assert value(found, "busy") == 0
    assert value(found, "device_memory_bytes") > value(found, "device_memory_peak_bytes") > 10**8
    worker.kill_child()
    until(lambda: value(samples(url), "attempts_total", outcome="succeeded") == 1, seconds=1)


def test_a_worker_that_no_longer_hears_the_queue_is_found_out(
    watched_settings: Settings, services: Services, tmp_path: Path
) -> None:
    """Its connection to the queue is held up, and all others stay: what no error tells."""
    target = services.settings.redis_url.get_secret_value()
    port = int(target.rpartition(":")[2].split("/")[0])
    with Gate("127.0.0.1", port) as gate:
        through = type(watched_settings.redis_url)(target.replace(f":{port}/", f":{gate.port}/"))
        own = watched_settings.model_copy(update={"redis_url": through})
        made = impasto("worker", own, directory=ROOT, log=tmp_path / "worker.log")
        program = Program(
            (sys.executable, "-c", SOON_DEAF, "worker"),
            directory=ROOT,
            environment=made._environment,
            log=tmp_path / "worker.log",
        )
        program.start()
        try:
            url = f"http://127.0.0.1:{own.watch_port}"
            until(lambda: status(url, "/readyz") == 200)
            time.sleep(7)
            assert status(url, "/livez") == 200, "an idle worker hears that there is nothing"
            gate.swallow(b"BRPOP")
            until(lambda: status(url, "/livez") == 503, seconds=30)
            assert "queue" in httpx.get(f"{url}/livez").json()["why"]
        finally:
            program.kill()


def test_a_worker_that_is_told_to_stop_while_it_starts_leaves_in_peace(worker: Program) -> None:
    until(lambda: hears_sigterm(worker.pid))
    worker.signal(signal.SIGTERM)
    assert worker.wait(30) == 0


@pytest.mark.parametrize(
    ("silent_s", "says"), [(1.0, None), (200.0, "the job in hand has shown no sign of life for 200 s")]
)
def test_a_job_that_hangs_is_found_out(silent_s: float, says: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    condition, last_seen = Condition(), LastSeen()
    with condition.attempt() as attempt:
        attempt.well = True
        began = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: began + silent_s)
        assert liveness.live(condition, last_seen)["job"]() == says
    assert liveness.live(condition, last_seen)["job"]() is None


def test_a_painting_that_hangs_while_its_heart_beats_is_found_out(
    services: Services, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    condition, last_seen = Condition(), LastSeen()
    submitted(services, tenant)
    mine, job = claimed(services), liveness.live(condition, last_seen)["job"]
    monkeypatch.setattr(liveness, "STANDING_S", 1.5)
    signs = Signs(condition.beat, step=condition.step)
    with (
        condition.attempt() as attempt,
        hold(mine, claims=services.claims, ttl_s=15.0, asked=time.monotonic(), signs=signs) as lease,
    ):
        attempt.well = True
        for _ in range(4):
            time.sleep(0.5)
            lease.note({"fraction": 0.1})
        assert job() is None
        until(lambda: job() == "the job in hand has not gone on for 2 s", seconds=5)


def test_nobody_is_blamed_for_a_silent_queue_while_it_paints_or_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    condition, last_seen = Condition(), LastSeen()
    queue = liveness.live(condition, last_seen)["queue"]
    later = time.monotonic() + 1000
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert queue() is None, "Redis was never there"
    last_seen.redis = later - 1
    assert queue() == "the queue has not answered for 1000 s, though Redis is there"
    with condition.attempt() as attempt:
        attempt.well = True
        assert queue() is None
    assert queue() is None, "it has just been busy"


def test_a_worker_that_is_to_stop_or_whose_device_fails_gets_no_jobs() -> None:
    condition, last_seen = Condition(), LastSeen()
    ready = liveness.ready(condition, last_seen)
    assert ready["weights"]() is None
    assert ready["device"]() == "the painter is not loaded yet"
    assert ready["draining"]() is None
    condition.drain()
    assert ready["draining"]() == "it is to stop"
    for _ in range(5):
        with condition.attempt():
            pass
    assert ready["device"]() == "its device has failed again and again"
    assert ready["redis"]() == "it has not reached Redis yet"
