"""The Celery application of a worker: one parent that never imports torch, one child that paints."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from celery import signals

from service.errors import Unavailable
from service.log import configure_logging, log
from service.metrics import shared_between_processes
from service.pace import Device
from service.stores.presence import BEAT_S
from service.stores.queue import celery_app
from service.watch import watched
from service.wiring import open_services
from workers.lease import STUCK
from workers.liveness import LastSeen, live, poll_step, ready
from workers.tasks import open_once, register

if TYPE_CHECKING:
    from celery import Celery

    from service.settings import Settings
    from workers.condition import Condition

LAST_RESORT_S = 120
"""Beyond the longest run: then the parent kills a child that not even its own heartbeat could end."""

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""


def make_celery(settings: Settings, condition: Condition, last_seen: LastSeen) -> Celery:
    """Build a worker's application."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    app = bare_celery(settings)
    app.steps["consumer"].add(poll_step(last_seen))
    register(app, settings, condition, worker=name)
    _follow_signals(settings, condition, last_seen, name=name)
    return app


def bare_celery(settings: Settings) -> Celery:
    """Build a worker's application without its task.

    The pool is prefork with one child, which keeps its network from job to job; a device has one worker.
    """
    app = celery_app(settings)
    app.conf.update(
        worker_pool="prefork",
        worker_concurrency=1,
        worker_max_tasks_per_child=None,
        task_time_limit=settings.run_max_s + LAST_RESORT_S,
        worker_proc_alive_timeout=120.0,  # seconds: importing torch from a cold disk takes many
        worker_cancel_long_running_tasks_on_connection_loss=False,  # the lease decides that
    )
    return app


def run_worker(settings: Settings, condition: Condition) -> int:
    """Work until SIGTERM, which hands the running job over to another worker.

    Returns:
        The exit code: not 0 when the device failed again and again.
    """
    last_seen = LastSeen()
    with ExitStack() as open_until_the_end:
        if settings.watch_port is not None:
            numbers = open_until_the_end.enter_context(TemporaryDirectory(prefix="impasto-metrics-"))
            registry = shared_between_processes(Path(numbers))
            checks = {"live": live(condition, last_seen), "ready": ready(condition, last_seen)}
            open_until_the_end.enter_context(watched(settings, registry, **checks))
        code = consume(make_celery(settings, condition, last_seen))
    return STUCK if condition.unfit else code


def consume(app: Celery) -> int:
    """Hear rings until SIGTERM; return the exit code."""
    worker = app.Worker(
        hostname=f"impasto@{socket.gethostname()}-{os.getpid()}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel="WARNING",
    )
    worker.start()
    return int(worker.exitcode or 0)


def _follow_signals(settings: Settings, condition: Condition, last_seen: LastSeen, *, name: str) -> None:
    parent, leaving = os.getpid(), threading.Event()

    @signals.setup_logging.connect(weak=False)
    def _log(**_: object) -> None:
        configure_logging(settings)

    @signals.worker_process_init.connect(weak=False)
    def _in_child(**_: object) -> None:
        _die_with(parent)
        _warm_up(settings, condition)

    @signals.worker_process_shutdown.connect(weak=False)
    def _child_leaves(**_: object) -> None:
        open_once(settings).traces.close()

    @signals.worker_ready.connect(weak=False)
    def _ready(**_: object) -> None:
        log().info("worker_ready", worker=name)
        present = (settings, condition, last_seen, name, leaving)
        threading.Thread(target=_say_present, args=present, daemon=True).start()

    @signals.worker_shutting_down.connect(weak=False)
    def _leaving(**_: object) -> None:
        condition.drain()
        leaving.set()


def _die_with(parent: int) -> None:
    """Let this child be killed when its parent is: it must not stay on the device alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _warm_up(settings: Settings, condition: Condition) -> None:
    """Import the painter, look at the device and open the connections before the first job waits for them."""
    from workers.painter import device  # noqa: PLC0415 - the parent must never import torch

    device.configure(settings.torch_threads, settings.paint_memory_bytes, settings.precision)
    chosen = device.choose()
    condition.announce(Device(device.name(chosen), device.memory_bytes(chosen), device.precision(chosen).itemsize))
    condition.rest()
    metrics = open_once(settings).metrics
    metrics.busy.set(0)
    metrics.device_memory.set(device.memory_bytes(chosen))


def _say_present(
    settings: Settings, condition: Condition, last_seen: LastSeen, name: str, leaving: threading.Event
) -> None:
    with open_services(settings) as services:
        while True:
            if condition.unfit and not condition.draining:
                log().error("worker_unfit", worker=name)
                os.kill(os.getpid(), signal.SIGTERM)
            try:
                services.presence.beat("worker", name, condition.device)
                last_seen.redis = time.monotonic()
                if leaving.wait(BEAT_S):
                    services.presence.leave("worker", name)
                    return
            except Unavailable:
                if leaving.wait(BEAT_S):
                    return
