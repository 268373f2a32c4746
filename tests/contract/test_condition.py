"""What a worker's parent and child know of each other, across processes and crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from service.errors import JobStoreUnavailable
from service.settings import Settings
from workers.condition import FAILURES_MAX, Condition
from workers.lease import STUCK


def in_child(what: Callable[[], object]) -> None:
    """Do something in a forked process, as Celery's pool makes them."""
    child = os.fork()
    if child == 0:
        what()
        os._exit(0)
    os.waitpid(child, 0)


def die_painting(condition: Condition) -> None:
    with condition.attempt():
        os.kill(os.getpid(), signal.SIGKILL)


def paint_well(condition: Condition) -> None:
    with condition.attempt() as attempt:
        attempt.well = True


def test_children_that_die_again_and_again_make_a_worker_unfit() -> None:
    condition = Condition()
    for _ in range(FAILURES_MAX):
        assert not condition.unfit
        in_child(lambda: die_painting(condition))
    assert condition.unfit


def test_one_picture_makes_up_for_all_failures_before_it() -> None:
    condition = Condition()
    for _ in range(FAILURES_MAX - 1):
        in_child(lambda: die_painting(condition))
    in_child(lambda: paint_well(condition))
    in_child(lambda: die_painting(condition))
    assert not condition.unfit


def test_a_store_that_is_away_is_not_the_devices_fault() -> None:
    condition = Condition()
    for _ in range(FAILURES_MAX):
        with pytest.raises(JobStoreUnavailable), condition.attempt():
            raise JobStoreUnavailable("away")
    assert not condition.unfit


def test_a_child_hears_that_it_is_to_stop() -> None:
    condition = Condition()
    condition.drain()
    in_child(lambda: condition.draining or os._exit(1))
    assert condition.draining


@pytest.mark.servers
def test_an_unfit_worker_leaves_by_itself_and_says_so_by_its_exit_code(settings: Settings) -> None:
    program = """
from service.log import configure_logging
from service.settings import read_settings
from workers.app import run_worker
from workers.condition import FAILURES_MAX, Condition
condition, settings = Condition(), read_settings()
configure_logging(settings)
for _ in range(FAILURES_MAX):
    with condition.attempt():
        pass
raise SystemExit(run_worker(settings, condition))
"""
    environment = {
        "IMPASTO_REDIS_URL": settings.redis_url.get_secret_value(),
        "IMPASTO_REDIS_PREFIX": settings.redis_prefix,
        "IMPASTO_S3_ENDPOINT": settings.s3_endpoint or "",
    }
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == STUCK, run.stderr
    assert "worker_unfit" in run.stderr
