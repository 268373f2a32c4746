"""The one task: a ring of the doorbell makes a worker look for a job."""

from __future__ import annotations

import os
from functools import cache, partial
from typing import TYPE_CHECKING

from service.errors import DeviceFailed
from service.render import render_next
from service.stores.queue import RENDER_TASK
from service.wiring import Services, open_services
from workers.lease import STUCK, Signs, hold

if TYPE_CHECKING:
    from celery import Celery

    from service.settings import Settings
    from workers.condition import Condition


@cache
def open_once(settings: Settings) -> Services:
    """Open the services of this process: each child has its own connections."""
    return open_services(settings)


def register(app: Celery, settings: Settings, condition: Condition, *, worker: str) -> None:
    """Give the application its task."""

    @app.task(name=RENDER_TASK)
    def render() -> None:
        if condition.draining:  # the ring is lost; the keeper rings again
            return
        from workers.painter.device import give_back_memory, peak_bytes  # noqa: PLC0415 - as below
        from workers.painter.paint import paint  # noqa: PLC0415 - the parent must never import torch

        services = open_once(settings)
        metrics = services.metrics
        held = partial(
            hold,
            claims=services.claims,
            ttl_s=settings.lease_ttl_s,
            draining=lambda: condition.draining,
            signs=Signs(condition.beat, metrics.renewals_failed.inc, condition.step),
        )
        with condition.attempt() as attempt, metrics.at_work():
            rendered = render_next(services=services, paint=paint, hold=held, worker=worker)
            attempt.well = rendered is None or not isinstance(rendered.error, DeviceFailed)
        if not attempt.well:
            services.traces.close()
            os._exit(STUCK)  # what CUDA complains of once it complains of for ever, in this process
        metrics.device_memory_peak.set(peak_bytes())
        give_back_memory()
